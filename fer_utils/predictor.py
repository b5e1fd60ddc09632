"""The best network in one file, and its judgement of any images: export, load_best, predict."""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from fer_utils import io, paths, pictures
from fer_utils.analysis.costs import speed
from fer_utils.data.dataset import Faces
from fer_utils.data.loader import Batches
from fer_utils.errors import FerError
from fer_utils.evaluation import metrics, prediction
from fer_utils.evaluation.metrics import probabilities
from fer_utils.experiments.finished_run import FinishedRun, load_finished_run
from fer_utils.models.network import Network, Preprocess

BATCH = 64
LARGEST = 10_000_000  # bytes: what git and a visitor put up with
COST = 0.01  # the most that half precision may move a probability; beyond it, single precision is kept
PROTOCOLS = {
    "private": "PublicTest validates, PrivateTest is tested",
    "all": "a part of the training images validates, all test images are tested",
}


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
        found = pictures.as_squares(pictures.find(images), "L" if self.grey else "RGB", self.side)
        sources, pixels, errors = zip(*found, strict=True)
        broken = [error for error in errors if error]
        if len(broken) == len(errors):
            raise FerError(broken[0] if len(broken) == 1 else f"none of {len(broken)} images: {broken[0]}")
        for error in broken:
            print(f"fer_utils: {error}", file=sys.stderr)
        frame = pd.DataFrame(np.nan, index=range(len(sources)), columns=list(self.classes))
        read = [position for position, error in enumerate(errors) if not error]
        frame.loc[read] = probabilities(self.logits(np.stack([pixels[position] for position in read])))
        frame.insert(0, "source", sources)
        frame["label"] = frame[list(self.classes)].loc[read].idxmax(axis=1).reindex(frame.index, fill_value="")
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
        raise FerError(f"{path}: no exported network; make one with: python -m fer_utils best --dataset NAME")
    try:
        with safe_open(path, "pt") as file:
            about = {name: json.loads(text) for name, text in (file.metadata() or {}).items()}
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        network = Network(about["model"], len(about["classes"]), about["size"], about["channels"], pretrained=False)
        network.preprocess = Preprocess(about["size"], about["channels"], tuple(about["mean"]), tuple(about["std"]))
        network.load_state_dict(state)
        return Predictor(network.eval(), tuple(about["classes"]), about["side"], about["grey"], about)
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise FerError(
            f"{path}: not a network exported by this package ({reason}); make or fetch it again"
        ) from None


def export(run_folder: Path, path: Path, faces: Faces | None = None, device: str = "cpu") -> Predictor:
    """Writes the network of a run to `path`, with all that is needed to use it, and returns it as loaded again.

    Weights in half precision, unless that moves a probability of the run's validation images by more than COST.
    Metadata, each value as JSON: classes, side (pixels) and grey of the images; model, its size (pixels) and
    channels, mean and std (of intensities 0..1), tta; run, dataset, source, digest, task, protocol, seed; val and
    test (accuracy 0..1) with their numbers of images; parameters, precision, difference (the largest of a
    probability from the run's own), images_per_second with device and threads.
    Raises FerError where the file is too large or the checkpoint gives other probabilities.
    """
    trained = load_finished_run(run_folder)
    images = (trained.faces() if faces is None else faces).images[trained.predictions["val_rows"]]
    about = describe(trained) | {"side": images.shape[1], "grey": images.ndim == 3}
    about |= speed(trained.network, trained.experiment.tta, device, side=images.shape[1])
    trained.network.to(trained.device)
    theirs = probabilities(trained.predictions["val_logits"])
    with io.atomic_file(Path(path)) as part:
        for precision in (torch.float16, torch.float32):
            state = {name: _as(tensor, precision) for name, tensor in trained.network.state_dict().items()}
            about["precision"] = str(precision).removeprefix("torch.")
            _save(state, about, part)
            about["difference"] = round(
                float(np.abs(probabilities(load_best(part).logits(images)) - theirs).max()), 6
            )
            if about["difference"] <= COST:
                break
        else:
            raise FerError(f"{run_folder}: its checkpoint does not give the probabilities in its predictions.npz")
        _save(state, about, part)
        if (size := part.stat().st_size) > LARGEST:
            raise FerError(f"{path}: {size / 1e6:.1f} MB; more than {LARGEST / 1e6:.0f} are too many to hand out")
    return load_best(path)


def describe(trained: FinishedRun) -> dict:
    """What the metadata says of a run: see `export`."""
    experiment, preprocess = trained.experiment, trained.network.preprocess
    about = {
        "classes": trained.classes,
        "model": experiment.model,
        "size": preprocess.size,
        "channels": preprocess.channels,
        "mean": _of_one(preprocess.mean),
        "std": _of_one(preprocess.std),
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
    return about


def _of_one(statistics: torch.Tensor) -> tuple[float, ...]:
    """Of intensities in 0..1, a channel each; Preprocess holds them for 0..255."""
    return tuple(round(value / 255, 6) for value in statistics.flatten().tolist())


def _as(tensor: torch.Tensor, precision: torch.dtype) -> torch.Tensor:
    return (tensor.to(precision) if tensor.is_floating_point() else tensor).contiguous()


def _save(state: dict[str, torch.Tensor], about: dict, path: Path) -> None:
    # in memory, since what save_file writes itself only its owner may read
    path.write_bytes(save(state, {name: json.dumps(value) for name, value in about.items()}))
