"""Calibration of a study's runs: before and after temperature scaling, and by loss."""

from dataclasses import asdict

import numpy as np
import pandas as pd

from fer_utils.evaluation.calibration import calibration, reliability
from fer_utils.evaluation.metrics import probabilities
from fer_utils.evaluation.statistics import paired_seeds
from fer_utils.experiments.results import Results


def calibrations(study: Results) -> pd.DataFrame:
    """How well each run is calibrated on test, one row per run.

    Returns
    -------
    DataFrame
        - run, task, loss, gamma, seed;
        - temperature: fitted on the run's validation images;
        - ece, nll: expected calibration error (0..1) and negative log-likelihood (nats);
        - ece_scaled, nll_scaled: the same with the logits divided by the temperature.
    """
    runs = study.runs[["run", "task", "loss", "gamma", "seed"]]
    measured = [calibration(study.predictions(run)) for run in runs["run"]]
    return runs.reset_index(drop=True).join(pd.DataFrame(measured))


def calibration_differences(calibrations: pd.DataFrame) -> pd.DataFrame:
    """Focal minus cross-entropy in calibration error, one row per error and task.

    Parameters
    ----------
    calibrations
        As the function of this name returns them.

    Returns
    -------
    DataFrame
        - figure: "ece" or "ece_scaled"; task;
        - n, mean, low, high, p_signflip, p_wilcoxon, wins: `statistics.Paired` over the seeds that
          have both losses. Less error is better, so a negative mean speaks for focal loss.
    """
    rows = []
    for error in ("ece", "ece_scaled"):
        for task, group in calibrations.groupby("task", sort=False):
            # a seed of which one loss is still computing has no pair yet
            pairs = group.pivot_table(index="seed", columns="loss", values=error).dropna()
            paired = paired_seeds(pairs["cross_entropy"], pairs["focal"])
            rows.append({"figure": error, "task": task} | asdict(paired))
    return pd.DataFrame(rows)


def pooled_reliability(study: Results) -> pd.DataFrame:
    """Reliability on test of all runs of `study` together.

    Returns
    -------
    DataFrame
        - bin: number of the bin of the highest probability, from 0; empty bins are left out;
        - confidence, accuracy: mean over the images of the bin, 0..1;
        - images: how many those are; an image counts once per run.
    """
    predictions = [study.predictions(run) for run in study.runs["run"]]
    # by class position: the runs must be of one task
    logits = np.concatenate([arrays["test_logits"] for arrays in predictions])
    labels = np.concatenate([arrays["test_labels"] for arrays in predictions])
    return reliability(probabilities(logits), labels)
