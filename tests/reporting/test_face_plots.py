"""Faces with bars: whose bar is how long, and where the label lies."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from reporting.drawn import legend

from fer_utils import load_best
from fer_utils.data.synthetic import draw_faces
from fer_utils.evaluation.metrics import probabilities
from fer_utils.reporting import face_plots
from fer_utils.reporting.figures import COLOURS

CLASSES = ("angry", "happy", "sad")
P = {
    "cross-entropy": np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]]),
    "focal": np.array([[0.5, 0.3, 0.2], [0.2, 0.5, 0.3]]),
}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_two_networks_have_two_bars_for_each_class():
    images = draw_faces(2).images
    figure = face_plots.answers(images, P, CLASSES, ["one", "two"], ["happy", "sad"])
    faces, bars = figure.axes[:2], figure.axes[2:]
    assert [axis.get_title() for axis in faces] == ["one", "two"]
    assert np.array_equal(faces[1].images[0].get_array(), images[1])
    for column, axis in enumerate(bars):
        for container, name in zip(axis.containers, P, strict=True):
            assert [bar.get_width() for bar in container] == P[name][column].tolist()
    colours = [to_hex(container[0].get_facecolor()) for container in bars[0].containers]
    assert colours == [COLOURS["cross_entropy"].lower(), COLOURS["focal"].lower()]
    assert [label.get_text() for label in bars[0].get_yticklabels()] == list(CLASSES)
    assert legend(figure) == list(P)
    # the band: the last patch, behind the class that the label names
    bands = [axis.patches[-1] for axis in bars]
    assert [band.get_y() + band.get_height() / 2 for band in bands] == pytest.approx([1, 2])


def test_one_network_has_no_legend_and_no_label_no_band():
    one = {"network": P["focal"][:1]}
    figure = face_plots.answers(draw_faces(1).images, one, CLASSES, [""])
    assert not figure.legends and len(figure.axes[1].patches) == len(CLASSES)


def test_a_worse_face_stands_beside_the_face():
    network, face = load_best(), draw_faces(4).images[3]
    figure = face_plots.worse(network, face, blur=2, noise=20, degrees=30)
    before, after = (axis.images[0].get_array() for axis in figure.axes[:2])
    assert np.array_equal(before, face) and not np.array_equal(after, face)
    expected = probabilities(network.logits(face[None]))[0]
    widths = [bar.get_width() for bar in figure.axes[2].containers[0]]
    assert widths == pytest.approx(expected.tolist(), abs=1e-5)
    assert figure.axes[1].get_title() == "blur 2, noise 20,\n30 degrees"


def test_a_face_that_nothing_is_done_to_stays():
    network, face = load_best(), draw_faces(4).images[3]
    figure = face_plots.worse(network, face)
    difference = figure.axes[1].images[0].get_array().astype(int) - face
    assert abs(difference).max() <= 1  # turned by 0 degrees, it is resampled
