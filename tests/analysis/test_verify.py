"""Whatever is changed by hand in a folder of results is found, and named with its run."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from fer_utils import paths
from fer_utils.analysis import certificate, evidence_files, repeat, run_checks
from fer_utils.analysis.verify import verify
from fer_utils.cli import app
from fer_utils.data.dataset import open_store
from fer_utils.errors import FerError
from fer_utils.evaluation.metrics import is_correct
from fer_utils.experiments import run_files, runner
from fer_utils.experiments.results import open_results
from fer_utils.training.experiment import Experiment

SEEDS = (0, 1)


@pytest.fixture(scope="module")
def untouched(drawn, tmp_path_factory):
    """Two runs on drawn faces and a table of evidence that stands on them; their home."""
    home = tmp_path_factory.mktemp("home")
    drawn.save(home / "data" / "drawn")
    faces = open_store(home / "data" / "drawn")
    experiments = [
        Experiment(dataset="drawn", task="multiclass", epochs=1, batch_size=16, seed=seed)
        for seed in SEEDS
    ]
    for one in experiments:
        folder = runner.run(one, "cpu", "fp32", home / "results", faces)
        for state in folder.glob("*.pth"):
            state.unlink()  # as in a fresh clone
    study = home / "results" / "drawn" / "studies" / "report_a.json"
    study.parent.mkdir()
    study.write_text(json.dumps([one.id for one in experiments]))
    results = open_results("drawn", home / "results")
    stand_on = evidence_files.bases(results, ["paired"])
    frame = pd.DataFrame({"metric": ["accuracy"], "mean": [0.0]})
    evidence_files.write(home / "results" / "drawn" / "evidence", {"paired": frame}, stand_on)
    return home


@pytest.fixture
def home(untouched, tmp_path, monkeypatch):
    """A copy that may be damaged."""
    shutil.copytree(untouched, tmp_path / "home")
    monkeypatch.setattr(paths, "DATA", tmp_path / "home" / "data")
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "home" / "results")
    return tmp_path / "home"


@pytest.fixture
def run(home):
    """The folder of one of its runs."""
    return sorted((home / "results" / "drawn" / "runs").iterdir())[0]


def change_arrays(run, **changes):
    arrays = run_files.read_predictions(run)
    for name, change in changes.items():
        arrays[name] = change(arrays[name].copy(), arrays)
    np.savez_compressed(run / "predictions.npz", **arrays)


def change_json(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def change_text(path, old, new):
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


def change_score(run):
    frame = run_files.read_metrics(run)
    frame.loc[frame.query("split == 'test' and metric == 'macro_f1'").index, "value"] += 1e-6
    frame.to_csv(run / "metrics.csv", index=False)


def change_confusion(run):
    frame = pd.read_csv(run / "confusion.csv")
    frame.iloc[0, 1:3] += [1, -1]
    frame.to_csv(run / "confusion.csv", index=False)


def at_first(value):
    """Sets the first element of an array."""

    def change(array, _):
        array[0] = value
        return array

    return change


def another_answer(logits, arrays):
    """A right answer becomes a wrong one, or a wrong one right."""
    logits[0] = np.roll(logits[0], 1)
    return logits


def swapped(rows, arrays):
    """Two images of one label change their rows."""
    first, second = np.flatnonzero(arrays["test_labels"] == 0)[:2]
    rows[[first, second]] = rows[[second, first]]
    return rows


def from_validation(rows, arrays):
    """The first test image is replaced by a validation image of the same label."""
    rows[0] = arrays["val_rows"][arrays["val_labels"] == arrays["test_labels"][0]][0]
    return rows


def from_training(rows, arrays):
    """The first test image is replaced by a training image: drawn faces of a class come in turn."""
    used = {*arrays["val_rows"].tolist(), *rows.tolist()}
    rows[0] = next(row for row in range(int(rows[0]) % 7, 84, 7) if row not in used)
    return rows


def test_what_nobody_has_touched_has_no_failures(home):
    found = verify("drawn")
    assert found.failures == [] and len(found.runs) == len(found.sound) == len(SEEDS)
    # 24 scores of four classes, on validation and on test; 4 × 4 cells
    assert found.counts["scores"] == len(SEEDS) * 2 * 24 and found.counts["evidence_files"] == 1
    assert found.counts["confusion_cells"] == len(SEEDS) * 16
    assert found.counts["test_answers"] == len(SEEDS) * 32
    assert found.counts["rows_in_data_set"] == len(SEEDS) * (32 + 10)


DAMAGE = {
    "a score": (change_score, "metrics.csv has test macro_f1"),
    "a score that is not there": (
        lambda run: change_text(run / "metrics.csv", "top2_accuracy", "top3_accuracy"),
        "metrics.csv has not the 24 val scores",
    ),
    "a cell of the confusion": (change_confusion, "confusion.csv is not what its logits give"),
    "a logit": (lambda run: change_arrays(run, test_logits=another_answer), "metrics.csv has test"),
    "a logit that is none": (
        lambda run: change_arrays(run, val_logits=at_first(np.nan)),
        "its val logits are not 10×4 finite numbers",
    ),
    "a label": (
        lambda run: change_arrays(run, test_labels=at_first(3)),
        "1 test labels are not the data set's, the first of row",
    ),
    "two rows": (
        lambda run: change_arrays(run, test_rows=swapped),
        "its test rows are not those that its settings give",
    ),
    "a row twice": (
        lambda run: change_arrays(run, test_rows=lambda rows, _: np.r_[rows[1], rows[1:]]),
        "a row is twice among its test rows",
    ),
    "a row from nowhere": (
        lambda run: change_arrays(run, test_rows=at_first(140)),
        "test row 140 is not in the data set",
    ),
    "a row of validation": (
        lambda run: change_arrays(run, test_rows=from_validation),
        "1 of its test rows are among its training and validation rows",
    ),
    "a row of training": (
        lambda run: change_arrays(run, test_rows=from_training),
        "1 of its test rows are among its training and validation rows",
    ),
    "a setting": (
        lambda run: change_text(run / "config.json", '"batch_size": 16', '"batch_size": 32'),
        "folder, settings and done.json give several ids",
    ),
    "a folder's name": (lambda run: run.rename(run.with_name("other")), "give several ids"),
    "a count of images": (
        lambda run: change_json(run / "config.json", lambda c: c["images"].update(train=7)),
        "config.json counts 7 training images",
    ),
    "the order of classes": (
        lambda run: change_json(run / "config.json", lambda c: c["classes"].reverse()),
        "the classes of task, config.json and predictions.npz differ",
    ),
    "the data set": (
        lambda run: change_json(run / "config.json", lambda c: c["data"].update(digest="0")),
        "it is of data 0, others are of",
    ),
    "an epoch": (
        lambda run: change_text(run / "history.csv", "\n1,", "\n2,"),
        "history.csv has not the epochs 1 to 1",
    ),
    "half a file": (
        lambda run: (run / "predictions.npz").write_bytes(
            (run / "predictions.npz").read_bytes()[:2000]
        ),
        "cannot be read",
    ),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_to_a_run_is_found_and_its_evidence_with_it(run, what):
    damage, complaint = DAMAGE[what]
    damage(run)
    failures = verify("drawn").failures
    assert any(complaint in line for line in failures), failures
    assert failures[-1] == "evidence/: these stand on runs that are missing or faulty: paired"
    # no other run is blamed
    blamed = {line.partition(":")[0] for line in failures[:-1]}
    assert blamed <= {run.name, "other"}


@pytest.mark.parametrize("name", run_checks.FILES)
def test_a_deleted_file_is_found(run, name):
    (run / name).unlink()
    assert f"{run.name}: lacks {name}" in verify("drawn").failures


def test_a_deleted_run_leaves_evidence_that_stands_on_nothing(run):
    shutil.rmtree(run)
    (failure,) = verify("drawn").failures
    assert failure == "evidence/: these stand on runs that are missing or faulty: paired"


def test_evidence_of_other_files_is_found(home, run):
    change_text(run / "history.csv", "\n1,", "\n1,1")  # ten more of the first epoch's loss
    evidence = home / "results" / "drawn" / "evidence"
    (evidence / "own.csv").write_text("a\n1\n")
    assert verify("drawn").failures == [
        "evidence/: evidence.json does not say what these stand on: own",
        "evidence/: these were made from other files of their runs: paired",
    ]
    (evidence / "paired.csv").unlink()
    assert "evidence/: tables are missing: paired" in verify("drawn").failures


def test_evidence_of_another_data_set_is_found(home):
    index = home / "results" / "drawn" / "evidence" / "evidence.json"
    change_json(index, lambda content: content["paired.csv"].update(digest="0"))
    (failure,) = verify("drawn").failures
    assert failure == "evidence/: these and their runs are of different data: paired"


def test_a_changed_pixel_is_found(home):
    images = np.load(home / "data" / "drawn" / "images.npy")
    images[3, 4, 5] ^= 1
    np.save(home / "data" / "drawn" / "images.npy", images)
    found = verify("drawn")
    assert "images and index.csv are not those of dataset.json" in found.failures[0]
    assert found.faces is None


def test_without_the_data_set_scores_and_parts_are_checked_and_it_says_so(home, run):
    shutil.rmtree(home / "data")
    found = verify("drawn")
    assert found.failures == [] and found.counts["rows_in_data_set"] == 0
    assert "the data set is not at hand" in certificate.summary(found, [])
    change_arrays(run, test_rows=from_validation)
    assert f"{run.name}: a test row is among its validation rows" in verify("drawn").failures
    with pytest.raises(FerError, match="data/drawn must be the data set"):
        repeat.repeat(found, 1, 0)


def test_a_run_that_is_being_computed_is_no_failure(home, run):
    (run.with_name("begun")).mkdir()
    shutil.copy(run / "config.json", run.with_name("begun"))
    found = verify("drawn")
    assert found.failures == [] and found.counts["unfinished_runs"] == 1


def test_runs_of_uncommitted_and_of_unknown_code_are_counted(run):
    change_json(run / "config.json", lambda c: c["segments"][0].update(commit="abc1234+"))
    counts = verify("drawn").counts
    assert counts["runs_of_uncommitted_code"] >= 1
    change_json(run / "config.json", lambda c: c.pop("segments"))  # as runs once were
    change_json(run / "config.json", lambda c: c["hardware"].update(commit="unknown"))
    assert verify("drawn").counts["runs_of_unknown_code"] >= 1


def test_a_repetition_with_other_logits_is_told_from_an_equal_one(run):
    accuracy = is_correct(run_files.read_predictions(run), "test").mean()
    change_arrays(run, test_logits=lambda _, arrays: np.eye(4)[arrays["test_labels"]])
    run_files.rescore(run)  # so that its own files agree
    change_json(run / "done.json", lambda content: content.update(seconds=0.0))  # the cheapest
    found = verify("drawn")
    assert run.name in found.sound
    (again,) = repeat.repeat(found, 1, 0)
    assert again.run == run.name and not again.equal and again.differs == []
    assert again.accuracy == 1 and again.again == accuracy < 1
    assert again.seeds == 2 and again.low < accuracy < again.high and again.is_expected
    with pytest.raises(FerError, match="2 runs cannot be repeated: the cheapest quarter of cnn's"):
        repeat.repeat(found, 2, 0)


def test_no_run_at_all_is_an_error(home):
    with pytest.raises(FerError, match="no finished runs under"):
        verify("nothing")


def test_the_command_writes_a_certificate_and_ends_with_1_after_a_failure(home, run, monkeypatch):
    monkeypatch.setattr(paths, "results_set", lambda name: paths.RESULTS)
    command = ["verify", "--dataset", "drawn"]
    shown = CliRunner().invoke(app, [*command, "--rerun", "1"])
    assert shown.exit_code == 0, shown.output
    assert "equal bit for bit" in shown.output and "2 runs: 96 scores" in shown.output
    path = home / "results" / "drawn" / "certificate.json"
    first = json.loads(path.read_text())
    assert first["failures"] == [] and first["runs"] == 2
    assert first["repeated"][0]["equal"] and first["data"]["checked_against_the_images"]
    change_score(run)
    shown = CliRunner().invoke(app, command)
    assert shown.exit_code == 1 and f"failed: {run.name}: metrics.csv has test" in shown.stderr
    second = json.loads(path.read_text())
    assert len(second["failures"]) == 2 and second["runs_sha256"] != first["runs_sha256"]


def test_the_committed_certificate_is_of_the_committed_runs():
    folder = paths.CHECKOUT / "results" / "fer2013"
    written = json.loads((folder / certificate.NAME).read_text())
    assert written["failures"] == []
    runs = sorted(path.parent.name for path in folder.glob("runs/*/done.json"))
    now = certificate.content_of_runs(folder, runs)
    assert (written["runs"], written["runs_sha256"]) == (len(runs), now), "other runs: make verify"
