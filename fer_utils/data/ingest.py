"""Reads every public form of FER2013, and any folder of class folders, into a prepared store.

Folder or zip: .../<split>/<class>/<image> or <class>/<image> (see listing).
CSV: fer2013.csv (`emotion,pixels,Usage`) or icml_face_data.csv (`emotion, Usage, pixels`).
"""

import csv
import math
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split
from tqdm import tqdm

from fer_utils import io
from fer_utils.data.dataset import (
    TEST_SPLITS,
    Faces,
    finish_store,
    open_store,
)
from fer_utils.data.listing import list_images
from fer_utils.data.parallel_decoding import write_array, write_images
from fer_utils.data.tasks import CSV_ORDER
from fer_utils.errors import FerError

KAGGLE = "msambare/fer2013"


def prepare(
    source: Path | str, folder: Path, size: int | None = None, grey: bool | None = None
) -> Faces:
    """Reads `source` once and writes the prepared store `folder`; returns it opened.

    Images without a test split get one: a stratified fifth of each class, drawn with seed 0.
    A store that is there is replaced if it holds the same content, whatever the source is called
    now, or came from a source of the same name.

    Parameters
    ----------
    source : a folder, zip or CSV.
    size : side in pixels. None keeps the images' own size if they share it and are square, else
        crops the centre square and resizes to 224. A CSV's images keep theirs.
    grey : None keeps grey only where every image is grey.

    Raises
    ------
    FerError
        For any other store, and for a source or an image that cannot be read, naming it; nothing
        is left half-written.
    """
    source, folder = Path(source), Path(folder)
    _check_target(source, folder)
    if size is not None and size <= 0:
        raise FerError(f"size must be at least 1 pixel; got {size}")
    if not source.exists():
        raise FerError(
            f"{source}: no such file or folder; see data/README.md for how to get FER2013"
        )
    with io.atomic_folder(folder) as part:
        if source.suffix.lower() == ".csv":
            index, images, shape = _rows_of_csv(source)
            write_array(part / "images.npy", images, len(index), shape)
        else:
            listing = list_images(source)
            index = listing.index
            write_images(part / "images.npy", listing.paths, listing.read, size, grey)
        finish_store(part, with_test(index), name_of(source))
        _check_replaced(folder, part)
    return open_store(folder)


def name_of(source: Path) -> str:
    """What a store says that it came from: a file's or folder's name, or Kaggle's of a fetched one.

    kagglehub puts that into .../datasets/OWNER/NAME/versions/NUMBER.
    """
    match source.absolute().parts:
        case (*_, "datasets", owner, name, "versions", number):
            return f"Kaggle {owner}/{name}, version {number}"
    return source.absolute().name


def _check_replaced(folder: Path, part: Path) -> None:
    """Refuses to replace the store `folder` by `part` if neither content nor source is the same."""
    if not folder.exists():
        return
    before, now = (io.read_json(place / "dataset.json") for place in (folder, part))
    if before["digest"] != now["digest"] and before["source"] != now["source"]:
        raise FerError(
            f"{folder} holds other data, prepared from {before['source']}; choose another name "
            "(--name), or delete that folder first"
        )


def _check_target(source: Path, folder: Path) -> None:
    """Refuses a folder that is no store, which the new one would replace, or holds the source."""
    here, there = source.resolve(), folder.resolve()
    if here == there or here in there.parents or there in here.parents:
        raise FerError(
            f"{source} and the prepared store {folder} must lie apart; "
            "move one, or choose another name"
        )
    if folder.exists() and not (folder / "dataset.json").exists():
        raise FerError(
            f"{folder} exists and is no prepared data set; choose another name or move it away"
        )


def with_test(index: pd.DataFrame) -> pd.DataFrame:
    """The index with every split named.

    Images of no split are for training; where no image is for test, a stratified fifth of the
    training images becomes the split Test, drawn with seed 0. Raises FerError for a class of fewer
    than five.
    """
    index = index.assign(split=index["split"].replace("", "Training"))
    if index["split"].isin(TEST_SPLITS).any():
        return index
    pool = index.index[index["split"] == "Training"]
    few = index.loc[pool, "label"].value_counts().loc[lambda n: n < 5]
    if len(few):
        raise FerError(
            f"class {few.index[0]!r} has {few.iloc[0]} images; "
            "5 are needed to set a test split aside"
        )
    _, test = train_test_split(
        pool, test_size=0.2, stratify=index.loc[pool, "label"], random_state=0
    )
    index.loc[test, "split"] = "Test"
    return index


