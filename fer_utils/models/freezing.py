"""Freezing and thawing by the names of stages, the same few lines for every network."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from fer_utils.errors import FerError, one_of
from fer_utils.models.network import Network


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


@dataclass(frozen=True)
class UnfreezeSchedule:
    """Which stages learn when: (epoch, count) pairs, from that epoch on the last `count` stages. () freezes none.

    rest: as in `thaw`. warm_up: after each thaw the learning rate rises linearly over this many steps, so that
    the optimiser's first estimates for the new stages do not shake them.
    """

    steps: tuple[tuple[int, int], ...] = ()
    rest: bool = True
    warm_up: int = 0

    @classmethod
    def parse(cls, text: str, epochs: int, rest: bool = True, warm_up: int = 0) -> "UnfreezeSchedule":
        """From "1:1 3:2", read as: from epoch 1 the last stage, from epoch 3 the last two.

        Epochs and counts rise, the first epoch is 1 and none lies beyond `epochs`; else FerError.
        """
        for pair in text.split():
            if not re.fullmatch(r"\d+:\d+", pair):
                raise FerError(f"thaw: {pair!r} is not epoch:number of last stages, as in '1:1 3:2'")
        steps = tuple(tuple(map(int, pair.split(":"))) for pair in text.split())
        starts, counts = [[step[i] for step in steps] for i in (0, 1)]
        if starts and starts[-1] > epochs:
            raise FerError(f"thaw: epoch {starts[-1]} never comes; the run has {epochs} epochs")
        if starts and starts[0] != 1:
            raise FerError(f"thaw: say what learns from epoch 1 on, as in '1:1 3:2'; got {text!r}")
        if any(sorted(set(values)) != values for values in (starts, counts)):
            raise FerError(f"thaw: epochs and stages must rise from pair to pair, as in '1:1 3:2'; got {text!r}")
        return cls(steps, rest, warm_up)

    def check(self, network: Network) -> None:
        """Raises FerError where the network has fewer stages than are to be thawed."""
        for _, count in self.steps:
            last_stages(network, count)

    def start(self, epoch: int) -> int:
        """The epoch of the latest thaw, at or before `epoch`."""
        return max((first for first, _ in self.steps if first <= epoch), default=1)

    def end(self, epoch: int, epochs: int) -> int:
        """The last epoch before the next thaw."""
        return min((first for first, _ in self.steps if first > epoch), default=epochs + 1) - 1

    def count(self, epoch: int) -> int:
        """How many stages, the last ones, learn in this epoch."""
        return dict(self.steps)[self.start(epoch)]

    def notes(self, epoch: int) -> dict[str, int]:
        """For the history: {"stages": how many learn}, or {} where none is ever frozen."""
        return {"stages": self.count(epoch)} if self.steps else {}

    def apply(self, network: Network, epoch: int) -> None:
        """Freezes and thaws the network as this epoch has it."""
        if self.steps:
            thaw(network, last_stages(network, self.count(epoch)), rest=self.rest)

    def share(self, step: int) -> float:
        """What of the learning rate the warm-up lets through at step 0, 1, … since the latest thaw; 0..1."""
        return min(1.0, (step + 1) / self.warm_up) if self.steps and self.warm_up else 1.0
