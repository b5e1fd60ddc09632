"""A public network, cut into named stages from stem to head and given a head of its own.

A stage of a convolutional network is all that works at one resolution, as ResNet's own layers are,
so that "the last two stages" means the same for every network: what sees the coarsest grid, and
the head.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from fer_utils.errors import FerError

Published = TypeVar("Published", bound=nn.Module)


class Stages(nn.Sequential):
    """A network as the sequence of its named stages."""

    @property
    def stages(self) -> tuple[str, ...]:
        """Their names, from stem to head."""
        return tuple(name for name, _ in self.named_children())


@dataclass(frozen=True)
class Backbone(Generic[Published]):
    """A public network. Calling it gives the network with a new head.

    Attributes
    ----------
    published : builds the network as published, with the parameter names of its public weights.
    cut : its stages by name, the last of which ends in a linear layer.
    native_size : the side in pixels that it was trained on.
    mean, std : of intensities in 0..1, RGB.
    sizes : the smallest and the largest side that it takes, in pixels.
    unused : layers of the public weights that are replaced or left aside, so that a file of weights
        may hold them or not.
    """

    published: Callable[[], Published]
    cut: Callable[[Published], dict[str, nn.Sequential]]
    native_size: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    # halved five times, as most are, 32 pixels leave one
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
        """The network, B×3×size×size → logits B×classes.

        Parameters
        ----------
        dropout : before the head and wherever the network has it; None: as published.
        tensors : to start from, under the published names; None: random ones. The head is new.

        Raises
        ------
        FerError
            For a size or a number of channels that it does not take, and where tensors are missing.
        """
        self.check_size(size)
        if channels != self.channels:
            raise FerError(f"this network takes {self.channels} channels; got {channels}")
        network = self.published() if tensors is None else self.skeleton()
        if tensors is not None:
            # copies: training changes them, and the caller may build a second network from them
            copies = {name: tensor.clone() for name, tensor in tensors.items()}
            # assign: what is on the meta device has no memory to copy into
            network.load_state_dict(copies, strict=False, assign=True)
        # cut first: the head of the published network is the last layer of the last stage
        stages = self.cut(network)
        # before the check: a file lacks the published head, the new one has values
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
        """Raises FerError for a side in pixels that it does not take; None is its own."""
        smallest, largest = self.sizes
        if size is not None and not smallest <= size <= largest:
            raise FerError(
                f"this network takes images of {smallest} to {largest} pixels; got {size}"
            )

    def skeleton(self) -> Published:
        """The published network's names and shapes, on the meta device: without any values."""
        with torch.device("meta"):
            return self.published()


def _check_filled(body: nn.Module) -> None:
    for name, tensor in body.state_dict().items():
        if tensor.is_meta:
            raise FerError(f"the weights leave {name} without values")


def _replace_head(stage: nn.Sequential, classes: int) -> None:
    """A new linear layer for the last one, behind a dropout that does nothing unless asked to."""
    published = stage[-1]
    assert isinstance(published, nn.Linear)  # what a `cut` promises
    if not any(isinstance(module, nn.Dropout) for module in stage):
        stage.insert(len(stage) - 1, nn.Dropout(0.0))
    stage[-1] = nn.Linear(published.in_features, classes)
