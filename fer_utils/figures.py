"""Every figure, in one style; `save` gives it one id for notebook, file and \\includegraphics."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from fer_utils import paths
from fer_utils.faces import Faces
from fer_utils.results import parting_epoch
from fer_utils.tables import LOSS_NAMES, TASK_NAMES

COLOURS = {"cross_entropy": "#0072B2", "focal": "#D55E00", "train": "#555555", "val": "#009E73"}  # Okabe-Ito

sns.set_theme(
    context="paper",
    style="whitegrid",
    rc={"figure.dpi": 110, "figure.constrained_layout.use": True, "pdf.fonttype": 42, "axes.titlesize": 9},
)


def save(figure: Figure, name: str, folder: Path = paths.REPORT / "generated" / "figures") -> Path:
    """Writes <folder>/<name>.pdf, byte for byte the same for the same figure."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.pdf"
    figure.savefig(path, metadata={"CreationDate": None}, bbox_inches="tight")
    return path


def class_counts(counts: pd.DataFrame) -> Figure:
    """counts: images, classes in rows and splits in columns (Faces.counts())."""
    figure, axis = plt.subplots(figsize=(6, 2.6))
    counts.plot.barh(stacked=True, ax=axis, width=0.75, color=sns.color_palette("crest", counts.shape[1]))
    axis.invert_yaxis()
    axis.set(xlabel="images", ylabel="")
    axis.grid(axis="y", visible=False)
    for row, total in enumerate(counts.sum(axis=1)):
        axis.text(total, row, f" {total:,}", va="center", fontsize=8)
    axis.margins(x=0.1)
    figure.legend(*axis.get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=len(counts.T))
    axis.get_legend().remove()
    return figure


def contact_sheet(faces: Faces, columns: int = 10) -> Figure:
    """The first training faces of each class, one row a class in alphabetical order."""
    classes = sorted(faces.index["label"].unique())
    figure, axes = plt.subplots(len(classes), columns, figsize=(0.62 * columns + 0.8, 0.66 * len(classes)))
    for row, cls in zip(axes, classes, strict=True):
        chosen = faces.rows((cls,), ("Training",))[:columns]
        for axis, image in zip(row, faces.images[chosen], strict=False):
            _show(axis, image)
        for axis in row[len(chosen) :]:
            axis.set_axis_off()
        row[0].set_ylabel(cls, rotation=0, ha="right", va="center")
    return figure


def before_after(before: np.ndarray, after: np.ndarray, names: tuple[str, str]) -> Figure:
    """Two rows: images, and the same images treated. uint8, N×H×W[×3]."""
    figure, axes = plt.subplots(2, len(before), figsize=(0.75 * len(before) + 1, 1.7))
    for row, images, name in zip(axes, (before, after), names, strict=True):
        for axis, image in zip(row, images, strict=True):
            _show(axis, image)
        row[0].set_ylabel(name, rotation=0, ha="right", va="center")
    return figure


def _show(axis, image: np.ndarray) -> None:
    axis.imshow(image, cmap="gray", vmin=0, vmax=255)
    axis.set(xticks=[], yticks=[])
    axis.grid(False)


