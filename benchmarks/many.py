"""How many runs a minute one machine finishes, with 1, 2, 4 and 8 processes side by side.

python benchmarks/many.py             → results/many_<device>.csv

A run is 10 epochs of the CNN on two classes: report A's 6,400 images on a GPU, 1,600 on a CPU. The
processes share the cores evenly, as `python -m fer_utils study --jobs N` does; each has imported,
compiled and run once before the clock starts, and then makes RUNS runs with other seeds. Beside
them the networks of as many seeds in one process, stacked into one (torch.func), in fp32, since
stacked batch normalisation takes no bf16: their training steps alone are timed, without validation,
and only for this question. Numbers: images a class, most runs at once.
"""

import copy
import time
from multiprocessing import get_context

import measure
import pandas as pd
import torch
import torch.nn.functional as F
from our_loop import OurLoop, protocol

from fer_utils import devices
from fer_utils.data.splits import split_task
from fer_utils.data.synthetic import open_dataset
from fer_utils.data.tasks import TASKS
from fer_utils.models.network import Network

JOBS = (1, 2, 4, 8)
RUNS = 2
STEPS = 5


def work(threads: int, cap: int, all_ready, times) -> None:
    """One process: gets ready, waits for the others, runs; puts (start, end) into `times`."""
    torch.set_num_threads(threads)
    faces, task = open_dataset("fer2013"), TASKS["binary"]
    split = split_task(faces, task, cap, protocol.validation, seed=0)
    loop = OurLoop(
        faces.images, split.labels, (split.train, split.val), task.name, devices.choose()
    )
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
    processes = [
        context.Process(target=work, args=(threads, cap, all_ready, times)) for _ in range(jobs)
    ]
    for process in processes:
        process.start()
    starts, ends = zip(*[times.get() for _ in processes], strict=True)
    for process in processes:
        process.join()
    return 60 * jobs * RUNS / (max(ends) - min(starts))


def stacked(count: int, cap: int) -> float:
    """Runs a minute if `count` networks take their steps as one, each with its own images."""
    hardware, size = devices.choose(), protocol.batch_size
    networks = [Network("cnn", 2).to(hardware.device).train() for _ in range(count)]
    weights, buffers = torch.func.stack_module_state(networks)
    skeleton = copy.deepcopy(networks[0]).to("meta")

    def loss_of(weights, buffers, images, labels):
        return F.cross_entropy(
            torch.func.functional_call(skeleton, (weights, buffers), (images,)), labels
        )

    gradients = torch.func.vmap(torch.func.grad(loss_of), randomness="different")
    optimiser = torch.optim.Adam(weights.values(), lr=protocol.learning_rate, fused=True)
    images = torch.randint(
        0, 256, (count, size, 1, 48, 48), dtype=torch.uint8, device=hardware.device
    )
    labels = torch.randint(0, 2, (count, size), device=hardware.device)

    def steps() -> None:
        for _ in range(STEPS):
            for name, gradient in gradients(weights, buffers, images, labels).items():
                weights[name].grad = gradient
            optimiser.step()

    steps()
    seconds = measure.seconds(steps, hardware.device) / STEPS
    steps_of_a_run = protocol.epochs * 2 * cap * (1 - protocol.validation) / size
    return 60 * count / (seconds * steps_of_a_run)


def main() -> None:
    hardware = devices.choose()
    cap = measure.argument(1, protocol.cap if hardware.device.type == "cuda" else 1000)
    rows = []
    for way, rate_of in (("processes", side_by_side), ("stacked networks", stacked)):
        for count in JOBS:
            if count <= measure.argument(2, JOBS[-1]):
                rows.append((way, count, 2 * cap, rate_of(count, cap)))
                print(f"{count} {way}: {rows[-1][-1]:.2f} runs a minute", flush=True)
    frame = pd.DataFrame(rows, columns=["way", "at_once", "images_at_most", "runs_per_minute"])
    frame["times_one_process"] = frame["runs_per_minute"] / frame["runs_per_minute"].iloc[0]
    measure.save(frame.round(3), "many")


if __name__ == "__main__":
    main()
