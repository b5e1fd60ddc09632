"""A list of doubtful labels beside votes, where both are made up."""

import numpy as np
import pandas as pd
import pytest

from fer_utils.analysis import doubtful_labels, label_errors
from fer_utils.data import ferplus
from fer_utils.data.dataset import Faces

# label, networks' answer, people's most frequent answer, on the list?
IMAGES = [
    ("sad", "happy", "happy", True),
    ("sad", "happy", "happy", True),
    ("sad", "happy", "sad", False),
    ("sad", "happy", "neutral", False),
    ("happy", "sad", "happy", True),
    ("happy", "sad", "happy", False),
    ("happy", "happy", "happy", False),
    ("sad", "sad", "neutral", False),
    ("happy", "sad", "", True),  # FER+ has no votes on it
]


@pytest.fixture
def table(monkeypatch):
    frame = pd.DataFrame(IMAGES, columns=["label", "suggested", "answer", "listed"])
    index = frame[["label"]].assign(split="PrivateTest")
    faces = Faces(np.zeros((len(frame), 2, 2), np.uint8), index)
    given = [{answer: 8, "fear": 2} if answer else {} for answer in frame["answer"]]
    votes = pd.DataFrame([dict.fromkeys(ferplus.ANSWERS, 0) | one for one in given])
    happy = np.where(frame["suggested"] == "happy", 0.9, 0.1)
    judged = {"label": (frame["label"] == "sad").astype(int), "runs": 3}
    judged = pd.DataFrame(judged | {"happy": happy, "sad": 1 - happy})
    listed = pd.DataFrame({"row": np.flatnonzero(frame["listed"])[::-1]})
    monkeypatch.setattr(label_errors, "out_of_sample", lambda study: judged)
    monkeypatch.setattr(label_errors, "find", lambda study, faces: listed)
    monkeypatch.setattr(doubtful_labels, "FIRST", (2,))
    groups = np.arange(len(frame))
    return doubtful_labels.precision(None, faces, votes, groups).set_index("group")


def test_the_list_is_held_against_all_errors_and_all_images(table):
    assert table["images"].to_dict() == {
        "first 2": 1, "all listed": 3, "other errors": 3, "all errors": 6, "all images": 8
    }  # fmt: skip
    assert table.loc["first 2", "no_votes"] == 1 and table.loc["other errors", "no_votes"] == 0
    assert table["refuted"].to_dict() == pytest.approx(
        {"first 2": 0, "all listed": 2 / 3, "other errors": 1 / 3, "all errors": 0.5,
         "all images": 0.5}
    )  # fmt: skip
    assert table.loc["all listed", "confirmed"] == pytest.approx(2 / 3)
    assert table.loc["all images", "confirmed"] == pytest.approx(3 / 8)
    assert table.loc["all listed", "unnamed"] == pytest.approx(2 / 3)


def test_errors_of_the_same_kind_are_the_fair_comparison(table):
    # of four errors "sad, not happy" three are refuted, of two "happy, not sad" none
    assert table.loc["all listed", "expected"] == pytest.approx((3 / 4 + 3 / 4 + 0) / 3)
    assert table.loc["all listed", "gain"] == pytest.approx(2 / 3 - 1 / 2)
    assert table.loc["other errors", "gain"] == pytest.approx(1 / 3 - 1 / 2)
    assert table.loc["all listed", "gain_low"] <= 1 / 6 <= table.loc["all listed", "gain_high"]
    assert table.loc[["all errors", "all images"], "expected"].isna().all()
