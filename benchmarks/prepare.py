"""Preparing and opening a data set, beside torchvision's ImageFolder, which reads files each time.

python benchmarks/prepare.py          → results/prepare_<device>.csv

FER2013's 35,887 images, written out as JPEG files and already in the system's file cache for all.
ImageFolder gives each as a grey uint8 tensor, the least that is needed for training. A number: only
so many images.
"""

import tempfile
from pathlib import Path

import measure
import pandas as pd
import torch
from torchvision import transforms
from torchvision.datasets import ImageFolder

from fer_utils.data import ingest
from fer_utils.data.dataset import Faces, open_store
from fer_utils.data.synthetic import open_dataset

ROUNDS = 3
CPU = torch.device("cpu")
TENSOR = transforms.Compose([transforms.Grayscale(), transforms.PILToTensor()])


def read_with_imagefolder(folder: Path) -> None:
    for part in ("train", "test"):
        for _ in ImageFolder(folder / part, TENSOR):
            pass


def main() -> None:
    faces = open_dataset("fer2013")
    count = measure.argument(1, len(faces))
    rows = pd.Series(range(len(faces))).sample(count, random_state=0).to_numpy()
    faces = Faces(faces.images[rows], faces.index.iloc[rows].reset_index(drop=True), faces.source)
    with tempfile.TemporaryDirectory() as scratch:
        files, store = Path(scratch, "files"), Path(scratch, "store")
        measure.write_files(faces, files)
        works = {
            "torchvision's ImageFolder": lambda: read_with_imagefolder(files),
            "ours, preparing": lambda: ingest.prepare(files, store),
            "ours, opening": lambda: open_store(store),
        }
        tasks = {name: lambda work=work: measure.seconds(work, CPU) for name, work in works.items()}
        medians = measure.alternate(tasks, ROUNDS)
    unit = medians["torchvision's ImageFolder"]
    rows = [
        (name, count, round(value, 4), round(unit / value, 2)) for name, value in medians.items()
    ]
    measure.save(
        pd.DataFrame(rows, columns=["what", "images", "median_seconds", "times_faster"]), "prepare"
    )


if __name__ == "__main__":
    main()
