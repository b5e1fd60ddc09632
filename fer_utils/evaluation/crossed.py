"""Intervals and tests that hold for other seeds and other test images at once.

Every seed answers the same images, so a score of seed s on image i is a mean, an effect of the
seed, an effect of the image, and what both make together:

    score(s, i) = mean + seed(s) + image(i) + both(s, i)

The variance of the mean over S seeds and I images is then σ²_seed/S + σ²_image/I + σ²_both/(S·I):
the two-way crossed random-effects model (Cornfield and Tukey 1956). Seeds are compared directly;
images are drawn anew by the bootstrap, whose draws serve any metric, macro F1 as well as accuracy.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import stats

ALPHA = 0.05  # of every test; intervals hold 1 − ALPHA
POWER = 0.8  # with which `Crossed.detectable` would be found


@dataclass(frozen=True)
class Crossed:
    """A mean over seeds and what is known of it; NaN for fewer than two seeds.

    Attributes
    ----------
    n : seeds.
    mean : of the score, or of a difference between scores.
    error : the standard error of the mean, from both sources.
    freedom : degrees of freedom of `error`; infinite where no seed differs.
    seeds, images : the standard error if the other source did not vary.
    """

    n: int
    mean: float
    error: float
    freedom: float
    seeds: float
    images: float

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval of the mean."""
        return self.mean - self._quantile * self.error

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval of the mean."""
        return self.mean + self._quantile * self.error

    @cached_property
    def _quantile(self) -> float:
        return float(stats.t.ppf(1 - ALPHA / 2, self.freedom))

    def p_above(self, threshold: float) -> float:
        """One-sided p-value: small where the mean lies above `threshold`."""
        return self._p_above(self.mean - threshold)

    def p_below(self, threshold: float) -> float:
        """One-sided p-value: small where the mean lies below `threshold`."""
        return self._p_above(threshold - self.mean)

    def _p_above(self, distance: float) -> float:
        if not self.error:  # equal seeds and equal images: nothing is left to chance
            return 0.5 - float(np.sign(distance)) / 2
        return float(stats.t.sf(distance / self.error, self.freedom))

    def p_other_than(self, threshold: float) -> float:
        """Two-sided p-value of the mean being `threshold`."""
        return 2 * self._p_above(abs(self.mean - threshold))

    def p_within(self, margin: float) -> float:
        """Small where the mean lies between −margin and +margin: two one-sided tests (TOST).

        Schuirmann 1987. The larger of the two p-values.
        """
        return max(self.p_below(margin), self.p_above(-margin))

    @property
    def detectable(self) -> float:
        """The least true difference that the two-sided test would find in four of five studies.

        With as many seeds and images as these, which vary as these do.
        """
        return (self._quantile + float(stats.t.ppf(POWER, self.freedom))) * self.error

    def power(self, difference: float) -> float:
        """The probability with which the two-sided test would find this true difference."""
        if not self.error:
            return 1.0 if difference else ALPHA
        shift = abs(difference) / self.error
        if np.isinf(self.freedom):
            return float(stats.norm.sf(self._quantile - shift))
        return float(stats.nct.sf(self._quantile, self.freedom, shift))


def crossed_interval(values: np.ndarray, resampled: np.ndarray | None = None) -> Crossed:
    """The mean of a score, or of a difference between scores, with both sources of chance.

    Parameters
    ----------
    values
        S: the score of each seed on the test images.
    resampled
        R×S: the same on R bootstrap draws of the images, the same draw for all seeds of a row
        (copies of a photograph drawn together). None where every seed has images of its own, as in
        validation: what these do is then part of what the seeds do.

    Notes
    -----
    With V the variance over seeds, A the mean of the seeds' own bootstrap variances and B the
    bootstrap variance of their mean: V/S holds σ²_seed/S and σ²_both/(SI), B holds σ²_image/I and
    σ²_both/(SI), and (A − B)/(S − 1) is this σ²_both/(SI), which is taken off once. The degrees of
    freedom are Satterthwaite's; only the S seeds are so few that they matter.
    """
    values = np.asarray(values, float)
    count = len(values)
    mean = float(values.mean()) if count else np.nan
    images, own = 0.0, 0.0
    if resampled is not None and count:
        resampled = np.asarray(resampled, float)
        images = float(np.var(resampled.mean(axis=1), ddof=1))
        own = float(np.var(resampled, axis=0, ddof=1).mean())
    if count < 2:
        return Crossed(count, mean, np.nan, np.nan, np.nan, np.sqrt(images))
    seeds = float(np.var(values, ddof=1)) / count
    both = (own - images) / (count - 1)
    # estimates of a variance may fall below what one source alone gives; the sum never does
    total = max(seeds + images - both, seeds, images)
    freedom = (count - 1) * (total / seeds) ** 2 if seeds else np.inf
    only_seeds, only_images = max(seeds - both, 0.0), max(images - both, 0.0)
    return Crossed(count, mean, np.sqrt(total), freedom, np.sqrt(only_seeds), np.sqrt(only_images))
