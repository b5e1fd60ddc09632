"""Intervals over seeds and images at once: against the model that makes the data."""

import numpy as np
import pytest
from scipy import stats

from fer_utils.evaluation.crossed import crossed_interval


def resample(scores, rng, draws):
    """R×S means of S×I scores over bootstrap draws of the images."""
    images = scores.shape[1]
    weights = rng.multinomial(images, np.full(images, 1 / images), size=draws)
    return weights @ scores.T / images


def drawn(rng, seeds, images, sigma):
    """S×I scores of the crossed model with mean 0 and these standard deviations."""
    of_seed, of_image, of_both = sigma
    return (
        of_seed * rng.standard_normal((seeds, 1))
        + of_image * rng.standard_normal((1, images))
        + of_both * rng.standard_normal((seeds, images))
    )


@pytest.mark.parametrize(
    "sigma", [(0.3, 0.1, 0.5), (0.01, 2.0, 0.5), (0.1, 1.0, 1.0), (0.0, 1.0, 1.0)]
)
def test_95_of_100_intervals_hold_the_true_mean(sigma):
    rng, inside = np.random.default_rng(0), 0
    for _ in range(400):
        scores = drawn(rng, 5, 100, sigma)
        interval = crossed_interval(scores.mean(axis=1), resample(scores, rng, 200))
        inside += interval.low <= 0 <= interval.high
    assert 0.925 <= inside / 400 <= 0.985


def test_one_source_alone_leaves_too_many_out():
    """What the module is for: an interval over seeds alone, where the images vary as well."""
    rng, inside = np.random.default_rng(0), 0
    for _ in range(400):
        values = drawn(rng, 5, 100, (0.1, 1.0, 1.0)).mean(axis=1)
        half = stats.t.ppf(0.975, 4) * values.std(ddof=1) / np.sqrt(5)
        inside += abs(values.mean()) <= half
    assert inside / 400 < 0.9


def test_the_variance_is_that_of_the_analysis_of_variance():
    """Of a mean, which needs no bootstrap: (MS_seeds + MS_images − MS_both) / (S·I)."""
    scores = drawn(np.random.default_rng(1), 6, 400, (0.3, 1.0, 1.5))
    seeds, images = scores.shape
    by_seed, by_image = scores.mean(axis=1), scores.mean(axis=0)
    rest = scores - by_seed[:, None] - by_image + scores.mean()
    squares = (
        images * by_seed.var(ddof=1)
        + seeds * by_image.var(ddof=1)
        - (rest**2).sum() / ((seeds - 1) * (images - 1))
    )
    expected = np.sqrt(squares / (seeds * images))
    interval = crossed_interval(by_seed, resample(scores, np.random.default_rng(2), 20_000))
    freedom = (seeds - 1) * (expected**2 / (by_seed.var(ddof=1) / seeds)) ** 2
    half = stats.t.ppf(0.975, freedom) * expected
    assert (interval.high - interval.low) / 2 == pytest.approx(half, rel=0.03)


def test_sources_are_told_apart():
    rng = np.random.default_rng(3)
    scores = drawn(rng, 50, 400, (0.2, 2.0, 0.5))
    interval = crossed_interval(scores.mean(axis=1), resample(scores, rng, 2000))
    assert interval.seeds == pytest.approx(0.2 / np.sqrt(50), rel=0.25)
    assert interval.images == pytest.approx(2 / np.sqrt(400), rel=0.1)


def test_one_seed_has_no_interval_and_equal_scores_have_a_point():
    alone = crossed_interval(np.array([0.7]), np.full((10, 1), 0.7))
    assert alone.mean == 0.7 and np.isnan([alone.low, alone.high, alone.seeds]).all()
    equal = crossed_interval(np.array([0.7, 0.7]), np.full((10, 2), 0.7))
    assert (equal.low, equal.high) == (equal.mean, equal.mean)
