"""Frames as LaTeX and Markdown tables, and how a number is printed."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fer_utils.results import Results, over_seeds

LOSS_NAMES = {"cross_entropy": "cross-entropy", "focal": "focal"}
TASK_NAMES = {"binary": "two classes", "multiclass": "four classes"}
METRIC_NAMES = {
    "accuracy": "accuracy",
    "macro_precision": "macro precision",
    "macro_recall": "macro recall",
    "macro_f1": "macro F1",
    "top2_accuracy": "top-2 accuracy",
    "f1": "F1",
}


def percent(share: float) -> str:
    """0.634 → 63.4; a dash for NaN (the standard deviation of one seed)."""
    return "--" if pd.isna(share) else f"{share * 100:.1f}"


def plus_minus(mean: float, std: float) -> str:
    return percent(mean) if pd.isna(std) else rf"{percent(mean)} $\pm$ {percent(std)}"


def signed(points: float) -> str:
    return "--" if pd.isna(points) else f"${points:+.1f}$"  # mathematics, for a true minus sign


def p_value(p: float) -> str:
    return "--" if pd.isna(p) else "$<$0.001" if p < 0.001 else f"{p:.3f}"


def word(value) -> str:
    """A setting as it is read: names of tasks, losses and metrics, yes and no, numbers."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return str({**TASK_NAMES, **LOSS_NAMES, **METRIC_NAMES}.get(value, value))


def booktabs(header: Sequence[str], rows: Sequence[Sequence[str]], above: str = "", left: int = 1) -> str:
    """A LaTeX tabular: the first `left` columns are text, the others numbers set to the right.

    above: lines before the header, such as names that span columns. A little air goes where the first of
    several text columns changes.
    """
    lines = [rf"\begin{{tabular}}{{{'l' * left}{'r' * (len(header) - left)}}}", r"\toprule"]
    lines += [above] if above else []
    lines += [" & ".join(header) + r" \\", r"\midrule"]
    before = None
    for row in rows:
        if left > 1 and before not in (None, row[0]):
            lines.append(r"\addlinespace")
        before = row[0]
        lines.append(" & ".join(map(str, row)) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def _spanning(names: Sequence[str], width: int, start: int) -> str:
    """A header line of names that each span `width` columns, the first from column `start` (1-based)."""
    cells = " & ".join(rf"\multicolumn{{{width}}}{{c}}{{{name}}}" for name in names)
    rules = [start + i * width for i in range(len(names))]
    lines = "".join(rf"\cmidrule(lr){{{first}-{first + width - 1}}}" for first in rules)
    return " & " * (start - 1) + cells + r" \\" + "\n" + lines


def counts(frame: pd.DataFrame) -> str:
    """Images of each class (index) and split (columns), with their sum."""
    rows = [[name, *(f"{n:,}" for n in [*row, sum(row)])] for name, *row in frame.itertuples()]
    return booktabs(["class", *frame.columns, "all"], rows)


def facts(frame: pd.DataFrame) -> str:
    """Two columns: what, and how many."""
    return booktabs(["finding", "number"], [[what, f"{count:,}"] for what, count in frame.itertuples(index=False)])


def averages(comparison: pd.DataFrame) -> str:
    """Rows task × metric; reported, reproduced and their difference for each loss."""
    cells = comparison[comparison["class"] == ""].set_index(["task", "metric", "loss"])
    rows = []
    for task in TASK_NAMES:
        for metric in METRIC_NAMES:
            if (task, metric, "focal") in cells.index:
                both = [cells.loc[(task, metric, loss)] for loss in LOSS_NAMES]
                numbers = [
                    (percent(c["reported"]), plus_minus(c["mean"], c["std"]), signed(c["points"])) for c in both
                ]
                rows.append([word(task), word(metric), *numbers[0], *numbers[1]])
    header = ["task", "score", *("reported", "reproduced", "diff.") * 2]
    return booktabs(header, rows, _spanning(list(LOSS_NAMES.values()), 3, 3), left=2)


def classes(comparison: pd.DataFrame, task: str) -> str:
    """Rows loss × class; reported and reproduced precision, recall and F1."""
    cells = comparison[(comparison["task"] == task) & (comparison["class"] != "")]
    rows = []
    for (loss, cls), group in cells.groupby(["loss", "class"], sort=False):
        by_metric = group.set_index("metric")
        both = [by_metric.loc[metric] for metric in ("precision", "recall", "f1")]
        numbers = [text for c in both for text in (percent(c["reported"]), plus_minus(c["mean"], c["std"]))]
        rows.append([word(loss), cls, *numbers])
    header = ["loss", "class", *("rep.", "reproduced") * 3]
    return booktabs(header, rows, _spanning(["precision", "recall", "F1"], 2, 3), left=2)


def far(cells: pd.DataFrame) -> str:
    """Figures far from the reported ones; the range over seeds, and whether the reported one lies in it."""
    rows = []
    for cell in cells.rename(columns={"class": "of"}).itertuples():
        figure = f"{word(cell.metric)} of {cell.of}" if cell.of else word(cell.metric)
        seeds = f"{percent(cell.low)} to {percent(cell.high)}"
        names = [word(cell.task), word(cell.loss), figure]
        rows.append([*names, percent(cell.reported), percent(cell.mean), seeds, word(cell.within)])
    return booktabs(["task", "loss", "figure", "reported", "mean", "all seeds", "within"], rows, left=3)


def paired(frame: pd.DataFrame) -> str:
    """focal − cross-entropy in points: mean, 95 % interval, share of seeds won, p-values."""
    rows = []
    for r in frame.itertuples():
        interval = f"{signed(r.low * 100)} to {signed(r.high * 100)}"
        numbers = [r.n, signed(r.mean * 100), interval, f"{percent(r.wins)}\\,\\%", p_value(r.p_signflip)]
        rows.append([word(r.metric), word(r.task), *numbers, p_value(r.p_holm)])
    header = ["score", "task", "seeds", "mean", "95\\,\\% interval", "won", "$p$", "$p$ (Holm)"]
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
    return booktabs(header, rows, _spanning(["ECE, \\%", "NLL"], 2, 3), left=2)


def leaks(frame: pd.DataFrame) -> str:
    """Rows task × loss: accuracy on all test images, on the leaked ones and on the others, mean ± sd over seeds."""
    rows = []
    for (task, loss), group in frame.groupby(["task", "loss"]):
        cells = [plus_minus(group[part].mean(), group[part].std()) for part in ("all", "leaked", "others")]
        rows.append([word(task), word(loss), f"{group['leaked_images'].iloc[0]:,}", *cells])
    return booktabs(["task", "loss", "leaked images", "all", "leaked", "others"], rows, left=2)


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
    for cell in comparison[comparison["metric"] == "accuracy"].sort_values(["task", "loss"]).itertuples():
        ours = f"{percent(cell.mean)} ± {percent(cell.std)} %"
        rows.append(
            f"| {word(cell.task)} | {word(cell.loss)} | {percent(cell.reported)} % | {ours} | {cell.seeds} |"
        )
    return "\n".join(rows)
