"""Calibration of a study's runs, before and after temperature scaling."""

from dataclasses import asdict

import numpy as np
import pandas as pd

from fer_utils.evaluation.calibration import calibration, reliability
from fer_utils.evaluation.metrics import probabilities
from fer_utils.evaluation.statistics import paired_seeds
from fer_utils.experiments.results import Results


def calibrations(study: Results) -> pd.DataFrame:
    """A row a run: task, loss, gamma, seed and calibration on test, before and after temperature scaling."""
    runs = study.runs[["run", "task", "loss", "gamma", "seed"]]
    made = [calibration(study.predictions(run)) for run in runs["run"]]
    return runs.reset_index(drop=True).join(pd.DataFrame(made))


def calibration_differences(calibrations: pd.DataFrame) -> pd.DataFrame:
    """Focal minus cross-entropy in calibration: figure, task and statistics.Paired over the seeds."""
    rows = []
    for figure in ("ece", "ece_scaled"):
        for task, group in calibrations.groupby("task", sort=False):
            pairs = group.pivot_table(index="seed", columns="loss", values=figure).dropna()
            rows.append(
                {"figure": figure, "task": task}
                | asdict(paired_seeds(pairs["cross_entropy"], pairs["focal"]))
            )
    return pd.DataFrame(rows)


def pooled_reliability(study: Results) -> pd.DataFrame:
    """Reliability on test of all runs of `study` together, in calibration.reliability's columns."""
    made = [study.predictions(run) for run in study.runs["run"]]
    logits = np.concatenate([arrays["test_logits"] for arrays in made])
    labels = np.concatenate([arrays["test_labels"] for arrays in made])
    return reliability(probabilities(logits), labels)
