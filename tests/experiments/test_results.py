"""What is read from the results folder, and where curves part."""

import re

import pandas as pd
import pytest

from fer_utils import io, paths
from fer_utils.analysis.reported import reported_a
from fer_utils.errors import FerError
from fer_utils.experiments import recipes
from fer_utils.experiments.results import open_results, overfit_epoch
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
