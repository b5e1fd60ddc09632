"""ONNX with 8 bits: static quantisation by ONNX Runtime, with ranges from training images."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from fer_utils.inference.extra import require

# the network's own layers; what stands before and after them stays as it is
LAYERS = ("Conv", "Gemm", "MatMul", "Add", "Relu", "MaxPool", "AveragePool", "ReduceMean")
BATCH = 64  # images


def quantize(model: Any, images: np.ndarray) -> Any:
    """The model with int8 weights (per channel) and uint8 activations, as pairs of Q and DQ nodes.

    uint8 for activations, since with int8 on both sides nothing gets faster on x86.

    Parameters
    ----------
    model : as `export_formats.onnx_model` gives it
    images : uint8, N×H×W×3, from which the ranges of the activations are taken
    """
    quantization = require("onnxruntime.quantization", "export to 8 bits")
    onnx = require("onnx", "export to 8 bits")
    # what ONNX Runtime looks for: its preparation would fold batch normalisation into convolutions
    # and infer shapes, but the exporter has done the first, and the second it does in any case
    onnx.helper.set_model_props(model, {"onnx.quant.pre_process": "onnxruntime.quant"})
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "int8.onnx")
        quantization.quantize_static(
            model,
            made,
            _reader(images),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=list(LAYERS),
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
        )
        return onnx.load(made)


def _reader(images: np.ndarray) -> Any:
    """Batches for the calibration, one after another, None at the end."""
    quantization = require("onnxruntime.quantization", "export to 8 bits")

    class Reader(quantization.CalibrationDataReader):  # type: ignore[name-defined]
        def __init__(self) -> None:
            starts = range(0, len(images), BATCH)
            self._batches = iter([{"images": images[i : i + BATCH]} for i in starts])

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self._batches, None)

    return Reader()
