"""`Faces`: labelled images with their names and original split; select, cap, split, save and open.

A prepared data set is a folder of plain files: images.npy (uint8), index.csv (a row an image: name,
label, split) and dataset.json (where it came from, counts, a hash of the content).
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from fer_utils import io
from fer_utils.emotions import Task
from fer_utils.errors import FerError, one_of

SPLITS = ("Training", "Validation", "PublicTest", "PrivateTest", "Test")
TEST_SPLITS = ("PublicTest", "PrivateTest", "Test")
TESTS = ("all", "private")


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


@dataclass(frozen=True)
class Split:
    """Rows of a `Faces` for training, validation and test, and the class index of each row's label."""

    task: Task
    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    labels: np.ndarray  # of every image in the store; -1 where the image is of no class of the task


def split_task(
    faces: Faces,
    task: Task,
    cap: int | None,
    validation: float,
    seed: int,
    test: str = "all",
    groups: np.ndarray | None = None,
) -> Split:
    """Report A's protocol: at most `cap` training images a class, then a stratified train/validation split.

    The validation images come out of the Training images, unless the set brings its own Validation split.
    The test rows are all images of the task's classes in the set's own test split. Raises FerError.

    test="private" is the protocol of the seven-class literature: PrivateTest is tested, PublicTest is the
    validation split, and all Training images (or `cap` a class) are for training.

    groups: int, one an image; images of a group show one photograph (copies.near). A test image whose group has
    an image outside the tested split, of whatever class, is left out, and training and validation share no group.
    None: every image for itself, as report A has it.
    """
    one_of(test, TESTS, "test")
    if cap is not None and cap <= 0:
        raise FerError(f"cap must be at least 1 image a class, or none; got {cap}")
    if not 0 < validation < 1:
        raise FerError(f"validation must lie between 0 and 1; got {validation}")
    labels = _class_indices(faces, task)
    pool = faces.rows(task.classes, ("Training",))
    private = test == "private"
    tested = ("PrivateTest",) if private else TEST_SPLITS
    val = faces.rows(task.classes, ("PublicTest",) if private else ("Validation",))
    test = faces.rows(task.classes, tested)
    groups = np.arange(len(faces)) if groups is None else groups
    elsewhere = ~faces.index["split"].isin(tested).to_numpy()
    test = test[~np.isin(groups[test], groups[elsewhere])]
    pool = pool[~np.isin(groups[pool], groups[val])]
    needed = {"training": pool, "test": test} | ({"PublicTest": val} if private else {})
    for name, rows in needed.items():
        for position, cls in enumerate(task.classes):
            found = int((labels[rows] == position).sum())
            if found < (2 if name == "training" else 1):
                raise FerError(f"class {cls!r} has {found} {name} images in {faces.source}; too few to split")
    rng = np.random.default_rng(seed)
    if cap is not None:
        capped = [_draw(rng, pool[labels[pool] == position], cap) for position in range(len(task.classes))]
        pool = np.sort(np.concatenate(capped))
    if len(val):
        return Split(task, pool, val, test, labels)
    _, first, group = np.unique(groups[pool], return_index=True, return_inverse=True)
    try:  # whole groups go to one side; the label of a group is that of its first image
        train, _ = train_test_split(
            np.arange(len(first)), test_size=validation, stratify=labels[pool[first]], random_state=seed
        )
    except ValueError as error:
        raise FerError(f"{len(pool)} training images cannot be split {validation:.0%}: {error}") from None
    in_train = np.isin(group, train)
    return Split(task, pool[in_train], pool[~in_train], test, labels)


def _class_indices(faces: Faces, task: Task) -> np.ndarray:
    known = set(faces.index["label"])
    for cls in task.classes:
        if cls not in known:
            raise FerError(f"no class {cls!r} in {faces.source}; it has: {', '.join(sorted(known))}")
    return faces.index["label"].map({cls: i for i, cls in enumerate(task.classes)}).fillna(-1).to_numpy(np.int64)


def _draw(rng: np.random.Generator, rows: np.ndarray, cap: int) -> np.ndarray:
    return rng.choice(rows, cap, replace=False) if len(rows) > cap else rows
