"""Figures that show the data, by what stands in them: images, captions, counts."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from fer_utils.data.dataset import Faces
from fer_utils.reporting import figures


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def pixels(axis):
    (image,) = axis.images
    return np.asarray(image.get_array())


def numbered(n: int) -> np.ndarray:
    """n images of 4 × 4, each of one grey: 0, 1, 2 …"""
    return np.arange(n, dtype=np.uint8)[:, None, None].repeat(4, 1).repeat(4, 2)


def greys(axes):
    return [int(pixels(axis)[0, 0]) for axis in axes if axis.images]


def test_class_counts_stack_the_splits_and_write_the_sum():
    counts = pd.DataFrame({"Training": [1000, 20], "Test": [234, 5]}, index=["happy", "sad"])
    figure = figures.class_counts(counts)
    (axis,) = figure.axes
    training, test = axis.containers
    assert [bar.get_width() for bar in training] == [1000, 20]
    assert [(bar.get_x(), bar.get_width()) for bar in test] == [(1000, 234), (20, 5)]
    assert [text.get_text() for text in axis.texts] == [" 1,234", " 25"]
    assert [text.get_position() for text in axis.texts] == [(1234, 0), (25, 1)]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["happy", "sad"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Training", "Test"]
    assert axis.yaxis_inverted() and axis.get_xlabel() == "images"


def test_a_contact_sheet_has_the_first_training_faces_of_each_class():
    labels = ["sad", "happy", "sad", "happy", "happy", "sad"]
    splits = ["Training", "Training", "Test", "Training", "Training", "Training"]
    index = pd.DataFrame({"name": "", "label": labels, "split": splits})
    figure = figures.contact_sheet(Faces(numbered(6), index), columns=2)
    assert [axis.get_ylabel() for axis in figure.axes] == ["happy", "", "sad", ""]
    assert greys(figure.axes) == [1, 3, 0, 5]
    few = Faces(numbered(6), index.assign(split=["Training", "Training", *["Test"] * 4]))
    shown = [axis.axison for axis in figures.contact_sheet(few, 2).axes]
    assert shown == [True, False, True, False]


def test_before_stands_above_after():
    before = numbered(3)
    figure = figures.before_after(before, before + 100, ("as it is", "treated"))
    assert [axis.get_ylabel() for axis in figure.axes] == ["as it is", "", "", "treated", "", ""]
    assert greys(figure.axes) == [0, 1, 2, 100, 101, 102]
    assert figure.axes[0].images[0].get_clim() == (0, 255)


def test_a_gallery_has_a_caption_below_each_face():
    captions = ["zero", "one", "two", "three", "four"]
    figure = figures.gallery(numbered(5), captions, columns=3)
    assert [axis.get_xlabel() for axis in figure.axes] == [*captions, ""]
    assert greys(figure.axes) == [0, 1, 2, 3, 4] and not figure.axes[5].axison


def test_a_figure_is_saved_byte_for_byte_the_same(tmp_path):
    paths = []
    for folder in ("one", "two"):
        figure = figures.before_after(numbered(2), numbered(2), ("a", "b"))
        paths.append(figures.save(figure, "faces", tmp_path / folder))
    assert paths[0] == tmp_path / "one" / "faces.pdf"
    assert paths[0].read_bytes() == paths[1].read_bytes() != b""
