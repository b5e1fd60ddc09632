"""Faces are found where they are, whatever the picture's size, colour or turn."""

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from fer_utils import paths
from fer_utils.errors import FerError
from fer_utils.inference.detection import WEIGHTS, Detector

pytest.importorskip("onnxruntime", reason="faces are found with the extra deploy")
PORTRAIT = Path(__file__).with_name("astronaut.jpg")
# OpenCV 5.0.0's FaceDetectorYN on the same pixels: box, ten coordinates of landmarks, score
OPENCV = [178.104, 62.583, 90.051, 113.958, 200.073, 101.909, 247.361, 102.725]
OPENCV += [220.458, 124.693, 198.468, 142.961, 239.756, 143.843, 0.933]


@pytest.fixture(scope="module")
def portrait():
    return np.asarray(Image.open(PORTRAIT))


@pytest.fixture(scope="module")
def detector():
    return Detector(threads=1)


def test_the_weights_are_the_published_ones():
    digest = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    assert digest == "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
    assert digest in WEIGHTS.with_suffix(".LICENSE").read_text()


def test_it_finds_what_opencv_finds_with_the_same_network(portrait):
    [face] = Detector(smallest=512, largest=512, threads=1).find(portrait)
    found = [*face.box, *face.landmarks.ravel(), face.score]
    np.testing.assert_allclose(found, OPENCV, atol=0.02)


@pytest.mark.parametrize("width, height", [(120, 160), (300, 200), (1000, 1400), (2600, 1500)])
def test_small_and_large_pictures(detector, portrait, width, height):
    """The box is in the picture's own pixels: the face's place times the enlargement."""
    side = min(width, height)
    picture = np.full((height, width, 3), 90, np.uint8)
    picture[-side:, -side:] = np.asarray(Image.fromarray(portrait).resize((side, side)))
    [face] = detector.find(picture)
    scale = side / 512
    expected = np.array(OPENCV[:4]) * scale + [width - side, height - side, 0, 0]
    np.testing.assert_allclose(face.box, expected, atol=0.02 * side)


@pytest.mark.parametrize("side", [90, 640, 2000])
def test_a_face_that_fills_the_picture(detector, portrait, side):
    close = Image.fromarray(portrait).crop((165, 50, 285, 185)).resize((side, side))
    assert [face.width > side / 2 for face in detector.find(np.asarray(close))] == [True]


def test_grey_pictures_and_several_faces(detector, portrait):
    grey = np.asarray(Image.fromarray(portrait).convert("L"))
    assert len(detector.find(grey)) == 1
    small = np.asarray(Image.fromarray(grey).resize((256, 256)))
    both = np.hstack([np.vstack([small, small]), grey])
    widths = [round(face.width) for face in detector.find(both)]
    assert len(widths) == 3 and widths == sorted(widths, reverse=True) and widths[0] > 80


def test_no_face_where_there_is_none(detector):
    for picture in load_sample_images().images:
        assert detector.find(picture) == []
    assert detector.find(np.zeros((1, 500, 3), np.uint8)) == []


def test_without_onnx_runtime_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(FerError, match=r"needs the package onnxruntime: pip install 'fer-utils\[d"):
        Detector()


def test_without_the_weights_it_says_so(tmp_path):
    with pytest.raises(FerError, match=r"nothing\.onnx: the face detector is missing"):
        Detector(weights=tmp_path / "nothing.onnx")
    assert paths.CHECKOUT in WEIGHTS.parents
