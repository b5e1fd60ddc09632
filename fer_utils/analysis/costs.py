"""What a network costs: how many images a second it learns from, and how many it classifies once it is trained."""

import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch.nn.functional as F
from torch import nn

from fer_utils import devices
from fer_utils.data.loader import Batches
from fer_utils.evaluation import prediction
from fer_utils.experiments.results import Results
from fer_utils.models.network import Network
from fer_utils.training.optimizers import make_optimizer

BATCH = 128


def speed(
    network: nn.Module, tta: str = "none", device: str = "cpu", seconds: float = 2.0, side: int = 48
) -> dict:
    """images_per_second in batches of grey images, test-time augmentation included, with device and threads.

    The network is left on the device.
    """
    batches, hardware = _batch(network, device, side)
    rate = _rate(
        lambda: prediction.predict(network, batches, tta), seconds
    )  # an array, so the device has finished
    described = hardware.describe()
    return {"images_per_second": round(rate)} | {
        name: described[name] for name in ("device", "threads")
    }


def training_speed(
    network: Network, device: str = "cpu", seconds: float = 5.0, side: int = 48
) -> int:
    """Images a second in steps of AdamW on batches of grey images, in fp32 and without augmentation.

    The network is left on the device, a few steps away from where it was.
    """
    batches, hardware = _batch(network, device, side)
    optimiser = make_optimizer("adamw", network.train(), learning_rate=1e-4, weight_decay=0.0)
    [(images, labels)] = batches

    def step() -> float:
        network.zero_grad()
        loss = F.cross_entropy(hardware.forward(network, images, full_size=len(images)), labels)
        loss.backward()
        optimiser.step()
        return loss.item()  # the device has finished

    return round(_rate(step, seconds))


def _batch(network: nn.Module, device: str, side: int) -> tuple[Batches, devices.Hardware]:
    """A batch of noise on the device, where the network is put too."""
    hardware = devices.choose(device, "fp32")
    network.to(hardware.device)
    images = np.random.default_rng(0).integers(0, 256, (BATCH, side, side), np.uint8)
    return Batches(images, np.zeros(BATCH), BATCH, hardware.device), hardware


def _rate(once: Callable[[], object], seconds: float) -> float:
    """Images a second of what takes a batch each time it is called, after a first call that allocates."""
    once()
    start, seen = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - start) < seconds:
        once()
        seen += BATCH
    return seen / elapsed


def networks(study: Results, device: str = "cpu") -> pd.DataFrame:
    """A row a network of a study whose runs differ in little else, by validation accuracy.

    Columns: model, image_size (pixels), epochs, parameters, seeds; val and test (mean accuracy, 0..1);
    training_images_per_second and images_per_second (of inference, without test-time augmentation), both in fp32,
    measured now with random weights, which change no speed; minutes, what a training takes at the first of them
    (the runs themselves may have been made on unlike machines); device and threads.
    """
    accuracies = study.metrics.query("metric == 'accuracy'").pivot_table("value", "run", "split")
    rows = []
    for model, group in study.runs.groupby("model", sort=False):
        first = group.iloc[0]
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
    """Validation accuracy after so many minutes of training: model, epoch, minutes, val_accuracy (mean over seeds).

    networks: what `networks` gives for the same study; an epoch takes an equal share of a network's minutes.
    """
    history = study.history.merge(study.runs[["run", "model"]], on="run")
    means = history.groupby(["model", "epoch"], sort=False)["val_accuracy"].mean().reset_index()
    costs = networks.set_index("model").loc[means["model"]]
    minutes = means["epoch"].to_numpy() * costs["minutes"].to_numpy() / costs["epochs"].to_numpy()
    return means.assign(minutes=minutes)[["model", "epoch", "minutes", "val_accuracy"]]
