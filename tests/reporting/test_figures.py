"""Figures that show the data, by what stands in them: images, captions, counts."""

import re

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


def greys(figure, rows, columns):
    """The grey of every image of a picture by row and column, 255 where there is none."""
    (axis,) = figure.axes
    picture = pixels(axis)
    down, right = (
        side // count + 1 for side, count in zip(picture.shape[:2], (rows, columns), strict=True)
    )
    return picture[1::down, 1::right].tolist()


def row_names(figure):
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


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
    assert row_names(figure) == ["happy", "sad"]
    assert greys(figure, 2, 2) == [[1, 3], [0, 5]]
    few = Faces(numbered(6), index.assign(split=["Training", "Training", *["Test"] * 4]))
    assert greys(figures.contact_sheet(few, 2), 2, 1) == [[1], [0]]
    none = Faces(numbered(6), index.assign(split=["Test", "Training", *["Training"] * 4]))
    only = none.index["label"].eq("sad")
    index = none.index.assign(split=np.where(only & (none.index.index > 0), "Test", "Training"))
    assert greys(figures.contact_sheet(Faces(numbered(6), index), 2), 2, 2) == [[1, 3], [0, 255]]


def test_before_stands_above_after():
    before = numbered(3)
    figure = figures.before_after(before, before + 100, ("as it is", "treated"))
    assert row_names(figure) == ["as it is", "treated"]
    assert greys(figure, 2, 3) == [[0, 1, 2], [100, 101, 102]]
    assert figure.axes[0].images[0].get_clim() == (0, 255)


def test_images_may_be_coloured_and_each_has_a_frame():
    red = np.zeros((1, 4, 4, 3), np.uint8)
    red[..., 0] = 200
    picture = pixels(figures.before_after(red, red, ("a", "b")).axes[0])
    assert picture.shape[2] == 3 and picture[1, 1].tolist() == [200, 0, 0]
    assert picture[0, 0].tolist() == [figures.FRAME] * 3


def test_a_gallery_has_a_caption_below_each_face():
    captions = ["zero", "one", "two", "three", "four"]
    figure = figures.gallery(numbered(5), captions, columns=3)
    (axis,) = figure.axes
    assert [text.get_text() for text in axis.texts] == captions
    assert greys(figure, 2, 3)[0] == [0, 1, 2]
    for grey, text in enumerate(axis.texts):
        x, y = np.round(text.xy).astype(int)
        picture = pixels(axis)
        assert picture[y - 2, x] == grey and (picture[y + 1 :, x][:1] == 255).all()


def test_figures_are_laid_out_once_when_they_are_drawn():
    """As an engine of the figure it would be done in every drawing, and twice in `save`."""
    figure = figures.gallery(numbered(2), ["a", "b"])
    assert figure.get_layout_engine() is None
    before = figure.axes[0].get_position().bounds
    figure.canvas.draw()
    assert figure.axes[0].get_position().bounds == before


def test_nothing_of_a_saved_figure_is_cut_off(tmp_path):
    counts = pd.DataFrame({"Test": [1, 2]}, index=["happy", "a class of a long name " * 3])
    figure = figures.class_counts(counts)
    width = float(
        re.search(rb"/MediaBox \[ ?0 0 ([\d.]+)", figures.save(figure, "a", tmp_path).read_bytes())[
            1
        ]
    )
    area = figure.get_tightbbox()
    assert width / 72 == pytest.approx(area.width + 0.2, abs=0.05)


def test_a_figure_is_saved_byte_for_byte_the_same(tmp_path):
    paths = []
    for folder in ("one", "two"):
        figure = figures.before_after(numbered(2), numbered(2), ("a", "b"))
        paths.append(figures.save(figure, "faces", tmp_path / folder))
    assert paths[0] == tmp_path / "one" / "faces.pdf"
    assert paths[0].read_bytes() == paths[1].read_bytes() != b""
