"""A trained network is tested: the logits of its checkpoints, and the files that hold them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from fer_utils.data.loader import Batches
from fer_utils.data.splits import Split
from fer_utils.devices import Hardware
from fer_utils.distributed import World
from fer_utils.evaluation import prediction
from fer_utils.experiments import run_files
from fer_utils.models.network import Network
from fer_utils.training.experiment import Experiment
from fer_utils.training.feature_cache import cache_features, constant_stages
from fer_utils.training.shared_features import SharedFeatures

TESTED = ("val", "test")


def predict(
    network: Network,
    batches: Mapping[str, Batches],
    experiment: Experiment,
    folder: Path,
    checkpoint: str,
    world: World,
    shared: SharedFeatures | None,
) -> dict[str, np.ndarray]:
    """Logits of validation and test by the weights in a file of `folder`, which `network` keeps.

    shared: features of the stages that were frozen all the time; None: images pass through all.
    """
    state = torch.load(folder / checkpoint, weights_only=True) if world.is_main else {}
    network.load_state_dict(world.broadcast(state))
    stages = constant_stages(network) if shared and experiment.tta == "none" else 0
    fp32 = Hardware(torch.device("cpu"), "fp32")
    logits = {}
    for split in TESTED:
        part = batches[split]
        if stages:
            size = experiment.batch_size
            part = cache_features(network, part, stages, fp32, folder, size, shared, split)
        logits[split] = prediction.predict(network, part, experiment.tta, world)
    return logits


def write(
    folder: Path, classes: tuple[str, ...], split: Split, logits: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """Writes scores and predictions of validation and test; returns the confusion on test."""
    predictions = {"classes": np.array(classes)}
    predictions |= {f"{name}_logits": values for name, values in logits.items()}
    for name, rows in {"val": split.val, "test": split.test}.items():
        predictions[f"{name}_labels"] = split.labels[rows].astype(np.uint8)
        predictions[f"{name}_rows"] = rows.astype(np.uint32)
    scores, confusion = run_files.score(predictions)
    run_files.write_scores(folder, scores, confusion)
    run_files.write_predictions(folder, predictions)
    return confusion
