"""Figures that show scores: curves, confusion, seeds, intervals, calibration. The style is that of figures."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from fer_utils.data.tasks import TASK_NAMES
from fer_utils.evaluation.metrics import METRIC_NAMES
from fer_utils.experiments.results import overfit_epoch
from fer_utils.reporting.figures import COLOURS, gallery, styled
from fer_utils.reporting.latex import word
from fer_utils.training.losses import LOSS_NAMES


@styled
def overfitting(histories: dict[str, pd.DataFrame]) -> Figure:
    """Train against validation accuracy an epoch, one panel an entry; a band of ±1 sd where there are seeds.

    histories: title → rows of Results.history. A dotted line marks the epoch where the curves part.
    """
    figure, axes = plt.subplots(
        1, len(histories), figsize=(2.9 * len(histories), 2.8), squeeze=False, sharey=True
    )
    for axis, (title, history) in zip(axes[0], histories.items(), strict=True):
        for column, name in (("train", "training"), ("val", "validation")):
            curves = history.groupby("epoch")[f"{column}_accuracy"].agg(["mean", "std"]).fillna(0)
            axis.plot(curves.index, curves["mean"], color=COLOURS[column], label=name)
            low, high = curves["mean"] - curves["std"], curves["mean"] + curves["std"]
            axis.fill_between(
                curves.index, low, high, color=COLOURS[column], alpha=0.2, linewidth=0
            )
        if (epoch := overfit_epoch(history)) is not None:
            axis.axvline(epoch, color="black", linestyle=":", linewidth=1)
            axis.annotate(f"part at {epoch}", (epoch, 0.05), xycoords=("data", "axes fraction"), xytext=(3, 0),
                          textcoords="offset points", fontsize=8)  # fmt: skip
        axis.set(title=title, xlabel="epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.yaxis.set_major_formatter(PercentFormatter(1))
    axes[0, 0].set_ylabel("accuracy")
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), frameon=False, loc="outside lower center", ncols=2
    )
    return figure


@styled
def confusion_matrices(matrices: dict[str, pd.DataFrame]) -> Figure:
    """Shares of each true class, in percent; of two matrices also the difference, in points.

    matrices: title → counts, true classes in rows and predicted ones in columns.
    """
    shares = {
        title: counts.div(counts.sum(axis=1), axis=0) * 100 for title, counts in matrices.items()
    }
    panels = [
        (title, share, ".1f", {"cmap": "Blues", "vmin": 0, "vmax": 100})
        for title, share in shares.items()
    ]
    if len(shares) == 2:
        (first, a), (second, b) = shares.items()
        most = (b - a).abs().to_numpy().max()
        panels.append(
            (f"{second} − {first}", b - a, "+.1f", {"cmap": "RdBu_r", "vmin": -most, "vmax": most})
        )
    figure, axes = plt.subplots(1, len(panels), figsize=(2.6 * len(panels), 2.5), squeeze=False)
    for axis, (title, values, digits, colours) in zip(axes[0], panels, strict=True):
        sns.heatmap(values, annot=True, fmt=digits, cbar=False, square=True, ax=axis, **colours)
        axis.set(title=title, xlabel="predicted", ylabel="true" if axis is axes[0, 0] else "")
        axis.tick_params(axis="x", rotation=0)
        axis.tick_params(axis="y", rotation=0)
    return figure


@styled
def paired_seeds(scores: pd.DataFrame, reported: pd.DataFrame, by: str = "task") -> Figure:
    """A line a seed from its cross-entropy to its focal run; a bar for the mean, a diamond for the reported value.

    A panel a value of the column `by` (task or class). scores: rows (by, loss, seed, value) of one metric;
    reported: (by, loss, value).
    """
    panels = list(dict.fromkeys(scores[by]))
    both = {
        panel: group.pivot_table(index="seed", columns="loss", values="value")
        for panel, group in scores.groupby(by)
    }
    seeds = {panel: len(pairs.dropna()) for panel, pairs in both.items()}
    alike = len(set(seeds.values())) == 1  # else each panel has its own number in its title
    seed = f"one of {seeds[panels[0]]} seeds" if alike else "one seed"
    wide = 3.1 if len(panels) < 3 else 1.8
    figure, axes = plt.subplots(
        1, len(panels), figsize=(wide * len(panels), 2.9), squeeze=False, sharey=by == "class"
    )
    for axis, panel in zip(axes[0], panels, strict=True):
        pairs = both[panel]
        axis.plot([0, 1], pairs[list(LOSS_NAMES)].T, color="#aaaaaa", linewidth=1)
        for x, loss in enumerate(LOSS_NAMES):
            axis.plot(
                np.full(len(pairs), x),
                pairs[loss],
                "o",
                color=COLOURS[loss],
                alpha=0.6,
                markersize=4,
            )
            axis.hlines(pairs[loss].mean(), x - 0.12, x + 0.12, color=COLOURS[loss], linewidth=2.5)
            theirs = reported[(reported[by] == panel) & (reported["loss"] == loss)]["value"]
            axis.plot(
                np.full(len(theirs), x), theirs, "D", color="black", fillstyle="none", markersize=6
            )
        title = TASK_NAMES.get(panel, panel) + ("" if alike else f", {_counted(seeds[panel])}")
        axis.set(title=title, xticks=[0, 1], xticklabels=LOSS_NAMES.values(), xlim=(-0.5, 1.5))
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axis.grid(axis="x", visible=False)
    axes[0, 0].set_ylabel(f"{word(scores['metric'].iloc[0])} on test")
    handles = [
        plt.Line2D([], [], color="#aaaaaa", marker="o", label=seed),
        plt.Line2D([], [], color="black", linewidth=2.5, label="mean"),
        plt.Line2D(
            [], [], color="black", marker="D", fillstyle="none", linestyle="", label="reported"
        ),
    ]
    figure.legend(handles=handles, frameon=False, loc="outside lower center", ncols=3)
    return figure


def _counted(seeds: int) -> str:
    return f"{seeds} seed" if seeds == 1 else f"{seeds} seeds"


@styled
def forest(gains: pd.DataFrame, reported: pd.Series) -> Figure:
    """Focal minus cross-entropy in points, with 95 % intervals over seeds; a panel a metric, a row a protocol.

    gains: loss_comparison.gains_by_protocol; reported: the difference in report A, 0..1, by (metric, task).
    """
    metrics = list(dict.fromkeys(gains["metric"]))
    rows = (
        gains[["protocol", "task"]]
        .drop_duplicates()
        .sort_values(["task", "protocol"], ascending=[True, False])
    )
    names = [tuple(row) for row in rows.itertuples(index=False)]
    figure, axes = plt.subplots(
        1,
        len(metrics),
        figsize=(6.6, 0.36 * len(names) + 1.0),
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for axis, metric in zip(axes[0], metrics, strict=True):
        cells = gains[gains["metric"] == metric].set_index(["protocol", "task"])
        for y, name in enumerate(names):
            cell = cells.loc[name]
            axis.plot([cell["low"] * 100, cell["high"] * 100], [y, y], color="black", linewidth=1.5)
            axis.plot(cell["mean"] * 100, y, "s", color="black", markersize=5)
            if name[0].startswith("report A") and (metric, name[1]) in reported:
                axis.plot(
                    reported[metric, name[1]] * 100,
                    y,
                    "D",
                    color=COLOURS["focal"],
                    fillstyle="none",
                )
        axis.axvline(0, color="#888888", linewidth=1, linestyle="--")
        axis.set_title(METRIC_NAMES[metric])
        axis.grid(axis="y", visible=False)
    figure.supxlabel("focal − cross-entropy, points", fontsize=9)
    labels = [
        f"{word(task)}, {protocol} (n = {_seeds(gains, protocol, task)})"
        for protocol, task in names
    ]
    axes[0, 0].set(yticks=range(len(names)), yticklabels=labels, ylim=(-0.6, len(names) - 0.4))
    return figure


def _seeds(gains: pd.DataFrame, protocol: str, task: str) -> int:
    return gains.loc[(gains["protocol"] == protocol) & (gains["task"] == task), "n"].iloc[0]


@styled
def gammas(accuracy: pd.DataFrame, calibration: pd.DataFrame) -> Figure:
    """Test accuracy, and calibration error before and after temperature scaling, against focal loss's exponent.

    A dot per seed, a line through the means. accuracy: rows (gamma, value); calibration: its `calibrations`.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.2, 2.5))
    _dots_and_means(left, accuracy["gamma"], accuracy["value"], COLOURS["focal"], None)
    _dots_and_means(right, calibration["gamma"], calibration["ece"], COLOURS["focal"], "raw")
    _dots_and_means(
        right,
        calibration["gamma"],
        calibration["ece_scaled"],
        COLOURS["val"],
        "after temperature scaling",
    )
    left.set(xlabel="γ", ylabel="accuracy on test")
    right.set(xlabel="γ", ylabel="ECE on test")
    right.legend(frameon=False)
    for axis in (left, right):
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure


