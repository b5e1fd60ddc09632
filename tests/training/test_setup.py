"""What takes part in a training follows from its configuration."""

import torch
from small_training import HARDWARE, PLAIN

from fer_utils.distributed import ALONE
from fer_utils.models.network import Network
from fer_utils.training.setup import TrainingSetup


def setup_of(**settings):
    config = PLAIN.replace(**settings)
    return TrainingSetup.of(Network("cnn", 2, size=16), config, 6, HARDWARE, ALONE)


def test_the_averaged_network_is_evaluated_and_stored_too():
    plain, averaged = setup_of(), setup_of(ema=0.9)
    assert plain.evaluated_network is plain.network and [*plain.state] == ["network", "optimiser"]
    assert averaged.evaluated_network is averaged.state["average"] is averaged.ema.network
    assert averaged.state["network"] is averaged.network is not averaged.evaluated_network


def test_what_starts_frozen_is_frozen_before_the_optimizer_groups_the_weights():
    setup = setup_of(thaw="1:1 2:2", epochs=2)
    assert len(setup.optimizer.param_groups) == len(setup.network.stages)
    head = setup.network.body.head
    assert head.weight.requires_grad
    learning = [p for p in setup.network.parameters() if p.requires_grad]
    assert len(learning) == len(list(head.parameters()))


def test_the_schedule_knows_the_steps_of_an_epoch():
    setup = setup_of(schedule="cosine", epochs=2, learning_rate=0.5)
    setup.schedule.set_lr(6, [{"val_loss": 1.0}])  # the first step of the second of two epochs
    rate = torch.tensor(setup.optimizer.param_groups[0]["lr"])
    torch.testing.assert_close(rate, torch.tensor(0.25))
