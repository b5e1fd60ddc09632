"""Figures that compare the two losses: seed by seed, protocol by protocol, gamma by gamma."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from fer_utils.data.tasks import TASK_NAMES
from fer_utils.evaluation.metrics import METRIC_NAMES
from fer_utils.reporting.figures import COLOURS, styled
from fer_utils.reporting.latex import word
from fer_utils.training.losses import LOSS_NAMES

GAMMAS = (0, 0.5, 1, 2, 5)  # 0 is cross-entropy


@styled
def losses() -> Figure:
    """Focal loss of one image, and its slope by the true class's logit, over the probability p.

    The slope is that of the softmax: with p' = p (1 − p) it is (1 − p)^γ (γ p log p + p − 1).
    γ = 0 is cross-entropy.
    """
    p = np.linspace(0.005, 0.995, 400)
    figure, axes = plt.subplots(1, 2, figsize=(5.6, 2.1))
    shades = plt.get_cmap("viridis")(np.linspace(0, 0.85, len(GAMMAS)))
    for gamma, colour in zip(GAMMAS, shades, strict=True):
        name = f"γ = {gamma:g}" + (", cross-entropy" if gamma == 0 else "")
        axes[0].plot(p, -((1 - p) ** gamma) * np.log(p), color=colour, label=name)
        slope = (1 - p) ** gamma * (gamma * p * np.log(p) + p - 1)
        axes[1].plot(p, slope, color=colour)
    axes[0].set(ylabel="loss", ylim=(0, 4), title="loss")
    axes[1].set(ylabel="slope by the logit", title="gradient")
    for axis in axes:
        axis.set_xlabel("probability of the true class")
    axes[0].legend(fontsize=7)
    return figure


@styled
def paired_seeds(scores: pd.DataFrame, reported: pd.DataFrame, by: str = "task") -> Figure:
    """A line for each seed from its cross-entropy to its focal run, with both means.

    A diamond is the reported value.

    Parameters
    ----------
    scores
        Rows (by, loss, seed, value) of one metric.
    reported
        Rows (by, loss, value).
    by
        A column, of which each value has a panel: task or class.
    """
    panels = {
        panel: group.pivot_table(index="seed", columns="loss", values="value")
        for panel, group in scores.groupby(by, sort=False)
    }
    seeds = {panel: len(pairs.dropna()) for panel, pairs in panels.items()}
    alike = len(set(seeds.values())) == 1  # else each panel has its own number in its title
    width = 2.5 if len(panels) < 3 else 1.58
    figure, axes = plt.subplots(
        1, len(panels), figsize=(width * len(panels), 2.4), squeeze=False, sharey=by == "class"
    )
    hollow: dict[str, Any] = {"color": "black", "marker": "D", "fillstyle": "none", "linestyle": ""}
    for axis, (panel, pairs) in zip(axes[0], panels.items(), strict=True):
        axis.plot([0, 1], pairs[list(LOSS_NAMES)].T, color="#aaaaaa", linewidth=1)
        for x, loss in enumerate(LOSS_NAMES):
            dots = {"color": COLOURS[loss], "alpha": 0.6, "markersize": 4}
            axis.plot(np.full(len(pairs), x), pairs[loss], "o", **dots)
            # of all runs, also of a seed whose other loss is still computing
            axis.hlines(pairs[loss].mean(), x - 0.12, x + 0.12, color=COLOURS[loss], linewidth=2.5)
            printed = reported[(reported[by] == panel) & (reported["loss"] == loss)]["value"]
            # none where the report prints no such number
            axis.plot(np.full(len(printed), x), printed, markersize=6, **hollow)
        title = TASK_NAMES.get(panel, panel) + ("" if alike else f", {_counted(seeds[panel])}")
        axis.set(title=title, xticks=[0, 1], xticklabels=LOSS_NAMES.values(), xlim=(-0.5, 1.5))
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axis.grid(axis="x", visible=False)
    axes[0, 0].set_ylabel(f"{word(scores['metric'].iloc[0])} on test")
    seed = f"one of {next(iter(seeds.values()))} seeds" if alike else "one seed"
    handles = [
        plt.Line2D([], [], color="#aaaaaa", marker="o", label=seed),
        plt.Line2D([], [], color="black", linewidth=2.5, label="mean"),
        plt.Line2D([], [], label="reported", **hollow),
    ]
    figure.legend(handles=handles, frameon=False, loc="outside lower center", ncols=3)
    return figure


def _counted(seeds: int) -> str:
    return f"{seeds} seed" if seeds == 1 else f"{seeds} seeds"


@styled
def accuracies(scores: pd.DataFrame) -> Figure:
    """Accuracy on test of every run: a panel for each task, a column of points for each loss.

    Parameters
    ----------
    scores
        Rows (task, loss, value).
    """
    tasks = list(dict.fromkeys(scores["task"]))
    figure, axes = plt.subplots(1, len(tasks), figsize=(2.6 * len(tasks), 2.6), squeeze=False)
    for axis, task in zip(axes[0], tasks, strict=True):
        for x, loss in enumerate(LOSS_NAMES):
            values = scores.loc[(scores["task"] == task) & (scores["loss"] == loss), "value"]
            axis.plot(np.full(len(values), x), values, "o", color=COLOURS[loss], alpha=0.6)
            axis.hlines(values.mean(), x - 0.15, x + 0.15, color=COLOURS[loss], linewidth=2.5)
        axis.set(title=TASK_NAMES.get(task, task), xlim=(-0.6, 1.6))
        axis.set(xticks=[0, 1], xticklabels=LOSS_NAMES.values())
        axis.yaxis.set_major_formatter(PercentFormatter(1))
        axis.grid(axis="x", visible=False)
    axes[0, 0].set_ylabel("accuracy on test")
    return figure


@styled
def forest(gains: pd.DataFrame, reported: pd.Series) -> Figure:
    """Focal minus cross-entropy in points, with 95 % intervals over seeds.

    A panel for each metric, a row for each protocol and task; a diamond is the reported difference.

    Parameters
    ----------
    gains
        loss_comparison.gains_by_protocol.
    reported
        The difference in report A, a share of 1, by (metric, task).
    """
    rows = gains.drop_duplicates(["task", "protocol"]).sort_values(
        ["task", "protocol"], ascending=[True, False]
    )
    metrics = list(dict.fromkeys(gains["metric"]))
    figure, axes = plt.subplots(
        *(1, len(metrics)),
        figsize=(6.2, 0.26 * len(rows) + 0.9),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for axis, metric in zip(axes[0], metrics, strict=True):
        cells = gains[gains["metric"] == metric].set_index(["protocol", "task"])
        for y, (protocol, task) in enumerate(zip(rows["protocol"], rows["task"], strict=True)):
            cell = cells.loc[(protocol, task)]
            axis.plot([cell["low"] * 100, cell["high"] * 100], [y, y], color="black", linewidth=1.5)
            axis.plot(cell["mean"] * 100, y, "s", color="black", markersize=5)
            # the reports printed numbers under this protocol alone
            if protocol.startswith("report A") and (metric, task) in reported:
                gain = reported[metric, task] * 100
                axis.plot(gain, y, "D", color=COLOURS["focal"], fillstyle="none")
        axis.axvline(0, color="#888888", linewidth=1, linestyle="--")
        axis.set_title(METRIC_NAMES[metric])
        axis.grid(axis="y", visible=False)
    figure.supxlabel("focal − cross-entropy, points", fontsize=8)
    labels = [f"{word(r.task)}, {r.protocol} (n = {r.n})" for r in rows.itertuples()]
    axes[0, 0].set(yticks=range(len(rows)), yticklabels=labels, ylim=(-0.6, len(rows) - 0.4))
    return figure


@styled
def gammas(accuracy: pd.DataFrame, calibration: pd.DataFrame) -> Figure:
    """Accuracy, and calibration error before and after temperature scaling, against gamma.

    A dot per seed, a line through the means. All scores are those of the test split.

    Parameters
    ----------
    accuracy
        Rows (gamma, value).
    calibration
        calibration.calibrations.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(5.4, 2.0))
    gamma, scaled = calibration["gamma"], "after temperature scaling"
    _dots_and_means(left, accuracy["gamma"], accuracy["value"], COLOURS["focal"])
    _dots_and_means(right, gamma, calibration["ece"], COLOURS["focal"], "raw")
    _dots_and_means(right, gamma, calibration["ece_scaled"], COLOURS["val"], scaled)
    left.set(xlabel="γ", ylabel="accuracy on test")
    right.set(xlabel="γ", ylabel="ECE on test")
    right.legend(frameon=False)
    for axis in (left, right):
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure


def _dots_and_means(
    axis: Axes, x: pd.Series, y: pd.Series, colour: str, label: str | None = None
) -> None:
    axis.plot(x, y, "o", color=colour, alpha=0.4, markersize=4)
    means = y.groupby(x).mean()
    axis.plot(means.index, means, color=colour, label=label)
