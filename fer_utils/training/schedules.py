"""Learning-rate schedules as plain functions of the step, so that a resumed run needs no state of theirs."""

from collections.abc import Sequence
from math import cos, pi

import torch

from fer_utils.errors import one_of
from fer_utils.models.freezing import UnfreezeSchedule

SCHEDULES = ("constant", "cosine", "one_cycle", "plateau")
START = 0.04  # of the peak: where one_cycle begins
WARM_UP = 0.2  # share of the steps that one_cycle takes to reach the peak
PATIENCE, FACTOR = 3, 0.5  # plateau: after this many epochs without a lower loss, the rate is multiplied by this


class Rates:
    """Sets the learning rates of a step: each group's peak, which the optimiser comes with, times one share.

    The share is the schedule's, times what the warm-up after a thaw lets through. epoch_steps: steps an epoch.
    """

    def __init__(
        self,
        optimiser: torch.optim.Optimizer,
        schedule: str,
        thawing: UnfreezeSchedule,
        epochs: int,
        epoch_steps: int,
    ):
        self.optimiser, self.schedule, self.thawing = optimiser, schedule, thawing
        self.epochs, self.epoch_steps = epochs, epoch_steps
        self.peaks = [group["lr"] for group in optimiser.param_groups]

    def set(self, step: int, history: Sequence[dict]) -> None:
        """step: 0 … of the whole training. history: the rows of the epochs before."""
        losses = [row["val_loss"] for row in history]
        share = lr_factor(self.schedule, step, self.epochs * self.epoch_steps, losses)
        thawed = self.thawing.start(step // self.epoch_steps + 1)
        share *= self.thawing.share(step - self.epoch_steps * (thawed - 1))
        for group, peak in zip(self.optimiser.param_groups, self.peaks, strict=True):
            group["lr"] = share * peak


def lr_factor(schedule: str, step: int, steps: int, val_losses: Sequence[float] = ()) -> float:
    """The learning rate of step 0 … steps-1 as a share of the peak, 0..1. Raises FerError for an unknown name.

    constant: 1. cosine: half a cosine from 1 to 0 (Loshchilov & Hutter 2017, without restarts). one_cycle:
    linear from START to 1, then half a cosine to 0 (after Smith & Topin 2018; momentum stays). plateau: falls
    by FACTOR when the validation loss of the epochs so far has not gone below its least for PATIENCE epochs.
    """
    one_of(schedule, SCHEDULES, "schedule")
    if schedule == "constant":
        return 1.0
    if schedule == "plateau":
        return FACTOR ** _plateaus(val_losses)
    done = step / steps
    if schedule == "one_cycle":
        if done < WARM_UP:
            return START + (1 - START) * done / WARM_UP
        done = (done - WARM_UP) / (1 - WARM_UP)
    return (1 + cos(pi * done)) / 2


def _plateaus(losses: Sequence[float]) -> int:
    least, waited, count = float("inf"), 0, 0
    for loss in losses:
        least, waited = (loss, 0) if loss < least else (least, waited + 1)
        if waited == PATIENCE:
            waited, count = 0, count + 1
    return count
