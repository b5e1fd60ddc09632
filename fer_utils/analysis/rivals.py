"""Our networks beside one that others publish, on the same test images.

Its answers stand in best/rival.npz, which benchmarks/rival.py makes.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from fer_utils.analysis.leakage import copied
from fer_utils.analysis.loss_comparison import mean_interval
from fer_utils.analysis.restricted import Predictions, contenders, on_rows, restricted
from fer_utils.errors import FerError
from fer_utils.evaluation.metrics import is_correct
from fer_utils.experiments.results import Results

ALL, FRESH = "all", "no copy"  # parts of the test images


def read(path: Path) -> Predictions:
    """The rival's answers on all test images of the data set.

    Returns
    -------
    Predictions
        classes, test_logits (of an image and its mirror image), test_labels, test_rows; and
        installed_logits, of one view of an image, as the rival's package computes them.
    """
    with np.load(path) as arrays:
        return dict(arrays)


def beside(study: Results, rival: Predictions, resamples: int = 2000) -> pd.DataFrame:
    """Accuracy of a study's networks and of a rival that knows all their classes.

    The rival answers with one of the task's classes, on the very images that ours were tested on.

    Parameters
    ----------
    rival
        As `read` returns it.
    resamples
        Draws of images for the intervals.

    Returns
    -------
    DataFrame
        One row per task, kind of network and part of its test images; accuracies are 0..1.

        - task, network: as of `restricted.contenders`;
        - part: ALL, or FRESH, the images without a copy in training: a large network may know the
          others by heart;
        - images, seeds: how many test images the part has, and how many networks are ours;
        - installed: the rival on one view of an image, as its package computes it;
        - rival, ours: on the image and its mirror image; ours is the mean over the seeds;
        - gain, gain_low, gain_high: ours − rival, with its 95 % interval over images, copies of a
          photograph drawn together.

    Raises
    ------
    FerError
        If the rival's answers are on other images than those of the runs.
    """
    one_view = rival | {"test_logits": rival["installed_logits"]}
    rows = []
    for (task, network), members in contenders(study).items():
        first = next(iter(members.values()))  # all seeds have the same test images
        classes, images = tuple(map(str, first["classes"])), first["test_rows"]
        mirrored, installed = (
            on_rows(restricted(answers, classes), images) for answers in (rival, one_view)
        )
        # rows alone would not do: another order of the same data set has the same row numbers
        if not all(np.array_equal(mirrored[n], first[n]) for n in ("test_rows", "test_labels")):
            raise FerError(
                "the rival answered on another data set than these runs: "
                "python benchmarks/rival.py anew"
            )
        right, right_installed = is_correct(mirrored, "test"), is_correct(installed, "test")
        hits = np.stack([is_correct(member, "test") for member in members.values()])
        accuracy_of_ours = hits.mean(axis=0, dtype=np.float32)
        fresh = ~copied(study, images)
        for part, kept in ((ALL, np.ones_like(fresh)), (FRESH, fresh)):
            gains = (accuracy_of_ours - right)[kept]
            low, high = mean_interval(study, images[kept], gains, resamples)
            row = {
                "task": task,
                "network": network,
                "part": part,
                "images": len(gains),
                "seeds": len(members),
                "installed": right_installed[kept].mean(),
                "rival": right[kept].mean(),
                "ours": accuracy_of_ours[kept].mean(),
            }
            rows.append(row | {"gain": gains.mean(), "gain_low": low, "gain_high": high})
    return pd.DataFrame(rows)
