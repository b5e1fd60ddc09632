"""Means on parts of the images, where the interval can be told without drawing."""

import numpy as np
import pytest

from fer_utils.analysis import image_parts
from fer_utils.evaluation.crossed import crossed_interval
from fer_utils.evaluation.statistics import bootstrap, resample

GROUPS = np.arange(40)
FIRST = GROUPS < 10
PARTS = {"all": FIRST | True, "first": FIRST, "none": FIRST & False}


def test_a_fixed_answerer_has_the_interval_of_the_bootstrap():
    right = np.arange(40) % 3 == 0
    table = image_parts.means(right, PARTS, GROUPS, fixed=True).set_index("part")
    assert table["images"].to_dict() == {"all": 40, "first": 10, "none": 0}
    assert table.loc["all", "mean"] == right.mean() and table.loc["first", "mean"] == 0.4
    expected = bootstrap(lambda w: w @ right.astype(np.float32) / w.sum(1), GROUPS)
    assert table.loc["all", ["low", "high"]].tolist() == pytest.approx(expected, abs=1e-6)
    assert table.loc["none", ["mean", "low", "high"]].isna().all()


def test_copies_are_drawn_together():
    right = np.arange(40) % 2
    alone = image_parts.means(right, PARTS, GROUPS, fixed=True).set_index("part").loc["all"]
    table = image_parts.means(right, PARTS, GROUPS // 2, fixed=True).set_index("part").loc["all"]
    assert (table["low"], table["high"]) == (0.5, 0.5) and alone["low"] < 0.45


def test_seeds_have_the_interval_for_both_sources_of_chance():
    rng = np.random.default_rng(0)
    right = rng.random((4, 40)) < rng.random(40)
    table = image_parts.means(right, PARTS, GROUPS).set_index("part")
    drawn = resample(lambda w: (w[:, :10] @ right[:, :10].T) / w[:, :10].sum(1)[:, None], GROUPS)
    expected = crossed_interval(right[:, :10].mean(axis=1), drawn)
    found = table.loc["first", ["mean", "low", "high"]].tolist()
    assert found == pytest.approx([expected.mean, expected.low, expected.high], abs=1e-6)
    assert image_parts.means(right[:1], PARTS, GROUPS)[["low", "high"]].isna().all(axis=None)


def test_an_image_without_a_score_does_not_count():
    scores = np.where(GROUPS < 5, np.nan, GROUPS >= 30)
    table = image_parts.means(scores, PARTS, GROUPS, fixed=True).set_index("part")
    assert table["images"].to_dict() == {"all": 35, "first": 5, "none": 0}
    assert table.loc["all", "mean"] == pytest.approx(10 / 35) and table.loc["first", "mean"] == 0
