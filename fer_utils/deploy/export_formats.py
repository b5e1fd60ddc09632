"""The exported network as a file for other programs: ONNX, ONNX with 8 bits, TorchScript."""

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fer_utils import io, paths
from fer_utils.data.dataset import Faces
from fer_utils.data.synthetic import open_dataset
from fer_utils.deploy.graph import WholeGraph
from fer_utils.deploy.quantization import quantize
from fer_utils.errors import FerError, one_of
from fer_utils.evaluation import metrics
from fer_utils.experiments import run_files
from fer_utils.inference import onnx_predictor
from fer_utils.inference.cropping import MARGIN
from fer_utils.inference.export import answers_to_trust
from fer_utils.inference.extra import require
from fer_utils.inference.predictor import Predictor
from fer_utils.inference.torch_predictor import TorchPredictor

FORMATS = {"onnx": "model.onnx", "onnx-int8": "model-int8.onnx", "torchscript": "model.pt"}
OPSET = 18  # the first whose Resize has antialiasing
ABOUT = "about.json"  # within a TorchScript file
CALIBRATION_IMAGES = 512


def export(
    predictor: TorchPredictor,
    kind: str,
    path: Path,
    tta: str | None = None,
    faces: Faces | None = None,
) -> Path:
    """Writes the network for other programs, with all that is needed to use it.

    What changes the probabilities (8 bits, another number of views) gets a temperature, a threshold
    and scores of its own, from the images that the first ones are from: for that the data set and
    the run's predictions.npz must be there.

    Parameters
    ----------
    kind
        A name in FORMATS.
    path
        The file, or a folder, in which it gets the name in FORMATS.
    tta
        "flip": the mean over an image and its mirror image; "none": the image alone, in half the
        time; None: as the network was tested.
    faces
        The data set that the network was trained on; None: what data/ holds.

    Returns
    -------
    Path
        The file. Its metadata are what the .safetensors file says (see `inference.export.export`),
        format, and `contract`, each value as JSON.

    Raises
    ------
    FerError
        For an unknown format, and where a package, the data set or the run is missing.
    """
    one_of(kind, FORMATS, "format")
    path = path / FORMATS[kind] if path.is_dir() else path
    if tta not in (None, predictor.about["tta"]):
        predictor = replace(predictor, about=predictor.about | {"tta": tta})
        about = predictor.about | measured(predictor, predictor.about, faces)
        predictor = replace(predictor, **TorchPredictor.described(about))
    graph = WholeGraph(predictor).eval()
    about = predictor.about | contract() | {"format": kind}
    with io.atomic_file(path) as part:
        if kind == "torchscript":
            _save_torchscript(graph, about, part)
        else:
            model = onnx_model(graph)
            if kind == "onnx-int8":
                model = quantize(model, training_images(about, faces))
                _write_onnx(model, about, part)
                # through the file: what is measured is what others will load
                about |= measured(onnx_predictor.load(part), about, faces)
                _set_temperature(model, about["temperature"])
            _write_onnx(model, about, part)
    return path


def contract() -> dict[str, Any]:
    """What a program that uses the file has to know."""
    return {
        "input": "images: uint8, N×H×W×3, RGB, each one upright face; any height and width",
        "output": "probabilities: float32, N×classes, calibrated, in the order of `classes`",
        "crop": f"a square around YuNet's box: same centre, side (width + height) / 2 × {MARGIN}",
        "crop_margin": MARGIN,
        "license": "MIT; it was trained on FER2013's pictures, whose terms are for research",
        "not_for": "judging people: an expression is not a feeling; EU AI Act, Art. 5(1)(f)",
    }


