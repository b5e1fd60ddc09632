"""A run: an experiment is trained, evaluated, and leaves its folder of results.

results/<dataset>/runs/<id>/ holds config.json, history.csv, metrics.csv, confusion.csv, predictions.npz,
the checkpoints best.pth and last.pth, and done.json, which is written last: without it a run is not finished.
"""

import dataclasses
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from fer_utils import (
    devices,
    distributed,
    io,
    paths,
)
from fer_utils.data import duplicates
from fer_utils.data.dataset import Faces
from fer_utils.data.loader import Batches, median_filter
from fer_utils.data.splits import Split, split_task
from fer_utils.data.synthetic import open_dataset
from fer_utils.data.tasks import get_task
from fer_utils.errors import FerError, one_of
from fer_utils.evaluation import prediction
from fer_utils.experiments import continuation, run_files
from fer_utils.models import pretrained
from fer_utils.models.network import Network
from fer_utils.training import checkpoints, tracking
from fer_utils.training.experiment import Experiment
from fer_utils.training.loop import train


def announce(device: str, precision: str) -> None:
    """Says at the start of many runs where and in which precision they are computed here. Raises FerError."""
    chosen = devices.choose(device, precision)
    print(f"on this machine: device {chosen.device.type}, precision {chosen.precision}", flush=True)


def folder_of(experiment: Experiment, results: Path = paths.RESULTS) -> Path:
    return results / experiment.dataset / "runs" / experiment.id


def run(
    experiment: Experiment,
    device: str = "auto",
    precision: str = "auto",
    results: Path = paths.RESULTS,
    faces: Faces | None = None,
    tracker: str = "none",
    draw: tracking.Draw | None = None,
    wait: bool = False,
) -> Path:
    """Trains, evaluates and writes the run's folder; returns it. Finished runs return at once.

    An interrupted run continues from its last epoch, and with precision "auto" in the precision that it
    had; another one must be asked for. config.json lists its segments: from which epoch on, and on what.
    tracker: what follows it meanwhile (see tracking), draw: the pictures of the finished run for it; they change
    nothing. wait: where another process computes this run, until it ends, instead of raising io.Busy.
    Raises FerError for bad settings or data, and where the folder's results were made from another data
    set of the same name.

    Of several processes that torchrun has started each computes its shard (see distributed); the first one alone
    reads and writes the folder, which the others need not see. The data set must be on every machine.
    """
    one_of(tracker, tracking.TRACKERS, "tracker")
    folder = folder_of(experiment, results)
    world = distributed.join(device)
    if faces is None:
        with world.main_process_first():
            faces = open_dataset(experiment.dataset)
    if world.broadcast(faces.digest) != faces.digest:
        raise FerError(
            f"data set {experiment.dataset} is not the one that the first process has; copy that one"
        )
    with (
        io.exclusive_lock(folder, wait)
        if world.is_main and not run_files.is_finished(folder)
        else nullcontext()
    ):
        if world.broadcast(
            run_files.is_finished(folder)
        ):  # perhaps by the process that was waited for
            if world.is_main:
                _check_same_data(folder, faces)
            return folder
        if world.is_main:
            continuation.continue_shorter(experiment, folder, faces.digest)
        segments = world.broadcast(_segments(folder) if world.is_main else None)
        hardware = world.placed(_hardware(device, precision, segments, folder.name))
        _compute(
            experiment,
            folder,
            faces,
            hardware,
            segments,
            world,
            tracker if world.is_main else "none",
            draw,
        )
    return folder


def _segments(folder: Path) -> list[dict]:
    """What an interrupted run was computed on so far: hardware.describe() and first_epoch of each part."""
    done = checkpoints.epochs_done(folder)
    config = io.read_json(folder / "config.json") if done else {}
    before = config.get("segments") or ([{"first_epoch": 1} | config["hardware"]] if config else [])
    return [segment for segment in before if segment["first_epoch"] <= done]


def _hardware(device: str, precision: str, segments: list[dict], run: str) -> devices.Hardware:
    """As devices.choose, but a run that is continued keeps its precision unless another one is asked for."""
    if precision == "auto" and segments:
        precision = segments[-1]["precision"]
        if precision == "bf16" and not devices.has_bf16(devices.choose(device).device.type):
            raise FerError(
                f"{run} was begun in bf16, which this machine only imitates, some 20 times slower; "
                "continue it elsewhere, or here in fp32 with --precision fp32 (it is recorded)"
            )
    return devices.choose(device, precision)


