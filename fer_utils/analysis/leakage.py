"""What copies of test images among the training images are worth, and which images belong together."""

import numpy as np
import pandas as pd

from fer_utils.data import audit
from fer_utils.data.dataset import TEST_SPLITS
from fer_utils.evaluation.metrics import is_correct
from fer_utils.experiments.results import Results


def photographs(study: Results, rows: np.ndarray) -> np.ndarray:
    """A group number for each of these rows of the data set, by the audit's near.csv: int, shaped like rows."""
    near = _audited(study, "near").set_index("row")["group"].reindex(rows)
    alone = -1 - rows.astype(int)  # an image without a copy is a group of its own
    return np.where(near.isna(), alone, near).astype(int)


def copied(study: Results, rows: np.ndarray) -> np.ndarray:
    """Which of these test rows have a copy in training, identical or near, by the audit's near.csv: bool."""
    near = _audited(study, "near")
    return np.isin(rows, near.loc[near["leaked"], "row"])


def without_leaks(study: Results) -> pd.DataFrame:
    """A row a run: task, loss, seed and test accuracy on all images and on parts of them, with their sizes.

    identical: images with an identical copy in the data set's training split; near: with a near-copy only; clean:
    with neither, by the audit's lists. spared: those of `identical` whose copies the run had all in validation, so
    that it could not learn them by heart. <part>_images: their number.
    """
    copies = {kind: _audited(study, kind) for kind in ("identical", "near")}
    leaked = {
        k: c.loc[c["leaked"] & c["split"].isin(TEST_SPLITS), "row"] for k, c in copies.items()
    }
    trained = copies["identical"][~copies["identical"]["split"].isin(TEST_SPLITS)]
    group_of = copies["identical"].set_index("row")["group"]
    rows = []
    for run, task, loss, seed in study.runs[["run", "task", "loss", "seed"]].itertuples(
        index=False
    ):
        made = study.predictions(run)
        hits = is_correct(made, "test")
        identical, near = (
            np.isin(made["test_rows"], leaked[kind]) for kind in ("identical", "near")
        )
        seen = trained.loc[~trained["row"].isin(made["val_rows"]), "group"]
        groups = group_of.reindex(made["test_rows"]).to_numpy()
        parts = {
            "all": np.ones_like(hits),
            "identical": identical,
            "near": near & ~identical,
            "clean": ~near,
        }
        parts["spared"] = identical & ~np.isin(groups, seen)
        sizes = {f"{name}_images": int(part.sum()) for name, part in parts.items()}
        accuracy = {
            name: hits[part].mean() if part.any() else np.nan for name, part in parts.items()
        }
        rows.append({"task": task, "loss": loss, "seed": seed} | accuracy | sizes)
    return pd.DataFrame(rows)


def _audited(study: Results, kind: str) -> pd.DataFrame:
    """The audit's <kind>.csv. Raises FerError where it is not of the data of the runs."""
    return audit.read(study.folder / "audit", kind, set(study.runs["digest"]))
