"""The training loop with report A's settings, an epoch or a whole run per call, to be timed."""

import contextlib
import io
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from fer_utils.data.loader import Batches
from fer_utils.data.tasks import get_task
from fer_utils.devices import Hardware
from fer_utils.models import pretrained
from fer_utils.models.network import Network
from fer_utils.training.experiment import Experiment
from fer_utils.training.loop import train

protocol = Experiment(dataset="fer2013")


class OurLoop:
    """A network and its images.

    Parameters
    ----------
    labels
        Of all images.
    rows
        Those for training and those for validation.
    task
        With its class weights.
    trainable
        Only so many of the last stages learn; None: all.
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray,
        rows: tuple[np.ndarray, np.ndarray],
        task: str,
        hardware: Hardware,
        model: str = "cnn",
        trainable: int | None = None,
    ):
        self.hardware = hardware
        size, device = protocol.batch_size, hardware.device
        sets = (Batches(images, labels[part], size, device, part) for part in rows)
        self.loaders = dict(zip(("train", "val"), sets, strict=True))
        self.config = protocol.replace(model=model, task=task, trainable=trainable)
        self.start(seed=0)

    def start(self, seed: int) -> None:
        """A new network."""
        torch.manual_seed(seed)
        start = pretrained.load(self.config.model)
        classes = len(get_task(self.config.task).classes)
        self.network = Network(self.config.model, classes, tensors=start.tensors if start else None)
        self.config.unfreezing.apply(self.network, epoch=1)

    def epochs(self, count: int = 1) -> float:
        """Seconds of `count` epochs of training and validation, with checkpoints and history."""
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            config = self.config.replace(epochs=count)
            train(self.network, self.loaders, config, self.hardware, Path(folder))
        return time.perf_counter() - started

    def run(self) -> float:
        """Seconds of a whole run with a new network; what is compiled was so by the runs before."""
        self.start(seed=1)
        return self.epochs(protocol.epochs)
