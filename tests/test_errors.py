"""An unknown name is refused with those that are known."""

import pytest

from fer_utils.errors import FerError, one_of


def test_a_known_value_is_given_back():
    assert one_of("b", iter("abc"), "letter") == "b"


@pytest.mark.parametrize(
    "value, hint", [("focl", r" \(did you mean 'focal'\?\)"), ("mse", ""), (3, "")]
)
def test_an_unknown_one_lists_all_and_the_most_similar(value, hint):
    message = f"^unknown loss {value!r}{hint}; choose one of: cross_entropy, focal$"
    with pytest.raises(FerError, match=message):
        one_of(value, ("cross_entropy", "focal"), "loss")