def _rows_of_csv(source: Path) -> tuple[pd.DataFrame, Generator[np.ndarray], tuple[int, int]]:
    """FER2013's CSV in either column order: index, images one by one, and their shape."""
    rows, images = [], []
    for where, row in _csv_lines(source):
        if not (row["emotion"].isdecimal() and int(row["emotion"]) < len(CSV_ORDER)):
            raise FerError(
                f"{where}: emotion {row['emotion']!r}; it must be 0 to {len(CSV_ORDER) - 1}"
            )
        if row["usage"] not in ("Training", "PublicTest", "PrivateTest"):
            raise FerError(
                f"{where}: Usage {row['usage']!r}; it must be Training, PublicTest or PrivateTest"
            )
        images.append(_pixels(row["pixels"], where))
        rows.append((where.split(", ")[-1], CSV_ORDER[int(row["emotion"])], row["usage"]))
    if not rows:
        raise FerError(f"{source}: no rows below the header; a download that broke off?")
    # the commonest, so that a broken first row does not blame all others
    length = Counter(map(len, images)).most_common(1)[0][0]
    for (where, _, _), pixels in zip(rows, images, strict=True):
        if len(pixels) != length:
            raise FerError(
                f"{source.name}, {where}: {len(pixels)} pixel values instead of {length}; "
                "mend or delete it"
            )
    side = math.isqrt(length)
    if side * side != length:
        raise FerError(f"{source}: {length} pixel values a row are no square image")
    index = pd.DataFrame(rows, columns=["name", "label", "split"])
    return index, (image.reshape(side, side) for image in images), (side, side)


def _csv_lines(source: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """(where, cells by lower-case column name) of every line below the header."""
    csv.field_size_limit(2**24)  # the default stops at images of about 180×180
    number = 0
    header: list[str] = []
    # utf-8-sig: a spreadsheet's export may begin with a byte order mark
    with source.open(newline="", encoding="utf-8-sig") as stream:
        lines = tqdm(csv.reader(stream), desc="reading", unit="row")
        try:
            for number, cells in enumerate(lines, start=1):
                if not header:
                    header = [cell.strip().lower() for cell in cells]
                    if sorted(header) != ["emotion", "pixels", "usage"]:
                        raise FerError(
                            f"{source}: the header must name emotion, pixels and Usage; "
                            f"found {header}"
                        )
                    continue
                where = f"{source.name}, line {number}"
                if len(cells) != 3:
                    raise FerError(
                        f"{where}: {len(cells)} cells instead of 3; mend or delete the line"
                    )
                yield where, dict(zip(header, (cell.strip() for cell in cells), strict=True))
        except (csv.Error, UnicodeDecodeError) as error:
            raise FerError(
                f"{source.name}, line {number + 1}: not text in CSV form ({error})"
            ) from None


def _pixels(text: str, where: str) -> np.ndarray:
    try:
        values = np.array(text.split(), dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise FerError(f"{where}: a pixel is not a whole number ({error})") from None
    if values.size == 0 or values.min() < 0 or values.max() > 255:
        raise FerError(f"{where}: pixels must lie between 0 and 255")
    return values.astype(np.uint8)


def fetch() -> Path:
    """Downloads FER2013 from Kaggle (needs the internet, no account) and returns its folder.

    Raises FerError, with the way by hand, where that fails.
    """
    import kagglehub  # slow to import, and needed only here

    try:
        return Path(kagglehub.dataset_download(KAGGLE))
    except Exception as error:  # kagglehub raises whatever its HTTP client does
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        page = f"https://www.kaggle.com/datasets/{KAGGLE}"
        raise FerError(
            f"cannot fetch {KAGGLE} ({reason[:80]}); download it by hand from {page} "
            "and run: make data FER2013=path/to/archive.zip"
        ) from None
