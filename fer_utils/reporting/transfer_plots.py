"""Figures of the pretrained networks: curves of all in one, and a heat map of the grid search."""

from itertools import cycle
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, PercentFormatter

from fer_utils.analysis import transfer
from fer_utils.analysis.reported import reported_a_epochs, reported_b_epochs
from fer_utils.data.tasks import TASK_NAMES
from fer_utils.experiments.cnn_recipes import TASKS
from fer_utils.experiments.results import Results
from fer_utils.models.registry import in_order
from fer_utils.reporting import plots
from fer_utils.reporting.figures import COLOURS, styled
from fer_utils.reporting.latex import word
from fer_utils.reporting.plots import heatmap
from fer_utils.training.losses import LOSS_NAMES

# by name, not by place: a network keeps its colour whichever others were run
MODEL_COLOURS = {
    "cnn": "#000000",
    "resnet18": "#0072B2",
    "resnet18_scratch": "#E69F00",
    "mobilenet_v2": "#009E73",
    "vggface": "#CC79A7",
    "face_resnet": "#D55E00",
    "faceres": "#56B4E9",
    "resnet18_cntk": "#0072B2",  # it stands where `resnet18` has no run
}  # Okabe-Ito
OTHER_COLOURS = ("#F0E442", "#999999")  # for all other networks


def make(results: Results, frames: dict[str, pd.DataFrame]) -> dict[str, Figure]:
    """The report's figures by id, of what `frames` has of the pretrained networks."""
    drawn = {}
    if "transfer" in frames:
        drawn["transfer_overfitting"] = overfitting(transfer.runs_of(results))
    if "sizes" in frames:
        drawn["sizes"] = sizes(frames["sizes"])
    if "report_b_epochs" in frames:
        drawn["report_b_curves"] = curves(
            with_models(results.study("report_b")),
            reported_b_epochs(),
            frames["report_b_schedule"].query("epoch > 1"),
        )
    if "grid" in frames:
        drawn["grid"] = grid(frames["grid"])
    return drawn


def with_models(study: Results) -> pd.DataFrame:
    """The histories of a study with the network of each run."""
    return study.history.merge(study.runs[["run", "model"]], on="run")


def overfitting(study: Results) -> Figure:
    """Report A's example, as it prints it, and every network that was run.

    Four classes, focal loss, 10 epochs; of each network as report A trained it, on the most images.
    """
    long = study.select(task="multiclass", loss="focal", epochs=10)
    panels = {"ResNet18, as reported": reported_a_epochs()}
    for model in in_order(long.runs["model"]):
        runs = long.select(model=model)
        first = runs.runs.sort_values(["rest", "cap"], ascending=[True, False]).iloc[0]
        panels[word(model)] = runs.select(rest=first["rest"], cap=first["cap"]).history
    return plots.overfitting(panels)


@styled
def accuracies(frame: pd.DataFrame) -> Figure:
    """Test accuracy of every network that was run, a row each; a diamond is report A's value.

    A panel for each task; a dot for each number of epochs and loss, mean over seeds.
    "Training mode": of the frozen stages too, as in report A's code.

    Parameters
    ----------
    frame
        `transfer.accuracies`; rows without seeds are left out.
    """
    run = frame[frame["seeds"] > 0]
    kinds = run[transfer.NETWORK].drop_duplicates()
    names = [
        f"{word(kind.model)}, {kind.cap:,} a class{'' if kind.rest else ', training mode'}"
        for kind in kinds.itertuples()
    ]
    figure, axes = plt.subplots(1, 2, figsize=(7.2, 0.42 * len(kinds) + 1.3), sharey=True)
    for axis, task in zip(axes, TASKS, strict=True):
        for y, kind in enumerate(kinds.itertuples(index=False)):
            rows = run[(run[transfer.NETWORK] == list(kind)).all(axis=1) & (run["task"] == task)]
            for row in rows.itertuples():
                face = COLOURS[row.loss] if row.epochs == 10 else "white"
                axis.plot(row.mean, y, "o", color=COLOURS[row.loss], markerfacecolor=face)
                axis.plot(row.reported, y + 0.25, "D", color="black", fillstyle="none", ms=5)
        axis.set(title=TASK_NAMES[task], xlabel="accuracy on test")
        axis.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes[0].set(yticks=range(len(kinds)), yticklabels=names, ylim=(len(kinds) - 0.5, -0.5))
    handles = [
        plt.Line2D([], [], ls="", marker="o", color=COLOURS[loss], label=name)
        for loss, name in LOSS_NAMES.items()
    ]
    hollow: dict[str, Any] = {"ls": "", "color": "black", "fillstyle": "none"}
    handles.append(plt.Line2D([], [], marker="o", label="5 epochs", **hollow))
    handles.append(plt.Line2D([], [], marker="D", label="reported", **hollow))
    figure.legend(handles=handles, frameon=False, loc="outside lower center", ncols=4)
    return figure


