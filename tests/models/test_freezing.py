"""Freezing by the names of stages: what learns, what stays, and whether statistics move."""

import pytest
import torch

from fer_utils.errors import FerError
from fer_utils.models.freezing import (
    UnfreezeSchedule,
    freeze,
    frozen_stages,
    last_stages,
)
from fer_utils.models.network import Network

IMAGES = torch.randint(
    0, 256, (4, 1, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)


@pytest.fixture(params=["resnet18_scratch", "mobilenet_v2", "cnn", "small_resnet"])
def network(request):
    return Network(request.param, 4, size=48)


def statistics(network, stage):
    return {
        name: value.clone()
        for name, value in network.stage(stage).named_buffers()
        if "running" in name
    }


@pytest.mark.parametrize("rest", [True, False])
def test_all_but_the_last_two_stages(network, rest):
    learning = last_stages(network, 2)
    freeze(network, learning, frozen_in_eval=rest)
    assert frozen_stages(network) == network.stages[:-2]
    network.train()
    for name in network.stages:
        stage = network.stage(name)
        assert {p.requires_grad for p in stage.parameters()} <= {name in learning}
        assert {module.training for module in stage.modules()} == {name in learning or not rest}
    network.eval()
    assert not any(module.training for module in network.modules())


@pytest.mark.parametrize("rest", [True, False])
def test_statistics_of_frozen_stages_stay_or_follow_the_images(network, rest):
    freeze(network, last_stages(network, 1), frozen_in_eval=rest)
    network.train()
    stem = network.stages[0]
    before, weights = (
        statistics(network, stem),
        [p.clone() for p in network.stage(stem).parameters()],
    )
    network(IMAGES).sum().backward()
    after = statistics(network, stem)
    # there are none where a network normalises otherwise, for example over layers
    normalised = any(isinstance(m, torch.nn.BatchNorm2d) for m in network.stage(stem).modules())
    assert bool(before) == normalised
    assert all(torch.equal(before[name], after[name]) == rest for name in before)
    assert all(
        torch.equal(*pair) for pair in zip(weights, network.stage(stem).parameters(), strict=True)
    )
    assert all(p.grad is None for p in network.stage(stem).parameters())


def test_gradual_thawing(network):
    schedule = {1: 1, 2: 2, 3: len(network.stages)}
    network.train()
    for count in schedule.values():
        freeze(network, last_stages(network, count))
        assert len(frozen_stages(network)) == len(network.stages) - count
    assert all(p.requires_grad for p in network.parameters())
    assert all(module.training for module in network.modules())


def test_stages_that_are_not_there():
    network = Network("cnn", 2)
    with pytest.raises(
        FerError, match=r"unknown stage 'block4' \(did you mean .*choose one of: block1"
    ):
        freeze(network, ["head", "block4"])
    assert all(p.requires_grad for p in network.parameters())
    for count in (0, 6):
        with pytest.raises(FerError, match=f"between 1 and 5 stages can learn; got {count}"):
            last_stages(network, count)


def test_a_schedule_of_thawing():
    schedule = UnfreezeSchedule.parse("1:1 3:2 5:4", 8, warm_up=4)
    assert [schedule.count(epoch) for epoch in range(1, 9)] == [1, 1, 2, 2, 4, 4, 4, 4]
    assert [(schedule.start(epoch), schedule.end(epoch, 8)) for epoch in (1, 4, 8)] == [
        (1, 2),
        (3, 4),
        (5, 8),
    ]
    assert [schedule.warm_up_factor(step) for step in (0, 1, 3, 9)] == [0.25, 0.5, 1.0, 1.0]
    never = UnfreezeSchedule.parse("", 8, warm_up=4)
    assert never.warm_up_factor(0) == 1.0 and never.notes(1) == {}
    assert schedule.notes(4) == {"stages": 2}


@pytest.mark.parametrize(
    "text, complaint",
    [
        ("1:1 9:2", "epoch 9 never comes; the run has 8 epochs"),
        ("1:1,3:2", "'1:1,3:2' is not epoch:number of last stages"),
        ("1:1 3:layer9", "'3:layer9' is not epoch:number of last stages"),
        ("2:1", "say what learns from epoch 1 on"),
        ("1:2 3:1", "epochs and stages must rise from pair to pair"),
        ("1:1 3:2 3:3", "epochs and stages must rise"),
    ],
)
def test_schedules_that_make_no_sense(text, complaint):
    with pytest.raises(FerError, match=complaint):
        UnfreezeSchedule.parse(text, 8)


def test_more_stages_than_there_are():
    with pytest.raises(FerError, match="between 1 and 5 stages can learn; got 6"):
        UnfreezeSchedule.parse("1:1 3:6", 8).check(Network("cnn", 2))
