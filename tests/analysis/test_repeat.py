"""A run computed again: equal, or inside or outside what a further seed would give."""

import pytest

from fer_utils.analysis.repeat import Repeated

INTERVAL = {"low": 0.55, "high": 0.65, "seeds": 5}


def test_what_is_said_of_a_repeated_run():
    same = Repeated("a", True, 0.6, 0.6, differs=[], **INTERVAL)
    assert str(same) == "a: equal bit for bit" and same.is_expected
    near = Repeated("a", False, 0.6, 0.61, differs=["torch 3.0"], **INTERVAL)
    assert near.is_expected
    assert str(near) == (
        "a: 60.00 % before, 61.00 % now (+1.00 points), inside what a further seed is expected to "
        "give (55.0 to 65.0 %, n = 5); not as before: torch 3.0"
    )
    far = Repeated("a", False, 0.6, 0.7, differs=[], **INTERVAL)
    assert not far.is_expected and "+10.00 points), outside what" in str(far)


@pytest.mark.parametrize("again", [0.1, 0.6])
def test_of_a_single_seed_nothing_is_expected(again):
    alone = Repeated("a", False, 0.6, again, None, None, 1, [])
    assert alone.is_expected and "there is one seed, which gives no interval" in str(alone)
