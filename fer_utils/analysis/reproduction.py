"""Reported beside reproduced: every number of the two reports.

What the reports' numbers say of each other stands in `identities`.
"""

from dataclasses import replace

import pandas as pd

from fer_utils.analysis.claim_scores import STAND_IN
from fer_utils.analysis.reported import (
    reported_a,
    reported_a_epochs,
    reported_b,
    reported_b_epochs,
)
from fer_utils.evaluation.statistics import t_half_width
from fer_utils.experiments.results import Results, over_seeds

CELL = ["model", "epochs", "task", "loss", "metric", "class"]  # what names a number on test
CURVES = ("train_loss", "train_accuracy", "val_accuracy")  # columns of a history
OF_EPOCH = " of epoch "  # between a curve and a number, in the metrics of training tables
FAR = 3.0  # points between reported and reproduced that a reader will ask about


def compare(study: Results) -> pd.DataFrame:
    """Every number that report A prints of its test split beside ours, one row per number.

    Where the report has one number of epochs for a network, it is compared whatever ours is.

    Returns
    -------
    DataFrame
        - model, epochs, task, loss, metric, class: CELL;
        - reported: the printed value, 0..1;
        - mean, std, low, high, seeds: of our runs (`results.over_seeds`); NaN, and 0 seeds, for
          networks that `study` has no runs of;
        - next_low, next_high: where one more run of ours would lie with 95 % (t prediction
          interval), 0..1;
        - points: our mean minus the reported value, in percentage points;
        - within: whether the reported value, which is of one run, lies in this interval;
        - network: which was run, where another stands in; empty where none was.
    """
    reported = reported_a().rename(columns={"value": "reported"})
    lengths = reported.groupby("model")["epochs"].agg(["first", "nunique"])
    # the drawn sample trains the CNN for fewer epochs, and is compared all the same
    only_length = lengths.loc[lengths["nunique"] == 1, "first"]
    scores = _named_as_printed(study).scores()
    epochs = scores["model"].map(only_length).fillna(scores["epochs"]).astype(int)
    return _beside(reported, scores.assign(epochs=epochs))


def _beside(reported: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Reported numbers (CELL, reported, …) with those of our runs (CELL, value), as `compare`."""
    half = scores.groupby(CELL)["value"].agg(t_half_width, more=1).rename("half")
    # left: a reported number without a run of ours keeps its row
    cells = reported.merge(over_seeds(scores, CELL), on=CELL, how="left").fillna({"seeds": 0})
    networks = scores.drop_duplicates("model").set_index("model")["network"]
    half = cells[CELL].join(half, on=CELL)["half"]
    low, high = cells["mean"] - half, cells["mean"] + half
    return cells.assign(
        seeds=cells["seeds"].astype(int),
        next_low=low,
        next_high=high,
        points=(cells["mean"] - cells["reported"]) * 100,
        within=cells["reported"].between(low, high),  # False where an end is NaN
        network=cells["model"].map(networks).where(cells["seeds"] > 0, ""),
    )


def every_number(results: Results) -> pd.DataFrame:
    """Every number that the two reports print beside ours, one row per number.

    Report A's are compared with studies report_a and resnet18 (or transfer, where torchvision's
    ResNet18 was run); report B's (task three, 8 epochs) with study report_b, whose images are
    others than the report's. Figures of both training tables are the metrics "train loss of epoch
    3", "train accuracy of epoch 3" and "val accuracy of epoch 3"; points of a loss are hundredths.

    Returns
    -------
    DataFrame
        - report: "A" or "B";
        - the columns of `compare`; 0 seeds where nothing was run.
    """
    of_a = _named_as_printed(_runs_of(results, "report_a", "resnet18", "transfer"))
    of_b = _named_as_printed(_runs_of(results, "report_b"))
    epochs_a, epochs_b = (_by_epoch(of.history.merge(of.runs, on="run")) for of in (of_a, of_b))
    about_b = {"task": "three", "epochs": 8, "loss": ""}  # which loss, the report does not say
    scores_b = reported_b().query("metric != 'support'")
    printed_b = pd.concat([scores_b, _by_epoch(reported_b_epochs())]).assign(**about_b)
    ours_b = pd.concat([of_b.scores(), epochs_b]).assign(**about_b)
    curves_a = _by_epoch(reported_a_epochs()).rename(columns={"value": "reported"})
    tables = [
        compare(of_a).assign(report="A"),
        _beside(curves_a, epochs_a).assign(report="A"),
        _beside(printed_b.rename(columns={"value": "reported"}), ours_b).assign(report="B"),
    ]
    # the report was added last, and a reader wants it first
    return pd.concat(tables, ignore_index=True)[["report", *tables[0].columns[:-1]]]


def of_cnn(figures: pd.DataFrame) -> pd.DataFrame:
    """The rows of `every_number` that report A's CNN has and that were made again."""
    return figures.query("report == 'A' and model == 'cnn' and seeds > 0")


