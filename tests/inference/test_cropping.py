"""The square around a box, and the picture's part in it."""

import numpy as np
import pytest
from PIL import Image

from fer_utils.inference.cropping import MARGIN, crop, square


def test_the_square_has_the_boxs_centre_and_the_stated_side():
    left, top, side = square(10, 20, 30, 50)
    assert side == pytest.approx(40 * MARGIN) and MARGIN == 1.1
    assert (left + side / 2, top + side / 2) == pytest.approx((25, 45))


def test_a_part_of_its_own_size_is_cut_out_as_it_is():
    pixels = np.random.default_rng(0).integers(0, 256, (60, 80), np.uint8)
    np.testing.assert_array_equal(crop(pixels, 7, 5, 48, 48), pixels[5:53, 7:55])
    colour = np.stack([pixels] * 3, axis=2)
    np.testing.assert_array_equal(crop(colour, 7, 5, 48, 48), colour[5:53, 7:55])


def test_a_larger_part_is_resized_as_pil_does():
    pixels = np.random.default_rng(0).integers(0, 256, (300, 300), np.uint8)
    expected = Image.fromarray(pixels[20:220, 10:210]).resize((48, 48), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(crop(pixels, 10, 20, 200, 48), np.asarray(expected))


def test_beyond_the_picture_its_border_is_repeated():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50), np.uint8)
    expected = np.pad(pixels, ((4, 4), (2, 0)), "edge")[:48, :48]
    np.testing.assert_array_equal(crop(pixels, -2, -4, 48, 48), expected)
    assert (crop(pixels, 100, 100, 48, 48) == pixels[-1, -1]).all()


def test_half_pixels_count():
    ramp = np.tile(np.arange(0, 240, 4, dtype=np.uint8), (60, 1))
    moved, still = (crop(ramp, left, 0, 48, 48).astype(int) for left in (5.5, 5))
    assert (moved - still).mean() == pytest.approx(2, abs=0.1)
