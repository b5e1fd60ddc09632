"""The best network in one file, and its judgement of any images: export, load_best, predict."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors import SafetensorError, safe_open

from fer_utils import paths
from fer_utils.data.loader import Batches
from fer_utils.errors import FerError
from fer_utils.evaluation import prediction
from fer_utils.evaluation.metrics import probabilities
from fer_utils.inference import inputs
from fer_utils.models.network import Network, Preprocess

BATCH = 64


@dataclass(frozen=True)
class Predictor:
    """A trained network with its class names.

    side (pixels), grey (else RGB): the images that it was trained and tested on, which the network itself may
    enlarge. about: all that the file says of it (see `export`).
    """

    network: Network
    classes: tuple[str, ...]
    side: int
    grey: bool
    about: dict

    def predict(self, images) -> pd.DataFrame:
        """A row an image: source (path or position), the probability of each class by name, label, error.

        images: whatever pictures.find takes. They should show one face that fills the picture, as FER2013's do:
        no face is looked for. Of an image that is not square the largest centred square counts. A file that cannot
        be read keeps its row, with NaN and the reason in `error`, and is named on stderr. Raises FerError for
        anything else that is wrong, and where no file at all can be read.
        """
        found = inputs.as_squares(inputs.find(images), "L" if self.grey else "RGB", self.side)
        sources, pixels, errors = zip(*found, strict=True)
        broken = [error for error in errors if error]
        if len(broken) == len(errors):
            raise FerError(
                broken[0] if len(broken) == 1 else f"none of {len(broken)} images: {broken[0]}"
            )
        for error in broken:
            print(f"fer_utils: {error}", file=sys.stderr)
        frame = pd.DataFrame(np.nan, index=range(len(sources)), columns=list(self.classes))
        read = [position for position, error in enumerate(errors) if not error]
        frame.loc[read] = probabilities(
            self.logits(np.stack([pixels[position] for position in read]))
        )
        frame.insert(0, "source", sources)
        frame["label"] = (
            frame[list(self.classes)].loc[read].idxmax(axis=1).reindex(frame.index, fill_value="")
        )
        return frame.assign(error=errors)

    def logits(self, images: np.ndarray) -> np.ndarray:
        """float32, N×classes, of uint8 images N×H×W or N×H×W×3, with the file's test-time augmentation."""
        batches = Batches(images, np.zeros(len(images)), BATCH, self.network.preprocess.mean.device)
        return prediction.predict(self.network, batches, self.about["tta"])


def load_best(path: Path | str | None = None) -> Predictor:
    """The exported network in `path`; None: results/fer2013/best/model.safetensors. Raises FerError."""
    folders = [paths.RESULTS, paths.REFERENCE]
    defaults = [folder / "fer2013" / "best" / "model.safetensors" for folder in folders]
    path = next((p for p in defaults if p.exists()), defaults[0]) if path is None else Path(path)
    if not os.path.exists(path):  # Path.exists raises OSError for a name that is too long
        raise FerError(
            f"{path}: no exported network; make one with: python -m fer_utils best --dataset NAME"
        )
    try:
        with safe_open(path, "pt") as file:
            about = {name: json.loads(text) for name, text in (file.metadata() or {}).items()}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        network = Network(about["model"], len(about["classes"]), about["size"], about["channels"])
        network.preprocess = Preprocess(
            about["size"], about["channels"], tuple(about["mean"]), tuple(about["std"])
        )
        network.load_state_dict(state)
        return Predictor(
            network.eval(), tuple(about["classes"]), about["side"], about["grey"], about
        )
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise FerError(
            f"{path}: not a network exported by this package ({reason}); make or fetch it again"
        ) from None
