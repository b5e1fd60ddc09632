"""Labels beside people's votes, where the answer can be counted by hand."""

import numpy as np
import pandas as pd
import pytest

from fer_utils.analysis import human_labels
from fer_utils.data import ferplus
from fer_utils.data.dataset import Faces

# label, split, votes
IMAGES = [
    ("happy", "PublicTest", {"happy": 10}),
    ("happy", "PublicTest", {"happy": 4, "neutral": 6}),
    ("sad", "PublicTest", {"sad": 5, "neutral": 5}),
    ("sad", "PublicTest", {}),  # FER+ has none: it counts nowhere
    ("sad", "Training", {"not_a_face": 9, "sad": 1}),
    ("sad", "PrivateTest", {"angry": 8, "contempt": 2}),
]


@pytest.fixture
def data():
    rows = [(f"{n}.jpg", label, split) for n, (label, split, _) in enumerate(IMAGES)]
    index = pd.DataFrame(rows, columns=["name", "label", "split"])
    return Faces(np.zeros((len(rows), 2, 2), np.uint8), index)


@pytest.fixture
def votes():
    given = [{name: 0 for name in ferplus.ANSWERS} | votes for _, _, votes in IMAGES]
    return pd.DataFrame(given)


def test_agreement_counts_single_votes_and_majorities(data, votes):
    table = human_labels.agreement(data, votes, np.arange(len(data)))
    table = table.set_index(["split", "class"])
    public = table.loc[("PublicTest", "all")]
    assert public["images"] == 3
    assert public["single"] == pytest.approx(19 / 30)
    assert public["single_low"] < public["single"] < public["single_high"]
    assert public["majority"] == pytest.approx(1 / 3)  # neither the other answer nor the tie
    assert public["tied"] == pytest.approx(1 / 3)
    assert table.loc[("Training", "sad"), "no_class"] == pytest.approx(0.9)
    assert table.loc[("PrivateTest", "sad"), ["single", "no_class"]].tolist() == [0, 0.2]


def test_an_agreements_interval_draws_copies_together(data, votes):
    one_photograph = np.zeros(len(data), int)
    table = human_labels.agreement(data, votes, one_photograph).set_index(["split", "class"])
    public = table.loc[("PublicTest", "all")]
    assert public["single_low"] == public["single_high"] == pytest.approx(19 / 30)


def test_confusion_of_people_is_over_the_votes_on_these_images(data, votes):
    table = human_labels.confusion(data, votes, np.array([0, 1, 2, 3, 5])).set_index("true")
    assert table["images"].to_dict() == {"happy": 2, "sad": 2}  # not the one without votes
    assert table.loc["happy", ["happy", "neutral"]].tolist() == [0.7, 0.3]
    assert table.loc["sad", ["sad", "angry", "contempt"]].tolist() == [0.25, 0.4, 0.1]
    assert table.loc["sad", "not_a_face"] == 0  # that image was not asked for


def test_copies_repeat_answers_or_labels(data, votes):
    # 0 and 1 are nearly alike, 4 and 5 alike; 3 has no votes
    group = {"group": [0, 0, 1, 1, 1], "row": [0, 1, 3, 4, 5]}
    labels = {"label": ["happy", "happy", "happy", "happy", "sad"]}
    identical = pd.DataFrame(group | labels).iloc[2:].assign(conflicting=True)
    near = pd.DataFrame(group | labels).assign(conflicting=[False] * 2 + [True] * 3)
    table = human_labels.copies(data, votes, identical, near).set_index("kind")
    assert table["pairs"].to_dict() == {"identical": 1, "near": 1}
    assert table.loc["near", ["answered", "answer_repeats", "label_repeats"]].tolist() == [1, 0, 1]
    assert table["same_votes"].tolist() == [0, 0]
    # of ten votes on both, nine are for no face: none of the labels
    assert table.loc["near", ["conflicting", "one_of_them", "another"]].tolist() == [1, 0, 1]
    assert table.loc["near", ["images", "named"]].tolist() == [2, 0]


def test_a_photograph_with_two_labels_is_decided_by_all_votes_on_it(data, votes):
    rows = pd.DataFrame({"group": 0, "row": [1, 2], "label": ["happy", "sad"]})
    rows["conflicting"] = True
    table = human_labels.copies(data, votes, rows, rows).set_index("kind")
    verdicts = ["one_of_them", "another", "tied"]
    assert table.loc["identical", verdicts].tolist() == [0, 1, 0]  # neutral has eleven of twenty
    votes.loc[2, "neutral"], votes.loc[2, "sad"] = 0, 10
    table = human_labels.copies(data, votes, rows, rows).set_index("kind")
    assert table.loc["identical", verdicts].tolist() == [1, 0, 0]
    votes.loc[1] = votes.loc[2].to_numpy()
    votes.loc[2, ["sad", "angry"]] = 0, 10
    table = human_labels.copies(data, votes, rows, rows).set_index("kind")
    assert table.loc["identical", verdicts].tolist() == [0, 0, 1]


def test_what_is_no_face_to_people_and_to_the_audit(data, votes):
    table = human_labels.non_faces(data, votes, pd.DataFrame({"row": [0, 3]})).set_index("split")
    assert list(table.index) == ["Training", "PublicTest", "PrivateTest", "all"]
    counts = ["images", "without_votes", "no_face", "blank", "blank_no_face"]
    assert table.loc["all", counts].tolist() == [6, 1, 1, 2, 1]
    assert table.loc["PublicTest", counts].tolist() == [4, 1, 0, 2, 1]
