"""The training loop: forward, loss, backward and step; then validation and a checkpoint per epoch.

    python -m fer_utils run dataset=fer2013 task=multiclass loss=focal seed=1

Each epoch seeds itself (order of the images, augmentation, dropout), and the learning rate is a
function of the step. So a run that was interrupted continues from its last finished epoch exactly
as if it had not been, and an epoch for which memory does not suffice can be started again.
"""

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pandas as pd
import torch

from fer_utils.data.augmentation import Augment, mixup
from fer_utils.data.loader import Batches
from fer_utils.devices import Hardware
from fer_utils.distributed import ALONE, World
from fer_utils.errors import FerError
from fer_utils.models.network import Network
from fer_utils.training.checkpoints import (
    begin_or_resume,
    load_checkpoint,
    save_checkpoint,
    save_weights,
)
from fer_utils.training.early_stopping import stops_early
from fer_utils.training.experiment import Experiment
from fer_utils.training.feature_cache import FeatureCache
from fer_utils.training.losses import batch_loss
from fer_utils.training.memory import MicroBatch
from fer_utils.training.progress import print_epoch, progress_bar
from fer_utils.training.setup import TrainingSetup
from fer_utils.training.shared_features import SharedFeatures


def train(
    network: Network,
    loaders: Mapping[str, Batches],
    config: Experiment,
    hardware: Hardware,
    folder: Path,
    world: World = ALONE,
    after_epoch: Callable[[dict], None] = lambda row: None,
    shared: SharedFeatures | None = None,
) -> pd.DataFrame:
    """Trains `network` in place, and goes on where an interrupted training in `folder` ended.

    Parameters
    ----------
    loaders
        "train" and "val".
    folder
        Receives history.csv, best.pth (highest validation accuracy, the earliest if tied), last.pth
        and, while it runs, resume.pth.
    world
        Of several processes each computes its shard of every batch; the main one alone reads and
        writes the folder.
    after_epoch
        Called in the main process with each new row of the history, once that is on the disk.
    shared
        Features of frozen stages that other runs of the data set have computed, or will need.

    Returns
    -------
    pandas.DataFrame
        The history, one row per epoch:

        - epoch: 1, 2, …
        - train_loss, train_accuracy (0..1): means over the epoch, of augmented images, with
          dropout, while the weights change; with mixup a prediction is correct if it is the class
          of the larger share
        - val_loss, val_accuracy (0..1): at the end of the epoch; with EMA of the averaged weights,
          which are also saved
        - seconds
        - where they apply: stages (how many learn), micro_batch (images at a time, where memory was
          short), spikes (steps whose gradient was clipped) and largest_norm (of a gradient)

    Raises
    ------
    FerError
        If the loss is not finite, or memory does not suffice for a single image.
    """
    setup = TrainingSetup.of(network, config, len(loaders["train"]), hardware, world)
    history = begin_or_resume(folder, setup.state, world)
    restore = partial(load_checkpoint, folder, setup.state, world)
    train_micro_batch = MicroBatch.resumed(config.batch_size, history, world)
    eval_micro_batch = MicroBatch(config.batch_size)
    features = FeatureCache(network, loaders, config, hardware, folder, eval_micro_batch, shared)

    for epoch in range(len(history) + 1, config.epochs + 1):
        if stops_early(history, config, epoch):
            break
        started = time.perf_counter()
        config.unfreezing.apply(network, epoch)
        train_set, val_set = features.of_epoch(epoch)

        one_epoch = partial(train_one_epoch, setup, train_set, history)
        train_metrics = train_micro_batch.run(one_epoch, start_again=restore)
        val_metrics = evaluate(setup, val_set, eval_micro_batch)
        # Before it is saved: a run would otherwise resume from weights that are not finite.
        _check_finite(val_metrics["val_loss"], f"epoch {epoch}: the validation loss")

        seconds = {"seconds": round(time.perf_counter() - started, 2)}
        extra = config.unfreezing.notes(epoch) | train_micro_batch.notes() | setup.clipping.notes()
        history.append({"epoch": epoch} | train_metrics | val_metrics | seconds | extra)
        if world.is_main:
            # Keeps the best epoch's weights as well. Validation has waited for the device already,
            # so that writing here costs no overlap. Testing is left to experiments/runner.py.
            save_checkpoint(folder, setup.state, setup.evaluated_network, history)
            print_epoch(history[-1])
            after_epoch(history[-1])

    if world.is_main:
        save_weights(folder / "last.pth", setup.evaluated_network)
    return pd.DataFrame(history)


