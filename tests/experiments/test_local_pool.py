"""Runs side by side in real processes, some of which are killed."""

import os
from pathlib import Path

import pytest

from fer_utils import io
from fer_utils.errors import FerError
from fer_utils.experiments import local_pool
from fer_utils.training.experiment import Experiment

MANY = [Experiment(dataset="drawn", seed=seed) for seed in range(8)]
DEADLY, ONCE_DEADLY, BUSY_THEN_DEADLY, FAILING = MANY[1], MANY[2], MANY[3], MANY[4]


def dangerous_run(experiment, device, precision, results: Path, wait, share_features) -> Path:
    """In place of `runner.run`: notes each attempt, and may end its process as the system does."""
    attempts = results / experiment.id
    with attempts.open("a") as stream:
        stream.write(f"{os.getpid()}\n")
    number = len(attempts.read_text().splitlines())
    if experiment == BUSY_THEN_DEADLY and not wait:
        raise io.Busy("elsewhere")
    if experiment == DEADLY or (experiment == ONCE_DEADLY and number == 1):
        os._exit(9)
    if experiment == BUSY_THEN_DEADLY and number == 2:
        os._exit(9)
    if experiment == FAILING:
        raise FerError("no luck")
    return attempts


def test_a_run_that_kills_its_process_takes_no_other_with_it(tmp_path, monkeypatch, drawn, capsys):
    monkeypatch.setattr(local_pool, "run", dangerous_run)
    with pytest.raises(FerError) as raised:
        local_pool.run_side_by_side(MANY, "cpu", "fp32", tmp_path, drawn, jobs=2)
    said = str(raised.value)
    assert said.startswith("2 of 8 runs failed, the others are finished: ")
    assert f"{FAILING.id}: no luck" in said and f"{DEADLY.id}: {local_pool.KILLED}" in said
    attempts = {one: (tmp_path / one.id).read_text().splitlines() for one in MANY}
    assert {one.seed: len(pids) for one, pids in attempts.items() if len(pids) > 1} == {
        1: 2,
        2: 2,
        3: 3,
    }
    assert "[6/8]" in capsys.readouterr().out


def test_a_number_of_processes_below_one_is_refused(tmp_path, drawn):
    with pytest.raises(FerError, match="jobs must be at least 1; got 0"):
        local_pool.run_side_by_side(MANY, "cpu", "fp32", tmp_path, drawn, jobs=0)