def _compute(
    experiment: Experiment,
    folder: Path,
    faces: Faces,
    hardware: devices.Hardware,
    segments: list[dict],
    world: distributed.World,
    tracker: str,
    draw: tracking.Draw | None,
) -> None:
    if experiment.saturation and faces.images.ndim == 3:
        raise FerError(f"saturation needs colour images; those of {experiment.dataset} are grey")
    task = get_task(experiment.task)
    groups = duplicates.near(faces) if experiment.dedupe else None
    split = split_task(
        faces, task, experiment.cap, experiment.validation, experiment.seed, experiment.test, groups
    )
    parts = {name: getattr(split, name) for name in ("train", "val", "test")}
    batches = {
        name: _batches(experiment, faces, split, rows, hardware) for name, rows in parts.items()
    }

    start = pretrained.load(experiment.model)
    torch.manual_seed(experiment.seed)  # the same initial weights whatever the loss
    network = Network(
        experiment.model,
        len(task.classes),
        experiment.image_size,
        dropout=experiment.dropout,
        tensors=start.tensors if start else None,
    )
    experiment.unfreezing.check(network)
    config = {
        "experiment": dataclasses.asdict(experiment),
        "classes": task.classes,
        "images": {name: len(rows) for name, rows in parts.items()},
        "data": {"source": faces.source, "digest": faces.digest},
        "parameters": sum(p.numel() for p in network.parameters()),
        "pretrained": start.origin if start else None,
        "hardware": hardware.describe(),
        "segments": [
            *segments,
            {"first_epoch": checkpoints.epochs_done(folder) + 1} | hardware.describe(),
        ],
    }
    if world.is_main and (folder / "config.json").exists():
        _check_same_data(folder, faces)
    with tracking.follow(
        tracker, folder.parents[1] / "tracking", experiment.id, config
    ) as following:
        if world.is_main:
            io.write_json(folder / "config.json", config)
        history = train(network, batches, experiment, hardware, folder, world, following.epoch)

        state = (
            torch.load(folder / f"{experiment.select}.pth", weights_only=True)
            if world.is_main
            else None
        )
        network.load_state_dict(world.broadcast(state))
        logits = {
            name: prediction.predict(network, batches[name], experiment.tta, world)
            for name in ("val", "test")
        }
        if not world.is_main:
            return
        confusion = _write_evaluation(folder, task.classes, split, logits)
        if draw:
            following.evaluated(
                lambda: draw(
                    confusion, faces.images[split.test], split.labels[split.test], logits["test"]
                )
            )
    finished = {"id": experiment.id, "seconds": round(float(history["seconds"].sum()), 1)}
    io.write_json(folder / "done.json", finished)
    continuation.drop_states(experiment, folder)


def _batches(
    experiment: Experiment, faces: Faces, split: Split, rows: np.ndarray, hardware: devices.Hardware
) -> Batches:
    labels, size = split.labels[rows], experiment.batch_size
    if experiment.median:
        return Batches(median_filter(faces.images[rows]), labels, size, hardware.device)
    return Batches(faces.images, labels, size, hardware.device, rows)


def _check_same_data(folder: Path, faces: Faces) -> None:
    made_from = io.read_json(folder / "config.json")["data"]
    if made_from["digest"] != faces.digest:
        raise FerError(
            f"{folder.name}: its results were made from {made_from['source']} ({made_from['digest']}), which is "
            f"not the present {faces.source} ({faces.digest}); prepare under another name or delete the results"
        )


def _write_evaluation(
    folder: Path, classes: tuple[str, ...], split: Split, logits: dict[str, np.ndarray]
) -> pd.DataFrame:
    """Writes scores and predictions of validation and test; returns the confusion on test."""
    predictions = {"classes": np.array(classes)}
    for name, rows in {"val": split.val, "test": split.test}.items():
        predictions[f"{name}_logits"] = logits[name]
        predictions[f"{name}_labels"] = split.labels[rows].astype(np.uint8)
        predictions[f"{name}_rows"] = rows.astype(np.uint32)
    scores, confusion = run_files.score(predictions)
    run_files.write_scores(folder, scores, confusion)
    run_files.write_predictions(folder, predictions)
    return confusion
