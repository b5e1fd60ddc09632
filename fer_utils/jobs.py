"""Several runs at once on one machine: as many processes, each with its share of the threads.

A network of 1.3 M parameters keeps neither a GPU nor many cores busy, so that runs side by side finish sooner
than one after another (benchmarks/many.py). A process takes the next experiment when it is done with one, and
what it has compiled serves all seeds that it meets.
"""

import multiprocessing
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import torch

from fer_utils.errors import FerError
from fer_utils.experiment import Experiment
from fer_utils.faces import Faces
from fer_utils.running import run


def run_side_by_side(
    experiments: Sequence[Experiment], device: str, precision: str, results: Path, faces: Faces, jobs: int
) -> None:
    """Runs the experiments in `jobs` processes; prints a line when one is finished.

    The results are those of runs one after another, but for the last digits: fewer threads add up in another
    order. Each process opens the store of `faces` itself. Raises the first FerError, once the runs under way have
    ended; stop it and start it again as you like.
    """
    if jobs < 1:
        raise FerError(f"jobs must be at least 1; got {jobs}")
    threads = max(1, torch.get_num_threads() // jobs)
    context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
    with ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=(threads,)) as pool:
        under_way = {pool.submit(run, one, device, precision, results): one for one in experiments}
        try:
            for number, future in enumerate(as_completed(under_way), start=1):
                future.result()
                print(f"[{number}/{len(experiments)}] {under_way[future].id}", flush=True)
        finally:
            pool.shutdown(cancel_futures=True)


def _begin(threads: int) -> None:
    """In a new process: its share of the threads, and no table of epochs among those of the others."""
    torch.set_num_threads(threads)
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115
