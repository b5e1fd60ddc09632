"""Figures that show the data, counts and faces; the style of all figures; and `save`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from fer_utils import paths
from fer_utils.data.dataset import Faces

COLOURS = {
    "cross_entropy": "#0072B2",
    "focal": "#D55E00",
    "train": "#555555",
    "val": "#009E73",
}  # Okabe-Ito

PALETTE = sns.color_palette("deep")
# also what is matplotlib's default: a user's matplotlibrc may say otherwise
THEME = {
    **sns.plotting_context("paper"),
    **sns.axes_style("whitegrid"),
    "axes.prop_cycle": plt.cycler(color=PALETTE),
    "patch.facecolor": PALETTE[0],
    # the report prints figures as large as they are, and no letter under 7 points
    "font.size": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "figure.dpi": 130,
    "pdf.fonttype": 3,
    "axes.titlesize": 8.5,
    "axes.titley": 1.0,  # else every layout measures the ticks again, to find room for titles
    "text.hinting": "none",
    "figure.max_open_warning": 50,  # the report opens all of its figures before it saves them
    "text.parse_math": False,  # a class may have a $ in its name
}
FRAME = 204  # the grey of the line around an image, so that a white one has an edge


@contextmanager
def style() -> Iterator[None]:
    """The style of our figures, while they are drawn and saved; then the caller's comes back.

    Not by plt.rc_context, which would undo that a notebook's backend becomes interactive meanwhile.
    """
    before = {name: plt.rcParams[name] for name in THEME}
    try:
        plt.rcParams.update(THEME)
        yield
    finally:
        plt.rcParams.update(before)


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Makes a function draw its figure in `style`, whatever the caller's settings are."""

    @wraps(draw)
    def wrapped(*args, **settings) -> Figure:
        with style():
            figure = draw(*args, **settings)
            # Once, here: as a setting of the figure, every drawing would lay it out anew. And ticks
            # take their looks where they are laid out first.
            ConstrainedLayoutEngine().execute(figure)
        return figure

    return wrapped


def save(figure: Figure, name: str, folder: Path = paths.REPORT / "generated" / "figures") -> Path:
    """Writes <folder>/<name>.pdf, byte for byte the same for the same figure."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.pdf"
    with style():
        # the area that "tight" would find by drawing the whole figure once more
        area = figure.get_tightbbox().padded(plt.rcParams["savefig.pad_inches"])
        # no date: build hashes these files to see whether they are still those that it wrote
        figure.savefig(path, metadata={"CreationDate": None}, bbox_inches=area)
    return path


@styled
def class_counts(counts: pd.DataFrame) -> Figure:
    """counts: images, classes in rows and splits in columns (Faces.counts())."""
    figure, axis = plt.subplots(figsize=(3.2, 2.4))
    colours = sns.color_palette("crest", counts.shape[1])
    counts.plot.barh(stacked=True, ax=axis, width=0.75, color=colours, legend=False)
    # barh begins at the bottom, and the first class belongs on top
    axis.invert_yaxis()
    axis.set(xlabel="images", ylabel="")
    axis.grid(axis="y", visible=False)
    for row, total in enumerate(counts.sum(axis=1)):
        axis.text(total, row, f" {total:,}", va="center", fontsize=7)
    # room for the sums, which are written beyond the bars' ends
    axis.margins(x=0.16)
    figure.legend(
        # below the axes: inside, it could lie over the bars
        *axis.get_legend_handles_labels(),
        frameon=False,
        loc="outside lower center",
        ncols=len(counts.T),
    )
    return figure


@styled
def contact_sheet(faces: Faces, columns: int = 6) -> Figure:
    """The first training faces of each class, one row per class in alphabetical order."""
    classes = sorted(faces.index["label"].unique())
    chosen = [faces.rows((cls,), ("Training",))[:columns] for cls in classes]
    return _named_rows([faces.images[rows] for rows in chosen], classes)


@styled
def before_after(before: np.ndarray, after: np.ndarray, names: tuple[str, str]) -> Figure:
    """Two rows: images, and the same images treated. uint8, N×H×W[×3]."""
    return _named_rows([before, after], names)


def _named_rows(rows: Sequence[np.ndarray], names: Sequence[str]) -> Figure:
    figure, axis = plt.subplots(figsize=(0.42 * max(map(len, rows)) + 0.8, 0.45 * len(rows)))
    _, centres = _show(axis, rows)
    axis.set(yticks=centres, yticklabels=names)
    return figure


@styled
def gallery(images: np.ndarray, captions: Sequence[str], columns: int = 8) -> Figure:
    """Faces with a caption of one or two short lines below each. images: uint8, N×H×W[×3]."""
    rows = [images[start : start + columns] for start in range(0, len(images), columns)]
    figure, axis = plt.subplots(figsize=(0.8 * columns, 1.06 * len(rows)))
    xs, ys = _show(axis, rows, below=0.4)
    half = images.shape[1] / 2 + 1
    for position, caption in enumerate(captions):
        row, column = divmod(position, columns)
        # in points: how large a pixel of the picture is drawn depends on how many images there are
        axis.annotate(caption, (xs[column], ys[row] + half), (0, -3), textcoords="offset points",
                      ha="center", va="top", fontsize=7)  # fmt: skip
    return figure


@styled
def sentence(text: str) -> Figure:
    """A sentence in the place of a picture that there is not."""
    figure, axis = plt.subplots(figsize=(6.0, 0.4))
    axis.set_axis_off()
    axis.text(0, 0.5, text, va="center", fontsize=9)
    return figure


def _show(
    axis: Axes, rows: Sequence[np.ndarray], below: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Shows rows of images; returns x of the columns' centres and y of the rows' centres.

    below: room for captions under each row, in heights of an image. All is one picture, since an
    axis for each image would take ten times as long to draw.
    """
    columns, (height, width) = max(map(len, rows)), rows[0].shape[1:3]
    gap = 1 + width // 12
    down, right = height + 2 + gap + round(below * height), width + 2 + gap
    strips = []
    for images in rows:
        colours = [(0, 0)] * (images.ndim - 3)
        framed = np.pad(images, [(0, 0), (1, 1), (1, 1), *colours], constant_values=FRAME)
        room = [(0, columns - len(images)), (0, down - height - 2), (0, gap), *colours]
        strips.append(np.concatenate(list(np.pad(framed, room, constant_values=255)), axis=1))
    picture = np.vstack(strips)
    # the full range: by default the darkest and the brightest pixel would become black and white
    axis.imshow(picture[:-gap, :-gap], cmap="gray", vmin=0, vmax=255)
    axis.set(xticks=[], yticks=[])
    axis.grid(False)
    axis.spines[:].set_visible(False)
    centre = np.array([width + 1, height + 1]) / 2
    return np.arange(columns) * right + centre[0], np.arange(len(rows)) * down + centre[1]
