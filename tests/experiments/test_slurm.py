"""A study as jobs in real processes: submitit's own local ones, and a Slurm of small scripts."""

import json
import os
import signal
import sys
import threading
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from fer_utils import io
from fer_utils.errors import FerError
from fer_utils.experiments import recipes, slurm, studies
from fer_utils.experiments.runner import folder_of, run
from fer_utils.training.experiment import Experiment

SMALL = {"dataset": "drawn", "task": "binary", "epochs": 1, "batch_size": 16}
START = """#!/bin/sh
# start JOB [INDEX]: runs the script of a job, when the process that it may have had is gone
job=$1; index=$2; pid=$(cat $FAKE/pid_$job$index 2>/dev/null)
export SLURM_JOB_ID=$job SLURM_NTASKS=1 SLURM_JOB_NUM_NODES=1 SLURM_NODEID=0 SLURM_PROCID=0
export SLURM_LOCALID=0 SLURM_JOB_NODELIST=here FAKE_PID=$FAKE/pid_$job$index
[ -z "$index" ] || export SLURM_ARRAY_JOB_ID=$job SLURM_ARRAY_TASK_ID=$index
{ while [ -n "$pid" ] && kill -0 $pid; do sleep 0.1; done; sh $FAKE/script_$job; } >/dev/null 2>&1 &
"""
SBATCH = """#!/bin/sh
[ -z "$FAKE_ERROR" ] || { echo "sbatch: error: $FAKE_ERROR" >&2; exit 1; }
job=$((1 + $(ls $FAKE/script_* 2>/dev/null | wc -l)))
cp "$1" $FAKE/script_$job
last=$(sed -n 's/^#SBATCH --array=0-\\([0-9]*\\)%.*/\\1/p' "$1")
if [ -n "$last" ]; then for index in $(seq 0 $last); do start $job $index; done; else start $job; fi
echo "Submitted batch job $job"
"""
SRUN = """#!/bin/sh
while true; do case $1 in --unbuffered) shift;; --output|--error) shift 2;; *) break;; esac; done
echo $$ > $FAKE_PID
exec "$@"
"""
SCONTROL = """#!/bin/sh
touch $FAKE/requeued
start $(echo $2 | tr _ ' ')
"""
SACCT = """#!/bin/sh
echo 'JobID|State|NodeList'
echo '1|RUNNING|here'
"""


