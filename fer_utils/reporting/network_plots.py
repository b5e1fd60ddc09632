"""Pictures of what is inside a network: shapes, filters, feature maps, stages, learning rates."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter
from torch import Tensor

from fer_utils.analysis import learning_stages
from fer_utils.models.network import Network
from fer_utils.reporting.figures import COLOURS, styled
from fer_utils.reporting.latex import word
from fer_utils.training.schedules import SCHEDULES, lr_factor


@torch.no_grad()
def stage_outputs(network: Network, image: np.ndarray) -> dict[str, Tensor]:
    """What the network is given and what each of its stages makes of it, in evaluation mode.

    Parameters
    ----------
    image
        uint8, H×W.

    Returns
    -------
    dict
        "input" and the names of the stages → float C×H×W, or C where no picture is left.
    """
    images = torch.from_numpy(np.array(image))[None, None]
    found = {"input": network.preprocess(images)} | learning_stages.outputs(network, images)
    return {name: output[0] for name, output in found.items()}


@styled
def pictures(steps: Mapping[str, Tensor]) -> Figure:
    """One map after each step, side by side, each with its own darkest and brightest value.

    Parameters
    ----------
    steps
        Title → float, 1×1×height×width.
    """
    figure, axes = plt.subplots(1, len(steps), figsize=(1.75 * len(steps), 2.1))
    for axis, (title, values) in zip(axes, steps.items(), strict=True):
        height, width = values.shape[2:]
        axis.imshow(values[0, 0].numpy(), cmap="gray")
        axis.set(title=title, xticks=[], yticks=[])
        axis.set_xlabel(f"{height}×{width}", fontsize=8)
        axis.grid(False)
    return figure


@styled
def shapes(outputs: Mapping[str, Tensor]) -> Figure:
    """A network as the shapes that its stages hand on, from left to right.

    A stack of squares stands for maps, and a bar for a list of numbers; both are written below. A
    square's side grows with the square root of the maps' side, or small maps would be dots.

    Parameters
    ----------
    outputs
        `stage_outputs`.
    """
    figure, axis = plt.subplots(figsize=(7.2, 2.3))
    x = 0.0
    widest = max(values.shape[-1] for values in outputs.values() if values.ndim == 3)
    unit, colours = 30 / widest**0.5, plt.get_cmap("crest")(np.linspace(0.1, 0.8, len(outputs)))
    for (name, values), colour in zip(outputs.items(), colours, strict=True):
        maps = values.shape[0]
        # what stands behind the foremost square, more of it where there are more maps
        behind = 0 if maps < 4 else 2 * round(np.log2(maps))
        side = unit * values.shape[-1] ** 0.5 if values.ndim == 3 else 0
        width, height = (side, side) if side else (2, 4 * np.log2(maps))
        for depth in range(behind if side else 0, -1, -2):
            corner = (x + depth * 0.5, depth * 0.5 - height / 2)
            axis.add_patch(Rectangle(corner, width, height, fc=colour, ec="white", lw=0.6))
        middle, size = x + width / 2, "×".join(map(str, values.shape))
        axis.text(middle, 22, word(name), ha="center", fontsize=8)
        axis.text(middle, -24, size, ha="center", fontsize=8)
        x += max(width + behind * 0.5, 12) + 7
    axis.set(xlim=(-4, x), ylim=(-27, 27), aspect="equal")
    axis.set_axis_off()
    return figure


@styled
def filters(layers: Mapping[str, Tensor], columns: int = 16) -> Figure:
    """Filters of a first layer, one panel above the other.

    Of one channel: blue weights are negative, red ones positive, white is 0. Of three channels: as
    a colour picture, each filter from its least to its greatest weight.

    Parameters
    ----------
    layers
        Title → float, filters×channels×height×width.
    """
    tiles = {title: _tiles(_visible(weights), columns) for title, weights in layers.items()}
    most = max(weights.abs().max().item() for weights in layers.values())
    heights = [len(picture) for picture in tiles.values()]
    scale = 7 / max(picture.shape[1] for picture in tiles.values())
    figure, axes = plt.subplots(
        *(len(tiles), 1), figsize=(7, scale * sum(heights) + 0.5), height_ratios=heights
    )
    for axis, (title, picture) in zip(axes, tiles.items(), strict=True):
        axis.imshow(picture, cmap="RdBu_r", vmin=-most, vmax=most)  # colours have their own scale
        axis.set(xticks=[], yticks=[], ylabel=title)
        axis.grid(False)
        axis.spines[:].set_visible(False)
    return figure


@styled
def feature_maps(outputs: Mapping[str, Tensor], count: int = 10) -> Figure:
    """The first maps of each stage for one face, a row for each stage; bright is a large value.

    Parameters
    ----------
    outputs
        `stage_outputs`; what is no picture is left out.
    count
        Maps of each stage.
    """
    rows = {name: values[:count].numpy() for name, values in outputs.items() if values.ndim == 3}
    figure, axes = plt.subplots(
        len(rows), count, figsize=(0.68 * count, 0.74 * len(rows)), squeeze=False
    )
    for line, (name, maps) in zip(axes, rows.items(), strict=True):
        for axis in line:
            axis.set_axis_off()
        for axis, values in zip(line, maps, strict=False):
            axis.imshow(values, cmap="gray")  # each with its own range
        line[0].set_title(f"{word(name)}, {maps.shape[1]}×{maps.shape[2]}", loc="left", fontsize=8)
    return figure


@styled
def learning_rates(epochs: int = 10, steps_per_epoch: int = 20) -> Figure:
    """The learning rate over a training, as a share of its highest value, one line per schedule."""
    steps = epochs * steps_per_epoch
    figure, axis = plt.subplots(figsize=(5.2, 2.4))
    for name in SCHEDULES:
        # a loss that falls for two epochs and then stays, which is what `plateau` waits for
        factors = [
            lr_factor(name, step, steps, [1.0, 0.9, *[0.9] * epochs][: step // steps_per_epoch])
            for step in range(steps)
        ]
        axis.plot(np.arange(steps) / steps_per_epoch, factors, label=name.replace("_", "-"))
    axis.set(xlabel="epochs", ylabel="share of the highest rate")
    axis.yaxis.set_major_formatter(PercentFormatter(1))
    figure.legend(*axis.get_legend_handles_labels(), frameon=False, loc="outside right center")
    return figure


@styled
def parameters(networks: Mapping[str, Network], learning: Mapping[str, Sequence[str]]) -> Figure:
    """The parameters of every stage as shares of its network; coloured stages learn, grey do not.

    Parameters
    ----------
    networks
        Title → network.
    learning
        Title → names of the stages that learn.
    """
    figure, axis = plt.subplots(figsize=(6.6, 0.42 * len(networks) + 0.9))
    for y, (title, network) in enumerate(networks.items()):
        counts = stage_sizes(network)
        left = 0.0
        for name, share in (counts / counts.sum()).items():
            colour = COLOURS["focal"] if name in learning[title] else "#bbbbbb"
            axis.barh(y, share, left=left, color=colour, edgecolor="white")
            if share > 0.08:  # narrower than its name
                axis.text(left + share / 2, y, name, ha="center", va="center", fontsize=7)
            left += share
        axis.text(1.01, y, f"{counts.sum() / 1e6:.1f} M", va="center", fontsize=8)
    axis.set(yticks=range(len(networks)), yticklabels=networks, xlim=(0, 1.1))
    axis.xaxis.set_major_formatter(PercentFormatter(1))
    axis.set_xticks(np.linspace(0, 1, 6))
    axis.invert_yaxis()
    axis.grid(False)
    axis.set_xlabel("share of the parameters, from stem to head")
    return figure


def stage_sizes(network: Network) -> pd.Series:
    """How many parameters each stage has, by its name."""
    sizes = {
        name: sum(p.numel() for p in network.stage(name).parameters()) for name in network.stages
    }
    return pd.Series(sizes)


def change(network: Network, start: Network) -> pd.Series:
    """By stage: the length of the change of its parameters, as a share of their length."""
    shares = {}
    for name in network.stages:
        now, then = (
            torch.cat([p.detach().flatten() for p in each.stage(name).parameters()])
            for each in (network, start)
        )
        shares[name] = ((now - then).norm() / then.norm()).item()
    return pd.Series(shares)


def drift(network: Network, start: Network) -> pd.Series:
    """How far the running means of batch normalisation have moved, by stage.

    The mean over a stage's maps of the distance between the two networks' running means, in
    standard deviations of the map (those of `start`). Stages without any are left out.
    """
    distances = {}
    for name in network.stages:
        now, then = (each.stage(name).state_dict() for each in (network, start))
        moved = [
            # the variance's name differs in this one word; a tiny one would make any move large
            (now[key] - mean).abs() / (then[key.replace("_mean", "_var")] + 1e-5).sqrt()
            for key, mean in then.items()
            if key.endswith("running_mean")
        ]
        if moved:
            distances[name] = torch.cat(moved).mean().item()
    return pd.Series(distances)


@styled
def by_stage(values: pd.DataFrame, what: str, log: bool = False) -> Figure:
    """A bar for each stage of a network, from stem to head, in one colour for each case.

    Parameters
    ----------
    values
        Stages in rows, cases in columns.
    what
        What is measured: the label of the axis.
    log
        A logarithmic axis.
    """
    figure, axis = plt.subplots(figsize=(6.2, 2.5))
    colours = [COLOURS["cross_entropy"], COLOURS["focal"], COLOURS["val"]][: values.shape[1]]
    values.plot.bar(ax=axis, color=colours, width=0.75, legend=False, rot=0, logy=log)
    axis.set(xlabel="", ylabel=what)
    axis.grid(axis="x", visible=False)
    if values.shape[1] > 1:
        handles = axis.get_legend_handles_labels()
        figure.legend(*handles, frameon=False, loc="outside lower center", ncols=values.shape[1])
    return figure


def _visible(weights: Tensor) -> np.ndarray:
    """Filters as pictures: N×H×W of signed weights, or N×H×W×3 of colours in 0..1."""
    if weights.shape[1] == 1:
        return weights[:, 0].numpy()
    low, high = (end(weights, dim=(1, 2, 3), keepdim=True) for end in (torch.amin, torch.amax))
    return ((weights - low) / (high - low)).permute(0, 2, 3, 1).numpy()


def _tiles(pictures: np.ndarray, columns: int) -> np.ndarray:
    """Pictures, N×H×W[×3], side by side in rows of so many, with white between them."""
    white = np.nan if pictures.ndim == 3 else 1.0
    # the last row is filled up, and each picture has a gap below and at its right
    gaps = [(0, -len(pictures) % columns), (0, 1), (0, 1), (0, 0)][: pictures.ndim]
    padded = np.pad(pictures, gaps, constant_values=white)
    rows = [padded[start : start + columns] for start in range(0, len(padded), columns)]
    return np.concatenate([np.concatenate(list(row), axis=1) for row in rows])
