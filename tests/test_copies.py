"""Copies of one photograph: planted, found, and kept on one side of every split."""

import numpy as np
import pandas as pd
from PIL import Image

from fer_utils.data import duplicates
from fer_utils.data.dataset import Faces
from fer_utils.data.splits import split_task
from fer_utils.data.tasks import get_task


def photographs(n: int, seed: int = 0) -> np.ndarray:
    """n unlike grey pictures of 48×48: smooth noise."""
    noise = np.random.default_rng(seed).integers(0, 256, (n, 6, 6), dtype=np.uint8)
    return np.stack(
        [np.asarray(Image.fromarray(picture).resize((48, 48), Image.Resampling.BICUBIC)) for picture in noise]
    )


def stored(images: np.ndarray, labels="happy", splits="Training") -> Faces:
    index = pd.DataFrame({"name": [str(i) for i in range(len(images))]}).assign(label=labels, split=splits)
    return Faces(images, index, "planted")


def test_another_crop_brightness_or_contrast_is_a_near_copy():
    images = photographs(6)
    shifted = np.roll(images[0], 1, axis=1)
    darker = (images[1] * 0.5 + 10).astype(np.uint8)
    faces = stored(np.concatenate([images, [shifted, darker]]))
    assert duplicates.near(faces).tolist() == [0, 1, 2, 3, 4, 5, 0, 1]
    assert duplicates.identical(faces).tolist() == list(range(8))


def test_near_groups_hold_the_identical_ones_blank_images_too():
    images = photographs(5)
    images[2] = images[4] = 128
    faces = stored(images)
    assert duplicates.near(faces).tolist() == [0, 1, 2, 3, 2] == duplicates.identical(faces).tolist()


def test_the_threshold_decides():
    faces = stored(np.concatenate([photographs(4), [np.roll(photographs(1)[0], 3, axis=0)]]))
    assert duplicates.near(faces, 0.999).tolist() == [0, 1, 2, 3, 4]
    assert duplicates.near(faces, -1.0).tolist() == [0] * 5


def test_colour_images_and_groups_that_chain():
    grey = photographs(3)
    steps = np.stack([grey[0], np.roll(grey[0], 2, 1), np.roll(grey[0], 4, 1)])
    images = np.repeat(np.concatenate([steps, grey[1:]])[..., None], 3, axis=3)
    assert duplicates.near(stored(images), 0.9).tolist() == [0, 0, 0, 1, 2]


def test_a_clean_split_leaves_leaks_out_and_keeps_groups_together():
    labels = np.tile(["happy", "sad"], 60)
    splits = np.repeat(["Training", "Test"], [100, 20])
    faces = stored(np.zeros((120, 1, 1), np.uint8), labels, splits)
    groups = np.arange(120)
    groups[[1, 3, 5, 7]] = 1  # four training images of one photograph
    groups[[110, 112]] = groups[10]  # two test images leak
    groups[111] = groups[113]  # a pair within the test split may stay
    for seed in range(5):
        split = split_task(faces, get_task("binary"), None, 0.2, seed, groups=groups)
        assert np.isin([1, 3, 5, 7], split.train).sum() in (0, 4)
        assert sorted({*split.train, *split.val}) == list(range(100))
        assert sorted(split.test) == sorted({*range(100, 120)} - {110, 112})


def test_a_sets_own_validation_split_shares_no_group_with_training():
    faces = stored(
        np.zeros((9, 1, 1), np.uint8),
        ["happy", "sad", "happy"] * 3,
        ["Training"] * 5 + ["Validation"] * 2 + ["Test"] * 2,
    )
    groups = np.array([0, 1, 2, 3, 4, 0, 5, 6, 7])
    split = split_task(faces, get_task("binary"), None, 0.2, 0, groups=groups)
    assert split.train.tolist() == [1, 2, 3, 4] and split.val.tolist() == [5, 6] and split.test.tolist() == [7, 8]
