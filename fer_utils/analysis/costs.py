"""What a network costs: multiply-adds, and how many images a second it learns or classifies."""

import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fer_utils import devices
from fer_utils.data.loader import Batches
from fer_utils.evaluation import prediction
from fer_utils.experiments.results import Results
from fer_utils.models.network import Network
from fer_utils.training.optimizers import make_optimizer

BATCH = 128  # as in the study's runs


def multiply_adds(model: str, classes: int) -> int:
    """Of one image, convolutions and matrix products alone; half of PyTorch's count of FLOPs."""
    with torch.device("meta"), torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network = Network(model, classes).eval()  # one image has no variance over a batch
        network(torch.zeros(1, 1, 48, 48, dtype=torch.uint8))
    return counter.get_total_flops() // 2


def speed(
    network: nn.Module, tta: str = "none", device: str = "cpu", seconds: float = 2.0, side: int = 48
) -> dict:
    """How fast a network classifies grey images in batches, test-time augmentation included.

    The network is left on the device.

    Parameters
    ----------
    tta
        Test-time augmentation: a name in `prediction.VIEWS`.
    device
        cpu, cuda, mps or auto.
    seconds
        How long to measure.
    side
        Of the images, in pixels, before the network resizes them.

    Returns
    -------
    dict
        images_per_second (int), and the device and threads that it was measured with.
    """
    batches, hardware = _batch(network, device, side)
    # predict returns arrays in the host's memory, so each call waits for the device
    rate = _rate(lambda: prediction.predict(network, batches, tta), seconds)
    described = hardware.describe()
    about = {name: described[name] for name in ("device", "threads")}
    return {"images_per_second": round(rate)} | about


def training_speed(
    network: Network, device: str = "cpu", seconds: float = 5.0, side: int = 48
) -> int:
    """How many grey images a second a network learns from: AdamW, fp32, no augmentation.

    The network is left on the device, with weights that have changed by these steps.

    Parameters
    ----------
    device, seconds, side
        As of `speed`.
    """
    batches, hardware = _batch(network, device, side)
    optimiser = make_optimizer("adamw", network.train(), learning_rate=1e-4, weight_decay=0.0)
    [(images, labels)] = batches

    def step() -> float:
        network.zero_grad()
        loss = F.cross_entropy(hardware.forward(network, images, full_size=len(images)), labels)
        loss.backward()
        optimiser.step()
        return loss.item()  # waits for the device: else only the launch of the step is timed

    return round(_rate(step, seconds))


def _batch(network: nn.Module, device: str, side: int) -> tuple[Batches, devices.Hardware]:
    """A batch of noise on the device, where the network is put too."""
    hardware = devices.choose(device, "fp32")
    network.to(hardware.device)
    images = np.random.default_rng(0).integers(0, 256, (BATCH, side, side), np.uint8)
    # noise, and one class for all: what is shown changes no speed
    return Batches(images, np.zeros(BATCH), BATCH, hardware.device), hardware


def _rate(once: Callable[[], object], seconds: float) -> float:
    """Images a second of a function that takes a batch each time it is called."""
    once()  # the first call allocates memory and chooses algorithms
    start, seen = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - start) < seconds:
        once()
        seen += BATCH
    return seen / elapsed


def networks(study: Results, device: str = "cpu") -> pd.DataFrame:
    """What the networks of a study cost, one row per network, best validation accuracy first.

    Speeds are measured now, in fp32 and with random weights, which change no speed: the runs
    themselves may have been made on unlike machines.

    Parameters
    ----------
    study
        Its runs differ in their network and in little else.
    device
        As of `speed`.

    Returns
    -------
    DataFrame
        - model, image_size (pixels), seeds, epochs, parameters;
        - val, test: accuracy, mean over the seeds, 0..1;
        - training_images_per_second: as of `training_speed`;
        - minutes: what a training takes at this speed;
        - images_per_second: as of `speed`, without test-time augmentation;
        - device, threads.
    """
    accuracies = study.metrics.query("metric == 'accuracy'").pivot_table("value", "run", "split")
    rows = []
    for model, group in study.runs.groupby("model", sort=False):
        first = group.iloc[0]  # the seeds of a network have all else in common
        # a run without a size of its own has NaN among others that have one
        size = None if pd.isna(first["image_size"]) else int(first["image_size"])
        network = Network(model, len(study.predictions(first["run"])["classes"]), size)
        about = {"model": model, "image_size": network.preprocess.size, "seeds": len(group)}
        about |= first[["epochs", "parameters"]].to_dict()
        about |= accuracies.loc[group["run"], ["val", "test"]].mean().to_dict()
        rate = training_speed(network, device)
        about |= {"training_images_per_second": rate}
        about |= {"minutes": first["epochs"] * first["train_images"] / rate / 60}
        rows.append(about | speed(network, "none", device))
    return pd.DataFrame(rows).sort_values("val", ascending=False, ignore_index=True)


def curves(study: Results, networks: pd.DataFrame) -> pd.DataFrame:
    """Validation accuracy after so many minutes of training, one row per network and epoch.

    Parameters
    ----------
    networks
        What the function of this name returns of the same study.

    Returns
    -------
    DataFrame
        - model, epoch;
        - minutes: at the end of the epoch, of which all of a network take equally long;
        - val_accuracy: mean over the seeds, 0..1.
    """
    history = study.history.merge(study.runs[["run", "model"]], on="run")
    means = history.groupby(["model", "epoch"], sort=False)["val_accuracy"].mean().reset_index()
    costs = networks.set_index("model").loc[means["model"]]
    minutes = means["epoch"].to_numpy() * costs["minutes"].to_numpy() / costs["epochs"].to_numpy()
    return means.assign(minutes=minutes)[["model", "epoch", "minutes", "val_accuracy"]]
