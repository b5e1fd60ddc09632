"""CNTK's ResNet18 under torchvision's names: graphs of a few values, and the file kept here."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torchvision.models.resnet import BasicBlock, ResNet

from fer_utils import paths
from fer_utils.errors import FerError
from fer_utils.models import cntk, pretrained
from fer_utils.models.network import Network
from fer_utils.models.pretrained import store

onnx = pytest.importorskip("onnx")
KEPT = paths.CHECKOUT / "data" / "weights" / "resnet18_cntk.safetensors"


def graph(shapes, path):
    """An ONNX file of convolutions and batch normalisations in a row; their values count up."""
    nodes, values, at = [], [], 0
    for number, shape in enumerate(shapes):
        kind, count = ("Conv", 1) if len(shape) == 4 else ("BatchNormalization", 4)
        inputs = [f"value{len(values) + i}" for i in range(count)]
        nodes += [
            onnx.helper.make_node(kind, [f"x{number}", *inputs], [f"y{number}"]),
            onnx.helper.make_node("Relu", [f"y{number}"], [f"x{number + 1}"]),
        ]
        for name in inputs:
            array = np.arange(at, at + np.prod(shape), dtype=np.float32).reshape(shape)
            values.append(onnx.numpy_helper.from_array(array, name))
            at += array.size
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", [], [], values)), path)
    return path


def narrow(width=2):
    """torchvision's network with blocks 2-2-2-3, all stages of the same few channels."""
    network = ResNet(BasicBlock, list(cntk.BLOCKS))
    layers = {n: m for n, m in network.named_modules() if not list(m.children())}
    small = {}
    for name, layer in layers.items():
        if isinstance(layer, torch.nn.Conv2d):
            inputs = 3 if name == "conv1" else width
            small[name] = (width, inputs, *layer.kernel_size)
        elif isinstance(layer, torch.nn.BatchNorm2d):
            small[name] = (width,)
    return small


def in_graph_order(layers):
    """Names and shapes as CNTK lists them: a block's shortcut before its other convolutions."""
    blocks = {}
    for name, shape in layers.items():
        block = name if "." not in name else ".".join(name.split(".")[:2])
        blocks.setdefault(block, []).append((name, shape))
    for rows in blocks.values():
        rows.sort(key=lambda row: "downsample" not in row[0])
    return [row for rows in blocks.values() for row in rows]


def test_every_layer_gets_the_values_of_its_place_in_the_graph(tmp_path):
    order = in_graph_order(narrow())
    tensors = cntk.read_cntk(graph([shape for _, shape in order], tmp_path / "net.onnx"))
    at = 0
    for name, shape in order:
        kinds = ("weight",) if len(shape) == 4 else cntk.BATCH_NORM
        for kind in kinds:
            tensor = tensors.pop(f"{name}.{kind}")
            if name != "conv1":
                assert tensor.flatten().tolist() == list(range(at, at + tensor.numel())), name
            at += int(np.prod(shape))
    assert not tensors


def test_the_first_convolution_takes_rgb_in_units_of_the_standard_deviation(tmp_path):
    path = graph([shape for _, shape in in_graph_order(narrow())], tmp_path / "net.onnx")
    bgr = torch.arange(2 * 3 * 7 * 7).reshape(2, 3, 7, 7).float()
    image = torch.rand(1, 3, 7, 7)  # RGB, mean taken off, 0..1
    std = torch.tensor(cntk.STD).view(1, 3, 1, 1)
    rewritten = torch.nn.functional.conv2d(image / std, cntk.read_cntk(path)["conv1.weight"])
    stated = torch.nn.functional.conv2d(image.flip(1) * 255, bgr)
    assert torch.allclose(rewritten, stated, rtol=1e-5)


def test_the_package_is_read_like_the_file_inside_it(tmp_path):
    path = graph([shape for _, shape in in_graph_order(narrow())], tmp_path / cntk.GRAPH)
    with zipfile.ZipFile(tmp_path / "net.nupkg", "w") as package:
        package.write(path, f"tools/DnnImageModels/{cntk.GRAPH}")
    alone, packed = cntk.read_cntk(path), cntk.read_cntk(tmp_path / "net.nupkg")
    assert alone.keys() == packed.keys()
    assert all(torch.equal(alone[name], packed[name]) for name in alone)


