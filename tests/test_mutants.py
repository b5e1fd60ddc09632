"""The mutants fit the code, so that tests/mutants/run.py says something about the tests."""

import pytest
from mutants import faults
from mutants import run as runner

from fer_utils import paths


@pytest.mark.parametrize("mutant", faults.MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_can_be_planted(mutant):
    path, text = runner.planted(mutant, paths.CHECKOUT)
    compile(text, path, "exec")
    assert text != path.read_text(encoding="utf-8")
    for test in runner.located(mutant.tests, paths.CHECKOUT):
        file, _, name = test.partition("::")
        assert f"def {name}" in (paths.CHECKOUT / file).read_text(encoding="utf-8")


def test_names_are_unique():
    names = [mutant.name for mutant in faults.MUTANTS]
    assert len(names) == len(set(names)) and len(faults.REPORTING) == 21


@pytest.mark.parametrize(
    "file, old, complaint",
    [
        ("loop.py", "rate = 1", "loop.py stands 0 times under fer_utils/"),
        ("step.py", "rate = 2", "'rate = 2' stands 0 times in step.py, not once"),
        ("step.py", "rate", "'rate' stands 2 times in step.py, not once"),
    ],
)
def test_a_mutant_that_no_longer_applies_is_named(tmp_path, file, old, complaint):
    (tmp_path / "fer_utils" / "training").mkdir(parents=True)
    (tmp_path / "fer_utils" / "training" / "step.py").write_text("rate = 1\nprint(rate)\n")
    with pytest.raises(runner.Stale, match=complaint):
        runner.planted(faults.Mutant("a", file, old, "", ()), tmp_path)
