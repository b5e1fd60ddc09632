"""Where a data set lacks something, the committed study of FER2013 is read, and this is said."""

import numpy as np
import pytest
from analysis.made_up import two_class_study

from fer_utils import io, paths
from fer_utils.data.synthetic import draw_faces
from fer_utils.experiments import results
from fer_utils.reporting import best_network, committed


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A data set of one's own, of which study report_a was run, and no other."""
    own = two_class_study(tmp_path / "mine", {"a": np.eye(2)}, np.array([0, 1]))
    io.write_json(tmp_path / "mine" / "studies" / "report_a.json", ["a"])
    real = results.open_results
    monkeypatch.setattr(
        results, "open_results", lambda name, *where: own if name == "mine" else real(name, *where)
    )
    return own


def test_a_study_of_ones_own_is_read_without_a_word(mine, capsys):
    assert committed.open_results("mine", "report_a") is mine
    assert committed.open_study("report_a", "mine").folder == mine.folder
    assert not capsys.readouterr().out


def test_a_study_that_was_not_run_is_fer2013s(mine, capsys):
    gamma = committed.open_study("gamma", "mine")
    assert gamma.folder == paths.REFERENCE / "fer2013" and gamma.runs["gamma"].nunique() > 1
    assert "Study gamma was not run on mine" in capsys.readouterr().out


def test_all_studies_come_from_one_place(mine, capsys):
    everything = committed.open_results("mine", "report_a", "gamma")
    assert everything.folder == paths.REFERENCE / "fer2013"
    assert "Study gamma was" in capsys.readouterr().out


def test_peoples_answers_are_those_on_fer2013(mine, capsys):
    pages = committed.people("mine")
    assert {"agreement", "answers", "confusion", "doubtful"} <= set(pages)
    assert "Nobody's votes are known for mine" in capsys.readouterr().out


def test_the_best_network_of_another_data_set_is_fer2013s(capsys):
    pages = committed.best_pages("mine")
    assert set(pages) == set(best_network.PAGES)
    assert "No best network was made for mine" in capsys.readouterr().out
    assert committed.best_file("mine") == paths.REFERENCE / "fer2013" / "best" / "model.safetensors"


def test_a_best_network_of_ones_own_comes_first(tmp_path, monkeypatch):
    file = tmp_path / "mine" / "best" / "model.safetensors"
    file.parent.mkdir(parents=True)
    file.touch()
    monkeypatch.setattr(paths, "RESULTS", tmp_path)
    assert committed.best_file("mine") == file


def test_the_photographs_are_shown_where_they_are(drawn, capsys):
    images = committed.pictures(drawn, np.array([5, 3]), ["happy", "sad"])
    assert np.array_equal(images, drawn.images[[5, 3]])
    assert not capsys.readouterr().out


def test_drawn_faces_of_the_same_expressions_stand_in(capsys):
    labels = ["sad", "happy", "sad", "a class of one's own"]
    images = committed.pictures(None, np.arange(4), labels)
    drawn = draw_faces(committed.DRAWN)
    expected = ["sad", "happy", "sad", "neutral"]
    for image, label in zip(images, expected, strict=True):
        (row,) = np.flatnonzero((drawn.images == image).all(axis=(1, 2)))
        assert drawn.index["label"][row] == label
    assert not np.array_equal(images[0], images[2])
    assert "drawn faces stand in" in capsys.readouterr().out
