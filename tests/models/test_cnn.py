"""Report A's network, for any input."""

import pytest
import torch

from fer_utils.errors import FerError
from fer_utils.models.cnn import CNN
from fer_utils.models.network import Network

# what stands in the first block and behind the flattened features, in report A's readings
PLAIN_BLOCK = ["Conv2d", "BatchNorm2d"]
EARLY, LATE = ["Dropout", "Linear", "ReLU"], ["Linear", "ReLU", "Dropout"]
LAYERS = {
    "cnn": ([*PLAIN_BLOCK, "ReLU", "MaxPool2d"], EARLY),
    "cnn_one_pool": ([*PLAIN_BLOCK, "ReLU"], EARLY),
    "cnn_one_relu": ([*PLAIN_BLOCK, "MaxPool2d"], EARLY),
    "cnn_literal": (PLAIN_BLOCK, EARLY),
    "cnn_late_dropout": ([*PLAIN_BLOCK, "ReLU", "MaxPool2d"], LATE),
}


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


@pytest.mark.parametrize("name", LAYERS)
def test_each_reading_differs_in_its_sentence_alone(name):
    body = Network(name, 4).body
    block, dense = LAYERS[name]
    assert [type(layer).__name__ for layer in body.block1] == block
    assert [type(layer).__name__ for layer in body.block2] == block
    assert type(body.block3[-1]).__name__ == "MaxPool2d"
    assert [type(layer).__name__ for layer in body.hidden] == ["Flatten", *dense]
    convolutions = {name: value for name, value in CNN(4).state_dict().items() if "block" in name}
    assert convolutions.keys() <= body.state_dict().keys()


def test_pooled_once_the_dense_layer_has_37_7_million_weights():
    body = Network("cnn_one_pool", 4).body
    (dense,) = [layer for layer in body.hidden if isinstance(layer, torch.nn.Linear)]
    assert dense.weight.shape == (512, 24 * 24 * 128)
    assert round(dense.weight.numel() / 1e6, 1) == 37.7


def test_the_readings_of_normalisation():
    white = torch.full((1, 1, 48, 48), 255, dtype=torch.uint8)
    values = {
        name: Network(name, 4).preprocess(white)[0, :, 0, 0].tolist()
        for name in ("cnn", "cnn_unnormalised", "cnn_imagenet")
    }
    assert values["cnn"] == [1.0] and values["cnn_unnormalised"] == [1.0]
    assert values["cnn_imagenet"] == pytest.approx([0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225])
    black = Network("cnn_unnormalised", 4).preprocess(torch.zeros_like(white))
    assert black.unique().tolist() == [0.0]


@pytest.mark.parametrize("size, channels, classes", [(48, 1, 2), (64, 3, 7), (20, 1, 3)])
def test_any_input_size_channels_and_classes(size, channels, classes):
    images = torch.randint(0, 256, (5, channels, 33, 33), dtype=torch.uint8)
    assert Network("cnn", classes, size, channels)(images).shape == (5, classes)


def test_a_size_too_small_is_refused():
    with pytest.raises(FerError, match="at least 8 pixels"):
        Network("cnn", 2, size=7)
    with pytest.raises(FerError, match="at least 2 pixels"):
        Network("cnn_one_pool", 2, size=1)


def test_an_unknown_network_is_refused():
    with pytest.raises(FerError, match=r"unknown model 'cnm'.*cnn"):
        Network("cnm", 2)
