"""A training that takes a second: a small network learns on which side a square is."""

import numpy as np
import torch

from fer_utils import devices
from fer_utils.data.loader import Batches
from fer_utils.models.network import Network
from fer_utils.training.experiment import Experiment
from fer_utils.training.loop import train

HARDWARE = devices.choose("cpu", "fp32")
PLAIN = Experiment(task="binary", class_weights=False, learning_rate=1e-3, batch_size=16)
MOVES = {
    "flip": True, "rotation": 10.0, "shift": 0.1, "scale": 0.1, "brightness": 0.1, "contrast": 0.1,
    "erasing": 0.5,
}  # fmt: skip


def squares(n: int, seed: int) -> Batches:
    """Two classes that can be told apart: a bright square on the left or on the right, in noise."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 120, (n, 16, 16), dtype=np.uint8)
    labels = np.arange(n) % 2
    for image, label in zip(images, labels, strict=True):
        image[4:12, 8 * label + 1 : 8 * label + 7] = 230
    return Batches(images, labels, 16, HARDWARE.device)


def go(
    folder,
    epochs,
    optimiser="adam",
    learning_rate=1e-3,
    hardware=HARDWARE,
    weights=0,
    images=96,
    **settings,
):
    """A small network trained on the squares: (network, history)."""
    config = PLAIN.replace(
        epochs=epochs, optimiser=optimiser, learning_rate=learning_rate, **settings
    )
    torch.manual_seed(weights)
    network = Network("cnn", 2, size=16)
    loaders = {"train": squares(images, 0), "val": squares(32, 1)}
    return network, train(network, loaders, config, hardware, folder)
