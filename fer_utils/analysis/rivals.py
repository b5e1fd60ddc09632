"""Our networks beside one that others publish, on the same test images (best/rival.npz: benchmarks/rival.py)."""

from pathlib import Path

import numpy as np
import pandas as pd

from fer_utils.analysis.leakage import copied
from fer_utils.analysis.loss_comparison import mean_interval
from fer_utils.analysis.restricted import (
    Predictions,
    contenders,
    on_rows,
    restricted,
)
from fer_utils.errors import FerError
from fer_utils.evaluation.metrics import is_correct
from fer_utils.experiments.results import Results

ALL, FRESH = "all", "no copy"


def read(path: Path) -> Predictions:
    """The rival's logits of all test images, in the form of Results.predictions; and its installed_logits."""
    with np.load(path) as arrays:
        return dict(arrays)


def beside(study: Results, rival: Predictions, resamples: int = 2000) -> pd.DataFrame:
    """Accuracy of a study's networks and of a rival that knows all their classes.

    A row a task, kind of network (see restricted.contenders) and part of its test images: ALL, and FRESH, those
    without a copy in training, since a large network may know such images by heart. Columns: task, network, part,
    images, seeds, installed (the rival on one view of an image, as its package computes it), rival and ours (on the
    image and its mirror image; ours is the mean over seeds) and gain (ours − rival), 0..1; gain_low and gain_high,
    its 95 % interval over images, copies of a photograph drawn together. The rival answers with one of the task's
    classes, on exactly the images that ours were tested on. Raises FerError where its answers are on others.
    """
    rows = []
    for (task, network), members in contenders(study).items():
        first = next(iter(members.values()))
        views = (rival, rival | {"test_logits": rival["installed_logits"]})
        views = [
            on_rows(restricted(view, tuple(map(str, first["classes"]))), first["test_rows"])
            for view in views
        ]
        if not all(
            np.array_equal(views[0][name], first[name]) for name in ("test_rows", "test_labels")
        ):
            raise FerError(
                "the rival answered on another data set than these runs: python benchmarks/rival.py anew"
            )
        both, one = (is_correct(view, "test") for view in views)
        ours = np.mean(
            [is_correct(member, "test") for member in members.values()], axis=0, dtype=np.float32
        )
        fresh = ~copied(study, first["test_rows"])
        for part, kept in ((ALL, np.ones_like(fresh)), (FRESH, fresh)):
            gains = (ours - both)[kept]
            low, high = mean_interval(study, first["test_rows"][kept], gains, resamples)
            about = {
                "task": task,
                "network": network,
                "part": part,
                "images": len(gains),
                "seeds": len(members),
            }
            about |= {
                "installed": one[kept].mean(),
                "rival": both[kept].mean(),
                "ours": ours[kept].mean(),
            }
            rows.append(about | {"gain": gains.mean(), "gain_low": low, "gain_high": high})
    return pd.DataFrame(rows)
