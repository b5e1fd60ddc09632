"""Learning-rate schedules as functions of the step, so a resumed run needs no state of theirs."""

from collections.abc import Sequence
from math import cos, pi

import torch

from fer_utils.errors import one_of
from fer_utils.models.freezing import UnfreezeSchedule

SCHEDULES = ("constant", "cosine", "one_cycle", "plateau")
START = 0.04  # of the peak: where one_cycle begins
WARM_UP = 0.2  # share of the steps that one_cycle takes to reach the peak
# plateau: after PATIENCE epochs without a lower loss the rate is multiplied by FACTOR
PATIENCE, FACTOR = 3, 0.5


class LRSchedule:
    """Sets the learning rate of every parameter group: its peak times one factor per step.

    The peaks are the rates that the optimizer comes with. The factor is the schedule's, times that
    of the warm-up after an unfreezing.

    Parameters
    ----------
    schedule
        A name in SCHEDULES.
    epoch_steps
        Steps per epoch.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        schedule: str,
        unfreezing: UnfreezeSchedule,
        epochs: int,
        epoch_steps: int,
    ):
        self.optimizer, self.schedule, self.unfreezing = optimizer, schedule, unfreezing
        self.epochs, self.epoch_steps = epochs, epoch_steps
        self.peaks = [group["lr"] for group in optimizer.param_groups]

    def set_lr(self, step: int, history: Sequence[dict]) -> None:
        """Before a step is made.

        Parameters
        ----------
        step
            0 … of the whole training.
        history
            The rows of the epochs before.
        """
        val_losses = [row["val_loss"] for row in history]
        factor = lr_factor(self.schedule, step, self.epochs * self.epoch_steps, val_losses)
        # The warm-up counts from the first step of the epoch that unfroze.
        unfrozen = self.unfreezing.start(step // self.epoch_steps + 1)
        factor *= self.unfreezing.warm_up_factor(step - self.epoch_steps * (unfrozen - 1))
        for group, peak in zip(self.optimizer.param_groups, self.peaks, strict=True):
            group["lr"] = factor * peak


def lr_factor(schedule: str, step: int, steps: int, val_losses: Sequence[float] = ()) -> float:
    """The learning rate of step 0 … steps-1 as a share of the peak, 0..1.

    - constant: 1
    - cosine: half a cosine from 1 to 0 (Loshchilov & Hutter 2017, without restarts)
    - one_cycle: linear from START to 1, then half a cosine to 0 (after Smith & Topin 2018; the
      momentum stays)
    - plateau: falls by FACTOR when the validation loss of the epochs so far has not gone below its
      least for PATIENCE epochs

    Raises FerError for another name.
    """
    one_of(schedule, SCHEDULES, "schedule")
    if schedule == "constant":
        return 1.0
    if schedule == "plateau":
        return FACTOR ** _plateaus(val_losses)
    progress = step / steps
    if schedule == "one_cycle":
        if progress < WARM_UP:
            return START + (1 - START) * progress / WARM_UP
        progress = (progress - WARM_UP) / (1 - WARM_UP)
    return (1 + cos(pi * progress)) / 2


def _plateaus(losses: Sequence[float]) -> int:
    # Counted anew from the whole history: a resumed run has nothing else.
    least, waited, count = float("inf"), 0, 0
    for loss in losses:
        least, waited = (loss, 0) if loss < least else (least, waited + 1)
        if waited == PATIENCE:
            waited, count = 0, count + 1
    return count
