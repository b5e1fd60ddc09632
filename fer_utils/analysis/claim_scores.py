"""Scores to look claims up in: those of our runs, and those that the reports print, asked alike."""

from collections.abc import Callable
from dataclasses import fields
from functools import cache

import numpy as np
import pandas as pd

from fer_utils.analysis.reported import reported_a, reported_a_epochs, reported_b
from fer_utils.experiments.results import Results
from fer_utils.training.experiment import Experiment

PRETRAINED = ("transfer", "report_b")  # the studies of all networks but the CNN
# metrics beyond those of metrics.csv, each with what follows it
EPOCH_ACCURACY = "validation accuracy of epoch "
PREDICTED = "predicted "  # of a true class the share that this one was answered


# score(metric, cls, loss=…, task=…, model=…, epochs=…) → values in 0..1 by seed, empty where there
# are none; a setting that is not asked for is report A's
Score = Callable[..., pd.Series]


def measured(results: Results) -> Score:
    """The scores of our runs on test.

    Those of the CNN are of runs that differ from report A's protocol in nothing but what is asked
    for; those of other networks are of their studies' runs, in whatever settings these were made.
    """
    study = results.study("report_a")
    base = study.runs.iloc[0]
    settings = [field.name for field in fields(Experiment) if field.name not in ("seed", "loss")]
    protocol = {name: base[name] for name in settings} | {"task": "multiclass"}
    epochs = _epoch_accuracies(results.history)
    frames = [results.scores(), _confusion_shares(study), epochs.merge(results.runs, on="run")]
    values = pd.concat([frame[["metric", "class", "run", "value"]] for frame in frames])
    # grouped once: the claims ask for some hundred scores among ten thousands of rows
    by_score = dict(iter(values.groupby(["metric", "class"])))
    studies = [results.study(name) for name in PRETRAINED if results.has_study(name)]
    pretrained = results.runs["run"].isin([run for one in studies for run in one.runs["run"]])

    @cache
    def having(name: str, value: object) -> pd.Series:
        # isin, not ==: a setting may be None or NaN, which equal nothing
        return results.runs[name].isin([value])

    def score(metric: str, cls: str = "", **settings: object) -> pd.Series:
        of_cnn = settings.get("model", "cnn") == "cnn"
        asked = (protocol if of_cnn else {"task": "multiclass"}) | settings
        wanted = [having(name, value) for name, value in asked.items()]
        chosen = np.logical_and.reduce(wanted if of_cnn else [*wanted, pretrained])
        # no rows, but the columns: what no run has is an empty score, no error
        scored = by_score.get((metric, cls), values.head(0))
        seeds = results.runs.loc[chosen, ["run", "seed"]]
        return scored.merge(seeds, on="run").set_index("seed")["value"]

    return score


def reported() -> Score:
    """The scores that the reports print, as if of one seed."""
    # as claim_list.REPORT_B asks for it; the report itself names no loss
    report_b = reported_b().assign(task="three", epochs=8, loss="cross_entropy")
    printed = pd.concat([reported_a(), _epoch_accuracies(reported_a_epochs()), report_b])
    printed = printed.assign(seed=0, median=False)
    protocol = {"task": "multiclass", "model": "cnn", "epochs": 10, "median": False}

    def score(metric: str, cls: str = "", **settings: object) -> pd.Series:
        wanted = protocol | settings | {"metric": metric, "class": cls}
        chosen = (printed[list(wanted)] == pd.Series(wanted)).all(axis=1)
        return printed[chosen].set_index("seed")["value"]

    return score


def _epoch_accuracies(history: pd.DataFrame) -> pd.DataFrame:
    """Validation accuracies as scores: metric, class (""), value, and the history's columns."""
    metric = EPOCH_ACCURACY + history["epoch"].astype(str)
    scores = history.assign(**{"metric": metric, "class": "", "value": history["val_accuracy"]})
    # the epochs of a run are a setting, and it is this one that a claim asks for
    return scores.drop(columns="epoch")


def _confusion_shares(study: Results) -> pd.DataFrame:
    """Shares of a true class by the answer, as scores: metric, class (the true one), value, run."""
    tables = []
    for run in study.runs["run"]:
        counts = study.confusion(run)
        shares = counts.div(counts.sum(axis=1), axis=0).reset_index().melt("true")
        metric = PREDICTED + shares["predicted"]
        tables.append(shares.rename(columns={"true": "class"}).assign(run=run, metric=metric))
    return pd.concat(tables)
