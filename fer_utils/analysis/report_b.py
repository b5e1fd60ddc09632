"""Report B's three emotions in frames: its networks, its unfreezing, its grid search.

Scores and accuracies are shares of 1. A row of what was not run has no scores; its `status` says
why.
"""

import numpy as np
import pandas as pd

from fer_utils.analysis import learning_stages
from fer_utils.analysis.reported import reported_b_epochs
from fer_utils.analysis.transfer import PRINTED_AS, best_rows, in_registry_order
from fer_utils.experiments.results import Results, over_seeds, winner
from fer_utils.experiments.studies import NOT_RUN


def frames(results: Results) -> dict[str, pd.DataFrame]:
    """All frames of report B's studies, as far as they have been run.

    Returns
    -------
    dict
        By the name of the evidence file: report_b_epochs (`best_epochs`), report_b_classes
        (`classes`), report_b_schedule (`learning_stages.schedule`), scratch (`scratch`), unfreezing
        (`unfreezing`), grid (`grid`).
    """
    tables: dict[str, pd.DataFrame] = {}
    if results.has_study("report_b"):
        settings = results.study("report_b").runs
        tables |= {"report_b_epochs": best_epochs(results), "report_b_classes": classes(results)}
        tables["report_b_schedule"] = learning_stages.schedule(in_registry_order(settings))
    for name, frame in (("scratch", scratch), ("unfreezing", unfreezing), ("grid", grid)):
        if results.has_study(name):
            tables[name] = frame(results)
    return tables


def best_epochs(results: Results) -> pd.DataFrame:
    """Report B's table: each network's best epoch on validation, ours and as reported.

    Returns
    -------
    DataFrame
        One row per network of study `report_b`, in the order of the registry.

        - model;
        - the columns of `_best_and_last`; 0 seeds where nothing was run;
        - status: why nothing was run; empty for others;
        - reported_epoch, reported_val: the report's best epoch of this network, or of the one that
          it stands in for; NaN for networks it does not have.
    """
    curves = reported_b_epochs()
    printed = best_rows(curves.assign(run=curves["model"])).set_index("model")
    printed = printed[["epoch", "val_accuracy"]].set_axis(
        ["reported_epoch", "reported_val"], axis=1
    )
    study = results.study("report_b")
    left_out = results.not_run("report_b")[["model"]].drop_duplicates()
    # where some seeds were run and others not, the network counts as run
    left_out = left_out[~left_out["model"].isin(study.runs["model"])].assign(status=NOT_RUN)
    frame = in_registry_order(pd.concat([_best_and_last(study, ["model"]), left_out]))
    frame = frame.assign(printed_as=frame["model"].replace(PRINTED_AS))
    frame = frame.join(printed, on="printed_as").drop(columns="printed_as")
    return frame.fillna({"seeds": 0, "status": ""}).reset_index(drop=True)


def finished(epochs: pd.DataFrame) -> pd.DataFrame:
    """The networks of `best_epochs` that were run; the others are named in a printed line.

    Columns that not every one of them has are left out.
    """
    left_out = epochs.loc[epochs["seeds"] == 0, "model"].tolist()
    if left_out:
        print(f"Not run, for want of weights: {', '.join(left_out)}.")
    return epochs[epochs["seeds"] > 0].drop(columns="status").dropna(axis=1)


def _best_and_last(study: Results, by: list[str]) -> pd.DataFrame:
    """One row per value of the settings `by`.

    - by;
    - epoch, train, val: number, training and validation accuracy of each run's best epoch on
      validation, means over the seeds;
    - test_best, test: accuracy on test of that epoch and of the last; NaN where it was not tested;
    - seeds.
    """
    # seed by seed: the best epoch of a mean curve would be another one
    best = best_rows(study.history).merge(study.runs[["run", *by]], on="run")
    columns = {"epoch": "epoch", "train_accuracy": "train", "val_accuracy": "val"}
    measured = best.groupby(by, sort=False, dropna=False)[list(columns)].mean()
    accuracy = study.metrics.query("metric == 'accuracy'").merge(study.runs, on="run")
    # split `test` is of the epoch that `select` says; of both, `test_last` is the other one
    of_last = accuracy["select"].map({"last": "test", "both": "test_last"})
    tested = {
        "test_best": accuracy[(accuracy["select"] != "last") & (accuracy["split"] == "test")],
        "test": accuracy[accuracy["split"] == of_last],
    }
    means = {name: rows.groupby(by, dropna=False)["value"].mean() for name, rows in tested.items()}
    seeds = best.groupby(by, dropna=False).size()
    return measured.rename(columns=columns).assign(**means, seeds=seeds).reset_index()


