"""The public networks: their stages, their heads, their arithmetic, their real weights where these are at hand."""

import os
import tarfile
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_image
from torchvision import models as torchvision_models

from fer_utils.errors import FerError
from fer_utils.models.efficientnet_lite import SameConv2d
from fer_utils.models.network import Network
from fer_utils.models.pretrained import store
from fer_utils.models.registry import BACKBONES

SMALL = [
    "resnet18_scratch",
    "efficientnet_b1",
    "mobilenet_v2",
    "efficientnet_lite0",
    "efficientnet_lite1",
]
LAST_TWO = {
    "resnet18": ("layer4", "fc"),
    "resnet18_scratch": ("layer4", "fc"),
    "efficientnet_b1": ("stage4", "classifier"),
    "mobilenet_v2": ("stage4", "classifier"),
    "efficientnet_lite0": ("stage4", "classifier"),
    "efficientnet_lite1": ("stage4", "classifier"),
    "face_resnet": ("conv256", "fc"),
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
    kept = sum(p.numel() for p in BACKBONES[name].skeleton().parameters())
    unused = BACKBONES[name].unused
    dropped = [
        p
        for n, p in BACKBONES[name].skeleton().named_parameters()
        if n.rpartition(".")[0] in unused
    ]
    assert sum(p.numel() for p in body[:-1].parameters()) == kept - sum(p.numel() for p in dropped)


@pytest.mark.parametrize("name", [*SMALL, "face_resnet", "vggface_notop"])
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


@pytest.mark.parametrize("name", ["resnet18", "mobilenet_v2", "efficientnet_b1"])
def test_cut_into_stages_it_computes_what_torchvision_computes(name):
    theirs = getattr(torchvision_models, name)(num_classes=1000).eval()
    body = BACKBONES[name](1000, tensors=theirs.state_dict()).eval()
    body[-1][-1].load_state_dict(theirs.get_submodule(BACKBONES[name].unused[0]).state_dict())
    x = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(body(x), theirs(x))


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_b1", "vggface_notop"])
def test_dropout_stands_before_the_head(name):
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
    state = torchvision_models.mobilenet_v2().state_dict()
    del state["features.3.conv.0.0.weight"]
    with pytest.raises(FerError, match=r"the weights leave stage1\.1\..*weight without values"):
        BACKBONES["mobilenet_v2"](4, tensors=state)


@pytest.mark.parametrize(
    "side, kernel, stride, before, after", [(8, 3, 2, 0, 1), (7, 3, 2, 1, 1), (8, 5, 1, 2, 2)]
)
def test_same_padding_is_tensorflows(side, kernel, stride, before, after):
    convolution = SameConv2d(1, 1, kernel, stride, bias=False)
    x = torch.randn(1, 1, side, side)
    padded = torch.nn.functional.pad(x, (before, after, before, after))
    expected = torch.nn.functional.conv2d(padded, convolution.weight, stride=stride)
    torch.testing.assert_close(convolution(x), expected)
    assert convolution(x).shape[-1] == -(-side // stride)


def test_timm_is_optional(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    with pytest.raises(FerError, match="needs timm; install it with: pip install timm"):
        Network("timm:resnet18", 4)


def test_any_network_of_timm():
    pytest.importorskip("timm", reason="timm is not installed")
    network = Network("timm:resnet18", 4, size=64).eval()
    assert network.stages[-2:] == ("timm.layer4", "timm.fc")
    with torch.inference_mode():
        assert network(torch.randint(0, 256, (2, 1, 48, 48), dtype=torch.uint8)).shape == (2, 4)
    with pytest.raises(FerError, match="takes images of 224 pixels alone; got 96"):
        Network("timm:deit_tiny_patch16_224", 4, size=96)
    with pytest.raises(FerError, match=r"unknown timm model 'resnet81'.*did you mean"):
        Network("timm:resnet81", 4)
    with pytest.raises(FerError, match=r"timm:resnet18\.a9: Invalid pretrained tag"):
        Network("timm:resnet18.a9", 4)


def published(name: str) -> Network:
    """A pretrained network with its published head; skips where the weights are not at hand."""
    if not store.at_hand(name):
        pytest.skip(
            f"the weights of {name} are not at hand; python -m fer_utils weights --fetch {name}"
        )
    tensors = store.load(name).tensors
    head = BACKBONES[name].unused[0]
    network = Network(name, len(tensors[f"{head}.weight"]), tensors=tensors).eval()
    linear = network.body[-1][-1]
    linear.load_state_dict({"bias": torch.zeros_like(linear.bias)} | {
        key.rpartition(".")[2]: value for key, value in tensors.items() if key.startswith(f"{head}.")
    })  # fmt: skip
    return network


def square(image: np.ndarray) -> torch.Tensor:
    side = min(image.shape[:2])
    top, left = ((length - side) // 2 for length in image.shape[:2])
    return torch.tensor(image[top : top + side, left : left + side]).permute(2, 0, 1)[None]


@pytest.mark.parametrize("name", ["efficientnet_lite0", "efficientnet_lite1"])
def test_real_weights_know_a_palace_a_daisy_and_a_uniform(name):
    network = published(name)
    officer = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    images = [
        load_sample_image("china.jpg"),
        load_sample_image("flower.jpg"),
        np.array(Image.open(officer)),
    ]
    with torch.inference_mode():
        assert [network(square(image)).argmax().item() for image in images] == [698, 985, 652]


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet18", "efficientnet_b1"])
def test_real_features_tell_pictures_apart_and_a_mirror_image_not(name):
    if not store.at_hand(name):
        pytest.skip(
            f"the weights of {name} are not at hand; python -m fer_utils weights --fetch {name}"
        )
    network = Network(name, 2, tensors=store.load(name).tensors).eval()
    pictures = [square(load_sample_image(file)) for file in ("china.jpg", "flower.jpg")]
    with torch.inference_mode():
        china, flower, mirrored = (
            network.body[:-1](network.preprocess(image)).mean((2, 3))
            for image in [*pictures, pictures[0].flip(-1)]
        )
    alike = torch.nn.functional.cosine_similarity
    assert alike(china, mirrored) > 0.9 > 0.7 > alike(china, flower)


# the first numbers that face-api itself gives for the pattern below (its library run on the same weights)
FACE_API = [-0.04817, 0.11862, 0.07299, -0.06989, -0.10322, -0.02699, -0.08463, 0.03696]


def test_face_resnet_is_face_apis():
    network = published("face_resnet")
    place = np.arange(150 * 150 * 3)
    pattern = ((place * 7919 + place // 450 * 31) % 256).reshape(150, 150, 3)
    centred = torch.tensor(pattern).permute(2, 0, 1)[None] - network.preprocess.mean
    with torch.inference_mode():
        theirs = network.body(centred / 255)[
            0
        ]  # face-api divides by 255, dlib, where it was trained, by 256
        ours = network(torch.tensor(pattern, dtype=torch.uint8).permute(2, 0, 1)[None])[0]
    torch.testing.assert_close(theirs[: len(FACE_API)], torch.tensor(FACE_API), atol=1e-5, rtol=0)
    torch.testing.assert_close(ours, theirs, atol=1e-3, rtol=0)


def test_face_resnet_finds_each_person_of_a_photo_again(tmp_path):
    """Another crop of a face, darker and mirrored, lies nearer to it than to any other person of the photo."""
    package = os.environ.get("FACE_API")
    if not package:
        pytest.skip("face-api's demo photos are not at hand; set FACE_API=path to its npm tarball")
    network = published("face_resnet")
    with tarfile.open(package) as archive:
        archive.extractall(tmp_path, filter="data")
    faces = {  # centre and side of each face, in pixels
        "sample4.jpg": [(334, 310, 220), (750, 225, 220), (1050, 350, 220), (1337, 309, 220)],
        "sample6.jpg": [(296, 609, 260), (767, 501, 260), (1260, 523, 260), (1603, 450, 260)],
    }
    for photo, places in faces.items():
        image = Image.open(tmp_path / "package" / "demo" / photo).convert("RGB")
        first = torch.cat([_face(image, x, y, side) for x, y, side in places])
        second = torch.cat([_face(image, x + 8, y - 6, side * 1.1) for x, y, side in places])
        with torch.inference_mode():
            distances = torch.cdist(network(first), network((second * 0.8).byte().flip(-1)))
        others = distances[~torch.eye(len(places), dtype=torch.bool)]
        assert distances.diag().max() < others.min()


def _face(image: Image.Image, x: float, y: float, side: float) -> torch.Tensor:
    box = (x - side / 2, y - side / 2, x + side / 2, y + side / 2)
    return torch.tensor(np.array(image.resize((150, 150), box=box))).permute(2, 0, 1)[None]
