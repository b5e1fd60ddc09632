"""Learning-rate schedules as plain functions of the step, so that a resumed run needs no state of theirs."""

from collections.abc import Sequence
from math import cos, pi

from fer_utils.errors import one_of

SCHEDULES = ("constant", "cosine", "one_cycle", "plateau")
START, WARM_UP = (
    0.04,
    0.2,
)  # one_cycle begins at this share of the peak, and takes this share of the steps to reach it
PATIENCE, FACTOR = 3, 0.5  # plateau: after this many epochs without a lower loss, the rate is multiplied by this


def share_of_peak(schedule: str, step: int, steps: int, val_losses: Sequence[float] = ()) -> float:
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
