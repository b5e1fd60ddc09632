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
from functools import partial
from pathlib import Path

import torch

from fer_utils import io
from fer_utils.data.dataset import Faces
from fer_utils.errors import FerError
from fer_utils.experiments.failures import Failures
from fer_utils.experiments.runner import run
from fer_utils.training.experiment import Experiment


def run_side_by_side(
    experiments: Sequence[Experiment], device: str, precision: str, results: Path, faces: Faces, jobs: int
) -> None:
    """Runs the experiments in `jobs` processes; prints a line when one is finished.

    The results are those of runs one after another, but for the last digits: fewer threads add up in another
    order. Each process opens the store of `faces` itself. A run that fails does not keep the others from
    being finished. Raises FerError then, with the reason of each.
    """
    if jobs < 1:
        raise FerError(f"jobs must be at least 1; got {jobs}")
    threads = max(1, torch.get_num_threads() // jobs)
    context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
    failures, done = Failures(len(experiments)), 0
    with ProcessPoolExecutor(jobs, context, initializer=_begin, initargs=(threads,)) as pool:

        def compute(some: Sequence[Experiment], wait: bool) -> list[Experiment]:
            """Returns those that another process computes."""
            nonlocal done
            run_one = partial(run, device=device, precision=precision, results=results, wait=wait)
            futures, busy = {pool.submit(run_one, one): one for one in some}, []
            for future in as_completed(futures):
                try:
                    future.result()
                except io.Busy:
                    busy.append(futures[future])
                except Exception as error:
                    failures.add(futures[future].id, error)
                else:
                    done += 1
                    print(f"[{done}/{len(experiments)}] {futures[future].id}", flush=True)
            return busy

        try:
            compute(compute(experiments, wait=False), wait=True)
        finally:
            pool.shutdown(cancel_futures=True)
    failures.report()


def _begin(threads: int) -> None:
    """In a new process: its share of the threads, and no table of epochs among those of the others."""
    torch.set_num_threads(threads)
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115
