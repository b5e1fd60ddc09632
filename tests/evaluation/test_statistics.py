"""Tests of the tests: published worked examples, known answers, and the rate of false alarms."""

import numpy as np
import pytest

from fer_utils.evaluation import statistics
from fer_utils.evaluation.statistics import (
    holm,
    mcnemar,
    paired_seeds,
    signflip,
    t_half_width,
)

# Darwin's pairs of crossed and self-fertilised maize, eighths of an inch
# (Fisher, The Design of Experiments, 1935)
DARWIN = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]


def test_fishers_randomisation_test_of_darwins_maize():
    result = paired_seeds(np.zeros(15), DARWIN)
    assert result.p_signflip == pytest.approx(2 * 863 / 32768)
    assert result.mean == pytest.approx(314 / 15)
    standard_error = (result.high - result.mean) / 2.145
    t = result.mean / standard_error
    assert t == pytest.approx(2.148, abs=2e-3)  # Fisher's, with 14 degrees of freedom


def test_fourteen_pairs_are_enumerated():
    """2^14 sign flips: the p-value is a whole number of them, whatever the random numbers are."""
    result = paired_seeds(np.zeros(14), DARWIN[:14])
    flips = np.array(np.meshgrid(*[[-1, 1]] * 14)).reshape(14, -1)
    means = np.abs(np.array(DARWIN[:14]) @ flips)
    share = (means >= abs(sum(DARWIN[:14])) - 1e-9).mean()
    assert result.p_signflip == pytest.approx(share, abs=1e-12)


def test_mcnemar_on_a_published_table():
    """McNemar's test of a treatment, 121/59/33/80: χ² = 7.35, p = 0.007.

    The exact test is a little wider.
    """
    a = np.repeat([True, True, False, False], [121, 59, 33, 80])
    b = np.repeat([True, False, True, False], [121, 59, 33, 80])
    assert mcnemar(a, b) == pytest.approx(0.0067, abs=0.003) and mcnemar(a, b) > 0.0067
    assert mcnemar(b, a) == pytest.approx(mcnemar(a, b))
    assert mcnemar(a, a) == 1.0


def test_holm_by_hand():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.6, 0.9]), [1.0, 1.0])


@pytest.mark.parametrize("seed", range(5))
def test_holm_is_that_of_statsmodels(seed):
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    p_values = np.random.default_rng(seed).beta(0.3, 2, 20).round(2)  # rounded: with ties and zeros
    expected = multitest.multipletests(p_values, method="holm")[1]
    np.testing.assert_allclose(holm(p_values), expected, rtol=1e-12)


@pytest.mark.parametrize("images", [7, 25, 200, 2000, 20_000])
def test_mcnemar_is_that_of_statsmodels(images):
    tables = pytest.importorskip("statsmodels.stats.contingency_tables")
    a, b = np.random.default_rng(images).random((2, images)) < [[0.7], [0.75]]
    counts = [[(a & b).sum(), (a & ~b).sum()], [(~a & b).sum(), (~a & ~b).sum()]]
    assert mcnemar(a, b) == pytest.approx(tables.mcnemar(counts, exact=True).pvalue, rel=1e-9)


def test_the_t_interval_is_that_of_statsmodels():
    weightstats = pytest.importorskip("statsmodels.stats.weightstats")
    result = paired_seeds(np.zeros(15), DARWIN)
    expected = weightstats.DescrStatsW(DARWIN).tconfint_mean(alpha=0.05)
    assert (result.low, result.high) == pytest.approx(expected)


def test_signed_ranks_of_darwins_maize():
    """The ranks of the two negative differences add up to 24, which few of all signs fall below."""
    ranks = np.abs(DARWIN).argsort().argsort() + 1
    assert ranks[np.array(DARWIN) < 0].sum() == 24
    sums = ranks @ np.array(np.meshgrid(*[[0, 1]] * 15)).reshape(15, -1)
    expected = 2 * (sums <= 24).mean()
    assert paired_seeds(np.zeros(15), DARWIN).p_wilcoxon == pytest.approx(expected)


def test_a_clear_difference_is_found_and_signed():
    a = np.array([0.60, 0.61, 0.59, 0.62, 0.60, 0.61, 0.58, 0.60, 0.61, 0.59])
    result = paired_seeds(a, a + 0.02 + np.linspace(-0.005, 0.005, 10))
    assert result.low > 0 and result.mean == pytest.approx(0.02)
    assert result.p_signflip == pytest.approx(2 / 2**10) and result.wins == 1.0


def test_equal_scores_are_no_difference():
    result = paired_seeds([0.5, 0.6], [0.5, 0.6])
    assert (result.mean, result.p_signflip, result.p_wilcoxon, result.wins) == (0.0, 1.0, 1.0, 0.5)


def test_a_tie_is_half_a_win():
    assert paired_seeds([0.5, 0.5, 0.5, 0.5], [0.5, 0.6, 0.6, 0.4]).wins == 0.625


