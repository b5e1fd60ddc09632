"""Copies of one photograph: planted, found, and kept on one side of every split."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fer_utils.data import duplicates
from fer_utils.data.dataset import Faces, open_store
from fer_utils.data.splits import split_task
from fer_utils.data.tasks import get_task


def photographs(n: int, seed: int = 0) -> np.ndarray:
    """n unlike grey pictures of 48×48: smooth noise."""
    noise = np.random.default_rng(seed).integers(0, 256, (n, 6, 6), dtype=np.uint8)
    return np.stack(
        [
            np.asarray(Image.fromarray(picture).resize((48, 48), Image.Resampling.BICUBIC))
            for picture in noise
        ]
    )


def stored(images: np.ndarray, labels="happy", splits="Training") -> Faces:
    index = pd.DataFrame({"name": [str(i) for i in range(len(images))]}).assign(
        label=labels, split=splits
    )
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
    assert (
        duplicates.near(faces).tolist() == [0, 1, 2, 3, 2] == duplicates.identical(faces).tolist()
    )


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
    assert (
        split.train.tolist() == [1, 2, 3, 4]
        and split.val.tolist() == [5, 6]
        and split.test.tolist() == [7, 8]
    )


@pytest.fixture
def computed(monkeypatch) -> list:
    """The similarity of every time that groups are computed, in a process that knows none."""
    duplicates.near.cache_clear()
    seen, compute = [], duplicates._linked

    def count(faces, similarity):
        seen.append(similarity)
        return compute(faces, similarity)

    monkeypatch.setattr(duplicates, "_linked", count)
    return seen


def test_groups_are_computed_once_for_all_processes(tmp_path, computed):
    images = photographs(5)
    images[4] = np.roll(images[0], 1, axis=1)
    stored(images).save(tmp_path / "store")
    meant = [0, 1, 2, 3, 0]
    for _ in range(3):
        assert duplicates.near(open_store(tmp_path / "store")).tolist() == meant
        duplicates.near.cache_clear()  # as in another process
    assert computed == [duplicates.NEAR]
    assert len(list((tmp_path / "store").glob("near-*.npy"))) == 1
    assert duplicates.near(open_store(tmp_path / "store"), 0.99999).tolist() == [0, 1, 2, 3, 4]
    assert computed == [duplicates.NEAR, 0.99999]


def test_other_content_has_other_groups(tmp_path, computed):
    stored(photographs(5)).save(tmp_path / "store")
    duplicates.near(open_store(tmp_path / "store"))
    (kept,) = (tmp_path / "store").glob("near-*.npy")
    content = kept.read_bytes()
    stored(np.repeat(photographs(1), 5, axis=0)).save(tmp_path / "store")
    kept.write_bytes(content)  # however it came there
    assert duplicates.near(open_store(tmp_path / "store")).tolist() == [0] * 5


def test_a_file_of_groups_that_is_broken_is_made_again(tmp_path, computed):
    stored(photographs(5)).save(tmp_path / "store")
    duplicates.near(open_store(tmp_path / "store"))
    (kept,) = (tmp_path / "store").glob("near-*.npy")
    for content in (b"", kept.read_bytes()[:-4], b"no array"):
        kept.write_bytes(content)
        duplicates.near.cache_clear()
        assert duplicates.near(open_store(tmp_path / "store")).tolist() == [0, 1, 2, 3, 4]
        assert np.load(kept).tolist() == [0, 1, 2, 3, 4]


def test_a_store_that_cannot_be_written_to_and_none_at_all(tmp_path, computed, monkeypatch):
    faces = stored(photographs(5))
    again = stored(photographs(5))  # as a run unpacks it anew in the same process
    assert duplicates.near(faces).tolist() == duplicates.near(again).tolist() == [0, 1, 2, 3, 4]
    assert computed == [duplicates.NEAR]
    faces.save(tmp_path / "store")

    def refuse(path):
        raise PermissionError(13, "read-only", str(path))

    monkeypatch.setattr(duplicates.io, "atomic_file", refuse)
    duplicates.near.cache_clear()
    assert duplicates.near(open_store(tmp_path / "store")).tolist() == [0, 1, 2, 3, 4]
    assert not list((tmp_path / "store").glob("near-*"))
