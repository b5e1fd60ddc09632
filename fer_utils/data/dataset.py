"""`Faces`: labelled images with their names and original split; select, cap, split, save and open.

A prepared data set is a folder of plain files: images.npy (uint8), index.csv (a row an image: name,
label, split) and dataset.json (where it came from, counts, a hash of the content).
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fer_utils import io
from fer_utils.errors import FerError

SPLITS = ("Training", "Validation", "PublicTest", "PrivateTest", "Test")
TEST_SPLITS = ("PublicTest", "PrivateTest", "Test")


@dataclass(frozen=True, eq=False)  # compared and hashed by identity, so that copies.near can remember its answer
class Faces:
    """N images and what is known of each.

    images: uint8, N×H×W (grey) or N×H×W×3 (RGB), 0–255; in memory or memory-mapped.
    index: N rows with the columns name (file or CSV row), label (class name), split (one of SPLITS).
    source: one line that says where they came from.
    digest: identifies the content (images, labels and splits); made when the faces are saved.
    """

    images: np.ndarray
    index: pd.DataFrame
    source: str = ""
    digest: str = ""

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
        """Writes the store; whole or not at all."""
        with io.atomic_folder(Path(folder)) as part:
            np.save(part / "images.npy", self.images)
            finish_store(part, self.index, self.source)


def finish_store(folder: Path, index: pd.DataFrame, source: str) -> None:
    """Adds index.csv and dataset.json to a folder that already holds images.npy."""
    index.to_csv(folder / "index.csv", index=False)
    images = np.load(folder / "images.npy", mmap_mode="r")
    digest = hashlib.sha256((folder / "index.csv").read_bytes())
    for start in range(0, len(images), 4096):  # in pieces: the store may be larger than memory
        digest.update(images[start : start + 4096].tobytes())
    info = {
        "source": source,
        "images": len(images),
        "size": list(images.shape[1:]),
        "counts": pd.crosstab(index["split"], index["label"]).to_dict("index"),
        "digest": digest.hexdigest()[:16],
    }
    io.write_json(folder / "dataset.json", info)


def open_store(folder: Path) -> Faces:
    """Opens a prepared data set; its images are memory-mapped. Raises FerError if it is not there."""
    folder = Path(folder)
    if not (folder / "dataset.json").exists():
        raise FerError(
            f"no data set at {folder}; prepare one with: "
            f"python -m fer_utils prepare PATH --name {folder.name} (a zip, folder or CSV; see data/README.md)"
        )
    info = io.read_json(folder / "dataset.json")
    index = pd.read_csv(folder / "index.csv", dtype=str, keep_default_na=False)
    images = np.load(folder / "images.npy", mmap_mode="r")
    if len(images) != len(index):
        raise FerError(f"{folder}: {len(images)} images but {len(index)} rows in index.csv; prepare it again")
    return Faces(images, index, info["source"], info["digest"])
