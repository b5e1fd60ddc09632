"""Reported beside reproduced: every figure of the two reports, and identities that such figures satisfy."""

import pandas as pd

from fer_utils.analysis.reported import (
    reported_a,
    reported_a_epochs,
    reported_b,
    reported_b_epochs,
)
from fer_utils.evaluation.statistics import t_half_width
from fer_utils.experiments.results import Results, over_seeds

CELL = [
    "model",
    "epochs",
    "task",
    "loss",
    "metric",
    "class",
]  # what names a figure of the test split
FAR = 3.0  # points between reported and reproduced that a reader will ask about


def compare(study: Results) -> pd.DataFrame:
    """Every test figure of report A beside ours: CELL, reported, over_seeds, next_low, next_high, points, within.

    next_low, next_high: where one more run of ours would lie with 95 % (t prediction interval); the reported
    value is one run, so `within` asks whether it lies there. points: our mean minus the reported value, in
    percentage points. Rows of networks that `study` has no runs of are NaN, with 0 seeds. Where the report has one
    number of epochs for a network, it is compared whatever ours is.
    """
    reported = reported_a().rename(columns={"value": "reported"})
    once = (
        reported.groupby("model")["epochs"]
        .unique()
        .loc[lambda epochs: epochs.str.len() == 1]
        .str[0]
    )
    scores = study.scores().assign(
        epochs=lambda runs: runs["model"].map(once).fillna(runs["epochs"]).astype(int)
    )
    return _beside(reported, scores)


