"""Report A's network, for any input."""

import pytest
import torch

from fer_utils.errors import FerError
from fer_utils.models.cnn import CNN
from fer_utils.models.network import Network


def test_the_cnn_is_report_as():
    cnn = Network("cnn", 4).body
    convolutions = [m for m in cnn.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [(c.out_channels, c.kernel_size, c.padding) for c in convolutions] == [
        (32, (3, 3), (1, 1)), (64, (3, 3), (1, 1)), (128, (3, 3), (1, 1)),
    ]  # fmt: skip
    assert sum(isinstance(m, torch.nn.BatchNorm2d) for m in cnn.modules()) == 3
    linear = [m for m in cnn.modules() if isinstance(m, torch.nn.Linear)]
    assert [(m.in_features, m.out_features) for m in linear] == [(128 * 6 * 6, 512), (512, 4)]
    assert next(m for m in cnn.modules() if isinstance(m, torch.nn.Dropout)).p == 0.5


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


@pytest.mark.parametrize("size, channels, classes", [(48, 1, 2), (64, 3, 7), (20, 1, 3)])
def test_any_input_size_channels_and_classes(size, channels, classes):
    images = torch.randint(0, 256, (5, channels, 33, 33), dtype=torch.uint8)
    assert Network("cnn", classes, size, channels)(images).shape == (5, classes)


def test_a_size_too_small_is_refused():
    with pytest.raises(FerError, match="at least 8 pixels"):
        Network("cnn", 2, size=7)


def test_an_unknown_network_is_refused():
    with pytest.raises(FerError, match=r"unknown model 'cnm'.*cnn"):
        Network("cnm", 2)
