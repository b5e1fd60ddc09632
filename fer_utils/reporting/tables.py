"""Every table of the report and the README, from tidy frames to LaTeX and Markdown."""

import pandas as pd

from fer_utils.data.tasks import TASK_NAMES
from fer_utils.evaluation.metrics import METRIC_NAMES
from fer_utils.evaluation.statistics import t_half_width
from fer_utils.experiments.results import Results, over_seeds
from fer_utils.reporting.latex import (
    INTERVAL,
    Tex,
    booktabs,
    interval,
    p_value,
    percent,
    plus_minus,
    ragged,
    signed,
    spanning,
    word,
)
from fer_utils.training.losses import LOSS_NAMES


def counts(frame: pd.DataFrame) -> str:
    """Images of each class (index) and split (columns), with their sum."""
    rows = [[name, *(f"{n:,}" for n in [*row, sum(row)])] for name, *row in frame.itertuples()]
    return booktabs(["class", *frame.columns, "all"], rows)


def facts(frame: pd.DataFrame) -> str:
    """Two columns: what, and how many."""
    return booktabs(
        ["finding", "number"],
        [[what, f"{count:,}"] for what, count in frame.itertuples(index=False)],
    )


def averages(comparison: pd.DataFrame) -> str:
    """Rows task × metric; reported, reproduced and their difference for each loss."""
    cells = comparison[comparison["class"] == ""].set_index(["task", "metric", "loss"])
    rows = []
    for task in TASK_NAMES:
        for metric in METRIC_NAMES:
            if (task, metric, "focal") in cells.index:
                both = [cells.loc[(task, metric, loss)] for loss in LOSS_NAMES]
                numbers = [
                    (percent(c["reported"]), plus_minus(c["mean"], c["std"]), signed(c["points"]))
                    for c in both
                ]
                rows.append([word(task), word(metric), *numbers[0], *numbers[1]])
    header = ["task", "score", *("reported", "reproduced", "diff.") * 2]
    return booktabs(header, rows, spanning(list(LOSS_NAMES.values()), 3, 3), left=2)


def classes(comparison: pd.DataFrame, task: str) -> str:
    """Rows loss × class; reported and reproduced precision, recall and F1."""
    cells = comparison[(comparison["task"] == task) & (comparison["class"] != "")]
    rows = []
    for (loss, cls), group in cells.groupby(["loss", "class"], sort=False):
        by_metric = group.set_index("metric")
        both = [by_metric.loc[metric] for metric in ("precision", "recall", "f1")]
        numbers = [
            text for c in both for text in (percent(c["reported"]), plus_minus(c["mean"], c["std"]))
        ]
        rows.append([word(loss), cls, *numbers])
    header = ["loss", "class", *("rep.", "reproduced") * 3]
    return booktabs(header, rows, spanning(["precision", "recall", "F1"], 2, 3), left=2)


def far(cells: pd.DataFrame) -> str:
    """Figures far from the reported ones; the range over seeds, and whether the reported one lies in it."""
    rows = []
    for cell in cells.rename(columns={"class": "of"}).itertuples():
        figure = f"{word(cell.metric)} of {cell.of}" if cell.of else word(cell.metric)
        seeds = f"{percent(cell.low)} to {percent(cell.high)}"
        names = [word(cell.task), word(cell.loss), figure]
        rows.append([*names, percent(cell.reported), percent(cell.mean), seeds, word(cell.within)])
    return booktabs(
        ["task", "loss", "figure", "reported", "mean", "all seeds", "within"], rows, left=3
    )


def paired(frame: pd.DataFrame) -> str:
    """focal − cross-entropy in points: mean, 95 % interval, share of seeds won, p-values."""
    rows = []
    for r in frame.itertuples():
        ends = interval(r.low, r.high)
        won = Tex(f"{percent(r.wins)}\\,\\%")
        numbers = [r.n, signed(r.mean * 100), ends, won, p_value(r.p_signflip)]
        rows.append([word(r.metric), word(r.task), *numbers, p_value(r.p_holm)])
    header = ["score", "task", "seeds", "mean", INTERVAL, "won", Tex("$p$"), Tex("$p$ (Holm)")]
    return booktabs(header, rows, left=2)


