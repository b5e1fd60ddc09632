"""What is read from the results folder, and where curves part."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from fer_utils import io, paths
from fer_utils.analysis.reported import reported_a
from fer_utils.errors import FerError
from fer_utils.experiments import recipes
from fer_utils.experiments.results import Results, open_results, overfit_epoch, winner
from fer_utils.training.experiment import Experiment

REFERENCE = paths.CHECKOUT / "results"


def history(train, val):
    return pd.DataFrame(
        {"epoch": range(1, len(train) + 1), "train_accuracy": train, "val_accuracy": val}
    )


def test_curves_part_where_they_stay_apart():
    assert (
        overfit_epoch(history([0.5, 0.6, 0.7, 0.8], [0.5, 0.55, 0.69, 0.7])) == 4
    )  # epoch 2 was not for good
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
        asked = {experiment.id for experiment in recipes.make_study(name, "fer2013", **given)}
        left_out = folder / f"{name}.not_run.json"
        missing = io.read_json(left_out) if left_out.exists() else []
        told = {
            *io.read_json(folder / f"{name}.json"),
            *(Experiment(**settings).id for settings in missing),
        }
        assert told < asked if name == "best" else told == asked, name


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
    value = np.where(
        wanted, 0.6, np.where(runs["seed"] == 0, 0.9, 0.2)
    )  # a lucky seed does not win
    metrics = pd.DataFrame(
        {"run": runs["run"], "metric": "accuracy", "class": "", "value": value, "split": "val"}
    )
    tested = metrics.assign(split="test", value=1 - value)
    study = Results(tmp_path, runs, pd.concat([metrics, tested], ignore_index=True), pd.DataFrame())
    best = winner(study)
    assert (best["learning_rate"], best["weight_decay"], best["flip"], best["seed"]) == (
        1e-2,
        0.0,
        True,
        0,
    )
