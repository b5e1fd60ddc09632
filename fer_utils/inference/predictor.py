"""The best network, from one file, and what it predicts for any images."""

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

BATCH = 64  # images; large enough for a GPU, small enough for a laptop's memory


@dataclass(frozen=True)
class Predictor:
    """A trained network with its class names.

    Attributes
    ----------
    side
        In pixels, of the images that it was trained and tested on; the network itself may enlarge
        them.
    grey
        Whether these were grey; else RGB.
    about
        All that the file says of the network (see `export.export`).
    """

    network: Network
    classes: tuple[str, ...]
    side: int
    grey: bool
    about: dict

    def predict(self, images: inputs.Given) -> pd.DataFrame:
        """Classifies images, one row per image.

        Parameters
        ----------
        images
            Whatever `inputs.find` takes. They should show one face that fills the picture, as
            FER2013's do: no face is looked for. Of an image that is not square the largest centred
            square counts.

        Returns
        -------
        DataFrame
            - source: the image's path, or its position where it has none;
            - one column per class: its probability, 0..1;
            - label: the most probable class;
            - error: empty, or why a file cannot be read: then its probabilities are NaN, its label
              is empty, and it is named on stderr.

        Raises
        ------
        FerError
            If no file at all can be read, and for anything else that is wrong with `images`.
        """
        mode = "L" if self.grey else "RGB"
        squares = list(inputs.as_squares(inputs.find(images), mode, self.side))
        sources, _, errors = zip(*squares, strict=True)
        broken = [error for error in errors if error]
        if len(broken) == len(errors):
            first = broken[0] if len(broken) == 1 else f"none of {len(broken)} images: {broken[0]}"
            raise FerError(first)
        for error in broken:
            print(f"fer_utils: {error}", file=sys.stderr)
        classes = list(self.classes)
        readable = [(i, pixels) for i, (_, pixels, _) in enumerate(squares) if pixels is not None]
        positions = [position for position, _ in readable]
        answers = probabilities(self.logits(np.stack([pixels for _, pixels in readable])))
        frame = pd.DataFrame(answers, index=positions, columns=classes)
        # labels before the broken files' rows, of whose NaN no largest can be taken
        frame["label"] = frame[classes].idxmax(axis=1)
        frame = frame.reindex(range(len(squares))).fillna({"label": ""})
        frame.insert(0, "source", sources)
        return frame.assign(error=errors)

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Logits with the file's test-time augmentation: float32, N×classes.

        Parameters
        ----------
        images
            uint8, N×H×W, or N×H×W×3 for RGB, with H = W = `side`.
        """
        device = self.network.preprocess.get_buffer("mean").device
        batches = Batches(images, np.zeros(len(images)), BATCH, device)
        return prediction.predict(self.network, batches, self.about["tta"])


def load_best(path: Path | str | None = None) -> Predictor:
    """The network that `export.export` wrote.

    Parameters
    ----------
    path
        None: results/fer2013/best/model.safetensors, of the user's own results if they have one.

    Raises
    ------
    FerError
        If there is no such file, or it is no network of this package.
    """
    if path is None:
        folders = [paths.RESULTS, paths.REFERENCE]
        defaults = [folder / "fer2013" / "best" / "model.safetensors" for folder in folders]
        path = next((default for default in defaults if default.exists()), defaults[0])
    if not os.path.exists(path):  # Path.exists raises OSError for a name that is too long
        remedy = "python -m fer_utils best --dataset NAME"
        raise FerError(f"{path}: no exported network; make one with: {remedy}")
    try:
        with safe_open(path, "pt") as file:
            about = {name: json.loads(text) for name, text in (file.metadata() or {}).items()}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        network = Network(about["model"], len(about["classes"]), about["size"], about["channels"])
        # the file's numbers, not the registry's, which may change
        mean, std = tuple(about["mean"]), tuple(about["std"])
        network.preprocess = Preprocess(about["size"], about["channels"], mean, std)
        network.load_state_dict(state)
        classes = tuple(about["classes"])
        return Predictor(network.eval(), classes, about["side"], about["grey"], about)
    # whatever a foreign file lacks or has too much of: the reader needs one line, not a trace
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise FerError(
            f"{path}: not a network exported by this package ({reason}); make or fetch it again"
        ) from None
