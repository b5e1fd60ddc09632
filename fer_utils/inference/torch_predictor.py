"""The exported network on PyTorch, from its safetensors file."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open

from fer_utils.data.loader import Batches
from fer_utils.errors import FerError
from fer_utils.evaluation import prediction
from fer_utils.inference.predictor import Predictor
from fer_utils.models.network import Network, Preprocess

BATCH = 64  # images; large enough for a GPU, small enough for a laptop's memory
# whatever a foreign file lacks or has too much of: the reader needs one line, not a trace
FOREIGN = (SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError)


@dataclass(frozen=True)
class TorchPredictor(Predictor):
    """A trained network with its class names.

    Attributes
    ----------
    network
        In evaluation mode. It may enlarge the images itself.
    """

    network: Network

    def logits(self, images: np.ndarray) -> np.ndarray:
        """As of `Predictor`, on the device that the network is on."""
        device = self.network.preprocess.get_buffer("mean").device
        batches = Batches(images, np.zeros(len(images)), BATCH, device)
        return prediction.predict(self.network, batches, self.about["tta"])


def load(path: Path) -> TorchPredictor:
    """The network that `export.export` wrote. Raises FerError where the file is none of these."""
    try:
        with safe_open(path, "pt") as file:
            about = _about(file)
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        network = Network(about["model"], len(about["classes"]), about["size"], about["channels"])
        # the file's numbers, not the registry's, which may change
        mean, std = tuple(about["mean"]), tuple(about["std"])
        network.preprocess = Preprocess(about["size"], about["channels"], mean, std)
        network.load_state_dict(state)
        return TorchPredictor(**TorchPredictor.described(about), network=network.eval())
    except FOREIGN as error:
        raise _not_ours(path, error) from None


def read_about(path: Path) -> dict:
    """What a file says of its network. Raises FerError where it is no safetensors file."""
    try:
        with safe_open(path, "pt") as file:
            return _about(file)
    except FOREIGN as error:
        raise _not_ours(path, error) from None


def _about(file: safe_open) -> dict:
    return {name: json.loads(text) for name, text in (file.metadata() or {}).items()}


def _not_ours(path: Path, error: Exception) -> FerError:
    reason = str(error).splitlines()[0]
    return FerError(
        f"{path}: not a network exported by this package ({reason}); make or fetch it again"
    )
