"""What a training shows while it runs: a bar where someone watches, and a line per epoch."""

import os
import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

from fer_utils.distributed import World

Batch = TypeVar("Batch")


def progress_bar(batches: Iterable[Batch], total: int, epoch: int, world: World) -> Iterable[Batch]:
    """The batches, with a bar in a terminal or a live notebook."""
    # An executed notebook or a log would keep every state of the bar; they get lines alone.
    live = world.is_main and (sys.stderr.isatty() or "JPY_SESSION_NAME" in os.environ)
    return tqdm(batches, f"  epoch {epoch}", total, leave=False, unit="batch", disable=not live)


def print_epoch(row: dict) -> None:
    """A line of the history, under a header before the first."""
    if row["epoch"] == 1:
        print("  epoch  train loss  train acc  val loss  val acc  seconds")
    print(
        f"  {row['epoch']:5d}  {row['train_loss']:10.4f}  {row['train_accuracy']:9.1%}"
        f"  {row['val_loss']:8.4f}  {row['val_accuracy']:7.1%}  {row['seconds']:7.1f}",
        flush=True,
    )
