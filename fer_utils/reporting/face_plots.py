"""Faces with what networks answer: a bar for each class beneath each face."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from fer_utils.evaluation import corruptions
from fer_utils.evaluation.metrics import probabilities as softmax
from fer_utils.inference.predictor import Predictor
from fer_utils.reporting.figures import COLOURS, styled

BARS = (COLOURS["cross_entropy"], COLOURS["focal"])


@styled
def answers(
    images: np.ndarray,
    probabilities: Mapping[str, np.ndarray],
    classes: Sequence[str],
    captions: Sequence[str],
    labels: Sequence[str] | None = None,
) -> Figure:
    """Faces in a row, and beneath each the probability of every class.

    Parameters
    ----------
    images
        uint8, N×H×W[×3].
    probabilities
        Of one or two networks by name: N×classes, 0..1. Two have a legend.
    captions
        One above each face, of one or two short lines.
    labels
        The label of each image: a grey band lies behind that class. None: no band.
    """
    n, networks = len(images), len(probabilities)
    height = 0.11 * len(classes) * (1 + 0.3 * networks) + 0.2
    figure, axes = plt.subplots(
        *(2, n), figsize=(0.95 * n + 0.8, 1.15 + height), height_ratios=(1, height), squeeze=False
    )
    places, thick = np.arange(len(classes)), 0.8 / networks
    for column, (upper, lower) in enumerate(axes.T):
        upper.imshow(images[column], cmap="gray", vmin=0, vmax=255)
        upper.set_axis_off()
        upper.set_title(captions[column], fontsize=7)
        for i, ((name, values), colour) in enumerate(
            zip(probabilities.items(), BARS, strict=False)
        ):
            offset = (i - (networks - 1) / 2) * thick
            lower.barh(places + offset, values[column], thick, color=colour, label=name)
        lower.set(xlim=(0, 1), xticks=[0, 1], xticklabels=["0", "1"])
        lower.set(yticks=places, ylim=(len(classes) - 0.5, -0.5))  # the first class on top
        # beside the first face alone the classes have their names
        lower.set_yticklabels([] if column else classes, fontsize=7)
        lower.tick_params("x", labelsize=6)
        lower.grid(axis="y", visible=False)
        if labels is not None:
            place = list(classes).index(labels[column])
            lower.axhspan(place - 0.45, place + 0.45, color="#dddddd", zorder=0, linewidth=0)
    if networks > 1:
        names = axes[1, 0].get_legend_handles_labels()
        figure.legend(*names, frameon=False, loc="outside lower center", ncols=2, fontsize=7)
    return figure


def worse(
    network: Predictor, image: np.ndarray, blur: float = 0, noise: float = 0, degrees: float = 0
) -> Figure:
    """A face beside a worse copy of it, with the network's probabilities beneath.

    Parameters
    ----------
    image
        uint8, of the side and channels that the network takes.
    blur
        Standard deviation in 48ths of the side.
    noise
        Standard deviation in grey levels.
    degrees
        To which it is turned.
    """
    images, rng = image[None], np.random.default_rng(0)  # the same noise whatever is moved
    turned = corruptions.rotate(images, degrees, rng)
    worse = corruptions.add_noise(corruptions.blur(turned, blur, rng), noise, rng)
    both = np.concatenate([images, worse])
    captions = ["as it is", f"blur {blur:g}, noise {noise:g},\n{degrees:g} degrees"]
    p = {"network": softmax(network.logits(both))}
    return answers(both, p, network.classes, captions)
