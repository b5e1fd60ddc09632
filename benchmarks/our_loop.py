"""The training loop with report A's settings, an epoch or a whole run per call, as the benchmarks time it."""

import contextlib
import io
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from fer_utils.data.loader import Batches
from fer_utils.devices import Hardware
from fer_utils.models.network import Network
from fer_utils.training.experiment import Experiment
from fer_utils.training.loop import train
from fer_utils.training.losses import make_loss
from fer_utils.training.optimizers import make_optimiser

protocol = Experiment(dataset="fer2013")


class OurLoop:
    """A network and its images. rows: those for training and those for validation; labels: of all images.

    trainable: only so many of the last stages learn; None: all.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        rows: tuple[np.ndarray, np.ndarray],
        weights: tuple[float, ...],
        hardware: Hardware,
        model: str = "cnn",
        trainable: int | None = None,
    ):
        self.hardware = hardware
        size, device = protocol.batch_size, hardware.device
        self.sets = [Batches(images, labels[part], size, device, part) for part in rows]
        self.model, self.weights = model, weights
        self.thawing = protocol.replace(trainable=trainable).thawing
        self.start(seed=0)

    def start(self, seed: int) -> None:
        """A new network."""
        torch.manual_seed(seed)
        self.network = Network(self.model, len(self.weights))
        self.thawing.apply(self.network, epoch=1)
        self.criterion = make_loss("cross_entropy", 0.0, torch.tensor(self.weights))
        self.optimiser = make_optimiser("adam", self.network, protocol.learning_rate, protocol.weight_decay)

    def epochs(self, count: int = 1) -> float:
        """Seconds that `count` epochs of training and validation take, checkpoints and history included."""
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            train(
                self.network, *self.sets, self.criterion, self.optimiser, epochs=count, seed=0,
                hardware=self.hardware, folder=Path(folder), thawing=self.thawing,
            )  # fmt: skip
        return time.perf_counter() - started

    def run(self) -> float:
        """Seconds of a whole run of the protocol's epochs with a new network; compiled in the runs before it."""
        self.start(seed=1)
        return self.epochs(protocol.epochs)
