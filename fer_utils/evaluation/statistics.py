"""Is a difference more than chance? Paired seeds, tests on the same images, and corrections.

There are two sources of chance, another random seed and another draw of test images, and an
interval has to hold for both (`crossed`). What asks about one of them alone says so.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import stats

from fer_utils.evaluation.crossed import crossed_interval

MARGIN = 0.01  # a difference below one point is small: no effect that a user would notice
EXACT = 22  # seeds up to which all sign flips are enumerated: 2^21 sums are 16 MB
DRAWN = 2**17  # sign flips of more seeds


@dataclass(frozen=True)
class Paired:
    """Differences b − a over paired seeds; all but `n` and `mean` are NaN for a single pair.

    Attributes
    ----------
    n : number of pairs
    mean : of the differences
    low, high : 95 % interval of the mean, for other seeds and other images (`crossed_interval`)
    seeds, images : the standard error of the mean from each source alone
    p : two-sided test of 0 with both sources
    p_equivalent : test of the mean lying within ±MARGIN (TOST), with both sources
    detectable : the difference that `p` would find in four of five studies like this one
    p_signflip : two-sided exact randomisation test of 0 over the seeds (Fisher 1935), which assumes
        only that differences lie symmetrically around their mean
    p_wilcoxon : two-sided signed-rank test of 0 over the seeds
    wins : share of pairs in which b is higher, a tie counting half: an estimate of P(b > a)
    wins_low, wins_high : its 95 % interval (Wilson 1927)
    """

    n: int
    mean: float
    low: float
    high: float
    seeds: float
    images: float
    p: float
    p_equivalent: float
    detectable: float
    p_signflip: float
    p_wilcoxon: float
    wins: float
    wins_low: float
    wins_high: float


def paired_seeds(
    a: Sequence[float], b: Sequence[float], resampled: np.ndarray | None = None
) -> Paired:
    """Compares two scores measured with the same seeds, in the same order.

    Parameters
    ----------
    resampled : b − a on draws of the images, draws×pairs; None: where every seed has images of its
        own, or only the seeds' chance is asked for
    """
    difference = np.asarray(b, float) - np.asarray(a, float)
    n = len(difference)
    both = crossed_interval(difference, resampled)
    if n < 2:
        over_seeds = {name: np.nan for name in ("p_signflip", "p_wilcoxon", "wins")}
        over_seeds |= {"wins_low": np.nan, "wins_high": np.nan}
    else:
        wins = float((difference > 0).mean() + (difference == 0).mean() / 2)
        low, high = wilson(wins, n)
        # SciPy's signed ranks leave out differences of 0, and none would stay
        p_wilcoxon = float(stats.wilcoxon(difference).pvalue) if difference.any() else 1.0
        over_seeds = {"p_signflip": signflip(difference), "p_wilcoxon": p_wilcoxon, "wins": wins}
        over_seeds |= {"wins_low": low, "wins_high": high}
    return Paired(
        n=n,
        mean=both.mean,
        low=both.low,
        high=both.high,
        seeds=both.seeds,
        images=both.images,
        p=both.p_other_than(0.0),
        p_equivalent=both.p_within(MARGIN),
        detectable=both.detectable,
        **over_seeds,
    )


def wilson(share: float, n: int) -> tuple[float, float]:
    """The 95 % interval of a share of n independent cases (Wilson 1927)."""
    z2 = float(stats.norm.ppf(0.975)) ** 2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * share * (1 - share) / n + z2**2 / (4 * n**2)) / (1 + z2 / n)
    return centre - half, centre + half


def signflip(difference: Sequence[float], threshold: float = 0.0) -> float:
    """Two-sided p-value of the mean of differences over seeds being `threshold` (Fisher 1935).

    The share of all sign flips of (difference − threshold) whose sum is as far from 0 as the one
    that was measured: at least 2/2^n, where all n differences lie on one side. It assumes only that
    differences lie symmetrically around their mean. Up to EXACT seeds all flips are enumerated;
    of more, DRAWN are drawn at random, always the same ones. NaN for fewer than 2 seeds.
    """
    shifted = np.asarray(difference, float) - threshold
    n = len(shifted)
    if n < 2:
        return np.nan
    if n <= EXACT:
        sums = shifted[:1]  # the other half of the flips has the same sums, negated
        for value in shifted[1:]:
            sums = np.concatenate([sums + value, sums - value])
    else:
        rng = np.random.default_rng(0)
        sums = rng.choice([-1.0, 1.0], (DRAWN, n)) @ shifted
    # accuracies are whole numbers of images, so that sums tie, which rounding must not hide
    tie = 1e-9 * np.abs(shifted).sum()
    return float((np.abs(sums) >= abs(shifted.sum()) - tie).mean())


def t_half_width(values: Sequence[float], more: int = 0) -> float:
    """Half of the 95 % t-interval of the mean of `values`; NaN for fewer than 2.

    more=1: half of the prediction interval, where one more value would lie.
    """
    n = len(values)
    if n < 2:
        return np.nan
    t = stats.t.ppf(0.975, n - 1)
    return float(t * np.std(values, ddof=1) * np.sqrt(more + 1 / n))


def mcnemar(right_a: np.ndarray, right_b: np.ndarray) -> float:
    """Exact two-sided p-value that two models are equally often right on the same images.

    Only images on which exactly one of them is right count (McNemar 1947). Images are taken for
    independent.

    Parameters
    ----------
    right_a, right_b : bool, one entry per image
    """
    only_a = int((right_a & ~right_b).sum())
    only_b = int((~right_a & right_b).sum())
    discordant = only_a + only_b
    return float(stats.binomtest(only_a, discordant).pvalue) if discordant else 1.0


def holm(p_values: Sequence[float]) -> np.ndarray:
    """p-values adjusted for a family of tests, in the given order (Holm 1979).

    NaN counts as 1: a test that could not be made still belongs to the family.
    """
    p = np.nan_to_num(np.asarray(p_values, float), nan=1.0)
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


def bootstrap(
    statistic: Callable[[np.ndarray], np.ndarray],
    groups: np.ndarray,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper ends of 95 % percentile intervals over resampled images (Efron 1979).

    Parameters
    ----------
    statistic : takes weights, float32, resamples×images (how often each image was drawn), and gives
        resamples×M values; one that is NaN in a resample is left out there
    groups : int, one per image. Images of a group (copies of one photograph) are drawn together,
        since they are not independent.

    Returns
    -------
    low, high : each of the shape M
    """
    low, high = np.nanpercentile(resample(statistic, groups, resamples, seed), [2.5, 97.5], axis=0)
    return low, high


def resample(
    statistic: Callable[[np.ndarray], np.ndarray],
    groups: np.ndarray,
    resamples: int = 2000,
    seed: int = 0,
) -> np.ndarray:
    """What `bootstrap` takes its percentiles of: the statistic on every draw, resamples×M."""
    _, group = np.unique(groups, return_inverse=True)
    return statistic(_drawn(group.astype(np.int64).tobytes(), resamples, seed))


@lru_cache(maxsize=4)  # of the same images many statistics are asked one after another
def _drawn(group_bytes: bytes, resamples: int, seed: int) -> np.ndarray:
    """How often each image was drawn, float32, resamples×images; the groups: int64, 0, 1, …

    They come as bytes since a cache needs what can be hashed.
    """
    group = np.frombuffer(group_bytes, np.int64)
    n = group.max() + 1
    rng, shares = np.random.default_rng(seed), np.full(n, 1 / n)
    weights = np.empty((resamples, len(group)), np.float32)
    for row in weights:  # one by one: all of them as int64 take longer to copy than to draw
        row[:] = rng.multinomial(n, shares)[group]
    weights.flags.writeable = False  # the cache hands out the same array again
    return weights
