"""Whether a thousand times the images cost the same per image: a growing store, streamed from disk.

python benchmarks/growth.py           → results/growth_<device>.csv

FER2013's images are repeated into memory-mapped stores of 10 thousand to 1 million (2.3 GB). An
epoch of each would take hours on a CPU, so each size trains the CNN for the same number of steps,
with images drawn from all over the store. The sizes take turns; all are streamed, whatever the
device would hold. Further columns: seconds an image for reading the batches alone; memory, each
size in a process of its own: the process's, and what is mapped from files, which the system takes
back when it needs it. Numbers: steps, largest store.
"""

import tempfile
from multiprocessing import get_context
from pathlib import Path

import measure
import numpy as np
import pandas as pd
import torch
from our_loop import OurLoop, protocol

from fer_utils import devices
from fer_utils.data import loader
from fer_utils.data.synthetic import open_dataset
from fer_utils.data.tasks import TASKS

SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
ROUNDS = 3


def grow(images: np.ndarray, size: int, path: Path) -> None:
    """A memory-mapped store of `size` images: those at hand, again and again."""
    store = np.lib.format.open_memmap(
        path, mode="w+", dtype=np.uint8, shape=(size, *images.shape[1:])
    )
    for start in range(0, size, len(images)):
        store[start : start + len(images)] = images[: size - start]
    store.flush()


class Steps:
    """The same number of training steps, with images from anywhere in a store of some size."""

    def __init__(self, path: Path, count: int):
        loader.RESIDENT = 0
        store = np.load(path, mmap_mode="r")
        rng = np.random.default_rng(0)
        size = protocol.batch_size
        rows = rng.choice(len(store), count * size, replace=False)
        labels = rng.integers(0, len(TASKS["multiclass"].classes), len(store))
        self.loop = OurLoop(store, labels, (rows, rows[:size]), "multiclass", devices.choose())
        self.images = len(rows)

    def train(self) -> float:
        return self.loop.epochs() / self.images

    def read(self) -> float:
        def work() -> None:
            for _ in self.loop.sets[0].shuffled(0):
                pass

        return measure.seconds(work, self.loop.hardware.device) / self.images


def memory_of(path: Path) -> tuple[float, float]:
    """MB of a process that has trained with one store: its own, and mapped (libraries too)."""
    Steps(path, 20).train()
    return measure.memory("RssAnon"), measure.memory("RssFile")


def main() -> None:
    few = 400 if torch.cuda.is_available() else 100
    steps, largest = measure.argument(1, few), measure.argument(2, SIZES[-1])
    sizes = [size for size in SIZES if size <= largest]
    images = np.asarray(open_dataset("fer2013").images)
    rows = []
    with (
        tempfile.TemporaryDirectory() as scratch,
        get_context("spawn").Pool(1, maxtasksperchild=1) as alone,
    ):
        files = {size: Path(scratch, f"{size}.npy") for size in sizes}
        for size, path in files.items():
            grow(images, size, path)
        memory = {size: alone.apply(memory_of, (path,)) for size, path in files.items()}
        cases = {size: Steps(path, steps) for size, path in files.items()}
        tasks = {f"{size} images": case.train for size, case in cases.items()}
        trained = list(measure.alternate(tasks, ROUNDS).values())
        for (size, case), seconds in zip(cases.items(), trained, strict=True):
            own, mapped = memory[size]
            rows.append(
                {"images": size, "store_mb": files[size].stat().st_size / 1e6, "steps": steps,
                 "seconds_per_image": seconds, "relative": seconds / trained[0],
                 "reading_seconds_per_image": case.read(), "own_memory_mb": own,
                 "mapped_mb": mapped}
            )  # fmt: skip
    measure.save(pd.DataFrame(rows).round(7), "growth")


if __name__ == "__main__":
    main()
