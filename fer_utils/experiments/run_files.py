"""The files in a run's folder that hold what it predicted, and the scores that follow from them.

`predictions.npz` has everything: `metrics.csv` and `confusion.csv` can be made from it again.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fer_utils import io
from fer_utils.evaluation import metrics

Predictions = dict[str, np.ndarray]  # {val,test}_{logits,labels,rows} and classes
LAST = "_last"  # the end of a split's name where the last epoch stands beside the best
SAME = 1e-12  # how far equal scores may differ: sums in another order, by another version of NumPy


def is_finished(folder: Path) -> bool:
    """Whether the run in `folder` has been trained and evaluated to the end."""
    return (folder / "done.json").exists()


def read_predictions(folder: Path) -> Predictions:
    """What the run in `folder` predicted.

    Returns
    -------
    `val_logits`, `test_logits` : float32, images×classes
    `val_labels`, `test_labels` : uint8, one per image, an index into `classes`
    `val_rows`, `test_rows` : uint32, one per image, its row in the data set
    `classes` : their names
    `val_last_logits`, `test_last_logits` : where select is "both", those of the last epoch
    """
    with np.load(folder / "predictions.npz") as arrays:
        return dict(arrays)


def write_predictions(folder: Path, predictions: Predictions) -> None:
    """Writes predictions.npz, whole or not at all."""
    arrays: dict[str, Any] = dict(predictions)  # else mypy takes them for NumPy's options too
    with io.atomic_file(folder / "predictions.npz") as part, part.open("wb") as stream:
        np.savez_compressed(stream, **arrays)


def read_metrics(folder: Path) -> pd.DataFrame:
    """metrics.csv: the columns metric, class (empty for all classes), value and split."""
    # a class may be called NA or None, which pandas would take for a missing value
    return pd.read_csv(folder / "metrics.csv", dtype={"class": str}, keep_default_na=False)


def read_confusion(folder: Path) -> pd.DataFrame:
    """confusion.csv: counts of test images, true class in rows, predicted class in columns."""
    frame = pd.read_csv(folder / "confusion.csv", keep_default_na=False)
    return frame.set_index("true").rename_axis(columns="predicted")


def score(predictions: Predictions) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The content of metrics.csv (validation and test) and of confusion.csv (test).

    Where the last epoch was tested beside the best, its scores are those of splits `val_last` and
    `test_last`.
    """
    classes = predictions["classes"].tolist()
    tables = []
    for split in [key.removesuffix("_logits") for key in predictions if key.endswith("_logits")]:
        labels = predictions[f"{split.removesuffix(LAST)}_labels"]
        logits = predictions[f"{split}_logits"]
        tables.append(metrics.scores(labels, logits, classes).assign(split=split))
    confusion = metrics.confusion(predictions["test_labels"], predictions["test_logits"], classes)
    return pd.concat(tables, ignore_index=True), confusion


def write_scores(folder: Path, scores: pd.DataFrame, confusion: pd.DataFrame) -> None:
    """Writes metrics.csv and confusion.csv, each whole or not at all."""
    _write_csv(folder / "metrics.csv", scores)
    _write_csv(folder / "confusion.csv", confusion.reset_index())


def rescore(folder: Path) -> bool:
    """Scores the finished run in `folder` anew; writes only what differs from what is there.

    Returns
    -------
    Whether metrics.csv was written.
    """
    scores, confusion = score(read_predictions(folder))
    if not confusion.equals(read_confusion(folder)):
        _write_csv(folder / "confusion.csv", confusion.reset_index())
    changed = not _same_scores(scores, read_metrics(folder))
    if changed:
        _write_csv(folder / "metrics.csv", scores)
    return changed


def _same_scores(scores: pd.DataFrame, others: pd.DataFrame) -> bool:
    names = ["metric", "class", "split"]
    if scores.columns.tolist() != others.columns.tolist() or len(scores) != len(others):
        return False
    same_rows = (scores[names].to_numpy() == others[names].to_numpy()).all()
    return bool(same_rows and np.allclose(scores["value"], others["value"], rtol=SAME, atol=SAME))


def _write_csv(path: Path, frame: pd.DataFrame) -> None:
    with io.atomic_file(path) as part:
        frame.to_csv(part, index=False)
