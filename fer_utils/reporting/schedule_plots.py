"""Figures of what changes during training: the learning rate, and which stages learn."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from fer_utils.reporting.figures import COLOURS, styled
from fer_utils.reporting.latex import word


@styled
def learning_rate(rates: Sequence[float], epochs: int) -> Figure:
    """The learning rate of every step of a training, against epochs."""
    figure, axis = plt.subplots(figsize=(5.6, 2.2))
    at = np.linspace(0, epochs, len(rates), endpoint=False)
    axis.plot(at, rates, color=COLOURS["cross_entropy"])
    peak = int(np.argmax(rates))
    axis.plot(at[peak], rates[peak], "o", color=COLOURS["focal"], markersize=5)
    axis.annotate(f"peak {rates[peak]:g}", (at[peak], rates[peak]), (6, 4),
                  textcoords="offset points", fontsize=8)  # fmt: skip
    axis.set(xlabel="epoch", ylabel="learning rate", xlim=(0, epochs))
    axis.set_ylim(0, 1.15 * rates[peak])
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


@styled
def unfreezing(schedule: pd.DataFrame, epochs: int) -> Figure:
    """Which stages of each network learn in which epoch: a panel for each, a bar for each stage.

    Parameters
    ----------
    schedule
        learning_stages.schedule.
    epochs
        Up to which epoch the bars go.
    """
    models = list(dict.fromkeys(schedule["model"]))
    columns = min(4, len(models))
    rows = -(-len(models) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(7.2, 1.75 * rows + 0.3), squeeze=False)
    for axis in axes.flat[len(models) :]:
        axis.set_axis_off()
    for axis, model in zip(axes.flat, models, strict=False):
        steps = schedule[schedule["model"] == model].sort_values("epoch")
        stages = steps["learning"].iloc[-1].split()  # at last all of them learn
        for place, stage in enumerate(stages):
            learning = steps["learning"].str.split().map(lambda names, of=stage: of in names)
            start = int(steps.loc[learning, "epoch"].min())
            axis.barh(place, epochs - start + 1, left=start, color=COLOURS["val"], height=0.7)
            if start > 1:
                axis.barh(place, start - 1, left=1, color="#dddddd", height=0.7)
        axis.set_title(word(model), fontsize=7)
        axis.set(xlabel="epoch", xlim=(1, epochs + 1))
        axis.set_yticks(range(len(stages)), stages, fontsize=7)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.grid(False)
    handles = [plt.Rectangle((0, 0), 1, 1, color=colour) for colour in ("#dddddd", COLOURS["val"])]
    names = ["frozen", "learns"]
    figure.legend(handles, names, frameon=False, loc="outside lower center", ncols=2, fontsize=8)
    return figure
