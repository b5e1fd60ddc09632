"""Charts of scores, by the data that they draw, from frames of a few rows."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from fer_utils.reporting import plots
from fer_utils.reporting.figures import COLOURS
from fer_utils.training.losses import LOSS_NAMES


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def line(axis, **of):
    """The points of the only line with this colour, marker, style or label, as lists x and y."""
    found = [drawn for drawn in axis.lines if all(_has(drawn, *each) for each in of.items())]
    assert len(found) == 1, (of, len(found))
    return found[0].get_xydata().T.tolist()


def _has(drawn, what, value):
    got = getattr(drawn, f"get_{what}")()
    return to_hex(got) == to_hex(value) if what == "color" else got == value


def legend(figure):
    (shown,) = figure.legends
    return [text.get_text() for text in shown.get_texts()]


def texts(axis):
    return [text.get_text() for text in axis.texts]


def history(train, val):
    epochs = range(1, len(train) + 1)
    return pd.DataFrame({"epoch": epochs, "train_accuracy": train, "val_accuracy": val})


def test_overfitting_draws_means_and_a_band_of_one_standard_deviation():
    first = history([0.5, 0.6, 0.9], [0.4, 0.5, 0.5])
    seeds = pd.concat([first, history([0.5, 0.8, 0.9], [0.6, 0.7, 0.5])])
    figure = plots.overfitting({"two seeds": seeds, "one": history([0.5, 0.6], [0.5, 0.6])})
    left, right = figure.axes
    assert (left.get_title(), right.get_title()) == ("two seeds", "one")
    assert legend(figure) == ["training", "validation"]
    train, val = (line(left, color=COLOURS[part], linestyle="-") for part in ("train", "val"))
    assert train == [[1, 2, 3], pytest.approx([0.5, 0.7, 0.9])]
    assert val == [[1, 2, 3], pytest.approx([0.5, 0.6, 0.5])]
    band = left.collections[1].get_paths()[0].vertices
    sd = np.std([0.4, 0.6], ddof=1)
    at_2 = band[band[:, 0] == 2, 1]
    assert (at_2.min(), at_2.max()) == pytest.approx((0.6 - sd, 0.6 + sd))
    assert right.collections[1].get_paths()[0].vertices[:, 1].max() == pytest.approx(0.6)  # no band


def test_overfitting_marks_where_the_curves_part():
    apart, together = history([0.5, 0.6, 0.8], [0.5, 0.6, 0.6]), history([0.5, 0.6], [0.5, 0.6])
    parts, never = plots.overfitting({"parts": apart, "never": together}).axes
    assert texts(parts) == ["part at 3"] and line(parts, linestyle=":")[0] == [3, 3]
    assert texts(never) == [] and len(never.lines) == 2


def table(*rows):
    true, predicted = (pd.Index(["happy", "sad"], name=name) for name in ("true", "predicted"))
    return pd.DataFrame(rows, true, predicted)


def test_confusion_matrices_are_shares_of_the_true_class_and_their_difference():
    matrices = {"CE": table([30, 10], [5, 5]), "focal": table([20, 20], [1, 9])}
    figure = plots.confusion_matrices(matrices)
    shares = [np.array(axis.collections[0].get_array()).reshape(2, 2) for axis in figure.axes]
    assert shares[0] == pytest.approx(np.array([[75, 25], [50, 50]]))
    assert shares[1] == pytest.approx(np.array([[50, 50], [10, 90]]))
    assert shares[2] == pytest.approx(np.array([[-25, 25], [-40, 40]]))
    assert [axis.get_title() for axis in figure.axes] == ["CE", "focal", "focal − CE"]
    assert texts(figure.axes[0]) == ["75.0", "25.0", "50.0", "50.0"]
    assert texts(figure.axes[2]) == ["-25.0", "+25.0", "-40.0", "+40.0"]
    first = figure.axes[0]
    assert (first.get_ylabel(), first.get_xlabel()) == ("true", "predicted")
    assert [label.get_text() for label in first.get_yticklabels()] == ["happy", "sad"]
    assert figure.axes[2].collections[0].get_clim() == pytest.approx((-40, 40))


def test_one_confusion_matrix_or_three_have_no_difference():
    matrices = {name: table([1, 1], [1, 1]) for name in "abc"}
    assert len(plots.confusion_matrices(matrices).axes) == 3
    assert len(plots.confusion_matrices({"a": matrices["a"]}).axes) == 1


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
    figure = plots.paired_seeds(scores, reported)
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
    figure = plots.paired_seeds(scored("class", rows), reported, by="class")
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
    figure = plots.forest(pd.DataFrame(rows), reported)
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
    left, right = plots.gammas(accuracy, errors).axes
    assert line(left, marker="o") == [[0, 0, 2, 2], [0.5, 0.6, 0.4, 0.6]]
    assert line(left, marker="None") == [[0, 2], pytest.approx([0.55, 0.5])]
    assert line(right, label="raw") == [[0, 2], pytest.approx([0.55, 0.5])]
    assert line(right, label="after temperature scaling") == [[0, 2], pytest.approx([0.2, 0.2])]
    assert line(right, color=COLOURS["val"], marker="o")[1] == [0.1, 0.3, 0.2, 0.2]
    assert (left.get_ylabel(), right.get_ylabel()) == ("accuracy on test", "ECE on test")


def test_reliability_diagrams_set_accuracy_against_confidence():
    bins = pd.DataFrame({"confidence": [0.3, 0.9], "accuracy": [0.2, 0.7], "images": [30, 10]})
    figure = plots.reliability_diagrams({"CE": bins, "focal": bins.assign(accuracy=[0.4, 1.0])})
    (ce, focal), (below, _) = np.reshape(figure.axes, (2, 2))
    assert line(ce, marker="o") == [[0.3, 0.9], [0.2, 0.7]]
    assert line(focal, marker="o") == [[0.3, 0.9], [0.4, 1.0]]
    assert line(ce, linestyle="--") == [[0, 1], [0, 1]]
    assert [bar.get_height() for bar in below.patches] == [0.75, 0.25]
    assert [bar.get_x() + bar.get_width() / 2 for bar in below.patches] == pytest.approx([0.3, 0.9])
    assert (ce.get_title(), focal.get_title(), below.get_xlabel()) == ("CE", "focal", "confidence")
    assert (ce.get_ylabel(), below.get_ylabel()) == ("accuracy", "images")
