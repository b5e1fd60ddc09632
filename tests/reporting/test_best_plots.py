"""Figures of the best network, by the data that they draw."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from fer_utils.reporting import best_plots


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def condition(kind, strength, amount, unit, value, cls=""):
    row = {"kind": kind, "strength": strength, "amount": amount, "unit": unit, "class": cls}
    return row | {"value": value, "low": value - 0.02, "high": value + 0.01}


def test_robustness_draws_each_corruption_from_the_clean_images_on():
    rows = [
        condition("none", 0, 0, "", 0.7),
        condition("none", 0, 0, "", 0.1, cls="sad"),
        condition("blur", 1, 0.5, "pixels (sd)", 0.6),
        condition("blur", 2, 1.5, "pixels (sd)", 0.5),
        condition("noise", 1, 8, "grey levels (sd)", 0.4),
        condition("noise", 1, 8, "grey levels (sd)", 0.2, cls="sad"),
        condition("noise", 2, 16, "grey levels (sd)", 0.3),
        condition("JPEG", 1, 50, "quality", 0.65),
    ]
    figure = best_plots.robustness(pd.DataFrame(rows))
    blur, noise, jpeg, empty = figure.axes
    assert [axis.get_title() for axis in (blur, noise, jpeg)] == ["blur", "noise", "JPEG"]
    assert not empty.axison
    assert blur.lines[0].get_xydata().tolist() == [[0, 0.7], [1, 0.6], [2, 0.5]]
    assert noise.lines[0].get_xydata().tolist() == [[0, 0.7], [1, 0.4], [2, 0.3]]
    assert [label.get_text() for label in blur.get_xticklabels()] == ["clean", "0.5", "1.5"]
    assert blur.get_xlabel() == "pixels (sd)" and jpeg.get_xlabel() == "quality"
    band = blur.collections[0].get_paths()[0].vertices
    at_2 = band[band[:, 0] == 2, 1]
    assert (at_2.min(), at_2.max()) == pytest.approx((0.48, 0.51))


def test_ablation_draws_what_each_ingredient_adds_with_its_interval():
    rows = [
        ("flip", "val", 0.03, 0.01, 0.06), ("flip", "test", 0.02, -0.01, 0.04),
        ("mixup", "val", -0.01, -0.02, 0.0), ("mixup", "test", 0.005, 0.0, 0.01),
    ]  # fmt: skip
    columns = ["ingredient", "split", "mean", "low", "high"]
    figure = best_plots.ablation(pd.DataFrame(rows, columns=columns))
    val, test = figure.axes
    assert (val.get_title(), test.get_title()) == ("validation", "test")
    assert [label.get_text() for label in val.get_yticklabels()] == ["mixup", "flip"]
    assert [bar.get_width() for bar in val.patches] == pytest.approx([-1, 3])
    assert [bar.get_width() for bar in test.patches] == pytest.approx([0.5, 2])
    segments = test.containers[1].lines[2][0].get_segments()
    assert np.array(segments)[:, :, 0] == pytest.approx(np.array([[0, 1], [-1, 4]]))
    assert figure.get_supxlabel() == "full recipe − without it, points of accuracy"


def test_curves_set_validation_accuracy_against_minutes():
    frame = pd.DataFrame(
        {
            "model": ["small_resnet"] * 2 + ["mobilenet_v2"] * 2,
            "epoch": [1, 2] * 2,
            "minutes": [1.0, 2.0, 3.0, 6.0],
            "val_accuracy": [0.3, 0.5, 0.4, 0.6],
        }
    )
    (axis,) = best_plots.curves(frame).axes
    curves = [line.get_xydata().tolist() for line in axis.lines if len(line.get_xdata())]
    assert curves == [[[1, 0.3], [2, 0.5]], [[3, 0.4], [6, 0.6]]]
    names = [text.get_text() for text in axis.get_legend().get_texts()]
    assert names == ["small ResNet", "MobileNetV2"]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("minutes of training", "validation accuracy")
