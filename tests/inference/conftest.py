"""A small trained network, exported once for all tests of this folder."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import fer_utils
from fer_utils.data.dataset import Faces, open_store
from fer_utils.experiments.runner import run
from fer_utils.inference import export
from fer_utils.training.experiment import Experiment


class Exported(NamedTuple):
    """A run's folder, the file that it was exported to, and its data."""

    folder: Path
    path: Path
    faces: Faces


@pytest.fixture(scope="package")
def exported(drawn, tmp_path_factory) -> Exported:
    """A network trained for two epochs. For reading: what writes takes copies."""
    home = tmp_path_factory.mktemp("home")
    drawn.save(home / "data" / "drawn")
    faces = open_store(home / "data" / "drawn")
    about = {"dataset": "drawn", "task": "binary", "model": "small_resnet", "tta": "flip"}
    tiny = Experiment(**about, epochs=2, batch_size=8, cap=None)
    folder = run(tiny, "cpu", "fp32", results=home / "results", faces=faces)
    path = home / "best" / "model.safetensors"
    export.export(folder, path, faces)
    return Exported(folder, path, faces)


@pytest.fixture(scope="package")
def best(exported):
    return fer_utils.load_best(exported.path)


@pytest.fixture
def face(exported):
    return np.array(exported.faces.images[0])