def measured(predictor: Predictor, about: dict, faces: Faces | None) -> dict[str, Any]:
    """temperature, sure, val and test anew: what a predictor answers on the run's own images."""
    faces = _faces(about, faces)
    runs = [folder / about["dataset"] / "runs" / about["run"] for folder in _results()]
    run = next((folder for folder in runs if run_files.is_finished(folder)), None)
    if run is None:
        raise FerError(f"{runs[0]}: not here; it says which images the network was validated on")
    predictions = run_files.read_predictions(run)
    for part in ("val", "test"):
        predictions[f"{part}_logits"] = predictor.logits(faces.images[predictions[f"{part}_rows"]])
    scores = {
        part: round(float(metrics.is_correct(predictions, part).mean()), 4)
        for part in ("val", "test")
    }
    return scores | answers_to_trust(predictions)


def training_images(about: dict, faces: Faces | None) -> np.ndarray:
    """CALIBRATION_IMAGES of the training split, at equal distances: uint8, N×H×W×3."""
    faces = _faces(about, faces)
    rows = faces.rows(tuple(about["classes"]), ("Training",))
    images = faces.images[rows[np.linspace(0, len(rows) - 1, CALIBRATION_IMAGES).astype(int)]]
    return images if images.ndim == 4 else np.repeat(images[..., None], 3, axis=3)


def onnx_model(graph: WholeGraph) -> Any:
    """The graph as an ONNX model."""
    require("onnx", "export")
    require("onnxscript", "export")
    sizes = {0: "images", 1: "height", 2: "width"}
    # no side is the network's own, else the exporter would take it for fixed
    example = torch.zeros(2, graph.side + 5, graph.side + 3, 3, dtype=torch.uint8)
    program = torch.onnx.export(
        graph,
        (example,),
        dynamo=True,
        opset_version=OPSET,
        input_names=["images"],
        output_names=["probabilities"],
        dynamic_shapes=(sizes,),
        verbose=False,
    )
    assert program is not None  # as with every export by way of torch.export
    model = program.model_proto
    _clean(model)
    return model


def _clean(model: Any) -> None:
    """Without the exporter's notes, which name files of this machine; resizes as PIL does."""
    onnx = require("onnx", "export")
    del model.metadata_props[:], model.graph.metadata_props[:]
    for item in (*model.graph.node, *model.graph.value_info, *model.graph.initializer):
        del item.metadata_props[:]
    for item in (*model.graph.input, *model.graph.output):
        del item.metadata_props[:]
    for node in model.graph.node:
        node.doc_string = ""
        if node.op_type == "Resize":
            # at the border only pixels within the picture count, as PIL and PyTorch have it
            kept = [given for given in node.attribute if given.name != "exclude_outside"]
            del node.attribute[:]
            node.attribute.extend([*kept, onnx.helper.make_attribute("exclude_outside", 1)])


def _write_onnx(model: Any, about: dict, path: Path) -> None:
    onnx = require("onnx", "export")
    texts = {name: json.dumps(value, ensure_ascii=False) for name, value in about.items()}
    onnx.helper.set_model_props(model, texts)
    path.write_bytes(model.SerializeToString())


def _set_temperature(model: Any, temperature: float) -> None:
    onnx = require("onnx", "export")
    [tensor] = [tensor for tensor in model.graph.initializer if tensor.name == "temperature"]
    value = np.array(temperature, np.float32)
    tensor.CopyFrom(onnx.numpy_helper.from_array(value, "temperature"))


def _save_torchscript(graph: WholeGraph, about: dict, path: Path) -> None:
    example = torch.zeros(2, graph.side, graph.side, 3, dtype=torch.uint8)
    with warnings.catch_warnings(), torch.inference_mode():
        # PyTorch is about to give up TorchScript, which others still run; and it warns of shapes
        # that the trace takes for fixed, as those of the network's input are
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(graph, (example,))
        torch.jit.save(traced, path, _extra_files={ABOUT: json.dumps(about).encode()})


def _faces(about: dict, faces: Faces | None) -> Faces:
    faces = open_dataset(about["dataset"]) if faces is None else faces
    if faces.digest != about["digest"]:
        raise FerError(
            f"the network was trained on {about['source']}, which is not the present "
            f"data/{about['dataset']} ({faces.source}); prepare that one again"
        )
    return faces


def _results() -> tuple[Path, ...]:
    return paths.RESULTS, paths.REFERENCE
