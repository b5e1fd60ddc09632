"""Labels beside people's votes, where the answer can be counted by hand."""

from types import SimpleNamespace

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
    table = human_labels.agreement(data, votes).set_index(["split", "class"])
    public = table.loc[("PublicTest", "all")]
    assert public["images"] == 3
    assert public["single"] == pytest.approx(19 / 30)
    assert public["majority"] == pytest.approx(1 / 3)  # neither the other answer nor the tie
    assert public["tied"] == pytest.approx(1 / 3)
    assert table.loc[("Training", "sad"), "no_class"] == pytest.approx(0.9)
    assert table.loc[("PrivateTest", "sad"), ["single", "no_class"]].tolist() == [0, 0.2]


def test_confusion_of_people_is_over_the_votes_on_test_images(data, votes):
    table = human_labels.confusion(data, votes).set_index("true")
    assert table.loc["happy", ["happy", "neutral"]].tolist() == [0.7, 0.3]
    assert table.loc["sad", ["sad", "angry", "contempt"]].tolist() == [0.25, 0.4, 0.1]
    assert table.loc["sad", "not_a_face"] == 0  # that image is for training


def test_accuracy_by_votes_for_the_label(data, votes):
    rows = np.array([0, 1, 2, 3, 5])
    right = np.array([1, 0, 1, 1, 0])
    stored = {
        "test_rows": rows,
        "test_labels": np.zeros(5, int),
        "test_logits": np.column_stack([right, 1 - right]).astype(float),
    }
    runs = pd.DataFrame([{"run": "r", "task": "binary", "model": "cnn", "loss": "focal"}] * 2)
    study = SimpleNamespace(runs=runs, predictions=lambda run: stored)
    table = human_labels.by_votes(study, data, votes).set_index("votes")
    assert table["images"].to_dict() == {"0 to 2": 1, "3 to 5": 2, "6 to 8": 0, "9 or 10": 1}
    assert table.loc["3 to 5", "accuracy"] == 0.5 and table.loc["9 or 10", "accuracy"] == 1
    assert set(table["runs"]) == {2}


def test_doubtful_labels_are_held_against_the_votes(data, votes):
    suspects = pd.DataFrame(
        {"row": [5, 1, 3], "label": ["sad", "happy", "sad"], "suggested": ["angry", "sad", "happy"]}
    )
    table = human_labels.doubtful_labels(suspects, data, votes).set_index("group")
    listed, everything = table.loc["all suspects"], table.loc["all images"]
    assert listed["pictures"] == 2 and everything["pictures"] == 5  # not the one without votes
    assert listed["label_refuted"] == 1 and everything["label_refuted"] == pytest.approx(3 / 5)
    assert listed["suggested_confirmed"] == 0.5 and np.isnan(everything["suggested_confirmed"])
    assert listed["label_unnamed"] == 0.5
    assert everything["not_a_face"] == pytest.approx(1 / 5)
