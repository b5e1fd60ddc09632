"""The optimizer by name, with a learning rate for each stage; and gradient clipping."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from fer_utils.errors import one_of
from fer_utils.models.network import Network

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": lambda parameters, **settings: torch.optim.SGD(
        parameters, momentum=0.9, nesterov=True, **settings
    ),
}


def make_optimizer(
    name: str, network: Network, learning_rate: float, weight_decay: float, stage_decay: float = 1.0
) -> torch.optim.Optimizer:
    """adam, adamw or sgd (Nesterov momentum 0.9), its update fused into one kernel.

    Freeze what starts frozen before this.

    Parameters
    ----------
    stage_decay
        The head has `learning_rate`, each stage before it this share (0..1) of the next one's
        (Howard & Ruder 2018); parameters outside any stage then stay as they are.

    Raises
    ------
    FerError
        For an unknown name.
    """
    make = OPTIMIZERS[one_of(name, OPTIMIZERS, "optimiser")]
    settings = {"lr": learning_rate, "weight_decay": weight_decay, "fused": True}
    if stage_decay == 1 and all(parameter.requires_grad for parameter in network.parameters()):
        return make(network.parameters(), **settings)
    # Where stages are unfrozen later each needs a group of its own also with equal rates: fused SGD
    # wants all parameters of a group to have begun at the same step.
    groups = []
    for distance, stage in enumerate(reversed(network.stages)):
        parameters = list(network.stage(stage).parameters())
        groups.append({"params": parameters, "lr": learning_rate * stage_decay**distance})
    return make(groups, **settings)


class GradientClipping:
    """Scales the gradient of all parameters together down to `max_norm`; 0: never.

    A step whose gradient was scaled is counted as a spike.
    """

    def __init__(self, max_norm: float):
        self.max_norm = max_norm
        self.norms: list[Tensor] = []  # of the epoch's steps, on the device: nothing waits for them

    def start_epoch(self) -> None:
        """Forgets the norms of the epoch before, or of an attempt that failed."""
        self.norms = []

    def clip(self, network: nn.Module) -> None:
        """Scales the gradients in place, before the optimizer's step."""
        if self.max_norm:
            self.norms.append(nn.utils.clip_grad_norm_(network.parameters(), self.max_norm))

    def notes(self) -> dict[str, float]:
        """For the history: spikes and largest_norm of the epoch; {} where nothing is clipped."""
        if not self.max_norm:
            return {}
        norms = torch.stack(self.norms)
        # waits for the device
        return {"spikes": int((norms > self.max_norm).sum()), "largest_norm": norms.max().item()}
