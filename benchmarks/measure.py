"""What the benchmarks share: timing side by side, memory, and where the answers are kept."""

import dataclasses
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median

import pandas as pd
import torch
from PIL import Image

from fer_utils import devices, paths
from fer_utils.data.dataset import Faces
from fer_utils.devices import Hardware

FOLDER = Path(__file__).parent / "results"


def alternate(tasks: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Median of what each task returns, the tasks taking turns; a first round does not count."""
    values = {name: [] for name in tasks}
    for turn in range(1 + rounds):
        for name, task in tasks.items():
            values[name].append(task())
            print(f"round {turn}  {name:36s} {values[name][-1]:10.4f}", flush=True)
    return {name: median(rounds[1:]) for name, rounds in values.items()}


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """How long `work` takes until the device is done with it."""
    wait(device)
    started = time.perf_counter()
    work()
    wait(device)
    return time.perf_counter() - started


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def kinds_of_hardware() -> Iterable[tuple[str, Hardware]]:
    """(name, hardware) in every precision worth a row, and on CUDA with and without compiling."""
    chosen = devices.choose()
    for precision in dict.fromkeys(("fp32", chosen.precision)):
        for compiled in (True, False) if chosen.compiled else (False,):
            name = f"{precision}{', compiled' if compiled else ''}"
            yield name, dataclasses.replace(chosen, precision=precision, compiled=compiled)


def save(table: pd.DataFrame, question: str) -> Path:
    """Writes and prints results/<question>_<device>.csv, with the versions it was measured with.

    A number on the command line makes it a trial, which goes to a temporary folder.
    """
    about = devices.choose().describe()
    trial = any(word.isdigit() for word in sys.argv[1:])
    path = (Path(tempfile.gettempdir()) if trial else FOLDER) / f"{question}_{device_name()}.csv"
    table.assign(**{name: about[name] for name in ("device", "threads", "torch", "commit")}).to_csv(
        path, index=False
    )
    print(table.to_string(index=False))
    print(path.name if trial else path.relative_to(paths.CHECKOUT))
    return path


def device_name() -> str:
    return devices.choose().describe()["device"].replace(", ", "-").replace(" ", "-").lower()


def memory(kind: str) -> float:
    """MB of this process: RssAnon is its own, RssFile is mapped and can be given back."""
    line = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(kind)
    )
    return int(line.split()[1]) / 1024


def write_files(faces: Faces, folder: Path) -> None:
    """The images as ImageFolder wants them: train/<class>/, test/<class>/, named by their row."""
    for row, (label, split) in enumerate(
        zip(faces.index["label"], faces.index["split"], strict=True)
    ):
        path = folder / file_of(row, label, split)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(faces.images[row]).save(path, quality=95)


def file_of(row: int, label: str, split: str) -> str:
    return f"{'train' if split == 'Training' else 'test'}/{label}/{row}.jpg"


def argument(position: int, default: int) -> int:
    """A number on the command line: another size, to try a benchmark out."""
    return int(sys.argv[position]) if len(sys.argv) > position else default
