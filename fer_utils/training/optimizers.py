"""The optimiser by name, with a learning rate for each stage."""

import torch

from fer_utils.errors import one_of
from fer_utils.models.network import Network

OPTIMISERS = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": lambda parameters, **settings: torch.optim.SGD(parameters, momentum=0.9, nesterov=True, **settings),
}


def make_optimiser(
    name: str, network: Network, learning_rate: float, weight_decay: float, stage_decay: float = 1.0
) -> torch.optim.Optimizer:
    """adam, adamw or sgd (Nesterov momentum 0.9), its update fused into one kernel. Raises FerError.

    stage_decay: the head has the learning rate, each stage before it this share of the next one's (Howard &
    Ruder 2018); parameters outside any stage then stay as they are. Freeze what starts frozen before this.
    """
    make = OPTIMISERS[one_of(name, OPTIMISERS, "optimiser")]
    parameters = network.parameters()
    # fused SGD also wants a group for each stage that is thawed later: all of a group begins at the same step
    if stage_decay != 1 or not all(parameter.requires_grad for parameter in network.parameters()):
        parameters = [
            {"params": list(network.stage(stage).parameters()), "lr": learning_rate * stage_decay**distance}
            for distance, stage in enumerate(reversed(network.stages))
        ]
    return make(parameters, lr=learning_rate, weight_decay=weight_decay, fused=True)
