"""Studies and audits whose contents are made up, so that the answers are known."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from fer_utils import io
from fer_utils.evaluation.metrics import scores
from fer_utils.experiments.results import Results
from fer_utils.training.experiment import Experiment

CLASSES = np.array(["happy", "sad"])
DIGEST = "0"  # of the data that made-up runs and audits are of
NO_COPIES = pd.DataFrame(columns=["row", "group", "leaked"])


def write_audit(folder: Path, **lists: pd.DataFrame) -> None:
    """The audit of results in `folder`; lists: near and identical, as the audit has them."""
    io.write_json(folder / "audit" / "audit.json", {"source": "made up", "digest": DIGEST})
    for kind, frame in lists.items():
        frame.to_csv(folder / "audit" / f"{kind}.csv", index=False)


def write_predictions(folder: Path, run: str, predictions: Mapping[str, object]) -> None:
    """The predictions.npz of a run of results in `folder`."""
    (folder / "runs" / run).mkdir(parents=True, exist_ok=True)
    np.savez(folder / "runs" / run / "predictions.npz", **predictions)


def two_class_study(
    folder: Path, logits: Mapping[str, np.ndarray], labels: np.ndarray, losses: Sequence[str] = ()
) -> Results:
    """Results of runs with these test logits; validation holds the same images."""
    for run, values in logits.items():
        arrays = {"logits": values, "labels": labels, "rows": np.arange(len(labels))}
        parts = {f"{part}_{name}": a for part in ("val", "test") for name, a in arrays.items()}
        write_predictions(folder, run, {"classes": CLASSES} | parts)
    about = {"task": "binary", "seed": 0, "gamma": 2.0, "digest": DIGEST}
    loss = list(losses) or ["focal"] * len(logits)
    runs = pd.DataFrame({"run": list(logits), "loss": loss}).assign(**about)
    tables = [
        scores(labels, values, CLASSES).assign(run=run, split="test")
        for run, values in logits.items()
    ]
    return Results(folder, runs, pd.concat(tables), runs[["run"]])


def scored_study(folder: Path, studies: Mapping[str, Mapping[Experiment, pd.DataFrame]]) -> Results:
    """Results of runs with these metrics (metric, class, split, value), listed as these studies."""
    runs, tables = {}, []
    for name, scored in studies.items():
        io.write_json(folder / "studies" / f"{name}.json", [one.id for one in scored])
        for experiment, table in scored.items():
            if experiment.id not in runs:
                about = {"run": experiment.id, "precision": "fp32"}
                runs[experiment.id] = about | vars(experiment)
                tables.append(table.assign(run=experiment.id))
    frame = pd.DataFrame(list(runs.values()))
    return Results(folder, frame, pd.concat(tables, ignore_index=True), frame[["run"]])
