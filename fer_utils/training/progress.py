"""What a training shows while it runs: a bar in a terminal or a live notebook, and a line per epoch."""

import os
import sys
from collections.abc import Iterable

from tqdm import tqdm

from fer_utils.distributed import World


def progress_bar(batches: Iterable, total: int, epoch: int, world: World) -> Iterable:
    """The batches, with a bar where someone watches; an executed notebook or a log gets lines alone."""
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
