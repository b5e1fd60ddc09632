"""The files in labels/: computed where there are votes, read where there are none."""

import os
import re
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from golden.build import COMMITTED, difference, mirror

from fer_utils.analysis import evidence_files, label_evidence
from fer_utils.analysis.evidence_files import Basis
from fer_utils.data import ferplus
from fer_utils.experiments.results import open_results


@pytest.fixture
def results(store, tmp_path, monkeypatch):
    """Results of one run, whose data set has votes, and whose pages say how often they were made"""
    (store.folder / ferplus.FILE).write_text("votes\n")
    run = pd.DataFrame({"run": ["a"], "digest": [store.digest]})
    fake = SimpleNamespace(folder=tmp_path / "results" / "drawn", runs=run, faces=lambda: store)
    bases = {name: Basis(store.digest, ["a"], "first") for name in label_evidence.OF_RUNS}
    monkeypatch.setattr(evidence_files, "bases", lambda *of: dict(bases))
    monkeypatch.setattr(ferplus, "of", lambda faces: None)
    made = []

    def frames(*of):
        made.append(of)
        page = pd.DataFrame({"times": [len(made)]})
        return dict.fromkeys((*label_evidence.OF_PEOPLE, *label_evidence.OF_RUNS), page)

    monkeypatch.setattr(label_evidence, "frames", frames)
    fake.bases = bases
    return fake


def times(results) -> int:
    return label_evidence.read(results)["answers"]["times"].item()


def test_pages_are_made_once(results):
    label_evidence.bring_up_to_date(results)
    label_evidence.bring_up_to_date(results)
    assert times(results) == 1
    recorded = evidence_files.recorded(results.folder / label_evidence.FOLDER)
    assert recorded["answers"].runs == ["a"] and recorded["agreement"].runs == []


@pytest.mark.parametrize("change", ["votes", "runs", "audit", "file"])
def test_pages_are_made_anew_where_something_has_changed(results, store, change):
    label_evidence.bring_up_to_date(results)
    if change == "votes":
        (store.folder / ferplus.FILE).write_text("other votes\n")
    elif change == "runs":
        results.bases["answers"] = Basis(store.digest, ["a", "b"], "second")
    elif change == "audit":
        (results.folder / "audit").mkdir()
        (results.folder / "audit" / "near.csv").write_text("row\n")
    else:
        (results.folder / "labels" / "copies.csv").unlink()
    label_evidence.bring_up_to_date(results)
    assert times(results) == 2


def test_without_votes_pages_stay_and_this_is_said_where_they_are_of_other_runs(
    results, store, capsys
):
    label_evidence.bring_up_to_date(results)
    (store.folder / ferplus.FILE).unlink()
    label_evidence.bring_up_to_date(results)
    assert capsys.readouterr().out == ""
    results.bases["answers"] = Basis(store.digest, ["a", "b"], "second")
    label_evidence.bring_up_to_date(results)
    assert times(results) == 1
    assert re.search(r"labels: answers stay.*--votes, then run report", capsys.readouterr().out)
    results.faces = lambda: None
    label_evidence.bring_up_to_date(results)
    assert times(results) == 1


def test_nothing_is_made_without_votes(results, store):
    (store.folder / ferplus.FILE).unlink()
    label_evidence.bring_up_to_date(results)
    assert label_evidence.read(results) == {}


def test_the_committed_pages_are_of_the_committed_runs(tmp_path, capsys):
    """Else they are made anew with FER+'s votes: prepare … --votes fer2013new.csv, then report."""
    results = open_results("fer2013", mirror(tmp_path).parent)
    label_evidence.bring_up_to_date(
        SimpleNamespace(
            **vars(results), faces=lambda: None, has_study=results.has_study, study=results.study
        )
    )
    assert capsys.readouterr().out == ""


def test_the_readme_of_the_results_lists_files_and_columns():
    text = (COMMITTED.parent / "README.md").read_text(encoding="utf-8")
    for path in sorted((COMMITTED / "labels").glob("*.csv")):
        [line] = [line for line in text.splitlines() if line.startswith(f"| `{path.name}` |")]
        columns = re.findall(r"`(\w+)`", line.split("|")[3])
        header = path.read_text(encoding="utf-8").splitlines()[0].split(",")
        # of confusion.csv the answers are not listed one by one
        assert columns == header[: len(columns)] and (len(header) - len(columns)) in (0, 10), path


@pytest.mark.real
def test_the_committed_pages_are_what_the_votes_say(fer2013):
    if not (path := os.environ.get("FERPLUS")):
        pytest.skip("FER+'s votes are not at hand; set FERPLUS=path to fer2013new.csv")
    results = open_results("fer2013", COMMITTED.parent)
    votes = ferplus.join(fer2013, ferplus.read(Path(path)))
    pages = label_evidence.frames(results, fer2013, votes)
    assert pages.keys() == label_evidence.read(results).keys()
    for name, page in pages.items():
        expected = (COMMITTED / "labels" / f"{name}.csv").read_text(encoding="utf-8")
        different = difference(expected, evidence_files.as_csv(page), rounding=True)
        assert not different, f"labels/{name}.csv has changed; report writes it\n{different}"
