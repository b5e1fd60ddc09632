"""People and a network on five pictures, where all can be counted by hand."""

import numpy as np
import pandas as pd
import pytest
from analysis.made_up import DIGEST, two_class_study, write_audit

from fer_utils.analysis import people_and_networks
from fer_utils.analysis.answerers import Answerer
from fer_utils.analysis.people_and_networks import HABIT, MOST, ONE
from fer_utils.analysis.restricted import TRAINED
from fer_utils.data import ferplus
from fer_utils.data.dataset import Faces

# label, votes, and what the network's two seeds answer
TESTED = [
    ("happy", {"happy": 9, "neutral": 1}, ("happy", "happy")),
    ("happy", {"happy": 2, "sad": 6, "neutral": 2}, ("happy", "sad")),
    ("sad", {"sad": 5, "happy": 5}, ("happy", "sad")),
    ("sad", {"neutral": 10}, ("sad", "sad")),  # nobody gives one of the two classes
    ("sad", {"sad": 1, "neutral": 9}, ("sad", "happy")),
    ("sad", {}, ("sad", "sad")),  # FER+ has none: it counts nowhere
]
TRAINING = [("sad", {"neutral": 10})] * 20 + [("happy", {"happy": 10})] * 20
CLASSES = ("happy", "sad")


@pytest.fixture
def data():
    labels = [(label, "PrivateTest") for label, *_ in TESTED]
    labels += [(label, "Training") for label, _ in TRAINING]
    index = pd.DataFrame(labels, columns=["label", "split"])
    return Faces(np.zeros((len(index), 2, 2), np.uint8), index)


@pytest.fixture
def votes():
    given = [votes for _, votes, _ in TESTED] + [votes for _, votes in TRAINING]
    return pd.DataFrame([dict.fromkeys(ferplus.ANSWERS, 0) | one for one in given])


@pytest.fixture
def table(data, votes, tmp_path):
    study = two_class_study(tmp_path, {"a": np.zeros((6, 2))}, np.zeros(6, int))
    near = pd.DataFrame({"row": [0, 9], "group": 0, "leaked": True})
    write_audit(tmp_path, near=near)
    assert set(study.runs["digest"]) == {DIGEST}
    members = []
    for seed in (0, 1):
        answers = np.array([CLASSES.index(given[seed]) for *_, given in TESTED])
        arrays = {"rows": np.arange(6), "labels": np.zeros(6, int), "logits": np.eye(2)[answers]}
        members.append({"classes": np.array(CLASSES)} | {f"test_{k}": v for k, v in arrays.items()})
    cnn = Answerer("cnn", TRAINED, "focal", 10, "a run", 2, members)
    groups = np.arange(len(data))
    everyone = {"binary": [cnn]}
    return people_and_networks.answers(study, everyone, data, votes, groups).set_index(
        ["kind", "part"]
    )


def test_one_person_chooses_among_the_classes_or_guesses(table):
    one = table.loc[ONE]
    assert one.loc["all", "images"] == 5
    assert one.loc["all", "label"] == pytest.approx((1 + 2 / 8 + 1 / 2 + 1 / 2 + 1) / 5)
    # of nine happy all; of six sad and two happy the six; a tie and nothing do not count
    assert one.loc["all", "people"] == pytest.approx((1 + 6 / 8) / 2)


def test_the_most_frequent_answer_guesses_where_it_is_tied(table):
    most = table.loc[MOST]
    assert most.loc["all", "label"] == pytest.approx((1 + 0 + 1 / 2 + 1 / 2 + 1) / 5)
    assert most.loc["people agree", "label"] == 1 and most.loc["people disagree", "label"] == 0
    assert most["people"].isna().all()


def test_habit_knows_what_fer2013_calls_a_neutral_face(table):
    habit = table.loc[HABIT]
    assert habit.loc["sad", "label"] >= 2 / 3  # neutral faces were all labelled sad in training
    assert habit.loc["happy", "images"] == 2 and habit.loc["9 or 10 votes", "label"] == 1


def test_a_network_is_scored_by_label_and_by_people(table):
    network = table.loc[TRAINED]
    assert network.loc["all", "label"] == pytest.approx((2 + 1 + 1 + 2 + 1) / 10)
    assert network.loc["all", "gain"] == pytest.approx(7 / 10 - 3 / 5)
    assert network.loc["all", "balanced"] == pytest.approx((3 / 4 + 4 / 6) / 2)
    # people have a most frequent answer on the first, the second and the fifth
    assert network.loc["all", "people"] == pytest.approx((2 + 1 + 1) / 6)
    assert network.loc["people disagree", ["images", "label", "people"]].tolist() == [1, 0.5, 0.5]
    assert network.loc["no copy", "images"] == 4
    votes = {"0 to 2": 3, "3 to 5": 1, "6 to 8": 0, "9 or 10": 1}
    found = {name: network.loc[f"{name} votes", "images"] for name in votes}
    assert found == votes
    assert network.loc["0 to 2 votes", "label"] == pytest.approx((1 + 2 + 1) / 6)
    assert set(network["seeds"]) == {2} and set(network["run"]) == {"a run"}


def test_answers_of_a_network_by_label(data):
    logits = np.eye(2)[[0, 0, 1, 1]]
    stored = {"rows": np.array([0, 1, 2, 3]), "labels": np.zeros(4, int), "logits": logits}
    member = {"classes": np.array(CLASSES)} | {f"test_{k}": v for k, v in stored.items()}
    other = member | {"test_logits": np.eye(2)[[0, 1, 1, 0]]}
    network = Answerer("cnn", TRAINED, "focal", 10, "a run", 2, [member, other])
    table = people_and_networks.confusion(network, data, np.arange(4)).set_index("true")
    assert table.loc["happy"].tolist() == [2, 0.75, 0.25]
    assert table.loc["sad"].tolist() == [2, 0.25, 0.75]
