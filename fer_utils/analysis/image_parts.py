"""The mean of a score on parts of the images, with the interval that fits who was scored."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from fer_utils.evaluation.crossed import crossed_interval
from fer_utils.evaluation.statistics import resample


def means(
    scores: np.ndarray,
    parts: Mapping[str, np.ndarray],
    groups: np.ndarray,
    fixed: bool = False,
    resamples: int = 2000,
) -> pd.DataFrame:
    """The mean score on each part of the images, one row per part.

    Parameters
    ----------
    scores
        S×I, shares of 1 or differences of them: one row per seed; of whoever has no seed I values.
        NaN: the image has no score, whatever the seed, and does not count.
    parts
        Which images each part has: bool, I, by its name.
    groups
        int, I: images of a group (copies of a photograph) are drawn together.
    fixed
        The score is of something that no seed changes: people, or one given network.
    resamples
        Draws of images.

    Returns
    -------
    DataFrame
        - part, images: those with a score;
        - mean: over images and seeds; NaN for a part without images;
        - low, high: its 95 % interval. Fixed: for other images. Else for other images and other
          seeds at once (`crossed_interval`), NaN for a single seed.
    """
    scores = np.atleast_2d(scores).astype(float)
    scored = ~np.isnan(scores).any(axis=0)
    scores = np.where(scored, scores, 0)
    inside = np.column_stack(list(parts.values())).astype(np.float32)  # images×parts
    inside *= scored[:, None]
    columns = (scores.astype(np.float32)[:, None, :] * inside.T).reshape(-1, len(groups)).T

    def of_draws(weights: np.ndarray) -> np.ndarray:
        sums = (weights @ columns).reshape(len(weights), len(scores), -1)
        return sums / (weights @ inside)[:, None, :]

    with np.errstate(invalid="ignore"):  # a part may have no image, in a draw or at all
        drawn = resample(of_draws, groups, resamples)
        values = scores @ inside.astype(float) / inside.sum(axis=0)
    rows = []
    for position, part in enumerate(parts):
        images = int(inside[:, position].sum())
        low, high = np.nan, np.nan
        if images and fixed:
            low, high = np.nanpercentile(drawn[:, 0, position], [2.5, 97.5])
        elif images:
            interval = crossed_interval(values[:, position], drawn[:, :, position])
            low, high = interval.low, interval.high
        rows.append((part, images, values[:, position].mean(), low, high))
    return pd.DataFrame(rows, columns=["part", "images", "mean", "low", "high"])
