"""What people and a network answer, and accuracy by people's votes, from label_evidence."""

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from fer_utils.analysis.answerers import TOGETHER
from fer_utils.analysis.label_evidence import Frames
from fer_utils.analysis.people_and_networks import ALL, BINS, PEOPLE
from fer_utils.data.tasks import EMOTIONS, TASK_NAMES
from fer_utils.reporting.figures import COLOURS, styled
from fer_utils.reporting.label_tables import SHOWN
from fer_utils.reporting.latex import word
from fer_utils.reporting.plots import heatmap

NAMED = ["network", "kind", "loss"]  # what tells one row of answers from another
PANELS = ("multiclass", "seven")  # the tasks whose accuracy is drawn by votes
LINES = {  # by network and loss; the CNN's two lie on each other
    ("small_resnet", "cross_entropy"): ("small ResNet", COLOURS["val"], "o-"),
    ("fer", ""): ("fer", COLOURS["train"], "o-"),
    ("cnn", "cross_entropy"): ("CNN, cross-entropy", COLOURS["cross_entropy"], "o-"),
    ("cnn", "focal"): ("CNN, focal", COLOURS["focal"], "o:"),
}


def make(pages: Frames) -> dict[str, Figure]:
    """The figure by its id; none where there are no pages."""
    if not {"confusion", "answers"} <= set(pages):
        return {}
    return {"labels": people_and_networks(pages["confusion"], pages["answers"])}


@styled
def people_and_networks(confusion: pd.DataFrame, answers: pd.DataFrame) -> Figure:
    """Above, what people and the network answer to each label; below, accuracy by votes for it.

    Parameters
    ----------
    confusion, answers
        Pages of label_evidence.
    """
    figure, axes = plt.subplots(2, 2, figsize=(6.8, 5.9), height_ratios=(5, 3))
    for axis, (who, shares) in zip(axes[0], confusion.groupby("who", sort=False), strict=True):
        of_seven = shares.set_index("true").loc[list(EMOTIONS), list(EMOTIONS)]
        percent = 100 * of_seven.div(of_seven.sum(axis=1), axis=0)
        heatmap(axis, percent, ".0f", cmap="Blues", vmin=0, vmax=100)
        axis.tick_params("x", rotation=90)
        axis.set(title=word(who), xlabel="answer", aspect="equal")
    axes[0, 0].set_ylabel("label")
    for axis, task in zip(axes[1], PANELS, strict=True):
        _by_votes(axis, answers[answers["task"] == task])
        axis.set(title=TASK_NAMES[task], xlabel="people of ten who give the label", ylim=(0, 1))
    axes[1, 0].set_ylabel("accuracy")
    axes[1, 0].legend(fontsize="small")
    return figure


@styled
def who_gives_the_label(answers: pd.DataFrame, task: str) -> Figure:
    """How often people and networks give the label, with 95 % intervals, each one of a task.

    Parameters
    ----------
    answers
        A page of label_evidence.
    task
        Among whose classes people and networks choose.
    """
    whole = answers[(answers["task"] == task) & (answers["part"] == ALL)]
    whole = whole[whole["network"].isin(SHOWN) & ~whole["kind"].str.endswith(TOGETHER)]
    figure, axis = plt.subplots(figsize=(6.2, 0.26 * len(whole) + 0.7))
    names = [", ".join(filter(None, map(word, r))) for r in whole[NAMED].to_numpy()]
    reach = [whole["label"] - whole["label_low"], whole["label_high"] - whole["label"]]
    of_people = whole["network"] == PEOPLE
    colours = of_people.map({True: COLOURS["val"], False: COLOURS["cross_entropy"]})
    axis.barh(range(len(whole)), whole["label"], color=colours, alpha=0.6)
    bars: dict[str, Any] = {"fmt": "none", "ecolor": "black", "capsize": 2, "linewidth": 1}
    axis.errorbar(whole["label"], range(len(whole)), xerr=reach, **bars)
    axis.set(
        yticks=range(len(whole)), yticklabels=names, xlabel="share of answers that are the label"
    )
    axis.invert_yaxis()
    axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axis.grid(axis="y", visible=False)
    return figure


@styled
def doubts(pairs: pd.DataFrame) -> Figure:
    """How many labels are doubtful, by label and by what the networks suggest in its place.

    Parameters
    ----------
    pairs
        label_errors.pairs.
    """
    figure, axis = plt.subplots(figsize=(3.4, 2.8))
    heatmap(axis, pairs, ",.0f", cmap="Blues", vmin=0, vmax=pairs.to_numpy().max())
    axis.set(xlabel="suggested", ylabel="label", aspect="equal")
    return figure


def _by_votes(axis: Axes, answers: pd.DataFrame) -> None:
    single = answers[~answers["kind"].str.endswith(TOGETHER)]
    # a network may be trained on the task and restricted to it: the latter comes last, with as many
    # seeds or more
    single = single.drop_duplicates(["network", "loss", "part"], keep="last")
    for (network, loss), (label, colour, line) in LINES.items():
        of_one = single[(single["network"] == network) & (single["loss"] == loss)]
        if len(of_one):
            points = of_one.set_index("part").loc[list(BINS)]
            reach = [points["label"] - points["label_low"], points["label_high"] - points["label"]]
            names = [name.removesuffix(" votes") for name in BINS]
            style: dict[str, Any] = {
                "color": colour,
                "capsize": 2,
                "linewidth": 1.2,
                "markersize": 3,
            }
            axis.errorbar(names, points["label"], yerr=reach, fmt=line, label=label, **style)
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
