"""Which labels are doubtful? Images whose label networks that never saw them find unlikely."""

import warnings

import numpy as np
import pandas as pd

from fer_utils.data.dataset import Faces
from fer_utils.errors import FerError
from fer_utils.evaluation.metrics import probabilities
from fer_utils.experiments.results import Results


def find(study: Results, faces: Faces | None = None) -> pd.DataFrame:
    """Images whose label is doubtful by confident learning, the most doubtful first.

    Confident learning (Northcutt et al. 2021) on probabilities of networks that did not train on
    the image. Where a copy of it was in training, its label may have been learnt by heart, so
    suspects among copies are missed rather than invented.

    Parameters
    ----------
    study
        Runs of one task.
    faces
        The data of the runs, to name the images by.

    Returns
    -------
    DataFrame
        - row: of the data set;
        - label, suggested: the given class and the more likely one;
        - p_label, p_suggested: their probability, 0..1, rounded to six digits;
        - runs: how many probabilities were averaged;
        - name, split: of the image, with `faces` alone.

    Raises
    ------
    FerError
        If `faces` are not the data of the runs.
    """
    if faces is not None and (others := set(study.runs["digest"]) - {faces.digest}):
        raise FerError(
            f"{faces.source} ({faces.digest}) is not the data of the runs "
            f"({', '.join(sorted(others))}); prepare theirs, or leave the faces out"
        )
    pooled = out_of_sample(study)
    classes = list(pooled.columns[2:])
    labels, p = pooled["label"].to_numpy(), pooled[classes].to_numpy()
    # ranked by the probability of the given label: the least probable first
    with warnings.catch_warnings(action="ignore"):
        # its progress bar would ask for widgets in a notebook, which nobody needs; and not at the
        # top, since a report whose evidence is current looks for no doubtful labels
        from cleanlab.filter import find_label_issues
    # n_jobs: it would fork, and a fork of a process that has run threads may wait for ever
    chosen = find_label_issues(labels, p, return_indices_ranked_by="self_confidence", n_jobs=1)
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
    # copies differ in their last digits, which depend on the processor: the row decides their order
    frame = frame.round({"p_label": 6, "p_suggested": 6})
    frame = frame.sort_values(["p_label", "row"], ignore_index=True)
    return frame if faces is None else frame.join(faces.index[["name", "split"]], on="row")


def out_of_sample(study: Results) -> pd.DataFrame:
    """What networks that did not train on an image say of it, by its row of the data set.

    Parameters
    ----------
    study
        Runs of one task.

    Returns
    -------
    DataFrame
        Indexed by row.

        - label: index of the given class;
        - runs: how many runs validated or tested on the image;
        - one column per class, in the runs' order: mean probability over these runs, 0..1.
    """
    pieces = []
    for run in study.runs["run"]:
        predictions = study.predictions(run)
        classes = list(predictions["classes"])
        for part in ("val", "test"):
            labels, rows = predictions[f"{part}_labels"], predictions[f"{part}_rows"]
            piece = pd.DataFrame(probabilities(predictions[f"{part}_logits"]), columns=classes)
            pieces.append(piece.assign(row=rows, label=labels))
    # the seed draws which images validate: each image has another number of probabilities
    grouped = pd.concat(pieces).groupby("row")
    mean = grouped[classes].mean()
    mean.insert(0, "label", grouped["label"].first().astype(int))
    mean.insert(1, "runs", grouped.size())
    return mean


def pairs(suspects: pd.DataFrame) -> pd.DataFrame:
    """How many suspects `find` gave, by label (rows) and suggested label (columns)."""
    return pd.crosstab(suspects["label"], suspects["suggested"])
