"""Is a difference more than chance? Intervals over images, tests between two models, paired tests over seeds.

Two sources of chance are kept apart: another draw of test images (bootstrap, McNemar) and another random seed
(paired seeds). Neither stands in for the other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

EXACT = 2**14  # sign flips are enumerated up to this many, and drawn at random beyond


@dataclass(frozen=True)
class Paired:
    """Differences b − a over paired seeds: their mean with a 95 % t-interval, and two-sided tests of 0.

    p_signflip: exact randomisation test (Fisher 1935), assumes only symmetry. p_wilcoxon: signed ranks.
    wins: the share of pairs in which b is better, a tie counting half: an estimate of P(b > a).
    """

    n: int
    mean: float
    low: float
    high: float
    p_signflip: float
    p_wilcoxon: float
    wins: float


def paired_seeds(a: Sequence[float], b: Sequence[float]) -> Paired:
    """Compares two scores measured with the same seeds, in the same order; NaN where fewer than 2 are."""
    difference = np.asarray(b, float) - np.asarray(a, float)
    n, mean = len(difference), difference.mean() if len(difference) else np.nan
    if n < 2:
        return Paired(n, mean, np.nan, np.nan, np.nan, np.nan, np.nan)
    if not difference.any():
        return Paired(n, 0.0, 0.0, 0.0, 1.0, 1.0, 0.5)
    half = t_half_width(difference)
    flips = {"permutation_type": "samples", "n_resamples": EXACT, "rng": np.random.default_rng(0)}
    p_signflip = stats.permutation_test((difference,), np.mean, **flips).pvalue
    wins = (difference > 0).mean() + (difference == 0).mean() / 2
    return Paired(n, mean, mean - half, mean + half, p_signflip, stats.wilcoxon(difference).pvalue, wins)


def t_half_width(values: Sequence[float], more: int = 0) -> float:
    """Half of the 95 % t-interval of the mean of `values`; NaN for fewer than 2.

    more=1: half of the prediction interval, where one more value would lie.
    """
    n = len(values)
    return np.nan if n < 2 else float(stats.t.ppf(0.975, n - 1) * np.std(values, ddof=1) * np.sqrt(more + 1 / n))


def mcnemar(right_a: np.ndarray, right_b: np.ndarray) -> float:
    """Exact two-sided p-value that two models are equally often right on the same images (McNemar 1947).

    right_a, right_b: bool, one entry an image. Only images on which exactly one model is right count.
    """
    only_a = int((right_a & ~right_b).sum())
    only_b = int((~right_a & right_b).sum())
    return stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0


def below(difference: Sequence[float], margin: float) -> float:
    """p-value of a one-sided t-test that the mean difference over seeds is margin or more; NaN for fewer than 2."""
    if len(difference) < 2:
        return np.nan
    return float(stats.ttest_1samp(difference, margin, alternative="less").pvalue)


def equivalence(difference: Sequence[float], margin: float) -> float:
    """p-value that the mean difference over seeds lies outside ±margin: two one-sided t-tests (Schuirmann 1987).

    Small values say that whatever difference there is, is smaller than the margin. NaN for fewer than 2 seeds.
    """
    return max(below(difference, margin), below([-d for d in difference], margin))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """p-values adjusted for a family of tests, in the given order (Holm 1979)."""
    p = np.nan_to_num(np.asarray(p_values, float), nan=1.0)
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def bootstrap(
    statistic: Callable[[np.ndarray], np.ndarray], groups: np.ndarray, resamples: int = 2000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends of 95 % percentile intervals over resampled images (Efron 1979).

    statistic: takes weights, float32, resamples×N (how often each image was drawn), and gives resamples×M values;
    the ends have the shape M. groups: int, one an image; images of a group (copies of one photograph) are drawn
    together, since they are not independent.
    """
    rng = np.random.default_rng(seed)
    _, group = np.unique(groups, return_inverse=True)
    n = group.max() + 1
    draws = rng.multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float32)
    low, high = np.nanpercentile(statistic(draws[:, group]), [2.5, 97.5], axis=0)
    return low, high