def calibration(frame: pd.DataFrame) -> str:
    """Rows task × loss: ECE and negative log-likelihood before and after temperature scaling."""
    rows = []
    for (task, loss), group in frame.groupby(["task", "loss"]):
        mean, std = group.mean(numeric_only=True), group.std(numeric_only=True)
        eces = [plus_minus(mean[name], std[name]) for name in ("ece", "ece_scaled")]
        nlls = [f"{mean[name]:.3f}" for name in ("nll", "nll_scaled")]
        rows.append([word(task), word(loss), *eces, *nlls, f"{mean['temperature']:.2f}"])
    header = ["task", "loss", *("raw", "scaled") * 2, "temperature"]
    return booktabs(header, rows, spanning(["ECE, %", "NLL"], 2, 3), left=2)


def calibration_differences(frame: pd.DataFrame) -> str:
    """Rows figure × task: focal minus cross-entropy in points, interval, how often focal is larger, p."""
    names = {"ece": "ECE, raw", "ece_scaled": "ECE, scaled"}
    rows = [
        [names[r.figure], word(r.task), signed(r.mean * 100), interval(r.low, r.high), percent(r.wins),
         p_value(r.p_signflip)]
        for r in frame.itertuples()
    ]  # fmt: skip
    return booktabs(["", "task", "mean", INTERVAL, "focal larger, %", Tex("$p$")], rows, left=2)


def leaks(frame: pd.DataFrame) -> str:
    """Rows task × loss: accuracy on all test images and on three parts of them, mean ± sd over seeds."""
    rows, parts = [], ("all", "identical", "spared", "near", "clean")
    for (task, loss), group in frame.groupby(["task", "loss"]):
        cells = [plus_minus(group[part].mean(), group[part].std()) for part in parts]
        rows.append([word(task), word(loss), *cells])
    sizes = frame.groupby("task")[[f"{part}_images" for part in parts]].mean()
    rows += [
        [word(task), "images", *(f"{n:,.0f}" for n in row)] for task, *row in sizes.itertuples()
    ]
    rows.sort(key=lambda row: list(TASK_NAMES.values()).index(row[0]))
    return booktabs(
        ["task", "", "all", "identical", "of it, spared", "near only", "no copy"], rows, left=2
    )


def chance(pairs: pd.DataFrame, study: Results, images: pd.DataFrame) -> str:
    """Test accuracy and its gain: the mean over seeds, its t-interval over seeds, its interval over images."""
    accuracy = study.scores().query("metric == 'accuracy'")
    over_images = images.query("metric == 'accuracy'").set_index(["task", "loss"])
    gains = pairs.query("metric == 'accuracy'").set_index("task")
    rows = []
    for task in gains.index:
        for loss in LOSS_NAMES:
            values = accuracy[(accuracy["task"] == task) & (accuracy["loss"] == loss)]["value"]
            half = t_half_width(values)
            ends = over_images.loc[(task, loss)]
            seeds = f"{percent(values.mean() - half)} to {percent(values.mean() + half)}"
            images = f"{percent(ends['low'])} to {percent(ends['high'])}"
            rows.append([word(task), word(loss), percent(values.mean()), seeds, images])
        gain, ends = gains.loc[task], over_images.loc[(task, "gain")]
        cells = [signed(gain["mean"] * 100), interval(gain["low"], gain["high"])]
        cells.append(interval(ends["low"], ends["high"]))
        rows.append([word(task), Tex("focal $-$ cross-entropy"), *cells])
    return booktabs(["task", "", "mean", "other seeds", "other test images"], rows, left=2)


def single_runs(frame: pd.DataFrame) -> str:
    """Rows tasks: in how many pairs of runs McNemar's test alone would call a winner, and which."""
    rows = []
    for task, group in frame.groupby("task"):
        called = group[group["p"] < 0.05]
        counts = [
            len(group),
            (called["gain"] < 0).sum(),
            (called["gain"] > 0).sum(),
            len(group) - len(called),
        ]
        rows.append([word(task), *counts])
    return booktabs(["task", "pairs of runs", "cross-entropy", "focal", "neither"], rows)


def gammas(accuracies: pd.DataFrame, calibrations: pd.DataFrame) -> str:
    """Rows exponents: accuracy, macro F1, calibration error before and after scaling, temperature."""
    scores = accuracies.pivot_table(index=["gamma", "seed"], columns="metric", values="value")
    both = scores.join(
        calibrations.set_index(["gamma", "seed"])[["ece", "ece_scaled", "temperature"]]
    )
    mean, std = both.groupby("gamma").mean(), both.groupby("gamma").std()
    columns = ("accuracy", "macro_f1", "ece", "ece_scaled")
    rows = []
    for gamma, n in both.groupby("gamma").size().items():
        cells = [plus_minus(mean.loc[gamma, name], std.loc[gamma, name]) for name in columns]
        rows.append([f"{gamma:g}", n, *cells, f"{mean.loc[gamma, 'temperature']:.2f}"])
    header = ["seeds", "accuracy", "macro F1", "ECE", "ECE, scaled", "temperature"]
    return booktabs([Tex("$\\gamma$"), *header], rows)


