"""Time and peak memory of what a user types, each in a process of its own.

python benchmarks/whole.py            → results/whole_<device>.csv

`make all` with the drawn sample, and an epoch of report A's CNN, of the small residual network and
of a frozen MobileNetV2's head on FER2013. Memory is the largest process's. They compute into a
temporary folder.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measure
import pandas as pd

from fer_utils import paths

RUN = [sys.executable, "-m", "fer_utils", "run", "dataset=fer2013", "epochs=1"]
COMMANDS = {
    "make all": ["make", "-C", str(paths.CHECKOUT), "all", f"PYTHON={sys.executable}"],
    "an epoch, cnn": RUN,
    "an epoch, small_resnet": [*RUN, "model=small_resnet"],
    "an epoch, mobilenet_v2, one stage of five": [
        *RUN,
        "model=mobilenet_v2",
        "trainable=1",
        "cap=200",
    ],
}


def measured(command: list[str], home: Path) -> tuple[float, float, int]:
    """(seconds, MB, exit status) of a command and of the processes that it started."""
    started = time.perf_counter()
    environment = os.environ | {"FER_HOME": str(home), "PYTHONPATH": str(paths.CHECKOUT)}
    process = subprocess.Popen(command, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    return time.perf_counter() - started, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        (home := Path(scratch, "home")).joinpath("data").mkdir(parents=True)
        for name in ("fer2013", "weights"):
            (home / "data" / name).symlink_to(paths.DATA / name)
        for name, command in COMMANDS.items():
            took, peak, status = measured(command, home)
            if status:
                print(f"not measured: {name} ended with status {status}")
                continue
            rows.append((name, round(took, 1), round(peak)))
    measure.save(pd.DataFrame(rows, columns=["what", "seconds", "peak_memory_mb"]), "whole")


if __name__ == "__main__":
    main()
