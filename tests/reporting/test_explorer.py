"""The explorer of test faces and the quiz, on six images whose answers are known."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from analysis.made_up import two_class_study
from reporting.drawn import texts

from fer_utils import io, paths
from fer_utils.data import ferplus
from fer_utils.data.dataset import Faces, open_store
from fer_utils.data.synthetic import draw_faces
from fer_utils.reporting.explorer import Explorer, Quiz

LABELS = np.array([0, 0, 0, 1, 1, 1])
CONFIDENCE = [0.9, 0.8, 0.7, 0.95, 0.6, 0.75]
PREDICTED = ["happy", "sad", "happy", "sad", "happy", "sad"]
COPIED = 2  # the row that has a copy in training
# how many of ten people say happy, sad and neutral
VOTES = [(10, 0, 0), (1, 0, 9), (4, 3, 3), (0, 10, 0), (9, 1, 0), (5, 5, 0)]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A run on six prepared faces without votes."""
    monkeypatch.setattr(paths, "DATA", tmp_path / "data")
    names = ["happy"] * 3 + ["sad"] * 3
    index = pd.DataFrame({"name": [*"abcdef"], "label": names, "split": "Test"})
    Faces(draw_faces(6).images, index).save(tmp_path / "data" / "made")
    digest = open_store(tmp_path / "data" / "made").digest
    likely = np.log(CONFIDENCE), np.log(1 - np.array(CONFIDENCE))
    happy = np.array(PREDICTED) == "happy"
    logits = np.stack([np.where(happy, *likely), np.where(happy, *likely[::-1])], axis=1)
    folder = tmp_path / "results" / "made"
    made = two_class_study(folder, {"run": logits.astype(np.float32)}, LABELS)
    io.write_json(folder / "audit" / "audit.json", {"source": "made up", "digest": digest})
    near = pd.DataFrame({"row": [COPIED], "group": [0], "leaked": [True]})
    near.to_csv(folder / "audit" / "near.csv", index=False)
    return replace(made, runs=made.runs.assign(digest=digest))


@pytest.fixture
def voted(study):
    """The same with people's votes."""
    votes = pd.DataFrame(0, index=range(6), columns=list(ferplus.ANSWERS))
    votes[["happy", "sad", "neutral"]] = VOTES
    votes.to_csv(paths.DATA / "made" / ferplus.FILE, index=False)
    return Explorer(study, "run")


def test_the_table_has_what_is_known_of_each_image(voted):
    table = voted.table
    assert table["row"].tolist() == [0, 1, 2, 3, 4, 5]
    assert table["label"].tolist() == ["happy"] * 3 + ["sad"] * 3
    assert table["predicted"].tolist() == PREDICTED
    assert table["confidence"].tolist() == pytest.approx(CONFIDENCE, abs=1e-6)
    assert np.flatnonzero(table["copied"]).tolist() == [COPIED]
    assert table["agree"].tolist() == [10, 1, 4, 10, 1, 5]
    assert table["people"].tolist() == ["happy", "neutral", "happy", "sad", "happy", ""]


@pytest.mark.parametrize(
    "filters, rows",
    [
        ({}, [3, 0, 1, 5, 2, 4]),  # surest first
        ({"label": "happy"}, [0, 1, 2]),
        ({"label": "happy", "predicted": "sad"}, [1]),
        ({"confidence": (0.65, 0.85)}, [1, 5, 2]),
        ({"copies": "copy in training"}, [2]),
        ({"copies": "no copy", "label": "happy"}, [0, 1]),
        ({"agree": (0, 4)}, [1, 2, 4]),
    ],
)
def test_filters(voted, filters, rows):
    assert voted.find(**filters)["row"].tolist() == rows


def test_the_figure_says_how_many_fit_and_what_is_known(voted):
    (axis,) = voted.figure(shown=2, label="happy", confidence=(0, 0.85)).axes
    assert texts(axis) == [
        "happy → sad\n80% sure\n1/10 say happy",
        "happy → happy\n70% sure, copy\n4/10 say happy",
    ]
    assert axis.get_title(loc="left") == "2 of 6 test images fit"


