"""The small residual network: its shape, its start and its stages."""

import pytest
import torch
from torch import nn

from fer_utils.errors import FerError
from fer_utils.models.network import Network
from fer_utils.models.small_resnet import Block


def test_sides_and_size():
    network = Network("small_resnet", 7)
    assert sum(p.numel() for p in network.parameters()) < 4e6
    x, shapes = torch.zeros(2, 1, 48, 48), []
    for stage in network.body.stages:
        x = getattr(network.body, stage)(x)
        shapes.append(tuple(x.shape[1:]))
    assert shapes == [(32, 24, 24), (32, 24, 24), (64, 12, 12), (128, 6, 6), (256, 3, 3), (7,)]


def test_a_block_adds_to_its_shortcut():
    torch.manual_seed(0)
    x = torch.randn(4, 8, 6, 6)
    block, halving = Block(8, 8, stride=1), Block(8, 16, stride=2)
    torch.testing.assert_close(block(x), (block.residual(x) + x).relu())
    nn.init.zeros_(halving.residual[-1].weight)
    averaged = x.view(4, 8, 3, 2, 3, 2).mean((3, 5))
    _, convolution, normalisation = halving.shortcut
    torch.testing.assert_close(halving(x), normalisation(convolution(averaged)).relu())


@pytest.mark.parametrize("size, channels, classes", [(48, 1, 2), (64, 3, 7), (17, 1, 3)])
def test_any_input_size_channels_and_classes(size, channels, classes):
    images = torch.randint(0, 256, (5, channels, 33, 33), dtype=torch.uint8)
    assert Network("small_resnet", classes, size, channels)(images).shape == (5, classes)


def test_a_size_too_small_is_refused():
    with pytest.raises(FerError, match="at least 16 pixels"):
        Network("small_resnet", 2, size=15)


@pytest.mark.parametrize("name", ["cnn", "small_resnet"])
def test_stages_in_turn_are_the_network_and_hold_all_its_parameters(name):
    body = Network(name, 3).body.eval()
    held = [p for stage in body.stages for p in getattr(body, stage).parameters()]
    assert {id(p) for p in held} == {id(p) for p in body.parameters()}
    x = y = torch.randn(2, 1, 48, 48)
    for stage in body.stages:
        x = getattr(body, stage)(x)
    assert torch.equal(x, body(y))
