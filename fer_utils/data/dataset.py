"""`Faces`: labelled images with their names and original split; select, cap, split, save and open.

A prepared data set is a folder of plain files: images.npy (uint8), index.csv (one row per image:
name, label, split) and dataset.json (where it came from, counts, a hash of the content).
"""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from fer_utils import io
from fer_utils.errors import FerError

SPLITS = ("Training", "Validation", "PublicTest", "PrivateTest", "Test")
TEST_SPLITS = ("PublicTest", "PrivateTest", "Test")


@dataclass(frozen=True, eq=False)
class Faces:
    """N images and what is known of each. Equal are those of equal content, which `digest` tells.

    Attributes
    ----------
    images : uint8, N×H×W (grey) or N×H×W×3 (RGB), 0–255; in memory or memory-mapped.
    index : N rows with the columns name (file or CSV row), label (class name), split (of SPLITS).
    source : one line that says where they came from.
    stored_digest : what the store says of its own content; "": not known.
    folder : the store that they were opened from, if any.
    """

    images: np.ndarray
    index: pd.DataFrame
    source: str = ""
    stored_digest: str = ""
    folder: Path | None = None

    @cached_property
    def digest(self) -> str:
        """Identifies the content (pixels, names, labels, splits), saved or not: 16 hex digits."""
        return self.stored_digest or content_digest(self.images, self.index)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Faces) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __len__(self) -> int:
        return len(self.images)

    def rows(self, classes: tuple[str, ...], splits: tuple[str, ...]) -> np.ndarray:
        """Positions of the images of these classes in these splits, in stored order."""
        return np.flatnonzero(self.index["label"].isin(classes) & self.index["split"].isin(splits))

    def counts(self) -> pd.DataFrame:
        """Images per class (rows) and split (columns)."""
        splits = [s for s in SPLITS if (self.index["split"] == s).any()]
        return pd.crosstab(self.index["label"], self.index["split"])[splits]

    def save(self, folder: Path) -> None:
        """Writes the store `folder`, whole or not at all."""
        with io.atomic_folder(Path(folder)) as part:
            np.save(part / "images.npy", self.images)
            finish_store(part, self.index, self.source)


def finish_store(folder: Path, index: pd.DataFrame, source: str) -> None:
    """Adds index.csv and dataset.json to a folder that already holds images.npy."""
    (folder / "index.csv").write_bytes(_as_csv(index))
    images = np.load(folder / "images.npy", mmap_mode="r")
    info = {
        "source": source,
        "images": len(images),
        "size": list(images.shape[1:]),
        "counts": pd.crosstab(index["split"], index["label"]).to_dict("index"),
        "digest": content_digest(images, index),
    }
    io.write_json(folder / "dataset.json", info)


def content_digest(images: np.ndarray, index: pd.DataFrame) -> str:
    """The first 16 digits of the sha256 of index.csv and of all pixels."""
    digest = hashlib.sha256(_as_csv(index))
    for start in range(0, len(images), 4096):  # in pieces: the store may be larger than memory
        digest.update(images[start : start + 4096].tobytes())
    return digest.hexdigest()[:16]


def _as_csv(index: pd.DataFrame) -> bytes:
    # the same bytes, and so the same digest, on every system
    return index.to_csv(index=False, lineterminator="\n").encode()


def open_store(folder: Path) -> Faces:
    """Opens a prepared data set; its images are memory-mapped.

    Raises FerError where it is not there, or has not as many images as rows.
    """
    folder = Path(folder)
    if not (folder / "dataset.json").exists():
        command = f"python -m fer_utils prepare PATH --name {folder.name}"
        raise FerError(
            f"no data set at {folder}; prepare one with: {command} "
            "(a zip, folder or CSV; see data/README.md)"
        )
    info = io.read_json(folder / "dataset.json")
    # as text: classes may be called 1 and 2, or "nan"
    index = pd.read_csv(folder / "index.csv", dtype=str, keep_default_na=False)
    images = np.load(folder / "images.npy", mmap_mode="r")
    if len(images) != len(index):
        raise FerError(
            f"{folder}: {len(images)} images but {len(index)} rows in index.csv; prepare it again"
        )
    return Faces(images, index, info["source"], info["digest"], folder)
