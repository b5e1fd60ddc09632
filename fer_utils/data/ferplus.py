"""FER+: what ten people see in each picture of FER2013 (Barsoum et al. 2016).

Microsoft publishes the votes as `fer2013new.csv` (github.com/microsoft/FERPlus, MIT), in the order
of FER2013's CSV. Kaggle's folders have other file names; `data/ferplus/kaggle_to_ferplus.csv.gz`
says which picture each of them is, found by comparing pixels (data/README.md). The votes are kept
beside the images of a prepared data set, as votes.csv; they change neither labels nor digest.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fer_utils import io, paths
from fer_utils.data.dataset import Faces
from fer_utils.errors import FerError

KAGGLE_MAP = paths.CHECKOUT / "data" / "ferplus" / "kaggle_to_ferplus.csv.gz"
# FER+'s column for each answer, under FER2013's class names; the last three are no class of FER2013
ANSWERS = {
    "neutral": "neutral",
    "happy": "happiness",
    "surprise": "surprise",
    "sad": "sadness",
    "angry": "anger",
    "disgust": "disgust",
    "fear": "fear",
    "contempt": "contempt",
    "unknown": "unknown",
    "not_a_face": "NF",
}
FILE = "votes.csv"


def read(path: Path) -> pd.DataFrame:
    """FER+'s own file: one row per picture of fer2013.csv, in its order.

    Returns
    -------
    DataFrame with the columns
        split (Training, PublicTest, PrivateTest)
        image (FER+'s file name; empty for 173 pictures)
        one per name in ANSWERS: votes, 0..10, of ten taggers

    Raises
    ------
    FerError
        for a file that is not FER+'s.
    """
    try:
        table = pd.read_csv(path, keep_default_na=False)
        votes = table[list(ANSWERS.values())].set_axis(list(ANSWERS), axis=1).astype(int)
        votes.insert(0, "image", table["Image name"].astype(str))
        votes.insert(0, "split", table["Usage"].astype(str))
    except (OSError, UnicodeDecodeError, KeyError, ValueError) as error:
        raise FerError(f"{path}: not FER+'s fer2013new.csv: {error}") from None
    return votes


def join(faces: Faces, votes: pd.DataFrame) -> pd.DataFrame:
    """The votes on each image of a data set, in its order; all zero where FER+ has none.

    votes: from `read`. An image is found by Kaggle's file name (`<split>/<class>/<file>`), or by
    its line in fer2013.csv. FER+ gives no name to 173 pictures that it marks as no face with ten
    votes of ten: under Kaggle's names they have no votes. Raises FerError where FER+ knows fewer
    than half of the images.
    """
    of_line = _by_line(faces.index, votes)
    joined = of_line if of_line is not None else _by_kaggle_name(faces.index["name"], votes)
    if joined[list(ANSWERS)].sum(axis=1).gt(0).mean() < 0.5:
        raise FerError(
            f"{faces.source}: FER+ knows fewer than half of its images; it has votes on FER2013 as "
            "fer2013.csv or Kaggle's msambare/fer2013 alone"
        )
    return joined


def _by_line(index: pd.DataFrame, votes: pd.DataFrame) -> pd.DataFrame | None:
    """For a store made from FER2013's CSV, whose images are called "line 2" and so on."""
    lines = index["name"].str.extract(r"^line (\d+)$")[0]
    if lines.isna().any() or len(lines) != len(votes):
        return None
    rows = votes.iloc[lines.astype(int).to_numpy() - 2]  # the header is line 1
    if (rows["split"].to_numpy() != index["split"].to_numpy()).any():
        raise FerError(
            "the lines of this CSV are not in FER2013's order: its Usage differs from FER+'s"
        )
    return rows[list(ANSWERS)].reset_index(drop=True)


def _by_kaggle_name(names: pd.Series, votes: pd.DataFrame) -> pd.DataFrame:
    image_of = pd.read_csv(KAGGLE_MAP, index_col="file", keep_default_na=False)["ferplus_image"]
    image_of = image_of[image_of != ""]
    named = votes[votes["image"] != ""].drop_duplicates(["image", *ANSWERS])
    # one name stands for two pictures with different votes: which is whose, nobody knows
    named = named.drop_duplicates("image", keep=False).set_index("image")[list(ANSWERS)]
    files = names.str.split("/").str[-3:].str.join("/")
    joined = named.reindex(files.map(image_of).to_numpy())
    return joined.fillna(0).astype(int).reset_index(drop=True)


def add(faces: Faces, path: Path) -> int:
    """Joins FER+'s file to a prepared data set and keeps the votes beside it: images with votes."""
    assert faces.folder is not None, "votes are kept beside a prepared data set"
    votes = join(faces, read(path))
    with io.atomic_file(faces.folder / FILE) as part:
        votes.to_csv(part, index=False)
    return int(votes.sum(axis=1).gt(0).sum())


def stored(faces: Faces) -> Path | None:
    """The file of a data set's votes; None where it was prepared without."""
    file = faces.folder / FILE if faces.folder else None
    return file if file and file.exists() else None


def of(faces: Faces) -> pd.DataFrame:
    """The votes on a prepared data set, one row per image. Raises FerError where it has none."""
    if (file := stored(faces)) is None:
        name = faces.folder.name if faces.folder else "fer2013"
        raise FerError(
            f"{name} has no FER+ votes; add them with: "
            f"python -m fer_utils prepare SOURCE --name {name} --votes fer2013new.csv"
        )
    return pd.read_csv(file)


def majority(votes: pd.DataFrame, answers: Sequence[str] = tuple(ANSWERS)) -> np.ndarray:
    """The most frequent of these answers on each image; "" where two are tied, or none is given."""
    counts = votes[list(answers)].to_numpy()
    most = counts.max(axis=1)
    single = (counts == most[:, None]).sum(axis=1) == 1
    return np.where(single & (most > 0), np.array(answers)[counts.argmax(axis=1)], "")
