"""Several processes compute the same run as one: real ones, started by torchrun.

In float64 they agree. In float32 rounding alone moves the weights of some runs by more than 1e-5,
whether it is two processes or two threads that round differently; small steps keep that below.
"""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
import torch

from fer_utils import devices, distributed
from fer_utils.data.dataset import open_store
from fer_utils.data.loader import Batches
from fer_utils.distributed import ALONE, World
from fer_utils.errors import FerError
from fer_utils.experiments.runner import folder_of, run
from fer_utils.models.network import Network
from fer_utils.training import loop
from fer_utils.training.experiment import Experiment
from fer_utils.training.loop import train
from fer_utils.training.setup import TrainingSetup

HARDWARE = devices.choose("cpu", "fp32")
CONFIG = Experiment(task="binary", class_weights=False, learning_rate=1e-3, batch_size=16)
TRAININGS = {
    "adam": {},
    "everything": {
        "loss": "focal", "class_weights": True, "ema": 0.9, "clip": 0.5, "schedule": "one_cycle",
        "patience": 1,
    },
    "residual": {"model": "small_resnet", "optimiser": "sgd", "class_weights": True, "count": 42},
    "thawing": {"thaw": "1:1 2:2"},
}  # fmt: skip


def torchrun(processes, *command, **options):
    launch = ["-m", "torch.distributed.run", "--nproc-per-node", processes, *command]
    environment = os.environ | {"OMP_NUM_THREADS": "1"} | options
    return subprocess.run(
        [sys.executable, *map(str, launch)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def noise(count, seed):
    """Noise alone: no two pixels of a window are equal; rounding cannot choose another maximum."""
    images = torch.randint(0, 256, (count, 16, 16), generator=torch.Generator().manual_seed(seed))
    return Batches(images.to(torch.uint8).numpy(), torch.arange(count) % 2, 16, HARDWARE.device)


def one_training(folder, world, count=34, **settings):
    config = CONFIG.replace(epochs=2, **settings)
    torch.manual_seed(0)
    network = Network(config.model, 2, size=16, dropout=0.0).double()
    loaders = {"train": noise(count, 0), "val": noise(31, 1)}  # of 34 the last batch has two images
    after_epoch = lambda row: print(f"row {row['epoch']}", flush=True)  # noqa: E731
    return train(network, loaders, config, HARDWARE, folder, world, after_epoch)


class Stop(Exception):
    pass


def after_one_epoch(history, *_):
    """In place of early stopping, which every process asks: here all are interrupted at once."""
    if history:
        raise Stop
    return False


def all_trainings(folder: Path, world: World) -> None:
    for name, settings in TRAININGS.items():
        with contextlib.suppress(Stop), mock.patch.object(loop, "stops_early", after_one_epoch):
            one_training(folder / name, world, **settings)
        one_training(folder / name, world, **settings)  # resumed


class Linear(torch.nn.Linear):
    def forward(self, x, start_stage):
        return super().forward(x)


def gradient_of_pieces(folder: Path, world: World) -> None:
    """A step whose batch of 16 goes through the network in pieces of 5."""
    torch.manual_seed(0)
    network, features = Linear(5, 2).double(), torch.randn(16, 5, dtype=torch.float64)
    images = np.zeros((16, 1, 1), np.uint8)
    batches = Batches(images, np.arange(16) % 2, 16, HARDWARE.device).with_features(features, 1)
    config = CONFIG.replace(class_weights=True, clip=0.1, optimiser="sgd", learning_rate=1.0)
    setup = TrainingSetup.of(network, config, 1, HARDWARE, world)
    scores = loop.train_one_epoch(setup, batches, [], micro_batch=5)
    if world.is_main:
        folder.mkdir(exist_ok=True)
        found = network.state_dict() | {name: torch.tensor(score) for name, score in scores.items()}
        torch.save(found, folder / "pieces.pth")


def close(a: Path, b: Path, tolerance: float) -> None:
    first, second = (torch.load(path, weights_only=True) for path in (a, b))
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], rtol=0, atol=tolerance, msg=f"{a}: {name}")


