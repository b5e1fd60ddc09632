"""The training loop, in sight.

Each epoch seeds itself (order of the images, augmentation, dropout) and the learning rate is a function of
the step, so a run that was interrupted continues from its last epoch exactly as if it had not been.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import torch
from torch import nn
from tqdm import tqdm

from fer_utils.data.augmentation import Augment, mix
from fer_utils.data.loader import Batches
from fer_utils.devices import Hardware
from fer_utils.distributed import ALONE, World
from fer_utils.errors import FerError
from fer_utils.models.freezing import UnfreezeSchedule
from fer_utils.models.network import Network
from fer_utils.training.backward import Gradients
from fer_utils.training.checkpoints import checkpoint, resume, save_weights
from fer_utils.training.ema import EMA
from fer_utils.training.feature_cache import frozen_trunk, through_trunk
from fer_utils.training.schedules import Rates

AS_THEY_ARE, NOTHING_FROZEN = Augment(), UnfreezeSchedule()


def train(
    network: Network,
    train_set: Batches,
    val_set: Batches,
    criterion: nn.Module,
    optimiser: torch.optim.Optimizer,
    *,
    epochs: int,
    seed: int,
    hardware: Hardware,
    folder: Path,
    augment: Augment = AS_THEY_ARE,
    mixup: float = 0.0,
    schedule: str = "constant",
    ema: float = 0.0,
    thawing: UnfreezeSchedule = NOTHING_FROZEN,
    clip: float = 0.0,
    patience: int = 0,
    world: World = ALONE,
    after_epoch: Callable[[dict], None] = lambda row: None,
) -> pd.DataFrame:
    """Trains in place and returns the history: a row an epoch with losses, accuracies (0..1) and seconds.

    Train loss and accuracy are averages over the epoch, of augmented images, while the weights move and dropout
    is on; those of validation are taken at its end. With mixup (its alpha) an image counts as right where the
    prediction is the class of its larger share. The optimiser's learning rates are the peaks of the schedule.

    Frozen stages are computed once for all epochs until the next thaw where nothing changes the images.
    patience: training stops after so many epochs without a higher validation accuracy, all thawed; 0: never.
    Further columns where there is something to tell: stages (that learn), spikes and largest_norm (see
    Gradients, as for clip), micro_batch.

    after_epoch: called with each new row of the history once it is on the disk, to follow a run while it computes.

    With ema (its decay) the averaged weights are validated and saved; `network` keeps the last step's.
    `folder` receives history.csv, best.pth (highest validation accuracy, the earliest if tied), last.pth, and
    while it runs resume.pth. Raises FerError if the loss is not finite.

    Each process of `world` computes its shard of every batch; the first one alone reads and writes the folder.
    """
    network.to(hardware.device)
    world.synchronise(network)
    criterion.to(hardware.device)
    average = EMA(network, ema) if ema else None
    judged = average.network if average else network
    parts = {"network": network, "optimiser": optimiser} | ({"average": judged} if average else {})
    rates = Rates(optimiser, schedule, thawing, epochs, epoch_steps=len(train_set))  # before rates are resumed
    history = resume(folder, parts, world)
    gradients = Gradients(criterion, hardware, train_set.batch_size, clip, world)
    gradients.go_on_after(history)
    same_images = augment == AS_THEY_ARE and not mixup
    train_inputs, val_inputs = None, None

    for epoch in range(len(history) + 1, epochs + 1):
        since_thaw = history[thawing.start(epoch) - 1 :]
        if thawing.end(epoch, epochs) == epochs and out_of_patience(since_thaw, patience):
            break
        started = time.perf_counter()
        if train_inputs is None or epoch == thawing.start(epoch):
            thawing.apply(network, epoch)
            train_inputs = val_inputs = None  # the features of the last thaw give way before new ones are stored
            lasting = thawing.end(epoch, epochs) > epoch  # features that serve one epoch gain nothing
            kept = frozen_trunk(network) if lasting else 0
            train_inputs, val_inputs = (
                through_trunk(network, part, kept, hardware, folder) if kept and steady else part
                for part, steady in ((train_set, same_images), (val_set, True))
            )

        torch.manual_seed(1000 * seed + epoch + 10**9 * world.rank)  # every shard has draws of its own
        network.train()
        losses, hits = [], []
        batches = _with_bar(train_inputs.shuffled(1000 * seed + epoch, world), len(train_set), epoch, world)
        for step, (images, labels) in enumerate(batches, start=len(train_set) * (epoch - 1)):
            rates.set(step, history)
            images, targets = mix(augment(images), world.shard(labels), mixup)
            loss, right = gradients(network, images, targets, labels, train_inputs.done)
            optimiser.step()
            if average:
                average.update(step)
            losses.append(loss * len(labels))
            hits.append(right)
        # the host waits for the device here, only
        train_loss, train_accuracy = (
            world.sum(torch.stack(each).sum()).item() / len(train_set.labels) for each in (losses, hits)
        )
        if not train_loss < float("inf"):
            raise FerError(f"epoch {epoch}: the loss is {train_loss}; try a smaller learning rate")

        val_loss, val_accuracy = validate(judged, val_inputs, criterion, hardware, world)
        seconds = round(time.perf_counter() - started, 2)
        row = (epoch, train_loss, train_accuracy, val_loss, val_accuracy, seconds)
        history.append(dict(zip(COLUMNS, row, strict=True)) | thawing.notes(epoch) | gradients.take_notes())
        if world.is_main:
            checkpoint(folder, parts, judged, history)
            _print_row(history[-1])
        after_epoch(history[-1])

    if world.is_main:
        save_weights(folder / "last.pth", judged)
    return pd.DataFrame(history)


COLUMNS = ("epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "seconds")


def out_of_patience(history: list[dict], patience: int) -> bool:
    """Whether the last `patience` epochs brought no validation accuracy above the best before; 0: never."""
    accuracies = [epoch["val_accuracy"] for epoch in history]
    return 0 < patience < len(accuracies) and max(accuracies[-patience:]) <= max(accuracies[:-patience])


@torch.inference_mode()
def validate(
    network: Network, batches: Batches, criterion: nn.Module, hardware: Hardware, world: World = ALONE
) -> tuple[float, float]:
    """(mean loss, accuracy) over all images, in the precision of training."""
    network.eval()
    shard = batches.shard(world)
    logits = [hardware.logits(network, x, batches.done, len(x) == batches.batch_size) for x, _ in shard]
    logits = world.gather(torch.cat(logits), len(batches.labels))
    hits = logits.argmax(1) == batches.labels
    return criterion(logits, batches.labels).item(), hits.float().mean().item()


def _with_bar(batches: Iterator, total: int, epoch: int, world: World) -> Iterator:
    """A progress bar in a terminal or a live notebook; an executed notebook or a log gets the lines alone."""
    live = world.is_main and (sys.stderr.isatty() or "JPY_SESSION_NAME" in os.environ)
    return tqdm(batches, f"  epoch {epoch}", total, leave=False, unit="batch", disable=not live)


def _print_row(row: dict) -> None:
    if row["epoch"] == 1:
        print("  epoch  train loss  train acc  val loss  val acc  seconds")
    print(
        f"  {row['epoch']:5d}  {row['train_loss']:10.4f}  {row['train_accuracy']:9.1%}"
        f"  {row['val_loss']:8.4f}  {row['val_accuracy']:7.1%}  {row['seconds']:7.1f}",
        flush=True,
    )
