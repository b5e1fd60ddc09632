"""Figures of the best network: worse pictures, its recipe's ingredients, two starts."""

from itertools import cycle

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from fer_utils.reporting.figures import COLOURS, styled
from fer_utils.reporting.latex import word

EFFECT = ["mean", "low", "high"]


@styled
def robustness(frame: pd.DataFrame) -> Figure:
    """Accuracy against strength, one panel per corruption; bands are 95 % intervals.

    Parameters
    ----------
    frame
        robustness.under_corruption.
    """
    accuracy = frame[frame["class"] == ""]
    clean = accuracy[accuracy["strength"] == 0]
    kinds = list(dict.fromkeys(accuracy.loc[accuracy["strength"] > 0, "kind"]))
    figure, axes = plt.subplots(2, -(-len(kinds) // 2), figsize=(6.2, 2.7), sharey=True)
    for axis in axes.flat[len(kinds) :]:
        # two rows have a place too many for an odd number of kinds
        axis.set_axis_off()
    for axis, kind in zip(axes.flat, kinds, strict=False):
        # the frame has strength 0 once, and each curve starts there
        curve = pd.concat([clean, accuracy[accuracy["kind"] == kind]])
        blue = COLOURS["cross_entropy"]
        axis.plot(curve["strength"], curve["value"], "o-", color=blue, markersize=3)
        ends = curve["strength"], curve["low"], curve["high"]
        axis.fill_between(*ends, color=blue, alpha=0.2, linewidth=0)
        amounts = [f"{amount:g}" for amount in curve["amount"].iloc[1:]]
        axis.set(title=kind, xticks=curve["strength"], xticklabels=["clean", *amounts])
        # the last one's: clean pictures, the first, have no unit
        axis.set_xlabel(curve["unit"].iloc[-1], fontsize=7)
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    for axis in axes[:, 0]:
        axis.set_ylabel("accuracy")
    return figure


@styled
def ablation(frame: pd.DataFrame) -> Figure:
    """What each ingredient adds, in points; bars are 95 % intervals, on test for seeds and images.

    Parameters
    ----------
    frame
        ablation.effects.
    """
    # backwards: bars are stacked from the bottom up
    names = list(dict.fromkeys(frame["ingredient"]))[::-1]
    figure, axes = plt.subplots(1, 2, figsize=(5.4, 0.22 * len(names) + 0.8), sharey=True)
    for axis, (split, title) in zip(axes, (("val", "validation"), ("test", "test")), strict=True):
        cells = 100 * frame[frame["split"] == split].set_index("ingredient").loc[names, EFFECT]
        # errorbar wants distances from the mean, the frame has ends
        reach = [cells["mean"] - cells["low"], cells["high"] - cells["mean"]]
        axis.barh(names, cells["mean"], color=COLOURS["cross_entropy"], alpha=0.6)
        bars = {"fmt": "none", "ecolor": "black", "capsize": 2, "linewidth": 1}
        axis.errorbar(cells["mean"], names, xerr=reach, **bars)
        axis.axvline(0, color="#888888", linewidth=1)
        axis.set(title=title)
        axis.grid(axis="y", visible=False)
    figure.supxlabel("full recipe − without it, points of accuracy", fontsize=7.5)
    return figure


@styled
def curves(frame: pd.DataFrame) -> Figure:
    """Validation accuracy against minutes of training, one line per network.

    Parameters
    ----------
    frame
        costs.curves.
    """
    figure, axis = plt.subplots(figsize=(3.6, 2.0))
    networks = frame.groupby("model", sort=False)
    for colour, (model, epochs) in zip(cycle(COLOURS.values()), networks, strict=False):
        points = epochs["minutes"], epochs["val_accuracy"]
        axis.plot(*points, "o-", color=colour, markersize=2.5, label=word(model))
    axis.set(xlabel="minutes of training", ylabel="validation accuracy")
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axis.legend(title=None)
    return figure
