"""Augmentation against answers known beforehand."""

import pytest
import torch

from fer_utils.data import augmentation
from fer_utils.data.augmentation import (
    ERASED,
    Augment,
    affine,
    mixup,
    relight,
    saturate,
)


@pytest.fixture
def images():
    return torch.randint(
        0, 256, (400, 1, 24, 24), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )


def moved(images, mirrored=False, degrees=0.0, zoom=1.0, down=0.0, right=0.0):
    """`affine` with the same values for every image; down and right in pixels."""
    n, height, width = len(images), *images.shape[2:]
    shift = torch.tensor([down / height, right / width]).expand(n, 2)
    return affine(
        images, torch.full((n,), mirrored), torch.full((n,), degrees), torch.full((n,), zoom), shift
    )


def close(a, b):
    torch.testing.assert_close(a.float(), b.float(), atol=0.05, rtol=0)  # grey levels


def test_with_everything_off_images_stay_as_they_are_and_nothing_is_drawn(images):
    before = torch.get_rng_state()
    assert Augment()(images) is images
    assert torch.equal(torch.get_rng_state(), before)


def test_flips_alone_are_exact(images):
    flipped = Augment(flip=True)(images)
    assert flipped.dtype == torch.uint8
    as_is = (flipped == images).all((1, 2, 3))
    mirrored = (flipped == images.flip(3)).all((1, 2, 3))
    assert (as_is ^ mirrored).all() and 150 < mirrored.sum() < 250


def test_affine_mirrors_and_twice_is_the_identity(images):
    close(moved(images), images)
    close(moved(images, mirrored=True), images.flip(3))
    close(moved(moved(images, mirrored=True), mirrored=True), images)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_quarter_turns_are_rot90(images, turns):
    close(moved(images, degrees=90.0 * turns), images.rot90(turns, (2, 3)))


def test_a_quarter_turn_of_an_image_that_is_not_square():
    image = torch.zeros(1, 1, 17, 33)
    image[..., 8, 16 + 5] = 200  # right of the centre, then above it
    turned = moved(image, degrees=90.0)
    assert (turned > 199).nonzero().tolist() == [[0, 0, 8 - 5, 16]]


def test_zoom_stretches_about_the_centre():
    ramp = torch.arange(24.0).expand(2, 1, 24, 24)
    close(moved(ramp, zoom=2.0), 11.5 + (ramp - 11.5) / 2)


def test_shift_is_down_and_right_and_reflects_the_border(images):
    shifted = moved(images, down=3.0, right=2.0)
    close(shifted[..., 3:, 2:], images[..., :-3, :-2])
    close(shifted[..., :3, 2:], images[..., :3, :-2].flip(2))


def test_an_image_is_mirrored_then_turned_then_shifted(images):
    expected = images.flip(3).rot90(1, (2, 3))
    close(moved(images, True, 90.0, 1.0, down=4.0)[..., 4:, :], expected[..., :-4, :])


def test_draws_keep_to_their_strength_and_use_it(images, monkeypatch):
    drawn = {}
    monkeypatch.setattr(
        augmentation, "affine", lambda images, *values: drawn.update(affine=values) or images
    )
    monkeypatch.setattr(
        augmentation, "relight", lambda images, *values: drawn.update(relight=values) or images
    )
    torch.manual_seed(0)
    Augment(flip=True, rotation=10, shift=0.1, scale=0.2, brightness=0.1, contrast=0.3)(images)
    mirrored, degrees, zoom, shift = drawn["affine"]
    gain, lift = drawn["relight"]
    assert 150 < mirrored.sum() < 250 and shift.shape == (400, 2)
    for values, least, most in (
        (degrees, -10, 10),
        (zoom, 0.8, 1.2),
        (shift, -0.1, 0.1),
        (gain, 0.7, 1.3),
        (lift, -25.5, 25.5),
    ):
        margin = 0.05 * (most - least)
        assert least <= values.min() < least + margin and most - margin < values.max() <= most