def classes(results: Results) -> pd.DataFrame:
    """Report B's classification reports of our runs, one row per network and score.

    Returns
    -------
    DataFrame
        - model, metric, class, value: on test, of the epoch that `select` says, mean over the
          seeds.
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


def scratch(results: Results) -> pd.DataFrame:
    """ResNet18 from random weights: as in `report_b`, on larger images, and for more epochs.

    Returns
    -------
    DataFrame
        - size: the side of its images in pixels; epochs: at most;
        - the columns of `_best_and_last`.
    """
    names = [name for name in ("report_b", "scratch") if results.has_study(name)]
    runs = [run for name in names for run in results.study(name).runs["run"]]
    study = results.select(run=runs, model="resnet18_scratch")
    frame = _best_and_last(study, ["image_size", "epochs"]).sort_values(["epochs", "image_size"])
    native = learning_stages.skeleton("resnet18_scratch").preprocess.size
    frame.insert(0, "size", frame.pop("image_size").fillna(native).astype(int))
    return frame.reset_index(drop=True)


def unfreezing(results: Results) -> pd.DataFrame:
    """Gradual unfreezing and a rate for each stage, on and off, one row per combination.

    Returns
    -------
    DataFrame
        - gradual, rates: whether stages were unfrozen one after another, and whether each had a
          rate of its own;
        - spikes: share of the steps whose gradient was clipped; largest_norm: of a run's gradients;
          both means over the seeds;
        - the columns of `_best_and_last`.
    """
    study = results.study("unfreezing")
    runs = study.runs.assign(gradual=study.runs["thaw"] != "", rates=study.runs["stage_decay"] < 1)
    by = ["gradual", "rates"]
    history = study.history.merge(runs[["run", *by, "train_images", "batch_size"]], on="run")
    history["steps"] = np.ceil(history["train_images"] / history["batch_size"])
    sums = history.groupby([*by, "run"]).agg(
        spikes=("spikes", "sum"), steps=("steps", "sum"), largest_norm=("largest_norm", "max")
    )
    sums = sums.assign(spikes=sums["spikes"] / sums["steps"])
    of_steps = sums.groupby(by)[["spikes", "largest_norm"]].mean()
    scores = _best_and_last(Results(study.folder, runs, study.metrics, study.history), by)
    return of_steps.join(scores.set_index(by)).reset_index()


def grid(results: Results) -> pd.DataFrame:
    """Report B's grid search, one row per network and cell.

    Returns
    -------
    DataFrame
        - learning_rate, weight_decay, augmented;
        - val, test: accuracy, mean over the seeds;
        - seeds;
        - chosen: whether it is the network's cell of the highest accuracy on validation;
        - model;
        - val_error: standard error of `val` over the seeds; NaN for one;
        - near: whether `val` lies within one standard error (the chosen cell's) of the highest.
    """
    study = results.study("grid")
    by = ["model", "learning_rate", "weight_decay", "flip"]
    # flip stands for augmentation: a cell has all of its kinds or none
    accuracy = study.metrics[study.metrics["metric"] == "accuracy"].merge(study.runs, on="run")
    means = over_seeds(accuracy, [*by, "split"])
    cells = means.pivot_table(index=[*by, "seeds"], columns="split", values="mean").reset_index()
    val = means[means["split"] == "val"].set_index(by)
    cells = cells.join((val["std"] / np.sqrt(val["seeds"])).rename("val_error"), on=by)
    parts = []
    for model, part in cells.groupby("model", sort=False):
        best = winner(study.select(model=model))  # by validation: the test split has no say
        chosen = (part[by] == best[by]).all(axis=1)
        top = part[chosen].iloc[0]
        parts.append(part.assign(chosen=chosen, near=part["val"] >= top["val"] - top["val_error"]))
    frame = in_registry_order(pd.concat(parts)).rename(columns={"flip": "augmented"})
    columns = ["learning_rate", "weight_decay", "augmented", "val", "test", "seeds", "chosen"]
    return frame[[*columns, "model", "val_error", "near"]].reset_index(drop=True)
