"""Figures that show the data: counts and faces; the style of all figures; `save`, one id for file and text."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from fer_utils import paths
from fer_utils.data.dataset import Faces

COLOURS = {
    "cross_entropy": "#0072B2",
    "focal": "#D55E00",
    "train": "#555555",
    "val": "#009E73",
}  # Okabe-Ito

PALETTE = sns.color_palette("deep")
THEME = {
    **sns.plotting_context("paper"),
    **sns.axes_style("whitegrid"),
    "axes.prop_cycle": plt.cycler(color=PALETTE),
    "patch.facecolor": PALETTE[0],
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "pdf.fonttype": 42,
    "axes.titlesize": 9,
    "text.parse_math": False,  # a class may have a $ in its name
}
_styled = False  # whether `style` holds now


@contextmanager
def style() -> Iterator[None]:
    """The style of our figures, while they are drawn and saved; then the caller's comes back.

    Not by plt.rc_context, which would undo that a notebook's backend becomes interactive meanwhile.
    """
    global _styled
    before, outer = {name: plt.rcParams[name] for name in THEME}, _styled
    _styled = True
    try:
        plt.rcParams.update(THEME)
        yield
    finally:
        plt.rcParams.update(before)
        _styled = outer


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Makes a function draw its figure in `style`, whatever the caller's settings are."""

    @wraps(draw)
    def wrapped(*args, **settings) -> Figure:
        later = _styled  # the caller holds the style until the figure is saved
        with style():
            figure = draw(*args, **settings)
            if not later:  # ticks take their looks where they are laid out first: here, not later
                figure.draw_without_rendering()
        return figure

    return wrapped


def save(figure: Figure, name: str, folder: Path = paths.REPORT / "generated" / "figures") -> Path:
    """Writes <folder>/<name>.pdf, byte for byte the same for the same figure."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.pdf"
    with style():
        figure.savefig(path, metadata={"CreationDate": None}, bbox_inches="tight")
    return path


@styled
def class_counts(counts: pd.DataFrame) -> Figure:
    """counts: images, classes in rows and splits in columns (Faces.counts())."""
    figure, axis = plt.subplots(figsize=(6, 2.6))
    counts.plot.barh(
        stacked=True, ax=axis, width=0.75, color=sns.color_palette("crest", counts.shape[1])
    )
    axis.invert_yaxis()
    axis.set(xlabel="images", ylabel="")
    axis.grid(axis="y", visible=False)
    for row, total in enumerate(counts.sum(axis=1)):
        axis.text(total, row, f" {total:,}", va="center", fontsize=8)
    axis.margins(x=0.1)
    figure.legend(
        *axis.get_legend_handles_labels(),
        frameon=False,
        loc="outside lower center",
        ncols=len(counts.T),
    )
    axis.get_legend().remove()
    return figure


@styled
def contact_sheet(faces: Faces, columns: int = 10) -> Figure:
    """The first training faces of each class, one row a class in alphabetical order."""
    classes = sorted(faces.index["label"].unique())
    figure, axes = plt.subplots(
        len(classes), columns, figsize=(0.62 * columns + 0.8, 0.66 * len(classes))
    )
    for row, cls in zip(axes, classes, strict=True):
        chosen = faces.rows((cls,), ("Training",))[:columns]
        for axis, image in zip(row, faces.images[chosen], strict=False):
            _show(axis, image)
        for axis in row[len(chosen) :]:
            axis.set_axis_off()
        row[0].set_ylabel(cls, rotation=0, ha="right", va="center")
    return figure


@styled
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


@styled
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
