"""Features of frozen stages, computed once: they are the same in every epoch.

Of 224×224 pixels MobileNetV2's first four stages leave 96×14×14 numbers: 75 kB in float32, 38 kB in
bf16, so report A's 12,796 training images take 0.96 or 0.48 GB, and one stage further back 1.28 GB.
They are stored in the type in which the stages compute, so that nothing is rounded twice, and with
the channels last, which is how convolutions read fastest.
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Mapping
from functools import partial
from math import prod
from pathlib import Path
from typing import IO

import torch
from torch import Tensor, nn

from fer_utils.data.augmentation import Augment
from fer_utils.data.loader import RESIDENT, Batches
from fer_utils.devices import Hardware
from fer_utils.errors import FerError
from fer_utils.io import FULL
from fer_utils.machine import memory
from fer_utils.models.freezing import frozen_stages
from fer_utils.models.network import Network
from fer_utils.training.experiment import Experiment
from fer_utils.training.memory import MicroBatch
from fer_utils.training.shared_features import SharedFeatures

# Bytes of one split, at most; what is larger goes to a file that the system maps into memory.
IN_MEMORY = 4 * 2**30
UNSUPPORTED = {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}  # by this file system
TRIED = 8  # images, on which it is seen whether features can be shared
ZEROS = bytes(2**20)  # what an empty file is filled with, at a time


class FeatureCache:
    """The batches of each epoch: images, or features in their place while stages are frozen.

    Training images are cached only where nothing changes them: no augmentation, no mixup.

    Parameters
    ----------
    folder
        For features that do not fit into memory.
    micro_batch
        How many images go through the frozen stages at a time.
    shared
        Where features of other runs are, and these are left for them.
    """

    def __init__(
        self,
        network: Network,
        loaders: Mapping[str, Batches],
        config: Experiment,
        hardware: Hardware,
        folder: Path,
        micro_batch: MicroBatch,
        shared: SharedFeatures | None = None,
    ):
        self.network, self.loaders, self.config = network, loaders, config
        self.shared = shared
        self.hardware, self.folder, self.micro_batch = hardware, folder, micro_batch
        self._start = 0  # the epoch whose unfreezing the batches belong to
        self._batches: dict[str, Batches] = {}

    def of_epoch(self, epoch: int) -> tuple[Batches, Batches]:
        """Training and validation batches; computed anew after each unfreezing."""
        schedule = self.config.unfreezing
        if self._start != schedule.start(epoch):
            self._batches = {}  # the features of the last stage go before new ones are stored
            self._start = schedule.start(epoch)
            # Within a single epoch nothing would be gained: each image passes once anyway.
            reused = schedule.end(epoch, self.config.epochs) > epoch
            stages = constant_stages(self.network) if reused else 0
            unchanged = Augment.of(self.config) == Augment() and not self.config.mixup
            self._batches["train"] = self._features("train", stages if unchanged else 0)
            self._batches["val"] = self._features("val", stages)
        return self._batches["train"], self._batches["val"]

    def _features(self, split: str, stages: int) -> Batches:
        batches = self.loaders[split]
        if not stages:
            return batches
        parts = (self.network, batches, stages, self.hardware, self.folder)
        compute = partial(cache_features, *parts, shared=self.shared, split=split)
        return self.micro_batch.run(compute)


def constant_stages(network: Network) -> int:
    """How many stages, from the stem on, always give the same: frozen and in evaluation mode.

    0 for a body that is not an nn.Sequential of its stages (cnn, small_resnet, timm's): it cannot
    be entered in the middle.
    """
    if not isinstance(network.body, nn.Sequential):
        return 0
    constant = set(frozen_stages(network)) & set(network.eval_stages)
    changing = [number for number, name in enumerate(network.stages) if name not in constant]
    return changing[0] if changing else len(network.stages) - 1


@torch.no_grad()  # not inference mode: its tensors could not be trained on
def cache_features(
    network: Network,
    batches: Batches,
    stages: int,
    hardware: Hardware,
    folder: Path,
    micro_batch: int,
    shared: SharedFeatures | None = None,
    split: str = "",
) -> Batches:
    """The batches with the output of the network's first `stages` stages in place of each image.

    The features lie on the device; beyond IN_MEMORY in a nameless file in `folder`, which goes when
    it is no longer used.

    Parameters
    ----------
    micro_batch
        Images that go through the stages at a time.
    shared
        Where features of other runs are, and these are left for them; `split` names the images.

    Raises
    ------
    FerError
        Where the disk has no room for them.
    """
    network.eval()

    def compute(images: Tensor) -> Tensor:
        with hardware.autocast():
            return network.features(images, stages)

    first = next(iter(batches))[0][:TRIED]
    file = shared.of(network, stages, hardware, first) if shared else None
    store, filled = torch.empty(0), 0
    for piece in (piece for images, _ in batches for piece in images.split(micro_batch)):
        if shared and file:
            rows = shared.rows[split][filled : filled + len(piece)]
            features = file.features(rows, piece, compute)
        else:
            features = compute(piece)
        if not filled:  # only now are the shape and the type of features known
            store = _allocate_store(len(batches.labels), features, folder)
        store[filled : filled + len(piece)] = features
        filled += len(piece)
    return batches.with_features(store, stages)


def _allocate_store(count: int, features: Tensor, folder: Path) -> Tensor:
    """Room for the features of `count` images, channels last in memory."""
    shape = (count, *features.movedim(1, -1).shape[1:])
    size = count * features[0].nbytes
    if size <= min(IN_MEMORY, RESIDENT * memory(features.device)):
        store = torch.empty(shape, dtype=features.dtype, device=features.device)
    else:
        store = _mapped(prod(shape), size, features.dtype, folder).view(shape)
    return store.movedim(-1, 1)


def _mapped(numbers: int, size: int, dtype: torch.dtype, folder: Path) -> Tensor:
    folder.mkdir(parents=True, exist_ok=True)
    needed = f"the {size / 1e9:.1f} GB that the frozen stages make of the images"
    full = FerError(f"{folder}: no room for {needed}")
    if shutil.disk_usage(folder).free < size:
        raise full
    with tempfile.NamedTemporaryFile(dir=folder, buffering=0) as file:
        try:
            _allocate(file, size)
        except OSError as error:
            raise full if error.errno in FULL else error from None
        return torch.from_file(file.name, shared=True, size=numbers, dtype=dtype)


def _allocate(file: IO[bytes], size: int) -> None:
    """Gives an empty file its bytes on the disk; OSError where there is no room.

    A file with holes is mapped all the same, and filling one on a full disk kills the process.
    """
    try:
        return os.posix_fallocate(file.fileno(), 0, size)
    except AttributeError:  # macOS and Windows have no such call
        pass
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
    written = 0
    while written < size:  # a write may stop halfway
        written += file.write(ZEROS[: size - written])