def _dots_and_means(axis, x: pd.Series, y: pd.Series, colour: str, label: str | None) -> None:
    axis.plot(x, y, "o", color=colour, alpha=0.4, markersize=4)
    means = y.groupby(x).mean()
    axis.plot(means.index, means, color=colour, label=label)


@styled
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
        upper.plot(
            table["confidence"],
            table["accuracy"],
            "o-",
            color=COLOURS["cross_entropy"],
            markersize=3,
        )
        lower.bar(
            table["confidence"],
            table["images"] / table["images"].sum(),
            width=0.05,
            color="#bbbbbb",
        )
        upper.set(title=title)
        lower.set(xlabel="confidence", xlim=(0, 1))
        for axis in (upper, lower):
            axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        lower.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes[0, 0].set_ylabel("accuracy")
    axes[1, 0].set_ylabel("images")
    return figure


def of_run(
    confusion: pd.DataFrame,
    images: np.ndarray,
    labels: np.ndarray,
    logits: np.ndarray,
    shown: int = 16,
) -> dict:
    """The confusion matrix, and `shown` of the test images with what was predicted: matplotlib figures by name.

    confusion: counts, true classes in rows; images: uint8, N×H×W[×3]; labels: int, N; logits: N×classes.
    """
    chosen = np.linspace(0, len(labels) - 1, min(shown, len(labels))).astype(int)
    classes = list(confusion.columns)
    predicted = logits.argmax(1)
    captions = [f"{classes[predicted[row]]},\nlabel {classes[labels[row]]}" for row in chosen]
    return {
        "confusion": confusion_matrices({"test": confusion}),
        "samples": gallery(images[chosen], captions),
    }
