"""Draws of images: the same for every run, copies of a photograph together."""

import numpy as np
import pandas as pd
import pytest
from analysis.made_up import NO_COPIES, two_class_study, write_audit

from fer_utils.analysis.image_draws import ImageDraws


def study_of(folder, near=NO_COPIES, images=400):
    right = np.arange(images) % 4 > 0
    logits = {run: np.stack([right, ~right], 1).astype(np.float32) for run in "ab"}
    write_audit(folder, near=near)
    return two_class_study(folder, logits, np.zeros(images, int))


def test_an_image_counts_alike_wherever_it_is(tmp_path):
    draws = ImageDraws(study_of(tmp_path), draws=50)
    rows = np.arange(400)
    whole, half = draws.weights(rows), draws.weights(rows[100:300])
    np.testing.assert_array_equal(whole[:, 100:300], half)
    again = ImageDraws(study_of(tmp_path), draws=50).weights(rows)
    np.testing.assert_array_equal(again, whole)
    assert whole.mean() == pytest.approx(1.0, abs=0.02) and whole.var() == pytest.approx(
        1.0, abs=0.05
    )
    assert not np.array_equal(whole[:, 0], whole[:, 1])


def test_copies_are_drawn_together_and_widen_the_spread(tmp_path):
    copies = pd.DataFrame({"row": np.arange(400), "group": np.arange(400) // 4 + 7})
    draws = ImageDraws(study_of(tmp_path / "copied", near=copies))
    weights = draws.weights(np.arange(400))
    assert (weights.reshape(-1, 100, 4) == weights[:, ::4, None]).all()
    values = np.repeat([1.0, 0.0], 200)
    alone = ImageDraws(study_of(tmp_path / "alone"))
    spread = [each.means(np.arange(400), values).std() for each in (draws, alone)]
    assert spread == pytest.approx([0.5 / 10, 0.5 / 20], rel=0.1)


def test_a_group_of_copies_is_no_image_without_one(tmp_path):
    """Row 4 has no copy, and the copies of another photograph are group 5: not the same draws."""
    copies = pd.DataFrame({"row": [0, 1], "group": [5, 5]})
    weights = ImageDraws(study_of(tmp_path, near=copies)).weights(np.array([0, 4]))
    assert not np.array_equal(weights[:, 0], weights[:, 1])


def test_scores_are_those_of_the_run_on_each_draw(tmp_path):
    draws = ImageDraws(study_of(tmp_path), draws=20)
    accuracy = draws.scores("a")["accuracy", ""]
    expected = draws.means(np.arange(400), np.arange(400) % 4 > 0)
    np.testing.assert_allclose(accuracy, expected, rtol=1e-6)
    pd.testing.assert_series_equal(accuracy, draws.scores("b")["accuracy", ""])
    pd.testing.assert_frame_equal(draws.scores("a", "val"), draws.scores("a"))
