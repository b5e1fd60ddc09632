"""Networks whose stages are not the whole of them are refused; the registry's own are accepted."""

from collections import OrderedDict

import pytest
import torch
from torch import nn

from fer_utils.errors import FerError
from fer_utils.models import registry
from fer_utils.models.architecture import PublicArchitecture, check_stages
from fer_utils.models.cnn import CNN
from fer_utils.models.network import Network
from fer_utils.models.registry import MODELS, Model


class Own(nn.Module):
    """A network as a user might write it."""

    native_size, channels, mean, std = 8, 1, (0.5,), (0.5,)
    stages: tuple[str, ...] = ("body", "head")

    def __init__(self, classes: int, size: int = 8, channels: int = 1, dropout: float = 0.0):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(channels, 2, 3), nn.ReLU(), nn.Flatten())
        self.head = nn.Linear(2 * (size - 2) ** 2, classes)

    def forward(self, x):
        return self.head(self.body(x))


class WithAScale(Own):
    """One parameter of its own, beside the stages."""

    def __init__(self, *settings, **more):
        super().__init__(*settings, **more)
        self.scale = nn.Parameter(torch.ones(1))


class WithASharedHead(Own):
    """The head stands a second time under a name that is no stage."""

    def __init__(self, *settings, **more):
        super().__init__(*settings, **more)
        self.copy = self.head
        del self.head
        self.head = self.copy  # so that its parameters are named after `copy`


class WithoutAStage(Own):
    stages = ("body",)


class WithAnotherName(Own):
    stages = ("body", "hed")


@pytest.mark.parametrize(
    "architecture, complaint",
    [
        (WithAScale, r"^own: parameters lie in none of its stages \(body, head\).*: scale; move"),
        (WithoutAStage, r"^own: .* none of its stages \(body\).*: head\.weight and 1 more; move"),
        (WithAnotherName, "^own: its stage 'hed' is none of its submodules$"),
    ],
)
def test_parameters_outside_of_the_stages_are_refused_by_name(monkeypatch, architecture, complaint):
    monkeypatch.setitem(registry.MODELS, "own", Model("own", "own", architecture))
    with pytest.raises(FerError, match=complaint):
        Network("own", 3)


def sequence(stages: tuple[str, ...]) -> nn.Sequential:
    parts = {"stem": nn.Conv2d(1, 2, 3), "body": nn.Conv2d(2, 2, 3), "head": nn.Flatten()}
    network = nn.Sequential(OrderedDict(parts))
    network.stages = stages
    return network


@pytest.mark.parametrize(
    "stages", [("body", "stem", "head"), ("stem", "body"), ("stem", "body", "head", "body.weight")]
)
def test_a_sequence_of_other_children_than_its_stages_is_refused(stages):
    check_stages(sequence(("stem", "body", "head")), "own")
    with pytest.raises(
        FerError, match=r"^own: (the stages of an nn\.Sequential must be|its stage)"
    ):
        check_stages(sequence(stages), "own")


def test_a_module_with_two_names_is_held_by_one_stage():
    check_stages(WithASharedHead(3), "own")


def test_a_network_that_names_no_stages_is_refused():
    with pytest.raises(FerError, match=r"^own: parameters lie in none of its stages \(\)"):
        check_stages(nn.Linear(2, 2), "own")


@pytest.mark.parametrize("name", [*MODELS, "timm:resnet18", "timm:deit_tiny_patch16_224"])
def test_every_network_that_there_is_passes(name):
    if name.startswith("timm:"):
        pytest.importorskip("timm", reason="timm is not installed")
    with torch.device("meta"):
        network = Network(name, 3)
    assert network.stages == network.body.stages and len(network.stages) > 1


def test_weights_are_for_public_networks_alone():
    for model in MODELS.values():
        if model.weights is not None:
            assert isinstance(model.architecture, PublicArchitecture)
    assert not isinstance(CNN, PublicArchitecture)
    with pytest.raises(FerError, match="cnn starts from random weights; it takes no pretrained"):
        Network("cnn", 2, tensors={})
