"""The frozen trunk computed once: what frozen stages make of an image is the same in every epoch.

Of 224×224 pixels MobileNetV2's first four stages leave 96×14×14 numbers: 75 kB in float32, 38 kB in bf16, so
report A's 12,796 training images take 0.96 or 0.48 GB, and one stage further back 1.28 GB. It is stored in
the type in which the trunk computes, so that nothing is rounded twice, and with the channels last, which is
how convolutions read fastest.
"""

import shutil
import tempfile
from math import prod
from pathlib import Path

import torch
from torch import Tensor, nn

from fer_utils.data.loader import RESIDENT, Batches
from fer_utils.devices import Hardware, memory
from fer_utils.errors import FerError
from fer_utils.models.freezing import frozen_stages
from fer_utils.models.network import Network

IN_MEMORY = 4 * 2**30  # bytes of one split, at most; what is larger goes to a file that the system maps into memory


def frozen_trunk(network: Network) -> int:
    """How many stages, counted from the stem, always make the same of an image: frozen and in evaluation mode.

    0 for a body that is not its stages in sequence (timm's): it cannot be entered in the middle.
    """
    if not isinstance(network.body, nn.Sequential):
        return 0
    still = set(frozen_stages(network)) & set(network.resting)
    moving = [number for number, name in enumerate(network.stages) if name not in still]
    return moving[0] if moving else len(network.stages) - 1


@torch.no_grad()  # not inference mode: its tensors could not be trained on
def through_trunk(network: Network, batches: Batches, done: int, hardware: Hardware, folder: Path) -> Batches:
    """The batches with, in place of each image, what the network's first `done` stages make of it.

    On the device; what is beyond IN_MEMORY in a nameless file in `folder`, which goes when it is no longer used.
    Raises FerError where the disk has no room for it.
    """
    network.eval()
    store, filled = None, 0
    for images, _ in batches:
        with hardware.autocast():
            features = network.features(images, done)
        store = _room(len(batches.labels), features, folder) if store is None else store
        store[filled : filled + len(images)] = features
        filled += len(images)
    return batches.with_features(store, done)


def _room(count: int, features: Tensor, folder: Path) -> Tensor:
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
    if shutil.disk_usage(folder).free < size:
        raise FerError(f"{folder}: no room for the {size / 1e9:.1f} GB that the frozen stages make of the images")
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        return torch.from_file(file.name, shared=True, size=numbers, dtype=dtype)
