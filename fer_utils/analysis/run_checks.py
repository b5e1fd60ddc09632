"""Do the files of a run agree with each other, and with the data set that it was made from?

What they say is computed again from the run's logits, in plain NumPy: by the functions that wrote
them it would prove nothing.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import pandas as pd

from fer_utils import io
from fer_utils.data.dataset import TEST_SPLITS, Faces
from fer_utils.data.tasks import get_task
from fer_utils.errors import FerError
from fer_utils.experiments import runner
from fer_utils.experiments.run_files import LAST, Predictions
from fer_utils.training.experiment import Experiment

FILES = (
    "config.json", "history.csv", "metrics.csv", "confusion.csv", "predictions.npz", "done.json",
)  # fmt: skip
SAME = 1e-9  # how far a score may lie from the one computed here: sums in another order
UNREADABLE = (ValueError, KeyError, TypeError, OSError, BadZipFile, FerError)
Scores = dict[tuple[str, str], float]  # by metric and class, "" for a metric of all classes


def of_run(folder: Path, faces: Faces | None, counts: Counter[str]) -> list[str]:
    """What is wrong with the run in `folder`, one line for each thing.

    Parameters
    ----------
    faces : the data set; None: rows and labels are compared with nothing
    counts : is added to: how many scores, answers and rows were compared
    """
    missing = [name for name in FILES if not (folder / name).exists()]
    if "done.json" in missing and "metrics.csv" in missing:  # it is being computed
        counts["unfinished_runs"] += 1
        return []
    if missing:
        return [f"lacks {', '.join(missing)}"]
    try:
        return list(_complaints(folder, faces, counts))
    except UNREADABLE as error:
        return [f"cannot be read: {error}"]


def scores(labels: np.ndarray, logits: np.ndarray, classes: list[str]) -> tuple[Scores, np.ndarray]:
    """What metrics.csv must say of a split, and its confusion matrix, without scikit-learn.

    Parameters
    ----------
    labels : int, one per image
    logits : float, images×classes

    Returns
    -------
    Scores by metric and class, 0..1 (support: images); counts, true class×predicted class.
    """
    count = len(classes)
    matrix = np.zeros((count, count), int)
    np.add.at(matrix, (labels, logits.argmax(axis=1)), 1)
    hits, true, predicted = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
    by_class = {
        "precision": hits / np.maximum(predicted, 1),
        "recall": hits / np.maximum(true, 1),
        "f1": 2 * hits / np.maximum(true + predicted, 1),
    }
    values: Scores = {("accuracy", ""): hits.sum() / len(labels)}
    if count > 2:
        # of equal logits the later class comes first, as scikit-learn has it
        two_best = np.argsort(logits, axis=1, kind="stable")[:, -2:]
        values["top2_accuracy", ""] = (two_best == labels[:, None]).any(axis=1).mean()
    for metric, of_classes in by_class.items():
        values[f"macro_{metric}", ""] = of_classes.mean()
        values[f"weighted_{metric}", ""] = (of_classes * true).sum() / len(labels)
    for metric, of_classes in (by_class | {"support": true}).items():
        values |= {(metric, cls): of_classes[i] for i, cls in enumerate(classes)}
    return values, matrix


def _complaints(folder: Path, faces: Faces | None, counts: Counter[str]) -> Iterator[str]:
    config = io.read_json(folder / "config.json")
    with np.load(folder / "predictions.npz") as arrays:
        predictions = dict(arrays)
    experiment = Experiment(**config["experiment"])
    yield from _of_settings(folder, config, experiment, predictions)
    # runs that were begun before segments were noted have their hardware alone
    commits = [part["commit"] for part in config.get("segments", [config["hardware"]])]
    counts["runs_of_uncommitted_code"] += any(commit.endswith("+") for commit in commits)
    counts["runs_of_unknown_code"] += "unknown" in commits
    yield from _of_scores(folder, predictions, counts)
    yield from _of_rows(config, experiment, predictions, faces, counts)


def _of_settings(
    folder: Path, config: dict, experiment: Experiment, predictions: Predictions
) -> Iterator[str]:
    names = {folder.name, experiment.id, io.read_json(folder / "done.json")["id"]}
    if len(names) > 1:
        yield f"folder, settings and done.json give several ids: {', '.join(sorted(names))}"
    if experiment.dataset != folder.parents[1].name:
        yield f"its settings name data set {experiment.dataset!r}"
    known = (list(get_task(experiment.task).classes), predictions["classes"].tolist())
    if any(config["classes"] != classes for classes in known):
        yield "the classes of task, config.json and predictions.npz differ"
    for part in ("val", "test"):
        images = len(predictions[f"{part}_rows"])
        if config["images"][part] != images:
            yield f"config.json counts {config['images'][part]} {part} images, there are {images}"
    if (experiment.select == "both") != ("test_last_logits" in predictions):
        yield f"select is {experiment.select}, which is not what predictions.npz has logits of"
    epochs = pd.read_csv(folder / "history.csv")["epoch"].tolist()
    complete = len(epochs) == experiment.epochs or (experiment.patience and epochs)
    if epochs != list(range(1, len(epochs) + 1)) or not complete:
        yield f"history.csv has not the epochs 1 to {experiment.epochs}"


def _of_scores(folder: Path, predictions: Predictions, counts: Counter[str]) -> Iterator[str]:
    """metrics.csv and confusion.csv against the logits."""
    classes = predictions["classes"].tolist()
    # a class may be called NA
    written = pd.read_csv(folder / "metrics.csv", dtype={"class": str}, keep_default_na=False)
    matrix = np.array([])
    both = "test_last_logits" in predictions  # those of the last epoch beside the best
    for part in (*(("val_last", "test_last") if both else ()), "val", "test"):
        labels = predictions[f"{part.removesuffix(LAST)}_labels"]
        logits = predictions[f"{part}_logits"]
        if logits.shape != (len(labels), len(classes)) or not np.isfinite(logits).all():
            yield f"its {part} logits are not {len(labels)}×{len(classes)} finite numbers"
            return
        given, matrix = scores(labels, logits, classes)
        rows = written[written["split"] == part]
        stored = rows.set_index(["metric", "class"])["value"].to_dict()
        if stored.keys() != given.keys() or len(rows) != len(given):
            yield f"metrics.csv has not the {len(given)} {part} scores of its task"
            continue
        counts["scores"] += len(given)
        wrong = [key for key in given if not abs(stored[key] - given[key]) <= SAME]
        if wrong:
            name = " ".join(filter(None, wrong[0]))
            several = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            yield (
                f"metrics.csv has {part} {name} {stored[wrong[0]]:.6g}, "
                f"its logits give {given[wrong[0]]:.6g}{several}"
            )
    table = pd.read_csv(folder / "confusion.csv", keep_default_na=False)
    counts["confusion_cells"] += matrix.size
    same_names = table.columns.tolist() == ["true", *classes] and table["true"].tolist() == classes
    if not same_names or not np.array_equal(table[classes].to_numpy(), matrix):
        yield "confusion.csv is not what its logits give"


def _of_rows(
    config: dict,
    experiment: Experiment,
    predictions: Predictions,
    faces: Faces | None,
    counts: Counter[str],
) -> Iterator[str]:
    """Rows and labels against the data set, and the parts of the split against each other."""
    rows = {part: predictions[f"{part}_rows"].astype(int) for part in ("val", "test")}
    for part, of_part in rows.items():
        counts[f"{part}_answers"] += len(of_part)
        if len(np.unique(of_part)) < len(of_part):
            yield f"a row is twice among its {part} rows"
    if faces is None:
        if np.intersect1d(rows["val"], rows["test"]).size:
            yield "a test row is among its validation rows"
        return
    if faces.digest != config["data"]["digest"]:
        yield f"it is of data {config['data']['digest']}, others are of {faces.digest}"
        return
    for part, of_part in rows.items():
        if of_part.max(initial=0) >= len(faces):
            yield f"{part} row {of_part.max()} is not in the data set"
            return
        stored = predictions["classes"][predictions[f"{part}_labels"]]
        wrong = of_part[faces.index["label"].to_numpy()[of_part] != stored]
        if wrong.size:
            yield f"{wrong.size} {part} labels are not the data set's, the first of row {wrong[0]}"
    counts["rows_in_data_set"] += sum(map(len, rows.values()))
    # the rows of training are not stored: they follow from the settings
    split = runner.split_of(experiment, faces)
    seen = np.union1d(split.train, rows["val"])
    if common := np.intersect1d(rows["test"], seen).size:
        yield f"{common} of its test rows are among its training and validation rows"
    if not faces.index["split"].iloc[rows["test"]].isin(TEST_SPLITS).all():
        yield "a test row is not of the data set's test split"
    for part, expected in (("val", split.val), ("test", split.test)):
        if not np.array_equal(rows[part], expected):
            yield f"its {part} rows are not those that its settings give"
    if len(split.train) != config["images"]["train"]:
        yield (
            f"config.json counts {config['images']['train']} training images, "
            f"its settings give {len(split.train)}"
        )
