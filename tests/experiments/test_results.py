"""What is read from the results folder, and where curves part."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fer_utils import io, paths
from fer_utils.analysis.reported import reported_a
from fer_utils.errors import FerError
from fer_utils.experiments import recipes, results
from fer_utils.experiments.results import (
    Results,
    mean_confusion,
    open_results,
    open_study,
    overfit_epoch,
    winner,
)
from fer_utils.training.experiment import Experiment

REFERENCE = paths.CHECKOUT / "results"


def history(train, val):
    return pd.DataFrame(
        {"epoch": range(1, len(train) + 1), "train_accuracy": train, "val_accuracy": val}
    )


def test_curves_part_where_they_stay_apart():
    for_good = history([0.5, 0.6, 0.7, 0.8], [0.5, 0.55, 0.69, 0.7])
    assert overfit_epoch(for_good) == 4  # they parted in epoch 2, and met again
    assert overfit_epoch(history([0.5, 0.6, 0.7], [0.6, 0.6, 0.69])) is None
    assert overfit_epoch(history([0.9, 0.9], [0.5, 0.5])) == 1


def test_curves_of_several_seeds_are_averaged():
    frame = pd.concat([history([0.5, 0.9], [0.5, 0.5]), history([0.5, 0.1], [0.5, 0.5])])
    assert overfit_epoch(frame) is None


def test_the_reported_figures():
    reported = reported_a()
    cell = reported.query(
        "model == 'cnn' and task == 'multiclass' and loss == 'focal' and metric == 'accuracy'"
    )
    assert cell["value"].item() == pytest.approx(0.6342194683)
    assert set(reported["model"]) == {"cnn", "resnet18"} and reported["value"].between(0, 1).all()


def test_without_runs_of_ones_own_the_committed_study_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RESULTS", tmp_path)
    (tmp_path / "fer2013" / "audit").mkdir(parents=True)  # an audit of one's own is no run
    assert open_results("fer2013", tmp_path).folder == REFERENCE / "fer2013"
    with pytest.raises(FerError, match="no finished runs under"):
        open_results("fer2013", tmp_path / "elsewhere")


def test_the_commands_of_the_reference_study_name_its_runs():
    text = (REFERENCE / "README.md").read_text(encoding="utf-8")
    commands = re.findall(
        r"fer_utils study (\w+)(?: --seeds ([\d,]+))?(?: --set (\w+)=(\d+))?`", text
    )
    folder = REFERENCE / "fer2013" / "studies"
    assert {name for name, *_ in commands} == {
        path.name.split(".")[0] for path in folder.glob("*.json")
    }
    for name, seeds, setting, value in commands:
        given = {"seeds": list(map(int, seeds.split(",")))} if seeds else {}
        given |= {setting: int(value)} if setting else {}
        if name in ("report_b", "grid"):
            continue  # runs of earlier recipes, as the README says
        asked = {experiment.id for experiment in recipes.make_study(name, "fer2013", **given)}
        left_out = folder / f"{name}.not_run.json"
        missing = io.read_json(left_out) if left_out.exists() else []
        told = {
            *io.read_json(folder / f"{name}.json"),
            *(Experiment(**settings).id for settings in missing),
        }
        # the README says of these what is still to be computed
        partial = name in ("best", "resnet18", "resnet18_frozen")
        assert told < asked if partial else told == asked, name


def test_a_set_of_results_is_a_folder_of_its_own():
    assert paths.results_set() == paths.RESULTS
    assert paths.results_set("bf16").parent == paths.RESULTS.parent
    with pytest.raises(FerError, match="a set of results is named by letters"):
        paths.results_set("../elsewhere")


def test_a_study_with_unfinished_runs_says_so(finished, capsys):
    chosen, _, root, _ = finished
    (root / "drawn" / "studies").mkdir(exist_ok=True)
    (root / "drawn" / "studies" / "half.json").write_text(json.dumps([chosen.id, "another"]))
    assert len(open_results("drawn", root).study("half").runs) == 1
    assert "study half: 1 of 2 runs are finished" in capsys.readouterr().err


def test_faces_are_those_that_the_runs_saw_or_none(finished, drawn, tmp_path, monkeypatch):
    _, faces, root, _ = finished
    monkeypatch.setattr(paths, "DATA", tmp_path)
    opened = open_results("drawn", root)
    assert opened.faces() is None
    drawn.save(tmp_path / "drawn")
    assert opened.faces().digest == faces.digest
    drawn.__class__(255 - drawn.images, drawn.index).save(tmp_path / "drawn")
    assert opened.faces() is None


def test_the_winner_of_a_grid_is_chosen_by_its_mean_on_validation(drawn, tmp_path, monkeypatch):
    cells = recipes.make_study("grid", "drawn", seeds=[0, 1], model="cnn", cap=10, epochs=1)
    assert len({cell.id for cell in cells}) == 3 * 2 * 2 * 2
    runs = pd.DataFrame([{"run": cell.id} | vars(cell) for cell in cells])
    wanted = runs["learning_rate"].eq(1e-2) & runs["weight_decay"].eq(0) & runs["flip"]
    # a lucky seed does not win
    value = np.where(wanted, 0.6, np.where(runs["seed"] == 0, 0.9, 0.2))
    metrics = pd.DataFrame(
        {"run": runs["run"], "metric": "accuracy", "class": "", "value": value, "split": "val"}
    )
    tested = metrics.assign(split="test", value=1 - value)
    study = Results(tmp_path, runs, pd.concat([metrics, tested], ignore_index=True), pd.DataFrame())
    best = winner(study)
    chosen = (best["learning_rate"], best["weight_decay"], best["flip"], best["seed"])
    assert chosen == (1e-2, 0.0, True, 0)


def test_unknown_settings_are_refused_by_name(finished):
    with pytest.raises(FerError, match=r"no setting 'colour' in the results; there are: run, data"):
        open_results("drawn", finished[2]).select(colour="red")


def test_a_study_is_there_once_one_of_its_runs_is_finished(finished):
    chosen, _, root, _ = finished
    opened = open_results("drawn", root)
    for name, ids in {"begun": [chosen.id, "another"], "hopeless": ["another"]}.items():
        io.write_json(root / "drawn" / "studies" / f"{name}.json", ids)
    assert opened.has_study("begun") and not opened.has_study("hopeless")
    assert not opened.has_study("nowhere")


def test_predictions_are_read_only_and_kept_up_to_a_limit(many, openings, monkeypatch):
    root, _ = many
    opened = open_results("drawn", root)
    arrays = opened.predictions("run-00")
    with pytest.raises(ValueError, match="read-only"):
        arrays["test_logits"][0] = 0
    arrays["test_logits"] = arrays["test_logits"] + 1  # of one's own copy of the dictionary
    read = openings.start()
    again = opened.select(seed=0).predictions("run-00")
    assert not read and (again["test_logits"] != arrays["test_logits"]).all()
    monkeypatch.setattr(results, "KEPT", 2 * results._bytes(again))
    for run in ("run-01", "run-02", "run-01", "run-00"):  # two fit: the first read leaves
        opened.predictions(run)
    assert [run for run, _ in read] == ["run-01", "run-02", "run-00"]


def test_the_mean_confusion_of_runs(tmp_path):
    for run, counts in {"a": "3,1", "b": "1,3"}.items():
        folder = tmp_path / "runs" / run
        folder.mkdir(parents=True)
        (folder / "confusion.csv").write_text(f"true,NA,sad\nNA,{counts}\nsad,0,4\n")
    runs = pd.DataFrame({"run": ["a", "b"]})
    mean = mean_confusion(Results(tmp_path, runs, pd.DataFrame(), pd.DataFrame()))
    assert mean.to_numpy().tolist() == [[2, 2], [0, 4]]
    assert mean.index.tolist() == mean.columns.tolist() == ["NA", "sad"]
    assert (mean.index.name, mean.columns.name) == ("true", "predicted")


@pytest.fixture
def many(finished, tmp_path):
    """(results folder, ids of study pair): twenty copies of a run; pair lists two."""
    folder = tmp_path / "results" / "drawn"
    for number in range(20):
        copy = folder / "runs" / f"run-{number:02}"
        copy.mkdir(parents=True)
        for path in finished[3].glob("*.[cjn]*"):  # all but the checkpoints
            (copy / path.name).symlink_to(path)
    ids = ["run-03", "run-11"]
    io.write_json(folder / "studies" / "pair.json", ids)
    return folder.parent, ids


class Openings:
    """Which files of runs are opened, as (run, file), from `start` to the next `start`."""

    def __init__(self):
        self.files: list[tuple[str, str]] = []
        sys.addaudithook(self._note)  # it cannot be removed, so there is one for all tests

    def start(self) -> list[tuple[str, str]]:
        self.files = []
        return self.files

    def _note(self, event: str, arguments: tuple) -> None:
        if event == "open" and isinstance(arguments[0], (str, Path)):
            path = Path(arguments[0])
            if path.parent.parent.name == "runs":
                self.files.append((path.parent.name, path.name))


@pytest.fixture(scope="module")
def openings():
    return Openings()


READ = ("config.json", "done.json", "history.csv", "metrics.csv")


def test_a_study_opens_only_its_own_runs(many, openings):
    root, ids = many
    opened = openings.start()
    study = open_study("pair", "drawn", root)
    assert sorted(opened) == [(run, file) for run in ids for file in READ]
    opened = openings.start()
    everything = open_results("drawn", root)
    assert len(opened) == 20 * len(READ)
    for name in ("runs", "metrics", "history"):
        expected = getattr(everything.study("pair"), name).reset_index(drop=True)
        pd.testing.assert_frame_equal(getattr(study, name), expected)


def test_runs_are_opened_by_their_ids_and_those_that_are_not_finished_left_out(many, openings):
    root, _ = many
    (root / "drawn" / "runs" / "run-02" / "done.json").unlink()
    opened = openings.start()
    results = open_results("drawn", root, runs=["run-07", "run-02", "nowhere", "run-01"])
    assert results.runs["run"].tolist() == ["run-01", "run-07"]
    assert {run for run, _ in opened} == {"run-01", "run-07"}
    with pytest.raises(FerError, match="no finished runs under"):
        open_results("drawn", root, runs=["run-02"])


def test_a_study_that_was_never_started_is_named(many):
    with pytest.raises(FerError, match=r"no study 'gamma' under .*study gamma --dataset drawn"):
        open_study("gamma", "drawn", many[0])


def test_a_study_of_the_committed_results_is_read_without_runs_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RESULTS", tmp_path)
    assert open_study("median", "fer2013", tmp_path).folder == REFERENCE / "fer2013"
