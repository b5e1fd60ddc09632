"""Figures that show what is wrong in FER2013, and the same photograph under several labels."""

import matplotlib.pyplot as plt
import pandas as pd

from fer_utils.data.dataset import Faces
from fer_utils.reporting import figures

# Pictures of FER2013 by their names in Kaggle's archive, chosen by eye among those that people
# could not name an expression of (FER+).
NO_FACES = {
    "test/angry/PublicTest_5543497.jpg": "black square",
    "test/angry/PrivateTest_26784100.jpg": "page of text",
    "test/neutral/PrivateTest_15353271.jpg": "warning sign",
    "train/angry/Training_17114283.jpg": "drawing",
    "train/happy/Training_75216898.jpg": "a crowd",
}
LABELS = 3  # of the photograph that is stored most often


def wrong(faces: Faces, near: pd.DataFrame) -> plt.Figure | None:
    """Pictures without a face, and one photograph under several labels; each with its label.

    None where these are not the pictures of Kaggle's archive.

    Parameters
    ----------
    near
        Near-copies whose labels differ, audit.grouped.
    """
    names = pd.Series(faces.index.index, faces.index["name"])
    if not set(NO_FACES) <= set(names.index):
        return None
    largest = near[near["group"] == near["group"].mode().min()]
    copies = largest.drop_duplicates("label").head(LABELS)
    rows = [*names[list(NO_FACES)], *copies["row"]]
    told = [*NO_FACES.values(), *[f"copy of {len(largest)}"] * len(copies)]
    labels = faces.index["label"].to_numpy()[rows]
    captions = [f"{what}\n“{label}”" for what, label in zip(told, labels, strict=True)]
    return figures.gallery(faces.images[rows], captions)


def copies(faces: Faces, near: pd.DataFrame, groups: int = 3, columns: int = 8) -> plt.Figure:
    """One row per group of near-copies (audit.grouped), largest first; first a copy per label."""
    largest = near["group"].value_counts().index[:groups]
    chosen = []
    for group in largest:
        members = near[near["group"] == group]
        unlike = members.drop_duplicates("label")
        chosen.append(pd.concat([unlike, members.drop(unlike.index)]).head(columns))
    shown = pd.concat(chosen)
    captions = [f"{row.label}\n{row.split}" for row in shown.itertuples()]
    return figures.gallery(faces.images[shown["row"]], captions, columns)
