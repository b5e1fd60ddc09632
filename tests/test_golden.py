"""What the committed study gives is what it gave: ids, numbers, tables, evidence."""

import json

import pandas as pd
import pytest
from golden.build import COMMITTED, HERE, difference, golden, runs, texts

from fer_utils import paths
from fer_utils.analysis import label_errors
from fer_utils.experiments.results import Results
from fer_utils.reporting import contents, figures
from fer_utils.training.experiment import Experiment

REWRITE = "if that is meant: python tests/golden/build.py"
EVIDENCE = sorted(path.stem for path in (COMMITTED / "evidence").glob("*.csv"))
FROM_DATA = ["name", "split"]  # of suspects.csv: columns that the data set alone can tell


def written(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def test_every_committed_run_still_has_its_id():
    """A changed default or hash would compute all of them anew, and report none."""
    ids = {}
    for run in runs():
        config = json.loads((COMMITTED / "runs" / run / "config.json").read_text())
        ids[run] = Experiment(**config["experiment"]).id
    assert {run: id for run, id in ids.items() if id != run} == {}
    assert list(ids) == written("runs.txt").splitlines() and len(ids) == 206


@pytest.mark.parametrize("name", golden())
def test_the_report_is_its_golden_copy(built, name):
    different = difference(written(name), texts(built).get(name, ""))
    assert not different, f"{name} has changed; {REWRITE}\n{different}"


def test_there_is_a_golden_copy_of_all_that_is_generated(built):
    assert golden() == sorted(texts(built)), REWRITE


@pytest.mark.parametrize("name", EVIDENCE)
def test_the_committed_evidence_is_what_the_runs_say(built, name):
    committed, computed = (COMMITTED / "evidence" / f"{name}.csv", built.evidence / f"{name}.csv")
    expected = committed.read_text(encoding="utf-8")
    if name == "suspects":
        table = pd.read_csv(committed, dtype=str, keep_default_na=False)
        assert list(table)[-2:] == FROM_DATA
        expected = table.drop(columns=FROM_DATA).to_csv(index=False)
    different = difference(expected, computed.read_text(encoding="utf-8"), rounding=True)
    assert not different, f"{committed} has changed; what writes it: fer_utils report\n{different}"


def test_all_evidence_is_committed(built):
    assert sorted(built.frames) == EVIDENCE
    assert sorted(path.stem for path in built.evidence.glob("*.csv")) == EVIDENCE


def test_building_the_report_changes_nothing_in_the_checkout(built):
    """`built` reads the committed runs through links: no file of this build lies behind one."""
    home = built.results.folder
    links = {path.name for path in home.iterdir() if path.is_symlink()}
    assert (
        links == {"runs", "studies", "audit", "best", "labels"}
        and not (home / "evidence").is_symlink()
    )
    generated = paths.REPORT / "generated"
    assert not built.generated.is_relative_to(generated) and not home.is_relative_to(COMMITTED)


@pytest.mark.real
def test_with_the_data_set_suspects_have_names_and_figures_have_faces(built, fer2013, monkeypatch):
    if set(built.study.runs["digest"]) != {fer2013.digest}:
        pytest.skip("this copy of FER2013 is another one than the committed runs were made from")
    found = label_errors.find(built.study.select(task="multiclass"), fer2013)
    expected = (COMMITTED / "evidence" / "suspects.csv").read_text(encoding="utf-8")
    assert not difference(expected, found.to_csv(index=False, float_format="%.6g"), rounding=True)
    monkeypatch.setattr(Results, "faces", lambda self: fer2013)
    drawn = contents.make_figures(built.results, built.study, built.frames)
    assert set(drawn) - set(built.figures) == {
        *("faces", "wrong", "copies", "suspects", "tricky", "best_tricky")
    }
    for figure in drawn.values():
        figures.plt.close(figure)


@pytest.mark.parametrize(
    "expected, found, same",
    [
        ("a,0.123456", "a,0.123457", True),
        ("a,0.123456", "a,0.12349", False),
        ("a,-8.36079e-05", "a,-8.36081e-05", True),
        ("a,35887", "a,35888", False),
        ("b,0.5", "a,0.5", False),
        ("a,0.5", "a,-0.5", False),
        ("a,0.5,0.6", "a,0.6,0.5", False),
        ("a,0.5\nb,1", "a,0.5", False),
        ("resnet18,1", "resnet18,0.999999", True),
    ],
)
def test_what_counts_as_the_same(expected, found, same):
    assert (difference(expected, found, rounding=True) == "") == same
    assert (difference(expected, found) == "") == (expected == found)


def test_a_difference_shows_both_lines():
    text = difference("same\nold 1\nsame", "same\nnew 2\nsame")
    assert "-old 1" in text and "+new 2" in text and "same" not in text