def test_intervals_of_the_mean_and_of_one_more_value():
    """Three values of standard deviation 1; Student's t with two degrees of freedom is 4.303."""
    assert t_half_width([1, 2, 3]) == pytest.approx(4.302653 / np.sqrt(3))
    assert t_half_width([1, 2, 3], more=1) == pytest.approx(4.302653 * np.sqrt(4 / 3))
    assert np.isnan(t_half_width([1.0]))


def test_one_seed_tells_nothing():
    assert np.isnan(paired_seeds([0.5], [0.6]).p_signflip) and np.isnan(paired_seeds([], []).mean)
    np.testing.assert_allclose(holm([np.nan, 0.02]), [1.0, 0.04])


def test_no_effect_is_called_one_in_about_a_twentieth_of_cases():
    rng = np.random.default_rng(0)
    results = [paired_seeds(*rng.normal(0.6, 0.02, (2, 10))) for _ in range(600)]
    rates = [
        np.mean([r.p_signflip < 0.05 for r in results]),
        np.mean([not r.low <= 0 <= r.high for r in results]),
    ]
    assert all(0.03 <= rate <= 0.07 for rate in rates), rates


def test_ties_of_whole_numbers_are_not_lost_to_rounding():
    """Differences of accuracies are whole numbers of images: as shares of them they tie alike."""
    images = [1, 5, -5, 4, -1, 5, 3, -5, -4, -3]  # once 1,004 of 1,024 instead of all
    signs = np.array(np.meshgrid(*[[-1, 1]] * 10)).reshape(10, -1)
    counted = np.mean(np.abs(np.array(images) @ signs) >= abs(sum(images)))
    for scale in (1, 5003, 3021):
        assert signflip(np.array(images) / scale) == counted


def test_more_seeds_than_are_enumerated_are_drawn(monkeypatch):
    difference = np.random.default_rng(5).normal(0.005, 0.01, 16)
    exact = signflip(difference)
    monkeypatch.setattr(statistics, "EXACT", 14)
    assert signflip(difference) == pytest.approx(exact, abs=0.01)
    assert signflip(difference) == signflip(difference)


@pytest.mark.parametrize("n", [2, 5, 10, 14])
def test_sign_flips_are_counted(n):
    difference = np.random.default_rng(n).normal(0.005, 0.02, n)
    signs = np.array(np.meshgrid(*[[-1, 1]] * n)).reshape(n, -1)
    for threshold in (0.0, 0.01):
        sums = np.abs((difference - threshold) @ signs)
        share = np.mean(sums >= abs((difference - threshold).sum()) - 1e-12)
        assert signflip(difference, threshold) == pytest.approx(share, abs=1e-12)


def test_sign_flips_of_known_data():
    assert signflip([1, 2, 3]) == 2 / 2**3 and signflip([-1, -2, -3]) == 2 / 2**3
    assert signflip([1, 2, 3], 2) == 1.0 and signflip([4, 5, 6], 3) == 2 / 2**3
    assert signflip([0.01, 0.01], 0.01) == 1.0 and np.isnan(signflip([0.1]))
    assert signflip(np.full(20, 0.1)) < 0.001


@pytest.mark.parametrize("wins, n", [(0, 5), (3, 10), (17, 20), (20, 20)])
def test_the_interval_of_a_share_is_that_of_statsmodels(wins, n):
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    expected = proportion.proportion_confint(wins, n, method="wilson")
    assert statistics.wilson(wins / n, n) == pytest.approx(expected, abs=1e-12)


def test_images_widen_the_interval_and_leave_the_tests_over_seeds_as_they_are():
    a, b = np.full(6, 0.6), 0.6 + np.array([0.010, 0.012, 0.008, 0.011, 0.009, 0.010])
    draws = 0.01 + 0.02 * np.random.default_rng(0).standard_normal((500, 1)) + np.zeros((1, 6))
    alone, both = paired_seeds(a, b), paired_seeds(a, b, resampled=draws)
    assert alone.low > 0 > both.low and alone.p < 0.001 < 0.05 < both.p
    assert (alone.p_signflip, alone.wins) == (both.p_signflip, both.wins) == (2 / 2**6, 1.0)
    assert alone.p_equivalent == pytest.approx(0.5, abs=0.05) and alone.images_error == 0
    assert both.images_error == pytest.approx(0.02, rel=0.1)


def accuracy_of(right: np.ndarray):
    return lambda weights: weights @ right.astype(np.float32) / weights.sum(1)


def test_bootstrap_of_an_accuracy_is_the_binomial_interval():
    right = np.repeat([1.0, 0.0], [300, 200])
    low, high = statistics.bootstrap(accuracy_of(right), np.arange(500))
    half = 1.96 * np.sqrt(0.6 * 0.4 / 500)
    assert (low, high) == pytest.approx((0.6 - half, 0.6 + half), abs=0.005)


def test_copies_widen_the_interval():
    """Every image four times: 500 images tell no more than 125."""
    right = np.repeat(np.repeat([1.0, 0.0], [75, 50]), 4)
    groups = np.repeat(np.arange(125), 4)
    low, high = statistics.bootstrap(accuracy_of(right), groups)
    half = 1.96 * np.sqrt(0.6 * 0.4 / 125)
    assert (high - low) / 2 == pytest.approx(half, rel=0.08)
