"""EfficientNet-Lite: TensorFlow's padding, timm's arithmetic; real weights on real pictures."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from random_weights import BACKBONES, published, random_state, square
from sklearn.datasets import load_sample_image

from fer_utils.models.efficientnet_lite import SameConv2d


@pytest.mark.parametrize(
    "side, kernel, stride, before, after", [(8, 3, 2, 0, 1), (7, 3, 2, 1, 1), (8, 5, 1, 2, 2)]
)
def test_same_padding_is_tensorflows(side, kernel, stride, before, after):
    convolution = SameConv2d(1, 1, kernel, stride, bias=False)
    x = torch.randn(1, 1, side, side)
    padded = F.pad(x, (before, after, before, after))
    expected = F.conv2d(padded, convolution.weight, stride=stride)
    torch.testing.assert_close(convolution(x), expected)
    assert convolution(x).shape[-1] == -(-side // stride)


@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_lite1"])
def test_it_computes_what_timm_computes(name):
    """On random tensors, which timm names otherwise and lists in the same order."""
    timm = pytest.importorskip("timm", reason="timm is not installed")
    reference = timm.create_model(f"tf_{name}").eval()
    state = random_state(name)
    reference.load_state_dict(dict(zip(reference.state_dict(), state.values(), strict=True)))
    network = BACKBONES[name].published().eval()
    network.load_state_dict(state)
    x = torch.randn(2, 3, 65, 65)
    with torch.inference_mode():
        torch.testing.assert_close(network(x), reference(x), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_lite1"])
def test_real_weights_know_a_palace_a_daisy_and_a_uniform(name):
    network = published(name)
    officer = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    images = [
        load_sample_image("china.jpg"),
        load_sample_image("flower.jpg"),
        np.array(Image.open(officer)),
    ]
    with torch.inference_mode():
        assert [network(square(image)).argmax().item() for image in images] == [698, 985, 652]