def test_other_files_are_refused_by_name(tmp_path):
    (tmp_path / "broken.onnx").write_bytes(b"\xff" * 100)
    with pytest.raises(FerError, match=r"broken.onnx: cannot be read as an ONNX network"):
        cntk.read_cntk(tmp_path / "broken.onnx")
    with pytest.raises(FerError, match=r"other.onnx: not CNTK's ResNet18: 1 convolutions"):
        cntk.read_cntk(graph([(2, 3, 7, 7)], tmp_path / "other.onnx"))
    with zipfile.ZipFile(tmp_path / "empty.nupkg", "w"):
        pass
    with pytest.raises(FerError, match=r"empty.nupkg: holds no ResNet18.onnx"):
        cntk.read_cntk(tmp_path / "empty.nupkg")
    (tmp_path / "torn.nupkg").write_bytes(b"PK")
    with pytest.raises(FerError, match=r"torn.nupkg: cannot be read as a NuGet package"):
        cntk.read_cntk(tmp_path / "torn.nupkg")


def test_the_converted_file_is_the_reports_resnet18_and_says_where_it_is_from():
    with safe_open(KEPT, "pt") as kept:
        tensors = {name: kept.get_tensor(name) for name in kept.keys()}  # noqa: SIM118
        about = kept.metadata()
    network = ResNet(BasicBlock, [2, 2, 2, 2])
    missing = network.load_state_dict({n: t.float() for n, t in tensors.items()}, strict=False)
    assert {name for name in missing.missing_keys if "num_batches" not in name} == {
        "fc.weight",
        "fc.bias",
    }
    assert not missing.unexpected_keys
    assert about["sha256"].startswith("e2552f19db2dfdb0") and about["licence"].startswith("MIT")
    assert all(t.isfinite().all() for t in tensors.values())


def test_a_clone_without_internet_starts_from_it(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "DATA", tmp_path)  # FER_HOME may be anywhere
    start = pretrained.load("resnet18_cntk")
    assert start.origin["source"] == "this repository"
    network = Network("resnet18_cntk", 4, tensors=start.tensors)
    assert sum(p.numel() for p in network.parameters()) == 11_178_564  # torchvision's, 4 classes
    assert [*network.body[4].state_dict()] == [*ResNet(BasicBlock, [2] * 4).layer4.state_dict()]


def test_a_file_of_the_users_own_may_be_the_published_one(tmp_path, monkeypatch):
    """All of its nine blocks, or without the last; the shapes are the real ones."""
    monkeypatch.setattr(paths, "DATA", tmp_path)
    network = ResNet(BasicBlock, list(cntk.BLOCKS))
    layers = {n: m for n, m in network.named_modules() if not list(m.children())}
    shapes = {n: m.weight.shape for n, m in layers.items() if hasattr(m, "weight") and n != "fc"}
    path = graph([shape for _, shape in in_graph_order(shapes)], tmp_path / "net.onnx")
    for name, blocks in (("resnet18_cntk", 2), ("resnet18_cntk_whole", 3)):
        store.add(name, path)
        assert pretrained.load(name).origin["source"] == "own file"
        assert len(Network(name, 4, tensors=pretrained.load(name).tensors).body[4]) == blocks


def test_the_converted_file_is_what_the_published_one_gives(tmp_path):
    if not (published := os.environ.get("CNTK_RESNET18")):
        pytest.skip("CNTK_RESNET18 does not name CNTK's ResNet18.onnx or its .nupkg")
    cntk.convert(Path(published), tmp_path / "again.safetensors")
    kept, again = load_file(KEPT), load_file(tmp_path / "again.safetensors")
    assert kept.keys() == again.keys()
    assert all(torch.equal(kept[name], again[name]) for name in kept)
