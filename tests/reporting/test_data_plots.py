"""What preprocessing does to a face, and the share of test images with a copy in training."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from fer_utils.reporting import data_plots


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_preparation_shows_each_step_with_its_size_and_histogram():
    steps = {"stored": np.array([[0, 255], [255, 255]]), "scaled": np.array([[0.0, 1.0]])}
    figure = data_plots.preparation(steps)
    pictures, histograms = figure.axes[:2], figure.axes[2:]
    assert [axis.get_title() for axis in pictures] == ["stored", "scaled"]
    assert [axis.get_xlabel() for axis in pictures] == ["2×2", "1×2"]
    counts = [bar.get_height() for bar in histograms[0].patches]
    assert counts[0] == 1 and counts[-1] == 3 and sum(counts) == 4


def test_leaked_counts_test_images_that_have_a_copy_outside():
    copies = pd.DataFrame(
        [
            ("happy", "PrivateTest", True),
            ("happy", "PublicTest", True),
            ("happy", "Training", True),  # no test image
            ("sad", "PrivateTest", False),  # a copy inside the test splits alone
        ],
        columns=["label", "split", "leaked"],
    )
    counts = pd.DataFrame(
        {"Training": [90, 90], "PublicTest": [3, 2], "PrivateTest": [5, 2]}, index=["happy", "sad"]
    )
    assert data_plots.leaked(copies, counts).to_dict() == {"happy": 2 / 8, "sad": 0}


def test_leaks_have_a_bar_for_each_class_and_kind():
    shares = pd.DataFrame({"identical": [0.1, 0.2], "near": [0.3, 0.4]}, index=["happy", "sad"])
    (axis,) = data_plots.leaks(shares).axes
    assert [[bar.get_height() for bar in group] for group in axis.containers] == [
        [0.1, 0.2],
        [0.3, 0.4],
    ]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["happy", "sad"]