def _beside(reported: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Reported figures (CELL, reported, …) with those of our runs (CELL, value; a row a seed), as in `compare`."""
    half = scores.groupby(CELL)["value"].agg(t_half_width, more=1).rename("half")
    both = (
        reported.merge(over_seeds(scores, CELL), on=CELL, how="left")
        .fillna({"seeds": 0})
        .join(half, on=CELL)
    )
    low, high = both["mean"] - both["half"], both["mean"] + both.pop("half")
    return both.assign(
        seeds=both["seeds"].astype(int),
        next_low=low,
        next_high=high,
        points=(both["mean"] - both["reported"]) * 100,
        within=both["reported"].between(low, high),
    )


def every_figure(results: Results) -> pd.DataFrame:
    """Every figure that the two reports print beside ours, in `compare`'s columns, and `report`.

    Report A's by studies report_a and transfer; report B's (task three, 8 epochs) by study report_b, whose images
    are others than the report's. The curves of both have a row an epoch and accuracy. 0 seeds: nothing was run.
    """
    of_a, of_b = _runs_of(results, "report_a", "transfer"), _runs_of(results, "report_b")
    about_b = {"task": "three", "epochs": 8, "loss": ""}  # which loss, the report does not say
    scores_b = reported_b().query("metric != 'support'")
    printed_b = pd.concat([scores_b, _by_epoch(reported_b_epochs())]).assign(**about_b)
    ours_b = pd.concat([of_b.scores(), _by_epoch(of_b.history.merge(of_b.runs, on="run"))]).assign(
        **about_b
    )
    curves_a = _by_epoch(reported_a_epochs()).rename(columns={"value": "reported"})
    tables = [
        compare(of_a).assign(report="A"),
        _beside(curves_a, _by_epoch(of_a.history.merge(of_a.runs, on="run"))).assign(report="A"),
        _beside(printed_b.rename(columns={"value": "reported"}), ours_b).assign(report="B"),
    ]
    return pd.concat(tables, ignore_index=True)[["report", *tables[0].columns[:-1]]]


def of_cnn(figures: pd.DataFrame) -> pd.DataFrame:
    """The rows of every_figure that report A's CNN has, as far as they were made again."""
    return figures.query("report == 'A' and model == 'cnn' and seeds > 0")


def _by_epoch(curves: pd.DataFrame) -> pd.DataFrame:
    """Accuracies of epochs as scores: metric "train accuracy of epoch 3", class "", value; other columns stay."""
    parts = [
        curves.assign(**{"metric": f"{part} accuracy of epoch " + curves["epoch"].astype(str), "class": ""},
                      value=curves[f"{part}_accuracy"])
        for part in ("train", "val")
    ]  # fmt: skip
    return pd.concat(parts)


def _runs_of(results: Results, *studies: str) -> Results:
    """The runs of these studies, as far as there are any."""
    found = [results.study(name).runs["run"] for name in studies if results.has_study(name)]
    return results.select(run=list(pd.concat(found)) if found else [])


def reported_gains(model: str = "cnn", epochs: int = 10) -> pd.Series:
    """What report A's own figures give for focal minus cross-entropy, 0..1, by (metric, task)."""
    frame = reported_a().query("model == @model and epochs == @epochs and `class` == ''")
    wide = frame.pivot_table(index=["metric", "task"], columns="loss", values="value")
    return wide["focal"] - wide["cross_entropy"]


def far(comparison: pd.DataFrame) -> pd.DataFrame:
    """The figures whose mean over seeds is more than FAR points from the reported one."""
    return comparison[comparison["points"].abs() > FAR]


def coverage(figures: pd.DataFrame) -> pd.DataFrame:
    """A row a report and network: how many test figures it prints, how many were made again, how many lie within.

    figures: every_figure. within: <NA> where one run was made, which gives no interval.
    """
    tested = figures[~figures["metric"].str.contains(" of epoch ")]
    rows = []
    for (report, model, epochs), cells in tested.groupby(["report", "model", "epochs"], sort=False):
        network = f"{model}, {epochs} epochs" if report == "A" else model
        within = cells["within"].sum() if cells["seeds"].max() != 1 else pd.NA
        rows.append((report, network, len(cells), int((cells["seeds"] > 0).sum()), within))
    frame = pd.DataFrame(rows, columns=["report", "network", "figures", "reproduced", "within"])
    return frame.astype({"within": "Int64"})


def identities(study: Results) -> pd.DataFrame:
    """Do the reported figures fit each other and the data? report, identity, figures, deviation, allowed, holds.

    Report A's are held against the image counts of `study`. deviation: the largest distance from what the
    identity demands, in images or in shares of 1; allowed: what rounding of the printed digits can explain.
    Report A prints every digit, report B four decimals.
    """
    supports = (
        study.scores().query("metric == 'support'").groupby(["task", "class"])["value"].first()
    )
    epochs = reported_a_epochs().merge(
        study.runs.groupby("task")[["train_images", "val_images"]].first(), on="task"
    )
    rows = []
    for split in ("train", "val"):
        images = epochs[f"{split}_accuracy"] * epochs[f"{split}_images"]
        what = {"train": "training", "val": "validation"}[split]
        rows += [
            ("A", f"{what} accuracy × images is whole", abs(x - round(x)), 1e-4) for x in images
        ]
    for run, cells in reported_a().groupby(["model", "epochs", "task", "loss"]):
        figures = cells.set_index(["metric", "class"])["value"]
        rows += [("A", *row) for row in _identities(figures, supports[run[2]], half_a_digit=1e-9)]
    for _, cells in reported_b().groupby("model"):
        figures = cells.set_index(["metric", "class"])["value"]
        rows += [
            ("B", *row) for row in _identities(figures, figures["support"], half_a_digit=0.5e-4)
        ]
    frame = pd.DataFrame(rows, columns=["report", "identity", "deviation", "allowed"])
    by_identity = frame.groupby(["report", "identity"], sort=False)
    checked = by_identity.agg(
        figures=("deviation", "size"), deviation=("deviation", "max"), allowed=("allowed", "max")
    )
    holds = (
        (frame["deviation"] <= frame["allowed"]).groupby([frame["report"], frame["identity"]]).all()
    )
    return checked.assign(holds=holds).reset_index()


def _identities(figures: pd.Series, support: pd.Series, half_a_digit: float):
    """(identity, deviation, allowed) for every figure of one run; figures: by (metric, class), in 0..1."""
    recall = figures["recall"]
    n = support[recall.index]
    by_class = pd.DataFrame({metric: figures[metric] for metric in ("precision", "recall", "f1")})
    for score in {"accuracy", "top2_accuracy"} & set(figures.index.get_level_values("metric")):
        images = figures[score, ""] * n.sum()
        yield (
            f"{score} × images is whole".replace("_", " "),
            abs(images - round(images)),
            half_a_digit * n.sum(),
        )
    for cls, images in (recall * n).items():
        yield (
            "recall × images of the class is whole",
            abs(images - round(images)),
            half_a_digit * n[cls],
        )
    mean_recall = (recall * n).sum() / n.sum()
    yield (
        "accuracy is the mean recall, weighted by images",
        abs(mean_recall - figures["accuracy", ""]),
        2 * half_a_digit,
    )
    for metric, mean in by_class.mean().items():
        yield (
            "macro averages are means over classes",
            abs(mean - figures[f"macro_{metric}", ""]),
            2 * half_a_digit,
        )
    harmonic = (
        2
        * by_class["precision"]
        * by_class["recall"]
        / (by_class["precision"] + by_class["recall"])
    )
    for distance in (harmonic - by_class["f1"]).abs():
        yield "F1 is the harmonic mean of precision and recall", distance, 2 * half_a_digit
