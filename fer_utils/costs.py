"""What a network costs: seconds of training, and images a second when it is used."""

import time

import numpy as np
import pandas as pd
from torch import nn

from fer_utils import devices, evaluation
from fer_utils.batches import Batches
from fer_utils.models import Network
from fer_utils.results import Results

BATCH = 128


def speed(network: nn.Module, tta: str = "none", device: str = "cpu", seconds: float = 2.0, side: int = 48) -> dict:
    """images_per_second in batches of grey images, test-time augmentation included, with device and threads.

    The network is left on the device.
    """
    hardware = devices.choose(device, "fp32")
    network.to(hardware.device)
    images = np.random.default_rng(0).integers(0, 256, (BATCH, side, side), np.uint8)
    batches = Batches(images, np.zeros(BATCH), BATCH, hardware.device)
    evaluation.predict(network, batches, tta)  # the first call allocates and chooses kernels
    start, seen = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - start) < seconds:
        evaluation.predict(network, batches, tta)  # waits for the device: it returns an array
        seen += BATCH
    described = hardware.describe()
    about = {name: described[name] for name in ("device", "threads")}
    return {"images_per_second": round(seen / elapsed)} | about


def networks(study: Results, device: str = "cpu") -> pd.DataFrame:
    """A row a network of a study whose runs differ in little else, by validation accuracy.

    Columns: model, image_size (pixels), epochs, parameters, seeds; val and test (mean accuracy, 0..1); minutes (of
    training, mean) and precision; images_per_second, device and threads (of inference, without test-time
    augmentation, measured now with random weights: they change no speed).
    """
    accuracies = study.metrics.query("metric == 'accuracy'").pivot_table("value", "run", "split")
    rows = []
    for model, group in study.runs.groupby("model", sort=False):
        first = group.iloc[0]
        size = None if pd.isna(first["image_size"]) else int(first["image_size"])
        network = Network(model, len(study.predictions(first["run"])["classes"]), size, pretrained=False)
        about = {"model": model, "image_size": network.preprocess.size, "seeds": len(group)}
        about |= {name: first[name] for name in ("epochs", "parameters", "precision")}
        about |= accuracies.loc[group["run"], ["val", "test"]].mean().to_dict()
        about |= {"minutes": group["total_seconds"].mean() / 60}
        rows.append(about | speed(network, "none", device))
    return pd.DataFrame(rows).sort_values("val", ascending=False, ignore_index=True)
