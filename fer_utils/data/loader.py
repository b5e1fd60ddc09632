"""Batches made where the network runs: the uint8 images live on the device.

FER2013 is 83 MB as uint8, so no worker process is needed: what a batch costs is one gather and one
normalisation, on the device. Of a store that is too large for that, each batch is read when its
turn comes: same batches, same order, flat memory.
"""

import copy
from collections.abc import Iterator
from typing import overload

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from fer_utils import machine
from fer_utils.distributed import ALONE, World

# share of the device's memory that a split may take; the others and the network need room too
RESIDENT = 0.25
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as PIL's convert("L")


class Batches:
    """One split of a task on the device, cut into batches of (images, labels).

    Iterating gives stored order; `shuffled(seed)` an order that depends on the seed alone. Images
    leave as uint8, B×C×H×W, unless features stand in their place: the output of a network's first
    `start_stage` stages. They become resident if they take at most RESIDENT of the device's memory,
    and are read from `images` batch by batch if they take more.

    Parameters
    ----------
    images : uint8, M×H×W or M×H×W×3, in memory or memory-mapped.
    labels : int64, N.
    rows : int, N: which of the images are the split's; None: all.
    """

    start_stage = 0

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        batch_size: int,
        device: torch.device,
        rows: np.ndarray | None = None,
    ):
        rows = np.arange(len(images)) if rows is None else rows
        fits = len(rows) * images[:1].nbytes <= RESIDENT * machine.memory(torch.device(device))
        self.images: Tensor | Stored = (
            _channels_first(images[rows]).to(device) if fits else Stored(images, rows)
        )
        self.labels = torch.from_numpy(np.asarray(labels, np.int64)).to(device)
        self.batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self.labels) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        images = (self._sent(part) for part in self.images.split(self.batch_size))
        return zip(images, self.labels.split(self.batch_size), strict=True)

    def shuffled(self, seed: int, world: World = ALONE) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches in an order of the seed.

        The images are this process's shard of the batch, the labels those of the whole batch.
        """
        order = torch.randperm(len(self.labels), generator=torch.Generator().manual_seed(seed))
        # an index lies where it is used: images may be on the host, features mapped from a file
        of_images = order.to(self.images.device).split(self.batch_size)
        of_labels = order.to(self.labels.device).split(self.batch_size)
        for rows, same_rows in zip(of_images, of_labels, strict=True):
            yield self._sent(self.images[world.shard(rows)]), self.labels[same_rows]

    def shard(self, world: World) -> "Batches":
        """This process's shard, in stored order."""
        other = copy.copy(self)
        other.images = self.images[world.place(len(self.images))]
        other.labels = world.shard(self.labels)
        return other

    def with_features(self, features: Tensor, start_stage: int) -> "Batches":
        """The same batches of float features, N×…, instead of images."""
        other = copy.copy(self)
        other.images, other.start_stage = features, start_stage
        return other

    def _sent(self, images: Tensor) -> Tensor:
        """A batch on the device."""
        # from pinned memory the host does not wait for the device, and reads on meanwhile
        if self.labels.is_cuda and not images.is_cuda:
            return images.pin_memory().to(self.labels.device, non_blocking=True)
        return images.to(self.labels.device)


class Stored:
    """What `Batches` needs of a tensor, of images that stay in their store.

    No thread reads ahead: on a GPU the host is ahead of the device anyway, and on a CPU the reading
    takes a hundredth of a step (benchmarks/growth.py).
    """

    device = torch.device("cpu")

    def __init__(self, images: np.ndarray, rows: np.ndarray):
        self.stored, self.rows = images, rows

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, which: Tensor) -> Tensor: ...
    @overload
    def __getitem__(self, which: slice) -> "Stored": ...
    def __getitem__(self, which: Tensor | slice) -> "Tensor | Stored":
        """The images of some rows, read; those of a slice stay in the store."""
        if isinstance(which, slice):
            return Stored(self.stored, self.rows[which])
        return _channels_first(self.stored[self.rows[which.numpy()]])

    def split(self, size: int) -> Iterator[Tensor]:
        """All of them, read piece by piece."""
        return (self[part] for part in torch.arange(len(self.rows)).split(size))


def _channels_first(images: np.ndarray) -> Tensor:
    """uint8 N×H×W or N×H×W×3 → N×1×H×W or N×3×H×W, contiguous."""
    tensor = torch.from_numpy(images)
    return tensor.unsqueeze(1) if tensor.ndim == 3 else tensor.permute(0, 3, 1, 2).contiguous()


def median_filter(images: np.ndarray) -> np.ndarray:
    """3×3 median of every image, edges repeated: report A's denoising experiment.

    images: uint8, N×H×W or N×H×W×3, as returned. Applied once, before training, since the result
    never changes.
    """
    window = (1, 3, 3, 1)[: images.ndim]
    return ndimage.median_filter(images, size=window, mode="nearest")
