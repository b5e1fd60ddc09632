"""The public networks that both reports build on, each cut into named stages from stem to head.

A stage of a convolutional network is all that works at one resolution, as ResNet's own layers are, so that "the
last two stages" means the same for every network: what sees the coarsest grid, and the head.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fer_utils.errors import FerError

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
HALF = {"mean": (0.5,) * 3, "std": (0.5,) * 3}
# the mean faces of VGGFace and dlib, and dlib's divisor, were stated for intensities in 0..255
VGGFACE = {"mean": (129.186 / 255, 104.762 / 255, 93.594 / 255), "std": (1 / 255,) * 3}
DLIB = {"mean": (122.782 / 255, 117.001 / 255, 104.298 / 255), "std": (256 / 255,) * 3}


class Stages(nn.Sequential):
    """A network as the sequence of its named stages."""

    @property
    def stages(self) -> tuple[str, ...]:
        """Their names, from stem to head."""
        return tuple(name for name, _ in self.named_children())


@dataclass(frozen=True)
class Backbone:
    """What there is to know of a public network. Calling it gives the network with a new head.

    published: builds it as published, with the parameter names of its public weights; cut: its stages by
    name, the last one ending in a linear layer. mean and std refer to intensities in 0..1, RGB. sizes: the
    smallest and the largest side that it can take, in pixels. unused: layers of the public weights that are
    replaced or left aside, so that a file of weights may hold them or not.
    """

    published: Callable[[], nn.Module]
    cut: Callable[[nn.Module], dict[str, nn.Sequential]]
    native_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    sizes: tuple[int, int] = (32, 1024)
    unused: tuple[str, ...] = ("fc",)
    channels: int = 3

    def __call__(
        self,
        classes: int,
        size: int | None = None,
        channels: int = 3,
        dropout: float | None = None,
        tensors: Mapping[str, Tensor] | None = None,
    ) -> Stages:
        """B×3×size×size → logits B×classes, from `tensors` under the published names, else from random weights.

        The head is new. dropout: before the head and wherever the network has it; None: as published.
        Raises FerError for a size or a number of channels that it cannot take, and for tensors that are missing.
        """
        self.check_size(size)
        if channels != self.channels:
            raise FerError(f"this network takes {self.channels} channels; got {channels}")
        network = self.published() if tensors is None else self.skeleton()
        if tensors is not None:
            network.load_state_dict(tensors, strict=False, assign=True)
        stages = self.cut(network)
        _replace_head(list(stages.values())[-1], classes)
        body = Stages(OrderedDict(stages))
        if tensors is not None:
            _check_filled(body)
        if dropout is not None:
            for module in body.modules():
                if isinstance(module, nn.Dropout):
                    module.p = dropout
        return body

    def check_size(self, size: int | None) -> None:
        """Raises FerError for a side in pixels that it cannot take; None is its own."""
        smallest, largest = self.sizes
        if size is not None and not smallest <= size <= largest:
            raise FerError(
                f"this network takes images of {smallest} to {largest} pixels; got {size}"
            )

    def skeleton(self) -> nn.Module:
        """The published network's names and shapes: it has no values (meta device), so none that are random."""
        with torch.device("meta"):
            return self.published()


def _of_torchvision(name: str) -> Callable[[], nn.Module]:
    def published() -> nn.Module:
        from torchvision import (
            models,
        )  # here, since it takes a second that the other networks need not wait

        return models.get_model(name)

    return published


def _check_filled(body: nn.Module) -> None:
    for name, tensor in body.state_dict().items():
        if tensor.is_meta:
            raise FerError(f"the weights leave {name} without values")


def _replace_head(stage: nn.Sequential, classes: int) -> None:
    """A new linear layer in place of the last one, behind a dropout (which does nothing unless asked to)."""
    features = stage[-1].in_features
    if not any(isinstance(module, nn.Dropout) for module in stage):
        stage.insert(len(stage) - 1, nn.Dropout(0.0))
    stage[-1] = nn.Linear(features, classes)


def _cut_resnet(network: nn.Module) -> dict[str, nn.Sequential]:
    stem = nn.Sequential(network.conv1, network.bn1, network.relu, network.maxpool)
    layers = {f"layer{i}": getattr(network, f"layer{i}") for i in (1, 2, 3, 4)}
    return {"stem": stem, **layers, "fc": nn.Sequential(network.avgpool, nn.Flatten(), network.fc)}


def _cut_at(*starts: int) -> Callable[[nn.Module], dict[str, nn.Sequential]]:
    """For networks of the MobileNet family: the rows of `features` at which a new resolution begins."""

    def cut(network: nn.Module) -> dict[str, nn.Sequential]:
        rows = list(network.features)
        ends = [*starts[1:], len(rows)]
        parts = [nn.Sequential(*rows[start:end]) for start, end in zip(starts, ends, strict=True)]
        names = ["stem", *(f"stage{i}" for i in range(1, len(parts)))]
        head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), *network.classifier)
        return dict(zip(names, parts, strict=True)) | {"classifier": head}

    return cut


def _cut_lite(network: nn.Sequential) -> dict[str, nn.Sequential]:
    rows = [network.get_submodule(f"row{i}") for i in range(1, 8)]
    return {
        "stem": nn.Sequential(network.stem, rows[0]),
        "stage1": nn.Sequential(rows[1]),
        "stage2": nn.Sequential(rows[2]),
        "stage3": nn.Sequential(rows[3], rows[4]),
        "stage4": nn.Sequential(rows[5], rows[6], network.top),
        "classifier": nn.Sequential(*network.pool, *network.classifier),
    }


def _cut_face_resnet(network: nn.Sequential) -> dict[str, nn.Sequential]:
    named = dict(network.named_children())
    trunk = {
        f"conv{width}": nn.Sequential(
            *(part for name, part in named.items() if name.startswith(f"conv{width}_"))
        )
        for width in (32, 64, 128, 256)
    }
    trunk["conv32"] = trunk["conv32"][1:]
    stem = nn.Sequential(network.conv32_down, *network.pool)
    return {"stem": stem, **trunk, "fc": nn.Sequential(network.mean, network.fc)}


TOP = ("fc6", "fc7", "fc8")
