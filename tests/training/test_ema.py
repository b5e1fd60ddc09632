"""The averaged weights, against the recursion by hand."""

import torch
from torch import nn

from fer_utils.training.ema import EMA


def small() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def test_weights_and_statistics_follow_the_recursion():
    torch.manual_seed(0)
    network = small()
    average = EMA(network, decay=0.3)
    expected = {name: value.double() for name, value in network.state_dict().items()}
    for step, decay in enumerate(
        (1 / 10, 2 / 11, 3 / 12, 0.3, 0.3)
    ):  # the warm-up reaches 0.3 at 4/13
        for parameter in network.parameters():
            nn.init.normal_(parameter)
        network(torch.randn(8, 3))  # moves the batch statistics
        average.update(step)
        for name, value in network.state_dict().items():
            expected[name] = decay * expected[name] + (1 - decay) * value.double()
    expected["1.num_batches_tracked"] = torch.tensor(5.0, dtype=torch.float64)
    assert not torch.equal(average.network[1].running_mean, network[1].running_mean)
    for name, value in average.network.state_dict().items():
        torch.testing.assert_close(value.double(), expected[name], msg=name)


def test_the_network_itself_is_left_alone():
    network = small()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    average = EMA(network, decay=0.9)
    nn.init.ones_(average.network[0].weight)
    average.update(0)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(p.requires_grad for p in network.parameters())
    assert not any(p.requires_grad for p in average.network.parameters())
