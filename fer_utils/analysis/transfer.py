"""Studies transfer, report_b and grid in frames: accuracies, 5 against 10 epochs, report B's.

A row of what was not run has no scores; its `status` says why. Scores and accuracies are shares
of 1.
"""

import pandas as pd

from fer_utils.analysis import learning_stages
from fer_utils.analysis.reported import reported_a, reported_b_epochs
from fer_utils.experiments.cnn_recipes import LOSSES, TASKS
from fer_utils.experiments.results import Results, over_seeds, overfit_epoch, winner
from fer_utils.experiments.studies import NOT_RUN
from fer_utils.models.registry import in_order

CELL = ["model", "epochs", "task", "loss"]  # what names a cell of study `transfer`


def frames(results: Results) -> dict[str, pd.DataFrame]:
    """All frames of the three studies, as far as they have been run.

    Returns
    -------
    dict
        By the name of the evidence file: transfer_networks (`learning_stages.networks`), transfer
        (`accuracies`), transfer_lengths (`lengths`); report_b_epochs (`best_epochs`),
        report_b_classes (`classes`), report_b_schedule (`learning_stages.schedule`); grid (`grid`).
    """
    tables = {}
    if results.has_study("transfer"):
        tables["transfer_networks"] = learning_stages.networks(_settings(results, "transfer"))
        tables |= {"transfer": accuracies(results), "transfer_lengths": lengths(results)}
    if results.has_study("report_b"):
        tables |= {"report_b_epochs": best_epochs(results), "report_b_classes": classes(results)}
        tables["report_b_schedule"] = learning_stages.schedule(_settings(results, "report_b"))
    if results.has_study("grid"):
        tables["grid"] = grid(results)
    return tables


def _settings(results: Results, name: str) -> pd.DataFrame:
    """The settings of a study's runs and of those left out, in the order of the registry."""
    return _sorted(pd.concat([results.study(name).runs, results.not_run(name)]))