@pytest.fixture
def jobs(store, tmp_path, monkeypatch):
    """Jobs find this data set, and are looked at often."""
    pytest.importorskip("submitit")
    monkeypatch.setenv("FER_HOME", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(slurm, "POLL", 0.2)
    return partial(
        slurm.spread, device="cpu", precision="fp32", results=tmp_path / "results", faces=store
    )


@pytest.fixture
def local(jobs, monkeypatch):
    monkeypatch.setattr(slurm, "CLUSTER", "local")
    return partial(jobs, options=slurm.parse_options([]))


@pytest.fixture
def fake_slurm(jobs, tmp_path, monkeypatch):
    """(spread, folder): the folder has script_1, … as they were submitted."""
    folder = tmp_path / "fake"
    folder.mkdir()
    scripts = {"start": START, "sbatch": SBATCH, "srun": SRUN, "scontrol": SCONTROL, "sacct": SACCT}
    for name, text in scripts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("FAKE", str(folder))
    return jobs, folder


def test_only_what_is_unfinished_is_submitted_and_failures_are_named_at_the_end(
    local, store, tmp_path, monkeypatch, capsys
):
    results = tmp_path / "results"
    finished, held, plain = (Experiment(seed=seed, **SMALL) for seed in range(3))
    bad = Experiment(**SMALL | {"task": "joy+sad"})
    run(finished, "cpu", "fp32", results, store)
    written = (folder_of(finished, results) / "done.json").stat().st_mtime_ns
    compute, arrays = slurm._compute, []

    with ExitStack() as elsewhere:
        elsewhere.enter_context(io.exclusive_lock(folder_of(held, results)))

        def let_go_before_the_second_array(executor, task, some, failures):
            arrays.append([one.id for one in some])
            if task.wait:
                elsewhere.close()
            return compute(executor, task, some, failures)

        monkeypatch.setattr(slurm, "_compute", let_go_before_the_second_array)
        with pytest.raises(FerError) as raised:
            local([finished, held, bad, plain])
    assert str(raised.value).startswith(
        f"1 of 4 runs failed, the others are finished: {bad.id}: no class 'joy' in"
    )
    assert arrays == [[held.id, bad.id, plain.id], [held.id]]
    assert all((folder_of(one, results) / "done.json").exists() for one in (held, plain))
    assert (folder_of(finished, results) / "done.json").stat().st_mtime_ns == written

    monkeypatch.setattr(slurm, "_executor", lambda *_: pytest.fail("nothing is left to submit"))
    monkeypatch.setattr(studies, "open_dataset", lambda name: store)
    monkeypatch.setitem(recipes.STUDIES, "three", lambda dataset: [finished, held, plain])
    again = partial(slurm.spread, options={})
    ids = studies.run_study("three", "drawn", "cpu", "fp32", results, spread=again)
    assert ids == [finished.id, held.id, plain.id]
    assert "scancel" in capsys.readouterr().out


class Deadly(slurm.Task):
    def __call__(self, experiments):
        run(experiments[0], self.device, self.precision, self.results, self._data("drawn"))
        os._exit(9)


def test_a_job_that_is_killed_loses_only_what_it_had_not_finished(local, tmp_path, monkeypatch):
    monkeypatch.setattr(slurm, "Task", Deadly)
    monkeypatch.setattr(slurm, "ARRAY", 1)
    here = f"{Path(__file__).parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    monkeypatch.setenv("PYTHONPATH", here)  # where the job finds Deadly
    one, other = (Experiment(seed=seed, **SMALL) for seed in range(2))
    lost = rf"^1 of 2 runs failed.* {other.id}: job \d+ ended without it .*log.err"
    with pytest.raises(FerError, match=lost):
        local([one, other])
    assert (folder_of(one, tmp_path / "results") / "done.json").exists()


def test_slurm_gets_one_array_with_what_was_asked_for(fake_slurm, tmp_path):
    spread, folder = fake_slurm
    asked = ["partition=gpu", "timeout_min=30", "account=faces", "mem_gb=8", "cpus_per_task=4"]
    many = [Experiment(seed=seed, **SMALL) for seed in range(2)]
    spread(many, options=slurm.parse_options([*asked, "array_parallelism=1", "gpus_per_node=2"]))
    assert all((folder_of(one, tmp_path / "results") / "done.json").exists() for one in many)
    (script,) = folder.glob("script_*")
    wanted = {
        "array=0-1%1", "partition=gpu", "time=30", "account=faces", "mem=8GB", "cpus-per-task=4",
        "gpus-per-node=2", "job-name=fer", "signal=USR2@90",
    }  # fmt: skip
    given = {line.removeprefix("#SBATCH --") for line in script.read_text().splitlines()}
    assert wanted <= given, script.read_text()


def test_a_job_that_is_preempted_goes_on_after_its_last_epoch(fake_slurm, tmp_path):
    spread, folder = fake_slurm
    long = Experiment(**SMALL | {"epochs": 40})
    place = folder_of(long, tmp_path / "results")

    def preempt():
        while not (place / "history.csv").exists():
            time.sleep(0.05)
        os.kill(int((folder / "pid_1").read_text()), signal.SIGUSR2)

    thread = threading.Thread(target=preempt)
    thread.start()
    spread([long], options=slurm.parse_options([]))
    thread.join()
    assert (folder / "requeued").exists()
    first, second = json.loads((place / "config.json").read_text())["segments"]
    assert first["first_epoch"] == 1 < second["first_epoch"]


def test_what_slurm_refuses_is_one_line(fake_slurm, monkeypatch):
    spread, _ = fake_slurm
    monkeypatch.setenv("FAKE_ERROR", "invalid partition specified: gpu")
    one = Experiment(**SMALL)
    with pytest.raises(FerError, match=r"^Slurm takes no job: .*invalid partition specified: gpu$"):
        spread([one], options=slurm.parse_options(["partition=gpu"]))


def test_a_gpu_is_asked_for_with_cuda_alone(jobs, monkeypatch):
    asked = []
    monkeypatch.setattr(slurm, "_executor", lambda folder, options: asked.append(options))
    monkeypatch.setattr(slurm, "_compute", lambda *_: [])
    one = Experiment(**SMALL)
    for device, options in (("cpu", []), ("cuda", []), ("cuda", ["gpus_per_node=0"])):
        jobs([one], device=device, options=slurm.parse_options(options))
    assert [options.get("gpus_per_node") for options in asked] == [None, 1, 0]


def test_machines_without_slurm_or_submitit_are_one_line(jobs, tmp_path, monkeypatch):
    one = Experiment(**SMALL)
    monkeypatch.setenv("PATH", str(tmp_path))
    nowhere = "no Slurm on this machine; give the command where sbatch and srun are"
    with pytest.raises(FerError, match=nowhere):
        jobs([one], options={})
    monkeypatch.setitem(sys.modules, "submitit", None)
    install = r"--on slurm needs the extra cluster: pip install -e '.\[cluster\]'"
    with pytest.raises(FerError, match=install):
        jobs([one], options={})


def test_options_are_checked_by_name_and_kind():
    assert slurm.parse_options([]) == {"timeout_min": 240}
    assert slurm.parse_options(["gres=gpu:a100:1", "mem_gb=4"])["gres"] == "gpu:a100:1"
    for text, complaint in (
        ("nodes=2", "unknown option of --slurm 'nodes'"),
        ("timeout=5", "'timeout' .did you mean 'timeout_min'"),
        ("mem_gb=0", "mem_gb must be a whole number above 0; got '0'"),
        ("mem_gb=4.5", "mem_gb must be a whole number above 0; got '4.5'"),
        ("partition=", "'partition=' is not of the form name=value; names: partition, account"),
    ):
        with pytest.raises(FerError, match=complaint):
            slurm.parse_options([text])
