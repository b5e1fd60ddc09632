"""A network under autocast, where depthwise convolutions that learn leave bf16, and in pieces."""

import torch
from torch import nn

from fer_utils import devices
from fer_utils.models.network import Network

BF16 = devices.choose("cpu", "bf16")


def depthwise():
    torch.manual_seed(0)
    return nn.Conv2d(8, 8, 5, stride=2, padding=2, groups=8, bias=False), torch.randn(4, 8, 9, 9)


def test_it_computes_in_float32_where_it_learns():
    convolution, images = depthwise()
    with BF16.autocast():
        output = convolution(images)
    output.square().sum().backward()
    gradient = convolution.weight.grad.clone()
    convolution.zero_grad()
    convolution(images).square().sum().backward()
    assert output.dtype == torch.float32
    torch.testing.assert_close(gradient, convolution.weight.grad)


def test_input_alone_that_learns_is_enough():
    convolution, images = depthwise()
    convolution.requires_grad_(False)
    with BF16.autocast():
        assert convolution(images.requires_grad_()).dtype == torch.float32


def test_without_gradients_it_stays_in_bf16():
    convolution, images = depthwise()
    with BF16.autocast():
        assert convolution.requires_grad_(False)(images).dtype == torch.bfloat16
        with torch.no_grad():
            assert convolution.requires_grad_()(images).dtype == torch.bfloat16


def test_other_convolutions_stay_in_bf16():
    with BF16.autocast():
        assert nn.Conv2d(8, 8, 3)(torch.randn(4, 8, 9, 9)).dtype == torch.bfloat16


def test_evaluation_in_pieces_is_that_of_the_whole(monkeypatch):
    torch.manual_seed(0)
    network = Network("mobilenet_v2", 3, size=32).eval()
    images = torch.randint(0, 256, (10, 1, 48, 48), dtype=torch.uint8)
    sizes = []
    network.preprocess.register_forward_hook(
        lambda module, inputs, output: sizes.append(len(output))
    )
    with torch.inference_mode():
        whole, features = network(images), network.features(images, 3)
        monkeypatch.setattr("fer_utils.models.network.IN_CACHE", 4 * 32**2)
        torch.testing.assert_close(network(images), whole)
        torch.testing.assert_close(network.features(images, 3), features)
        torch.testing.assert_close(network(features, start_stage=3), whole)
    assert sizes == [10, 10, 4, 4, 2, 4, 4, 2]
