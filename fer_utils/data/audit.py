"""What is wrong with a data set: copies within and across splits, conflicting labels, blank images."""

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
    """Every image that shares its group with another: group, row, name, label, split, leaked, conflicting.

    groups: int, one an image (duplicates.identical or duplicates.near); renumbered here in stored order of their
    first image. leaked: the group has images in the test split and outside it. conflicting: it carries two labels.
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
    """Images whose intensities have a standard deviation below `threshold` (of 0–255): row, name, label, split."""
    axes = tuple(range(1, faces.images.ndim))
    spread = np.concatenate(
        [chunk.std(axis=axes) for chunk in np.array_split(faces.images, len(faces) // 4096 + 1)]
    )
    rows = np.flatnonzero(spread < threshold)
    frame = faces.index.iloc[rows][["name", "label", "split"]].reset_index(drop=True)
    frame.insert(0, "row", rows)
    return frame


def write(faces: Faces, folder: Path, similarity: float = duplicates.NEAR) -> pd.Series:
    """counts.csv, identical.csv, near.csv, blank.csv, summary.csv in `folder`; returns the summary.

    audit.json says of which data they are: source, digest, and the similarity of near-copies. It is
    written last: without it an audit is not finished.
    """
    identical = grouped(faces, duplicates.identical(faces))
    near = grouped(faces, duplicates.near(faces, similarity))
    blanks = blank_images(faces)
    facts = summary(faces, identical, near, blanks)
    folder.mkdir(parents=True, exist_ok=True)
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
    """<kind>.csv (identical, near or blank) of the audit in `folder`.

    digests: of the data that its rows are to be joined with. Raises FerError where the audit is of
    other data, whose rows are other images, or says not of which.
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
    """The audit in numbers, from its lists."""
    in_test = faces.index["split"].isin(TEST_SPLITS)
    facts = {
        "images": len(faces),
        "test images": int(in_test.sum()),
        "training images of the smallest class": int(
            faces.index["label"][~in_test].value_counts().min()
        ),
    }
    for kind, frame in (("identical", identical), ("near", near)):
        leaked_test = frame["leaked"] & frame["split"].isin(TEST_SPLITS)
        facts |= {
            f"{kind}: images with a copy": len(frame),
            f"{kind}: groups": frame["group"].nunique(),
            f"{kind}: groups with conflicting labels": frame.loc[
                frame["conflicting"], "group"
            ].nunique(),
            f"{kind}: test images with a copy in training": int(leaked_test.sum()),
        }
    return pd.Series(facts | {"blank images": len(blanks)}, name="count")
