"""Several runs at once on one machine: as many processes, each with its share of the threads.

A network of 1.3 M parameters keeps neither a GPU nor many cores busy, so that runs side by side
finish sooner than one after another (benchmarks/many.py). A process takes the next experiment when
it is done with one, and what it has compiled serves all seeds that it meets.
"""

import multiprocessing
import os
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import torch

from fer_utils import io
from fer_utils.data.dataset import Faces
from fer_utils.errors import FerError
from fer_utils.experiments.failures import Failures
from fer_utils.experiments.runner import announce, run
from fer_utils.training.experiment import Experiment

KILLED = "its process was killed twice, once with no other beside it; most likely memory is short"


def run_side_by_side(
    experiments: Sequence[Experiment],
    device: str,
    precision: str,
    results: Path,
    faces: Faces,
    jobs: int,
) -> None:
    """Runs the experiments in `jobs` processes; prints a line when one is finished.

    The results are those of runs one after another, but for the last digits: fewer threads add up
    in another order. A run that fails does not keep the others from being finished, and neither
    does one whose process is killed, most often since memory is short: it is tried once more at the
    end, alone.

    Parameters
    ----------
    faces : the data set; each process opens its store itself

    Raises
    ------
    FerError
        For jobs below 1; and at the end, with the reason of each run that failed.
    """
    check_jobs(jobs)
    announce(device, precision)
    threads = max(1, torch.get_num_threads() // jobs)
    failures, done = Failures(len(experiments)), 0

    def compute(
        some: Sequence[Experiment], wait: bool, at_once: int, last_try: bool = False
    ) -> tuple[list[Experiment], list[Experiment]]:
        """Returns the runs that another process computes, and those whose process was killed."""
        nonlocal done
        busy: list[Experiment] = []
        killed: list[Experiment] = []
        with Workers(at_once, threads) as workers:
            arguments = {"device": device, "precision": precision, "results": results, "wait": wait}
            arguments["share_features"] = True
            futures = {workers.submit(one, arguments): one for one in some}
            for future in as_completed(futures):
                one = futures[future]
                try:
                    future.result()
                except io.Busy:
                    busy.append(one)
                except BrokenProcessPool:
                    if last_try:
                        failures.add(one.id, FerError(KILLED))
                    else:
                        killed.append(one)
                        said = f"{one.id}: its process was killed; tried again at the end"
                        print(said, flush=True)
                except Exception as error:
                    failures.add(one.id, error)
                else:
                    done += 1
                    print(f"[{done}/{len(experiments)}] {one.id}", flush=True)
        return busy, killed

    busy, killed = compute(experiments, wait=False, at_once=jobs)
    # what others compute is waited for only now, so that no process is idle before
    _, killed_later = compute(busy, wait=True, at_once=jobs)
    # alone: beside others it might kill its process, or they theirs, again for want of memory
    compute([*killed, *killed_later], wait=True, at_once=1, last_try=True)
    failures.report()


def check_jobs(jobs: int) -> None:
    """Raises FerError for a number of processes below 1."""
    if jobs < 1:
        raise FerError(f"jobs must be at least 1; got {jobs}")


class Workers:
    """Processes that compute a run at a time each. One that is killed takes no other run with it.

    Each is a pool of its own, driven by a thread: in a single pool nobody could tell whose run had
    killed the process, and every run would fail.

    Parameters
    ----------
    count : number of processes
    threads : of each process
    """

    def __init__(self, count: int, threads: int):
        self.threads = threads
        self.callers = ThreadPoolExecutor(count)
        self.idle: SimpleQueue[ProcessPoolExecutor] = SimpleQueue()
        for _ in range(count):
            self.idle.put(self._process())

    def _process(self) -> ProcessPoolExecutor:
        """A new one, which starts with its first run."""
        context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
        return ProcessPoolExecutor(1, context, initializer=_begin, initargs=(self.threads,))

    def __enter__(self) -> "Workers":
        return self

    def submit(self, experiment: Experiment, arguments: dict[str, Any]) -> "Future[Path]":
        """Computes `run(experiment, **arguments)` as soon as a process is idle.

        The future's error is BrokenProcessPool if the process was killed.
        """
        return self.callers.submit(self._call, experiment, arguments)

    def _call(self, experiment: Experiment, arguments: dict[str, Any]) -> Path:
        process = self.idle.get()
        try:
            return process.submit(run, experiment, **arguments).result()
        except BrokenProcessPool:
            process.shutdown()
            process = self._process()  # the broken one would refuse whatever comes next
            raise
        finally:
            self.idle.put(process)

    def __exit__(self, *_: object) -> None:
        self.callers.shutdown(cancel_futures=True)  # waits for the runs that have begun
        while not self.idle.empty():
            self.idle.get().shutdown()


def _begin(threads: int) -> None:
    """In a new process: its share of the threads, and silence, lest tables of epochs mix."""
    torch.set_num_threads(threads)
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115 (open as long as the process lives)
