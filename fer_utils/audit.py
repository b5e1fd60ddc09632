"""What is wrong with a data set: identical images within and across splits, conflicting labels, blank images."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from fer_utils import files
from fer_utils.faces import TEST_SPLITS, Faces


def identical_groups(faces: Faces) -> pd.DataFrame:
    """Every image that has a byte-identical copy: group, row, name, label, split, leaked, conflicting.

    leaked: the group has images in training (or validation) and in test. conflicting: it carries two labels.
    Groups are numbered in stored order of their first image; images outside any group are not listed.
    """
    hashes = [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in faces.images]
    group = pd.Series(pd.factorize(np.array(hashes, dtype="S16"))[0])
    copies = group[group.duplicated(keep=False)]
    frame = faces.index.loc[copies.index, ["name", "label", "split"]]
    frame.insert(0, "row", copies.index)
    frame.insert(0, "group", pd.factorize(copies)[0])
    in_test = frame["split"].isin(TEST_SPLITS)
    by_group = in_test.groupby(frame["group"])
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


def write(faces: Faces, folder: Path) -> pd.Series:
    """counts.csv, identical.csv, blank.csv and summary.csv in `folder`; returns the summary."""
    copies, blanks = identical_groups(faces), blank_images(faces)
    facts = summary(faces, copies, blanks)
    folder.mkdir(parents=True, exist_ok=True)
    tables = {
        "counts": faces.counts().reset_index(),
        "identical": copies,
        "blank": blanks,
        "summary": facts.rename_axis("what").reset_index(),
    }
    for name, table in tables.items():
        with files.whole_file(folder / f"{name}.csv") as part:
            table.to_csv(part, index=False)
    return facts


def summary(faces: Faces, copies: pd.DataFrame, blanks: pd.DataFrame) -> pd.Series:
    """The audit in numbers, from its two lists."""
    leaked_test = copies[copies["leaked"] & copies["split"].isin(TEST_SPLITS)]
    facts = {
        "images": len(faces),
        "images with an identical copy": len(copies),
        "groups of identical images": copies["group"].nunique(),
        "groups with conflicting labels": copies.loc[copies["conflicting"], "group"].nunique(),
        "test images": int(faces.index["split"].isin(TEST_SPLITS).sum()),
        "test images with a copy in training": len(leaked_test),
        "blank images": len(blanks),
    }
    return pd.Series(facts, name="count")
