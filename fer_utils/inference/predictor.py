"""The exported network, from one file, and what it answers for any images.

The file is of PyTorch (model.safetensors) or of ONNX Runtime (*.onnx); both answer alike, and the
second kind needs no PyTorch.
"""

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fer_utils import paths
from fer_utils.errors import FerError
from fer_utils.evaluation.metrics import probabilities
from fer_utils.inference import inputs


@dataclass(frozen=True)
class Predictor(ABC):
    """A trained network with its class names.

    Attributes
    ----------
    side
        In pixels, of the images that it was trained and tested on, and that it is given.
    grey
        Whether these were grey; else RGB.
    temperature
        What logits are divided by, for calibrated probabilities; fitted on validation images.
    sure_above
        A calibrated probability; answers above it count as sure.
    about
        All that the file says of the network (see `export.export`).
    """

    classes: tuple[str, ...]
    side: int
    grey: bool
    temperature: float
    sure_above: float
    about: dict

    @staticmethod
    def described(about: dict) -> dict[str, Any]:
        """The attributes by name, from what a file says. Raises KeyError where one is missing."""
        return {
            "classes": tuple(about["classes"]),
            "side": about["side"],
            "grey": about["grey"],
            "temperature": about["temperature"],
            "sure_above": about["sure"]["above"],
            "about": about,
        }

    @abstractmethod
    def logits(self, images: np.ndarray) -> np.ndarray:
        """Logits with the file's test-time augmentation: float32, N×classes.

        Parameters
        ----------
        images
            uint8, N×H×W, or N×H×W×3 for RGB, with H = W = `side`.
        """

    def probabilities(self, images: np.ndarray, raw: bool = False) -> np.ndarray:
        """Calibrated probabilities, N×classes, of images as for `logits`.

        raw: without dividing the logits by the temperature.
        """
        return probabilities(self.logits(images) / (1 if raw else self.temperature))

    @property
    def mode(self) -> str:
        """Of the images, as PIL names it: L (grey) or RGB."""
        return "L" if self.grey else "RGB"

    def answers(self, images: np.ndarray, raw: bool = False) -> pd.DataFrame:
        """One row per image: a column per class with its probability, label, sure.

        Parameters
        ----------
        images
            As for `logits`.
        raw
            Probabilities as they are before calibration; label and sure are the same.
        """
        logits = self.logits(images)
        calibrated = probabilities(logits / self.temperature)
        frame = pd.DataFrame(probabilities(logits) if raw else calibrated, columns=self.classes)
        labels = np.array(self.classes, object)[logits.argmax(1)]
        return frame.assign(label=labels, sure=calibrated.max(1) > self.sure_above)

    def predict(self, images: inputs.Given, raw: bool = False) -> pd.DataFrame:
        """Classifies images, one row per image.

        Parameters
        ----------
        images
            Whatever `inputs.find` takes. They should show one face that fills the picture, as
            FER2013's do: no face is looked for (`photographs.predict` does). Of an image that is
            not square the largest centred square counts.
        raw
            Probabilities as they are before calibration.

        Returns
        -------
        DataFrame
            - source: the image's path, or its position where it has none;
            - one column per class: its calibrated probability, 0..1;
            - label: the most probable class;
            - sure: whether its calibrated probability is above `sure_above`: of such validation
              images the share about["sure"]["right"] was named rightly;
            - error: empty, or why a file cannot be read: then its probabilities are NaN, its label
              is empty, and the line is printed on stderr.

        Raises
        ------
        FerError
            Where there is nothing to classify, the input is no image, or no file can be read.
        """
        squares = list(inputs.as_squares(inputs.find(images), self.mode, self.side))
        sources, _, errors = zip(*squares, strict=True)
        inputs.report_broken(list(errors))
        readable = [(i, pixels) for i, (_, pixels, _) in enumerate(squares) if pixels is not None]
        positions = [position for position, _ in readable]
        frame = self.answers(np.stack([pixels for _, pixels in readable]), raw)
        frame.index = pd.Index(positions)
        frame = frame.reindex(range(len(squares)))
        frame["label"] = frame["label"].fillna("")
        frame["sure"] = frame["sure"].eq(True)
        frame.insert(0, "source", sources)
        return frame.assign(error=errors)


def load_best(path: Path | str | None = None) -> Predictor:
    """The network that `export.export` wrote, or that `fer export` made of it.

    Parameters
    ----------
    path
        A .safetensors or .onnx file. None: the one in results/fer2013/best/, of the user's own
        results if they have one: model.safetensors, or where PyTorch is not installed
        model-int8.onnx.

    Raises
    ------
    FerError
        If there is no such file, or it is no network of this package, or what it needs is not
        installed.
    """
    if path is None:
        name = "model.safetensors" if find_spec("torch") else "model-int8.onnx"
        folders = [paths.RESULTS, paths.REFERENCE]
        defaults = [folder / "fer2013" / "best" / name for folder in folders]
        path = next((default for default in defaults if default.exists()), defaults[0])
    if not os.path.exists(path):  # Path.exists raises OSError for a name that is too long
        remedy = "python -m fer_utils best --dataset NAME"
        raise FerError(f"{path}: no exported network; make one with: {remedy}")
    # imported where they are asked for: each needs packages that the other does not
    if Path(path).suffix == ".onnx":
        from fer_utils.inference import onnx_predictor

        return onnx_predictor.load(Path(path))
    if find_spec("torch") is None:
        raise FerError(f"{path}: needs PyTorch, which is not installed; give an .onnx file")
    from fer_utils.inference import torch_predictor

    return torch_predictor.load(Path(path))
