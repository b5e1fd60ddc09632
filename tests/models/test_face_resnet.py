"""dlib's face ResNet: its odd padding by hand; with the real weights, face-api's numbers."""

import os
import tarfile

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from random_weights import published

from fer_utils.models.face_resnet import ConvScale, GlobalMean, Residual
from fer_utils.models.network import Network


@pytest.mark.parametrize("side, unpadded", [(9, 4), (8, 3)])
def test_only_a_convolution_that_halves_is_unpadded(side, unpadded):
    x = torch.randn(1, 2, side, side)
    down, same = ConvScale(2, 3, stride=2), ConvScale(2, 3)
    torch.nn.init.normal_(same.scale.weight), torch.nn.init.normal_(same.scale.bias)
    assert down(x).shape == (1, 3, unpadded, unpadded)
    expected = F.conv2d(x, same.conv.weight, same.conv.bias, padding=1)
    expected = expected * same.scale.weight.view(3, 1, 1) + same.scale.bias.view(3, 1, 1)
    torch.testing.assert_close(same(x), expected)


def test_a_block_adds_to_its_shortcut():
    block, x = Residual(4, 4), torch.randn(2, 4, 6, 6)
    torch.testing.assert_close(block(x), (block.conv2(block.conv1(x).relu()) + x).relu())


@pytest.mark.parametrize("side", [8, 9])
def test_a_block_that_halves_fills_up_with_zeros(side):
    """Of 8 pixels the convolution leaves 3, the mean 4: the last row is the mean's alone."""
    block, x = Residual(2, 5, halve=True), torch.rand(1, 2, side, side)
    filled = torch.zeros(1, 5, 4, 4)
    inner = block.conv2(block.conv1(x).relu())
    filled[..., : inner.shape[2], : inner.shape[3]] = inner
    averaged = x[..., :8, :8].view(1, 2, 4, 2, 4, 2).mean((3, 5))
    filled[:, :2] += averaged  # the new channels of the shortcut are zeros
    torch.testing.assert_close(block(x), filled.relu())
    if side == 8:
        torch.testing.assert_close(block(x)[:, :2, -1], averaged[:, :, -1])
        assert not block(x)[:, 2:, -1].any()


def test_images_lose_dlibs_mean_face_and_are_divided_by_256():
    image = torch.randint(0, 256, (1, 3, 150, 150), dtype=torch.uint8)
    mean = torch.tensor([122.782, 117.001, 104.298]).view(3, 1, 1)
    network = Network("face_resnet", 3)
    torch.testing.assert_close(network.preprocess(image), (image - mean) / 256)
    assert GlobalMean()(torch.ones(2, 3, 4, 5)).shape == (2, 3)


# the first numbers that face-api's own library gives for the pattern below, with the same weights
FACE_API = [-0.04817, 0.11862, 0.07299, -0.06989, -0.10322, -0.02699, -0.08463, 0.03696]


def test_real_weights_give_face_apis_numbers():
    network = published("face_resnet")
    place = np.arange(150 * 150 * 3)
    pattern = ((place * 7919 + place // 450 * 31) % 256).reshape(150, 150, 3)
    image = torch.tensor(pattern).permute(2, 0, 1)[None]
    # face-api divides by 255, dlib, where it was trained, by 256
    centred = (image - network.preprocess.mean) / 255
    with torch.inference_mode():
        expected, numbers = network.body(centred)[0], network(image.byte())[0]
    torch.testing.assert_close(expected[: len(FACE_API)], torch.tensor(FACE_API), atol=1e-5, rtol=0)
    torch.testing.assert_close(numbers, expected, atol=1e-3, rtol=0)


def test_real_weights_find_each_person_of_a_photo_again(tmp_path):
    """Another crop of a face, darker and mirrored, lies nearer to it than any other person does."""
    package = os.environ.get("FACE_API")
    if not package:
        pytest.skip("face-api's demo photos are not at hand; set FACE_API=path to its npm tarball")
    network = published("face_resnet")
    with tarfile.open(package) as archive:
        archive.extractall(tmp_path, filter="data")
    faces = {  # centre and side of each face, in pixels
        "sample4.jpg": [(334, 310, 220), (750, 225, 220), (1050, 350, 220), (1337, 309, 220)],
        "sample6.jpg": [(296, 609, 260), (767, 501, 260), (1260, 523, 260), (1603, 450, 260)],
    }
    for photo, places in faces.items():
        image = Image.open(tmp_path / "package" / "demo" / photo).convert("RGB")
        first = torch.cat([_face(image, x, y, side) for x, y, side in places])
        second = torch.cat([_face(image, x + 8, y - 6, side * 1.1) for x, y, side in places])
        with torch.inference_mode():
            distances = torch.cdist(network(first), network((second * 0.8).byte().flip(-1)))
        others = distances[~torch.eye(len(places), dtype=torch.bool)]
        assert distances.diag().max() < others.min()


def _face(image: Image.Image, x: float, y: float, side: float) -> torch.Tensor:
    box = (x - side / 2, y - side / 2, x + side / 2, y + side / 2)
    return torch.tensor(np.array(image.resize((150, 150), box=box))).permute(2, 0, 1)[None]