@styled
def curves(
    measured: pd.DataFrame, reported: pd.DataFrame, thaws: pd.DataFrame | None = None
) -> Figure:
    """Loss and accuracy of every network by epoch, mean over seeds, beside what report B prints.

    Dashed: training; solid: validation.

    Parameters
    ----------
    measured
        Rows (model, epoch, {train,val}_loss, {train,val}_accuracy).
    reported
        Rows (model, epoch, {train,val}_accuracy).
    thaws
        Rows (model, epoch) in which stages were unfrozen: circles on the curve of training loss.
    """
    models = in_order({*measured["model"], *reported["model"]})
    others = [model for model in models if model not in MODEL_COLOURS]
    # cycle never ends, so strict would fail; with many networks a colour may come twice
    colours = MODEL_COLOURS | dict(zip(others, cycle(OTHER_COLOURS), strict=False))
    panels = [
        ("loss", "ours", measured),
        ("accuracy", "ours", measured),
        ("accuracy", "as reported", reported),
    ]
    figure, axes = plt.subplots(1, len(panels), figsize=(6.4, 2.5))
    for axis, (score, whose, frame) in zip(axes, panels, strict=True):
        for model, history in frame.groupby("model", sort=False):
            means = history.groupby("epoch")[[f"train_{score}", f"val_{score}"]].mean()
            for column, line in zip(means, ("--", "-"), strict=True):
                axis.plot(means.index, means[column], line, color=colours[model], linewidth=1.4)
        axis.set(title=f"{score}, {whose}", xlabel="epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        if score == "accuracy":
            axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    losses = measured.groupby(["model", "epoch"])["train_loss"].mean()
    for thaw in () if thaws is None else thaws.itertuples():
        if (thaw.model, thaw.epoch) in losses.index:
            at = thaw.epoch, losses[thaw.model, thaw.epoch]
            axes[0].plot(*at, "o", color=colours[thaw.model], fillstyle="none", markersize=6)
    axes[0].set_ylim(bottom=0)
    # these two alone: the first panel is the loss, on a scale of its own
    axes[1].sharey(axes[2])
    handles = [plt.Line2D([], [], color=colours[model], label=word(model)) for model in models]
    handles.append(plt.Line2D([], [], color="black", linestyle="--", label="training"))
    handles.append(plt.Line2D([], [], color="black", linestyle="-", label="validation"))
    figure.legend(handles=handles, frameon=False, loc="outside lower center", ncols=4)
    return figure


@styled
def grid(cells: pd.DataFrame) -> Figure:
    """Validation accuracy of every cell of `report_b.grid`, in percent; the best is boxed.

    A row of panels for each network.
    """
    percent = 100 * cells["val"]
    # from all panels, so that a shade means the same in each
    shades = {"cmap": "Blues", "vmin": percent.min(), "vmax": percent.max()}
    models = in_order(cells["model"])
    size = (5.6, 0.6 + 2.0 * len(models))
    figure, rows = plt.subplots(len(models), 2, figsize=size, sharey="row", squeeze=False)
    for model, axes in zip(models, rows, strict=True):
        for axis, augmented in zip(axes, (False, True), strict=True):
            part = cells[(cells["model"] == model) & (cells["augmented"] == augmented)]
            drawn = _grid_panel(axis, part, shades)
        axes[0].set_ylabel(f"{word(model)}\nlearning rate of the head")
    for column, kind in enumerate(("no augmentation", "augmentation")):
        rows[0][column].set_title(kind)
        rows[-1][column].set_xlabel("weight decay")
    # a colour bar that takes its room from all panels: this kind needs no layout of its own
    bar = figure.colorbar(drawn, ax=rows, use_gridspec=False)
    bar.outline.set_visible(False)
    return figure


def _grid_panel(axis: Axes, part: pd.DataFrame, shades: dict) -> ScalarMappable:
    wide = part.pivot_table(index="learning_rate", columns="weight_decay", values="val")
    wide = wide.sort_index(ascending=False)
    drawn = heatmap(axis, wide * 100, ".1f", **shades)
    axis.set_xticklabels([f"{decay:g}" for decay in wide.columns])
    axis.set_yticklabels([f"{rate:g}" for rate in wide.index])
    for best in part[part["chosen"]].itertuples():
        column = wide.columns.get_loc(best.weight_decay)
        row = wide.index.get_loc(best.learning_rate)
        box = Rectangle((column, row), 1, 1, fill=False, edgecolor="#D55E00", linewidth=2.5)
        axis.add_patch(box)
        box.set_clip_on(False)  # half of the line lies beyond the outer cells
    return drawn


@styled
def sizes(frame: pd.DataFrame) -> Figure:
    """`resnet_remarks.sizes`: test accuracy by images of each class, with 95 % intervals."""
    figure, axis = plt.subplots(figsize=(3.8, 2.3))
    for model in in_order(frame["model"]):
        part = frame[frame["model"] == model].sort_values("images")
        # NaN where one seed has no interval: then there is a point alone
        ends = (part[["low", "high"]].sub(part["mean"], axis=0).abs() * 100).T
        colour = MODEL_COLOURS.get(model, "#000000")
        axis.errorbar(
            part["images"], part["mean"] * 100, ends, color=colour, capsize=3, label=word(model)
        )
    axis.set(xscale="log", xlabel="images of each class", ylabel="test accuracy, %")
    ticks = sorted(frame["images"].unique())
    axis.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    axis.minorticks_off()
    axis.legend(frameon=False)
    return figure
