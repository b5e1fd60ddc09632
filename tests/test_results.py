"""What is read from the results folder, and where curves part."""

import pandas as pd
import pytest

from fer_utils.results import parting_epoch, reported_a


def history(train, val):
    return pd.DataFrame({"epoch": range(1, len(train) + 1), "train_accuracy": train, "val_accuracy": val})


def test_curves_part_where_they_stay_apart():
    assert parting_epoch(history([0.5, 0.6, 0.7, 0.8], [0.5, 0.55, 0.69, 0.7])) == 4  # epoch 2 was not for good
    assert parting_epoch(history([0.5, 0.6, 0.7], [0.6, 0.6, 0.69])) is None
    assert parting_epoch(history([0.9, 0.9], [0.5, 0.5])) == 1


def test_curves_of_several_seeds_are_averaged():
    frame = pd.concat([history([0.5, 0.9], [0.5, 0.5]), history([0.5, 0.1], [0.5, 0.5])])
    assert parting_epoch(frame) is None


def test_the_reported_figures():
    reported = reported_a()
    cell = reported.query("model == 'cnn' and task == 'multiclass' and loss == 'focal' and metric == 'accuracy'")
    assert cell["value"].item() == pytest.approx(0.6342194683)
    assert set(reported["model"]) == {"cnn", "resnet18"} and reported["value"].between(0, 1).all()
