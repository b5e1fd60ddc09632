"""Our networks beside one that others publish, on the same test images (best/rival.npz: benchmarks/rival.py)."""

from pathlib import Path

import numpy as np
import pandas as pd

from fer_utils.evaluation import right
from fer_utils.evidence import photographs
from fer_utils.restricted import Predictions, contenders, on_rows, restricted
from fer_utils.results import Results
from fer_utils.significance import bootstrap


def read(path: Path) -> Predictions:
    """The rival's logits of all test images, in the form of Results.predictions."""
    with np.load(path) as arrays:
        return dict(arrays)


def beside(study: Results, rival: Predictions, resamples: int = 2000) -> pd.DataFrame:
    """Accuracy of a study's networks and of a rival that knows all their classes.

    A row a task and kind of network (see restricted.contenders). Columns: task, network, images, seeds, rival, ours
    (mean over seeds) and gain (ours − rival), 0..1; gain_low and gain_high, its 95 % interval over images, copies
    of a photograph drawn together. The rival answers with one of the task's classes, on exactly the images that
    ours were tested on.
    """
    rows = []
    for (task, network), members in contenders(study).items():
        first = next(iter(members.values()))
        theirs = on_rows(restricted(rival, tuple(map(str, first["classes"]))), first["test_rows"])
        hits = np.mean([right(member, "test") for member in members.values()], axis=0, dtype=np.float32)
        theirs_hit = right(theirs, "test")
        differences = hits - theirs_hit

        def gain(weights: np.ndarray, differences=differences) -> np.ndarray:
            return (weights @ differences / weights.sum(1))[:, None]

        low, high = bootstrap(gain, photographs(study, first["test_rows"]), resamples)
        about = {"task": task, "network": network, "images": len(hits), "seeds": len(members)}
        both = {"rival": theirs_hit.mean(), "ours": hits.mean(), "gain": differences.mean()}
        rows.append(about | both | {"gain_low": low.item(), "gain_high": high.item()})
    return pd.DataFrame(rows)
