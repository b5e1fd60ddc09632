"""A network of many classes asked about a few of them, beside networks that were trained on these alone.

All of it from saved predictions, in the form of Results.predictions.
"""

import numpy as np
import pandas as pd

from fer_utils.emotions import TASKS, get_task
from fer_utils.errors import one_of
from fer_utils.evaluation import scores
from fer_utils.results import Results

Predictions = dict[str, np.ndarray]
PARTS = ("val", "test")
TRAINED, RESTRICTED = "trained on the task", "seven classes, restricted"


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
    order = np.argsort(np.concatenate([predictions[f"{part}_rows"] for part in PARTS]), kind="stable")
    return {"classes": predictions["classes"]} | {
        f"test_{name}": np.concatenate([predictions[f"{part}_{name}"] for part in PARTS])[order]
        for name in ("logits", "labels", "rows")
    }


def contenders(study: Results, general: str = "seven") -> dict[tuple[str, str], dict[int, Predictions]]:
    """Who answers which task: predictions by (task, TRAINED or RESTRICTED) and seed.

    TRAINED: as each run has them. RESTRICTED: the networks of task `general` restricted to every smaller task of
    emotions.TASKS, on all images that decided nothing in their runs (with test="private" PublicTest's among them).
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
                    found.setdefault((task.name, RESTRICTED), {})[run.seed] = restricted(unseen, task.classes)
    order = sorted(found, key=lambda key: (len(get_task(key[0]).classes), key[1] == RESTRICTED))
    return {key: found[key] for key in order}


def beside(study: Results, general: str = "seven") -> pd.DataFrame:
    """Networks restricted to a task beside those trained on it: test scores, a row a network and score.

    Columns: task, network, seed, images, metric, class, value. All networks of a task
    are scored on the images that all of them have; a task that none was trained on is left out.
    """
    found = contenders(study, general)
    tables = []
    for task in dict.fromkeys(task for task, _ in found):
        kinds = {kind: found[task, kind] for kind in (TRAINED, RESTRICTED) if (task, kind) in found}
        if len(kinds) < 2:
            continue
        rows = [made["test_rows"] for members in kinds.values() for made in members.values()]
        common = rows[0][np.logical_and.reduce([np.isin(rows[0], other) for other in rows])]
        for kind, members in kinds.items():
            for seed, made in members.items():
                about = {"task": task, "network": kind, "seed": seed, "images": len(common)}
                tables.append(scored(on_rows(made, common)).assign(**about))
    return joined(tables, ["task", "network", "seed", "images"])


def joined(tables: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """One table of these columns and the scores, also where there are no tables."""
    columns = [*columns, "metric", "class", "value"]
    return pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)


def scored(predictions: Predictions) -> pd.DataFrame:
    """evaluation.scores on the test images."""
    return scores(predictions["test_labels"], predictions["test_logits"], predictions["classes"])
