"""Figures that explain a test or a set of answers, for notebooks 4, 5 and 7."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from scipy import stats

from fer_utils.evaluation.statistics import t_half_width
from fer_utils.reporting.figures import COLOURS, styled
from fer_utils.reporting.latex import word

GREY = "#bbbbbb"
OTHERS = ("#CC79A7", "#56B4E9", "#E69F00", GREY)  # where three colours are not enough


@styled
def right_and_wrong(a: np.ndarray, b: np.ndarray, names: tuple[str, str]) -> Figure:
    """On how many images both networks are right, only the first, only the second, or none.

    The two parts that McNemar's test counts are coloured.

    Parameters
    ----------
    a, b
        Whether the answer is right: bool, one per image.
    names
        Of the networks.
    """
    parts = {
        "both right": (a & b, GREY),
        f"only {names[0]}": (a & ~b, COLOURS["cross_entropy"]),
        f"only {names[1]}": (~a & b, COLOURS["focal"]),
        "both wrong": (~a & ~b, GREY),
    }
    figure, axis = plt.subplots(figsize=(6.4, 1.2))
    start = 0
    for (label, (mask, colour)), height in zip(parts.items(), (0.5, 0.8, 0.5, 0.8), strict=True):
        images = int(mask.sum())
        axis.barh(0, images, left=start, color=colour, edgecolor="white")
        axis.text(start + images / 2, 0, f"{images:,}", ha="center", va="center", fontsize=9)
        axis.text(start + images / 2, -height, label, ha="center", va="bottom", fontsize=8)
        start += images
    axis.set(xlim=(0, len(a)), yticks=[], ylim=(0.4, -1.1), xlabel="test images")
    axis.grid(False)
    axis.spines[:].set_visible(False)
    return figure


@styled
def coin_tosses(heads: int, tosses: int) -> Figure:
    """How many heads a fair coin shows, and how many were seen: the null hypothesis of McNemar.

    Numbers of heads as far from the middle as `heads`, or farther, are coloured; their sum is the
    exact two-sided p-value.
    """
    spread = 4.5 * np.sqrt(tosses) / 2 + abs(heads - tosses / 2) * 0.2
    middle = tosses / 2
    counts = np.arange(max(0, int(middle - spread)), min(tosses, int(middle + spread)) + 1)
    chance = stats.binom.pmf(counts, tosses, 0.5)
    far = np.abs(counts - middle) >= abs(heads - middle)
    figure, axis = plt.subplots(figsize=(6.0, 2.2))
    axis.bar(counts[~far], chance[~far], width=1.0, color=GREY, label="nearer to the middle")
    axis.bar(counts[far], chance[far], width=1.0, color=COLOURS["focal"], label="as far or farther")
    axis.axvline(heads, color="black", linewidth=1, linestyle="--", label=f"seen: {heads}")
    axis.set(xlabel=f"heads in {tosses:,} tosses of a fair coin", ylabel="probability")
    axis.set_ylim(bottom=0)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.legend(frameon=False, fontsize=7)
    return figure


@styled
def differences(points: pd.Series, called: np.ndarray, reported: float) -> Figure:
    """The difference of each seed in points, and the mean with its 95 % t-interval below.

    Parameters
    ----------
    points
        Focal loss minus cross-entropy by seed.
    called
        Whether McNemar's test on this seed alone calls a winner (bool): these dots are filled.
    reported
        What the report prints, in points: a diamond.
    """
    figure, axis = plt.subplots(figsize=(6.4, 0.13 * len(points) + 1.2))
    places, values = np.arange(len(points)), points.to_numpy()
    for mask, fill, label in (
        (called, "full", "p below 0.05 for this pair of runs"),
        (~called, "none", "p above 0.05"),
    ):
        style: dict[str, Any] = {
            "color": COLOURS["train"],
            "fillstyle": fill,
            "markersize": 5,
            "linestyle": "",
        }
        axis.plot(values[mask], places[mask], marker="o", label=label, **style)
    mean, half = values.mean(), t_half_width(values)
    axis.errorbar(mean, len(points) + 1, xerr=half, fmt="s", color="black", label="mean, 95 %")
    diamond: dict[str, Any] = {"color": COLOURS["focal"], "fillstyle": "none", "linestyle": ""}
    axis.plot(reported, len(points) + 1, marker="D", label="reported", **diamond)
    axis.axvline(0, color="#888888", linewidth=1, linestyle="--")
    axis.set(xlabel="focal − cross-entropy, points of test accuracy", ylabel="seed")
    axis.set_yticks(places[::5], [str(seed) for seed in points.index[::5]])
    axis.invert_yaxis()
    figure.legend(frameon=False, loc="outside lower center", ncols=4, fontsize=7)
    return figure


@styled
def intervals(table: pd.DataFrame, by: Sequence[str], xlabel: str, zero: bool = True) -> Figure:
    """Means with their intervals, one row for each row of `table`, above each other.

    Parameters
    ----------
    table
        Columns mean, low and high, and those in `by`, which name the row.
    xlabel
        What is measured, and in what unit.
    zero
        Whether a line marks 0, for differences.
    """
    figure, axis = plt.subplots(figsize=(6.2, 0.24 * len(table) + 0.7))
    rows = table[list(by)].itertuples(index=False)
    names = [", ".join(word(value).replace("_", " ") for value in row) for row in rows]
    reach = [table["mean"] - table["low"], table["high"] - table["mean"]]
    axis.errorbar(
        table["mean"], range(len(table)), xerr=reach, fmt="s", color="black", markersize=4
    )
    if zero:
        axis.axvline(0, color="#888888", linewidth=1, linestyle="--")
    axis.set(yticks=range(len(table)), yticklabels=names, xlabel=xlabel)
    axis.invert_yaxis()
    axis.grid(axis="y", visible=False)
    return figure


@styled
def confused_pairs(confusion: pd.DataFrame, shown: int = 10) -> Figure:
    """Which classes are taken for which: the most frequent errors, as shares of the true class.

    Parameters
    ----------
    confusion
        Counts, true classes in rows and predicted ones in columns.
    shown
        How many pairs, at most.
    """
    shares = confusion.div(confusion.sum(axis=1), axis=0)
    pairs = {
        f"{true} → {predicted}": shares.loc[true, predicted]
        for true in shares.index
        for predicted in shares.columns
        if true != predicted
    }
    largest = pd.Series(pairs).sort_values(ascending=False).head(shown)[::-1]
    figure, axis = plt.subplots(figsize=(5.2, 0.22 * len(largest) + 0.6))
    axis.barh(largest.index, largest, color=COLOURS["cross_entropy"], alpha=0.7)
    for place, share in enumerate(largest):
        axis.text(share, place, f" {share:.0%}", va="center", fontsize=8)
    axis.set(xlabel="share of the true class", title="label → answer")
    axis.xaxis.set_major_formatter(PercentFormatter(1))
    axis.grid(axis="y", visible=False)
    axis.margins(x=0.08)
    return figure


@styled
def embedding(points: np.ndarray, labels: np.ndarray, right: np.ndarray) -> Figure:
    """Images as points in the plane, one panel per class: right answers, errors, all others.

    Parameters
    ----------
    points
        float, N×2.
    labels
        Names of classes, N.
    right
        Whether the answer is right: bool, N.
    """
    classes = sorted(set(labels))
    figure, axes = plt.subplots(
        *(1, len(classes)), figsize=(1.9 * len(classes), 2.3), sharex=True, sharey=True
    )
    for axis, name in zip(np.atleast_1d(axes), classes, strict=True):
        of_class = labels == name
        layers = {
            "other classes": (~of_class, "#dddddd"),
            "right": (of_class & right, COLOURS["cross_entropy"]),
            "wrong": (of_class & ~right, COLOURS["focal"]),
        }
        for label, (mask, colour) in layers.items():
            # one picture of all points, not thousands of paths
            style: dict[str, Any] = {
                "color": colour,
                "markersize": 1.2,
                "linestyle": "",
                "rasterized": True,
            }
            axis.plot(*points[mask].T, marker="o", label=label, **style)
        axis.set(title=name, xticks=[], yticks=[])
        axis.grid(False)
    handles = np.atleast_1d(axes)[0].get_legend_handles_labels()
    figure.legend(
        *handles, frameon=False, loc="outside lower center", ncols=3, markerscale=4, fontsize=8
    )
    return figure


@styled
def bars(frame: pd.DataFrame, xlabel: str) -> Figure:
    """Shares of 1, a group of bars for each row and one bar of it for each of at most 7 columns."""
    k = frame.shape[1]
    figure, axis = plt.subplots(figsize=(6.0, (0.14 * k + 0.12) * len(frame) + 0.7))
    places, thick = np.arange(len(frame)), 0.8 / k
    colours = [COLOURS["cross_entropy"], COLOURS["focal"], COLOURS["val"], *OTHERS]
    for i, (name, colour) in enumerate(zip(frame, colours, strict=False)):
        heights = places + (i - (k - 1) / 2) * thick
        axis.barh(heights, frame[name], thick, color=colour, alpha=0.8, label=name)
        for height, share in zip(heights, frame[name], strict=True):
            axis.text(share, height, f" {share:.0%}", va="center", fontsize=7)
    axis.set(xlabel=xlabel, yticks=places, yticklabels=frame.index)
    axis.invert_yaxis()
    axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axis.grid(axis="y", visible=False)
    axis.margins(x=0.08)
    if k > 1:
        handles = axis.get_legend_handles_labels()
        figure.legend(*handles, frameon=False, loc="outside lower center", ncols=4, fontsize=8)
    return figure
