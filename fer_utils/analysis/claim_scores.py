"""Scores to look claims up in: those of our runs, and those that the reports print, asked alike."""

from collections.abc import Callable
from dataclasses import fields
from functools import cache

import numpy as np
import pandas as pd

from fer_utils.analysis.image_draws import ImageDraws
from fer_utils.analysis.reported import reported_a, reported_a_epochs, reported_b, reported_b_epochs
from fer_utils.evaluation.metrics import PREDICTED
from fer_utils.experiments.results import Results
from fer_utils.training.experiment import Experiment

# metrics beyond those of metrics.csv, each with what follows it
EPOCH_ACCURACY = "validation accuracy of epoch "
EPOCH_TRAINING = "training accuracy of epoch "

# ImageNet's ResNet18 of torchvision has to be fetched; where it has no run, this one stands for it
STAND_IN = {"resnet18": "resnet18_cntk"}

# score(metric, cls, studies=…, loss=…, task=…, model=…, epochs=…) → values in 0..1: a row for each
# seed, none where there are no runs; column 0 has the test images as they are, the others have one
# draw of them each. A setting that is not asked for is report A's.
Score = Callable[..., pd.DataFrame]


def measured(results: Results, draws: ImageDraws | None = None) -> Score:
    """The scores of our runs on test.

    Those of the CNN are of runs that differ from report A's protocol in nothing but what is asked
    for; those of other networks are of the runs of the studies asked for, in whatever settings
    these were made.
    """
    study = results.study("report_a")
    base = study.runs.iloc[0]
    settings = [field.name for field in fields(Experiment) if field.name not in ("seed", "loss")]
    protocol = {name: base[name] for name in settings} | {"task": "multiclass"}
    epochs = _of_epochs(results.history).merge(results.runs, on="run")
    frames = [results.scores(), _confusion_shares(results), epochs]
    values = pd.concat([frame[["metric", "class", "run", "value"]] for frame in frames])
    # grouped once: the claims ask for some hundred scores among ten thousands of rows
    by_score = dict(iter(values.groupby(["metric", "class"])))

    @cache
    def having(name: str, value: object) -> pd.Series:
        # isin, not ==: a setting may be None or NaN, which equal nothing
        return results.runs[name].isin([value])

    @cache
    def of_network(model: str, studies: tuple[str, ...]) -> pd.Series:
        listed = _runs_of(results, model, studies)
        return results.runs["run"].isin(listed)

    def score(
        metric: str, cls: str = "", studies: tuple[str, ...] = (), **settings: object
    ) -> pd.DataFrame:
        model = str(settings.pop("model", "cnn"))
        asked = {"task": "multiclass"} | settings
        if model == "cnn":
            asked = protocol | settings
            chosen = [having("model", "cnn")]
        else:
            chosen = [of_network(model, studies)]
        wanted = np.logical_and.reduce(
            [*chosen, *(having(name, value) for name, value in asked.items() if name != "model")]
        )
        # no rows, but the columns: what no run has is an empty score, no error
        scored = by_score.get((metric, cls), values.head(0))
        found = scored.merge(results.runs.loc[wanted, ["run", "seed"]], on="run")
        columns = [found["value"].to_numpy()[:, None]]
        if draws and " of epoch " not in metric and len(found):
            columns.append(np.stack([draws.scores(run)[metric, cls] for run in found["run"]]))
        of_runs = pd.DataFrame(np.hstack(columns), index=pd.Index(found["seed"], name="seed"))
        return of_runs.groupby(level=0).mean()  # several runs of a seed are cells of a grid

    return score


def model_of(results: Results, model: str, studies: tuple[str, ...]) -> str:
    """`model`, or what stands in for it where these studies have runs of that alone."""
    stand_in = STAND_IN.get(model, model)
    alone = _runs_with(results, stand_in, studies) and not _runs_with(results, model, studies)
    return stand_in if alone else model


def _runs_of(results: Results, model: str, studies: tuple[str, ...]) -> list[str]:
    """The runs of a network, or of its stand-in, in the first of these studies that has any."""
    return _runs_with(results, model_of(results, model, studies), studies)


def _runs_with(results: Results, model: str, studies: tuple[str, ...]) -> list[str]:
    for name in studies:
        runs = results.study(name).runs if results.has_study(name) else results.runs.head(0)
        if len(of_model := runs.loc[runs["model"] == model, "run"].tolist()):
            return of_model
    return []


def reported() -> Score:
    """The scores that the reports print, as if of one seed."""
    # as claim_list.REPORT_B asks for it; the report itself names no loss
    about_b = {"task": "three", "epochs": 8, "loss": "cross_entropy"}
    report_b = pd.concat([reported_b(), _of_epochs(reported_b_epochs())]).assign(**about_b)
    printed = pd.concat([reported_a(), _of_epochs(reported_a_epochs()), report_b])
    printed = printed.assign(seed=0, median=False)
    protocol = {"task": "multiclass", "model": "cnn", "epochs": 10, "median": False}

    def score(
        metric: str, cls: str = "", studies: tuple[str, ...] = (), **settings: object
    ) -> pd.DataFrame:
        wanted = protocol | settings | {"metric": metric, "class": cls}
        chosen = (printed[list(wanted)] == pd.Series(wanted)).all(axis=1)
        return printed[chosen].set_index("seed")[["value"]].set_axis([0], axis=1)

    return score


def _of_epochs(history: pd.DataFrame) -> pd.DataFrame:
    """Accuracies of epochs as scores: metric, class (""), value, and the history's columns."""
    tables = []
    for metric, column in ((EPOCH_ACCURACY, "val_accuracy"), (EPOCH_TRAINING, "train_accuracy")):
        name = metric + history["epoch"].astype(str)
        tables.append(history.assign(**{"metric": name, "class": "", "value": history[column]}))
    # the epochs of a run are a setting, and it is this one that a claim asks for
    return pd.concat(tables).drop(columns="epoch")


def _confusion_shares(results: Results) -> pd.DataFrame:
    """Shares of a true class by the answer, as scores: metric, class (the true one), value, run."""
    tables = []
    for run in results.study("report_a").runs["run"]:
        counts = results.confusion(run)
        shares = counts.div(counts.sum(axis=1), axis=0).reset_index().melt("true")
        metric = PREDICTED + shares["predicted"]
        tables.append(shares.rename(columns={"true": "class"}).assign(run=run, metric=metric))
    return pd.concat(tables)
