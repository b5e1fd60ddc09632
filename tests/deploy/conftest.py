"""A small trained network, exported once as a .safetensors file, for all tests of this folder."""

from pathlib import Path

import numpy as np
import pytest

from fer_utils import load_best, paths
from fer_utils.data.dataset import Faces, open_store
from fer_utils.data.synthetic import draw_faces
from fer_utils.experiments.runner import run
from fer_utils.inference import export
from fer_utils.training.experiment import Experiment


@pytest.fixture(scope="package")
def home(tmp_path_factory):
    """A home with drawn faces and one finished run; fer_utils.paths points there.

    As many faces and epochs as it takes for a temperature that is not at the end of its range.
    """
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "DATA", home / "data")
        patch.setattr(paths, "RESULTS", home / "results")
        faces = draw_faces(560, seed=3)
        split = np.repeat(["Training", "PublicTest", "PrivateTest"], [364, 98, 98])
        Faces(faces.images, faces.index.assign(split=split), faces.source).save(
            home / "data" / "drawn"
        )
        about = {"dataset": "drawn", "task": "seven", "model": "small_resnet", "tta": "flip"}
        tiny = Experiment(**about, epochs=5, learning_rate=1e-3, batch_size=16, cap=None)
        faces = open_store(home / "data" / "drawn")
        folder = run(tiny, "cpu", "fp32", results=home / "results", faces=faces)
        export.export(folder, home / "model.safetensors", faces)
        yield home


@pytest.fixture(scope="package")
def faces(home):
    return open_store(home / "data" / "drawn")


@pytest.fixture(scope="package")
def network(home):
    return load_best(home / "model.safetensors")


@pytest.fixture(scope="package")
def files(home, network) -> dict[str, Path]:
    """The network in every format."""
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package, reason=f"{package} is of the extra deploy")
    from fer_utils.deploy import export_formats

    return {kind: export_formats.export(network, kind, home) for kind in export_formats.FORMATS}
