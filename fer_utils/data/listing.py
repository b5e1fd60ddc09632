"""Which images a folder or a zip holds, and what their places say: .../<split>/<class>/<image>."""

import os
import re
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fer_utils.errors import FerError

IMAGE_TYPES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".pgm", ".ppm"}
SPLIT_FOLDERS = {"train": "Training", "training": "Training", "test": "Test", "testing": "Test"}
SPLIT_FOLDERS |= dict.fromkeys(("val", "valid", "validation"), "Validation")
SPLIT_FOLDERS |= {"publictest": "PublicTest", "privatetest": "PrivateTest"}
# What systems and programs leave among a person's folders, beside names that begin with a dot
JUNK = {"__macosx", "__pycache__", "@eadir", "#recycle", "#snapshot", "$recycle.bin"}
JUNK |= {"system volume information", "lost+found", "thumbs", "thumbnails"}
LAYOUT = "expected <split>/<class>/<image> (split: train, val or test) or <class>/<image>"


@dataclass(frozen=True)
class Listing:
    """The images found in a folder or zip.

    Attributes
    ----------
    index : one row per image: name, label, split ("": the layout names none).
    paths : of the images in the folder or zip, in the same order.
    read : gives the bytes of the image of a path.
    """

    index: pd.DataFrame
    paths: list[str]
    read: Callable[[str], bytes]


def list_images(source: Path) -> Listing:
    """Every image of a folder or zip with its class and split, in the order of the names.

    The class is the folder directly under the split folder, however deep the image lies in it
    (subjects, sessions); where no folder names a split, the only one below what all images share.
    Folders of no person's making (JUNK, hidden ones) are passed over, and links are followed.
    Images outside of all folders are left out, with a warning on stderr.

    Raises
    ------
    FerError
        Where there are no images, or the layout leaves a class open.
    """
    names, read = _folder(source) if source.is_dir() else _zip(source)
    images = sorted(name for name in names if is_image(name))
    outside = [name for name in images if len(_parts(name)) == 1]
    inside = [name for name in images if len(_parts(name)) > 1]
    if not inside:
        table = next((name for name in names if name.lower().endswith(".csv")), None)
        hint = f"; give the path of {table} itself" if table else ""
        raise FerError(f"{source}: no images found in class folders; {LAYOUT}{hint}")
    if outside:
        said = f"{len(outside)} images outside of all folders left out ({outside[0]} …)"
        print(f"fer_utils: {source}: {said}", file=sys.stderr)
    paths = [_parts(name) for name in inside]
    shared = _shared(paths)  # folders above all images say nothing about one of them
    label, split = _labelled(paths, shared, source)
    names = ["/".join(path[shared:]) for path in paths]
    index = pd.DataFrame({"name": names, "label": label, "split": split})
    return Listing(index, inside, read)


def _folder(source: Path) -> tuple[list[str], Callable[[str], bytes]]:
    """The files in a folder, and how one is read."""
    return list(files_below(source)), lambda name: (source / name).read_bytes()


def _zip(source: Path) -> tuple[list[str], Callable[[str], bytes]]:
    """The files in a zip, and how one is read; the zip stays open for that."""
    try:
        archive = zipfile.ZipFile(source)
    except zipfile.BadZipFile:
        broken = "not a complete zip; a download that broke off? Fetch it again"
        raise FerError(f"{source}: {broken}") from None
    names = [item.filename for item in archive.infolist() if not item.is_dir()]
    return [name for name in names if not any(map(is_junk, _parts(name)))], archive.read


def files_below(folder: Path) -> Iterator[str]:
    """The files in `folder` and below, relative to it with forward slashes, sorted; no junk.

    Links to folders are followed, unless they lead to a folder that they lie in. Raises FerError
    for a link to a folder that is gone, OSError for a folder that may not be read.
    """
    yield from _files_below(folder, "", ())


def _files_below(folder: Path, before: str, above: tuple[str, ...]) -> Iterator[str]:
    here = os.path.realpath(folder)
    if here in above:  # a link that leads in a circle
        return
    for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if is_junk(entry.name):
            continue
        if entry.is_dir():
            yield from _files_below(Path(entry.path), f"{before}{entry.name}/", (*above, here))
            continue
        # one with an ending was a file: whoever reads it says that it is gone
        if "." not in entry.name and not os.path.exists(entry.path):
            raise FerError(f"{entry.path}: a link to what is not there; mend or delete it")
        yield before + entry.name


def is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGE_TYPES


def is_junk(name: str) -> bool:
    """Whether a folder or file of this name is a system's or a program's."""
    return name.startswith(".") or name.lower() in JUNK


def _parts(name: str) -> list[str]:
    return [part for part in name.split("/") if part not in ("", ".")]


def _shared(paths: list[list[str]]) -> int:
    """How many folders, from the top, all paths share."""
    first, last = min(paths)[:-1], max(paths)[:-1]
    pairs = zip(first, last, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(first), len(last)))


def _labelled(paths: list[list[str]], shared: int, source: Path) -> tuple[list[str], list[str]]:
    """label and split of each image by its path: folders and file name."""
    places = [_split_place(path, shared) for path in paths]
    if all(place is None for place in places):
        splits, labels = [""] * len(paths), _without_split(paths, shared, source)
    else:
        pairs = _with_split(paths, places, source)
        splits, labels = [split for split, _ in pairs], [label for _, label in pairs]
    # FER2013's file names tell its two test splits apart
    told = [re.match(r"(Training|PublicTest|PrivateTest)_", path[-1]) for path in paths]
    splits = [match[1] if match else split for match, split in zip(told, splits, strict=True)]
    return [label.strip().lower() for label in labels], splits


def _split_place(path: list[str], shared: int) -> int | None:
    """Which of an image's folders names its split: one with a folder below it.

    The first below those that all images share; else the last of these: archive/test may hold
    train/ and test/.
    """
    last = len(path) - 2  # the class's folder at the deepest, which may itself be called test
    for place in (*range(shared, last), *reversed(range(min(shared, last)))):
        if path[place].lower() in SPLIT_FOLDERS:
            return place
    return None


def _with_split(
    paths: list[list[str]], places: list[int | None], source: Path
) -> list[tuple[str, str]]:
    """(split, class) of each image where folders name splits. Raises FerError if one has none."""
    rows, deeper = [], True
    for path, place in zip(paths, places, strict=True):
        if place is None or path[:place] != paths[0][: places[0] or 0]:
            pair = f"{'/'.join(paths[0])} and {'/'.join(path)}"
            raise FerError(f"{source}: {pair} are not laid out alike; {LAYOUT}")
        rows.append((path[place], path[place + 1]))
        deeper = deeper and len(path) > place + 3
    # train/images/happy/1.png: the folder under the split is no class, and the one below may be
    if deeper and len({cls for _, cls in rows}) == 1:
        raise FerError(f"{source}: all images lie in folders called {rows[0][1]!r}; {LAYOUT}")
    return [(SPLIT_FOLDERS[split.lower()], cls) for split, cls in rows]


def _without_split(paths: list[list[str]], shared: int, source: Path) -> list[str]:
    """The class of each image where no folder names a split: the one below those that all share."""
    deep = shared + 1 if all(len(path) == shared + 1 for path in paths) else shared + 2
    for path in paths:
        if len(path) != deep or path[-2].lower() in SPLIT_FOLDERS:
            raise FerError(f"{source}: what is the class of {'/'.join(path)}? {LAYOUT}")
    return [path[-2] for path in paths]
