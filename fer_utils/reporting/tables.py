"""Every table of the report and the README, from tidy frames to LaTeX and Markdown."""

import pandas as pd

from fer_utils.analysis.claims import VERDICTS
from fer_utils.data.tasks import TASK_NAMES
from fer_utils.evaluation.metrics import METRIC_NAMES
from fer_utils.experiments.results import Results, over_seeds
from fer_utils.reporting.latex import (
    INTERVAL,
    Tex,
    booktabs,
    escape,
    interval,
    percent,
    plus_minus,
    ragged,
    signed,
    spanning,
    word,
)
from fer_utils.reporting.markdown import table
from fer_utils.training.losses import LOSS_NAMES

COLOUR_OF = {  # of a verdict's cell, by xcolor's names
    "supported": "green!20",
    "refuted": "red!20",
    "claimed size refuted": "red!12",
    "no effect": "blue!12",
    "inconclusive": "yellow!25",
}


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
            # of two classes there is no top-2 accuracy, and a study may have one of the tasks alone
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
    """Numbers far from the reported ones, and whether those lie in the range over seeds."""
    rows = []
    # itertuples gives a column called by a keyword of Python's another name
    for cell in cells.rename(columns={"class": "of"}).itertuples():
        figure = f"{word(cell.metric)} of {cell.of}" if cell.of else word(cell.metric)
        seeds = f"{percent(cell.low)} to {percent(cell.high)}"
        names = [word(cell.task), word(cell.loss), figure]
        rows.append([*names, percent(cell.reported), percent(cell.mean), seeds, word(cell.within)])
    return booktabs(
        ["task", "loss", "figure", "reported", "mean", "all seeds", "within"], rows, left=3
    )


def calibration(frame: pd.DataFrame) -> str:
    """Rows task × loss: ECE and negative log-likelihood before and after temperature scaling."""
    rows = []
    for (task, loss), group in frame.groupby(["task", "loss"]):
        # the run's id, a text, is among the columns
        mean, std = group.mean(numeric_only=True), group.std(numeric_only=True)
        eces = [plus_minus(mean[name], std[name]) for name in ("ece", "ece_scaled")]
        nlls = [f"{mean[name]:.3f}" for name in ("nll", "nll_scaled")]
        rows.append([word(task), word(loss), *eces, *nlls, f"{mean['temperature']:.2f}"])
    header = ["task", "loss", *("raw", "scaled") * 2, "temperature"]
    return booktabs(header, rows, spanning(["ECE, %", "NLL"], 2, 3), left=2)


def leaks(frame: pd.DataFrame) -> str:
    """Rows task × loss: accuracy on all test images and on parts of them, mean ± sd over seeds."""
    rows, parts = [], ("all", "identical", "spared", "near", "clean")
    for (task, loss), group in frame.groupby(["task", "loss"]):
        cells = [plus_minus(group[part].mean(), group[part].std()) for part in parts]
        rows.append([word(task), word(loss), *cells])
    # a mean: how many copies a run was spared depends on the images it validated on
    sizes = frame.groupby("task")[[f"{part}_images" for part in parts]].mean()
    rows += [
        [word(task), "images", *(f"{n:,.0f}" for n in row)] for task, *row in sizes.itertuples()
    ]
    # a stable sort: within a task the row of image counts stays below those of the losses
    rows.sort(key=lambda row: list(TASK_NAMES.values()).index(row[0]))
    return booktabs(
        ["task", "", "all", "identical", "of it, spared", "near only", "no copy"], rows, left=2
    )


def claims(frame: pd.DataFrame, decided: bool) -> str:
    """One row per claim, by question (`family`), with its verdict in colour.

    Columns: claim, difference in points as reported and measured, interval, n, detectable
    difference, verdict.

    Parameters
    ----------
    frame
        claims.judge.
    decided
        The claims with a verdict, or the others: inconclusive or not run.
    """
    shown = frame[frame["verdict"].isin(VERDICTS) == decided]
    rows: list[list[object]] = []
    for family, group in shown.groupby("family", sort=False):
        rows.append([Tex(rf"\multicolumn{{7}}{{l}}{{\emph{{{escape(family)}}}}}")])
        for r in group.sort_values("n", ascending=False, kind="stable").itertuples():
            # one seed gives a difference, but no interval around it
            ends = interval(r.low, r.high) if r.n > 1 else ""
            gains = [signed(r.reported * 100), signed(r.mean * 100), ends]
            numbers = [*gains, r.n or "", percent(r.detectable)]
            rows.append(
                [f"{r.report}, {r.network}: {_lowered(r.claim)}", *numbers, _coloured(r.verdict)]
            )
    header = ["claim", "reported", "measured", INTERVAL, Tex("$n$"), "detect."]
    columns = f"{ragged('7.3cm')}rrrrr{ragged('2.3cm')}"
    return booktabs([*header, "verdict"], rows, columns=columns)


