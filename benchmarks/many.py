"""How many runs a minute one machine finishes, with 1, 2, 4 and 8 processes side by side.

python benchmarks/many.py             → results/many_<device>.csv

A run is 10 epochs of the CNN on two classes: report A's 6,400 images on a GPU, 1,600 on a CPU. The processes share
the cores evenly, as `python -m fer_utils study --jobs N` does; each has imported, compiled and run once before the
clock starts, and then makes RUNS runs with other seeds. Numbers: images a class, most processes.
"""

import time
from multiprocessing import get_context

import measure
import pandas as pd
import torch
from our_loop import OurLoop, protocol

from fer_utils import devices
from fer_utils.emotions import TASKS
from fer_utils.faces import split_task
from fer_utils.running import open_dataset

JOBS = (1, 2, 4, 8)
RUNS = 2


def work(threads: int, cap: int, all_ready, times) -> None:
    """One process: gets ready, waits for the others, runs; puts (start, end) into `times`."""
    torch.set_num_threads(threads)
    faces, task = open_dataset("fer2013"), TASKS["binary"]
    split = split_task(faces, task, cap, protocol.validation, seed=0)
    loop = OurLoop(faces.images, split.labels, (split.train, split.val), task.weights, devices.choose())
    loop.epochs()
    all_ready.wait()
    started = time.perf_counter()
    for _ in range(RUNS):
        loop.run()
    times.put((started, time.perf_counter()))


def side_by_side(jobs: int, cap: int) -> float:
    """Runs a minute, from the first start to the last end."""
    context = get_context("spawn")
    all_ready, times = context.Barrier(jobs), context.Queue()
    threads = max(1, torch.get_num_threads() // jobs)
    processes = [context.Process(target=work, args=(threads, cap, all_ready, times)) for _ in range(jobs)]
    for process in processes:
        process.start()
    starts, ends = zip(*[times.get() for _ in processes], strict=True)
    for process in processes:
        process.join()
    return 60 * jobs * RUNS / (max(ends) - min(starts))


def main() -> None:
    hardware = devices.choose()
    cap = measure.argument(1, protocol.cap if hardware.device.type == "cuda" else 1000)
    rates = {}
    for jobs in JOBS:
        if jobs <= measure.argument(2, JOBS[-1]):
            rates[jobs] = side_by_side(jobs, cap)
            print(f"{jobs} processes: {rates[jobs]:.2f} runs a minute", flush=True)
    rows = [(jobs, 2 * cap, round(rate, 3), round(rate / rates[1], 2)) for jobs, rate in rates.items()]
    columns = ["processes", "images_at_most", "runs_per_minute", "times_one_process"]
    measure.save(pd.DataFrame(rows, columns=columns), "many")


if __name__ == "__main__":
    main()
