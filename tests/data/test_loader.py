"""Batches and preprocessing, against PIL and torchvision."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from torchvision import transforms

from fer_utils.data import loader
from fer_utils.data.loader import Batches, Stored, median_filter
from fer_utils.distributed import World
from fer_utils.models.network import Preprocess

CPU = torch.device("cpu")


def of_three(rank: int) -> World:
    """One of three processes."""
    return World(rank, 3)


def test_median_filter_is_pils(drawn):
    images = drawn.images[:20]
    expected = [
        np.asarray(Image.fromarray(image).filter(ImageFilter.MedianFilter(3))) for image in images
    ]
    np.testing.assert_array_equal(median_filter(images), expected)


def test_median_filter_keeps_colours_apart():
    colour = np.random.default_rng(0).integers(0, 256, (2, 9, 7, 3), dtype=np.uint8)
    filtered = median_filter(colour)
    for channel in range(3):
        np.testing.assert_array_equal(filtered[..., channel], median_filter(colour[..., channel]))


def test_edges_are_repeated_also_of_the_smallest_images(tmp_path):
    images = np.array([[[9, 1], [2, 3]], [[0, 0], [0, 255]]], np.uint8)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    filtered = median_filter(mapped)
    assert filtered.dtype == np.uint8 and not isinstance(filtered, np.memmap)
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)), mode="edge")
    for y, x in np.ndindex(2, 2):
        window = padded[:, y : y + 3, x : x + 3].reshape(2, 9)
        np.testing.assert_array_equal(filtered[:, y, x], np.median(window, axis=1))


def test_preprocess_is_torchvisions(drawn):
    images = drawn.images[:4]
    reference = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,), (0.5,))])
    expected = torch.stack([reference(Image.fromarray(image)) for image in images])
    prepared = Preprocess(48, 1, (0.5,), (0.5,))(torch.from_numpy(images).unsqueeze(1))
    torch.testing.assert_close(prepared, expected)


@pytest.mark.parametrize("size", [24, 96])
def test_resize_is_pils_within_rounding(drawn, size):
    resized = Preprocess(size, 1, (0.0,), (1 / 255,))(
        torch.from_numpy(drawn.images[:4]).unsqueeze(1)
    )
    for tensor, image in zip(resized, drawn.images, strict=False):
        picture = Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR)
        assert np.abs(tensor[0].numpy() - np.asarray(picture, float)).max() <= 1.0


def test_grey_to_rgb_and_back(drawn):
    grey = torch.from_numpy(drawn.images[:4]).unsqueeze(1)
    rgb = Preprocess(48, 3, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))(grey)
    assert rgb.shape == (4, 3, 48, 48)
    torch.testing.assert_close(rgb[:, 2], (grey[:, 0] / 255 - 0.406) / 0.225)
    again = Preprocess(48, 1, (0.0,), (1 / 255,))(grey.expand(-1, 3, -1, -1))
    torch.testing.assert_close(again, grey.float())


def test_an_epoch_is_every_image_once_in_an_order_of_the_seed(drawn):
    images = np.arange(50, dtype=np.uint8).reshape(50, 1, 1)
    batches = Batches(images, np.arange(50), batch_size=16, device=CPU)
    seen = [
        torch.cat([labels for _, labels in batches.shuffled(seed)]).tolist() for seed in (1, 1, 2)
    ]
    assert sorted(seen[0]) == list(range(50)) and seen[0] == seen[1] != seen[2]
    assert [len(labels) for _, labels in batches] == [16, 16, 16, 2] and len(batches) == 4
    for pixels, labels in batches.shuffled(3):
        assert (pixels[:, 0, 0, 0] == labels).all()


@pytest.mark.parametrize("colour", [False, True])
def test_a_store_too_large_for_the_device_gives_the_same_batches(
    drawn, tmp_path, monkeypatch, colour
):
    images = drawn.images
    if colour:
        images = np.stack([images, images // 2, 255 - images], 3)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    rows = np.random.default_rng(0).permutation(len(images))[:50]
    settings = (mapped, np.arange(50), 16, CPU, rows)
    resident = Batches(*settings)
    assert torch.equal(resident.images, Batches(images[rows], np.arange(50), 16, CPU).images)
    monkeypatch.setattr(loader, "RESIDENT", 0)
    stored = Batches(*settings)
    assert isinstance(stored.images, Stored) and stored.images.stored is mapped
    world = of_three(1)
    for batches, expected in [
        (stored, resident),
        (stored.shuffled(3), resident.shuffled(3)),
        (stored.shuffled(3, world), resident.shuffled(3, world)),
        (stored.shard(world), resident.shard(world)),
    ]:
        for (x, y), (same_x, same_y) in zip(batches, expected, strict=True):
            assert torch.equal(x, same_x) and torch.equal(y, same_y)


@pytest.mark.parametrize("resident", [True, False])
def test_shards_are_the_batches_cut_up(resident, monkeypatch):
    monkeypatch.setattr(loader, "RESIDENT", int(resident))
    batches = Batches(np.arange(50, dtype=np.uint8).reshape(50, 1, 1), np.arange(50), 16, CPU)
    worlds = [of_three(rank) for rank in range(3)]
    together = [images for world in worlds for images, _ in batches.shard(world)]
    assert torch.cat(together).flatten().tolist() == list(range(50))
    for (images, labels), *shards in zip(
        batches.shuffled(1), *(batches.shuffled(1, world) for world in worlds), strict=True
    ):
        assert torch.equal(torch.cat([part for part, _ in shards]), images)
        assert all(torch.equal(same, labels) for _, same in shards)  # labels are of the whole batch


def test_features_take_the_place_of_images():
    batches = Batches(np.arange(5, dtype=np.uint8).reshape(5, 1, 1), np.arange(5), 2, CPU)
    features = torch.arange(10.0).view(5, 2)
    others = batches.with_features(features, start_stage=3)
    assert (others.start_stage, batches.start_stage) == (3, 0) and len(others) == 3
    for parts, labels in others.shuffled(0):
        assert torch.equal(parts, features[labels])
