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
    assert np.isnan([alone.p_other_than(0), alone.p_within(0.01), alone.detectable]).all()
    nothing = crossed_interval([])
    assert nothing.n == 0 and np.isnan([nothing.mean, nothing.p_above(0)]).all()
    equal = crossed_interval(np.array([0.7, 0.7]), np.full((10, 2), 0.7))
    assert (equal.low, equal.high) == (equal.mean, equal.mean)
    assert equal.p_other_than(0.7) == 1.0 and equal.p_other_than(0.0) == 0.0


def test_without_images_it_is_students_test():
    values = np.random.default_rng(4).normal(0.01, 0.02, 12)
    result = crossed_interval(values)
    expected = stats.ttest_1samp(values, 0.0)
    assert result.p_other_than(0) == pytest.approx(expected.pvalue)
    assert (result.low, result.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert result.p_above(0.0) == pytest.approx(
        stats.ttest_1samp(values, 0, alternative="greater").pvalue
    )


@pytest.mark.parametrize("seed", range(3))
def test_equivalence_is_that_of_statsmodels(seed):
    weightstats = pytest.importorskip("statsmodels.stats.weightstats")
    values = np.random.default_rng(seed).normal(0.003, 0.01, 15)
    expected = weightstats.DescrStatsW(values).ttost_mean(-0.01, 0.01)[0]
    assert crossed_interval(values).p_within(0.01) == pytest.approx(expected)


def test_the_detectable_difference_is_found_in_four_of_five_studies():
    """Also by simulation: seeds and images are drawn anew around a true difference."""
    rng, found, sizes = np.random.default_rng(6), 0, []
    sigma = (0.02, 0.3, 0.6)
    for _ in range(200):
        scores = drawn(rng, 10, 300, sigma)
        sizes.append(crossed_interval(scores.mean(axis=1), resample(scores, rng, 200)).detectable)
    size = float(np.mean(sizes))
    for _ in range(400):
        scores = size + drawn(rng, 10, 300, sigma)
        result = crossed_interval(scores.mean(axis=1), resample(scores, rng, 200))
        found += result.p_other_than(0) < 0.05
    assert 0.72 <= found / 400 <= 0.88
    assert result.power(result.detectable) == pytest.approx(0.8, abs=0.03)
    assert result.power(0.0) == pytest.approx(0.025, abs=0.005)  # on the right side


def test_students_power_is_that_of_statsmodels():
    power = pytest.importorskip("statsmodels.stats.power")
    values = np.random.default_rng(7).normal(0, 1, 8)
    expected = power.TTestPower().power(1.2 / values.std(ddof=1), 8, 0.05, alternative="two-sided")
    assert crossed_interval(values).power(1.2) == pytest.approx(expected, abs=1e-3)
