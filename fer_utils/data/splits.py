"""Which images a run trains on, validates on and is tested on."""

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import train_test_split

from fer_utils.data.dataset import TEST_SPLITS, Faces
from fer_utils.data.tasks import Task
from fer_utils.errors import FerError, one_of

TESTS = ("all", "private")


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

    groups: int, one an image; images of a group show one photograph (duplicates.near). A test image whose group has
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
                raise FerError(
                    f"class {cls!r} has {found} {name} images in {faces.source}; too few to split"
                )
    rng = np.random.default_rng(seed)
    if cap is not None:
        capped = [
            _draw(rng, pool[labels[pool] == position], cap) for position in range(len(task.classes))
        ]
        pool = np.sort(np.concatenate(capped))
    if len(val):
        return Split(task, pool, val, test, labels)
    _, first, group = np.unique(groups[pool], return_index=True, return_inverse=True)
    try:  # whole groups go to one side; the label of a group is that of its first image
        train, _ = train_test_split(
            np.arange(len(first)),
            test_size=validation,
            stratify=labels[pool[first]],
            random_state=seed,
        )
    except ValueError as error:
        raise FerError(
            f"{len(pool)} training images cannot be split {validation:.0%}: {error}"
        ) from None
    in_train = np.isin(group, train)
    return Split(task, pool[in_train], pool[~in_train], test, labels)


def _class_indices(faces: Faces, task: Task) -> np.ndarray:
    known = set(faces.index["label"])
    for cls in task.classes:
        if cls not in known:
            raise FerError(
                f"no class {cls!r} in {faces.source}; it has: {', '.join(sorted(known))}"
            )
    return (
        faces.index["label"]
        .map({cls: i for i, cls in enumerate(task.classes)})
        .fillna(-1)
        .to_numpy(np.int64)
    )


def _draw(rng: np.random.Generator, rows: np.ndarray, cap: int) -> np.ndarray:
    return rng.choice(rows, cap, replace=False) if len(rows) > cap else rows
