"""What is wrong with a data set: copies within and across splits, conflicting labels, blanks."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pandas as pd

from fer_utils import io
from fer_utils.data import duplicates
from fer_utils.data.dataset import TEST_SPLITS, Faces
from fer_utils.errors import FerError

ABOUT = "audit.json"


def grouped(faces: Faces, groups: np.ndarray) -> pd.DataFrame:
    """Every image that shares its group with another.

    Parameters
    ----------
    groups : a group number for each image, int, N: `duplicates.identical` or `duplicates.near`.

    Returns
    -------
    pd.DataFrame
        One row per image, sorted by group and row:
        - group: numbered anew, in stored order of their first image;
        - row: the image's position in `faces`;
        - name, label, split: as in the index;
        - leaked: the group has images in the test split and outside it;
        - conflicting: the group carries two labels or more.
    """
    group = pd.Series(groups)
    copied = group[group.duplicated(keep=False)]
    frame = faces.index.loc[copied.index, ["name", "label", "split"]]
    frame.insert(0, "row", copied.index)
    frame.insert(0, "group", pd.factorize(copied)[0])
    by_group = frame["split"].isin(TEST_SPLITS).groupby(frame["group"])
    frame["leaked"] = by_group.transform("any") & ~by_group.transform("all")
    frame["conflicting"] = frame.groupby("group")["label"].transform("nunique") > 1
    return frame.sort_values(["group", "row"], ignore_index=True)


def blank_images(faces: Faces, threshold: float = 3.0) -> pd.DataFrame:
    """Images that are of one intensity, or nearly: row, name, label, split.

    threshold: their standard deviation lies below it, in grey levels (0–255).
    """
    axes = tuple(range(1, faces.images.ndim))
    # in pieces: std makes float64 of what may be a store larger than memory
    pieces = np.array_split(faces.images, len(faces) // 4096 + 1)
    spread = np.concatenate([piece.std(axis=axes) for piece in pieces])
    rows = np.flatnonzero(spread < threshold)
    frame = faces.index.iloc[rows][["name", "label", "split"]].reset_index(drop=True)
    frame.insert(0, "row", rows)
    return frame


def write(faces: Faces, folder: Path, similarity: float = duplicates.NEAR) -> pd.Series:
    """Writes the audit as counts.csv, identical.csv, near.csv, blank.csv and summary.csv.

    audit.json says of which data they are: source, digest, and the similarity of near-copies.

    Parameters
    ----------
    similarity : of near-copies, as in `duplicates.near`.

    Returns
    -------
    pd.Series
        The summary, as `summary` gives it.
    """
    identical = grouped(faces, duplicates.identical(faces))
    near = grouped(faces, duplicates.near(faces, similarity))
    blanks = blank_images(faces)
    facts = summary(faces, identical, near, blanks)
    folder.mkdir(parents=True, exist_ok=True)
    # gone first and written last: an audit without it is not finished
    (folder / ABOUT).unlink(missing_ok=True)
    tables = {
        "counts": faces.counts().reset_index(),
        "identical": identical,
        "near": near,
        "blank": blanks,
        "summary": facts.rename_axis("what").reset_index(),
    }
    for name, table in tables.items():
        with io.atomic_file(folder / f"{name}.csv") as part:
            table.to_csv(part, index=False)
    about = {"source": faces.source, "digest": faces.digest, "similarity": similarity}
    io.write_json(folder / ABOUT, about)
    return facts


def read(folder: Path, kind: str, digests: Collection[str]) -> pd.DataFrame:
    """One table of the audit in `folder`, as it was written.

    Parameters
    ----------
    kind : identical, near or blank; or counts or summary.
    digests : of the data that it is to be joined with, or printed beside.

    Raises
    ------
    FerError
        Where the audit is of other data, whose rows are other images, or says not of which.
    """
    remedy = f"python -m fer_utils audit --dataset {folder.parent.name}"
    if not (folder / ABOUT).exists():
        raise FerError(f"{folder}: no audit that says of which data it is; make it with: {remedy}")
    about = io.read_json(folder / ABOUT)
    if others := sorted(set(digests) - {about["digest"]}):
        audited = f"{about['source']}, {about['digest']}"
        raise FerError(
            f"{folder} is the audit of other data ({audited}) than that of the runs "
            f"({', '.join(others)}); prepare theirs again, then: {remedy}"
        )
    return pd.read_csv(folder / f"{kind}.csv")


def summary(
    faces: Faces, identical: pd.DataFrame, near: pd.DataFrame, blanks: pd.DataFrame
) -> pd.Series:
    """The audit in numbers: a count for each fact, from its lists."""
    in_test = faces.index["split"].isin(TEST_SPLITS)
    smallest = faces.index["label"][~in_test].value_counts().min()
    facts = {
        "images": len(faces),
        "test images": int(in_test.sum()),
        "training images of the smallest class": int(smallest),
    }
    for kind, frame in (("identical", identical), ("near", near)):
        leaked_test = frame["leaked"] & frame["split"].isin(TEST_SPLITS)
        conflicting = frame.loc[frame["conflicting"], "group"].nunique()
        facts |= {
            f"{kind}: images with a copy": len(frame),
            f"{kind}: groups": frame["group"].nunique(),
            f"{kind}: groups with conflicting labels": conflicting,
            f"{kind}: test images with a copy in training": int(leaked_test.sum()),
        }
    return pd.Series(facts | {"blank images": len(blanks)}, name="count")
