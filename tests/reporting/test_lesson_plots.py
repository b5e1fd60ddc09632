"""Figures that explain: what they draw is what was counted."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from reporting.drawn import legend, line, texts

from fer_utils.evaluation.statistics import mcnemar, t_half_width
from fer_utils.reporting import lesson_plots
from fer_utils.reporting.figures import COLOURS


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def of(colour: str) -> str:
    return COLOURS[colour].lower()


def test_right_and_wrong_counts_all_images_in_four_parts():
    a = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], bool)
    b = np.array([1, 1, 0, 0, 1, 0, 0, 0, 0, 0], bool)
    (axis,) = lesson_plots.right_and_wrong(a, b, ("A", "B")).axes
    assert [bar.get_width() for bar in axis.patches] == [2, 2, 1, 5]
    assert [bar.get_x() for bar in axis.patches] == [0, 2, 4, 5]
    assert texts(axis) == ["2", "both right", "2", "only A", "1", "only B", "5", "both wrong"]
    colours = [to_hex(bar.get_facecolor()) for bar in axis.patches]
    assert colours[1:3] == [of("cross_entropy"), of("focal")] and colours[0] == colours[3]


@pytest.mark.parametrize("only_a, only_b", [(40, 60), (60, 40), (5, 7), (10, 10)])
def test_the_coloured_bars_of_the_coin_add_up_to_mcnemars_p(only_a, only_b):
    right_a = np.repeat([True, False], [only_a, only_b])
    (axis,) = lesson_plots.coin_tosses(only_a, only_a + only_b).axes
    coloured = [b.get_height() for b in axis.patches if to_hex(b.get_facecolor()) == of("focal")]
    assert sum(coloured) == pytest.approx(mcnemar(right_a, ~right_a), abs=1e-4)
    assert sum(bar.get_height() for bar in axis.patches) == pytest.approx(1, abs=1e-4)
    assert axis.lines[0].get_xdata()[0] == only_a


def test_differences_fill_the_seeds_that_one_pair_would_call():
    points = pd.Series([1.0, -2.0, 3.0], index=[0, 1, 5])
    figure = lesson_plots.differences(points, np.array([True, False, True]), 2.5)
    (axis,) = figure.axes
    assert line(axis, label="p below 0.05 for this pair of runs") == [[1.0, 3.0], [0, 2]]
    assert line(axis, label="p above 0.05") == [[-2.0], [1]]
    assert line(axis, label="reported") == [[2.5], [4]]
    bar = axis.containers[0]
    ((low, _), (high, _)) = bar.lines[2][0].get_segments()[0]
    half = t_half_width(points)
    assert (low, high) == pytest.approx((2 / 3 - half, 2 / 3 + half))
    assert "mean, 95 %" in legend(figure)


def test_intervals_name_rows_as_they_are_read():
    table = pd.DataFrame(
        {"task": ["binary", "seven"], "figure": ["ece_scaled", "nll"], "mean": [1.0, 2.0]}
    ).assign(low=[0.5, 1.0], high=[1.5, 4.0])
    (axis,) = lesson_plots.intervals(table, ["task", "figure"], "points").axes
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert names == ["two classes, ece scaled", "seven classes, nll"]
    segments = axis.containers[0].lines[2][0].get_segments()
    assert np.array(segments)[:, :, 0].tolist() == [[0.5, 1.5], [1.0, 4.0]]
    zeros = [one for one in axis.lines if list(one.get_xdata()) == [0, 0]]
    assert len(zeros) == 1
    (axis,) = lesson_plots.intervals(table, ["task"], "accuracy", zero=False).axes
    assert not [one for one in axis.lines if list(one.get_xdata()) == [0, 0]]


def test_confused_pairs_are_shares_of_the_true_class_largest_on_top():
    counts = pd.DataFrame([[6, 4], [10, 90]], index=["sad", "happy"], columns=["sad", "happy"])
    (axis,) = lesson_plots.confused_pairs(counts).axes
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert names == ["happy → sad", "sad → happy"]  # the last one is on top
    assert [bar.get_width() for bar in axis.patches] == [0.1, 0.4]
    (axis,) = lesson_plots.confused_pairs(counts, shown=1).axes
    assert [label.get_text() for label in axis.get_yticklabels()] == ["sad → happy"]


def test_an_embedding_has_each_image_once_in_every_panel():
    points = np.array([[0, 0], [1, 1], [2, 2], [3, 3]], float)
    labels = np.array(["sad", "happy", "sad", "sad"])
    right = np.array([True, True, False, True])
    happy, sad = lesson_plots.embedding(points, labels, right).axes
    assert (happy.get_title(), sad.get_title()) == ("happy", "sad")
    assert line(sad, label="right") == [[0, 3], [0, 3]]
    assert line(sad, label="wrong") == [[2], [2]]
    assert line(sad, label="other classes") == [[1], [1]]
    assert line(happy, label="right") == [[1], [1]]


def test_bars_have_one_for_each_column():
    frame = pd.DataFrame({"one": [0.1, 0.2], "two": [0.3, 0.4]}, index=["a", "b"])
    figure = lesson_plots.bars(frame, "share")
    (axis,) = figure.axes
    widths = [[bar.get_width() for bar in container] for container in axis.containers]
    assert widths == [[0.1, 0.2], [0.3, 0.4]]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "b"]
    assert legend(figure) == ["one", "two"] and " 30%" in texts(axis)
    assert not lesson_plots.bars(frame[["one"]], "share").legends
