"""What the network's accuracy comes to on worse pictures than the data set's, and on parts of its test images."""

import numpy as np
import pandas as pd

from fer_utils.data.dataset import TEST_SPLITS, Faces
from fer_utils.evaluation.corruptions import CORRUPTIONS, corrupt
from fer_utils.evaluation.metrics import is_correct
from fer_utils.evaluation.statistics import bootstrap
from fer_utils.experiments.finished_run import FinishedRun


def under_corruption(
    trained: FinishedRun, faces: Faces, groups: np.ndarray, resamples: int = 2000
) -> pd.DataFrame:
    """The run's test images, corrupted in every way: kind, strength, amount, unit, class, images, value, change.

    class "": accuracy; else recall of that class; 0..1. change: value minus that of strength 0. low and high,
    change_low and change_high: 95 % intervals over images. groups: int, one a test image; drawn together.
    """
    made = trained.predictions
    images, labels = faces.images[made["test_rows"]], made["test_labels"]
    grid = [("none", 0), *((kind, strength) for kind in CORRUPTIONS for strength in (1, 2, 3))]
    hits = []
    for kind, strength in grid:
        treated = corrupt(images, kind, strength) if strength else images
        hits.append(trained.logits(treated).argmax(1) == labels)
        print(f"{kind} {strength}: accuracy {hits[-1].mean():.3f}", flush=True)
    hits = np.array(hits, dtype=np.float32)
    masks = {"": labels >= 0} | {name: labels == i for i, name in enumerate(trained.classes)}
    values = shares(hits, masks, groups, resamples)
    change = shares(hits - hits[0], masks, groups, resamples)[["value", "low", "high"]]
    change.columns = ["change", "change_low", "change_high"]
    amounts = [
        CORRUPTIONS[kind].amounts[strength - 1] if strength else 0.0 for kind, strength in grid
    ]
    units = [CORRUPTIONS[kind].unit if strength else "" for kind, strength in grid]
    conditions = pd.DataFrame(grid, columns=["kind", "strength"]).assign(amount=amounts, unit=units)
    table = conditions.join(
        values.rename(columns={"part": "class"}).join(change).set_index("condition")
    )
    return table.reset_index(drop=True)


def parts(
    trained: FinishedRun, faces: Faces, audit: dict[str, pd.DataFrame], groups: np.ndarray
) -> pd.DataFrame:
    """The run's accuracy on parts of the data set's test images: part, role, images, value, low, high (0..1).

    Parts: every test split, which is of role "validation" where it is the run's; and, of role "test", all tested
    images, those with an identical and with a near copy in training only, those with neither (audit: near and
    identical, as the audit lists them), and every class (recall). groups: int, one an image of the data set.
    """
    made, tables = trained.predictions, []
    for role, name in (("validation", "val"), ("test", "test")):
        rows = made[f"{name}_rows"]
        split = faces.index["split"].to_numpy()[rows]
        masks = {part: split == part for part in TEST_SPLITS if (split == part).any()}
        if role == "test":
            leaked = {kind: frame.loc[frame["leaked"], "row"] for kind, frame in audit.items()}
            identical, near = (np.isin(rows, leaked[kind]) for kind in ("identical", "near"))
            masks |= {
                "all": rows >= 0,
                "identical copy": identical,
                "near-copy only": near & ~identical,
            }
            masks |= {"no copy": ~near & ~identical}
            masks |= {cls: made["test_labels"] == i for i, cls in enumerate(trained.classes)}
        if masks := {part: mask for part, mask in masks.items() if mask.any()}:
            table = shares(is_correct(made, name)[None].astype(np.float32), masks, groups[rows])
            tables.append(table.drop(columns="condition").assign(role=role))
    return pd.concat(tables, ignore_index=True)


def shares(
    values: np.ndarray, masks: dict[str, np.ndarray], groups: np.ndarray, resamples: int = 2000
):
    """Means of `values` (float32, conditions×N) over each mask (bool, N), with 95 % intervals over images.

    A frame with a row a condition and mask: condition, part, images, value, low, high; the same draws for all.
    """

    def means(weights: np.ndarray) -> np.ndarray:
        with np.errstate(
            invalid="ignore"
        ):  # no image of a part drawn: NaN, which bootstrap passes over
            each = [
                weights[:, m] @ values[:, m].T / weights[:, m].sum(1)[:, None]
                for m in masks.values()
            ]
        return np.stack(each, axis=2).reshape(len(weights), -1)

    low, high = bootstrap(means, groups, resamples)
    frame = pd.MultiIndex.from_product(
        [range(len(values)), masks], names=["condition", "part"]
    ).to_frame(index=False)
    images = [int(mask.sum()) for mask in masks.values()] * len(values)
    value = means(np.ones((1, values.shape[1]), np.float32))[0]
    return frame.assign(images=images, value=value, low=low, high=high)
