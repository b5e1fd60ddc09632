"""Scores from saved logits, computed by scikit-learn over the whole split.

Nothing is averaged over batches: the mean of batches' F1 scores is not the F1 score of the split.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd
from scipy.special import softmax

PREDICTED = "predicted "  # of a true class the share that this one was answered


def is_correct(predictions: dict[str, np.ndarray], part: str) -> np.ndarray:
    """Whether the answer is right: bool, one per image of a part (val or test) of predictions."""
    return predictions[f"{part}_logits"].argmax(1) == predictions[f"{part}_labels"]


def scores(labels: np.ndarray, logits: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Every score of a split.

    Parameters
    ----------
    labels : int, one per image
    logits : float, images×classes

    Returns
    -------
    metric : accuracy; top2_accuracy where there are more than two classes; precision, recall and f1
        of each class, and their averages macro_… and weighted_…; support
    class : empty for a metric of all classes
    value : 0..1; support in images. A class that is never predicted has precision 0.
    """
    # here, as in `confusion`: reading stored scores needs none of it, and it takes half a second
    from sklearn import metrics

    answers = logits.argmax(1)
    report = metrics.classification_report(
        labels,
        answers,
        labels=range(len(classes)),  # also those that no image and no answer has
        target_names=classes,
        output_dict=True,
        zero_division=0.0,
    )
    rows = [("accuracy", "", metrics.accuracy_score(labels, answers))]
    if len(classes) > 2:
        top2 = metrics.top_k_accuracy_score(labels, logits, k=2, labels=range(len(classes)))
        rows.append(("top2_accuracy", "", top2))
    for average in ("macro", "weighted"):
        for metric in ("precision", "recall", "f1"):
            value = report[f"{average} avg"][_sklearn_name(metric)]
            rows.append((f"{average}_{metric}", "", value))
    for metric in ("precision", "recall", "f1", "support"):
        rows += [(metric, cls, report[cls][_sklearn_name(metric)]) for cls in classes]
    return pd.DataFrame(rows, columns=["metric", "class", "value"])


def resampled_scores(
    labels: np.ndarray, logits: np.ndarray, classes: Sequence[str], weights: np.ndarray
) -> pd.DataFrame:
    """What `scores` would be if image i counted weights[r, i] times.

    Parameters
    ----------
    labels : int, one per image
    logits : float, images×classes; or runs×images×classes, for the mean of the runs' scores
    weights : float, resamples×images

    Returns
    -------
    One row per resample, columns (metric, class). Weighted averages and support are left out;
    ("predicted b", "a") is the share of class a that was answered b. A class that is never
    predicted has precision 0, and F1 0 if it is never there either.
    """
    k = len(classes)
    runs = logits.reshape(-1, *logits.shape[-2:])
    # one matrix product counts all resamples, in place of thousands of calls of scikit-learn
    cells = np.eye(k * k, dtype=np.float32)[(labels * k + runs.argmax(2)).T]
    products = weights @ cells.reshape(len(labels), -1)
    counts = products.reshape(-1, len(runs), k, k).astype(np.float64)  # confusion of each
    hits = np.einsum("srkk->srk", counts)
    true, predicted, images = counts.sum(3), counts.sum(2), counts.sum((2, 3))
    by_class = {
        "precision": hits / np.maximum(predicted, 1),
        "recall": hits / np.maximum(true, 1),
        "f1": 2 * hits / np.maximum(true + predicted, 1),
    }
    columns = {("accuracy", ""): hits.sum(2) / images}
    if k > 2:
        true_logit = np.take_along_axis(runs, labels[None, :, None], 2)
        in_top2 = (runs > true_logit).sum(2) < 2
        columns["top2_accuracy", ""] = weights @ in_top2.T.astype(np.float32) / images
    columns |= {(f"macro_{metric}", ""): values.mean(2) for metric, values in by_class.items()}
    for metric, values in by_class.items():
        columns |= {(metric, cls): values[..., i] for i, cls in enumerate(classes)}
    shares = counts / np.maximum(true, 1)[..., None]
    for (i, cls), (j, answer) in product(enumerate(classes), repeat=2):
        columns[PREDICTED + answer, cls] = shares[..., i, j]
    return pd.DataFrame({name: values.mean(1) for name, values in columns.items()})


def _sklearn_name(metric: str) -> str:
    return "f1-score" if metric == "f1" else metric


def confusion(labels: np.ndarray, logits: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Counts of images: true class in rows, predicted class in columns."""
    from sklearn import metrics

    counts = metrics.confusion_matrix(labels, logits.argmax(1), labels=range(len(classes)))
    true, predicted = (pd.Index(classes, name=name) for name in ("true", "predicted"))
    return pd.DataFrame(counts, index=true, columns=predicted)


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax of logits, images×classes, over the classes; float64."""
    return softmax(logits.astype(np.float64), axis=1)


def confident_errors(
    labels: np.ndarray, logits: np.ndarray, classes: Sequence[str], n: int
) -> pd.DataFrame:
    """The n wrong predictions of the highest probability, surest first.

    Returns
    -------
    position : of the image in `labels`
    true, predicted : names of classes
    probability : of the predicted class
    """
    p = probabilities(logits)
    predicted, sure = p.argmax(1), p.max(1)
    wrong = np.flatnonzero(predicted != labels)
    # stable, so that equal ones are in the same order on every machine
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

    Returns
    -------
    position : of the image in `labels`; smallest gap first
    true, first, second : names of classes: the right one, the best and the second best
    gap : probability of `first` less that of `second`
    """
    p = probabilities(logits)
    ranked = np.argsort(-p, axis=1, kind="stable")[:, :2]
    best, second_best = np.take_along_axis(p, ranked, 1).T
    gap = best - second_best
    chosen = np.argsort(gap, kind="stable")[:n]
    names = np.asarray(classes)
    columns = {"position": chosen, "true": names[labels[chosen]]}
    first, second = names[ranked[chosen]].T
    return pd.DataFrame(columns | {"first": first, "second": second, "gap": gap[chosen]})


# how tables and charts call a metric
METRIC_NAMES = {
    "accuracy": "accuracy",
    "macro_precision": "macro precision",
    "macro_recall": "macro recall",
    "macro_f1": "macro F1",
    "top2_accuracy": "top-2 accuracy",
    "f1": "F1",
}
