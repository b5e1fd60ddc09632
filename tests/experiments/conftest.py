"""A finished run for the tests of this folder."""

import pytest

from fer_utils.data.dataset import open_store
from fer_utils.experiments.runner import run
from fer_utils.training.experiment import Experiment

SMALL = {"dataset": "drawn", "epochs": 2, "batch_size": 16}


@pytest.fixture(scope="session")
def finished(drawn, tmp_path_factory):
    """One run on the drawn faces: (experiment, faces, results folder, run folder)."""
    home = tmp_path_factory.mktemp("home")
    drawn.save(home / "data")
    faces = open_store(home / "data")
    chosen = Experiment(task="multiclass", loss="focal", median=True, **SMALL)
    return chosen, faces, home / "results", run(chosen, "cpu", "fp32", home / "results", faces)