def overfitting(histories: dict[str, pd.DataFrame]) -> Figure:
    """Train against validation accuracy an epoch, one panel an entry; a band of ±1 sd where there are seeds.

    histories: title → rows of Results.history. A dotted line marks the epoch where the curves part.
    """
    figure, axes = plt.subplots(1, len(histories), figsize=(2.9 * len(histories), 2.6), squeeze=False, sharey=True)
    for axis, (title, history) in zip(axes[0], histories.items(), strict=True):
        for column, name in (("train", "training"), ("val", "validation")):
            curves = history.groupby("epoch")[f"{column}_accuracy"].agg(["mean", "std"]).fillna(0)
            axis.plot(curves.index, curves["mean"], color=COLOURS[column], label=name)
            low, high = curves["mean"] - curves["std"], curves["mean"] + curves["std"]
            axis.fill_between(curves.index, low, high, color=COLOURS[column], alpha=0.2, linewidth=0)
        if (epoch := parting_epoch(history)) is not None:
            axis.axvline(epoch, color="black", linestyle=":", linewidth=1)
            axis.annotate(f"part at {epoch}", (epoch, 0.05), xycoords=("data", "axes fraction"), xytext=(3, 0),
                          textcoords="offset points", fontsize=8)  # fmt: skip
        axis.set(title=title, xlabel="epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.yaxis.set_major_formatter(PercentFormatter(1))
    axes[0, 0].set_ylabel("accuracy")
    axes[0, 0].legend(frameon=False, loc="upper left")
    return figure


def confusion_matrices(matrices: dict[str, pd.DataFrame]) -> Figure:
    """Shares of each true class, in percent, with the images behind them. matrices: title → counts."""
    figure, axes = plt.subplots(1, len(matrices), figsize=(2.9 * len(matrices), 2.7), squeeze=False)
    for axis, (title, counts) in zip(axes[0], matrices.items(), strict=True):
        shares = counts.div(counts.sum(axis=1), axis=0) * 100
        sns.heatmap(shares, annot=True, fmt=".1f", cmap="Blues", vmin=0, vmax=100, cbar=False, square=True, ax=axis)
        axis.set(title=title, xlabel="predicted", ylabel="true" if axis is axes[0, 0] else "")
        axis.tick_params(axis="x", rotation=0)
        axis.tick_params(axis="y", rotation=0)
    return figure


def losses_by_class(scores: pd.DataFrame, reported: pd.DataFrame, metric: str) -> Figure:
    """A dot a seed, a bar for the mean, a hollow diamond for the reported value; classes across, losses beside.

    scores: rows (loss, class, value) of one task; reported: the same columns, empty where nothing is.
    """
    classes = list(dict.fromkeys(scores["class"]))
    figure, axis = plt.subplots(figsize=(1.5 + 1.1 * len(classes), 2.7))
    for shift, loss in ((-0.16, "cross_entropy"), (0.16, "focal")):
        ours, theirs = (frame[frame["loss"] == loss].groupby("class")["value"] for frame in (scores, reported))
        colour = COLOURS[loss]
        for x, cls in enumerate(classes):
            values = ours.get_group(cls)
            axis.plot(np.full(len(values), x + shift), values, "o", color=colour, alpha=0.5, markersize=4)
            axis.hlines(values.mean(), x + shift - 0.1, x + shift + 0.1, color=colour, linewidth=2)
            if cls in theirs.groups:
                axis.plot(
                    x + shift + 0.13, theirs.get_group(cls), "D", color=colour, fillstyle="none", markersize=5
                )
    axis.set(xticks=range(len(classes)), xticklabels=classes, ylabel=metric)
    axis.yaxis.set_major_formatter(PercentFormatter(1))
    axis.grid(axis="x", visible=False)
    handles = [plt.Line2D([], [], color=COLOURS[loss], marker="o", label=name) for loss, name in LOSS_NAMES.items()]
    if len(reported):
        handles.append(
            plt.Line2D([], [], color="black", marker="D", fillstyle="none", linestyle="", label="reported")
        )
    axis.legend(handles=handles, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return figure


def paired_seeds(scores: pd.DataFrame, reported: pd.DataFrame) -> Figure:
    """A line a seed from its cross-entropy to its focal run; a bar for the mean, a diamond for the reported value.

    scores: rows (task, loss, seed, value) of one metric; reported: (task, loss, value).
    """
    tasks = list(dict.fromkeys(scores["task"]))
    figure, axes = plt.subplots(1, len(tasks), figsize=(3.1 * len(tasks), 2.9), squeeze=False)
    for axis, task in zip(axes[0], tasks, strict=True):
        pairs = scores[scores["task"] == task].pivot_table(index="seed", columns="loss", values="value")
        axis.plot([0, 1], pairs[list(LOSS_NAMES)].T, color="#aaaaaa", linewidth=1)
        for x, loss in enumerate(LOSS_NAMES):
            axis.plot(np.full(len(pairs), x), pairs[loss], "o", color=COLOURS[loss], alpha=0.6, markersize=4)
            axis.hlines(pairs[loss].mean(), x - 0.12, x + 0.12, color=COLOURS[loss], linewidth=2.5)
            theirs = reported[(reported["task"] == task) & (reported["loss"] == loss)]["value"]
            axis.plot(np.full(len(theirs), x), theirs, "D", color="black", fillstyle="none", markersize=6)
        axis.set(title=TASK_NAMES.get(task, task), xticks=[0, 1], xticklabels=LOSS_NAMES.values(), xlim=(-0.4, 1.4))
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axis.grid(axis="x", visible=False)
    axes[0, 0].set_ylabel("test accuracy")
    handles = [
        plt.Line2D([], [], color="#aaaaaa", marker="o", label=f"one of {len(pairs)} seeds"),
        plt.Line2D([], [], color="black", linewidth=2.5, label="mean"),
        plt.Line2D([], [], color="black", marker="D", fillstyle="none", linestyle="", label="reported"),
    ]
    figure.legend(handles=handles, frameon=False, loc="outside lower center", ncols=3)
    return figure


def reliability_diagrams(curves: dict[str, pd.DataFrame]) -> Figure:
    """Accuracy against confidence, with the share of images in each bin below. curves: title → reliability."""
    figure, axes = plt.subplots(
        2,
        len(curves),
        figsize=(2.7 * len(curves), 3.2),
        height_ratios=(3, 1),
        sharex=True,
        sharey="row",
        squeeze=False,
    )
    for (upper, lower), (title, table) in zip(axes.T, curves.items(), strict=True):
        upper.plot([0, 1], [0, 1], color="#aaaaaa", linewidth=1, linestyle="--")
        upper.plot(table["confidence"], table["accuracy"], "o-", color=COLOURS["cross_entropy"], markersize=3)
        lower.bar(table["confidence"], table["images"] / table["images"].sum(), width=0.05, color="#bbbbbb")
        upper.set(title=title)
        lower.set(xlabel="confidence", xlim=(0, 1))
        for axis in (upper, lower):
            axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        lower.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes[0, 0].set_ylabel("accuracy")
    axes[1, 0].set_ylabel("images")
    return figure


def gallery(images: np.ndarray, captions: Sequence[str], columns: int = 8) -> Figure:
    """Faces with a caption of one or two short lines below each. images: uint8, N×H×W[×3]."""
    rows = -(-len(images) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(0.95 * columns, 1.25 * rows), squeeze=False)
    for axis in axes.flat[len(images) :]:
        axis.set_axis_off()
    for axis, image, caption in zip(axes.flat, images, captions, strict=False):
        _show(axis, image)
        axis.set_xlabel(caption, fontsize=7, labelpad=2)
    return figure
