"""A network of many classes asked about a few of them, beside networks that were trained on these alone.

All of it from saved predictions, in the form of Results.predictions.
"""

from functools import reduce

import numpy as np
import pandas as pd

from fer_utils.analysis.loss_comparison import mean_interval
from fer_utils.data.tasks import TASKS, get_task
from fer_utils.errors import one_of
from fer_utils.evaluation.metrics import is_correct
from fer_utils.experiments.results import Results

Predictions = dict[str, np.ndarray]
PARTS = ("val", "test")
TRAINED, RESTRICTED = "trained on the task", "seven classes, restricted"
COLUMNS = (
    *("task", "images", "trained_seeds", "restricted_seeds"),
    *("trained", "restricted", "gain", "gain_low", "gain_high"),
)


def restricted(predictions: Predictions, classes: tuple[str, ...]) -> Predictions:
    """Predictions on the images of these classes alone, with no other answer allowed: logits in their order.

    A softmax of what is left is the probability given that one of the classes is right.
    """
    known = [str(name) for name in predictions["classes"]]
    columns = [known.index(one_of(name, known, "class of this network")) for name in classes]
    position = np.full(len(known), -1)
    position[columns] = range(len(columns))
    made = {"classes": np.array(classes)}
    for part in (part for part in PARTS if f"{part}_rows" in predictions):
        labels = position[predictions[f"{part}_labels"]]
        kept = labels >= 0
        made[f"{part}_labels"] = labels[kept]
        made[f"{part}_logits"] = predictions[f"{part}_logits"][kept][:, columns]
        made[f"{part}_rows"] = predictions[f"{part}_rows"][kept]
    return made


def on_rows(predictions: Predictions, rows: np.ndarray) -> Predictions:
    """The test predictions on these rows of the data set alone, in stored order."""
    kept = np.isin(predictions["test_rows"], rows)
    return {"classes": predictions["classes"]} | {
        f"test_{name}": predictions[f"test_{name}"][kept] for name in ("logits", "labels", "rows")
    }


def untouched(predictions: Predictions, select: str, patience: int, schedule: str) -> Predictions:
    """The test predictions, with those on the images of validation where these decided nothing in the run.

    They do decide where the best epoch is tested, where training stops early, and where the learning rate follows
    the loss on them. Elsewhere they were only looked at, so that they are as good a test as any. In stored order.
    """
    if select != "last" or patience or schedule == "plateau":
        return on_rows(predictions, predictions["test_rows"])
    order = np.argsort(
        np.concatenate([predictions[f"{part}_rows"] for part in PARTS]), kind="stable"
    )
    return {"classes": predictions["classes"]} | {
        f"test_{name}": np.concatenate([predictions[f"{part}_{name}"] for part in PARTS])[order]
        for name in ("logits", "labels", "rows")
    }


def contenders(
    study: Results, general: str = "seven"
) -> dict[tuple[str, str], dict[int, Predictions]]:
    """Who answers which task: predictions by (task, TRAINED or RESTRICTED) and seed.

    TRAINED: as each run has them. RESTRICTED: the networks of task `general` restricted to every smaller task of
    tasks.TASKS, on all images that decided nothing in their runs (with test="private" PublicTest's among them).
    Tasks of few classes come first.
    """
    found: dict[tuple[str, str], dict[int, Predictions]] = {}
    for run in study.runs.itertuples():
        made = study.predictions(run.run)
        found.setdefault((run.task, TRAINED), {})[run.seed] = made
        if run.task == general:
            unseen = untouched(made, run.select, run.patience, run.schedule)
            for task in TASKS.values():
                if task.name != general and set(task.classes) < set(get_task(general).classes):
                    found.setdefault((task.name, RESTRICTED), {})[run.seed] = restricted(
                        unseen, task.classes
                    )
    order = sorted(found, key=lambda key: (len(get_task(key[0]).classes), key[1] == RESTRICTED))
    return {key: found[key] for key in order}


def beside(study: Results, general: str = "seven") -> pd.DataFrame:
    """Networks restricted to a task beside those trained on it, by accuracy on test, 0..1: a row a task.

    Columns: COLUMNS; gain is restricted − trained (means over their seeds), with its 95 % interval over images. All
    are scored on the images that all of them have; a task that none was trained on is left out.
    """
    found = contenders(study, general)
    rows = []
    for task in dict.fromkeys(task for task, _ in found):
        kinds = [list(found.get((task, kind), {}).values()) for kind in (TRAINED, RESTRICTED)]
        if not all(kinds):
            continue
        common = reduce(
            np.intersect1d, [made["test_rows"] for members in kinds for made in members]
        )
        few, many = (
            np.mean([is_correct(on_rows(made, common), "test") for made in members], axis=0)
            for members in kinds
        )
        low, high = mean_interval(study, common, many - few)
        shares = (few.mean(), many.mean(), (many - few).mean(), low, high)
        rows.append((task, len(common), *map(len, kinds), *shares))
    return pd.DataFrame(rows, columns=COLUMNS)
