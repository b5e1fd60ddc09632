"""Figures that show scores: curves, confusion, calibration. The style is that of figures."""

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from fer_utils.experiments.results import overfit_epoch
from fer_utils.reporting.figures import COLOURS, gallery, styled

LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue (Rec. 601)


@styled
def overfitting(histories: dict[str, pd.DataFrame]) -> Figure:
    """Training and validation accuracy of every epoch, one panel per entry.

    A band of ±1 standard deviation where there are several seeds, and a dotted line at the epoch
    where the curves part.

    Parameters
    ----------
    histories
        Title → rows of Results.history.
    """
    figure, axes = plt.subplots(
        1, len(histories), figsize=(2.1 * len(histories), 2.2), squeeze=False, sharey=True
    )
    for axis, (title, history) in zip(axes[0], histories.items(), strict=True):
        for column, name in (("train", "training"), ("val", "validation")):
            # 0 for NaN: one seed has no deviation, and its band no width
            curves = history.groupby("epoch")[f"{column}_accuracy"].agg(["mean", "std"]).fillna(0)
            low, high = curves["mean"] - curves["std"], curves["mean"] + curves["std"]
            axis.plot(curves.index, curves["mean"], color=COLOURS[column], label=name)
            band = {"color": COLOURS[column], "alpha": 0.2, "linewidth": 0}
            axis.fill_between(curves.index, low, high, **band)
        if (epoch := overfit_epoch(history)) is not None:
            axis.axvline(epoch, color="black", linestyle=":", linewidth=1)
            at_the_bottom = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
            axis.annotate(f"part at {epoch}", (epoch, 0.05), (3, 0), fontsize=7.5, **at_the_bottom)
        axis.set(title=title, xlabel="epoch")
        # there is no epoch 2.5
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.yaxis.set_major_formatter(PercentFormatter(1))
    axes[0, 0].set_ylabel("accuracy")
    labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(*labels, frameon=False, loc="outside lower center", ncols=2)
    return figure


