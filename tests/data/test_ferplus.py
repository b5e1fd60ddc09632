"""FER+'s votes find their pictures, by Kaggle's names and by the lines of FER2013's CSV."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fer_utils.data import ferplus
from fer_utils.data.dataset import Faces, open_store
from fer_utils.errors import FerError

HEADER = "Usage,Image name," + ",".join(ferplus.ANSWERS.values())
ROWS = [
    "Training,fer0024005.png,1,0,0,0,9,0,0,0,0,0",
    "Training,fer0027750.png,0,0,8,0,0,0,2,0,0,0",
    "PublicTest,,0,0,0,0,0,0,0,0,0,10",
    "PrivateTest,fer0033834.png,2,0,0,0,5,0,0,0,3,0",
]


def faces(names, labels, splits):
    index = pd.DataFrame({"name": names, "label": labels, "split": splits})
    return Faces(np.zeros((len(names), 2, 2), np.uint8), index, "made for this test")


@pytest.fixture
def published(tmp_path):
    path = tmp_path / "fer2013new.csv"
    path.write_text("\n".join([HEADER, *ROWS]) + "\n")
    return path


def test_answers_have_fer2013s_names(published):
    votes = ferplus.read(published)
    assert votes.loc[0, ["angry", "neutral"]].tolist() == [9, 1]
    assert votes.loc[1, ["surprise", "fear"]].tolist() == [8, 2]
    assert votes.loc[2, "not_a_face"] == 10 and votes.loc[3, "unknown"] == 3


def test_kaggles_names_need_the_class_since_two_files_share_theirs(published):
    data = faces(
        [
            "train/surprise/Training_8475486.jpg",
            "archive/train/angry/Training_8475486.jpg",
            "test/angry/PrivateTest_10131363.jpg",
            "train/happy/mine.jpg",
        ],
        ["surprise", "angry", "angry", "happy"],
        ["Training", "Training", "PrivateTest", "Training"],
    )
    votes = ferplus.join(data, ferplus.read(published))
    assert votes["surprise"].tolist() == [8, 0, 0, 0]
    assert votes["angry"].tolist() == [0, 9, 5, 0]
    assert votes.sum(axis=1).tolist() == [10, 10, 10, 0]


def test_lines_of_the_csv_go_by_their_number_in_whatever_order(published):
    lines = ["line 5", "line 2", "line 4", "line 3"]
    splits = ["PrivateTest", "Training", "PublicTest", "Training"]
    votes = ferplus.join(faces(lines, ["angry"] * 4, splits), ferplus.read(published))
    assert votes["angry"].tolist() == [5, 9, 0, 0]
    assert votes["not_a_face"].tolist() == [0, 0, 10, 0]
    with pytest.raises(FerError, match="not in FER2013's order"):
        ferplus.join(faces(lines, ["angry"] * 4, splits[::-1]), ferplus.read(published))


def test_a_name_with_two_sets_of_votes_has_none(published):
    with published.open("a") as file:
        file.write("PrivateTest,fer0033834.png,0,0,0,0,0,0,0,0,0,10\n")
        file.write(ROWS[0] + "\n")  # the same votes twice are no doubt
    data = faces(
        ["test/angry/PrivateTest_10131363.jpg", "train/angry/Training_8475486.jpg"],
        ["angry", "angry"],
        ["PrivateTest", "Training"],
    )
    assert ferplus.join(data, ferplus.read(published)).sum(axis=1).tolist() == [0, 10]


def test_votes_are_kept_beside_the_store_and_change_no_digest(tmp_path, published):
    made = faces(
        ["train/angry/Training_8475486.jpg", "train/surprise/Training_8475486.jpg"],
        ["angry", "surprise"],
        ["Training", "Training"],
    )
    made.save(tmp_path / "fer2013")
    store = open_store(tmp_path / "fer2013")
    with pytest.raises(FerError, match=r"fer2013 has no FER\+ votes.*--votes"):
        ferplus.of(store)
    assert ferplus.add(store, published) == 2
    assert ferplus.of(open_store(tmp_path / "fer2013"))["angry"].tolist() == [9, 0]
    assert open_store(tmp_path / "fer2013").digest == made.digest


def test_other_files_and_other_data_are_refused(tmp_path, published):
    other = tmp_path / "other.csv"
    other.write_text("emotion,pixels,Usage\n0,1 2,Training\n")
    for path in (other, tmp_path / "missing.csv"):
        with pytest.raises(FerError, match=rf"{path.name}: not FER\+'s fer2013new.csv"):
            ferplus.read(path)
    with pytest.raises(FerError, match="knows fewer than half"):
        ferplus.join(faces(["a.jpg"], ["happy"], ["Training"]), ferplus.read(published))


def test_the_most_frequent_answer_and_ties():
    counts = pd.DataFrame(0, index=range(3), columns=list(ferplus.ANSWERS))
    counts.loc[0, ["sad", "neutral"]] = [6, 4]
    counts.loc[1, ["sad", "neutral"]] = [5, 5]
    assert ferplus.majority(counts).tolist() == ["sad", "", ""]


@pytest.mark.real
def test_real_votes_name_fer2013s_labels_as_often_as_was_counted_elsewhere(fer2013):
    if not (path := os.environ.get("FERPLUS")):
        pytest.skip("FERPLUS does not name FER+'s fer2013new.csv")
    votes = ferplus.join(fer2013, ferplus.read(Path(path)))
    assert (votes.sum(axis=1) > 0).sum() == 35_709
    private = (fer2013.index["split"] == "PrivateTest").to_numpy()
    own = [votes.loc[row, fer2013.index.loc[row, "label"]] for row in np.flatnonzero(private)]
    assert sum(own) / votes[private].to_numpy().sum() == pytest.approx(0.558, abs=5e-4)
