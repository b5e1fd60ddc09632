"""Pretrained networks in frames: what learns in each, 5 against 10 epochs, report B's epochs, its grid search.

A row of what was not run has no scores; its `status` says why. Scores and accuracies are shares of 1.
"""

from functools import cache

import pandas as pd
import torch

from fer_utils.analysis.reported import reported_a, reported_b_epochs
from fer_utils.experiments.recipes import LOSSES, TASKS
from fer_utils.experiments.results import (
    Results,
    over_seeds,
    overfit_epoch,
    winner,
)
from fer_utils.experiments.studies import NOT_RUN
from fer_utils.models.freezing import UnfreezeSchedule
from fer_utils.models.network import Network
from fer_utils.models.registry import in_order

CELL = ["model", "epochs", "task", "loss"]  # what names a cell of study `transfer`


def frames(results: Results) -> dict[str, pd.DataFrame]:
    """All of the studies transfer, report_b and grid by name, as far as they have been run."""
    made = {}
    if results.has_study("transfer"):
        made["transfer_networks"] = networks(_settings(results, "transfer"))
        made |= {"transfer": accuracies(results), "transfer_lengths": lengths(results)}
    if results.has_study("report_b"):
        made |= {"report_b_epochs": best_epochs(results), "report_b_classes": classes(results)}
        made["report_b_schedule"] = schedule(_settings(results, "report_b"))
    if results.has_study("grid"):
        made["grid"] = grid(results)
    return made


def networks(settings: pd.DataFrame) -> pd.DataFrame:
    """Where a network is cut: model, size (pixels), frozen and learning (names of stages), parameters,
    learning_parameters.

    settings: rows of experiments, of which the first of each model counts. The head has four classes. No weights
    are needed.
    """
    rows = []
    for of in settings.drop_duplicates("model").itertuples():
        network = _skeleton(of, 4)
        learning = network.stages[-int(of.trainable) :]
        counts = {
            name: sum(p.numel() for p in network.stage(name).parameters())
            for name in network.stages
        }
        frozen = network.stages[: -len(learning)]
        row = {
            "model": of.model,
            "size": network.preprocess.size,
            "frozen": " ".join(frozen),
            "learning": " ".join(learning),
        }
        row |= {
            "parameters": sum(counts.values()),
            "learning_parameters": sum(counts[name] for name in learning),
        }
        rows.append(row)
    return pd.DataFrame(rows)


def _skeleton(of, classes: int) -> Network:
    """A network's names and shapes, without values, of a row of settings."""
    return _without_values(
        of.model, classes, None if pd.isna(of.image_size) else int(of.image_size)
    )


@cache
def _without_values(model: str, classes: int, size: int | None) -> Network:
    with torch.device("meta"):
        return Network(model, classes, size)


def _settings(results: Results, name: str) -> pd.DataFrame:
    """The settings of a study's runs, with those that were left out, in the order of the registry."""
    rows = pd.concat([results.study(name).runs, results.not_run(name)])
    return _sorted(rows)


