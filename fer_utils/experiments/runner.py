"""A run: an experiment is trained, evaluated, and leaves its folder of results.

`results/<dataset>/runs/<id>/` holds config.json, history.csv, metrics.csv, confusion.csv,
predictions.npz, the checkpoints best.pth and last.pth, and done.json. This one is written last:
without it a run is not finished.
"""

import dataclasses
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from fer_utils import devices, distributed, io, paths
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
    """Says, before many runs, where and in which precision they are computed. Raises FerError."""
    chosen = devices.choose(device, precision)
    print(f"on this machine: device {chosen.device.type}, precision {chosen.precision}", flush=True)


def folder_of(experiment: Experiment, results: Path = paths.RESULTS) -> Path:
    """Where the experiment's run is, or will be."""
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
    """Trains, evaluates and writes the run's folder. A finished run returns at once.

    An interrupted run goes on after its last epoch, and with precision "auto" in the precision that
    it had; another one must be asked for. config.json lists its segments: from which epoch on, and
    on what hardware.

    Of several processes that torchrun has started each computes its shard (see `distributed`). The
    first one alone reads and writes the folder, which the others need not see; the data set must be
    on every machine.

    Parameters
    ----------
    device, precision : as `devices.choose` takes them
    faces : the data set that the experiment names, where it is open already
    tracker : what follows the run meanwhile, a name in tracking.TRACKERS; it changes nothing
    draw : the pictures of the finished run that the tracker shows
    wait : for another process that computes this run, until it ends, instead of raising

    Returns
    -------
    The run's folder.

    Raises
    ------
    FerError
        For settings or data that make no sense, and where the folder's results were made from
        another data set of the same name.
    io.Busy
        Where another process computes this run.
    """
    one_of(tracker, tracking.TRACKERS, "tracker")
    folder = folder_of(experiment, results)
    world = distributed.join(device)
    if faces is None:
        with world.main_process_first():  # the sample is drawn once, not by every process
            faces = open_dataset(experiment.dataset)
    if world.broadcast(faces.digest) != faces.digest:
        name = experiment.dataset
        raise FerError(f"data set {name} is not the one that the first process has; copy that one")
    takes_lock = world.is_main and not run_files.is_finished(folder)
    with io.exclusive_lock(folder, wait) if takes_lock else nullcontext():
        # asked again: the process that was waited for may have finished it
        if world.broadcast(run_files.is_finished(folder)):
            if world.is_main:
                _check_same_data(folder, faces)
            return folder
        if world.is_main:
            continuation.continue_shorter(experiment, folder, faces.digest, precision)
        segments = world.broadcast(_segments(folder) if world.is_main else [])
        hardware = world.placed(_hardware(device, precision, segments, folder.name))
        following = tracker if world.is_main else "none"
        _compute(experiment, folder, faces, hardware, segments, world, following, draw)
    return folder


def _segments(folder: Path) -> list[dict]:
    """The parts of an interrupted run: hardware.describe() and first_epoch of each."""
    done = checkpoints.epochs_done(folder)
    config = io.read_json(folder / "config.json") if done else {}
    # runs that were begun before segments were noted have their hardware alone
    before = config.get("segments") or ([{"first_epoch": 1} | config["hardware"]] if config else [])
    return [segment for segment in before if segment["first_epoch"] <= done]


def _hardware(device: str, precision: str, segments: list[dict], run: str) -> devices.Hardware:
    """As devices.choose, but "auto" goes on in the precision that the run had."""
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
    split = split_of(experiment, faces)
    rows = {name: getattr(split, name) for name in ("train", "val", "test")}
    batches = {
        name: _batches(experiment, faces, split, part, hardware) for name, part in rows.items()
    }
    classes = get_task(experiment.task).classes
    start = pretrained.load(experiment.model)
    torch.manual_seed(experiment.seeds.init)  # the same initial weights whatever the loss
    network = Network(
        experiment.model,
        len(classes),
        experiment.image_size,
        dropout=experiment.dropout,
        tensors=start.tensors if start else None,
    )
    experiment.unfreezing.check(network)
    now = {"first_epoch": checkpoints.epochs_done(folder) + 1} | hardware.describe()
    config = {
        "experiment": dataclasses.asdict(experiment),
        "classes": classes,
        "images": {name: len(part) for name, part in rows.items()},
        "data": {"source": faces.source, "digest": faces.digest},
        "parameters": sum(p.numel() for p in network.parameters()),
        "pretrained": start.origin if start else None,
        "hardware": hardware.describe(),
        "segments": [*segments, now],
    }
    if world.is_main and (folder / "config.json").exists():
        _check_same_data(folder, faces)
    tracked = folder.parents[1] / "tracking"
    with tracking.follow(tracker, tracked, experiment.id, config) as following:
        if world.is_main:
            io.write_json(folder / "config.json", config)
        history = train(network, batches, experiment, hardware, folder, world, following.epoch)

        weights = folder / f"{experiment.select}.pth"
        state = torch.load(weights, weights_only=True) if world.is_main else {}
        network.load_state_dict(world.broadcast(state))
        logits = {
            name: prediction.predict(network, batches[name], experiment.tta, world)
            for name in ("val", "test")
        }
        if not world.is_main:
            return
        confusion = _write_evaluation(folder, classes, split, logits)
        if draw:
            test, labels = split.test, split.labels[split.test]
            # images are read only by a tracker that shows them
            following.evaluated(lambda: draw(confusion, faces.images[test], labels, logits["test"]))
    finished = {"id": experiment.id, "seconds": round(float(history["seconds"].sum()), 1)}
    io.write_json(folder / "done.json", finished)
    # only now: without done.json resume.pth is what a restart needs
    continuation.drop_states(experiment, folder)


def split_of(experiment: Experiment, faces: Faces) -> Split:
    """Which images a run trains on, validates on and is tested on, by its settings."""
    if experiment.saturation and faces.images.ndim == 3:
        raise FerError(f"saturation needs colour images; those of {experiment.dataset} are grey")
    return split_task(
        faces,
        get_task(experiment.task),
        experiment.cap,
        experiment.validation,
        experiment.seeds.split,
        experiment.test,
        duplicates.near(faces) if experiment.dedupe else None,
        experiment.stratified,
        experiment.cap_drawn,
    )


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
            f"{folder.name}: its results were made from {made_from['source']} "
            f"({made_from['digest']}), which is not the present {faces.source} ({faces.digest}); "
            "prepare under another name or delete the results"
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
