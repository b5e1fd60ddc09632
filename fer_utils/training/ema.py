"""Exponential moving average of the weights: validated, saved and tested instead of the last."""

import copy

import torch
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class EMA:
    """The average of a network's weights and batch-norm statistics, as a network of its own.

    After step 0, 1, … average ← d·average + (1 - d)·weights, where d = min(decay, (1 + step) /
    (10 + step)): the warm-up forgets the random initial weights. Integer counters are copied.

    Parameters
    ----------
    decay
        In 0..1.
    """

    def __init__(self, network: nn.Module, decay: float):
        # Batch-norm means and variances are averaged alike: copied, they would describe the
        # activations of the last weights, not of the average.
        self.network = copy.deepcopy(network).requires_grad_(False)
        self.decay = decay
        average, source = self.network.state_dict(), network.state_dict()
        pairs = list(zip(average.values(), source.values(), strict=True))
        self._weights = [pair for pair in pairs if pair[0].is_floating_point()]
        self._counters = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Takes in the network's present weights; step counts from 0."""
        averages, weights = map(list, zip(*self._weights, strict=True))
        # Not AveragedModel: it keeps its count on the device and waits for it at every step.
        decay = min(self.decay, (1 + step) / (10 + step))
        get_ema_multi_avg_fn(decay)(averages, weights, step)
        for average, counter in self._counters:
            average.copy_(counter)
