"""Evidence is computed once, says what it stands on, and is never replaced by something poorer."""

import itertools
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fer_utils import io, paths
from fer_utils.analysis import evidence_files
from fer_utils.errors import FerError
from fer_utils.experiments.results import Results, open_results
from fer_utils.reporting import build, contents, readme

COMMITTED = paths.CHECKOUT / "results" / "fer2013"
NAMES = sorted(path.stem for path in (COMMITTED / "evidence").glob("*.csv"))


def mirror(root: Path) -> Path:
    """The committed results under root/fer2013: evidence copied, what is only read as links."""
    home = root / "fer2013"
    home.mkdir(parents=True)
    for part in ("runs", "studies", "audit", "best"):
        (home / part).symlink_to(COMMITTED / part)
    shutil.copytree(COMMITTED / "evidence", home / "evidence")
    return home


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture
def no_data(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "DATA", tmp_path / "no data")


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """Building in a folder of its own, without drawing and without LaTeX."""
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "main.tex").touch()
    monkeypatch.setattr(paths, "REPORT", tmp_path / "report")
    monkeypatch.setattr(contents, "make_figures", lambda *_: {})

    def compile_pdf(folder: Path) -> Path:
        (folder / "report.pdf").write_text("without photographs")
        return folder / "report.pdf"

    monkeypatch.setattr(build, "compile_pdf", compile_pdf)


def test_the_committed_evidence_is_of_the_committed_runs():
    results = open_results("fer2013", COMMITTED.parent)
    assert evidence_files.is_current(results), "run: python -m fer_utils report --dataset fer2013"
    index = io.read_json(COMMITTED / "evidence" / "evidence.json")
    assert sorted(index) == [f"{name}.csv" for name in NAMES]
    ids = set(results.runs["run"])
    assert {on["digest"] for on in index.values()} == {"b48daf822f1ff45e"}
    assert all(on["runs"] and set(on["runs"]) <= ids for on in index.values())
    study = io.read_json(COMMITTED / "studies" / "report_a.json")
    assert index["paired.csv"]["runs"] == sorted(study)


def test_each_file_of_predictions_is_opened_once(tmp_path, monkeypatch, no_data):
    home = mirror(tmp_path / "results")
    shutil.rmtree(home / "evidence")
    opened = []
    load = np.load
    monkeypatch.setattr(np, "load", lambda path, *more: opened.append(path) or load(path, *more))
    drawn = []
    monkeypatch.setattr(contents, "make_figures", lambda *of: drawn.append(of[2]) or {})
    results = open_results("fer2013", home.parent)
    build.generate(results, tmp_path / "generated")
    assert len(opened) == len(set(opened)) > 0
    opened.clear()
    first = files_of(tmp_path / "generated" / "tables") | files_of(tmp_path / "generated")
    build.generate(open_results("fer2013", home.parent), tmp_path / "generated")
    assert opened == [], "evidence is read where it is up to date"
    assert first == files_of(tmp_path / "generated" / "tables") | files_of(tmp_path / "generated")
    assert drawn[0].keys() == drawn[1].keys()
    for name, frame in drawn[0].items():
        pd.testing.assert_frame_equal(frame, drawn[1][name])


def test_predictions_are_kept_and_cannot_be_changed(monkeypatch):
    results = open_results("fer2013", COMMITTED.parent)
    runs = results.study("report_a").runs["run"].tolist()
    made = results.study("report_a").predictions(runs[0])
    assert results.predictions(runs[0])["test_logits"] is made["test_logits"]
    with pytest.raises(ValueError, match="read-only"):
        made["test_logits"][0] = 0
    monkeypatch.setattr("fer_utils.experiments.results.KEPT", 1)
    for run in runs[:3]:
        results.predictions(run)
    assert list(results._kept) == [runs[2]], "memory is bounded"


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_is_read_is_written_as_it_was(name):
    path = COMMITTED / "evidence" / f"{name}.csv"
    assert evidence_files.as_csv(evidence_files.read_csv(path)) == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("folder", ["evidence", "best"])
def test_the_results_readme_lists_the_columns_of_every_file(folder):
    lines = (COMMITTED.parent / "README.md").read_text(encoding="utf-8").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"| `{folder}/` |"))
    listed = {}
    for line in itertools.takewhile(lambda line: line.startswith("|"), lines[start + 2 :]):
        name, _, columns, _ = (cell.strip() for cell in line.strip("|").split("|"))
        listed[name.strip("`")] = columns.replace("`", "").split(", ")
    files = {path.name: list(pd.read_csv(path)) for path in (COMMITTED / folder).glob("*.csv")}
    there = {name: columns for name, columns in listed.items() if name in files}
    assert there == files
    # what is listed and not there is of studies that have no run yet
    results = open_results("fer2013", COMMITTED.parent)
    needed = {evidence_files.EVIDENCE[Path(name).stem][0] for name in listed.keys() - files.keys()}
    assert not any(results.has_study(study) for study in needed)


def test_evidence_of_other_runs_is_not_current(tmp_path):
    home = mirror(tmp_path)
    assert evidence_files.is_current(open_results("fer2013", tmp_path))
    (home / "runs").unlink()
    shutil.copytree(COMMITTED / "runs", home / "runs", ignore=shutil.ignore_patterns("*.npz"))
    run = home / "runs" / io.read_json(COMMITTED / "studies/gamma.json")[0]
    (run / "done.json").write_text('{"seconds": 1.0}')  # computed anew, under the same id
    results = open_results("fer2013", tmp_path)
    stale = evidence_files.bases(results, NAMES)
    recorded = evidence_files.recorded(home / "evidence")
    changed = {name for name in NAMES if stale[name] != recorded[name]}
    assert changed >= {"gamma", "gamma_calibration"}
    assert stale["grid"] == recorded["grid"] and not evidence_files.is_current(results)
    with pytest.raises(FerError, match="report --dataset fer2013"):
        evidence_files.current(results)
    with pytest.raises(FerError, match="report --dataset fer2013"):
        readme.blocks(results)


