"""Report A's network: its shapes, its size and what it refuses."""

import pytest
import torch

from fer_utils.errors import FerError
from fer_utils.models.cnn import CNN


def test_sides_and_parameters():
    network, x, shapes = CNN(4), torch.zeros(2, 1, 48, 48), []
    for stage in network.stages:
        x = getattr(network, stage)(x)
        shapes.append(tuple(x.shape[1:]))
    assert shapes == [(32, 24, 24), (64, 12, 12), (128, 6, 6), (512,), (4,)]
    convolutions = 9 * (32 + 32 * 64 + 64 * 128) + 32 + 64 + 128
    normalisations, dense = 2 * (32 + 64 + 128), 128 * 36 * 512 + 512 + 512 * 4 + 4
    parameters = sum(p.numel() for p in network.parameters())
    assert parameters == convolutions + normalisations + dense


@pytest.mark.parametrize("size, channels", [(8, 1), (50, 3)])
def test_any_input_size_and_channels(size, channels):
    assert CNN(3, size, channels)(torch.zeros(2, channels, size, size)).shape == (2, 3)


def test_a_size_too_small_is_refused():
    with pytest.raises(FerError, match="it needs at least 8 pixels, got 7"):
        CNN(2, size=7)
