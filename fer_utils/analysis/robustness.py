"""Accuracy on worse pictures than the data set's, and on parts of its test images."""

from typing import Protocol

import numpy as np
import pandas as pd

from fer_utils.data.dataset import TEST_SPLITS, Faces
from fer_utils.evaluation.corruptions import CORRUPTIONS, corrupt
from fer_utils.evaluation.metrics import is_correct
from fer_utils.evaluation.statistics import bootstrap


class Answerer(Protocol):
    """Who is measured: a `FinishedRun`, or an exported file with its answers.

    Attributes
    ----------
    predictions
        In the form of `run_files.read_predictions`.
    classes
        Their names, in the order of the logits.
    """

    @property
    def predictions(self) -> dict[str, np.ndarray]: ...
    @property
    def classes(self) -> tuple[str, ...]: ...

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Of images, uint8, N×H×W[×3]: float, N×classes."""


def under_corruption(
    trained: Answerer, faces: Faces, groups: np.ndarray, resamples: int = 2000
) -> pd.DataFrame:
    """How well a run classifies its test images when they are corrupted.

    Parameters
    ----------
    faces
        The data of the run.
    groups
        int, one per test image: images of a group are drawn together.
    resamples
        Draws of images for the intervals.

    Returns
    -------
    DataFrame
        One row per kind and strength of corruption and class.

        - kind, strength: "none" and 0, or a name in `corruptions.CORRUPTIONS` and 1 to 3;
        - amount, unit: what that strength means;
        - class: empty for all images, whose value is the accuracy; else the value is its recall;
        - images: how many these are;
        - value, low, high: 0..1, with the 95 % interval over images;
        - change, change_low, change_high: value minus that of strength 0, with its interval.
    """
    rows, labels = (trained.predictions[f"test_{name}"] for name in ("rows", "labels"))
    images = faces.images[rows]
    grid = [("none", 0), *((kind, strength) for kind in CORRUPTIONS for strength in (1, 2, 3))]
    hits = np.empty((len(grid), len(labels)), np.float32)
    for condition, (kind, strength) in enumerate(grid):
        treated = corrupt(images, kind, strength) if strength else images
        hits[condition] = trained.logits(treated).argmax(1) == labels
        print(f"{kind} {strength}: accuracy {hits[condition].mean():.3f}", flush=True)
    # true for all: the accuracy comes from the same draws of images as the recalls
    masks = {"": labels >= 0} | {name: labels == i for i, name in enumerate(trained.classes)}
    values = shares(hits, masks, groups, resamples)
    # image by image: the interval of a difference is narrower than those of the two values
    change = shares(hits - hits[0], masks, groups, resamples)[["value", "low", "high"]]
    change.columns = ["change", "change_low", "change_high"]
    amounts = [
        CORRUPTIONS[kind].amounts[strength - 1] if strength else 0.0 for kind, strength in grid
    ]
    units = [CORRUPTIONS[kind].unit if strength else "" for kind, strength in grid]
    conditions = pd.DataFrame(grid, columns=["kind", "strength"]).assign(amount=amounts, unit=units)
    measured = values.rename(columns={"part": "class"}).join(change).set_index("condition")
    return conditions.join(measured).reset_index(drop=True)


def parts(
    trained: Answerer, faces: Faces, audit: dict[str, pd.DataFrame], groups: np.ndarray
) -> pd.DataFrame:
    """How well a run classifies parts of the data set's test images, one row per part and role.

    Parameters
    ----------
    faces
        The data of the run.
    audit
        Its lists "identical" and "near", as `data.audit.read` gives them.
    groups
        int, one per image of the data set: images of a group are drawn together.

    Returns
    -------
    DataFrame
        - part: a test split; and, of role "test", "all", "identical copy" and "near-copy only" (in
          training), "no copy", or a class;
        - images: how many it has; parts without any are left out;
        - value, low, high: accuracy (of a class: recall), 0..1, with its 95 % interval over images;
        - role: "validation" where the run validated on these images, else "test".
    """
    predictions, tables = trained.predictions, []
    for role, name in (("validation", "val"), ("test", "test")):
        rows = predictions[f"{name}_rows"]
        split = faces.index["split"].to_numpy()[rows]
        masks = {part: split == part for part in TEST_SPLITS if (split == part).any()}
        if role == "test":
            leaked = {kind: frame.loc[frame["leaked"], "row"] for kind, frame in audit.items()}
            identical, near = (np.isin(rows, leaked[kind]) for kind in ("identical", "near"))
            masks |= {
                "all": np.ones_like(identical),
                "identical copy": identical,
                "near-copy only": near & ~identical,
                "no copy": ~near & ~identical,
            }
            labels = predictions["test_labels"]
            masks |= {cls: labels == i for i, cls in enumerate(trained.classes)}
        # of a part without images there is no mean, and no interval
        if masks := {part: mask for part, mask in masks.items() if mask.any()}:
            hits = is_correct(predictions, name)[None].astype(np.float32)
            table = shares(hits, masks, groups[rows])
            tables.append(table.drop(columns="condition").assign(role=role))
    return pd.concat(tables, ignore_index=True)


def shares(
    values: np.ndarray, masks: dict[str, np.ndarray], groups: np.ndarray, resamples: int = 2000
) -> pd.DataFrame:
    """Means over parts of the images, with 95 % intervals over images; the same draws for all.

    Parameters
    ----------
    values
        float32, conditions×N.
    masks
        Parts by name: bool, N.
    groups
        int, N: images of a group are drawn together.
    resamples
        Draws of images.

    Returns
    -------
    DataFrame
        One row per condition and part.

        - condition: row of `values`; part: name of the mask;
        - images: how many the part has;
        - value, low, high: the mean and its interval.
    """

    def means(weights: np.ndarray) -> np.ndarray:
        # where no image of a part is drawn: NaN, which bootstrap passes over
        with np.errstate(invalid="ignore"):
            each = [
                weights[:, mask] @ values[:, mask].T / weights[:, mask].sum(1)[:, None]
                for mask in masks.values()
            ]
        return np.stack(each, axis=2).reshape(len(weights), -1)

    # all conditions on the same draws, so that they can be compared
    low, high = bootstrap(means, groups, resamples)
    rows = pd.MultiIndex.from_product([range(len(values)), masks], names=["condition", "part"])
    images = [int(mask.sum()) for mask in masks.values()] * len(values)
    value = means(np.ones((1, values.shape[1]), np.float32))[0]
    return rows.to_frame(index=False).assign(images=images, value=value, low=low, high=high)