def test_evidence_without_the_file_of_a_study_that_has_run_is_not_current(tmp_path):
    home = mirror(tmp_path)
    (home / "studies").unlink()
    shutil.copytree(COMMITTED / "studies", home / "studies")
    io.write_json(home / "studies" / "chance.json", io.read_json(home / "studies" / "gamma.json"))
    assert not evidence_files.is_current(open_results("fer2013", tmp_path))


@pytest.mark.parametrize("part", ["audit", "file", "index"])
def test_evidence_with_another_audit_or_without_its_files_is_not_current(tmp_path, part):
    home = mirror(tmp_path)
    if part == "audit":
        (home / "audit").unlink()
        shutil.copytree(COMMITTED / "audit", home / "audit")
        (home / "audit" / "near.csv").write_text("group,row,leaked\n")
    else:
        (home / "evidence" / {"file": "paired.csv", "index": "evidence.json"}[part]).unlink()
    assert not evidence_files.is_current(open_results("fer2013", tmp_path))


def test_a_broken_index_is_one_line(tmp_path):
    home = mirror(tmp_path)
    (home / "evidence" / "evidence.json").write_text("{")
    with pytest.raises(FerError, match="delete it"):
        evidence_files.is_current(open_results("fer2013", tmp_path))


@pytest.mark.usefixtures("quick", "no_data")
def test_without_the_data_set_what_was_made_with_it_stays(tmp_path, monkeypatch, capsys):
    home = mirror(tmp_path / "results")
    (home / "report.pdf").write_text("with photographs")
    before = files_of(home / "evidence")
    later = evidence_files.VERSION + 1
    monkeypatch.setattr(evidence_files, "VERSION", later)  # all evidence is to be computed anew
    build.build("fer2013", home.parent)
    after = files_of(home / "evidence")
    assert {name for name in before if after[name] != before[name]} == {"evidence.json"}
    assert "name" in pd.read_csv(home / "evidence" / "suspects.csv")
    assert (home / "report.pdf").read_text() == "with photographs"
    [line] = capsys.readouterr().out.splitlines()
    assert "the data set is not at hand" in line and "stays as it was" in line
    assert evidence_files.is_current(open_results("fer2013", home.parent))


def test_suspects_of_earlier_runs_are_kept_and_this_is_said(tmp_path, no_data, capsys):
    home = mirror(tmp_path)
    shutil.copy(home / "evidence" / "suspects.csv", tmp_path / "kept.csv")
    lines = (tmp_path / "kept.csv").read_text(encoding="utf-8").splitlines(keepends=True)
    (home / "evidence" / "suspects.csv").write_text("".join(lines[:-1]), encoding="utf-8")
    (home / "evidence" / "evidence.json").unlink()
    results = open_results("fer2013", tmp_path)
    frames = build.up_to_date(results, results.study("report_a"))
    assert len(frames["suspects"]) == len(lines) - 2
    assert (home / "evidence" / "suspects.csv").read_text(encoding="utf-8") == "".join(lines[:-1])
    assert "suspects.csv stays, of earlier runs" in capsys.readouterr().out
    assert "suspects" not in evidence_files.recorded(home / "evidence")


def test_with_the_data_set_names_are_added(tmp_path, monkeypatch):
    home = mirror(tmp_path)
    suspects = pd.read_csv(home / "evidence" / "suspects.csv")
    without = suspects.drop(columns=["name", "split"])
    (home / "evidence" / "suspects.csv").write_text(evidence_files.as_csv(without))
    calls = []
    monkeypatch.setattr(Results, "faces", lambda self: object())
    monkeypatch.setattr(contents, "gather", lambda *of: calls.append(of) or {"suspects": suspects})
    results = open_results("fer2013", tmp_path)
    build.up_to_date(results, results.study("report_a"))
    assert calls and "name" in pd.read_csv(home / "evidence" / "suspects.csv")


@pytest.mark.usefixtures("quick", "no_data")
def test_from_another_home_the_committed_study_is_not_written_to(tmp_path, monkeypatch):
    """FER_HOME elsewhere: the report goes there."""
    home = mirror(tmp_path / "reference")
    (home / "report.pdf").write_text("with photographs")
    monkeypatch.setattr(paths, "REFERENCE", home.parent)
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "elsewhere")
    monkeypatch.setattr(evidence_files, "VERSION", 2)
    before = files_of(home) | files_of(home / "evidence")
    build.build("fer2013")
    assert files_of(home) | files_of(home / "evidence") == before
    made = tmp_path / "elsewhere" / "fer2013"
    assert files_of(made) == {"report.pdf": b"without photographs"}


def test_what_is_up_to_date_is_not_generated_again(tmp_path, quick, no_data, monkeypatch):
    home = mirror(tmp_path / "results")
    calls = []
    generate = build.generate
    monkeypatch.setattr(build, "generate", lambda *of: calls.append(of) or generate(*of))
    build.build("fer2013", home.parent)
    build.build("fer2013", home.parent)
    assert len(calls) == 1
    (tmp_path / "report" / "generated" / "tables" / "far.tex").unlink()
    build.build("fer2013", home.parent)
    assert len(calls) == 2, "a file is missing"
    shutil.copytree(COMMITTED / "best", tmp_path / "best")
    (home / "best").unlink()
    (tmp_path / "best").rename(home / "best")
    (home / "best" / "rival.csv").unlink()
    build.build("fer2013", home.parent)
    assert len(calls) == 3, "another page"