def test_three_processes_train_as_one_and_fail_as_one(tmp_path):
    all_trainings(tmp_path / "one", ALONE)
    gradient_of_pieces(tmp_path / "one", ALONE)
    done = torchrun(3, __file__, tmp_path / "three")
    said = [line for line in done.stderr.splitlines() if "FerError: " in line]
    assert done.returncode == 1 and len(said) == 1, done.stderr
    assert "process 1 of 3 on" in said[0] and said[0].endswith("no luck")
    for name in TRAININGS:
        for file in ("best.pth", "last.pth"):
            close(tmp_path / "one" / name / file, tmp_path / "three" / name / file, 1e-7)
        histories = [pd.read_csv(tmp_path / way / name / "history.csv") for way in ("one", "three")]
        pd.testing.assert_frame_equal(*(history.drop(columns="seconds") for history in histories))
    close(tmp_path / "one" / "pieces.pth", tmp_path / "three" / "pieces.pth", 1e-7)
    assert done.stdout.count("resuming after epoch 1") == len(TRAININGS)  # one of three prints
    for epoch in (1, 2):  # and is called back
        assert done.stdout.count(f"row {epoch}\n") == len(TRAININGS)


def test_a_run_of_two_processes_is_the_run_of_one(drawn, tmp_path):
    drawn.save(tmp_path / "data" / "drawn")
    settings = {
        "dataset": "drawn", "task": "binary", "epochs": 2, "batch_size": 14, "dropout": 0.0,
        "optimiser": "sgd", "learning_rate": 1e-4,
    }  # fmt: skip
    command = ["-m", "fer_utils", "run", *(f"{name}={value}" for name, value in settings.items())]
    command += ["--device", "cpu", "--precision", "fp32"]
    done = torchrun(2, *command, FER_HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    chosen = Experiment(**settings)
    two = folder_of(chosen, tmp_path / "results")
    one = run(chosen, "cpu", "fp32", tmp_path / "other", open_store(tmp_path / "data" / "drawn"))
    assert {path.name for path in two.iterdir()} == {path.name for path in one.iterdir()}
    close(one / "last.pth", two / "last.pth", 1e-5)
    assert (one / "metrics.csv").read_text() == (two / "metrics.csv").read_text()
    assert json.loads((two / "config.json").read_text())["hardware"]["processes"] == "2"
    assert (
        done.stdout.count(chosen.id) == 2 and done.stdout.count("accuracy") == 1
    )  # the name, and the folder


@pytest.mark.parametrize("kind, present", [("mps", 1), ("cuda", 1)])
def test_several_processes_need_a_gpu_each(monkeypatch, kind, present):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: present)
    for name, value in {"LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(FerError, match="2 processes on this machine need a CUDA device each"):
        distributed._joined(kind)


def test_alone_nothing_is_exchanged(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert distributed.join("cpu") is ALONE and ALONE.placed(HARDWARE) is HARDWARE
    rows, value = torch.arange(3), object()
    assert ALONE.sum(rows) is rows and ALONE.gather(rows, 3) is rows
    assert ALONE.broadcast(value) is value
    with pytest.raises(FerError, match=r"^no luck$"), distributed.failing_together():
        raise FerError("no luck")


@pytest.mark.parametrize("count, size, sizes", [(16, 3, [5, 5, 6]), (2, 3, [0, 1, 1]), (7, 1, [7])])
def test_shards_are_the_whole_in_order(count, size, sizes):
    shards = [World(rank, size).shard(torch.arange(count)) for rank in range(size)]
    assert torch.cat(shards).tolist() == list(range(count)) and list(map(len, shards)) == sizes


def test_layers_that_cannot_be_synchronised_are_named():
    class Odd(torch.nn.BatchNorm2d):
        pass

    with pytest.raises(FerError, match="Odd cannot be computed by several processes; start one"):
        World(size=2).synchronise(torch.nn.Sequential(Odd(3)))


def test_normalisation_without_running_means_is_refused():
    network = torch.nn.Sequential(torch.nn.BatchNorm2d(3, track_running_stats=False))
    World(size=2).synchronise(network)
    with pytest.raises(FerError, match="running means and a momentum; start one"):
        network(torch.zeros(2, 3, 4, 4))


if __name__ == "__main__":  # what torchrun starts
    together = distributed.join("cpu")
    all_trainings(Path(sys.argv[1]), together)
    gradient_of_pieces(Path(sys.argv[1]), together)
    with distributed.failing_together():
        if together.rank == 1:
            raise FerError("no luck")
        together.sum(torch.zeros(1))
