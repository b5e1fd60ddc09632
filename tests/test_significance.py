"""Tests of the tests: published worked examples, known answers, and the rate of false alarms."""

import numpy as np
import pytest
from scipy import stats

from fer_utils.evaluation import statistics
from fer_utils.evaluation.statistics import (
    equivalence,
    holm,
    mcnemar,
    paired_seeds,
)

# Darwin's pairs of crossed and self-fertilised maize, eighths of an inch (Fisher, The Design of Experiments, 1935)
DARWIN = [49, -67, 8, 16, 6, 23, 28, 41, 14, 29, 56, 24, 75, 60, -48]


def test_fishers_randomisation_test_of_darwins_maize(monkeypatch):
    monkeypatch.setattr(statistics, "EXACT", 2**16)  # 15 pairs: 32,768 sign flips, all of them
    result = paired_seeds(np.zeros(15), DARWIN)
    assert result.p_signflip == pytest.approx(2 * 863 / 32768)
    assert result.mean == pytest.approx(314 / 15)
    t = result.mean / ((result.high - result.mean) / 2.145)  # Fisher: t = 2.148 with 14 degrees of freedom
    assert t == pytest.approx(2.148, abs=2e-3)


def test_fourteen_pairs_are_enumerated():
    """2^14 sign flips: the p-value is a whole number of them, the same whatever the random numbers."""
    result = paired_seeds(np.zeros(14), DARWIN[:14])
    flips = np.array(np.meshgrid(*[[-1, 1]] * 14)).reshape(14, -1)
    means = np.abs(np.array(DARWIN[:14]) @ flips)
    assert result.p_signflip == pytest.approx((means >= abs(sum(DARWIN[:14])) - 1e-9).mean(), abs=1e-12)


def test_mcnemar_on_a_published_table():
    """McNemar's test of a treatment, 121/59/33/80: χ² = 7.35, p = 0.007; the exact test is a little wider."""
    a = np.repeat([True, True, False, False], [121, 59, 33, 80])
    b = np.repeat([True, False, True, False], [121, 59, 33, 80])
    assert mcnemar(a, b) == pytest.approx(0.0067, abs=0.003) and mcnemar(a, b) > 0.0067
    assert mcnemar(b, a) == pytest.approx(mcnemar(a, b))
    assert mcnemar(a, a) == 1.0


def test_holm_by_hand():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, 0.005]), [0.03, 0.06, 0.06, 0.02])
    np.testing.assert_allclose(holm([0.6, 0.9]), [1.0, 1.0])


def test_a_clear_difference_is_found_and_signed():
    a = np.array([0.60, 0.61, 0.59, 0.62, 0.60, 0.61, 0.58, 0.60, 0.61, 0.59])
    result = paired_seeds(a, a + 0.02 + np.linspace(-0.005, 0.005, 10))
    assert result.low > 0 and result.mean == pytest.approx(0.02)
    assert result.p_signflip == pytest.approx(2 / 2**10) and result.wins == 1.0


def test_equal_scores_are_no_difference():
    result = paired_seeds([0.5, 0.6], [0.5, 0.6])
    assert (result.mean, result.p_signflip, result.p_wilcoxon, result.wins) == (0.0, 1.0, 1.0, 0.5)


def test_one_seed_tells_nothing():
    assert np.isnan(paired_seeds([0.5], [0.6]).p_signflip) and np.isnan(paired_seeds([], []).mean)
    np.testing.assert_allclose(holm([np.nan, 0.02]), [1.0, 0.04])


def test_no_effect_is_called_one_in_about_a_twentieth_of_cases():
    rng = np.random.default_rng(0)
    results = [paired_seeds(*rng.normal(0.6, 0.02, (2, 10))) for _ in range(600)]
    rates = [np.mean([r.p_signflip < 0.05 for r in results]), np.mean([not r.low <= 0 <= r.high for r in results])]
    assert all(0.03 <= rate <= 0.07 for rate in rates), rates


def test_equivalence_is_two_one_sided_t_tests():
    """Differences of 1 to 5 with margin 6 : the t statistics are (3 ± 6) / (s / √5) with s = √2.5."""
    p = equivalence([1, 2, 3, 4, 5], 6)
    assert p == pytest.approx(stats.t.sf(3 / np.sqrt(0.5), 4))
    assert equivalence([1, 2, 3, 4, 5], 3.0) == pytest.approx(0.5)  # the mean lies on the margin
    assert np.isnan(equivalence([1.0], 1.0))


def test_equivalence_is_claimed_wrongly_one_in_twenty_times_at_the_margin():
    rng = np.random.default_rng(1)
    rate = np.mean([equivalence(rng.normal(0.01, 0.004, 10), 0.01) < 0.05 for _ in range(1000)])
    assert 0.035 <= rate <= 0.065


def accuracy_of(right: np.ndarray):
    return lambda weights: weights @ right.astype(np.float32) / weights.sum(1)


def test_bootstrap_of_an_accuracy_is_the_binomial_interval():
    right = np.repeat([1.0, 0.0], [300, 200])
    low, high = statistics.bootstrap(accuracy_of(right), np.arange(500))
    half = 1.96 * np.sqrt(0.6 * 0.4 / 500)
    assert low == pytest.approx(0.6 - half, abs=0.005) and high == pytest.approx(0.6 + half, abs=0.005)


def test_bootstrap_holds_the_truth_in_95_of_100_cases():
    rng = np.random.default_rng(0)
    held = []
    for _ in range(200):
        low, high = statistics.bootstrap(accuracy_of(rng.random(300) < 0.7), np.arange(300), resamples=500)
        held.append(low <= 0.7 <= high)
    assert 0.91 <= np.mean(held) <= 0.985


def test_copies_widen_the_interval():
    """Every image four times: 500 images tell no more than 125."""
    right = np.repeat(np.repeat([1.0, 0.0], [75, 50]), 4)
    groups = np.repeat(np.arange(125), 4)
    low, high = statistics.bootstrap(accuracy_of(right), groups)
    half = 1.96 * np.sqrt(0.6 * 0.4 / 125)
    assert (high - low) / 2 == pytest.approx(half, rel=0.08)