def effects(frame: pd.DataFrame, by: str) -> str:
    """`loss_comparison.differences`: rows metric × value of `by`; seeds, mean difference in points, interval, p."""
    rows = [
        [word(r["metric"]), word(r[by]), r["n"], signed(r["mean"] * 100), interval(r["low"], r["high"]),
         p_value(r["p_signflip"])]
        for r in frame.to_dict("records")
    ]  # fmt: skip
    return booktabs(["score", by, "seeds", "difference", INTERVAL, Tex("$p$")], rows, left=2)


def claims(frame: pd.DataFrame) -> str:
    """A row a claim: network, claim, reported and measured difference in points, interval, p (Holm), verdict."""
    rows = []
    for r in frame.itertuples():
        ends = interval(r.low, r.high) if r.n > 1 else "--"
        figures = [
            signed(r.reported * 100),
            signed(r.mean * 100),
            ends,
            r.n or "--",
            p_value(r.p_holm),
        ]
        rows.append([r.report, r.network, r.claim, *figures, r.verdict])
    header = ["", "network", "claim", "reported", "measured", INTERVAL]
    header += [Tex("$n$"), Tex("$p$"), "verdict"]
    columns = f"l{ragged('1.7cm')}{ragged('4.05cm')}rrrrr{ragged('2.1cm')}"
    return booktabs(header, rows, left=2, columns=columns)


def identities(frame: pd.DataFrame) -> str:
    """A row an identity: report, what must hold, how many figures were checked, whether all hold."""
    rows = []
    for r in frame.itertuples():
        rows.append([r.report, r.identity, r.figures, f"{r.deviation:.0e}", word(r.holds)])
    return booktabs(["report", "identity", "figures", "largest deviation", "holds"], rows, left=2)


def coverage(frame: pd.DataFrame) -> str:
    """A row a report and network: figures printed, reproduced, and within the prediction interval."""
    rows = []
    for r in frame.itertuples():
        within = "--" if pd.isna(r.within) else r.within
        made = [r.reproduced, within] if r.reproduced else [Tex(r"\multicolumn{2}{r}{not run}")]
        rows.append([r.report, r.network.replace("_", " "), r.figures, *made])
    return booktabs(["report", "network", "figures", "reproduced", "within"], rows, left=2)


def suspects(pairs: pd.DataFrame) -> str:
    """Suspects by label (rows) and suggested label (columns)."""
    rows = [
        [label, *(f"{n:,}" if n else "" for n in row), f"{sum(row):,}"]
        for label, *row in pairs.itertuples()
    ]
    return booktabs(["label", *(f"suggested: {name}" for name in pairs.columns), "all"], rows)


def accuracies(study: Results, settings: list[str]) -> str:
    """Rows of settings; seeds, validation and test accuracy."""
    both = study.metrics[study.metrics["metric"] == "accuracy"].merge(study.runs, on="run")
    cells = over_seeds(both, [*settings, "split"]).set_index([*settings, "split"]).sort_index()
    rows = []
    for key in dict.fromkeys(index[:-1] for index in cells.index):
        val, test = (cells.loc[(*key, split)] for split in ("val", "test"))
        scores = [plus_minus(cell["mean"], cell["std"]) for cell in (val, test)]
        rows.append([*map(word, key), int(test["seeds"]), *scores])
    header = [name.replace("_", " ").replace("median", "median filter") for name in settings]
    return booktabs([*header, "seeds", "validation", "test"], rows, left=len(settings))


def readme(comparison: pd.DataFrame) -> str:
    """The README's results table in Markdown: test accuracy, reported beside reproduced."""
    rows = ["| task | loss | reported (one run) | reproduced | seeds |", "|---|---|---|---|---|"]
    for cell in (
        comparison[comparison["metric"] == "accuracy"].sort_values(["task", "loss"]).itertuples()
    ):
        ours = f"{percent(cell.mean)} ± {percent(cell.std)} %"
        rows.append(
            f"| {word(cell.task)} | {word(cell.loss)} | {percent(cell.reported)} % | {ours} | {cell.seeds} |"
        )
    return "\n".join(rows)
