"""Scores from saved logits, all computed by scikit-learn over the whole split; nothing is averaged over batches."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import softmax
from sklearn import metrics


def is_correct(predictions: dict[str, np.ndarray], part: str) -> np.ndarray:
    """Of every image of a part (val or test) of Results.predictions, whether the answer is right: bool, N."""
    return predictions[f"{part}_logits"].argmax(1) == predictions[f"{part}_labels"]


def scores(labels: np.ndarray, logits: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Every score as rows (metric, class, value), values in 0..1 except support.

    labels: int, N; logits: float, N×classes. Precision, recall, F1 and support a class; macro and weighted
    averages of the first three; accuracy; top-2 accuracy where there are more than two classes.
    """
    report = metrics.classification_report(
        labels,
        logits.argmax(1),
        labels=range(len(classes)),
        target_names=classes,
        output_dict=True,
        zero_division=0.0,
    )
    rows = [("accuracy", "", metrics.accuracy_score(labels, logits.argmax(1)))]
    if len(classes) > 2:
        top2 = metrics.top_k_accuracy_score(labels, logits, k=2, labels=range(len(classes)))
        rows.append(("top2_accuracy", "", top2))
    for average in ("macro", "weighted"):
        for metric in ("precision", "recall", "f1"):
            rows.append((f"{average}_{metric}", "", report[f"{average} avg"][_theirs(metric)]))
    for metric in ("precision", "recall", "f1", "support"):
        rows += [(metric, cls, report[cls][_theirs(metric)]) for cls in classes]
    return pd.DataFrame(rows, columns=["metric", "class", "value"])


def resampled_scores(
    labels: np.ndarray, logits: np.ndarray, classes: Sequence[str], weights: np.ndarray
) -> pd.DataFrame:
    """What `scores` would be if image i counted weights[r, i] times: a row a resample r, columns (metric, class).

    labels: int, N; logits: float, N×K; weights: float, R×N. Weighted averages and support are left out. A class
    that is never predicted has precision 0, and F1 0 if it is never there either.
    """
    k = len(classes)
    cells = np.eye(k * k, dtype=np.float32)[labels * k + logits.argmax(1)]
    counts = (
        (weights @ cells).reshape(-1, k, k).astype(np.float64)
    )  # a confusion matrix for each resample
    hits = np.einsum("rkk->rk", counts)
    true, predicted = counts.sum(2), counts.sum(1)
    by_class = {
        "precision": hits / np.maximum(predicted, 1),
        "recall": hits / np.maximum(true, 1),
        "f1": 2 * hits / np.maximum(true + predicted, 1),
    }
    made = {("accuracy", ""): hits.sum(1) / counts.sum((1, 2))}
    if k > 2:
        true_logit = np.take_along_axis(logits, labels[:, None], 1)
        in_top2 = (logits > true_logit).sum(1) < 2
        made["top2_accuracy", ""] = weights @ in_top2.astype(np.float32) / weights.sum(1)
    made |= {(f"macro_{metric}", ""): values.mean(1) for metric, values in by_class.items()}
    for metric, values in by_class.items():
        made |= {(metric, cls): values[:, i] for i, cls in enumerate(classes)}
    return pd.DataFrame(made)


def _theirs(metric: str) -> str:
    return "f1-score" if metric == "f1" else metric


def confusion(labels: np.ndarray, logits: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Counts of images: true class in rows, predicted class in columns."""
    counts = metrics.confusion_matrix(labels, logits.argmax(1), labels=range(len(classes)))
    return pd.DataFrame(
        counts, index=pd.Index(classes, name="true"), columns=pd.Index(classes, name="predicted")
    )


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax over the classes, float64."""
    return softmax(logits.astype(np.float64), axis=1)


def confident_errors(
    labels: np.ndarray, logits: np.ndarray, classes: Sequence[str], n: int
) -> pd.DataFrame:
    """The n wrong predictions of the highest probability: position, true, predicted, probability; surest first."""
    p = probabilities(logits)
    predicted, sure = p.argmax(1), p.max(1)
    wrong = np.flatnonzero(predicted != labels)
    chosen = wrong[np.argsort(-sure[wrong], kind="stable")][:n]
    names = np.asarray(classes)
    columns = {
        "position": chosen,
        "true": names[labels[chosen]],
        "predicted": names[predicted[chosen]],
    }
    return pd.DataFrame(columns | {"probability": sure[chosen]})


def least_certain(
    labels: np.ndarray, logits: np.ndarray, classes: Sequence[str], n: int
) -> pd.DataFrame:
    """The n images with the smallest gap in probability between the two best classes.

    Columns: position, true, first, second, gap; smallest gap first.
    """
    p = probabilities(logits)
    ranked = np.argsort(-p, axis=1, kind="stable")[:, :2]
    gap = (
        np.take_along_axis(p, ranked[:, :1], 1)[:, 0]
        - np.take_along_axis(p, ranked[:, 1:], 1)[:, 0]
    )
    chosen = np.argsort(gap, kind="stable")[:n]
    names = np.asarray(classes)
    columns = {"position": chosen, "true": names[labels[chosen]]}
    first, second = names[ranked[chosen]].T
    return pd.DataFrame(columns | {"first": first, "second": second, "gap": gap[chosen]})


METRIC_NAMES = {
    "accuracy": "accuracy",
    "macro_precision": "macro precision",
    "macro_recall": "macro recall",
    "macro_f1": "macro F1",
    "top2_accuracy": "top-2 accuracy",
    "f1": "F1",
}
