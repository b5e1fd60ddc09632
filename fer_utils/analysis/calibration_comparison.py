"""Calibration of a study's runs: before and after temperature scaling, and by loss."""

from dataclasses import asdict
from functools import partial

import numpy as np
import pandas as pd

from fer_utils.analysis.image_draws import ImageDraws
from fer_utils.evaluation.calibration import (
    brier_scores,
    calibration,
    log_losses,
    reliability,
    resampled_calibration_error,
)
from fer_utils.evaluation.metrics import probabilities
from fer_utils.evaluation.statistics import paired_seeds
from fer_utils.experiments.results import Results

FIGURES = ("ece", "nll", "brier")
LOSSES = ["cross_entropy", "focal"]


def calibrations(study: Results) -> pd.DataFrame:
    """How well each run is calibrated on test, one row per run.

    Returns
    -------
    DataFrame
        - run, task, loss, gamma, seed;
        - temperature: fitted on the run's validation images;
        - ece, nll, brier: expected calibration error (0..1), negative log-likelihood (nats) and
          mean Brier score (0..2);
        - ece_scaled, nll_scaled, brier_scaled: the same with the logits divided by the temperature.
    """
    runs = study.runs[["run", "task", "loss", "gamma", "seed"]]
    measured = [calibration(study.predictions(run)) for run in runs["run"]]
    return runs.reset_index(drop=True).join(pd.DataFrame(measured))


def calibration_differences(
    calibrations: pd.DataFrame, draws: ImageDraws | None = None
) -> pd.DataFrame:
    """Focal minus cross-entropy in calibration, one row per figure and task.

    Parameters
    ----------
    calibrations
        As the function of this name returns them.
    draws
        Of the test images; without them the intervals hold for other seeds alone.

    Returns
    -------
    DataFrame
        - figure: one of FIGURES, each also with "_scaled"; task;
        - the fields of `statistics.Paired` over the seeds that have both losses. Less is better, so
          a negative mean speaks for focal loss.
    """
    rows = []
    for figure in [name + suffix for name in FIGURES for suffix in ("", "_scaled")]:
        for task, group in calibrations.groupby("task", sort=False):
            wide = group.pivot_table([figure, "run"], "seed", "loss", aggfunc="first")
            # a seed of which one loss is still computing has no pair yet
            pairs = wide.dropna()
            resampled = None
            if draws and len(pairs):
                of_run = partial(_resampled, figure, group.set_index("run")["temperature"], draws)
                columns = [of_run(b) - of_run(a) for a, b in pairs["run"][LOSSES].to_numpy()]
                resampled = np.stack(columns, axis=1)
            values = (pairs[figure, loss].astype(float) for loss in LOSSES)
            paired = paired_seeds(*values, resampled)
            rows.append({"figure": figure, "task": task} | asdict(paired))
    return pd.DataFrame(rows)


def _resampled(figure: str, temperatures: pd.Series, draws: ImageDraws, run: str) -> np.ndarray:
    """A figure of `calibrations` on every draw of the test images."""
    stored = draws.results.predictions(run)
    labels, rows = stored["test_labels"].astype(np.int64), stored["test_rows"]
    name, _, scaled = figure.partition("_")
    logits = stored["test_logits"] / (temperatures[run] if scaled else 1.0)
    if name == "nll":
        return draws.means(rows, log_losses(logits, labels))
    probability = probabilities(logits)
    if name == "brier":
        return draws.means(rows, brier_scores(probability, labels))
    return resampled_calibration_error(probability, labels, draws.weights(rows))


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
