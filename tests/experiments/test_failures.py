"""What is said of runs that failed."""

import pytest

from fer_utils.errors import FerError
from fer_utils.experiments.failures import Failures, reason


def test_nothing_is_raised_where_nothing_failed():
    failures = Failures(3)
    failures.report()
    assert len(failures) == 0


def test_every_reason_is_named_and_only_the_unforeseen_leave_a_traceback(capsys):
    failures = Failures(3)
    failures.add("run-a", FerError("no class 'joy'"))
    assert "Traceback" not in capsys.readouterr().err
    try:
        raise ValueError("shapes differ\nin many lines")
    except ValueError as error:
        failures.add("run-b", error)
    said = capsys.readouterr().err
    assert "Traceback" in said and said.endswith("failed: run-b: ValueError: shapes differ\n")
    expected = (
        "2 of 3 runs failed, the others are finished: "
        "run-a: no class 'joy' · run-b: ValueError: shapes differ"
    )
    with pytest.raises(FerError) as raised:
        failures.report()
    assert str(raised.value) == expected


def test_an_error_without_a_message_has_its_type():
    assert reason(MemoryError()) == "MemoryError: "
