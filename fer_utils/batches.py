"""Batches made where the network runs: the uint8 images live on the device and no worker process is needed.

FER2013 is 83 MB as uint8. What a batch costs is one gather and one normalisation, on the device.
"""

import copy
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fer_utils.parallel import ALONE, World

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as PIL's convert("L")


class Batches:
    """One split of a task, resident on the device, cut into batches of (images, labels).

    images: uint8, N×H×W or N×H×W×3. labels: int64, N. Iterating gives stored order;
    `shuffled(seed)` an order that depends on the seed alone. Images leave as uint8, B×C×H×W, unless features
    stand in their place: what the first `done` stages of a network make of them.
    """

    done = 0

    def __init__(self, images: np.ndarray, labels: np.ndarray, batch_size: int, device: torch.device):
        tensor = torch.from_numpy(np.ascontiguousarray(images)).to(device)
        self.images = tensor.unsqueeze(1) if tensor.ndim == 3 else tensor.permute(0, 3, 1, 2).contiguous()
        self.labels = torch.from_numpy(np.asarray(labels, np.int64)).to(device)
        self.batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self.labels) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        images = (part.to(self.labels.device) for part in self.images.split(self.batch_size))
        return zip(images, self.labels.split(self.batch_size), strict=True)

    def shuffled(self, seed: int, world: World = ALONE) -> Iterator[tuple[Tensor, Tensor]]:
        """The images are this process's shard of the batch, the labels those of the whole batch."""
        order = torch.randperm(len(self.labels), generator=torch.Generator().manual_seed(seed))
        device = self.labels.device  # features may be mapped from a file instead
        for rows in order.to(self.images.device).split(self.batch_size):
            yield self.images[world.shard(rows)].to(device), self.labels[rows.to(device)]

    def shard(self, world: World) -> "Batches":
        """This process's shard, in stored order."""
        other = copy.copy(self)
        other.images, other.labels = world.shard(self.images), world.shard(self.labels)
        return other

    def with_features(self, features: Tensor, done: int) -> "Batches":
        """The same batches of float features, N×…, instead of images."""
        other = copy.copy(self)
        other.images, other.done = features, done
        return other


class Preprocess(nn.Module):
    """uint8 batch B×C×H×W → float batch as the network wants it: channels, size, normalisation.

    size: side in pixels; channels: 1 or 3; mean and std refer to intensities in 0..1.
    """

    def __init__(self, size: int, channels: int, mean: tuple[float, ...], std: tuple[float, ...]):
        super().__init__()
        self.size, self.channels = size, channels
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1) * 255, persistent=False)
        self.register_buffer("luma", torch.tensor(LUMA).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        x = images.float()
        if x.shape[1] == 3 and self.channels == 1:
            x = (x * self.luma).sum(1, keepdim=True)
        if x.shape[-2:] != (self.size, self.size):
            x = F.interpolate(x, size=(self.size, self.size), mode="bilinear", antialias=True)
        x = x.expand(-1, self.channels, -1, -1)  # grey → RGB: the same plane three times
        return x.sub(self.mean).div_(self.std)


def median_filter(images: np.ndarray, chunk: int = 2048) -> np.ndarray:
    """3×3 median of every image, edges repeated: report A's denoising experiment.

    uint8, N×H×W or N×H×W×3, in and out. Applied once, before training, since it never changes.
    """
    filtered = np.empty_like(images)
    for start in range(0, len(images), chunk):
        planes = torch.from_numpy(np.array(images[start : start + chunk]))
        height, width = planes.shape[1:3]
        rows = torch.arange(-1, height + 1).clamp(0, height - 1)
        columns = torch.arange(-1, width + 1).clamp(0, width - 1)
        padded = planes[:, rows][:, :, columns]
        shifted = [padded[:, y : y + height, x : x + width] for y in range(3) for x in range(3)]
        filtered[start : start + chunk] = torch.stack(shifted).median(0).values.numpy()
    return filtered
