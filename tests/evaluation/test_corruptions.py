"""Corruptions whose effect on simple images is known."""

import io

import numpy as np
import pytest
from PIL import Image

from fer_utils.errors import FerError
from fer_utils.evaluation import corruptions
from fer_utils.evaluation.corruptions import CORRUPTIONS, corrupt

RNG = np.random.default_rng


def flat(value, n=3, shape=(48, 48)):
    return np.full((n, *shape), value, np.uint8)


@pytest.mark.parametrize("kind", CORRUPTIONS)
@pytest.mark.parametrize("channels", [(), (3,)])
def test_all_of_them(drawn, kind, channels):
    images = drawn.images[:6] if not channels else np.stack([drawn.images[:6]] * 3, -1)
    before = images.copy()
    assert (corrupt(images, kind, 0) == images).all(), "strength 0 is the identity"
    differences = []
    for strength in (1, 2, 3):
        treated = corrupt(images, kind, strength)
        assert treated.dtype == np.uint8 and treated.shape == images.shape
        assert (treated == corrupt(images, kind, strength)).all(), "the same every time"
        differences.append(np.abs(treated.astype(int) - images).mean())
    assert (images == before).all() and 0 < differences[0] < differences[1] < differences[2]


def test_brightness_adds_and_stays_in_range():
    assert (corruptions.brighten(flat(100), 0.2, RNG(0)) == 151).all()
    assert (corruptions.brighten(flat(100), -0.2, RNG(0)) == 49).all()
    assert (corruptions.brighten(flat(250), 0.4, RNG(0)) == 255).all()


def test_contrast_shrinks_about_the_mean():
    halves = np.repeat(np.array([[50, 150]], np.uint8), 24, axis=1).repeat(48, 0)[None]
    treated = corruptions.flatten(halves, 0.4, RNG(0))
    assert set(np.unique(treated)) == {80, 120}
    assert (corruptions.flatten(flat(77), 0.2, RNG(0)) == 77).all()


def test_blur_spreads_a_point_by_sigma_and_keeps_a_flat_image():
    point = np.zeros((1, 96, 96), np.uint8)
    point[0, 47:50, 47:50] = 255
    spread = corruptions.blur(point, 2.0, RNG(0)).astype(float)[0]  # 4 pixels of 96
    offsets = np.arange(96) - 48
    variance = (spread.sum(0) * offsets**2).sum() / spread.sum()
    assert variance == pytest.approx(4.0**2 + 2 / 3, rel=0.1)
    assert (corruptions.blur(flat(90), 2.0, RNG(0)) == 90).all()


def test_noise_has_the_deviation_it_says():
    treated = corruptions.add_noise(flat(128, 20), 16, RNG(0)).astype(float)
    assert treated.std() == pytest.approx(16, rel=0.02)
    assert treated.mean() == pytest.approx(128, abs=0.2)


def test_jpeg_is_pils_at_that_quality(drawn):
    stream = io.BytesIO()
    Image.fromarray(drawn.images[0]).save(stream, "JPEG", quality=15)
    (compressed,) = corruptions.compress(drawn.images[:1], 15, RNG(0))
    assert (compressed == np.asarray(Image.open(stream))).all()


@pytest.mark.parametrize("share", [0.1, 0.2, 0.4])
def test_a_square_of_that_share_is_covered(share):
    stripes = np.tile(np.array([0, 255], np.uint8), (5, 48, 24))
    covered = corruptions.occlude(stripes, share, RNG(0)) == round(127.5)
    assert covered.mean(axis=(1, 2)) == pytest.approx(share, abs=0.02)
    for mask in covered:
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        assert mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        assert len(rows) == len(columns)


def test_rotation_turns_to_either_side():
    bar = np.zeros((40, 48, 48), np.uint8)
    bar[:, 22:26, :] = 255
    treated = corruptions.rotate(bar, 90, RNG(0))
    assert np.abs(treated.astype(int) - bar.transpose(0, 2, 1)).max() <= 1
    slanted = corruptions.rotate(bar, 20, RNG(0))
    left_end = slanted[:, :, 8].argmax(1)
    assert set(np.sign(left_end - 24)) == {-1, 1}
    assert (corruptions.rotate(flat(60), 40, RNG(0)) == 60).all()


def test_chunks_leave_no_seam(drawn, monkeypatch):
    whole = corrupt(drawn.images[:10], "noise", 2)
    monkeypatch.setattr(corruptions, "CHUNK", 4)
    assert (corrupt(drawn.images[:10], "noise", 2) == whole).all()


def test_what_is_refused(drawn):
    with pytest.raises(FerError, match=r"unknown corruption 'blurr' \(did you mean 'blur'\?\)"):
        corrupt(drawn.images[:1], "blurr", 1)
    with pytest.raises(FerError, match="strength must be 0, 1, 2 or 3; got 4"):
        corrupt(drawn.images[:1], "blur", 4)
