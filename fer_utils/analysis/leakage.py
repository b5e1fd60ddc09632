"""What copies of test images in training are worth, and which images are of one photograph."""

import numpy as np
import pandas as pd

from fer_utils.data import audit
from fer_utils.data.dataset import TEST_SPLITS
from fer_utils.evaluation.metrics import is_correct
from fer_utils.experiments.results import Results


def photographs(study: Results, rows: np.ndarray) -> np.ndarray:
    """Which images are copies of one photograph, by the audit's near.csv.

    Parameters
    ----------
    rows
        Rows of the data set: int, N.

    Returns
    -------
    ndarray
        Group numbers, int, N: near-copies share theirs, an image without a copy has its own.

    Raises
    ------
    FerError
        If the audit is missing, or of other data than the runs.
    """
    near = _audited(study, "near").set_index("row")["group"].reindex(rows)
    alone = -1 - rows.astype(int)  # negative, so that no group of the audit has this number
    return np.where(near.isna(), alone, near).astype(int)


def copied(study: Results, rows: np.ndarray) -> np.ndarray:
    """Which of these test images have a copy in training: bool, N.

    Parameters
    ----------
    rows
        Rows of the data set in a test split: int, N.

    Raises
    ------
    FerError
        If the audit is missing, or of other data than the runs.
    """
    near = _audited(study, "near")  # identical copies are near ones too
    return np.isin(rows, near.loc[near["leaked"], "row"])


def without_leaks(study: Results) -> pd.DataFrame:
    """Test accuracy of each run on images with and without a copy in training, one row per run.

    Returns
    -------
    DataFrame
        - task, loss, seed;
        - all, identical, near, clean, spared: accuracy on parts of the test images, 0..1, NaN for
          one without images. identical: with an identical copy in the data set's training split;
          near: with a near-copy only; clean: with neither. spared: those of `identical` whose
          copies the run had all in validation, so that it could not learn them by heart;
        - <part>_images: how many images each part has.

    Raises
    ------
    FerError
        If the audit is missing, or of other data than the runs.
    """
    copies = {kind: _audited(study, kind) for kind in ("identical", "near")}
    in_test = {kind: frame["split"].isin(TEST_SPLITS) for kind, frame in copies.items()}
    leaked = {
        kind: frame.loc[frame["leaked"] & in_test[kind], "row"] for kind, frame in copies.items()
    }
    trained = copies["identical"][~in_test["identical"]]
    group_of = copies["identical"].set_index("row")["group"]
    rows = []
    settings = study.runs[["run", "task", "loss", "seed"]]
    for run, task, loss, seed in settings.itertuples(index=False):
        predictions = study.predictions(run)
        tested = predictions["test_rows"]
        hits = is_correct(predictions, "test")
        identical, near = (np.isin(tested, leaked[kind]) for kind in ("identical", "near"))
        # the audit calls all outside the test splits training; a run validates on a part of that
        seen = trained.loc[~trained["row"].isin(predictions["val_rows"]), "group"]
        groups = group_of.reindex(tested).to_numpy()
        parts = {
            "all": np.ones_like(hits),
            "identical": identical,
            "near": near & ~identical,
            "clean": ~near,  # every identical copy is in near.csv too
            "spared": identical & ~np.isin(groups, seen),
        }
        sizes = {f"{name}_images": int(part.sum()) for name, part in parts.items()}
        accuracy = {
            name: hits[part].mean() if part.any() else np.nan for name, part in parts.items()
        }
        rows.append({"task": task, "loss": loss, "seed": seed} | accuracy | sizes)
    return pd.DataFrame(rows)


def _audited(study: Results, kind: str) -> pd.DataFrame:
    """The audit's <kind>.csv. Raises FerError where it is not of the data of the runs."""
    return audit.read(study.folder / "audit", kind, set(study.runs["digest"]))
