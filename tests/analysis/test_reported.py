"""The reports' numbers are read as they are printed."""

import pytest

from fer_utils.analysis import reported


def test_report_a_as_printed():
    frame = reported.reported_a()
    assert list(frame) == ["model", "epochs", "task", "loss", "metric", "class", "value"]
    assert len(frame) == 162 and frame["value"].between(0, 1).all()
    focal = frame.query("model == 'cnn' and task == 'multiclass' and loss == 'focal'")
    accuracy = focal.query("metric == 'accuracy' and `class` == ''")
    assert accuracy["value"].item() == pytest.approx(0.6342194683)


def test_report_as_curve_is_in_shares():
    frame = reported.reported_a_epochs()
    run, measured = ["model", "epochs", "task", "loss"], ["train_accuracy", "val_accuracy"]
    assert list(frame) == [*run, "epoch", "train_loss", *measured]
    assert frame["epoch"].tolist() == list(range(1, 11))
    assert frame[measured].stack().between(0.5, 1).all()
    assert (frame["train_accuracy"] > frame["val_accuracy"]).tail(5).all()  # it overfits


def test_report_bs_curves():
    frame = reported.reported_b_epochs()
    assert list(frame) == ["model", "epoch", "train_accuracy", "val_accuracy"]
    assert frame.groupby("model").size().tolist() == [8, 8, 8]


def test_report_bs_scores_as_printed():
    frame = reported.reported_b().set_index(["model", "metric", "class"])["value"]
    assert (
        frame["vggface", "recall", "sad"] == 0.9925 and frame["vggface", "support", "angry"] == 153
    )
    assert frame["resnet18_scratch", "accuracy", ""] == 0.8218
    assert frame["resnet18", "weighted_f1", ""] == 0.9977
    assert frame.index.is_unique and len(frame) == 3 * 19
