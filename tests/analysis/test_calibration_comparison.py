"""Calibration of runs whose logits are made up."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from analysis.made_up import NO_COPIES, two_class_study, write_audit, write_predictions

from fer_utils.analysis import calibration_comparison
from fer_utils.analysis.image_draws import ImageDraws
from fer_utils.evaluation import calibration, metrics
from fer_utils.evaluation.calibration import expected_calibration_error, negative_log_likelihood
from fer_utils.evaluation.metrics import probabilities
from fer_utils.evaluation.statistics import paired_seeds

COLUMNS = ["run", "task", "loss", "gamma", "seed"]
MEASURES = ["temperature", "ece", "nll", "brier", "ece_scaled", "nll_scaled", "brier_scaled"]


@pytest.fixture
def study(tmp_path):
    """Of both runs three answers in four are right; run a knows this, and run b is surer."""
    labels = np.tile([0, 0, 0, 1], 100)
    honest = np.tile(np.log([0.75, 0.25]), (400, 1))
    logits = {"a": honest, "b": 4 * honest}
    return two_class_study(tmp_path, logits, labels, ["cross_entropy", "focal"])


def test_calibration_of_each_run_stands_beside_its_settings(study):
    table = calibration_comparison.calibrations(study)
    assert list(table) == COLUMNS + MEASURES
    pd.testing.assert_frame_equal(table[COLUMNS], study.runs[COLUMNS])
    honest, sure = table.to_dict("records")
    assert [honest["temperature"], sure["temperature"]] == pytest.approx([1, 4], rel=0.01)
    assert honest["ece"] == pytest.approx(0, abs=1e-6)
    logits, labels = (study.predictions("b")[f"test_{name}"] for name in ("logits", "labels"))
    assert sure["ece"] == expected_calibration_error(probabilities(logits), labels)
    assert sure["nll"] == negative_log_likelihood(logits, labels)
    for measure in ("ece_scaled", "nll_scaled"):  # scaled, the two are one
        assert sure[measure] == pytest.approx(honest[measure], abs=1e-3)


def test_a_selection_of_runs_keeps_each_runs_own_calibration(study):
    """Its rows have other numbers than their positions."""
    whole, alone = (
        calibration_comparison.calibrations(of) for of in (study, study.select(run="b"))
    )
    pd.testing.assert_frame_equal(alone, whole.query("run == 'b'").reset_index(drop=True))


def test_differences_pair_the_seeds_of_a_task_that_have_both_losses():
    errors = {"cross_entropy": [0.10, 0.20, 0.30], "focal": [0.05, 0.12, 0.28, 0.99]}
    table = pd.concat(
        pd.DataFrame({"task": task, "loss": loss, "seed": range(len(values)), "ece": values})
        for task in ("binary", "seven")
        for loss, values in errors.items()
    )
    table.loc[table["task"] == "seven", "ece"] *= 0.5
    table["ece_scaled"] = 0.3 - table["ece"]
    table = table.assign(run="", nll=1.0, brier=1.0, nll_scaled=1.0, brier_scaled=1.0)
    differences = calibration_comparison.calibration_differences(table)
    assert (differences.iloc[4:]["mean"] == 0).all()
    differences = differences.head(4)
    keys = differences[["figure", "task"]].to_numpy().tolist()
    assert keys == [[e, t] for e in ("ece", "ece_scaled") for t in ("binary", "seven")]
    assert differences["n"].tolist() == [3] * 4
    assert differences["mean"].tolist() == pytest.approx([-0.05, -0.025, 0.05, 0.025])
    expected = paired_seeds(errors["cross_entropy"], errors["focal"][:3])
    assert differences.iloc[0][["p_signflip", "low"]].tolist() == [
        expected.p_signflip,
        expected.low,
    ]


def test_reliability_is_that_of_test(study, tmp_path):
    """Of the validation images of this run no answer is right."""
    predictions = study.predictions("a") | {"val_labels": np.ones(400, int)}
    write_predictions(tmp_path, "c", predictions | {"test_labels": np.zeros(400, int)})
    alone = dataclasses.replace(study, runs=study.runs.head(1).assign(run="c"))
    assert calibration_comparison.pooled_reliability(alone)["accuracy"].tolist() == [1.0]


def test_reliability_counts_an_image_once_per_run(study):
    table = calibration_comparison.pooled_reliability(study)
    assert list(table) == ["bin", "confidence", "accuracy", "images"]
    sure = 81 / 82  # 0.75⁴ / (0.75⁴ + 0.25⁴)
    assert table["images"].tolist() == [400, 400]
    assert table["confidence"].tolist() == pytest.approx([0.75, sure])
    assert table["accuracy"].tolist() == pytest.approx([0.75, 0.75])


def test_calibration_on_draws_of_the_images(study):
    """With equal weights it is that of the images; a weight of 2 is an image twice."""
    predictions = study.predictions("a")
    labels, logits = predictions["test_labels"].astype(int), predictions["test_logits"] * 1.5
    probability = metrics.probabilities(logits)
    weights = np.random.default_rng(0).integers(0, 3, (2, len(labels))).astype(np.float32)
    weights[0] = 1
    resampled = calibration.resampled_calibration_error(probability, labels, weights)
    for row, counts in zip(resampled, weights.astype(int), strict=True):
        twice = np.repeat(probability, counts, 0), np.repeat(labels, counts)
        assert row == pytest.approx(calibration.expected_calibration_error(*twice), rel=1e-4)


def test_brier_scores_by_hand():
    probability = np.array([[0.8, 0.2], [0.1, 0.9], [1.0, 0.0]])
    assert calibration.brier_scores(probability, np.array([0, 0, 1])) == pytest.approx(
        [0.08, 1.62, 2]
    )


def test_differences_have_intervals_for_other_images_where_there_are_draws(tmp_path):
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 300)
    logits = {
        run: rng.normal(size=(300, 2)).astype(np.float32) * (1 + i) for i, run in enumerate("abcd")
    }
    made = two_class_study(tmp_path, logits, labels, ["cross_entropy", "focal"] * 2)
    made.runs["seed"] = [0, 0, 1, 1]
    write_audit(tmp_path, near=NO_COPIES)
    table = calibration_comparison.calibrations(made)
    draws = ImageDraws(made, draws=200)
    both = calibration_comparison.calibration_differences(table, draws)
    alone = calibration_comparison.calibration_differences(table)
    assert len(both) == 6 and (both["low"] != alone["low"]).any() and not alone["images"].any()
    pd.testing.assert_series_equal(both["mean"], alone["mean"])
