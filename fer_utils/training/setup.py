"""All that takes part in a training, made from its configuration."""

from dataclasses import dataclass

import torch
from torch import nn

from fer_utils.data.tasks import class_weights, get_task
from fer_utils.devices import Hardware
from fer_utils.distributed import World
from fer_utils.models.network import Network
from fer_utils.training.checkpoints import Stateful
from fer_utils.training.ema import EMA
from fer_utils.training.experiment import Experiment
from fer_utils.training.losses import make_loss
from fer_utils.training.optimizers import GradientClipping, make_optimizer
from fer_utils.training.schedules import LRSchedule


@dataclass(frozen=True)
class TrainingSetup:
    """The network with what trains it: loss, optimizer, schedule, clipping, averaged weights."""

    network: Network
    config: Experiment
    criterion: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: LRSchedule
    clipping: GradientClipping
    ema: EMA | None
    hardware: Hardware
    world: World

    @classmethod
    def of(
        cls,
        network: Network,
        config: Experiment,
        epoch_steps: int,
        hardware: Hardware,
        world: World,
    ) -> "TrainingSetup":
        """The setup of an experiment; `network` moves to the device, its stages freeze in place.

        epoch_steps: batches per epoch.
        """
        network.to(hardware.device)
        world.synchronise(network)
        # Before the optimizer is made: it groups the weights by what learns first.
        config.unfreezing.apply(network, epoch=1)
        optimizer = make_optimizer(
            config.optimiser, network, config.learning_rate, config.weight_decay, config.stage_decay
        )
        weights = torch.tensor(class_weights(get_task(config.task), config.weight_order))
        criterion = make_loss(
            config.loss,
            config.gamma,
            weights if config.class_weights else None,
            config.label_smoothing,
        )
        return cls(
            network=network,
            config=config,
            criterion=criterion.to(hardware.device),
            optimizer=optimizer,
            schedule=LRSchedule(
                optimizer, config.schedule, config.unfreezing, config.epochs, epoch_steps
            ),
            clipping=GradientClipping(config.clip),
            ema=EMA(network, config.ema) if config.ema else None,
            hardware=hardware,
            world=world,
        )

    @property
    def evaluated_network(self) -> nn.Module:
        """The network that is validated, saved and tested: the averaged one, where there is one."""
        return self.ema.network if self.ema else self.network

    @property
    def state(self) -> dict[str, Stateful]:
        """What changes while it trains, by its name in resume.pth."""
        state: dict[str, Stateful] = {"network": self.network, "optimiser": self.optimizer}
        if self.ema:
            state["average"] = self.ema.network
        return state
