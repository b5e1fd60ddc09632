"""What preprocessing makes of a face, and how many test images have a copy in training."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from fer_utils.data.dataset import TEST_SPLITS
from fer_utils.reporting.figures import COLOURS, styled


@styled
def preparation(steps: dict[str, np.ndarray]) -> Figure:
    """A face after each step of its preparation, and the distribution of its values below.

    Parameters
    ----------
    steps
        Title → values, H×W.
    """
    figure, axes = plt.subplots(
        2, len(steps), figsize=(1.75 * len(steps), 3.0), squeeze=False, height_ratios=(1.6, 1)
    )
    for (picture, histogram), (title, values) in zip(axes.T, steps.items(), strict=True):
        # each with its own darkest and brightest value: normalised, they lie below 0 and above
        picture.imshow(values, cmap="gray")
        picture.set(title=title, xticks=[], yticks=[])
        picture.set_xlabel(f"{values.shape[0]}×{values.shape[1]}", fontsize=8)
        picture.grid(False)
        histogram.hist(np.ravel(values), bins=24, color=COLOURS["train"])
        histogram.set(yticks=[])
        histogram.tick_params(labelsize=7)
        histogram.grid(axis="y", visible=False)
    axes[1, 0].set_ylabel("pixels")
    return figure


def leaked(copies: pd.DataFrame, counts: pd.DataFrame) -> pd.Series:
    """The share of each class's test images, 0..1, that have a copy outside the test splits.

    Parameters
    ----------
    copies
        `audit.grouped`.
    counts
        Images of each class (rows) and split (columns).
    """
    test = [split for split in counts if split in TEST_SPLITS]
    found = copies[copies["leaked"] & copies["split"].isin(test)]["label"].value_counts()
    return found.reindex(counts.index, fill_value=0) / counts[test].sum(axis=1)


@styled
def leaks(shares: pd.DataFrame) -> Figure:
    """Test images that have a copy in training, in percent of the class, a bar for each kind.

    Parameters
    ----------
    shares
        Classes in rows, kinds of copies in columns, 0..1: `leaked` of each kind.
    """
    figure, axis = plt.subplots(figsize=(6.2, 2.5))
    colours = [COLOURS["cross_entropy"], COLOURS["focal"]][: shares.shape[1]]
    shares.plot.bar(ax=axis, color=colours, width=0.75, legend=False, rot=0)
    axis.set(xlabel="", ylabel="share of test images")
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axis.grid(axis="x", visible=False)
    handles = axis.get_legend_handles_labels()
    figure.legend(*handles, frameon=False, loc="outside lower center", ncols=shares.shape[1])
    return figure
