"""Is the list of doubtful labels right? What ten people say (FER+) of the images on it.

Such a list is made of images on which networks are wrong, and people doubt the labels of many of
these. So it is measured against all errors of the same networks, and against errors of the same
kind: with the same label, and the same answer of the networks in its place.
"""

import numpy as np
import pandas as pd

from fer_utils.analysis import human_labels, image_parts, label_errors
from fer_utils.data.dataset import Faces
from fer_utils.evaluation.statistics import resample
from fer_utils.experiments.results import Results

FIRST = (50, 200)  # how far down the list somebody may look
LISTED, UNLISTED, ERRORS, ALL = "all listed", "other errors", "all errors", "all images"


def precision(
    study: Results, faces: Faces, votes: pd.DataFrame, groups: np.ndarray, resamples: int = 2000
) -> pd.DataFrame:
    """What people say of the labels that `label_errors.find` doubts, one row per group of images.

    Parameters
    ----------
    study
        Runs of one task; only images that some run did not train on are judged.
    groups
        int, one per image of `faces`: copies of a photograph, as of `leakage.photographs`.
    resamples
        Draws of images.

    Returns
    -------
    DataFrame
        - group: "first 50" and "first 200" of the list, LISTED; errors that are not on it
          (UNLISTED), ERRORS, and ALL images;
        - images, no_votes: with votes, and without, which count in no other column;
        - refuted, refuted_low, refuted_high: share where another answer has the most votes, and its
          95 % interval for other images;
        - expected: `refuted` of errors of the same kind; NaN for ERRORS and ALL;
        - gain, gain_low, gain_high: refuted − expected, with its 95 % interval for other images;
        - unnamed: share where no more than one of ten people gave the label;
        - confirmed: share where the networks' answer has the most votes.
    """
    judged = label_errors.out_of_sample(study)
    probabilities = judged[list(judged.columns[2:])]
    classes = probabilities.columns.to_numpy()
    table = pd.DataFrame(
        {
            "label": classes[judged["label"]],
            "suggested": classes[probabilities.to_numpy().argmax(axis=1)],
        },
        index=judged.index,
    )
    listed = label_errors.find(study, faces)["row"].to_numpy()
    wrong = (table["label"] != table["suggested"]).to_numpy()
    inside = {f"first {count}": table.index.isin(listed[:count]) for count in FIRST}
    inside[LISTED] = table.index.isin(listed)
    inside |= {UNLISTED: wrong & ~inside[LISTED], ERRORS: wrong, ALL: np.ones(len(table), bool)}
    table = table.join(human_labels.per_image(faces, votes)[["own", "answer"]])
    voted = table["own"].notna().to_numpy()
    no_votes = [int((members & ~voted).sum()) for members in inside.values()]
    inside = {name: members[voted] for name, members in inside.items()}
    table, wrong = table[voted], wrong[voted]
    refuted = ((table["answer"] != "") & (table["answer"] != table["label"])).to_numpy()
    groups = groups[table.index]
    frame = image_parts.means(refuted, inside, groups, fixed=True, resamples=resamples)
    frame.columns = ["group", "images", "refuted", "refuted_low", "refuted_high"]
    frame.insert(2, "no_votes", no_votes)
    kinds = pd.factorize(table["label"] + " " + table["suggested"])[0]
    compared = [name for name in inside if name not in (ERRORS, ALL)]
    against = {name: inside[name][wrong] for name in compared}
    gains = _against_errors(refuted[wrong], kinds[wrong], against, groups[wrong], resamples)
    frame = frame.merge(gains, on="group", how="left")
    for name, said in (
        ("unnamed", table["own"] <= 1),
        ("confirmed", table["answer"] == table["suggested"]),
    ):
        frame[name] = [said[members].mean() for members in inside.values()]
    return frame


def _against_errors(
    refuted: np.ndarray,
    kinds: np.ndarray,
    inside: dict[str, np.ndarray],
    groups: np.ndarray,
    resamples: int,
) -> pd.DataFrame:
    """Of errors: group, expected, gain, gain_low and gain_high, as of `precision`."""
    kind = np.eye(kinds.max() + 1, dtype=np.float32)[kinds]  # errors×kinds
    members = np.column_stack(list(inside.values())).astype(np.float32)  # errors×groups

    def shares(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # of each kind, which share is refuted; a kind that was not drawn is in no group either
        rate = (weights @ (kind * refuted[:, None])) / np.maximum(weights @ kind, 1)
        sizes = weights @ members
        own = (weights @ (members * refuted[:, None])) / sizes
        mixes = [(weights @ (kind * column[:, None]) * rate).sum(axis=1) for column in members.T]
        return own, np.stack(mixes, axis=1) / sizes

    def gains(weights: np.ndarray) -> np.ndarray:
        own, expected = shares(weights)
        return own - expected

    own, expected = (values[0] for values in shares(np.ones((1, len(refuted)), np.float32)))
    with np.errstate(invalid="ignore"):  # a draw may have none of a short list
        low, high = np.nanpercentile(resample(gains, groups, resamples), [2.5, 97.5], axis=0)
    columns = {"group": list(inside), "expected": expected, "gain": own - expected}
    return pd.DataFrame(columns | {"gain_low": low, "gain_high": high})
