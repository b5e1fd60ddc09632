"""Public networks: their stages, their heads, the images that they take and refuse."""

import pytest
import torch
from random_weights import BACKBONES, random_state

from fer_utils.errors import FerError
from fer_utils.models import vggface
from fer_utils.models.network import Network

SMALL = [
    "resnet18_scratch",
    "efficientnet_b1",
    "mobilenet_v2",
    "efficientnet_lite0",
    "efficientnet_lite1",
]
LAST_TWO = {
    "resnet18": ("layer4", "fc"),
    "resnet18_cntk": ("layer4", "fc"),
    "resnet18_cntk_whole": ("layer4", "fc"),
    "resnet18_scratch": ("layer4", "fc"),
    "efficientnet_b1": ("stage4", "classifier"),
    "mobilenet_v2": ("stage4", "classifier"),
    "efficientnet_lite0": ("stage4", "classifier"),
    "efficientnet_lite1": ("stage4", "classifier"),
    "face_resnet": ("conv256", "fc"),
    "faceres": ("stage4", "fc"),
    "vggface": ("fc7", "fc8"),
    "vggface_notop": ("conv5", "fc"),
}


@pytest.mark.parametrize("name", BACKBONES)
def test_stages_from_stem_to_head_hold_every_parameter_once(name):
    with torch.device("meta"):
        body = BACKBONES[name](classes=4)
    assert body.stages[-2:] == LAST_TWO[name]
    in_stages = [id(p) for stage in body.stages for p in body.get_submodule(stage).parameters()]
    assert sorted(in_stages) == sorted(id(p) for p in body.parameters())
    assert list(body[-1].parameters())[-2].shape[0] == 4
    published = dict(BACKBONES[name].skeleton().named_parameters())
    kept = [p for n, p in published.items() if n.rpartition(".")[0] not in BACKBONES[name].unused]
    assert sum(p.numel() for p in body[:-1].parameters()) == sum(p.numel() for p in kept)


@pytest.mark.parametrize(
    "name", ["efficientnet_lite0", "efficientnet_lite1", "face_resnet", "faceres"]
)
def test_cut_into_stages_it_computes_what_the_published_network_computes(name):
    state = random_state(name)
    published = BACKBONES[name].published().eval()
    published.load_state_dict(state)
    head = published.get_submodule(BACKBONES[name].unused[0])
    body = BACKBONES[name](head.out_features, tensors=state).eval()
    body[-1][-1].load_state_dict({"bias": torch.zeros(head.out_features)} | head.state_dict())
    x = torch.randn(2, 3, 110, 110)
    with torch.inference_mode():
        torch.testing.assert_close(body(x), published(x))


@pytest.mark.parametrize("name", [*SMALL, "face_resnet", "faceres", "vggface_notop"])
@pytest.mark.parametrize("shape", [(2, 1, 48, 48), (2, 3, 60, 60)])
def test_grey_and_colour_images_of_any_size(name, shape):
    network = Network(name, 3, size=103).eval()
    with torch.inference_mode():
        assert network(torch.randint(0, 256, shape, dtype=torch.uint8)).shape == (2, 3)


def test_grey_is_three_equal_planes():
    network = Network("face_resnet", 3, size=103).eval()
    grey = torch.randint(0, 256, (2, 1, 48, 48), dtype=torch.uint8)
    with torch.inference_mode():
        torch.testing.assert_close(network(grey), network(grey.expand(-1, 3, -1, -1)))


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_b1", "vggface_notop", "vggface"])
def test_dropout_stands_before_the_head(name, monkeypatch):
    monkeypatch.setattr(vggface, "WIDTH", 16)
    body = BACKBONES[name](4, dropout=0.37)
    assert isinstance(body[-1][-2], torch.nn.Dropout)
    assert {m.p for m in body.modules() if isinstance(m, torch.nn.Dropout)} == {0.37}
    assert BACKBONES["resnet18"](4)[-1][-2].p == 0.0


@pytest.mark.parametrize(
    "name, size, channels, complaint",
    [
        ("vggface", 128, None, "takes images of 224 to 224 pixels; got 128"),
        ("face_resnet", 20, None, "takes images of 103 to 1024 pixels; got 20"),
        ("resnet18_scratch", 48, 1, "takes 3 channels; got 1"),
    ],
)
def test_what_a_network_cannot_take_is_refused(name, size, channels, complaint):
    with pytest.raises(FerError, match=complaint):
        Network(name, 4, size, channels)


def test_a_parameter_that_nothing_filled_cannot_pass_for_a_trained_one():
    state = random_state("mobilenet_v2")
    del state["features.3.conv.0.0.weight"]
    with pytest.raises(FerError, match=r"the weights leave stage1\.1\..*weight without values"):
        BACKBONES["mobilenet_v2"](4, tensors=state)


def test_training_leaves_the_tensors_that_a_network_started_from():
    state = random_state("resnet18")
    kept = {name: tensor.clone() for name, tensor in state.items()}
    network = Network("resnet18", 4, size=32, tensors=state)
    images = torch.randint(256, (4, 1, 32, 32), dtype=torch.uint8)
    network.train()(images).sum().backward()  # moves running statistics too
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.sub_(parameter.grad + 1)
    assert all(torch.equal(state[name], tensor) for name, tensor in kept.items())
