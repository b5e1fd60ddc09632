"""Files of weights in every public form, good and bad, fitted to a network key by key."""

import json
import os
import pickle
import sys
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from random_weights import BACKBONES, random_state, saved

from fer_utils import paths
from fer_utils.errors import FerError
from fer_utils.models.pretrained import store
from fer_utils.models.pretrained.formats import fit

pytestmark = pytest.mark.usefixtures("home")


def test_older_names_are_understood_by_order():
    """MobileNetV2 of 2019: flat names within a block, no classifier."""
    state = random_state("mobilenet_v2", head=False)
    older, layer, last = {}, -1, ""
    for key, value in state.items():
        if (stem := key.rpartition(".")[0]) != last:
            layer, last = layer + 1, stem
        older[f"features.{layer}.{key.rpartition('.')[2]}"] = value
    expected = BACKBONES["mobilenet_v2"].skeleton().state_dict()
    fitted = fit(older, expected, ("classifier.1",), "file")
    floats = {key: value for key, value in state.items() if value.ndim}
    assert all(torch.equal(fitted[key], value) for key, value in floats.items())
    swapped = list(older.items())
    swapped[1], swapped[2] = swapped[2], swapped[1]
    with pytest.raises(
        FerError, match=r"does not fit in order: .*bias \(32,\) where features.0.1.weight"
    ):
        fit(dict(swapped), expected, ("classifier.1",), "file")
    with pytest.raises(FerError, match="tensors under unknown names; the network has"):
        fit(dict(swapped[1:]), expected, ("classifier.1",), "file")


@pytest.fixture
def good():
    return random_state("resnet18")


@pytest.mark.parametrize(
    "damage, complaint",
    [
        (lambda state: state.pop("layer1.0.conv1.weight"), r"lacks layer1\.0\.conv1\.weight$"),
        (
            lambda state: state.update(more=torch.zeros(1)),
            "has, beyond what the network has, more$",
        ),
        (
            lambda state: state.update({"conv1.weight": torch.zeros(64, 1, 7, 7)}),
            r"wrong shapes: conv1\.weight \(64, 1, 7, 7\) instead of \(64, 3, 7, 7\)",
        ),
        (
            lambda state: state.update({"fc.bias": torch.zeros(7)}),
            r"fc\.bias \(7,\) instead of \(1000,\)",
        ),
        (lambda state: state.clear(), "holds no tensors by name"),
    ],
)
def test_tensors_that_do_not_fit(home, good, damage, complaint):
    damage(good)
    path = saved(good, home / "file.pth")
    with pytest.raises(FerError, match=complaint):
        store.add("resnet18", path)
    assert not (paths.DATA / "weights").exists()


class Harmful:
    def __reduce__(self):
        return os.system, ("touch harm",)


@pytest.mark.parametrize(
    "write, complaint",
    [
        (
            lambda path, state: path.write_bytes(pickle.dumps(Harmful(), protocol=2)),
            "holds more than tensors and could run code",
        ),
        (
            lambda path, state: torch.save({"a": Harmful()}, path),
            "holds more than tensors and could run code",
        ),
        (lambda path, state: path.write_bytes(b""), "damaged, or no PyTorch file"),
        (
            lambda path, state: path.write_text("<html>not found</html>"),
            "damaged, or no PyTorch file",
        ),
        (
            lambda path, state: path.write_bytes(saved(state, path).read_bytes()[: 1 << 20]),
            "damaged, or no PyTorch file",
        ),
        (lambda path, state: torch.save([1, 2], path), "damaged, or no PyTorch file"),
    ],
)
def test_files_that_are_refused(home, good, write, complaint, monkeypatch):
    monkeypatch.chdir(home)
    write(home / "file.pth", good)
    with pytest.raises(FerError, match=complaint) as refusal:
        store.add("resnet18", home / "file.pth")
    assert "\n" not in str(refusal.value) and not (home / "harm").exists()


def face_api_files(folder):
    """The face ResNet in face-api's form: some float32, others uint8 with scale and minimum."""
    state, entries, content = random_state("face_resnet"), [], b""
    for number, (key, value) in enumerate(state.items()):
        *layer, kind = key.split(".")
        kind = {"weight": "weights", "bias": "biases"}[kind] if "scale" in layer else kind
        name = "/".join([*layer, "filters" if kind == "weight" else kind])
        name = "fc" if layer == ["fc"] else name
        array = (
            value.permute(2, 3, 1, 0) if value.ndim == 4 else value.T if value.ndim == 2 else value
        )
        array = np.ascontiguousarray(array, np.float32)
        entry = {"name": name, "shape": list(array.shape), "dtype": "float32"}
        if number % 3:
            scale, low = float(np.ptp(array)) / 255, float(array.min())
            levels = np.round((array - low) / scale).astype(np.uint8)
            entry["quantization"] = {"dtype": "uint8", "scale": scale, "min": low}
            content += levels.tobytes()
        else:
            content += array.tobytes()
        entries.append(entry)
    (folder / "face_recognition_model.bin").write_bytes(content)
    manifest = folder / "face_recognition_model-weights_manifest.json"
    manifest.write_text(json.dumps([{"weights": entries, "paths": ["face_recognition_model.bin"]}]))
    return folder / "face_recognition_model.bin", manifest, state


def test_tensorflow_js(home):
    path, manifest, state = face_api_files(home)
    store.add("face_resnet", path)
    tensors = store.load("face_resnet").tensors
    assert tensors.keys() == state.keys()
    for key, value in state.items():
        step = float(value.max() - value.min()) / 255
        torch.testing.assert_close(tensors[key], value, rtol=0, atol=step)
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(FerError, match=r"its manifest describes .* bytes, the file has"):
        store.add("face_resnet", path)
    manifest.write_text("[{")
    with pytest.raises(FerError, match=r"cannot be read as TensorFlow\.js weights"):
        store.add("face_resnet", path)


def test_keras_files_that_cannot_be_read(home, monkeypatch):
    (home / "file.h5").write_bytes(b"no HDF5")
    if find_spec("h5py"):
        with pytest.raises(FerError, match=r"file\.h5: cannot be read as Keras weights"):
            store.add("vggface", home / "file.h5")
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(FerError, match="needs h5py; install it with: pip install h5py"):
        store.add("vggface", home / "file.h5")
