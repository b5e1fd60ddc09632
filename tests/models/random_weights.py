"""Weights for the tests: random tensors of the published shapes; the real ones if at hand."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from fer_utils.models import registry
from fer_utils.models.backbone import Backbone
from fer_utils.models.network import Network
from fer_utils.models.pretrained import store
from fer_utils.models.sources import PublicSource

BACKBONES = {
    name: model.architecture
    for name, model in registry.MODELS.items()
    if isinstance(model.architecture, Backbone)
}


def random_state(name: str, head: bool = True, seed: int = 0) -> dict[str, Tensor]:
    """Tensors under the published names, small enough for a deep network not to overflow."""
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


def saved(state: object, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, path)
    return path


def digest_of(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


def publish(monkeypatch: pytest.MonkeyPatch, name: str, *weights: PublicSource) -> None:
    """Has these sources stand for those of a network in the registry."""
    model = registry.MODELS[name]
    changed = type(model)(name, model.display_name, model.architecture, weights)
    monkeypatch.setitem(registry.MODELS, name, changed)


def published(name: str) -> Network:
    """A network with its real weights and its published head; skips where these are not at hand."""
    tensors = real_tensors(name)
    head = BACKBONES[name].unused[0]
    network = Network(name, len(tensors[f"{head}.weight"]), tensors=tensors).eval()
    linear = network.body[-1][-1]
    state = {"bias": torch.zeros_like(linear.bias)}  # face-api's head has none
    for key, value in tensors.items():
        if key.startswith(f"{head}."):
            state[key.rpartition(".")[2]] = value
    linear.load_state_dict(state)
    return network


def real_tensors(name: str) -> Mapping[str, Tensor]:
    """The public weights; skips where they are not at hand."""
    if not store.at_hand(name):
        remedy = f"python -m fer_utils weights --fetch {name}"
        pytest.skip(f"the weights of {name} are not at hand; {remedy}")
    return store.load(name).tensors


def square(image: np.ndarray) -> Tensor:
    """The centre of a picture, uint8 H×W×3, as a batch of one."""
    side = min(image.shape[:2])
    top, left = ((length - side) // 2 for length in image.shape[:2])
    return torch.tensor(image[top : top + side, left : left + side]).permute(2, 0, 1)[None]