def _lowered(sentence: str) -> str:
    """With a small first letter, but for names such as VGGFace and ResNet18."""
    first = sentence.split()[0]
    return sentence if first[1:] != first[1:].lower() else sentence[0].lower() + sentence[1:]


def _coloured(verdict: str) -> Tex:
    return Tex(rf"\cellcolor{{{COLOUR_OF.get(verdict, 'white')}}}{escape(verdict)}")


def verdict_rule() -> str:
    """The rule that gives the verdicts, as the docstring of `claims` has it."""
    m = r"\fer{margin}"
    rows = [
        [
            "is more",
            Tex("$D > 0$"),
            Tex("$D < 0$"),
            Tex(f"$-{m} < D < {m}$"),
            Tex("$D <$ reported"),
        ],
        ["changes little", Tex(f"$-{m} < D < {m}$"), Tex(f"$|D| > {m}$"), "--", "--"],
        ["is no more", Tex(f"$D < {m}$"), Tex(f"$D > {m}$"), "--", "--"],
    ]
    return booktabs(["claimed", *VERDICTS], rows, left=1)


def identities(frame: pd.DataFrame) -> str:
    """One row per identity: what must hold, how many numbers were checked, whether all hold."""
    rows = []
    for r in frame.itertuples():
        rows.append([r.report, r.identity, r.figures, _power(r.deviation), word(r.holds)])
    return booktabs(["report", "identity", "figures", "largest deviation", "holds"], rows, left=2)


def _power(value: float) -> Tex:
    digits, exponent = f"{value:.0e}".split("e")
    return Tex(rf"${digits}\cdot10^{{{int(exponent)}}}$")


def coverage(frame: pd.DataFrame) -> str:
    """One row per report and network: numbers printed, reproduced, within the interval."""
    rows = []
    for r in frame.itertuples():
        within = "" if pd.isna(r.within) else r.within
        cells = [r.reproduced, within] if r.reproduced else [Tex(r"\multicolumn{2}{r}{not run}")]
        # report A's names end in a number of epochs
        model, comma, epochs = r.network.partition(",")
        rows.append([r.report, word(model) + comma + epochs, r.figures, *cells])
    return booktabs(["report", "network", "figures", "reproduced", "within"], rows, left=2)


def training_coverage(frame: pd.DataFrame) -> str:
    """The same for the figures of training tables, by curve, with their mean distance from ours."""
    rows = []
    for r in frame.itertuples():
        cells: list[object] = [Tex(r"\multicolumn{3}{r}{not run}")]
        if r.reproduced:
            within = "" if pd.isna(r.within) else r.within
            # a loss has no points
            digits = (
                f"{r.deviation / 100:.2f}" if r.curve.endswith("loss") else f"{r.deviation:.1f}"
            )
            cells = [r.reproduced, within, digits]
        curve = r.curve.replace("val ", "validation ").replace("train ", "training ")
        rows.append([r.report, word(r.network), curve, r.figures, *cells])
    header = ["report", "network", "curve", "figures", "reproduced", "within", "distance"]
    return booktabs(header, rows, left=3)


def suspects(pairs: pd.DataFrame) -> str:
    """Suspects by label (rows) and suggested label (columns)."""
    rows = [
        # no zeros, so that the pairs that are confused stand out
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
    header, rows = ["task", "loss", "reported (one run)", "reproduced", "seeds"], []
    accuracies = comparison[comparison["metric"] == "accuracy"].sort_values(["task", "loss"])
    for r in accuracies.itertuples():
        reproduced = f"{percent(r.mean)} ± {percent(r.std)} %"
        rows.append([word(r.task), word(r.loss), f"{percent(r.reported)} %", reproduced, r.seeds])
    return table(header, rows)
