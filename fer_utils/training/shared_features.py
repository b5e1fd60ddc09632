"""What frozen stages make of a data set's images, on the disk for all runs of a study.

A study trains the same frozen stages with other losses, tasks and seeds, which draw from the same
images. Each image passes through them once, whichever run needs it first. Features are shared only
where they are the same bits whatever other images pass beside: so no number depends on it.
"""

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from fer_utils.devices import Hardware
from fer_utils.io import FULL
from fer_utils.models.network import Network

same_bits = torch.equal
MACHINE = ("cpu", "instructions", "torch", "precision")  # what the last digits depend on


@dataclass(frozen=True)
class SharedFeatures:
    """The files of a data set's features, one for each trunk.

    Attributes
    ----------
    folder : of the files.
    images : what the images are: the data set's digest, and what was done to them.
    count : how many images the data set has.
    rows : of each split's images in the data set, by its name.
    """

    folder: Path
    images: str
    count: int
    rows: Mapping[str, np.ndarray]

    def of(
        self, network: Network, stages: int, hardware: Hardware, images: Tensor
    ) -> "FeatureFile | None":
        """The file of what the network's first `stages` stages make of the images.

        None where an image's features depend on what passes beside it, as is tried with `images`.
        """
        with hardware.autocast():
            features = network.features(images, stages)
            alone = [network.features(image, stages) for image in images.split(1)]
        if not same_bits(features, torch.cat(alone)):
            return None
        assert isinstance(network.body, nn.Sequential)  # see feature_cache.constant_stages
        trunk = network.body[:stages]
        told = [self.images, str(network.preprocess.size), str(trunk)]
        told += [hardware.describe()[key] for key in MACHINE]
        digest = sha256("\n".join(told).encode())
        for name, value in trunk.state_dict().items():
            digest.update(name.encode() + value.contiguous().numpy().tobytes())
        return FeatureFile(self.folder / digest.hexdigest()[:16], self.count, features[0])


class FeatureFile:
    """A byte for each image, 1 where its features are there, and then the features of each.

    Several processes may write to it: they write the same. Where the disk is full nothing more is
    kept, and features are computed as if there were no file.

    Parameters
    ----------
    count
        How many images there are.
    example
        The features of one, C×H×W.
    """

    def __init__(self, path: Path, count: int, example: Tensor):
        path.parent.mkdir(parents=True, exist_ok=True)
        self.count, self.example = count, example.movedim(0, -1)
        binary = getattr(os, "O_BINARY", 0)  # Windows would translate line ends
        file = os.open(path, os.O_RDWR | os.O_CREAT | binary)
        self.stream = os.fdopen(file, "r+b", buffering=0)

    def features(
        self, rows: np.ndarray, images: Tensor, compute: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """The features of the images in these rows, N×C×H×W.

        compute: what makes features of images, for those that are not there yet.
        """
        missing = ~self._known()[rows]
        features = self.example.new_empty((len(rows), *self.example.shape))  # channels last
        if missing.any():
            here = torch.from_numpy(missing)
            features[here] = compute(images[here]).movedim(1, -1)
            self._keep(rows[missing], features[here])
        for place in np.flatnonzero(~missing):
            self.stream.seek(self._place(rows[place]))
            self.stream.readinto(features[place].view(torch.uint8).numpy().data)
        return features.movedim(-1, 1)

    def _known(self) -> np.ndarray:
        """Which images have their features here; read anew, since other processes write too."""
        self.stream.seek(0)
        flags = np.frombuffer(self.stream.read(self.count), np.uint8)
        return np.pad(flags, (0, self.count - len(flags))) == 1

    def _keep(self, rows: np.ndarray, features: Tensor) -> None:
        records = features.view(torch.uint8).numpy()
        try:
            for row, record in zip(rows, records, strict=True):
                self._write(self._place(row), record.tobytes())
            # only now: a 1 promises that the features are there
            for row in rows:
                self._write(int(row), b"\x01")
        except OSError as error:
            if error.errno not in FULL:
                raise

    def _place(self, row: int) -> int:
        return self.count + int(row) * self.example.nbytes

    def _write(self, place: int, content: bytes) -> None:
        self.stream.seek(place)
        if self.stream.write(content) < len(content):  # the disk fills up just now
            raise OSError(errno.ENOSPC, "written in part")
