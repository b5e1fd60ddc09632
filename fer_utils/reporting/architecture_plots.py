"""The networks drawn from their modules: what each stage hands to the next."""

import math
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from fer_utils.analysis.learning_stages import stage_shapes
from fer_utils.reporting.figures import COLOURS, styled
from fer_utils.reporting.latex import word

CLASSES = 4
DRAWN = ("cnn", "small_resnet", "resnet18", "efficientnet_b1", "vggface")
WIDEST, STEP = 0.55, 1.0  # of a box, and from one box to the next


@styled
def shapes(models: tuple[str, ...] = DRAWN) -> Figure:
    """One row per network: a box per stage, with the shape that it gives for one image.

    The height of a box grows with the side of its feature maps, the width with their number, both
    by the logarithm; a dense layer, which has no side, is a line.
    """
    stages = {model: stage_shapes(model, CLASSES) for model in models}
    longest = max(map(len, stages.values()))
    figure, axes = plt.subplots(len(models), 1, figsize=(6.4, 0.74 * len(models)))
    for axis, (model, found) in zip(axes.flat, stages.items(), strict=True):
        for position, (stage, shape) in enumerate(found.items()):
            _box(axis, position * STEP, stage, shape)
        axis.set(xlim=(-1.5, longest * STEP), ylim=(-0.55, 1.25))
        axis.text(-1.5, 0.5, word(model).replace(" (", "\n("), va="center", fontsize=8)
        axis.set_axis_off()
    return figure


def _box(axis: Axes, x: float, stage: str, shape: tuple[int, ...]) -> None:
    flat = len(shape) == 1
    width = WIDEST * math.log2(2 * shape[0]) / math.log2(2 * 4096)
    height = 0.9 if flat else math.log2(shape[1]) / math.log2(256)
    colour = COLOURS["focal"] if flat else COLOURS["cross_entropy"]
    width = 0.06 if flat else width
    looks: dict[str, Any] = {"facecolor": colour, "alpha": 0.35, "edgecolor": colour}
    axis.add_patch(Rectangle((x - width / 2, 0.5 - height / 2), width, height, **looks))
    size = f"{shape[0]:,}" if flat else f"{shape[0]:,} × {shape[1]}²"
    axis.text(x, -0.05 if flat else 0.44 - height / 2, size, ha="center", va="top", fontsize=7)
    top = 0.98 if flat else 0.55 + height / 2
    axis.text(x, top, stage, ha="center", va="bottom", fontsize=7, color="#444444")
