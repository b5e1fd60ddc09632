"""Charts of scores, by the data that they draw, from frames of a few rows."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from drawn import legend, line, texts

from fer_utils.reporting import plots
from fer_utils.reporting.figures import COLOURS


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


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


def test_a_confusion_matrix_of_many_classes_has_room_for_its_numbers():
    four, seven = (
        plots.confusion_matrices({"all": pd.DataFrame(np.eye(n), columns=list("abcdefg")[:n])})
        for n in (4, 7)
    )
    width = {figure: figure.get_size_inches()[0] for figure in (four, seven)}
    assert width[four] == 2.12 and width[seven] / 7 >= 0.45
    turned = [figure.axes[0].get_xticklabels()[0].get_rotation() for figure in (four, seven)]
    assert turned == [0, 90]


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