def _sorted(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of networks in the registry's order."""
    places = {model: place for place, model in enumerate(in_order(rows["model"]))}
    return rows.sort_values("model", key=lambda models: models.map(places), kind="stable")


def accuracies(results: Results) -> pd.DataFrame:
    """Study `transfer`, a row a cell: CELL, over_seeds of the test accuracy, status, reported (NaN: nothing is).

    Every network has every number of epochs, task and loss; seeds is 0 where a cell was not run.
    """
    scores = results.study("transfer").scores().query("metric == 'accuracy'")
    reported = reported_a().query("metric == 'accuracy'").rename(columns={"value": "reported"})
    made = pd.concat([over_seeds(scores, CELL), _left_out(results, "transfer", CELL)])
    models = _settings(results, "transfer")["model"].unique()
    cells = pd.MultiIndex.from_product(
        [models, sorted(made["epochs"].unique()), TASKS, LOSSES], names=CELL
    )
    frame = made.set_index(CELL).reindex(cells).reset_index()
    return frame.merge(reported[[*CELL, "reported"]], on=CELL, how="left").fillna(
        {"seeds": 0, "status": ""}
    )


def lengths(results: Results) -> pd.DataFrame:
    """5 against 10 epochs, a row a network, task and loss.

    seeds; short, long: test accuracy; gain: their mean difference over the seeds that have both; best_epoch: that
    of the highest validation accuracy of the long run, mean over seeds; parted: where its training accuracy
    leaves that on validation behind (results.overfit_epoch; <NA>: never).
    """
    study = results.study("transfer")
    by = ["model", "task", "loss"]
    rows = []
    for key, group in study.scores().query("metric == 'accuracy'").groupby(by, sort=False):
        pairs = (
            group.pivot_table(index="seed", columns="epochs", values="value")
            .reindex(columns=[5, 10])
            .dropna()
        )
        if pairs.empty:
            continue
        history = study.history[study.history["run"].isin(group.loc[group["epochs"] == 10, "run"])]
        figures = {"seeds": len(pairs), "short": pairs[5].mean(), "long": pairs[10].mean()}
        figures |= {
            "gain": (pairs[10] - pairs[5]).mean(),
            "best_epoch": best_rows(history)["epoch"].mean(),
        }
        rows.append(dict(zip(by, key, strict=True)) | figures | {"parted": overfit_epoch(history)})
    columns = [*by, "seeds", "short", "long", "gain", "best_epoch", "parted"]
    return pd.DataFrame(rows, columns=columns).astype({"parted": "Int64"})


def best_rows(history: pd.DataFrame) -> pd.DataFrame:
    """Of each run the row of the highest validation accuracy, the earliest if tied."""
    return history.loc[history.groupby("run", sort=False)["val_accuracy"].idxmax()]


def best_epochs(results: Results) -> pd.DataFrame:
    """Report B's table, a row a network: its best epoch on validation, as reported and ours; status.

    reported_epoch, reported_val; seeds; epoch, train, val: mean over the seeds of each run's best epoch; test:
    accuracy on test of the run's last epoch.
    """
    printed = best_rows(reported_b_epochs().assign(run=lambda rows: rows["model"])).set_index(
        "model"
    )
    study = results.study("report_b")
    best = best_rows(study.history).merge(study.runs[["run", "model"]], on="run")
    tested = study.scores().query("metric == 'accuracy'").groupby("model")["value"].mean()
    columns = {"epoch": "epoch", "train_accuracy": "train", "val_accuracy": "val"}
    ours = best.groupby("model", sort=False)[list(columns)].mean().rename(columns=columns)
    ours = ours.assign(seeds=best.groupby("model").size(), test=tested).reset_index()
    frame = pd.concat([ours, _left_out(results, "report_b", ["model"])])
    frame = _sorted(frame)
    theirs = printed[["epoch", "val_accuracy"]].set_axis(["reported_epoch", "reported_val"], axis=1)
    return frame.join(theirs, on="model").fillna({"seeds": 0, "status": ""})


def classes(results: Results) -> pd.DataFrame:
    """Report B's classification reports of our runs: model, metric, class, value on test, mean over seeds."""
    scores = results.study("report_b").scores()
    return scores.groupby(["model", "metric", "class"], sort=False)["value"].mean().reset_index()


def as_report(scores: pd.DataFrame) -> pd.DataFrame:
    """Classification reports from rows of model, metric, class, value: a row a model and class."""
    classes = scores[scores["class"] != ""].pivot_table(
        "value", ["model", "class"], "metric", sort=False
    )
    return classes[["precision", "recall", "f1", "support"]].round(3)


def schedule(settings: pd.DataFrame) -> pd.DataFrame:
    """Gradual unfreezing, a row a network and thaw: model, size (pixels), epoch, learning (names of stages), rates.

    settings: rows of experiments, of which the first of each model counts.
    """
    rows = []
    for of in settings.drop_duplicates("model").itertuples():
        network = _skeleton(of, 3)
        stages = network.stages
        for epoch, count in UnfreezeSchedule.parse(of.thaw, of.epochs).steps or ((1, len(stages)),):
            rates = [
                of.learning_rate * of.stage_decay**distance for distance in reversed(range(count))
            ]
            written = " ".join(
                f"{rate:.2g}" for rate in dict.fromkeys(rates)
            )  # once where it is the same for all
            row = {
                "model": of.model,
                "size": network.preprocess.size,
                "epoch": epoch,
                "learning": " ".join(stages[-count:]),
            }
            rows.append(row | {"rates": written})
    return pd.DataFrame(rows)


def grid(results: Results) -> pd.DataFrame:
    """Report B's grid search, a row a cell: learning_rate, weight_decay, augmented, val, test, seeds, chosen."""
    study = results.study("grid")
    best = winner(study)
    by = ["learning_rate", "weight_decay", "flip"]
    both = study.metrics[study.metrics["metric"] == "accuracy"].merge(study.runs, on="run")
    cells = (
        over_seeds(both, [*by, "split"])
        .pivot_table(index=[*by, "seeds"], columns="split", values="mean")
        .reset_index()
    )
    chosen = (cells[by] == best[by]).all(axis=1)
    frame = cells.assign(chosen=chosen).rename(columns={"flip": "augmented"})
    return frame[["learning_rate", "weight_decay", "augmented", "val", "test", "seeds", "chosen"]]


def _left_out(results: Results, name: str, by: list[str]) -> pd.DataFrame:
    """Cells of a study of which nothing was run, with the status that says why."""
    cells = results.not_run(name)[by].drop_duplicates()
    run = pd.MultiIndex.from_frame(results.study(name).runs[by])
    return cells[~pd.MultiIndex.from_frame(cells).isin(run)].assign(status=NOT_RUN)
