"""The exported network on ONNX Runtime, from the file that `fer export` writes; without PyTorch."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fer_utils.errors import FerError
from fer_utils.inference.extra import require
from fer_utils.inference.predictor import Predictor

BATCH = 64  # images
LEAST = 1e-30  # of a probability, whose logarithm is taken


@dataclass(frozen=True)
class OnnxPredictor(Predictor):
    """A network whose graph gives calibrated probabilities.

    Attributes
    ----------
    session
        Of ONNX Runtime.
    """

    session: Any

    def logits(self, images: np.ndarray) -> np.ndarray:
        """As of `Predictor`, up to a constant for each image."""
        # the graph divides by the temperature and takes the softmax; both are undone
        return np.log(self.probabilities(images).clip(LEAST)) * self.temperature

    def probabilities(self, images: np.ndarray, raw: bool = False) -> np.ndarray:
        """As of `Predictor`; images may have any height and width."""
        if raw:
            return super().probabilities(images, raw=True)
        colour = images if images.ndim == 4 else np.repeat(images[..., None], 3, axis=3)
        batches = [
            self.session.run(None, {"images": colour[start : start + BATCH]})[0]
            for start in range(0, len(colour), BATCH)
        ]
        return np.concatenate(batches)


def load(path: Path, threads: int = 0) -> OnnxPredictor:
    """Opens a file of `fer export --format onnx` or onnx-int8.

    Parameters
    ----------
    threads
        Of the processor; 0: as many as ONNX Runtime likes.

    Raises
    ------
    FerError
        Where ONNX Runtime is not installed, or the file is none of these.
    """
    runtime = require("onnxruntime", f"{path.name}")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    try:
        session = runtime.InferenceSession(path, options, ["CPUExecutionProvider"])
        texts = session.get_modelmeta().custom_metadata_map
        about = {name: json.loads(text) for name, text in texts.items()}
        return OnnxPredictor(**OnnxPredictor.described(about), session=session)
    # ONNX Runtime's own errors have no common class but Exception
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise FerError(
            f"{path}: not a network exported by this package ({reason}); make or fetch it again"
        ) from None
