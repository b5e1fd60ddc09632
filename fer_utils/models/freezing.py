"""Freezing and gradual unfreezing by the names of stages, the same few lines for every network."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from fer_utils.errors import FerError, one_of
from fer_utils.models.network import Network


def last_stages(network: Network, count: int) -> tuple[str, ...]:
    """The names of the last `count` stages: 2 is what report A trains.

    Raises FerError for none, or more than the network has.
    """
    if not 1 <= count <= len(network.stages):
        raise FerError(f"between 1 and {len(network.stages)} stages can learn; got {count}")
    return network.stages[-count:]


def freeze(network: Network, trainable: Collection[str], *, frozen_in_eval: bool = True) -> None:
    """Freezes all stages but those named in `trainable`; can be called again at any epoch.

    Parameters
    ----------
    frozen_in_eval : True keeps frozen stages in evaluation mode while the others train, so that
        batch normalisation keeps its statistics and dropout is off. False leaves them in training
        mode, as report A does: their parameters stay, but the statistics follow the new images.

    Raises
    ------
    FerError
        For a stage that the network does not have; then nothing is changed.
    """
    for name in trainable:
        one_of(name, network.stages, "stage")
    # also what timm's networks have outside of any stage, such as a class token: that stays frozen
    network.requires_grad_(False)
    for name in trainable:
        network.stage(name).requires_grad_(True)
    frozen = tuple(name for name in network.stages if name not in trainable)
    network.eval_stages = frozen if frozen_in_eval else ()
    # again in the mode that it is in, so that stages change theirs at once
    network.train(network.training)


def frozen_stages(network: Network) -> tuple[str, ...]:
    """The names of the stages in which nothing learns."""
    return tuple(
        name
        for name in network.stages
        if not any(parameter.requires_grad for parameter in network.stage(name).parameters())
    )


@dataclass(frozen=True)
class UnfreezeSchedule:
    """Which stages learn when (gradual unfreezing; Howard & Ruder 2018).

    Attributes
    ----------
    steps : (epoch, count) pairs, epochs from 1: from that epoch on the last `count` stages learn;
        () freezes nothing.
    frozen_in_eval : as in `freeze`.
    warm_up : after each unfreezing the learning rate rises linearly over this many steps, so that
        the optimizer's first estimates for the new stages do not shake them.
    """

    steps: tuple[tuple[int, int], ...] = ()
    frozen_in_eval: bool = True
    warm_up: int = 0

    @classmethod
    def parse(
        cls, text: str, epochs: int, frozen_in_eval: bool = True, warm_up: int = 0
    ) -> "UnfreezeSchedule":
        """From "1:1 3:2", read as: from epoch 1 the last stage, from epoch 3 the last two.

        Raises
        ------
        FerError
            For another form; unless the first epoch is 1, epochs and counts rise, and no epoch lies
            beyond `epochs`, those of the whole run.
        """
        starts, counts = [], []
        for pair in text.split():
            match = re.fullmatch(r"(\d+):(\d+)", pair)
            if not match:
                raise FerError(
                    f"thaw: {pair!r} is not epoch:number of last stages, as in '1:1 3:2'"
                )
            starts.append(int(match[1]))
            counts.append(int(match[2]))
        if starts and starts[-1] > epochs:
            raise FerError(f"thaw: epoch {starts[-1]} never comes; the run has {epochs} epochs")
        if starts and starts[0] != 1:
            raise FerError(f"thaw: say what learns from epoch 1 on, as in '1:1 3:2'; got {text!r}")
        # a set, so that equal neighbours are no rise either
        if any(sorted(set(values)) != values for values in (starts, counts)):
            raise FerError(
                "thaw: epochs and stages must rise from pair to pair, as in '1:1 3:2'; "
                f"got {text!r}"
            )
        return cls(tuple(zip(starts, counts, strict=True)), frozen_in_eval, warm_up)

    def check(self, network: Network) -> None:
        """Raises FerError where the network has fewer stages than are to be unfrozen."""
        # apart from `parse`, which knows the text alone: how many stages there are, a network says
        for _, count in self.steps:
            last_stages(network, count)

    def start(self, epoch: int) -> int:
        """The epoch of the latest unfreezing, at or before `epoch`."""
        return max((first for first, _ in self.steps if first <= epoch), default=1)

    def end(self, epoch: int, epochs: int) -> int:
        """The last epoch before the next unfreezing."""
        return min((first for first, _ in self.steps if first > epoch), default=epochs + 1) - 1

    def count(self, epoch: int) -> int:
        """How many stages, the last ones, learn in this epoch."""
        return dict(self.steps)[self.start(epoch)]

    def notes(self, epoch: int) -> dict[str, int]:
        """For the history: {"stages": how many learn}, or {} where none is ever frozen."""
        return {"stages": self.count(epoch)} if self.steps else {}

    def apply(self, network: Network, epoch: int) -> None:
        """Freezes and unfreezes the network as this epoch has it."""
        if self.steps:
            stages = last_stages(network, self.count(epoch))
            freeze(network, stages, frozen_in_eval=self.frozen_in_eval)

    def warm_up_factor(self, step: int) -> float:
        """The share of the learning rate, 0..1, at step 0, 1, … since the latest unfreezing."""
        return min(1.0, (step + 1) / self.warm_up) if self.steps and self.warm_up else 1.0
