"""An epoch of training and validation, report A's loop beside ours, alternating in one process.

python benchmarks/epoch.py            times the CNN's epochs       → results/epoch_<device>.csv
python benchmarks/epoch.py resnet18   those of ResNet18 at 224 pixels, its last two stages learning
                                      as in report A; a GPU is needed
                                                              → results/epoch_resnet18_<device>.csv
python benchmarks/epoch.py run        our whole run of 10 epochs   → results/run_<device>.csv
python benchmarks/epoch.py accuracy   trains report A's loop to the end for three seeds
                                                                  → results/accuracy_<device>.csv

FER2013 must be prepared under data/fer2013; its images are written out as JPEG files for report A's
loop. Times are for four classes (12,796 training and 3,199 validation images, batches of 64), the
accuracy is compared on two (6,400, 1,600 and 3,021 test images), which takes half as long. ResNet18
starts from random weights: how long an epoch takes is the same with any. A last number is a smaller
cap of images per class, to try it out.
"""

import os
import sys
import tempfile
from pathlib import Path

import measure
import pandas as pd
import torch
from our_loop import OurLoop, protocol
from report_a_loop import IMAGENET_TRANSFORM, TRANSFORM, Loop, fine_tuned_resnet18, loaders

from fer_utils import devices
from fer_utils.data.dataset import Faces
from fer_utils.data.splits import Split, split_task
from fer_utils.data.synthetic import open_dataset
from fer_utils.data.tasks import TASKS, Task
from fer_utils.experiments.results import open_study
from fer_utils.models.cnn import CNN

ROUNDS = 3
SEEDS = (0, 1, 2)
WORKERS = (0, min(8, os.cpu_count()))
# report A's network, its transform, and the same network here with the number of stages that learn
NETWORKS = {
    "cnn": (CNN, TRANSFORM, "cnn", None),
    "resnet18": (fine_tuned_resnet18, IMAGENET_TRANSFORM, "resnet18_scratch", 2),
}


def split_of(faces: Faces, task: Task, seed: int, cap: int) -> Split:
    return split_task(faces, task, cap, protocol.validation, seed)


def their_loop(
    folder: Path, faces: Faces, split: Split, network: str, seed: int, workers: int
) -> Loop:
    names = [
        measure.file_of(row, *key) for row, *key in faces.index[["label", "split"]].itertuples()
    ]
    files = {
        part: [names[row] for row in getattr(split, part)] for part in ("train", "val", "test")
    }
    make, transform, *_ = NETWORKS[network]
    data = loaders(folder, files, split.task.classes, protocol.batch_size, workers, transform)
    weights, device = split.task.weights, devices.choose().device
    return Loop(
        data,
        len(weights),
        protocol.learning_rate,
        protocol.weight_decay,
        weights,
        device,
        seed,
        make,
    )


def our_loops(faces: Faces, split: Split, network: str) -> dict[str, OurLoop]:
    *_, model, trainable = NETWORKS[network]
    rows = (split.train, split.val)
    return {
        f"ours, {name}": OurLoop(
            faces.images, split.labels, rows, split.task.name, hardware, model, trainable
        )
        for name, hardware in measure.kinds_of_hardware()
    }


def time_epochs(folder: Path, faces: Faces, network: str, cap: int) -> pd.DataFrame:
    split = split_of(faces, TASKS["multiclass"], 0, cap)
    tasks = {
        f"report A, {workers} workers": their_loop(folder, faces, split, network, 0, workers).epoch
        for workers in WORKERS
    }
    tasks |= {name: loop.epochs for name, loop in our_loops(faces, split, network).items()}
    medians = measure.alternate(tasks, ROUNDS)
    unit = min(value for name, value in medians.items() if name.startswith("report A"))
    rows = [(name, round(value, 2), round(unit / value, 2)) for name, value in medians.items()]
    return pd.DataFrame(
        rows, columns=["loop", "median_seconds_per_epoch", "times_faster_than_report_a"]
    )


def time_runs(faces: Faces, cap: int) -> pd.DataFrame:
    split = split_of(faces, TASKS["multiclass"], 0, cap)
    loops = our_loops(faces, split, "cnn")
    medians = measure.alternate({name: loop.run for name, loop in loops.items()}, rounds=1)
    rows = [
        (name, protocol.epochs, len(split.train), round(value, 2))
        for name, value in medians.items()
    ]
    return pd.DataFrame(rows, columns=["loop", "epochs", "training_images", "seconds"])


def compare_accuracy(folder: Path, faces: Faces, cap: int) -> pd.DataFrame:
    """Test accuracy after all epochs: report A's loop beside the committed runs of its seeds."""
    study = open_study("report_a", "fer2013").select(task="binary", loss="cross_entropy")
    committed = study.scores()
    committed = committed[committed["metric"] == "accuracy"].set_index("seed")["value"]
    rows = []
    for seed in SEEDS:
        loop = their_loop(
            folder, faces, split_of(faces, TASKS["binary"], seed, cap), "cnn", seed, workers=0
        )
        for epoch in range(1, protocol.epochs + 1):
            print(f"seed {seed}  epoch {epoch}  {loop.epoch():.1f} s", flush=True)
        rows.append((seed, loop.accuracy("test"), committed[seed]))
    return pd.DataFrame(rows, columns=["seed", "report_a_loop", "ours"]).round(4)


def main(what: str = "epoch") -> None:
    faces, cap = open_dataset("fer2013"), measure.argument(2, protocol.cap)
    if what == "resnet18" and not torch.cuda.is_available() and cap == protocol.cap:
        sys.exit(
            "an epoch of ResNet18 at 224 pixels takes an hour on a CPU; "
            "give a small number of images per class"
        )
    if what == "run":
        measure.save(time_runs(faces, cap), "run")
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        measure.write_files(faces, folder)
        if what == "accuracy":
            measure.save(compare_accuracy(folder, faces, cap), "accuracy")
        elif what == "resnet18":
            measure.save(time_epochs(folder, faces, "resnet18", cap), "epoch_resnet18")
        else:
            measure.save(time_epochs(folder, faces, "cnn", cap), "epoch")


if __name__ == "__main__":
    main(*sys.argv[1:2])
