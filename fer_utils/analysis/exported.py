"""Scores of one network, the exported file, on the images that decided nothing about it.

PublicTest chose it among its seeds, so its scores are of the test part alone. From saved
predictions, in the form of Results.predictions.
"""

import numpy as np
import pandas as pd

from fer_utils.analysis.restricted import Predictions, on_rows, restricted
from fer_utils.analysis.rivals import ALL, FRESH
from fer_utils.analysis.robustness import shares
from fer_utils.data.tasks import TASKS, Task
from fer_utils.errors import FerError
from fer_utils.evaluation import metrics
from fer_utils.evaluation.statistics import bootstrap

METRICS = ("accuracy", "macro_precision", "macro_recall", "macro_f1", "precision", "recall", "f1")


def scores(predictions: Predictions, groups: np.ndarray, resamples: int = 2000) -> pd.DataFrame:
    """Scores on all its classes, and by restriction on those of every smaller task.

    Parameters
    ----------
    groups
        int, one per test image: images of a group are drawn together.
    resamples
        Draws of images for the intervals.

    Returns
    -------
    DataFrame
        - task: tasks of few classes come first; metric; class: empty for what is no class's score;
        - value, low, high: 0..1, with its 95 % interval over images;
        - images: how many the task's, or the class's, test images are.
    """
    group_of = dict(zip(predictions["test_rows"].tolist(), groups, strict=True))
    tables = []
    for task in tasks(predictions):
        asked = restricted(predictions, task.classes)
        labels, logits = asked["test_labels"], asked["test_logits"]
        table = metrics.scores(labels, logits, task.classes)
        support = table[table["metric"] == "support"].set_index("class")["value"].astype(int)
        table = table[table["metric"].isin(METRICS)].reset_index(drop=True)

        def drawn(weights: np.ndarray, asked=asked, task=task, table=table) -> np.ndarray:
            frame = metrics.resampled_scores(
                asked["test_labels"], asked["test_logits"], task.classes, weights
            )
            return frame[list(zip(table["metric"], table["class"], strict=True))].to_numpy()

        members = np.array([group_of[row] for row in asked["test_rows"].tolist()])
        table["low"], table["high"] = bootstrap(drawn, members, resamples)
        table["images"] = table["class"].map(support).fillna(len(labels)).astype(int)
        tables.append(table.assign(task=task.name))
    columns = ["task", "metric", "class", "value", "low", "high", "images"]
    return pd.concat(tables, ignore_index=True)[columns]


def tasks(predictions: Predictions) -> list[Task]:
    """The tasks whose classes the network knows, those of few classes first."""
    known = set(map(str, predictions["classes"]))
    return sorted(
        (task for task in TASKS.values() if set(task.classes) <= known),
        key=lambda task: len(task.classes),
    )


def beside_rival(
    predictions: Predictions, rival: Predictions, groups: np.ndarray, fresh: np.ndarray
) -> pd.DataFrame:
    """The network and a rival on the same test images, both on an image and its mirror image.

    Parameters
    ----------
    rival
        As `rivals.read` returns it.
    groups
        int, one per test image: images of a group are drawn together.
    fresh
        bool, one per test image: without a copy in training.

    Returns
    -------
    DataFrame
        - task; part: ALL, or FRESH; images: how many;
        - rival, ours: accuracy, 0..1; gain, low, high: ours − rival, with its 95 % interval over
          images.

    Raises
    ------
    FerError
        If the rival's answers are on other images.
    """
    rows, tables = predictions["test_rows"], []
    order = {row: place for place, row in enumerate(rows.tolist())}
    for task in tasks(predictions):
        ours = restricted(predictions, task.classes)
        theirs = on_rows(restricted(rival, task.classes), ours["test_rows"])
        if not all(np.array_equal(theirs[n], ours[n]) for n in ("test_rows", "test_labels")):
            raise FerError(
                "the rival answered on another data set than this network: "
                "python benchmarks/rival.py anew"
            )
        places = np.array([order[row] for row in ours["test_rows"].tolist()])
        parts = {ALL: np.ones(len(places), bool), FRESH: fresh[places]}
        parts = {name: mask for name, mask in parts.items() if mask.any()}
        right, of_rival = (
            metrics.is_correct(one, "test").astype(np.float32) for one in (ours, theirs)
        )
        gains = shares((right - of_rival)[None], parts, groups[places])
        table = gains.rename(columns={"value": "gain"}).drop(columns="condition")
        table["rival"] = [of_rival[mask].mean() for mask in parts.values()]
        table["ours"] = [right[mask].mean() for mask in parts.values()]
        tables.append(table.assign(task=task.name))
    columns = ["task", "part", "images", "rival", "ours", "gain", "low", "high"]
    return pd.concat(tables, ignore_index=True)[columns]
