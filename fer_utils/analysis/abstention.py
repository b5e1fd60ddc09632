"""No answer where the network is not sure: how many answers stay, and how many of them are right.

From saved predictions, in the form of Results.predictions. Confidence is the probability of the
answer, as `Predictor.predict` gives it.
"""

import numpy as np
import pandas as pd

from fer_utils.analysis.restricted import Predictions
from fer_utils.analysis.robustness import shares
from fer_utils.evaluation.metrics import is_correct, probabilities

TARGETS = (0.75, 0.8, 0.85, 0.9, 0.95)  # accuracy of the answers that stay, on validation
SUGGESTED = 0.9  # the one whose threshold the model card suggests
GRID = np.arange(100) / 100  # thresholds with two digits, that a user can copy
FEWEST = 50  # answers, below which a curve says nothing
SPLITS = {"validation": "val", "test": "test"}


def at_targets(predictions: Predictions, groups: np.ndarray, resamples: int = 2000) -> pd.DataFrame:
    """Thresholds chosen on validation, and what they do on validation and test.

    For each of TARGETS the lowest threshold in GRID at which the answers that stay on validation
    reach it; targets that no threshold reaches are left out. The first threshold is 0, at which
    every image is answered.

    Parameters
    ----------
    groups
        int, one per test image: images of a group are drawn together.
    resamples
        Draws of images for the intervals.

    Returns
    -------
    DataFrame
        - target: the highest that the threshold is for; NaN for 0 where it reaches none;
        - threshold: images of this confidence and above are answered;
        - split: validation or test; class: empty for all images, else, of test, those of a label;
        - images: how many there are; answered: share of them, 0..1;
        - accuracy, low, high: share of right answers among those answered (of a class: its recall
          among them), on test with its 95 % interval over images; NaN where none is answered.
    """
    curves = curve(predictions)
    on_validation = curves[curves["split"] == "validation"]
    chosen = {0.0: np.nan}
    for target in TARGETS:
        reached = on_validation.loc[on_validation["accuracy"] >= target, "threshold"]
        chosen |= {reached.min(): target} if len(reached) else {}
    tables = [_at(predictions, groups, resamples, *pair) for pair in chosen.items()]
    return pd.concat(tables, ignore_index=True)


def _at(
    predictions: Predictions, groups: np.ndarray, resamples: int, threshold: float, target: float
) -> pd.DataFrame:
    tables = []
    for split, part in SPLITS.items():
        answered = confidence(predictions, part) >= threshold
        right, labels = is_correct(predictions, part), predictions[f"{part}_labels"]
        members = {"": np.ones(len(labels), bool)}
        if split == "test":
            members |= {str(name): labels == i for i, name in enumerate(predictions["classes"])}
        # a class without images has no share, and no row
        members = {name: mask for name, mask in members.items() if mask.any()}
        table = pd.DataFrame({"class": list(members)})
        table["images"] = [mask.sum() for mask in members.values()]
        table["answered"] = [answered[mask].mean() for mask in members.values()]
        kept = {name: mask & answered for name, mask in members.items() if (mask & answered).any()}
        # of validation, on which the threshold was chosen, an interval would flatter
        within = groups if split == "test" else np.arange(len(labels))
        scored = shares(right[None].astype(np.float32), kept, within, resamples)
        ends = scored.set_index("part")[["value", "low", "high"]].reindex(table["class"])
        table[["accuracy", "low", "high"]] = ends.to_numpy()
        if split != "test":
            table[["low", "high"]] = np.nan
        tables.append(table.assign(split=split))
    table = pd.concat(tables).assign(target=target, threshold=threshold)
    columns = ["target", "threshold", "split", "class", "images", "answered"]
    return table[[*columns, "accuracy", "low", "high"]]


def curve(predictions: Predictions) -> pd.DataFrame:
    """Accuracy against coverage, one row per split and threshold in GRID.

    Returns
    -------
    DataFrame
        - split: validation or test; threshold;
        - answered: share of the images, 0..1; accuracy: share of right answers among these. From
          the threshold on at which fewer than FEWEST images are answered there are no rows (at
          least the threshold 0 has one).
    """
    rows = []
    for split, part in SPLITS.items():
        sure, right = confidence(predictions, part), is_correct(predictions, part)
        for threshold in GRID:
            answered = sure >= threshold
            if threshold and answered.sum() < FEWEST:
                break
            rows.append((split, threshold, answered.mean(), right[answered].mean()))
    return pd.DataFrame(rows, columns=["split", "threshold", "answered", "accuracy"])


def confidence(predictions: Predictions, part: str) -> np.ndarray:
    """The probability of the answer on each image of a part (val or test): float, N."""
    return probabilities(predictions[f"{part}_logits"]).max(axis=1)


def suggested(frame: pd.DataFrame) -> float:
    """The threshold for SUGGESTED in a frame of `at_targets`; else the highest that it has."""
    enough = frame.loc[frame["target"] >= SUGGESTED, "threshold"]
    return float(enough.min() if len(enough) else frame["threshold"].max())
