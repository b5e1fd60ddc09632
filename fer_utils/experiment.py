"""An experiment is data: a frozen dataclass names a run completely, and `run` makes its folder of results.

results/<dataset>/runs/<id>/ holds config.json, history.csv, metrics.csv, confusion.csv, predictions.npz,
the checkpoints best.pth and last.pth, and done.json, which is written last: without it a run is not finished.
"""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import torch

from fer_utils import copies, devices, evaluation, files, paths
from fer_utils.augment import Augment
from fer_utils.batches import Batches, median_filter
from fer_utils.emotions import get_task
from fer_utils.errors import FerError, one_of
from fer_utils.faces import TESTS, Faces, Split, open_store, split_task
from fer_utils.losses import make_loss
from fer_utils.models import Network, check_model
from fer_utils.sample import prepare_sample
from fer_utils.schedules import SCHEDULES
from fer_utils.training import OPTIMISERS, make_optimiser, train

SELECTIONS = ("last", "best")


@dataclass(frozen=True)
class Experiment:
    """Every setting of a run. Defaults are report A's protocol; where it is silent, the comment says "ours".

    A setting added later gets a default that means "as before": the id hashes only what differs from the
    defaults, so results that exist keep their id.
    """

    dataset: str = "sample"  # a prepared store: data/<dataset>
    task: str = "multiclass"  # binary, multiclass, three, seven, or classes joined by +
    model: str = "cnn"
    loss: str = "cross_entropy"  # or focal
    gamma: float = 2.0  # focal loss only; ours (Lin et al.'s choice)
    class_weights: bool = True  # the task's weights; False: all 1
    epochs: int = 10
    batch_size: int = 64  # ours
    optimiser: str = "adam"  # ours; or adamw, sgd
    learning_rate: float = 5e-4  # ours, chosen on validation (study learning_rate)
    weight_decay: float = 1e-4  # ours; the report uses some
    cap: int | None = 4000  # training images a class, at most
    validation: float = 0.2  # share of the training images
    dedupe: bool = False  # copies of one photograph on one side only: leaked test images left out (copies.near)
    image_size: int | None = None  # None: the network's own
    median: bool = False  # 3×3 median filter on every image
    dropout: float | None = None  # before the head; None: the network's own
    select: str = "last"  # which epoch is tested: the last, or the best on validation
    seed: int = 0  # draws the cap, the split, the weights, the order, the augmentation and the dropout
    test: str = "all"  # every test image; or private: PrivateTest, with PublicTest for validation
    flip: bool = False  # augmentation: see Augment, here to mixup
    rotation: float = 0.0  # degrees
    shift: float = 0.0  # share of the side
    scale: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    erasing: float = 0.0  # probability
    mixup: float = 0.0  # alpha
    label_smoothing: float = 0.0  # cross-entropy only
    schedule: str = "constant"  # of the learning rate; or cosine, one_cycle, plateau
    ema: float = 0.0  # decay of the averaged weights, for example 0.998; 0: the last step's weights
    tta: str = "none"  # test-time augmentation of the final scores; or flip, flip_shift

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value, allowed = getattr(self, field.name), get_args(field.type) or (field.type,)
            if type(value) not in (*allowed, int if float in allowed else None):
                raise FerError(f"{field.name} must be of type {field.type}; got {value!r}")
        get_task(self.task)
        check_model(self.model)
        make_loss(self.loss, 0.0, None, self.label_smoothing)
        one_of(self.optimiser, OPTIMISERS, "optimiser")
        one_of(self.select, SELECTIONS, "selection")
        one_of(self.test, TESTS, "test")
        one_of(self.schedule, SCHEDULES, "schedule")
        one_of(self.tta, evaluation.VIEWS, "test-time augmentation")
        for name in ("epochs", "batch_size", "cap", "image_size", "learning_rate"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise FerError(f"{name} must be above 0; got {value}")
        for name in ("gamma", "weight_decay", "seed", "rotation", "mixup"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise FerError(f"{name} must be 0 or more; got {getattr(self, name)}")
        for name in ("shift", "scale", "brightness", "contrast", "erasing", "label_smoothing", "ema", "dropout"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1:
                raise FerError(f"{name} must be at least 0 and below 1; got {value}")

    @classmethod
    def make(cls, **settings) -> "Experiment":
        """An experiment from settings by name; an unknown name is a FerError that lists the right ones."""
        known = [field.name for field in dataclasses.fields(cls)]
        for name in settings:
            one_of(name, known, "parameter")
        return cls(**settings)

    @property
    def id(self) -> str:
        """Readable slug plus a hash of every setting that differs from its default."""
        settings = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        changed = {name: value for name, value in settings.items() if value != defaults[name]}
        digest = hashlib.sha256(json.dumps(changed, sort_keys=True).encode()).hexdigest()[:8]
        return f"{self.task}-{self.model.replace(':', '_')}-{self.loss}-s{self.seed}-{digest}"

    def replace(self, **settings) -> "Experiment":
        return dataclasses.replace(self, **settings)


def open_dataset(name: str) -> Faces:
    """The prepared store data/<name>; the sample is drawn if it is not there yet. Raises FerError."""
    return prepare_sample(paths.DATA / name) if name == "sample" else open_store(paths.DATA / name)


def folder_of(experiment: Experiment, results: Path = paths.RESULTS) -> Path:
    return results / experiment.dataset / "runs" / experiment.id


def run(
    experiment: Experiment,
    device: str = "auto",
    precision: str = "auto",
    results: Path = paths.RESULTS,
    faces: Faces | None = None,
) -> Path:
    """Trains, evaluates and writes the run's folder; returns it. Finished runs return at once.

    An interrupted run continues from its last epoch. Raises FerError for bad settings or data, and where
    the folder's results were made from another data set of the same name.
    """
    folder = folder_of(experiment, results)
    faces = open_dataset(experiment.dataset) if faces is None else faces
    if (folder / "done.json").exists():
        _check_same_data(folder, faces)
        return folder
    hardware = devices.choose(device, precision)
    with files.only_here(folder):
        _compute(experiment, folder, faces, hardware)
    return folder


def _compute(experiment: Experiment, folder: Path, faces: Faces, hardware: devices.Hardware) -> None:
    task = get_task(experiment.task)
    groups = copies.near(faces) if experiment.dedupe else None
    split = split_task(faces, task, experiment.cap, experiment.validation, experiment.seed, experiment.test, groups)
    parts = {name: getattr(split, name) for name in ("train", "val", "test")}
    batches = {name: _batches(experiment, faces, split, rows, hardware) for name, rows in parts.items()}

    torch.manual_seed(experiment.seed)  # the same initial weights whatever the loss
    network = Network(experiment.model, len(task.classes), experiment.image_size, dropout=experiment.dropout)
    weights = torch.tensor(task.weights) if experiment.class_weights else None
    criterion = make_loss(experiment.loss, experiment.gamma, weights, experiment.label_smoothing)
    optimiser = make_optimiser(experiment.optimiser, network, experiment.learning_rate, experiment.weight_decay)
    config = {
        "experiment": dataclasses.asdict(experiment),
        "classes": task.classes,
        "images": {name: len(rows) for name, rows in parts.items()},
        "data": {"source": faces.source, "digest": faces.digest},
        "parameters": sum(p.numel() for p in network.parameters()),
        "pretrained": network.origin,
        "hardware": hardware.describe(),
    }
    if (folder / "config.json").exists():
        _check_same_data(folder, faces)
    files.write_json(folder / "config.json", config)
    history = train(
        network, batches["train"], batches["val"], criterion, optimiser,
        epochs=experiment.epochs, seed=experiment.seed, hardware=hardware, folder=folder,
        augment=_augmentation(experiment), mixup=experiment.mixup, schedule=experiment.schedule, ema=experiment.ema,
    )  # fmt: skip

    state = torch.load(folder / f"{experiment.select}.pth", weights_only=True)
    network.load_state_dict(state)
    logits = {name: evaluation.predict(network, batches[name], experiment.tta) for name in ("val", "test")}
    _write_evaluation(folder, task.classes, split, logits)
    finished = {"id": experiment.id, "seconds": round(float(history["seconds"].sum()), 1)}
    files.write_json(folder / "done.json", finished)
    (folder / "resume.pth").unlink()


def _batches(
    experiment: Experiment, faces: Faces, split: Split, rows: np.ndarray, hardware: devices.Hardware
) -> Batches:
    images = faces.images[rows]
    images = median_filter(images) if experiment.median else images
    return Batches(images, split.labels[rows], experiment.batch_size, hardware.device)


def _augmentation(experiment: Experiment) -> Augment:
    strengths = {field.name: getattr(experiment, field.name) for field in dataclasses.fields(Augment)}
    return Augment(**strengths)


def _check_same_data(folder: Path, faces: Faces) -> None:
    made_from = files.read_json(folder / "config.json")["data"]
    if made_from["digest"] != faces.digest:
        raise FerError(
            f"{folder.name}: its results were made from {made_from['source']} ({made_from['digest']}), which is "
            f"not the present {faces.source} ({faces.digest}); prepare under another name or delete the results"
        )


def _write_evaluation(folder: Path, classes, split: Split, logits: dict[str, np.ndarray]) -> None:
    """metrics.csv (validation and test), confusion.csv (test) and predictions.npz (logits and rows of both)."""
    rows = {"val": split.val, "test": split.test}
    tables = [
        evaluation.scores(split.labels[rows[name]], logits[name], classes).assign(split=name) for name in rows
    ]
    confusion = evaluation.confusion(split.labels[split.test], logits["test"], classes)
    with files.whole_file(folder / "metrics.csv") as part:
        pd.concat(tables).to_csv(part, index=False)
    with files.whole_file(folder / "confusion.csv") as part:
        confusion.to_csv(part)
    arrays = {f"{name}_logits": logits[name] for name in rows}
    arrays |= {f"{name}_labels": split.labels[rows[name]].astype(np.uint8) for name in rows}
    arrays |= {f"{name}_rows": rows[name].astype(np.uint32) for name in rows}
    with files.whole_file(folder / "predictions.npz") as part, part.open("wb") as stream:
        np.savez_compressed(stream, classes=np.array(classes), **arrays)
