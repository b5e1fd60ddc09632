"""A run of more epochs begins with those of a shorter one, and is the run it would have been."""

import json

import pandas as pd
import pytest
import torch

from fer_utils import devices, io
from fer_utils.experiments import runner
from fer_utils.experiments.runner import folder_of, run
from fer_utils.training.experiment import Experiment
from fer_utils.training.loop import train

SHORT = Experiment(dataset="drawn", task="binary", epochs=1, batch_size=16)
LONG = SHORT.replace(epochs=2)


@pytest.fixture
def results(tmp_path):
    return tmp_path / "results"


def listed(results, *experiments, name="mine"):
    io.write_json(results / "drawn" / "studies" / f"{name}.json", [e.id for e in experiments])


def compute(experiment, results, faces):
    return run(experiment, "cpu", "fp32", results, faces)


def test_it_is_bit_for_bit_the_run_from_the_first_epoch_on(results, drawn, tmp_path):
    listed(results, SHORT, LONG)
    compute(SHORT, results, drawn)
    continued = compute(LONG, results, drawn)
    whole = compute(LONG, tmp_path / "whole", drawn)
    for name in ("last.pth", "best.pth"):
        ours, expected = (torch.load(folder / name) for folder in (continued, whole))
        assert all(torch.equal(ours[key], expected[key]) for key in expected), name
    assert (continued / "metrics.csv").read_text() == (whole / "metrics.csv").read_text()
    ours, expected = (
        pd.read_csv(folder / "history.csv").drop(columns="seconds") for folder in (continued, whole)
    )
    pd.testing.assert_frame_equal(ours, expected)
    config = json.loads((continued / "config.json").read_text())
    assert config["experiment"]["epochs"] == 2
    assert [part["first_epoch"] for part in config["segments"]] == [1, 2]


def test_only_the_epochs_that_are_new_are_computed(results, drawn, monkeypatch):
    listed(results, SHORT, LONG)
    compute(SHORT, results, drawn)
    begun = []

    def watched(network, loaders, config, hardware, folder, *more):
        begun.append(len(pd.read_csv(folder / "history.csv")))
        return train(network, loaders, config, hardware, folder, *more)

    monkeypatch.setattr(runner, "train", watched)
    compute(LONG, results, drawn)
    assert begun == [1]


def test_the_state_is_kept_only_while_a_listed_run_can_use_it(results, drawn):
    state = folder_of(SHORT, results) / "resume.pth"
    compute(SHORT, results, drawn)
    assert not state.exists()  # nothing longer is listed

    other = results.with_name("other")
    listed(other, SHORT.replace(loss="focal"), LONG.replace(loss="focal"))
    compute(SHORT, other, drawn)
    assert not (folder_of(SHORT, other) / "resume.pth").exists()  # nor of these settings

    waiting = results.with_name("waiting")
    listed(waiting, LONG)
    compute(SHORT, waiting, drawn)
    assert (folder_of(SHORT, waiting) / "resume.pth").exists()
    compute(LONG, waiting, drawn)
    assert not list(waiting.rglob("resume.pth"))


def test_schedules_that_depend_on_the_number_of_epochs_begin_anew(results, drawn):
    short, long = (one.replace(schedule="one_cycle") for one in (SHORT, LONG))
    listed(results, short, long)
    compute(short, results, drawn)
    assert not list(results.rglob("resume.pth"))
    config = json.loads((compute(long, results, drawn) / "config.json").read_text())
    assert len(config["segments"]) == 1


def test_a_run_of_other_data_begins_nothing(results, drawn):
    listed(results, SHORT, LONG)
    compute(SHORT, results, drawn)
    other = type(drawn)(255 - drawn.images, drawn.index, "negatives")
    config = json.loads((compute(LONG, results, other) / "config.json").read_text())
    assert len(config["segments"]) == 1


def test_stages_that_unfreeze_later_than_a_shorter_run_would_end(results, drawn):
    """epochs=1 is no experiment with this schedule of unfreezing, and so no beginning of one."""
    whole = LONG.replace(thaw="1:1 2:2")
    listed(results, whole)
    assert len(pd.read_csv(compute(whole, results, drawn) / "history.csv")) == 2


def test_a_run_in_another_precision_begins_nothing(results, drawn, monkeypatch):
    monkeypatch.setattr(devices, "has_bf16", lambda kind: True)
    listed(results, SHORT, LONG)
    compute(SHORT, results, drawn)
    config = json.loads((run(LONG, "cpu", "bf16", results, drawn) / "config.json").read_text())
    assert [part["precision"] for part in config["segments"]] == ["bf16"]