def test_every_image_has_its_own_draw_and_the_seed_decides(images):
    everything = Augment(True, 10.0, 0.1, 0.1, 0.1, 0.1, 0.5)
    same = images[:1].expand(8, -1, -1, -1)
    first, again, other = (torch.manual_seed(seed) and everything(same) for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert len({image.numpy().tobytes() for image in first}) == 8
    assert (
        first.shape == same.shape
        and first.dtype == torch.float32
        and 0 <= first.min() < first.max() <= 255
    )


def test_relight():
    image = torch.tensor([[[[10, 110], [60, 60]]]], dtype=torch.uint8)
    half = relight(image, torch.tensor([0.5]), torch.tensor([0.0]))
    assert half.flatten().tolist() == [35, 85, 60, 60]  # about the mean of 60
    brighter = relight(image, torch.tensor([1.0]), torch.tensor([150.0]))
    assert brighter.flatten().tolist() == [160, 255, 210, 210]


def test_erasing_takes_one_rectangle_of_the_stated_share():
    images = (
        torch.arange(48 * 48)
        .view(1, 1, 48, 48)
        .remainder(251)
        .to(torch.uint8)
        .expand(1000, -1, -1, -1)
    )
    torch.manual_seed(0)
    erased = Augment(erasing=0.999)(images)
    gone = erased != images  # the mean is no whole number
    assert (erased[gone] == images[0].float().mean()).all()
    gone = gone[gone.any(3).any(2).squeeze(1)]
    share = gone.float().mean((1, 2, 3))
    heights, widths = gone.any(3).sum((1, 2)), gone.any(2).sum((1, 2))
    assert torch.equal(gone.sum((1, 2, 3)), heights * widths)  # rectangles
    assert share.min() > ERASED[0] - 0.005 and share.max() < ERASED[1] + 0.01
    assert share.mean() == pytest.approx(sum(ERASED) / 2, abs=0.01)
    ratio = heights / widths
    assert ratio.min() < 0.5 and ratio.max() > 2
    assert gone.any(0).any(1).all() and gone.any(0).any(2).all()  # every column and every row


def test_erasing_hits_the_stated_share_of_images(images):
    torch.manual_seed(0)
    hit = (Augment(erasing=0.3)(images) != images).any(3).any(2).float().mean().item()
    assert hit == pytest.approx(0.3, abs=0.06)


def test_colour_planes_move_together():
    colour = torch.randint(0, 256, (5, 3, 12, 12), dtype=torch.uint8)
    grey = colour[:, :1].expand(-1, 3, -1, -1)
    out = Augment(True, 10.0, 0.1, 0.1)(grey)
    assert torch.equal(out[:, 0], out[:, 2])
    close(moved(colour, degrees=90.0), colour.rot90(1, (2, 3)))


def test_mixup_blends_images_and_says_with_which():
    images = torch.randint(0, 256, (16, 1, 6, 6), dtype=torch.uint8)
    labels = torch.arange(16)
    for _ in range(5):
        mixed, ((own, share), (other, rest)) = mixup(images, labels, 0.4)
        assert torch.equal(own, labels) and other.sort().values.tolist() == labels.tolist()
        assert 0.5 <= share <= 1 and share + rest == pytest.approx(1)
        torch.testing.assert_close(mixed, share * images.float() + rest * images[other].float())


def test_no_mixup(images):
    labels = torch.arange(400)
    same, targets = mixup(images, labels, 0.0)
    assert same is images and len(targets) == 1 and targets[0][0] is labels and targets[0][1] == 1.0


def test_saturation_moves_colours_from_their_grey_and_leaves_grey_alone():
    red, grey = torch.tensor([200.0, 100.0, 100.0]), torch.tensor([90.0, 90.0, 90.0])
    images = torch.stack([red, grey, red]).view(3, 3, 1, 1)
    saturated = saturate(images, torch.tensor([0.5, 1.7, 0.0])).view(3, 3)
    luma = 100 + 0.299 * 100
    expected = torch.stack([(red + luma) / 2, grey, torch.full((3,), luma)])
    torch.testing.assert_close(saturated, expected)


def test_saturation_is_drawn_for_each_image_within_its_strength():
    images = torch.tensor([200, 100, 100], dtype=torch.uint8).view(1, 3, 1, 1).expand(400, -1, 4, 4)
    torch.manual_seed(0)
    red, green, blue = Augment(saturation=0.5)(images)[..., 0, 0].T
    gain = (red - green) / 100
    assert torch.equal(green, blue) and 0.5 <= gain.min() < 0.55 and 1.45 < gain.max() <= 1.5
