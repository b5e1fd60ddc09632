"""Pictures without a face, and what a network of known answers makes of them."""

import numpy as np
import pytest

from fer_utils.analysis import other_pictures
from fer_utils.data.tasks import EMOTIONS


def test_made_up_pictures_are_what_they_are_called():
    pictures = other_pictures.made_up(48)
    assert all(p.dtype == np.uint8 and p.shape[1:] == (48, 48) for p in pictures.values())
    for name, grey in (("black", 0), ("mid-grey", 128), ("white", 255)):
        assert (pictures[name] == grey).all() and len(pictures[name]) == 1
    several = {name: images for name, images in pictures.items() if len(images) > 1}
    assert len(several) == 6
    for images in several.values():
        assert len(images) == 100 and len(np.unique(images, axis=0)) > 90
        assert (np.ptp(images, axis=(1, 2)) > 0).mean() > 0.9
    for name, again in other_pictures.made_up(48).items():
        assert (again == pictures[name]).all(), "the same ones each time"
    # a gradient climbs in one direction, noise in none
    steps = np.abs(np.diff(pictures["gradient"].astype(int), axis=2)).max()
    assert steps < 16 < np.abs(np.diff(pictures["noise"].astype(int), axis=2)).mean()
    # a page is mostly paper
    assert np.median(pictures["page of text"]) > 200 > pictures["page of text"].min()


def test_a_scrambled_photograph_has_the_same_blocks_in_other_places():
    images = np.random.default_rng(1).integers(0, 256, (5, 50, 50)).astype(np.uint8)
    mixed = other_pictures.scrambled(images)
    assert (mixed != images).any(axis=(1, 2)).all()
    inside, moved = images[:, :48, :48], mixed[:, :48, :48]
    assert (np.sort(inside.reshape(5, -1)) == np.sort(moved.reshape(5, -1))).all()
    assert (mixed[:, 48:] == images[:, 48:]).all(), "the border stays"
    blocks = {image[:12, :12].tobytes() for image in moved}
    assert all(any(b in {i[y : y + 12, x : x + 12].tobytes() for y in range(0, 48, 12)
                         for x in range(0, 48, 12)} for i in images) for b in blocks)  # fmt: skip


def test_answers_by_kind():
    """The network says happy to what is bright, else sad, the surer the farther from grey."""

    def logits(images):
        bright = (images.reshape(len(images), -1).mean(axis=1) - 127.5) / 50
        return np.stack([bright, -bright], axis=1)

    def flat(*greys):
        return np.stack([np.full((48, 48), grey, np.uint8) for grey in greys])

    kinds = {"bright": flat(255), "mixed": flat(0, 0, 255, 128)}
    labels = {"mixed": np.array(["sad", "happy", "happy", "sad"])}
    classes = ("happy", "sad")
    frame = other_pictures.answers(logits, classes, kinds, 0.9, labels).set_index("picture")
    bright, mixed = frame.loc["bright"], frame.loc["mixed"]
    assert bright[["images", "answer", "share", "kept"]].tolist() == [1, "happy", 1.0, 1.0]
    assert bright["lowest"] == bright["highest"] == pytest.approx(0.994, abs=1e-3)
    assert np.isnan(bright["right"])
    # two each: of equals the first class
    assert mixed[["images", "answer", "share", "kept"]].tolist() == [4, "happy", 0.5, 0.75]
    assert mixed["right"] == 0.5 and mixed["lowest"] < 0.6 < 0.9 < mixed["confidence"] + 0.05


def test_drawn_faces_come_in_the_size_of_the_networks_images():
    images, expressions = other_pictures.drawn_faces(64)
    assert images.shape == (700, 64, 64) and images.dtype == np.uint8
    assert [(expressions == name).sum() for name in EMOTIONS] == [100] * 7
