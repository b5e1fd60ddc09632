"""The optimizer by name, with a learning rate for each stage; and gradient clipping."""

import torch
from torch import Tensor, nn

from fer_utils.errors import one_of
from fer_utils.models.network import Network

OPTIMIZERS = {
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

    stage_decay: the head has `learning_rate`, each stage before it this share (0..1) of the next
    one's (Howard & Ruder 2018); parameters outside any stage then stay as they are. Freeze what
    starts frozen before this. Raises FerError for an unknown name.
    """
    make = OPTIMIZERS[one_of(name, OPTIMIZERS, "optimiser")]
    parameters = network.parameters()
    # Fused SGD too needs a group for each stage that is unfrozen later: it wants all parameters of a
    # group to have begun at the same step.
    if stage_decay != 1 or not all(parameter.requires_grad for parameter in network.parameters()):
        parameters = [
            {
                "params": list(network.stage(stage).parameters()),
                "lr": learning_rate * stage_decay**distance,
            }
            for distance, stage in enumerate(reversed(network.stages))
        ]
    return make(parameters, lr=learning_rate, weight_decay=weight_decay, fused=True)


class GradientClipping:
    """Scales the gradient of all parameters together down to `max_norm`; 0: never.

    A step whose gradient was scaled is counted as a spike.
    """

    def __init__(self, max_norm: float):
        self.max_norm = max_norm
        self.norms: list[Tensor] = []  # of the epoch's steps, on the device: nothing waits for them

    def start_epoch(self) -> None:
        self.norms = []

    def clip(self, network: nn.Module) -> None:
        if self.max_norm:
            self.norms.append(nn.utils.clip_grad_norm_(network.parameters(), self.max_norm))

    def notes(self) -> dict[str, float]:
        """For the history: spikes and largest_norm of the epoch; {} where nothing is clipped."""
        if not self.max_norm:
            return {}
        norms = torch.stack(self.norms)
        return {"spikes": int((norms > self.max_norm).sum()), "largest_norm": norms.max().item()}
