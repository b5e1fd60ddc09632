"""A network of many classes asked about a few of them, beside networks trained on these alone.

All of it from saved predictions, in the form of Results.predictions.
"""

from functools import reduce

import numpy as np
import pandas as pd

from fer_utils.analysis import image_parts
from fer_utils.analysis.leakage import photographs
from fer_utils.data.tasks import TASKS, get_task
from fer_utils.errors import one_of
from fer_utils.evaluation.metrics import is_correct
from fer_utils.experiments.results import Results

Predictions = dict[str, np.ndarray]
PARTS = ("val", "test")
TRAINED, RESTRICTED = "trained on the task", "seven classes, restricted"
COLUMNS = (
    *("task", "images", "seeds", "trained", "restricted"),
    *("gain", "gain_low", "gain_high"),
)


def restricted(predictions: Predictions, classes: tuple[str, ...]) -> Predictions:
    """Predictions on the images of these classes alone, with no other answer allowed.

    Returns
    -------
    Predictions
        Logits in the order of `classes`; their softmax is the probability given that one of these
        is right.

    Raises
    ------
    FerError
        If the network does not know one of the classes.
    """
    known = [str(name) for name in predictions["classes"]]
    columns = [known.index(one_of(name, known, "class of this network")) for name in classes]
    position = np.full(len(known), -1)  # of each known class among `classes`; −1: not among them
    position[columns] = range(len(columns))
    among_these = {"classes": np.array(classes)}
    for part in (part for part in PARTS if f"{part}_rows" in predictions):
        labels = position[predictions[f"{part}_labels"]]
        kept = labels >= 0
        among_these[f"{part}_labels"] = labels[kept]
        among_these[f"{part}_logits"] = predictions[f"{part}_logits"][kept][:, columns]
        among_these[f"{part}_rows"] = predictions[f"{part}_rows"][kept]
    return among_these


def on_rows(predictions: Predictions, rows: np.ndarray) -> Predictions:
    """The test predictions on these rows of the data set alone, in stored order."""
    # a mask keeps the stored order, which is the same for all networks: hits can be paired
    kept = np.isin(predictions["test_rows"], rows)
    return {"classes": predictions["classes"]} | {
        f"test_{name}": predictions[f"test_{name}"][kept] for name in ("logits", "labels", "rows")
    }


def untouched(predictions: Predictions, select: str, patience: int, schedule: str) -> Predictions:
    """The test predictions, with those on validation where validation decided nothing in the run.

    It does decide where the best epoch is tested, where training stops early, and where the
    learning rate follows the validation loss. Elsewhere its images were only looked at, so that
    they are as good a test as any.

    Parameters
    ----------
    select, patience, schedule
        Settings of the run.

    Returns
    -------
    Predictions
        Of part test alone, in stored order.
    """
    if select != "last" or patience or schedule == "plateau":
        return on_rows(predictions, predictions["test_rows"])
    rows = np.concatenate([predictions[f"{part}_rows"] for part in PARTS])
    order = np.argsort(rows, kind="stable")
    return {"classes": predictions["classes"]} | {
        f"test_{name}": np.concatenate([predictions[f"{part}_{name}"] for part in PARTS])[order]
        for name in ("logits", "labels", "rows")
    }


def contenders(
    study: Results, general: str = "seven"
) -> dict[tuple[str, str], dict[int, Predictions]]:
    """Which networks answer which task.

    Parameters
    ----------
    general
        The task whose networks are asked about smaller tasks too.

    Returns
    -------
    dict
        Predictions by seed, by task and kind of network; tasks of few classes come first. TRAINED:
        as each run has them. RESTRICTED: the networks of `general` restricted to every smaller
        task of `tasks.TASKS`, on all images that decided nothing in their runs (with test="private"
        PublicTest's among them).
    """
    all_classes = set(get_task(general).classes)
    smaller = [task for task in TASKS.values() if set(task.classes) < all_classes]
    members: dict[tuple[str, str], dict[int, Predictions]] = {}
    for run in study.runs.itertuples():
        predictions = study.predictions(run.run)
        members.setdefault((run.task, TRAINED), {})[run.seed] = predictions
        if run.task == general:
            # more images than the run's own test split, so the two kinds have unlike numbers
            unseen = untouched(predictions, run.select, run.patience, run.schedule)
            for task in smaller:
                of_seeds = members.setdefault((task.name, RESTRICTED), {})
                of_seeds[run.seed] = restricted(unseen, task.classes)
    # the networks trained on a task before those restricted to it, as tables print them
    order = sorted(members, key=lambda key: (len(get_task(key[0]).classes), key[1] == RESTRICTED))
    return {key: members[key] for key in order}


def beside(study: Results, general: str = "seven") -> pd.DataFrame:
    """Networks restricted to a task beside those trained on it, one row per task.

    A task that none was trained on is left out.

    Returns
    -------
    DataFrame
        - task;
        - images: the test images that all of these networks have, on which all are scored;
        - seeds: those that networks of both kinds have; others are left out;
        - trained, restricted: accuracy, mean over the seeds, 0..1;
        - gain, gain_low, gain_high: restricted − trained, with its 95 % interval for other seeds
          and other images (NaN for a single seed).
    """
    members = contenders(study, general)
    rows = []
    for task in dict.fromkeys(task for task, _ in members):
        kinds = [members.get((task, kind), {}) for kind in (TRAINED, RESTRICTED)]
        seeds = sorted(kinds[0].keys() & kinds[1].keys())
        if not seeds:  # nothing to compare with
            continue
        # the two kinds are tested on unlike parts of the data set
        tested = [networks[seed]["test_rows"] for networks in kinds for seed in seeds]
        common = reduce(np.intersect1d, tested)
        few, many = (
            np.stack([is_correct(on_rows(networks[seed], common), "test") for seed in seeds])
            for networks in kinds
        )
        everything, groups = {"all": np.ones(len(common), bool)}, photographs(study, common)
        gain = image_parts.means(many.astype(int) - few, everything, groups).iloc[0]
        row = (task, len(common), len(seeds), few.mean(), many.mean())
        rows.append((*row, gain["mean"], gain["low"], gain["high"]))
    return pd.DataFrame(rows, columns=COLUMNS)
