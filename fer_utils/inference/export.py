"""A finished run as one file that others can read: safetensors with all that it needs in it."""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save

from fer_utils import io
from fer_utils.analysis.costs import speed
from fer_utils.data.dataset import Faces
from fer_utils.errors import FerError
from fer_utils.evaluation import metrics
from fer_utils.evaluation.calibration import fit_temperature, sure_threshold
from fer_utils.evaluation.metrics import probabilities
from fer_utils.experiments import run_files
from fer_utils.experiments.finished_run import FinishedRun, load_finished_run
from fer_utils.experiments.run_files import Predictions
from fer_utils.inference import torch_predictor
from fer_utils.inference.torch_predictor import TorchPredictor

LARGEST = 10_000_000  # bytes: what git and a visitor put up with
SURE = 0.9  # of the validation images whose answer counts as sure, the share that is named rightly
COST = 0.01  # the most that half precision may move a probability; else single precision is kept
PROTOCOLS = {
    "private": "PublicTest validates, PrivateTest is tested",
    "all": "a part of the training images validates, all test images are tested",
}


def export(
    run_folder: Path, path: Path, faces: Faces | None = None, device: str = "cpu"
) -> TorchPredictor:
    """Writes the network of a run to `path`, with all that is needed to use it.

    Weights are in half precision, unless that moves a probability of the run's validation images
    by more than COST.

    Parameters
    ----------
    faces
        The data of the run; None: what data/ holds.
    device
        Where images_per_second is measured.

    Returns
    -------
    TorchPredictor
        As loaded from the file. The file's metadata are its `about`, each value as JSON:

        - classes; side (pixels) and grey: of the images;
        - model; size (pixels), channels, mean and std (of intensities 0..1): of its input; tta;
        - run, dataset, source, digest, task, protocol, seed;
        - val, test: accuracy, 0..1; val_images, test_images: how many these are;
        - temperature, sure: as `answers_to_trust` gives them;
        - parameters, precision; difference: the largest of a probability from the run's own;
        - images_per_second, device, threads.

    Raises
    ------
    FerError
        If the file is too large, or the checkpoint gives other probabilities than the run's.
    """
    trained = load_finished_run(run_folder)
    rows = trained.predictions["val_rows"]
    images = (trained.faces() if faces is None else faces).images[rows]
    about = describe(trained) | {"side": images.shape[1], "grey": images.ndim == 3}
    about |= speed(trained.network, trained.experiment.tta, device, side=images.shape[1])
    trained.network.to(trained.device)  # speed left it where it was measured
    expected = probabilities(trained.predictions["val_logits"])
    with io.atomic_file(Path(path)) as part:
        for precision in (torch.float16, torch.float32):
            tensors = trained.network.state_dict().items()
            state = {name: _as(tensor, precision) for name, tensor in tensors}
            about["precision"] = str(precision).removeprefix("torch.")
            # through the file: what is compared is what others will load
            _save(state, about, part)
            difference = np.abs(
                probabilities(torch_predictor.load(part).logits(images)) - expected
            ).max()
            about["difference"] = round(float(difference), 6)
            if about["difference"] <= COST:
                break
        else:
            raise FerError(
                f"{run_folder}: its checkpoint does not give the probabilities in its "
                "predictions.npz"
            )
        _save(state, about, part)  # once more, with the difference
        # within the atomic write: a file that is too large never appears under its name
        if (size := part.stat().st_size) > LARGEST:
            raise FerError(
                f"{path}: {size / 1e6:.1f} MB; more than {LARGEST / 1e6:.0f} are too many to "
                "hand out"
            )
    return torch_predictor.load(path)


def describe(trained: FinishedRun) -> dict:
    """What the metadata says of a run itself, as `export` lists it."""
    experiment, preprocess = trained.experiment, trained.network.preprocess
    about = {
        "classes": trained.classes,
        "model": experiment.model,
        "size": preprocess.size,
        "channels": preprocess.channels,
        "mean": _of_one(preprocess.get_buffer("mean")),
        "std": _of_one(preprocess.get_buffer("std")),
        "tta": experiment.tta,
        "run": experiment.id,
        "dataset": experiment.dataset,
        **trained.config["data"],
        "task": experiment.task,
        "protocol": PROTOCOLS[experiment.test],
        "seed": experiment.seed,
        "parameters": trained.config["parameters"],
    }
    for split in ("val", "test"):
        hits = metrics.is_correct(trained.predictions, split)
        about |= {split: round(float(hits.mean()), 4), f"{split}_images": len(hits)}
    return about | answers_to_trust(trained.predictions)


def answers_to_trust(predictions: Predictions) -> dict:
    """What the validation images say of a network's probabilities.

    Returns
    -------
    dict
        - temperature: logits are divided by it, for calibrated probabilities;
        - sure: of these, `above` is the threshold above which the share `right` (SURE) of the
          validation images is named rightly; val, test: the share of images that is above it;
          test_right: how many of these are right on test, NaN (null) where there is none.
    """
    # rounded first: what the file says is what the threshold is made for
    temperature = round(fit_temperature(predictions["val_logits"], predictions["val_labels"]), 4)
    val, test = (
        probabilities(predictions[f"{split}_logits"] / temperature) for split in ("val", "test")
    )
    threshold = round(sure_threshold(val, predictions["val_labels"], SURE), 4)
    is_sure = test.max(1) > threshold
    right = metrics.is_correct(predictions, "test")[is_sure]
    sure = {
        "right": SURE,
        "above": threshold,
        "val": round(float((val.max(1) > threshold).mean()), 4),
        "test": round(float(is_sure.mean()), 4),
        "test_right": round(float(right.mean()), 4) if len(right) else None,
    }
    return {"temperature": temperature, "sure": sure}


def bring_up_to_date(path: Path, run_folder: Path) -> bool:
    """Says in an exported file what `answers_to_trust` says of its run; weights stay as they are.

    For files whose run has lost its checkpoint. Returns whether the file was written.
    """
    about = torch_predictor.read_about(path)
    newer = about | answers_to_trust(run_files.read_predictions(run_folder))
    if newer == about:
        return False
    with safe_open(path, "pt") as file:
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    with io.atomic_file(path) as part:
        _save(state, newer, part)
    return True


def _of_one(statistics: torch.Tensor) -> tuple[float, ...]:
    """Of intensities in 0..1, one per channel; Preprocess holds them for 0..255."""
    return tuple(round(value / 255, 6) for value in statistics.flatten().tolist())


def _as(tensor: torch.Tensor, precision: torch.dtype) -> torch.Tensor:
    """In this precision; counters, such as batch normalisation's, stay whole numbers."""
    return (tensor.to(precision) if tensor.is_floating_point() else tensor).contiguous()


def _save(state: dict[str, torch.Tensor], about: dict, path: Path) -> None:
    # in memory, since what save_file writes itself only its owner may read
    path.write_bytes(save(state, {name: json.dumps(value) for name, value in about.items()}))
