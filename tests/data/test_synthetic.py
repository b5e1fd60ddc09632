"""The drawn faces: same seed, same bytes; and neither trivial nor hopeless to tell apart."""

import subprocess
import sys

import numpy as np
import pytest

from fer_utils import paths
from fer_utils.data import synthetic
from fer_utils.data.synthetic import PER_CLASS, draw_faces, prepare_sample
from fer_utils.data.tasks import EMOTIONS
from fer_utils.experiments.results import open_results
from fer_utils.experiments.runner import run
from fer_utils.training.experiment import Experiment


def test_same_seed_same_bytes_in_another_process():
    code = (
        "import sys; from fer_utils.data.synthetic import *; "
        "sys.stdout.buffer.write(draw_faces(21, 5).images.tobytes())"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert draw_faces(21, 5).images.tobytes() == there
    assert draw_faces(21, 6).images.tobytes() != there


def test_shape_labels_and_variety():
    faces = draw_faces(70, 0)
    assert faces.images.shape == (70, 48, 48) and faces.images.dtype == np.uint8
    assert faces.index["label"].value_counts().to_dict() == dict.fromkeys(EMOTIONS, 10)
    assert len({image.tobytes() for image in faces.images}) == 70
    assert faces.images.std((1, 2)).min() > 5  # none is blank


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    """Test scores on the whole sample, trained as the sample profile does, with one seed (slow)."""
    home = tmp_path_factory.mktemp("sample")
    faces = prepare_sample(home / "data")
    assert faces.counts().loc["happy"].to_dict() == PER_CLASS
    for task in ("binary", "multiclass"):
        run(Experiment(task=task, epochs=8, batch_size=32), results=home / "results", faces=faces)
    return open_results("sample", home / "results").scores()


def test_a_face_of_one_expression_is_of_the_same_person():
    smile, sorrow = (synthetic.portrait(synthetic.EXPRESSIONS[n], 3) for n in ("happy", "sad"))
    assert smile.shape == (192, 192) and smile.dtype == np.uint8
    changed = (smile != sorrow).any(axis=1)
    assert changed[100:].any() and not changed[:30].any(), "the hair stays"
    assert (smile == synthetic.portrait(synthetic.EXPRESSIONS["happy"], 3)).all()
    assert (smile != synthetic.portrait(synthetic.EXPRESSIONS["happy"], 4)).mean() > 0.1


def test_neither_trivial_nor_hopeless(scores):
    accuracy = scores.query("metric == 'accuracy'").set_index("task")["value"]
    assert 0.85 <= accuracy["binary"] <= 0.97
    assert 0.65 <= accuracy["multiclass"] <= 0.90


def test_happy_is_the_easiest(scores):
    f1 = scores.query("metric == 'f1' and task == 'multiclass'").set_index("class")["value"]
    assert f1.idxmax() == "happy"


def test_the_sample_is_drawn_once(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "DATA", tmp_path)
    few = {"Training": 3, "PublicTest": 2, "PrivateTest": 1}
    monkeypatch.setattr(synthetic, "PER_CLASS", few)
    first = synthetic.open_dataset("sample")
    stamp = (tmp_path / "sample" / "images.npy").stat().st_mtime_ns
    assert first.counts().loc["sad"].to_dict() == few
    assert synthetic.open_dataset("sample").digest == first.digest
    assert (tmp_path / "sample" / "images.npy").stat().st_mtime_ns == stamp


def test_a_face_is_drawn_from_its_parameters_alone_and_another_person_looks_otherwise():
    happy = synthetic.EXPRESSIONS["happy"]
    face = synthetic.draw_face(happy, 3)
    assert face.shape == (48, 48) and face.dtype == np.uint8
    assert np.array_equal(face, synthetic.draw_face(happy, 3))
    other = synthetic.draw_face(happy, 4)
    neutral = synthetic.draw_face(synthetic.EXPRESSIONS["neutral"], 3)
    # another mouth changes less of the picture than another person
    changed, exchanged = (
        np.abs(face.astype(int) - other_face).mean() for other_face in (neutral, other)
    )
    assert 0 < changed < exchanged / 2
