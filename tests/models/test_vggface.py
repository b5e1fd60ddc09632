"""VGGFace from files of both public forms, against its layers computed by hand."""

import pytest
import torch
import torch.nn.functional as F
from random_weights import random_state, saved

from fer_utils.errors import FerError
from fer_utils.models import pretrained, vggface
from fer_utils.models.network import Network
from fer_utils.models.pretrained import store
from fer_utils.models.pretrained.formats import read_tensors

WIDTH = 24
CONVOLUTIONS = [
    f"conv{row}_{i}"
    for row, count in enumerate((2, 2, 3, 3, 3), start=1)
    for i in range(1, count + 1)
]
MEAN = torch.tensor([129.186, 104.762, 93.594]).view(3, 1, 1)

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    """Real dense layers have 130 million parameters; narrow ones take the same path."""
    monkeypatch.setattr(vggface, "WIDTH", WIDTH)
    monkeypatch.setattr(vggface, "PEOPLE", 10)


def by_hand(state, x):
    """VGG16's convolutions on N×3×H×W."""
    for row in "12345":
        for name in (name for name in CONVOLUTIONS if name[4] == row):
            x = F.relu(F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1))
        x = F.max_pool2d(x, 2)
    return x


def test_the_published_sizes(monkeypatch):
    monkeypatch.undo()
    with torch.device("meta"):
        shapes = {key: tuple(value.shape) for key, value in vggface.vggface().state_dict().items()}
    assert len(shapes) == 32 and shapes["conv5_3.weight"] == (512, 512, 3, 3)
    assert shapes["fc6.weight"] == (4096, 25088) and shapes["fc7.weight"] == (4096, 4096)
    assert shapes["fc8.weight"] == (2622, 4096)


def test_pth_with_prefix_other_spelling_and_fc6_as_a_convolution(home):
    state = random_state("vggface")
    spelt = {
        f"module.model.{key.replace('conv', 'conv_', 1)}": value for key, value in state.items()
    }
    spelt["module.model.fc6.weight"] = state["fc6.weight"].view(WIDTH, 512, 7, 7)
    store.add("vggface", saved({"state_dict": spelt}, home / "vgg_face_dag.pth"))
    start = pretrained.load("vggface")
    assert start.origin["source"] == "own file" and len(start.origin["sha256"]) == 64
    network = Network("vggface", 3, tensors=start.tensors).eval()
    image = torch.randint(0, 256, (1, 3, 224, 224), dtype=torch.uint8)
    with torch.inference_mode():
        x = by_hand(state, image - MEAN).flatten(1)
        for name in ("fc6", "fc7"):
            x = F.relu(F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"]))
        expected = network.body.fc8[-1](x)
        torch.testing.assert_close(network(image), expected, rtol=1e-3, atol=1e-2)


@pytest.mark.parametrize("top", [True, False])
def test_keras_h5(home, top):
    """Kernels as H×W×in×out, of BGR images; the first dense layer reads H×W×C; or no top."""
    h5py = pytest.importorskip("h5py", reason="h5py is not installed")
    state = random_state("vggface" if top else "vggface_notop")
    path = home / "vggface.h5"
    with h5py.File(path, "w") as file:
        for name in dict.fromkeys(key.rpartition(".")[0] for key in state):
            kernel = state[f"{name}.weight"].numpy()
            if name == "fc6":
                kernel = kernel.reshape(WIDTH, 512, 7, 7).transpose(2, 3, 1, 0)
                kernel = kernel.reshape(25088, WIDTH)
            else:
                kernel = kernel.transpose(2, 3, 1, 0) if kernel.ndim == 4 else kernel.T
            if name == "conv1_1":
                kernel = kernel[:, :, ::-1]
            group = file.create_group(f"{name}/{name}")
            group["kernel:0"], group["bias:0"] = kernel, state[f"{name}.bias"].numpy()
    tensors = read_tensors(path)
    assert all(torch.equal(tensors[key], value) for key, value in state.items())
    store.add("vggface_notop", path)
    start = pretrained.load("vggface_notop")
    assert start.origin["file"] == "own-vggface_notop.h5"
    network = Network("vggface_notop", 3, size=64, tensors=start.tensors).eval()
    image = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    with torch.inference_mode():
        expected = network.body.fc[-1](by_hand(state, image - MEAN).mean((2, 3)))
        torch.testing.assert_close(network(image), expected, rtol=1e-3, atol=1e-2)
    if not top:
        with pytest.raises(FerError, match=r"lacks fc6\.weight, fc6\.bias, fc7\.weight and 1 more"):
            store.add("vggface", path)
