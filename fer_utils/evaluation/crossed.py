"""Intervals that hold for other seeds and other test images at once.

Every seed answers the same images, so a score of seed s on image i is a mean, an effect of the
seed, an effect of the image, and what both make together:

    score(s, i) = mean + seed(s) + image(i) + both(s, i)

The variance of the mean over S seeds and I images is then σ²_seed/S + σ²_image/I + σ²_both/(S·I):
the two-way crossed random-effects model (Cornfield and Tukey 1956). Seeds are compared directly;
images are drawn anew by the bootstrap, whose draws serve any metric, macro F1 as well as accuracy.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Crossed:
    """A mean over seeds with its 95 % interval, and what each source alone contributes to it.

    seeds, images: the standard error if the other source did not vary.
    """

    mean: float
    low: float
    high: float
    seeds: float
    images: float


def crossed_interval(values: np.ndarray, resampled: np.ndarray) -> Crossed:
    """The interval of the mean of a score, or of a difference between scores, for both sources.

    Parameters
    ----------
    values
        S: the score of each seed on the test images.
    resampled
        R×S: the same on R bootstrap draws of the images, the same draw for all seeds of a row
        (copies of a photograph drawn together).

    Returns
    -------
    Crossed
        NaN ends for fewer than two seeds: how much these vary is then not known.

    Notes
    -----
    With V the variance over seeds, A the mean of the seeds' own bootstrap variances and B the
    bootstrap variance of their mean: V/S holds σ²_seed/S and σ²_both/(SI), B holds σ²_image/I and
    σ²_both/(SI), and (A − B)/(S − 1) is this σ²_both/(SI), which is taken off once. The degrees of
    freedom are Satterthwaite's; only the S seeds are so few that they matter.
    """
    values, resampled = np.asarray(values, float), np.asarray(resampled, float)
    count, mean = len(values), float(np.mean(values))
    images = float(np.var(resampled.mean(axis=1), ddof=1))
    if count < 2:
        return Crossed(mean, np.nan, np.nan, np.nan, np.sqrt(images))
    seeds = float(np.var(values, ddof=1)) / count
    both = (float(np.var(resampled, axis=0, ddof=1).mean()) - images) / (count - 1)
    # estimates of a variance may fall below what one source alone gives; the sum never does
    total = max(seeds + images - both, seeds, images)
    if total == 0:
        return Crossed(mean, mean, mean, 0.0, 0.0)
    freedom = (count - 1) * (total / seeds) ** 2 if seeds else np.inf
    half = float(stats.t.ppf(0.975, freedom)) * np.sqrt(total)
    only_seeds, only_images = max(seeds - both, 0.0), max(images - both, 0.0)
    return Crossed(mean, mean - half, mean + half, np.sqrt(only_seeds), np.sqrt(only_images))
