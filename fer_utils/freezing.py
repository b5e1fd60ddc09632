"""Freezing and thawing by the names of stages, the same few lines for every network."""

from collections.abc import Collection, Sequence

from fer_utils.errors import FerError, one_of
from fer_utils.models import Network


def last_stages(network: Network, count: int) -> tuple[str, ...]:
    """The names of the last `count` stages: 2 is what report A trains. Raises FerError for too many or none."""
    if not 1 <= count <= len(network.stages):
        raise FerError(f"between 1 and {len(network.stages)} stages can learn; got {count}")
    return network.stages[-count:]


def thaw(network: Network, stages: Collection[str], *, rest: bool = True) -> None:
    """Lets exactly these stages learn and freezes all others; can be called again at any epoch.

    rest: True keeps frozen stages in evaluation mode while the others train, so that batch normalisation keeps
    its statistics and dropout is off. False leaves them in training mode, as report A does: their parameters
    stay, but the statistics follow the new images. Raises FerError for a stage that the network has not.
    """
    for name in stages:
        one_of(name, network.stages, "stage")
    network.requires_grad_(False)  # parameters outside any stage, such as a class token, stay frozen
    for name in stages:
        network.stage(name).requires_grad_(True)
    network.resting = tuple(name for name in network.stages if name not in stages) if rest else ()
    network.train(network.training)


def frozen_stages(network: Network) -> Sequence[str]:
    """The names of the stages in which nothing learns."""
    learning = {name for name in network.stages if any(p.requires_grad for p in network.stage(name).parameters())}
    return tuple(name for name in network.stages if name not in learning)
