"""Figures that compare the losses, by the data that they draw, from frames of a few rows."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from drawn import legend, line
from matplotlib.colors import to_hex

from fer_utils.reporting import loss_plots
from fer_utils.reporting.figures import COLOURS
from fer_utils.training.losses import LOSS_NAMES, FocalLoss


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def scores(seeds: dict[str, int]) -> pd.DataFrame:
    rows = [
        {"task": task, "loss": loss, "seed": seed, "metric": "accuracy", "value": 0.5 + seed / 100}
        for task, n in seeds.items()
        for seed in range(n)
        for loss in ("cross_entropy", "focal")
    ]
    return pd.DataFrame(rows)


NOTHING = pd.DataFrame({"task": [], "loss": [], "value": []})


def scored(by, rows):
    frame = pd.DataFrame(rows, columns=[by, "loss", "seed", "value"])
    return frame.assign(metric="accuracy")


def test_paired_seeds_join_the_two_losses_of_each_seed():
    scores = scored("task", [
        ("binary", "cross_entropy", 0, 0.8), ("binary", "focal", 0, 0.9),
        ("binary", "focal", 1, 0.6), ("binary", "cross_entropy", 1, 0.7),
        ("multiclass", "cross_entropy", 0, 0.5), ("multiclass", "focal", 0, 0.4),
    ])  # fmt: skip
    reported = pd.DataFrame({"task": "binary", "loss": list(LOSS_NAMES), "value": [0.85, 0.95]})
    figure = loss_plots.paired_seeds(scores, reported)
    two, four = figure.axes
    assert (two.get_title(), four.get_title()) == ("two classes, 2 seeds", "four classes, 1 seed")
    grey = [drawn for drawn in two.lines if to_hex(drawn.get_color()) == "#aaaaaa"]
    pairs = [drawn.get_ydata().tolist() for drawn in grey]
    assert pairs == [[0.8, 0.9], [0.7, 0.6]]
    assert all(drawn.get_xdata().tolist() == [0, 1] for drawn in grey)
    assert [label.get_text() for label in two.get_xticklabels()] == list(LOSS_NAMES.values())
    for x, (loss, values) in enumerate({"cross_entropy": [0.8, 0.7], "focal": [0.9, 0.6]}.items()):
        assert line(two, color=COLOURS[loss], marker="o") == [[x, x], values]
        assert two.collections[x].get_segments()[0][:, 1] == pytest.approx([np.mean(values)] * 2)
    diamonds = [drawn.get_xydata().tolist() for drawn in two.lines if drawn.get_marker() == "D"]
    assert diamonds == [[[0, 0.85]], [[1, 0.95]]]
    assert [len(drawn.get_xdata()) for drawn in four.lines if drawn.get_marker() == "D"] == [0, 0]
    assert two.get_ylabel() == "accuracy on test"
    assert legend(figure)[1:] == ["mean", "reported"]


def test_paired_seeds_by_class_have_a_panel_a_class():
    rows = [(cls, loss, 0, 0.5) for cls in ("sad", "happy", "fear") for loss in LOSS_NAMES]
    reported = pd.DataFrame({"class": ["happy"], "loss": ["focal"], "value": [0.7]})
    figure = loss_plots.paired_seeds(scored("class", rows), reported, by="class")
    assert [axis.get_title() for axis in figure.axes] == ["sad", "happy", "fear"]
    assert legend(figure)[0] == "one of 1 seeds"


def gain(protocol, task, metric, mean, n=5):
    row = {"protocol": protocol, "task": task, "metric": metric, "mean": mean, "n": n}
    return row | {"low": mean - 0.01, "high": mean + 0.02}


def test_forest_draws_intervals_in_points_and_the_reported_gain():
    rows = [
        gain("report A's protocol", "binary", "accuracy", -0.005, n=10),
        gain("report A's protocol", "multiclass", "accuracy", 0.004, n=10),
        gain("no class weights", "multiclass", "accuracy", -0.02),
    ]
    reported = pd.Series({("accuracy", "binary"): 0.03, ("accuracy", "multiclass"): 0.027})
    figure = loss_plots.forest(pd.DataFrame(rows), reported)
    (axis,) = figure.axes
    labels = [label.get_text() for label in axis.get_yticklabels()]
    assert labels == [
        "two classes, report A's protocol (n = 10)",
        "four classes, report A's protocol (n = 10)",
        "four classes, no class weights (n = 5)",
    ]
    squares = [drawn.get_xydata()[0] for drawn in axis.lines if drawn.get_marker() == "s"]
    assert np.array(squares) == pytest.approx(np.array([[-0.5, 0], [0.4, 1], [-2, 2]]))
    diamonds = [drawn.get_xydata()[0] for drawn in axis.lines if drawn.get_marker() == "D"]
    assert np.array(diamonds) == pytest.approx(np.array([[3, 0], [2.7, 1]]))
    bars = [drawn.get_xydata() for drawn in axis.lines if drawn.get_marker() == "None"][:-1]
    expected = [[[-1.5, 0], [1.5, 0]], [[-0.6, 1], [2.4, 1]], [[-3, 2], [0, 2]]]
    assert np.array(bars) == pytest.approx(np.array(expected))
    assert axis.get_title() == "accuracy" and line(axis, linestyle="--")[0] == [0, 0]
    assert figure.get_supxlabel() == "focal − cross-entropy, points"


def test_gammas_draw_every_seed_and_the_means():
    accuracy = pd.DataFrame({"gamma": [0.0, 0.0, 2.0, 2.0], "value": [0.5, 0.6, 0.4, 0.6]})
    errors = accuracy.rename(columns={"value": "ece"}).assign(ece_scaled=[0.1, 0.3, 0.2, 0.2])
    left, right = loss_plots.gammas(accuracy, errors).axes
    assert line(left, marker="o") == [[0, 0, 2, 2], [0.5, 0.6, 0.4, 0.6]]
    assert line(left, marker="None") == [[0, 2], pytest.approx([0.55, 0.5])]
    assert line(right, label="raw") == [[0, 2], pytest.approx([0.55, 0.5])]
    assert line(right, label="after temperature scaling") == [[0, 2], pytest.approx([0.2, 0.2])]
    assert line(right, color=COLOURS["val"], marker="o")[1] == [0.1, 0.3, 0.2, 0.2]
    assert (left.get_ylabel(), right.get_ylabel()) == ("accuracy on test", "ECE on test")


def test_the_legend_counts_seeds_where_all_panels_have_the_same():
    figure = loss_plots.paired_seeds(scores({"binary": 3, "multiclass": 3}), NOTHING)
    assert legend(figure)[0] == "one of 3 seeds"
    assert [axis.get_title() for axis in figure.axes] == ["two classes", "four classes"]


def test_each_panel_has_its_own_number_of_seeds():
    frame = scores({"binary": 5, "multiclass": 2})
    alone = frame["seed"].eq(1) & frame["task"].eq("multiclass") & frame["loss"].eq("focal")
    figure = loss_plots.paired_seeds(frame[~alone], NOTHING)
    assert legend(figure)[0] == "one seed"
    titles = [axis.get_title() for axis in figure.axes]
    assert titles == ["two classes, 5 seeds", "four classes, 1 seed"]


def test_the_forest_tells_the_seeds_of_every_row():
    gains = pd.DataFrame({"protocol": ["a", "b"], "task": "binary", "n": [10, 5], "mean": 0})
    gains = gains.assign(metric="accuracy", low=-1, high=1)
    figure = loss_plots.forest(gains, pd.Series(dtype=float))
    named = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert sorted(named) == ["two classes, a (n = 10)", "two classes, b (n = 5)"]
    assert np.allclose(figure.axes[0].get_yticks(), [0, 1])


def test_the_drawn_losses_and_slopes_are_those_of_the_loss():
    figure = loss_plots.losses()
    loss, slope = figure.axes
    for gamma, curve, tangent in zip(loss_plots.GAMMAS, loss.lines, slope.lines, strict=True):
        p = torch.tensor(curve.get_xdata())
        logits = torch.stack([p.log(), (1 - p).log()], dim=1).requires_grad_()
        labels = torch.zeros(len(p), dtype=torch.int64)
        total = FocalLoss(gamma)(logits, labels) * len(p)
        total.backward()
        np.testing.assert_allclose(curve.get_ydata().sum(), total.item(), rtol=1e-6)
        np.testing.assert_allclose(tangent.get_ydata(), logits.grad[:, 0], rtol=1e-6)
    plt.close(figure)


def test_accuracies_are_a_point_for_each_run_and_the_mean():
    frame = scores({"binary": 2})
    (axis,) = loss_plots.accuracies(frame).axes
    for x, loss in enumerate(("cross_entropy", "focal")):
        values = frame.loc[frame["loss"] == loss, "value"].tolist()
        assert line(axis, color=COLOURS[loss]) == [[x, x], values]
        ((start, end),) = axis.collections[x].get_segments()
        assert start[1] == end[1] == pytest.approx(np.mean(values))
    assert axis.get_title() == "two classes"