def _by_epoch(curves: pd.DataFrame) -> pd.DataFrame:
    """Figures of epochs as scores: metric "train accuracy of epoch 3", class "", value."""
    parts = []
    # report B's table has no loss
    for curve in [name for name in CURVES if name in curves]:
        metric = curve.replace("_", " ") + OF_EPOCH + curves["epoch"].astype(str)
        parts.append(curves.assign(**{"metric": metric, "class": "", "value": curves[curve]}))
    return pd.concat(parts)


def _runs_of(results: Results, *studies: str) -> Results:
    """The runs of these studies, as far as there are any."""
    runs = [results.study(name).runs["run"] for name in studies if results.has_study(name)]
    return results.select(run=[run for of_study in runs for run in of_study])


def _named_as_printed(runs_of: Results) -> Results:
    """What stands in for a network that has no run, under its name; `network` is which was run."""
    if "network" in runs_of.runs:
        return runs_of
    models = runs_of.runs["model"]
    absent = {other: model for model, other in STAND_IN.items() if model not in set(models)}
    named = runs_of.runs.assign(network=models, model=models.replace(absent))
    return replace(runs_of, runs=named)


def reported_gains(model: str = "cnn", epochs: int = 10) -> pd.Series:
    """Focal minus cross-entropy by report A's own numbers, 0..1, by (metric, task)."""
    frame = reported_a().query("model == @model and epochs == @epochs and `class` == ''")
    wide = frame.pivot_table(index=["metric", "task"], columns="loss", values="value")
    return wide["focal"] - wide["cross_entropy"]


def far(comparison: pd.DataFrame) -> pd.DataFrame:
    """The rows of `compare` whose mean over seeds is more than FAR points from the reported one."""
    return comparison[comparison["points"].abs() > FAR]


def coverage(figures: pd.DataFrame) -> pd.DataFrame:
    """How many of the reports' numbers on test were made again, one row per report and network.

    Parameters
    ----------
    figures
        As `every_number` returns them.

    Returns
    -------
    DataFrame
        - report, network;
        - figures: how many numbers on test the report prints;
        - reproduced: how many of them were made again;
        - within: how many lie where one more run would; <NA> where one run was made, which gives
          no interval.
    """
    tested = figures[~figures["metric"].str.contains(OF_EPOCH)]
    length = tested["epochs"].astype(str) + " epochs"
    named = tested["model"].where(tested["report"] == "B", tested["model"] + ", " + length)
    return _counted(tested.assign(network=named), ["report", "network"])


def training_coverage(figures: pd.DataFrame) -> pd.DataFrame:
    """The same for the figures of the two training tables, one row per report, network and curve.

    Returns
    -------
    DataFrame
        - report, network, curve: the last as "train loss", "train accuracy" or "val accuracy";
        - figures, reproduced, within: as of `coverage`;
        - deviation: mean distance of our means from the reported figures, in points (of a loss in
          hundredths); NaN where nothing was run.
    """
    trained = figures[figures["metric"].str.contains(OF_EPOCH)].sort_values(
        ["report", "model"], kind="stable"
    )
    curve = trained["metric"].str.partition(OF_EPOCH)[0]
    by = ["report", "network", "curve"]
    trained = trained.assign(network=trained["model"], curve=curve)
    deviation = trained["points"].abs().groupby([trained[name] for name in by]).mean()
    return _counted(trained, by).join(deviation.rename("deviation"), on=by)


def _counted(figures: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    rows = []
    for key, cells in figures.groupby(by, sort=False):
        # of one run the sum would be 0, as if the numbers lay outside an interval that there is not
        within = cells["within"].sum() if cells["seeds"].max() != 1 else pd.NA
        rows.append((*key, len(cells), int((cells["seeds"] > 0).sum()), within))
    frame = pd.DataFrame(rows, columns=[*by, "figures", "reproduced", "within"])
    return frame.astype({"within": "Int64"})
