"""Which labels are doubtful? Images whose label networks that never saw them find unlikely."""

import warnings

import numpy as np
import pandas as pd

from fer_utils.data.dataset import Faces
from fer_utils.errors import FerError
from fer_utils.evaluation.metrics import probabilities
from fer_utils.experiments.results import Results

with warnings.catch_warnings(
    action="ignore"
):  # in a notebook its progress bar asks for widgets, which nobody needs
    from cleanlab.filter import find_label_issues


def find(study: Results, faces: Faces | None = None) -> pd.DataFrame:
    """Suspects by confident learning (Northcutt et al. 2021), the most doubtful first.

    Takes the runs of one task. An image's probabilities are their mean over the runs that had it in validation or
    test. Columns: row (in the data set), label, suggested, p_label, p_suggested (0..1), runs; with `faces` also
    name and split. Where a copy of the image was in training, its label may have been learnt by heart, so
    suspects among copies are missed rather than invented. Raises FerError where `faces` are not the
    data of the runs.
    """
    if faces is not None and (others := set(study.runs["digest"]) - {faces.digest}):
        raise FerError(
            f"{faces.source} ({faces.digest}) is not the data of the runs "
            f"({', '.join(sorted(others))}); prepare theirs, or leave the faces out"
        )
    pooled = out_of_sample(study)
    classes = list(pooled.columns[2:])
    labels, p = pooled["label"].to_numpy(), pooled[classes].to_numpy()
    chosen = find_label_issues(labels, p, return_indices_ranked_by="self_confidence")
    names = np.array(classes)
    suggested = p[chosen].argmax(1)
    frame = pd.DataFrame(
        {
            "row": pooled.index[chosen],
            "label": names[labels[chosen]],
            "suggested": names[suggested],
            "p_label": p[chosen, labels[chosen]],
            "p_suggested": p[chosen, suggested],
            "runs": pooled["runs"].to_numpy()[chosen],
        }
    )
    # copies differ in their last digits, on every processor in others: their order is that of the rows
    frame = frame.round({"p_label": 6, "p_suggested": 6}).sort_values(
        ["p_label", "row"], ignore_index=True
    )
    return frame if faces is None else frame.join(faces.index[["name", "split"]], on="row")


def out_of_sample(study: Results) -> pd.DataFrame:
    """By row of the data set: label (class index), runs (how many had it in no training), mean probabilities."""
    pieces = []
    for run in study.runs["run"]:
        made = study.predictions(run)
        for part in ("val", "test"):
            piece = pd.DataFrame(probabilities(made[f"{part}_logits"]), columns=made["classes"])
            pieces.append(piece.assign(row=made[f"{part}_rows"], label=made[f"{part}_labels"]))
    grouped = pd.concat(pieces).groupby("row")
    mean = grouped[list(made["classes"])].mean()
    mean.insert(0, "label", grouped["label"].first().astype(int))
    mean.insert(1, "runs", grouped.size())
    return mean


def pairs(suspects: pd.DataFrame) -> pd.DataFrame:
    """Between which emotions they fall: suspects by label (rows) and suggested label (columns)."""
    return pd.crosstab(suspects["label"], suspects["suggested"])
