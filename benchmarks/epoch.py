"""An epoch of training and validation, report A's loop beside ours, alternating in one process.

python benchmarks/epoch.py            times the epochs  → benchmarks/results/epoch_<device>.csv
python benchmarks/epoch.py accuracy   trains report A's loop to the end for three seeds,
                                      → benchmarks/results/accuracy_<device>.csv
FER2013 must be prepared under data/fer2013; its images are written out as JPEG files for report A's loop.
Epochs are timed on four classes (12,796 training and 3,199 validation images, batches of 64), the accuracy is
compared on two (6,400, 1,600 and 3,021 test images), which takes half as long.
"""

import contextlib
import io
import sys
import tempfile
from pathlib import Path
from statistics import median

import pandas as pd
import torch
from PIL import Image
from report_a_loop import Loop, loaders

from fer_utils import devices, paths
from fer_utils.batches import Batches
from fer_utils.emotions import TASKS, Task
from fer_utils.experiment import Experiment
from fer_utils.faces import split_task
from fer_utils.losses import make_loss
from fer_utils.models import Network
from fer_utils.results import open_results
from fer_utils.running import open_dataset
from fer_utils.training import make_optimiser, train

ROUNDS = 3  # epochs of each loop that count, after one that does not
SEEDS = (0, 1, 2)
FOLDER = Path(__file__).parent / "results"
protocol = Experiment(dataset="fer2013")


def their_loop(folder: Path, faces, task: Task, device, seed: int, workers: int) -> Loop:
    split = split_task(faces, task, protocol.cap, protocol.validation, seed)
    names = [file_of(row, *key) for row, *key in faces.index[["label", "split"]].itertuples()]
    files = {part: [names[row] for row in getattr(split, part)] for part in ("train", "val", "test")}
    data = loaders(folder, files, task.classes, protocol.batch_size, workers)
    return Loop(data, len(task.classes), protocol.learning_rate, protocol.weight_decay, task.weights, device, seed)


class OurLoop:
    """fer_utils.training.train, one epoch a call."""

    def __init__(self, faces, task: Task, precision: str, seed: int = 0):
        self.hardware = devices.choose("auto", precision)
        split = split_task(faces, task, protocol.cap, protocol.validation, seed)
        size, device = protocol.batch_size, self.hardware.device
        self.sets = [Batches(faces.images[r], split.labels[r], size, device) for r in (split.train, split.val)]
        torch.manual_seed(seed)
        self.network = Network("cnn", len(task.classes))
        self.criterion = make_loss("cross_entropy", 0.0, torch.tensor(task.weights))
        self.optimiser = make_optimiser("adam", self.network, protocol.learning_rate, protocol.weight_decay)

    def epoch(self) -> float:
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            history = train(
                self.network, *self.sets, self.criterion, self.optimiser,
                epochs=1, seed=0, hardware=self.hardware, folder=Path(folder),
            )  # fmt: skip
        return history["seconds"].item()


def time_epochs(folder: Path, faces) -> pd.DataFrame:
    task, device = TASKS["multiclass"], devices.choose().device
    loops = {
        f"report A, {workers} workers": their_loop(folder, faces, task, device, 0, workers) for workers in (0, 2)
    }
    loops |= {f"ours, {precision}": OurLoop(faces, task, precision) for precision in ("fp32", "bf16")}
    seconds = {name: [] for name in loops}
    for turn in range(1 + ROUNDS):
        for name, loop in loops.items():
            seconds[name].append(loop.epoch())
            print(f"round {turn}  {name:22s} {seconds[name][-1]:6.1f} s", flush=True)
    medians = {name: median(values[1:]) for name, values in seconds.items()}
    unit = min(value for name, value in medians.items() if name.startswith("report A"))
    rows = [(name, round(value, 2), round(unit / value, 2)) for name, value in medians.items()]
    return pd.DataFrame(rows, columns=["loop", "median_seconds_per_epoch", "times_faster_than_report_a"])


def compare_accuracy(folder: Path, faces) -> pd.DataFrame:
    """Test accuracy after the protocol's epochs, report A's loop beside the committed runs of the same seeds."""
    ours = open_results("fer2013").study("report_a").select(task="binary", loss="cross_entropy").scores()
    ours = ours[ours["metric"] == "accuracy"].set_index("seed")["value"]
    rows = []
    for seed in SEEDS:
        loop = their_loop(folder, faces, TASKS["binary"], devices.choose().device, seed, workers=0)
        for epoch in range(1, protocol.epochs + 1):
            print(f"seed {seed}  epoch {epoch}  {loop.epoch():.1f} s", flush=True)
        rows.append((seed, loop.accuracy("test"), ours[seed]))
    return pd.DataFrame(rows, columns=["seed", "report_a_loop", "ours"]).round(4)


def write_files(faces, folder: Path) -> None:
    """The images as ImageFolder wants them: files under train/<class>/ and test/<class>/, named by their row."""
    for row, (label, split) in enumerate(zip(faces.index["label"], faces.index["split"], strict=True)):
        path = folder / file_of(row, label, split)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(faces.images[row]).save(path, quality=95)


def file_of(row: int, label: str, split: str) -> str:
    return f"{'train' if split == 'Training' else 'test'}/{label}/{row}.jpg"


def main(what: str = "epochs") -> None:
    faces = open_dataset("fer2013")
    about = devices.choose().describe()
    with tempfile.TemporaryDirectory() as scratch:
        write_files(faces, Path(scratch))
        table = compare_accuracy(Path(scratch), faces) if what == "accuracy" else time_epochs(Path(scratch), faces)
    FOLDER.mkdir(exist_ok=True)
    device = about["device"].replace(", ", "-").replace(" ", "-").lower()
    path = FOLDER / f"{'accuracy' if what == 'accuracy' else 'epoch'}_{device}.csv"
    table.assign(**{name: about[name] for name in ("device", "threads", "torch", "commit")}).to_csv(
        path, index=False
    )
    print(table.to_string(index=False))
    print(path.relative_to(paths.CHECKOUT))


if __name__ == "__main__":
    main(*sys.argv[1:])