def train_one_epoch(
    setup: TrainingSetup, batches: Batches, history: list[dict], micro_batch: int
) -> dict[str, float]:
    """One pass over the training images.

    Parameters
    ----------
    history
        The rows of the epochs before: which epoch this is, and what schedule "plateau" looks at.
    micro_batch
        Images that go through the network at a time. The gradients of the pieces of a batch add up
        to those of the batch; batch normalisation alone sees the pieces.

    Returns
    -------
    dict
        train_loss and train_accuracy (0..1), means over the images.

    Raises
    ------
    FerError
        If the loss is not finite.
    """
    network, config, hardware, world = setup.network, setup.config, setup.hardware, setup.world
    epoch = len(history) + 1
    seed = 1000 * config.seeds.order + epoch
    torch.manual_seed(seed + 10**9 * world.rank)  # every shard draws its own augmentation
    augment = Augment.of(config)
    network.train()
    setup.clipping.start_epoch()
    losses, correct = [], []

    steps = progress_bar(batches.shuffled(seed, world), len(batches), epoch, world)
    # images: this process's shard of the batch; labels: the whole batch's
    for step, (images, labels) in enumerate(steps, start=len(batches) * (epoch - 1)):
        setup.schedule.set_lr(step, history)
        images, targets = mixup(augment(images), world.shard(labels), config.mixup)

        network.zero_grad()
        for piece in world.pieces(len(labels), micro_batch):  # one, unless memory is short
            logits = hardware.forward(network, images[piece], batches.start_stage, micro_batch)
            loss = batch_loss(setup.criterion, logits, targets, piece, labels)
            loss.backward()
            # A piece's loss is its share of the batch's mean, so that pieces add up. It is kept on
            # the device: .item() here would make the host wait in every step.
            losses.append(loss.detach() * len(labels))
            correct.append((logits.argmax(1) == targets[0].labels[piece]).sum())
        world.sum_gradients(network)
        setup.clipping.clip(network)
        setup.optimizer.step()
        if setup.ema:
            setup.ema.update(step)

    # waits for the device, once per epoch
    totals = (world.sum(torch.stack(each).sum()).item() for each in (losses, correct))
    mean_loss, accuracy = (total / len(batches.labels) for total in totals)
    _check_finite(mean_loss, f"epoch {epoch}: the loss")
    return {"train_loss": mean_loss, "train_accuracy": accuracy}


@torch.inference_mode()
def evaluate(
    setup: TrainingSetup, batches: Batches, micro_batch: MicroBatch | None = None
) -> dict[str, float]:
    """Validation over all images at once, in the precision of training.

    Parameters
    ----------
    micro_batch
        How many images go through the network at a time; None: a batch.

    Returns
    -------
    dict
        val_loss (mean) and val_accuracy (0..1).
    """
    network, hardware, world = setup.evaluated_network, setup.hardware, setup.world
    network.eval()
    shard = batches.shard(world)

    def forward(size: int) -> torch.Tensor:
        pieces = (piece for images, _ in shard for piece in images.split(size))
        return torch.cat([hardware.forward(network, x, batches.start_stage, size) for x in pieces])

    # The exchange of logits stays outside: one process may try again without the others.
    own_logits = (micro_batch or MicroBatch(batches.batch_size)).run(forward)
    logits = world.gather(own_logits, len(batches.labels))
    correct = logits.argmax(1) == batches.labels
    return {  # waits for the device
        "val_loss": setup.criterion(logits, batches.labels).item(),
        "val_accuracy": correct.float().mean().item(),
    }


def _check_finite(loss: float, what: str) -> None:
    if not loss < float("inf"):  # also where it is not a number
        raise FerError(f"{what} is {loss}; try a smaller learning rate")
