"""Bootstrap draws of images, the same for all runs, and the runs' scores on them.

In a draw each photograph counts 0, 1, 2, … times, by a Poisson distribution of mean 1 (the Poisson
bootstrap: Hanley and MacGibbon 2006). The draws of a photograph depend on nothing but its number,
so that it counts alike wherever it is: for every seed, both losses, two classes and four.
"""

import numpy as np
import pandas as pd

from fer_utils.analysis.leakage import photographs
from fer_utils.evaluation.metrics import resampled_scores
from fer_utils.experiments.results import Results

DRAWS = 1000  # the standard error of images is then known to 2 %


class ImageDraws:
    """Draws of the images that the runs of `results` are scored on.

    Raises FerError if the audit, which knows the copies of each photograph, is missing or of other
    data than the runs.
    """

    def __init__(self, results: Results, draws: int = DRAWS):
        self.results, self.draws = results, draws
        self._photographs: dict[int, np.ndarray] = {}  # counts by group number: uint8, draws
        self._weights: tuple[bytes, np.ndarray] = (b"", np.empty(0))
        self._scores: dict[tuple[str, str], pd.DataFrame] = {}

    def weights(self, rows: np.ndarray) -> np.ndarray:
        """How often each image counts in each draw: float32, draws×N.

        Parameters
        ----------
        rows
            The images' rows of the data set: int, N. Copies of a photograph are drawn together.
        """
        key = rows.astype(np.int64).tobytes()
        if self._weights[0] != key:  # runs come ordered by task, so that the last one mostly serves
            groups = photographs(self.results, rows)
            for group in {*groups.tolist()} - self._photographs.keys():
                # a generator of its own for each; negative numbers are those without a copy
                rng = np.random.default_rng([abs(group), group < 0])
                self._photographs[group] = rng.poisson(1.0, self.draws).astype(np.uint8)
            counts = np.stack([self._photographs[group] for group in groups.tolist()], axis=1)
            self._weights = key, counts.astype(np.float32)
        return self._weights[1]

    def scores(self, run: str, part: str = "test") -> pd.DataFrame:
        """The scores of a run on every draw: one row per draw, as `resampled_scores` gives them.

        Parameters
        ----------
        part
            "test" or "val".
        """
        if (run, part) not in self._scores:
            stored = self.results.predictions(run)
            labels, logits, rows = (
                stored[f"{part}_{name}"] for name in ("labels", "logits", "rows")
            )
            weights = self.weights(rows)
            classes = stored["classes"].tolist()
            self._scores[run, part] = resampled_scores(labels, logits, classes, weights)
        return self._scores[run, part]

    def means(self, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
        """The mean of one value per image (N) on every draw: float, one per draw."""
        weights = self.weights(rows)
        return weights @ values.astype(np.float32) / weights.sum(axis=1)
