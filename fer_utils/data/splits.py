"""Which images a run trains on, validates on and is tested on."""

from dataclasses import dataclass

import numpy as np

from fer_utils.data.dataset import TEST_SPLITS, Faces
from fer_utils.data.tasks import Task
from fer_utils.errors import FerError, one_of

TESTS = ("all", "private")


@dataclass(frozen=True)
class Split:
    """Which images of a `Faces` are for what.

    Attributes
    ----------
    train, val, test : int; their positions in the store.
    labels : int64; the class index of every image in the store, -1 where it is of no class of the
        task.
    """

    task: Task
    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    labels: np.ndarray


def split_task(
    faces: Faces,
    task: Task,
    cap: int | None,
    validation: float,
    seed: int,
    test: str = "all",
    groups: np.ndarray | None = None,
    stratified: bool = True,
    drawn: bool = True,
) -> Split:
    """Report A's protocol, or that of the seven-class literature.

    Report A: at most `cap` training images per class, of which a stratified share is for
    validation, unless the set brings its own Validation split. Tested are all images of the task's
    classes in the set's own test split.

    Parameters
    ----------
    cap : None: all training images.
    validation : share of the training images, 0..1.
    seed : of which images the cap leaves, and which are for validation.
    test : "all" for report A's protocol. "private" for the literature's: PrivateTest is tested,
        PublicTest is the validation split, and all Training images (or `cap` per class) are for
        training.
    groups : int, one per image; images of a group show one photograph (`duplicates.near`). A test
        image whose group has an image outside the tested split, of whatever class, is left out, and
        training and validation share no group. None: every image for itself, as report A has it.
    stratified : whether each class has its share of the validation images; else they are drawn from
        all classes at once.
    drawn : whether the images that the cap leaves are drawn; else the first of each class are left,
        in stored order.

    Raises
    ------
    FerError
        For a setting out of range, a class that the set lacks or has too few images of.
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
    tests = faces.rows(task.classes, tested)
    groups = np.arange(len(faces)) if groups is None else groups
    elsewhere = ~faces.index["split"].isin(tested).to_numpy()
    tests = tests[~np.isin(groups[tests], groups[elsewhere])]
    pool = pool[~np.isin(groups[pool], groups[val])]
    needed = {"training": pool, "test": tests} | ({"PublicTest": val} if private else {})
    for name, rows in needed.items():
        for position, cls in enumerate(task.classes):
            count = int((labels[rows] == position).sum())
            if count < (2 if name == "training" else 1):
                raise FerError(
                    f"class {cls!r} has {count} {name} images in {faces.source}; too few to split"
                )
    rng = np.random.default_rng(seed)
    if cap is not None:
        by_class = [pool[labels[pool] == position] for position in range(len(task.classes))]
        kept = [_draw(rng, rows, cap) if drawn else rows[:cap] for rows in by_class]
        pool = np.sort(np.concatenate(kept))
    if len(val):
        return Split(task, pool, val, tests, labels)
    # here, since a report draws no split, and scikit-learn takes half a second to import
    from sklearn.model_selection import train_test_split

    _, first, group = np.unique(groups[pool], return_index=True, return_inverse=True)
    try:  # whole groups go to one side; the label of a group is that of its first image
        train, _ = train_test_split(
            np.arange(len(first)),
            test_size=validation,
            stratify=labels[pool[first]] if stratified else None,
            random_state=seed,
        )
    except ValueError as error:
        raise FerError(
            f"{len(pool)} training images cannot be split {validation:.0%}: {error}"
        ) from None
    in_train = np.isin(group, train)
    return Split(task, pool[in_train], pool[~in_train], tests, labels)


def _class_indices(faces: Faces, task: Task) -> np.ndarray:
    known = set(faces.index["label"])
    for cls in task.classes:
        if cls not in known:
            raise FerError(
                f"no class {cls!r} in {faces.source}; it has: {', '.join(sorted(known))}"
            )
    positions = {cls: position for position, cls in enumerate(task.classes)}
    return faces.index["label"].map(positions).fillna(-1).to_numpy(np.int64)


def _draw(rng: np.random.Generator, rows: np.ndarray, cap: int) -> np.ndarray:
    return rng.choice(rows, cap, replace=False) if len(rows) > cap else rows