def _sorted(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of networks in the registry's order."""
    places = {model: place for place, model in enumerate(in_order(rows["model"]))}
    return rows.sort_values("model", key=lambda models: models.map(places), kind="stable")


def accuracies(results: Results) -> pd.DataFrame:
    """Study `transfer`, one row per cell: every network with every number of epochs, task and loss.

    Returns
    -------
    DataFrame
        - model, epochs, task, loss: CELL;
        - mean, std, low, high, seeds: of the test accuracy (`results.over_seeds`); NaN, and 0
          seeds, for a cell that was not run;
        - status: why a cell was not run; empty for others;
        - reported: what report A prints; NaN where it prints nothing.
    """
    scores = results.study("transfer").scores().query("metric == 'accuracy'")
    reported = reported_a().query("metric == 'accuracy'").rename(columns={"value": "reported"})
    known = pd.concat([over_seeds(scores, CELL), _left_out(results, "transfer", CELL)])
    models = _settings(results, "transfer")["model"].unique()
    levels = [models, sorted(known["epochs"].unique()), TASKS, LOSSES]
    # cells that neither were run nor left out, as in a study that was stopped, have rows too
    cells = known.set_index(CELL).reindex(pd.MultiIndex.from_product(levels, names=CELL))
    frame = cells.reset_index().merge(reported[[*CELL, "reported"]], on=CELL, how="left")
    return frame.fillna({"seeds": 0, "status": ""})


def lengths(results: Results) -> pd.DataFrame:
    """Study `transfer`, 5 against 10 epochs, one row per network, task and loss.

    Returns
    -------
    DataFrame
        - model, task, loss;
        - seeds: how many have both lengths; a row without any is left out;
        - short, long, gain: test accuracy after 5 and after 10 epochs, means over these seeds, and
          their difference;
        - best_epoch: that of the highest validation accuracy of the long run, mean over its seeds;
        - parted: from which epoch on its training accuracy leaves that on validation behind
          (`results.overfit_epoch`); <NA>: never.
    """
    study = results.study("transfer")
    by = ["model", "task", "loss"]
    rows = []
    for key, group in study.scores().query("metric == 'accuracy'").groupby(by, sort=False):
        by_length = group.pivot_table(index="seed", columns="epochs", values="value")
        pairs = by_length.reindex(columns=[5, 10]).dropna()
        if pairs.empty:
            continue
        long_runs = group.loc[group["epochs"] == 10, "run"]
        history = study.history[study.history["run"].isin(long_runs)]
        row = dict(zip(by, key, strict=True)) | {
            "seeds": len(pairs),
            "short": pairs[5].mean(),
            "long": pairs[10].mean(),
            "gain": (pairs[10] - pairs[5]).mean(),
            "best_epoch": best_rows(history)["epoch"].mean(),
            "parted": overfit_epoch(history),
        }
        rows.append(row)
    # named, since a study without pairs has no rows to take columns from
    columns = [*by, "seeds", "short", "long", "gain", "best_epoch", "parted"]
    return pd.DataFrame(rows, columns=columns).astype({"parted": "Int64"})


def best_rows(history: pd.DataFrame) -> pd.DataFrame:
    """Of each run the row of the highest validation accuracy, the earliest if tied.

    Parameters
    ----------
    history
        Columns run and val_accuracy, and any others, in the order of epochs; all are returned.
    """
    return history.loc[history.groupby("run", sort=False)["val_accuracy"].idxmax()]


def best_epochs(results: Results) -> pd.DataFrame:
    """Report B's table: each network's best epoch on validation, ours and as reported.

    Returns
    -------
    DataFrame
        One row per network of study `report_b`, in the order of the registry.

        - model;
        - epoch, train, val: number, training and validation accuracy of each run's best epoch,
          means over the seeds;
        - seeds: 0 where nothing was run;
        - test: accuracy on test of the last epoch, mean over the seeds;
        - status: why nothing was run; empty for others;
        - reported_epoch, reported_val: the report's best epoch; NaN for networks it does not have.
    """
    curves = reported_b_epochs()
    printed = best_rows(curves.assign(run=curves["model"])).set_index("model")
    printed = printed[["epoch", "val_accuracy"]].set_axis(
        ["reported_epoch", "reported_val"], axis=1
    )
    study = results.study("report_b")
    # seed by seed: the best epoch of a mean curve would be another one
    best = best_rows(study.history).merge(study.runs[["run", "model"]], on="run")
    tested = study.scores().query("metric == 'accuracy'").groupby("model")["value"].mean()
    columns = {"epoch": "epoch", "train_accuracy": "train", "val_accuracy": "val"}
    measured = best.groupby("model", sort=False)[list(columns)].mean().rename(columns=columns)
    measured = measured.assign(seeds=best.groupby("model").size(), test=tested).reset_index()
    frame = pd.concat([measured, _left_out(results, "report_b", ["model"])])
    frame = _sorted(frame)
    return frame.join(printed, on="model").fillna({"seeds": 0, "status": ""})


def classes(results: Results) -> pd.DataFrame:
    """Report B's classification reports of our runs, one row per network and score.

    Returns
    -------
    DataFrame
        - model, metric, class, value: on test, mean over the seeds.
    """
    scores = results.study("report_b").scores()
    return scores.groupby(["model", "metric", "class"], sort=False)["value"].mean().reset_index()


def as_report(scores: pd.DataFrame) -> pd.DataFrame:
    """Classification reports to be shown, one row per network and class.

    Parameters
    ----------
    scores
        Columns model, metric, class, value, as of `classes` and of `reported.reported_b`.

    Returns
    -------
    DataFrame
        Indexed by model and class: precision, recall, f1 (0..1) and support (images), to three
        decimals.
    """
    of_classes = scores[scores["class"] != ""]
    wide = of_classes.pivot_table("value", ["model", "class"], "metric", sort=False)
    return wide[["precision", "recall", "f1", "support"]].round(3)


def grid(results: Results) -> pd.DataFrame:
    """Report B's grid search, one row per cell.

    Returns
    -------
    DataFrame
        - learning_rate, weight_decay, augmented;
        - val, test: accuracy, mean over the seeds;
        - seeds;
        - chosen: whether it is the cell of the highest accuracy on validation.
    """
    study = results.study("grid")
    best = winner(study)  # by validation: the test split has no say
    by = ["learning_rate", "weight_decay", "flip"]
    # flip stands for augmentation: a cell has all of its kinds or none
    accuracy = study.metrics[study.metrics["metric"] == "accuracy"].merge(study.runs, on="run")
    means = over_seeds(accuracy, [*by, "split"])
    cells = means.pivot_table(index=[*by, "seeds"], columns="split", values="mean").reset_index()
    chosen = (cells[by] == best[by]).all(axis=1)
    frame = cells.assign(chosen=chosen).rename(columns={"flip": "augmented"})
    return frame[["learning_rate", "weight_decay", "augmented", "val", "test", "seeds", "chosen"]]


def _left_out(results: Results, name: str, by: list[str]) -> pd.DataFrame:
    """Cells of a study of which nothing was run, with the status that says why."""
    cells = results.not_run(name)[by].drop_duplicates()
    # where some seeds were run and others not, the cell counts as run
    run = pd.MultiIndex.from_frame(results.study(name).runs[by])
    return cells[~pd.MultiIndex.from_frame(cells).isin(run)].assign(status=NOT_RUN)
