"""The training loop: forward, loss, backward and step; then validation and a checkpoint per epoch.

    python -m fer_utils run dataset=fer2013 task=multiclass loss=focal seed=1

Each epoch seeds itself (order of the images, augmentation, dropout), and the learning rate is a
function of the step. So a run that was interrupted continues from its last finished epoch exactly
as if it had not been, and an epoch for which memory does not suffice can be started again.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from fer_utils.data.augmentation import Augment, mixup
from fer_utils.data.loader import Batches
from fer_utils.data.tasks import get_task
from fer_utils.devices import Hardware
from fer_utils.distributed import ALONE, World
from fer_utils.errors import FerError
from fer_utils.models.network import Network
from fer_utils.training.checkpoints import begin_or_resume, save_checkpoint, save_weights
from fer_utils.training.early_stopping import stops_early
from fer_utils.training.ema import EMA
from fer_utils.training.experiment import Experiment
from fer_utils.training.feature_cache import FeatureCache
from fer_utils.training.losses import batch_loss, make_loss
from fer_utils.training.memory import MicroBatch
from fer_utils.training.optimizers import GradientClipping, make_optimizer
from fer_utils.training.progress import print_epoch, progress_bar
from fer_utils.training.schedules import LRSchedule


def train(
    network: Network,
    loaders: Mapping[str, Batches],
    config: Experiment,
    hardware: Hardware,
    folder: Path,
    world: World = ALONE,
    after_epoch: Callable[[dict], None] = lambda row: None,
) -> pd.DataFrame:
    """Trains `network` in place and returns the history.

    loaders: "train" and "val". folder: receives history.csv, best.pth (highest validation accuracy,
    the earliest if tied), last.pth and, while it runs, resume.pth. after_epoch: called with each new
    row of the history once that is on the disk. Of several processes (`world`) each computes its
    shard of every batch, and the main one alone reads and writes the folder.

    The history has one row per epoch: epoch, train_loss, train_accuracy, val_loss, val_accuracy
    (0..1), seconds; where they apply stages (how many learn), micro_batch (images at a time, where
    memory was short), spikes (steps whose gradient was clipped) and largest_norm (of a gradient).
    Training figures are means over the epoch: of augmented images, with dropout, while the weights
    change; with mixup a prediction is correct if it is the class of the larger share. Validation
    comes at the end of the epoch; with EMA it is of the averaged weights, which are also saved.

    Raises FerError if the loss is not finite, or memory does not suffice for a single image.
    """
    t = _prepare(network, config, len(loaders["train"]), hardware, world)
    features = FeatureCache(network, loaders, config, hardware, folder)
    history = begin_or_resume(folder, t.state, world)
    start_again = partial(begin_or_resume, folder, t.state, world)
    memory = MicroBatch(config.batch_size, history, world, start_again)

    for epoch in range(len(history) + 1, config.epochs + 1):
        if stops_early(history, config, epoch):
            break
        started = time.perf_counter()
        config.unfreezing.apply(network, epoch)
        train_set, val_set = features.of_epoch(epoch)

        train_metrics = memory.fit(partial(train_one_epoch, t, train_set, history))
        val_metrics = evaluate(t.evaluated, val_set, t.criterion, hardware, world)
        if not val_metrics["val_loss"] < float("inf"):  # before it is saved, and resumed from
            raise FerError(
                f"epoch {epoch}: the validation loss is {val_metrics['val_loss']}; try a smaller learning rate"
            )

        seconds = {"seconds": round(time.perf_counter() - started, 2)}
        extra = config.unfreezing.notes(epoch) | memory.notes() | t.clipping.notes()
        history.append({"epoch": epoch} | train_metrics | val_metrics | seconds | extra)
        if world.is_main:
            save_checkpoint(folder, t.state, t.evaluated, history)
            print_epoch(history[-1])
        after_epoch(history[-1])

    if world.is_main:
        save_weights(folder / "last.pth", t.evaluated)
    return pd.DataFrame(history)


@dataclass(frozen=True)
class Trainer:
    """What takes part in a step. `state`: what changes while it trains, by its name in resume.pth."""

    network: Network
    config: Experiment
    criterion: nn.Module
    optimizer: torch.optim.Optimizer
    schedule: LRSchedule
    clipping: GradientClipping
    ema: EMA | None
    hardware: Hardware
    world: World

    @property
    def evaluated(self) -> nn.Module:
        """The network that is validated, saved and tested."""
        return self.ema.network if self.ema else self.network

    @property
    def state(self) -> dict[str, nn.Module | torch.optim.Optimizer]:
        average = {"average": self.ema.network} if self.ema else {}
        return {"network": self.network, "optimiser": self.optimizer} | average


def _prepare(
    network: Network, config: Experiment, epoch_steps: int, hardware: Hardware, world: World
) -> Trainer:
    network.to(hardware.device)
    world.synchronise(network)
    config.unfreezing.apply(
        network, epoch=1
    )  # the optimizer groups the weights by what learns first
    optimizer = make_optimizer(
        config.optimiser, network, config.learning_rate, config.weight_decay, config.stage_decay
    )
    weights = torch.tensor(get_task(config.task).weights) if config.class_weights else None
    criterion = make_loss(config.loss, config.gamma, weights, config.label_smoothing)
    schedule = LRSchedule(optimizer, config.schedule, config.unfreezing, config.epochs, epoch_steps)
    return Trainer(
        network,
        config,
        criterion.to(hardware.device),
        optimizer,
        schedule,
        GradientClipping(config.clip),
        EMA(network, config.ema) if config.ema else None,
        hardware,
        world,
    )


def train_one_epoch(
    t: Trainer, batches: Batches, history: list[dict], micro_batch: int
) -> dict[str, float]:
    """One pass over the training images: train_loss and train_accuracy.

    micro_batch: images that go through the network at a time; the gradients of the pieces of a batch
    add up to those of the batch (batch normalisation alone sees the pieces). Raises FerError if the
    loss is not finite.
    """
    epoch = len(history) + 1
    seed = 1000 * t.config.seed + epoch
    torch.manual_seed(seed + 10**9 * t.world.rank)  # every shard draws its own augmentation
    augment = Augment.of(t.config)
    t.network.train()
    t.clipping.start_epoch()
    losses, correct = [], []

    steps = progress_bar(batches.shuffled(seed, t.world), len(batches), epoch, t.world)
    for step, (images, labels) in enumerate(steps, start=len(batches) * (epoch - 1)):
        t.schedule.set_lr(step, history)
        images, targets = mixup(augment(images), t.world.shard(labels), t.config.mixup)

        t.network.zero_grad()
        for piece in t.world.pieces(len(labels), micro_batch):
            logits = t.hardware.forward(t.network, images[piece], batches.start_stage, micro_batch)
            loss = batch_loss(t.criterion, logits, targets, piece, labels)
            loss.backward()
            losses.append(loss.detach() * len(labels))
            correct.append((logits.argmax(1) == targets[0].labels[piece]).sum())
        t.world.sum_gradients(t.network)
        t.clipping.clip(t.network)
        t.optimizer.step()
        if t.ema:
            t.ema.update(step)

    # the host waits for the device here, once per epoch
    totals = (t.world.sum(torch.stack(each).sum()).item() for each in (losses, correct))
    loss, accuracy = (total / len(batches.labels) for total in totals)
    if not loss < float("inf"):
        raise FerError(f"epoch {epoch}: the loss is {loss}; try a smaller learning rate")
    return {"train_loss": loss, "train_accuracy": accuracy}


@torch.inference_mode()
def evaluate(
    network: nn.Module,
    batches: Batches,
    criterion: nn.Module,
    hardware: Hardware,
    world: World = ALONE,
) -> dict[str, float]:
    """val_loss (mean) and val_accuracy (0..1) over all images, in the precision of training."""
    network.eval()
    logits = [
        hardware.forward(network, images, batches.start_stage, batches.batch_size)
        for images, _ in batches.shard(world)
    ]
    logits = world.gather(torch.cat(logits), len(batches.labels))
    correct = logits.argmax(1) == batches.labels
    return {
        "val_loss": criterion(logits, batches.labels).item(),
        "val_accuracy": correct.float().mean().item(),
    }
