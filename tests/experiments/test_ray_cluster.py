"""A study over a real Ray cluster of two nodes on this machine, one of which is lost on the way."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from fer_utils import paths
from fer_utils.errors import FerError
from fer_utils.experiments import ray_cluster, recipes, studies
from fer_utils.experiments.runner import folder_of
from fer_utils.training.experiment import Experiment

STARTS = 5  # of a node
SMALL = {"dataset": "drawn", "task": "binary", "epochs": 1, "batch_size": 16}


@contextmanager
def node(home: Path, *options):
    """A node whose data and results are under `home`, killed at the end with all its processes.

    Ray gives a node's agents 15 s to come up and else ends the node (ray-project/ray#65983). That
    is too little on a busy machine, so the node is then started again.
    """
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1"]
    command += [*options, "--object-store-memory=80000000", "--disable-usage-stats"]
    # a node whose processes measure coverage does not come up
    unmeasured = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    environment = unmeasured | {
        "FER_HOME": str(home),
        "PYTHONUNBUFFERED": "1",
        "RAY_worker_niceness": "0",  # Ray has its workers give way to everything else
        "RAY_health_check_period_ms": "1000",
        # whatever else this machine does, no run ends for want of memory
        "RAY_memory_monitor_refresh_ms": "0",
    }
    home.mkdir(exist_ok=True)
    log = home / "ray.log"

    def start():
        with log.open("w") as output:
            process = subprocess.Popen(
                command, env=environment, start_new_session=True, stdout=output, stderr=output
            )
        wait_for(lambda: process.poll() is not None or "runtime started" in log.read_text())
        return process

    for _ in range(STARTS):
        process = start()
        try:
            if process.poll() is None:
                yield process
                return
        finally:
            kill(process)
    pytest.fail(f"no node after {STARTS} starts: {log.read_text()[-2000:]}")


def kill(process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_for(what, seconds=400):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


@pytest.fixture
def two_nodes(store, tmp_path):
    """(address, second node): the first has the data set, the second has not."""
    pytest.importorskip("ray")
    short = tempfile.mkdtemp(prefix="r", dir="/tmp")  # names of sockets have at most 107 bytes
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    head = ["--head", f"--port={port}", f"--temp-dir={short}", "--include-dashboard=false"]
    try:
        join = [f"--address=127.0.0.1:{port}"]
        with node(tmp_path, *head), node(tmp_path / "elsewhere", *join) as second:
            yield f"127.0.0.1:{port}", second
    finally:
        shutil.rmtree(short, ignore_errors=True)


def test_a_lost_node_loses_nothing_and_nothing_runs_twice(two_nodes, store, tmp_path, monkeypatch):
    address, second = two_nodes
    log, results, compute = tmp_path / "log", tmp_path / "results", ray_cluster.compute
    elsewhere = str(tmp_path / "elsewhere")

    def logged(experiment, *rest):
        """Notes what nodes begin and end.

        The second node hangs in its second run, and the first waits for that.
        """
        here = "second" if os.environ["FER_HOME"] == elsewhere else "first"

        def note(event):
            with log.open("a") as stream:
                stream.write(f"{event} {here} {experiment.id}\n")

        note("begin")
        content = compute(experiment, *rest)
        if content is not None:
            if here == "second" and "end second" in log.read_text():
                note("hang")
                time.sleep(600)
            while here == "first" and "hang second" not in log.read_text():
                time.sleep(0.1)
            note("end")
        return content

    def lines(event):
        return [line.split()[1:] for line in log.read_text().splitlines() if line.startswith(event)]

    def lose_the_second():
        wait_for(lambda: log.exists() and lines("hang"))
        kill(second)

    good = [Experiment(seed=seed, **SMALL) for seed in range(4)]
    bad = Experiment(**SMALL | {"task": "joy+sad"})
    monkeypatch.setattr(ray_cluster, "compute", logged)
    threading.Thread(target=lose_the_second, daemon=True).start()
    with pytest.raises(FerError) as failure:
        ray_cluster.spread([bad, *good], "cpu", "fp32", results, store, address)
    assert str(failure.value).startswith(
        f"1 of 5 runs failed, the others are finished: {bad.id}: no class 'joy' in"
    )
    assert second.poll() is not None and lines("hang")

    ended = [run for _, run in lines("end")]
    assert sorted(ended) == sorted(experiment.id for experiment in good)
    assert {where for where, _ in lines("end")} == {"first", "second"}
    done = [folder_of(experiment, results) / "done.json" for experiment in good]
    written = [path.stat().st_mtime_ns for path in done]
    names = {"config.json", "history.csv", "metrics.csv", "confusion.csv", "predictions.npz"}
    names |= {"best.pth", "last.pth", "done.json"}
    assert all({p.name for p in path.parent.iterdir()} == names for path in done)

    monkeypatch.setattr(studies, "open_dataset", lambda name: store)
    monkeypatch.setitem(recipes.STUDIES, "four", lambda dataset: good)
    spread = partial(ray_cluster.spread, address=address)
    ids = studies.run_study("four", "drawn", "cpu", "fp32", results, spread=spread)
    assert ids == [experiment.id for experiment in good]
    assert [path.stat().st_mtime_ns for path in done] == written and len(lines("end")) == 4
    with pytest.raises(FerError, match="the cluster has no GPU; leave --gpus-per-run out"):
        ray_cluster.spread(good, "auto", "auto", results, store, address, 0.25)


def test_a_node_computes_from_its_own_data_set_if_it_is_the_very_one(store, tmp_path, monkeypatch):
    pytest.importorskip("ray")
    one = Experiment(**SMALL)
    monkeypatch.setattr(paths, "DATA", tmp_path / "nowhere")
    assert ray_cluster.compute(one, "cpu", "fp32", store.digest, []) is None
    monkeypatch.setattr(paths, "DATA", tmp_path / "data")
    assert ray_cluster.compute(one, "cpu", "fp32", "another", []) is None
    files = ray_cluster.compute(one, "cpu", "fp32", store.digest, [])
    assert json.loads(files["done.json"])["id"] == one.id and "predictions.npz" in files


@pytest.mark.parametrize("word", ["auto", "local"])
def test_rays_own_words_for_an_address_are_no_hosts(store, tmp_path, monkeypatch, word):
    ray = pytest.importorskip("ray")
    asked = []

    def init(address, **_):
        asked.append(address)
        raise ConnectionError("Could not find any running Ray instance.")

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setenv("RAY_ADDRESS", word)
    with pytest.raises(FerError, match="no Ray cluster on this machine; start one with"):
        ray_cluster.spread([], "cpu", "fp32", tmp_path, store)
    assert asked == [word]


@pytest.mark.parametrize("share", [-1, -0.5, 1.5, float("nan"), float("inf")])
def test_shares_of_a_gpu_that_cannot_be_are_refused(store, tmp_path, share):
    with pytest.raises(FerError, match="GPUs per run must be 0, a share such as"):
        ray_cluster.spread([], "cpu", "fp32", tmp_path, store, gpus_per_run=share)


def test_clusters_that_are_not_there_are_one_line(store, tmp_path, monkeypatch):
    ray = pytest.importorskip("ray")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    refused = rf"no Ray cluster at 127.0.0.1:{port} \(.*refused\); start one with: ray start"
    with pytest.raises(FerError, match=refused):
        ray_cluster.spread([], "cpu", "fp32", tmp_path, store, f"127.0.0.1:{port}")
    with pytest.raises(FerError, match=r"no Ray cluster at nowhere .*; start one with"):
        ray_cluster.spread([], "cpu", "fp32", tmp_path, store, "nowhere")

    def none(**_):
        raise ConnectionError("Could not find any running Ray instance.")

    monkeypatch.setattr(ray, "init", none)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    start = "no Ray cluster on this machine; start one with: ray start --head"
    with pytest.raises(FerError, match=start):
        ray_cluster.spread([], "cpu", "fp32", tmp_path, store)
    monkeypatch.setitem(sys.modules, "ray", None)
    install = r"--on ray needs the extra cluster: pip install -e '.\[cluster\]'"
    with pytest.raises(FerError, match=install):
        ray_cluster.spread([], "cpu", "fp32", tmp_path, store)
