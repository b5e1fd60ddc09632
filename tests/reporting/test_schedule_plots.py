"""The learning rate over the epochs, and which stages learn when."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from fer_utils.reporting import schedule_plots
from fer_utils.reporting.figures import COLOURS


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_the_rate_of_each_step_stands_at_its_epoch_and_the_peak_is_marked():
    (axis,) = schedule_plots.learning_rate([0.1, 0.4, 0.2, 0.0], epochs=2).axes
    curve, peak = axis.lines
    assert curve.get_xydata().tolist() == [[0, 0.1], [0.5, 0.4], [1, 0.2], [1.5, 0]]
    assert peak.get_xydata().tolist() == [[0.5, 0.4]]
    assert [text.get_text() for text in axis.texts] == ["peak 0.4"]


def test_stages_are_frozen_until_they_learn():
    rows = [("small_resnet", 1, "head"), ("small_resnet", 3, "stem head"), ("cnn", 1, "stem head")]
    schedule = pd.DataFrame(rows, columns=["model", "epoch", "learning"])
    first, second = schedule_plots.unfreezing(schedule, epochs=4).axes
    assert first.get_title() == "small ResNet"
    assert [label.get_text() for label in first.get_yticklabels()] == ["stem", "head"]
    green = COLOURS["val"].lower()
    bars = [
        (bar.get_y() > 0.5, bar.get_x(), bar.get_width(), to_hex(bar.get_facecolor()) == green)
        for bar in first.patches
    ]
    # stem learns in epochs 3 and 4 and is frozen before, the head learns in all four
    assert sorted(bars) == [(False, 1, 2, False), (False, 3, 2, True), (True, 1, 4, True)]
    assert len(second.patches) == 2
