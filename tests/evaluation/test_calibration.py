"""Calibration on data whose calibration is known."""

import numpy as np
import pytest

from fer_utils.evaluation import calibration
from fer_utils.evaluation.metrics import probabilities


def test_ece_by_hand():
    probability = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.3, 0.7]])
    labels = np.array([0, 1, 0, 1])  # one of the two at 0.9 is right, and so are the others
    expected = (2 * abs(0.9 - 0.5) + abs(0.6 - 1) + abs(0.7 - 1)) / 4
    error = calibration.expected_calibration_error(probability, labels, bins=10)
    assert error == pytest.approx(expected)


@pytest.fixture(scope="module")
def honest():
    """Logits whose softmax is the true probability of the labels."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1.5, (20000, 4))
    drawn = rng.random((20000, 1)) > probabilities(logits).cumsum(1)
    return logits, drawn.sum(1).clip(max=3)


def test_honest_probabilities_are_calibrated(honest):
    logits, labels = honest
    assert calibration.expected_calibration_error(probabilities(logits), labels) < 0.012
    assert calibration.fit_temperature(logits, labels) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_the_temperature_undoes_a_factor(honest, factor):
    logits, labels = honest
    temperature = calibration.fit_temperature(logits * factor, labels)
    assert temperature == pytest.approx(factor, rel=0.03)
    predictions = {f"{part}_logits": logits * factor for part in ("val", "test")}
    predictions |= {f"{part}_labels": labels for part in ("val", "test")}
    values = calibration.calibration(predictions)
    assert values["ece"] > 0.05 > 0.015 > values["ece_scaled"]
    assert values["nll"] > values["nll_scaled"]


def test_certainty_falls_into_the_last_bin():
    table = calibration.reliability(np.array([[1.0, 0.0]]), np.array([0]), bins=15)
    assert table["bin"].tolist() == [14] and table["images"].tolist() == [1]


def test_the_sure_answers_are_right_as_often_as_asked():
    """Of ten answers the eight most confident are right: at 0.9 one wrong one is too many."""
    confidence = np.array([0.99, 0.97, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6])
    probability = np.stack([confidence, 1 - confidence], axis=1)
    labels = np.array([0] * 8 + [1, 1])
    assert calibration.sure_threshold(probability, labels, 0.9) == 0.65
    assert calibration.sure_threshold(probability, labels, 0.85) == 0.6
    assert calibration.sure_threshold(probability, labels, 0.8) == 0.0
    assert calibration.sure_threshold(probability, 1 - labels, 0.9) == 1.0
    ties = np.full((10, 2), 0.5)
    assert calibration.sure_threshold(ties, labels, 0.9) == 1.0  # no threshold parts equal ones
