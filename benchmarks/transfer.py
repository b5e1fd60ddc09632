"""What fine-tuning gains by each way of saving time: the run as it is, and without one of them.

python benchmarks/transfer.py          → results/transfer_<device>.csv

Five epochs of report A's protocol, the last two stages learning, on two classes with 160 images
each; the time includes that of passing the images through the frozen stages. FER2013 must be
prepared under data/fer2013. The networks start from random weights: the time is the same with any.
A number is another count of images a class.
"""

from contextlib import nullcontext
from unittest.mock import patch

import measure
import pandas as pd
from our_loop import OurLoop, protocol

from fer_utils import devices
from fer_utils.data.splits import split_task
from fer_utils.data.synthetic import open_dataset
from fer_utils.data.tasks import TASKS

EPOCHS, ROUNDS, IMAGES = 5, 2, 160
NETWORKS = ("mobilenet_v2", "efficientnet_lite0")
CACHE = "fer_utils.training.feature_cache"
WITHOUT = {
    "as it is": nullcontext,
    "frozen stages in every epoch": lambda: patch(f"{CACHE}.constant_stages", lambda network: 0),
    "whole batches through them": lambda: patch("fer_utils.models.network.IN_CACHE", 2**40),
    "depthwise gradients in bf16": lambda: patch("fer_utils.devices.Float32Depthwise", nullcontext),
}


def row(model: str) -> list[dict]:
    """The seconds of each way, and how many times as long as the first it takes."""
    faces, task = open_dataset("fer2013"), TASKS["binary"]
    split = split_task(faces, task, measure.argument(1, IMAGES), protocol.validation, seed=0)
    hardware = devices.choose()
    rows = (split.train, split.val)
    with patch("fer_utils.models.pretrained.store.load", lambda name: None):
        loop = OurLoop(faces.images, split.labels, rows, task.name, hardware, model, trainable=2)

        def timed(without) -> float:
            loop.start(seed=0)
            with without():
                return loop.epochs(EPOCHS)

        seconds_of = measure.alternate(
            {name: lambda w=w: timed(w) for name, w in WITHOUT.items()}, ROUNDS
        )
    images = len(split.train) + len(split.val)
    return [
        {
            "network": model,
            "precision": hardware.precision,
            "images": images,
            "epochs": EPOCHS,
            "way": name,
        }
        | {"seconds": round(seconds, 2), "ratio": round(seconds / seconds_of["as it is"], 2)}
        for name, seconds in seconds_of.items()
    ]


if __name__ == "__main__":
    measure.save(pd.DataFrame([each for model in NETWORKS for each in row(model)]), "transfer")