@styled
def learning_curves(histories: dict[str, pd.DataFrame]) -> Figure:
    """Loss above and accuracy below, of training (dashed) and validation, one column per entry.

    The mean over seeds with a band from the lowest to the highest seed.

    Parameters
    ----------
    histories
        Title → rows of Results.history.
    """
    columns = len(histories)
    figure, axes = plt.subplots(
        2, columns, figsize=(1.58 * columns, 2.6), squeeze=False, sharex=True, sharey="row"
    )
    for column, (title, history) in enumerate(histories.items()):
        by_epoch = history.groupby("epoch")
        for row, score in enumerate(("loss", "accuracy")):
            axis = axes[row, column]
            for split, name, line in (("train", "training", "--"), ("val", "validation", "-")):
                seeds = by_epoch[f"{split}_{score}"].agg(["mean", "min", "max"])
                colour = COLOURS[split]
                axis.plot(seeds.index, seeds["mean"], line, color=colour, label=name)
                band = {"color": colour, "alpha": 0.2, "linewidth": 0}
                axis.fill_between(seeds.index, seeds["min"], seeds["max"], **band)
        axes[0, column].set_title(title, fontsize=8)
        axes[1, column].set_xlabel("epoch")
        axes[1, column].xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0, 0].set_ylabel("loss")
    axes[1, 0].set_ylabel("accuracy")
    axes[1, 0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(*labels, frameon=False, loc="outside lower center", ncols=2)
    return figure


@styled
def confusion_matrices(matrices: dict[str, pd.DataFrame]) -> Figure:
    """Shares of each true class, in percent; of two matrices also the difference, in points.

    Parameters
    ----------
    matrices
        Title → counts, true classes in rows and predicted ones in columns.
    """
    shares = {
        title: counts.div(counts.sum(axis=1), axis=0) * 100 for title, counts in matrices.items()
    }
    blues: dict[str, Any] = {"cmap": "Blues", "vmin": 0, "vmax": 100}
    panels = [(title, share, ".1f", blues) for title, share in shares.items()]
    if len(shares) == 2:
        (first, a), (second, b) = shares.items()
        most = (b - a).abs().to_numpy().max()
        # as far below zero as above it, or white would not mean that nothing changed
        both_ways = {"cmap": "RdBu_r", "vmin": -most, "vmax": most}
        panels.append((f"{second} − {first}", b - a, "+.1f", both_ways))
    classes = max(len(share) for share in shares.values())
    side = max(2.12, 0.45 * classes)  # inches: a cell has room for its number
    figure, axes = plt.subplots(1, len(panels), figsize=(side * len(panels), side), squeeze=False)
    for axis, (title, values, digits, colours) in zip(axes[0], panels, strict=True):
        heatmap(axis, values, digits, **colours)
        if classes > 4:
            axis.tick_params("x", rotation=90)
        axis.set(title=title, xlabel="predicted", aspect="equal")
    axes[0, 0].set_ylabel("true")
    return figure


def heatmap(
    axis: Axes, values: pd.DataFrame, digits: str, cmap: str, vmin: float, vmax: float
) -> ScalarMappable:
    """Draws a table as coloured cells with their numbers, the first row at the top.

    seaborn's function of this name would first draw the whole figure, to learn which labels fit.

    Parameters
    ----------
    digits
        How a number is printed, as for `format`.
    vmin, vmax
        The values that have the first and the last colour of `cmap`.

    Returns
    -------
    ScalarMappable
        The cells, for a colour bar.
    """
    cells = axis.pcolormesh(values.to_numpy(), cmap=cmap, vmin=vmin, vmax=vmax)
    for (row, column), value in np.ndenumerate(values.to_numpy()):
        bright = np.dot(cells.to_rgba(value)[:3], LUMINANCE) > 0.6
        ink = "0.15" if bright else "white"
        text = format(value, digits)
        axis.text(column + 0.5, row + 0.5, text, ha="center", va="center", color=ink)
    axis.set(xticks=np.arange(values.shape[1]) + 0.5, xticklabels=values.columns)
    axis.set(yticks=np.arange(values.shape[0]) + 0.5, yticklabels=values.index)
    # pcolormesh counts rows from the bottom, a table from the top
    axis.set_ylim(len(values), 0)
    # the style's lines would run through the middle of the numbers
    axis.grid(False)
    axis.spines[:].set_visible(False)
    return cells


@styled
def reliability_diagrams(curves: dict[str, pd.DataFrame]) -> Figure:
    """Accuracy against confidence, with the share of images in each bin below.

    Parameters
    ----------
    curves
        Title → calibration.reliability.
    """
    shape: dict[str, Any] = {"figsize": (2.0 * len(curves), 2.4), "height_ratios": (3, 1)}
    figure, axes = plt.subplots(2, len(curves), sharex=True, sharey="row", squeeze=False, **shape)
    for (upper, lower), (title, table) in zip(axes.T, curves.items(), strict=True):
        # where a network would lie that is right as often as it is sure
        upper.plot([0, 1], [0, 1], color="#aaaaaa", linewidth=1, linestyle="--")
        blue = {"color": COLOURS["cross_entropy"], "markersize": 3}
        upper.plot(table["confidence"], table["accuracy"], "o-", **blue)
        shares = table["images"] / table["images"].sum()
        # narrower than a bin (1/15): a bar stands at its images' mean confidence, not in mid-bin
        lower.bar(table["confidence"], shares, width=0.05, color="#bbbbbb")
        upper.set(title=title)
        lower.set(xlabel="confidence", xlim=(0, 1))
        for axis in (upper.yaxis, lower.yaxis, lower.xaxis):
            axis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes[0, 0].set_ylabel("accuracy")
    axes[1, 0].set_ylabel("images")
    return figure


def of_run(
    confusion: pd.DataFrame,
    images: np.ndarray,
    labels: np.ndarray,
    logits: np.ndarray,
    shown: int = 16,
) -> dict[str, Figure]:
    """What a tracker shows of a finished run: its confusion matrix, and some of the test images.

    Parameters
    ----------
    confusion
        Counts, true classes in rows.
    images
        Of the test split: uint8, N×H×W[×3].
    labels, logits
        int, N, and float, N×classes.
    shown
        How many images, evenly over the split, are shown with what was predicted.
    """
    # not the first ones: a data set may be sorted by class
    chosen = np.linspace(0, len(labels) - 1, min(shown, len(labels))).astype(int)
    classes = list(confusion.columns)
    predicted = logits.argmax(1)
    captions = [f"{classes[predicted[row]]},\nlabel {classes[labels[row]]}" for row in chosen]
    return {
        "confusion": confusion_matrices({"test": confusion}),
        "samples": gallery(images[chosen], captions),
    }
