"""Networks of timm, which is optional: named stages, its own sizes, its weights kept as a file."""

import sys

import pytest
import torch

from fer_utils.errors import FerError
from fer_utils.models import timm_models
from fer_utils.models.network import Network
from fer_utils.models.pretrained import store

IMAGES = torch.randint(0, 256, (2, 1, 48, 48), dtype=torch.uint8)


def test_it_is_optional(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(FerError, match="needs timm; install it with: pip install timm"):
        Network("timm:resnet18", 4)
    assert store.at_hand("timm:resnet18") is None  # which needs no timm either


@pytest.fixture
def timm():
    return pytest.importorskip("timm", reason="timm is not installed")


@pytest.mark.usefixtures("timm")
def test_stages_are_what_has_parameters_and_of_sequences_the_parts():
    network = Network("timm:resnet18", 4, size=64, dropout=0.3).eval()
    assert network.stages[-2:] == ("timm.layer4", "timm.fc")
    assert network.body.timm.drop_rate == 0.3
    with torch.inference_mode():
        assert network(IMAGES).shape == (2, 4)
    stages = Network("timm:mobilenetv3_small_050", 4, size=64).stages
    assert stages[:3] == ("timm.conv_stem", "timm.bn1", "timm.blocks.0")


@pytest.mark.usefixtures("timm")
@pytest.mark.parametrize(
    "name, complaint",
    [
        ("timm:deit_tiny_patch16_224", "takes images of 224 pixels alone; got 96"),
        ("timm:resnet81", r"unknown timm model 'resnet81'.*did you mean"),
        ("timm:resnet18.a9", r"timm:resnet18\.a9: Invalid pretrained tag"),
    ],
)
def test_what_it_does_not_have_or_take_is_refused(name, complaint):
    with pytest.raises(FerError, match=complaint):
        Network(name, 4, size=96)


def test_without_a_configuration_its_images_are_unknown(timm, monkeypatch):
    monkeypatch.setattr(timm, "get_pretrained_cfg", lambda name: None)
    complaint = (
        "timm:resnet18 has no published weights, so its size and normalisation are not known"
    )
    with pytest.raises(FerError, match=complaint):
        Network("timm:resnet18", 4)


@pytest.mark.usefixtures("home")
def test_its_weights_are_fetched_by_timm_and_kept_as_a_file(timm, monkeypatch):
    published = timm.create_model("resnet10t")
    asked = []

    def create_model(name, pretrained=False, **options):
        asked.append((name, pretrained))
        return published if pretrained else timm_create(name, **options)

    timm_create = timm.create_model
    monkeypatch.setattr(timm, "create_model", create_model)
    start = store.load("timm:resnet10t")
    assert ("resnet10t", True) in asked and start.origin["file"] == "timm-resnet10t.pth"
    assert start.origin["licence"] == "as timm's model page says"
    network = Network("timm:resnet10t", 3, tensors=start.tensors)
    expected, state = published.state_dict(), network.body.timm.state_dict()
    assert all(torch.equal(state[key], expected[key]) for key in state if "fc" not in key)
    asked.clear()
    store.load("timm:resnet10t")
    assert ("resnet10t", True) not in asked


@pytest.mark.usefixtures("timm", "home")
def test_where_timm_cannot_have_them_its_first_line_says_why(monkeypatch):
    def refuse(*_, **__):
        raise OSError("no internet\nand much more")

    monkeypatch.setattr(timm_models._timm(), "create_model", refuse)
    with pytest.raises(FerError, match=r"^timm:resnet18: no internet$"):
        timm_models.pretrained("timm:resnet18")