NONE_FITS = ["No test image fits."]


def test_where_nothing_fits_the_figure_says_so(voted):
    (axis,) = voted.figure(label="sad", agree=(6, 9)).axes
    assert texts(axis) == NONE_FITS and axis.get_title(loc="left").startswith("0 of 6")


def test_without_votes_nothing_is_said_of_people(study):
    alone = Explorer(study, "run")
    assert not alone.has_votes and "agree" not in alone.controls()
    assert alone.find(agree=(0, 0))["row"].tolist() == [3, 0, 1, 5, 2, 4]
    assert texts(alone.gallery(alone.find(label="happy").head(1)).axes[0]) == [
        "happy → happy\n90% sure"
    ]
    assert texts(alone.against_people().axes[0])[0].startswith("People's votes are not on this")


def test_without_the_photographs_drawn_faces_stand_in(study, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(paths, "DATA", tmp_path / "nowhere")
    alone = Explorer(study, "run")
    assert alone.faces is None and len(alone.figure(shown=3).axes[0].texts) == 3
    assert "drawn faces stand in" in capsys.readouterr().out
    widget = Quiz(alone, n=2).widget()
    assert "data/README.md" in widget.value


def test_images_on_which_people_agree_on_another_answer(voted):
    # row 4: nine of ten say happy, the label is sad; row 1: nine say neutral
    (axis,) = voted.against_people().axes
    assert texts(axis) == ["happy; 9 of 10\nsay neutral", "sad; 9 of 10\nsay happy"]
    (axis,) = voted.against_people(at_least=10).axes
    assert texts(axis) == NONE_FITS


def test_controls_offer_every_class(voted):
    controls = voted.controls()
    assert controls["label"] == ["any", "happy", "sad"] == controls["predicted"]
    assert controls["agree"].value == (0, 10) and not controls["confidence"].continuous_update


def test_the_quiz_sets_the_reader_beside_people_and_network(voted):
    quiz = Quiz(voted, n=4, seed=1)
    again = Quiz(voted, n=4, seed=1)
    assert quiz.table.index.tolist() == again.table.index.tolist()
    assert list(quiz.scores().index) == [
        "the network", "one of ten people", "most of ten people"
    ]  # fmt: skip
    labels = quiz.table["label"].tolist()
    quiz.answer(labels[0])
    quiz.answer("another")
    shares = quiz.scores()["share"]
    assert shares["you"] == 0.5  # of the two that were answered
    assert shares["the network"] == (quiz.table["predicted"] == quiz.table["label"]).mean()
    assert shares["one of ten people"] == pytest.approx(quiz.table["agree"].mean() / 10)
    assert shares["most of ten people"] == (quiz.table["people"] == quiz.table["label"]).mean()


def test_the_quiz_asks_the_same_faces_where_votes_are_unknown(study, voted):
    (paths.DATA / "made" / ferplus.FILE).unlink()
    alone = Quiz(Explorer(study, "run"), n=3)
    assert alone.table["row"].tolist() == Quiz(voted, n=3).table["row"].tolist()
    assert list(alone.scores().index) == ["the network"]


def test_the_quiz_asks_nothing_that_no_one_voted_on(voted):
    voted.votes.iloc[:5] = 0
    assert Quiz(voted, n=1).table["row"].tolist() == [5]


def test_the_quiz_ends_with_the_bars(voted):
    quiz = Quiz(voted, n=2)
    face, buttons, status, end = quiz.widget().children
    first = face.value
    happy, sad = buttons.children
    happy.click()
    assert status.value == "1 of 2 answered" and face.value != first and not end.value
    sad.click()
    assert quiz.answers == ["happy", "sad"]
    bars = end.value
    assert bars.startswith('<img alt="How often you, the network and people')
    sad.click()
    assert quiz.answers == ["happy", "sad"] and end.value == bars
