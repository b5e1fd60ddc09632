"""The training loop, in sight.

Each epoch seeds itself (order of the images, augmentation, dropout) and the learning rate is a function of
the step, so a run that was interrupted continues from its last epoch exactly as if it had not been.
"""

import io
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import torch
from torch import nn
from tqdm import tqdm

from fer_utils import files
from fer_utils.augment import Augment, mix
from fer_utils.averaging import WeightAverage
from fer_utils.batches import Batches
from fer_utils.devices import Hardware
from fer_utils.errors import FerError, one_of
from fer_utils.schedules import share_of_peak

AS_THEY_ARE = Augment()
OPTIMISERS = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "sgd": lambda parameters, **settings: torch.optim.SGD(parameters, momentum=0.9, nesterov=True, **settings),
}


def make_optimiser(name: str, network: nn.Module, learning_rate: float, weight_decay: float):
    """adam, adamw or sgd (Nesterov momentum 0.9), its update fused into one kernel. Raises FerError."""
    make = OPTIMISERS[one_of(name, OPTIMISERS, "optimiser")]
    return make(network.parameters(), lr=learning_rate, weight_decay=weight_decay, fused=True)


def train(
    network: nn.Module,
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
) -> pd.DataFrame:
    """Trains in place and returns the history: a row an epoch with losses, accuracies (0..1) and seconds.

    Train loss and accuracy are averages over the epoch, of augmented images, while the weights move and dropout
    is on; those of validation are taken at its end. With mixup (its alpha) an image counts as right where the
    prediction is the class of its larger share. The optimiser's learning rates are the peaks of the schedule.

    With ema (its decay) the averaged weights are validated and saved; `network` keeps the last step's.
    `folder` receives history.csv, best.pth (highest validation accuracy, the earliest if tied), last.pth, and
    while it runs resume.pth. Raises FerError if the loss is not finite.
    """
    network.to(hardware.device, memory_format=torch.channels_last)  # the layout convolutions are fastest in
    criterion.to(hardware.device)
    peaks = [group["lr"] for group in optimiser.param_groups]
    average = WeightAverage(network, ema) if ema else None
    judged = average.network if average else network
    parts = {"network": network, "optimiser": optimiser} | ({"average": judged} if average else {})
    history = _resume(folder, parts, hardware.device)
    steps = len(train_set) * epochs

    for epoch in range(len(history) + 1, epochs + 1):
        started = time.perf_counter()
        torch.manual_seed(1000 * seed + epoch)
        network.train()
        losses, hits = [], []
        val_losses = [past["val_loss"] for past in history]
        batches = _with_bar(train_set.shuffled(1000 * seed + epoch), len(train_set), epoch)
        for step, (images, labels) in enumerate(batches, start=len(train_set) * (epoch - 1)):
            height = share_of_peak(schedule, step, steps, val_losses)
            for group, peak in zip(optimiser.param_groups, peaks, strict=True):
                group["lr"] = height * peak
            images, targets = mix(augment(images), labels, mixup)
            with hardware.autocast():
                logits = network(images).float()
            loss = sum(share * criterion(logits, classes) for classes, share in targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if average:
                average.update(step)
            losses.append(loss.detach() * len(labels))
            hits.append((logits.argmax(1) == labels).sum())
        images_seen = len(train_set.labels)
        train_loss = torch.stack(losses).sum().item() / images_seen  # the host waits for the device here, only
        train_accuracy = torch.stack(hits).sum().item() / images_seen
        if not train_loss < float("inf"):
            raise FerError(f"epoch {epoch}: the loss is {train_loss}; try a smaller learning rate")

        val_loss, val_accuracy = validate(judged, val_set, criterion, hardware)
        seconds = round(time.perf_counter() - started, 2)
        row = (epoch, train_loss, train_accuracy, val_loss, val_accuracy, seconds)
        best_so_far = max((past["val_accuracy"] for past in history), default=-1.0)
        history.append(dict(zip(COLUMNS, row, strict=True)))
        if val_accuracy > best_so_far:
            save_weights(folder / "best.pth", judged)
        _checkpoint(folder, parts, history)
        _print_row(history[-1])

    save_weights(folder / "last.pth", judged)
    return pd.DataFrame(history, columns=COLUMNS)


COLUMNS = ("epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "seconds")


@torch.inference_mode()
def validate(network: nn.Module, batches: Batches, criterion: nn.Module, hardware: Hardware):
    """(mean loss, accuracy) over all images, in the precision of training."""
    network.eval()
    with hardware.autocast():
        logits = torch.cat([network(images).float() for images, _ in batches])
    hits = logits.argmax(1) == batches.labels
    return criterion(logits, batches.labels).item(), hits.float().mean().item()


def save_weights(path: Path, network: nn.Module) -> None:
    """The state_dict, on the CPU and in the plain memory layout, whole or not at all."""
    state = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
    _save(path, state)


def _save(path: Path, content: dict) -> None:
    buffer = io.BytesIO()  # torch.save to a full disk raises an obscure RuntimeError; writing bytes says why
    torch.save(content, buffer)
    with files.whole_file(path) as part:
        part.write_bytes(buffer.getbuffer())


def _checkpoint(folder: Path, parts: dict, history: list[dict]) -> None:
    content = {name: part.state_dict() for name, part in parts.items()} | {"history": history}
    _save(folder / "resume.pth", content)
    with files.whole_file(folder / "history.csv") as part:
        pd.DataFrame(history, columns=COLUMNS).to_csv(part, index=False)


def _resume(folder: Path, parts: dict, device: torch.device) -> list[dict]:
    """The history of the epochs already done, their state loaded; empty at a fresh start."""
    checkpoint = folder / "resume.pth"
    if not checkpoint.exists():
        return []
    content = torch.load(checkpoint, map_location=device, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(content[name])
    print(f"  resuming after epoch {len(content['history'])}", flush=True)
    return content["history"]


def _with_bar(batches: Iterator, total: int, epoch: int) -> Iterator:
    """A progress bar in a terminal or a live notebook; an executed notebook or a log gets the lines alone."""
    live = sys.stderr.isatty() or "JPY_SESSION_NAME" in os.environ
    return tqdm(batches, f"  epoch {epoch}", total, leave=False, unit="batch", disable=not live)


def _print_row(row: dict) -> None:
    if row["epoch"] == 1:
        print("  epoch  train loss  train acc  val loss  val acc  seconds")
    print(
        f"  {row['epoch']:5d}  {row['train_loss']:10.4f}  {row['train_accuracy']:9.1%}"
        f"  {row['val_loss']:8.4f}  {row['val_accuracy']:7.1%}  {row['seconds']:7.1f}",
        flush=True,
    )
