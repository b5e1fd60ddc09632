"""Pictures of the model card: answers by expression, accuracy against coverage, other pictures.

None shows a photograph: the people in the data set were not asked.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from fer_utils import io
from fer_utils.data.synthetic import EXPRESSIONS, portrait
from fer_utils.evaluation.metrics import probabilities
from fer_utils.reporting import figures
from fer_utils.reporting.figures import COLOURS, styled

BLUE, GREEN = COLOURS["cross_entropy"], COLOURS["val"]
WHO = 15  # whose face stands for the expressions: a drawn one that is easy to read


@styled
def expressions(
    scores: pd.DataFrame, confusion: pd.DataFrame, people: pd.Series | None = None
) -> Figure:
    """Of each expression: a drawn face, the share that is named rightly, the most frequent error.

    Parameters
    ----------
    scores
        `exported.scores` of one task.
    confusion
        Counts, true class in rows.
    people
        By class, the share of images on which most people see the label, 0..1.
    """
    recall = scores[scores["metric"] == "recall"].set_index("class")
    recall = recall.sort_values("value", ascending=False, kind="stable")
    figure, axis = plt.subplots(figsize=(7.4, 3.0))
    places, values = np.arange(len(recall)), recall["value"]
    axis.bar(places, values, 0.62, color=BLUE, label="the network names it (95 % interval)")
    reach = [values - recall["low"], recall["high"] - values]
    axis.errorbar(places, values, reach, fmt="none", ecolor="black", capsize=2, linewidth=1)
    if people is not None:
        seen = people.reindex(recall.index)
        (points,) = axis.plot(places, seen, "D", color=COLOURS["focal"], markeredgecolor="white")
        points.set_label("the most frequent answer of ten people (FER+)")
    names = []
    for place, (name, value) in enumerate(values.items()):
        shares = confusion.loc[name] / max(confusion.loc[name].sum(), 1)
        wrong = shares.drop(name).idxmax()
        names.append(f"{name} {value:.0%}\nelse {wrong} {shares[wrong]:.0%}")
        if name in EXPRESSIONS:
            _face(axis, place, portrait(EXPRESSIONS[name], WHO))
    axis.set(xticks=places, ylim=(0, 1), xlim=(-0.5, len(places) - 0.5))
    axis.set_xticklabels(names, fontsize=8)
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axis.set_ylabel("share of its test images")
    axis.grid(axis="x", visible=False)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return figure


def _face(axis, place: float, image: np.ndarray) -> None:
    """Above the axis, in data coordinates from side to side."""
    inset = axis.inset_axes((place - 0.46, 1.03, 0.92, 0.46), transform=axis.transData)
    inset.imshow(image, cmap="gray", vmin=0, vmax=255)
    inset.set_axis_off()


@styled
def abstention(curve: pd.DataFrame, at_targets: pd.DataFrame, suggested: float) -> Figure:
    """Accuracy against coverage on both splits, and who is left without an answer.

    Parameters
    ----------
    curve, at_targets
        `abstention.curve` and `abstention.at_targets`.
    suggested
        The threshold of the right panel.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.4, 2.7), width_ratios=(3, 2))
    for split, colour in (("validation", GREEN), ("test", BLUE)):
        line = curve[curve["split"] == split]
        left.plot(line["answered"], line["accuracy"], color=colour, label=split)
    of_test = at_targets[(at_targets["split"] == "test") & (at_targets["class"] == "")]
    left.plot(of_test["answered"], of_test["accuracy"], "o", color=BLUE, markersize=5)
    for row in of_test.itertuples():
        told = f"{row.threshold:.2f}" if row.threshold else "always"
        at = (row.answered, row.accuracy)
        left.annotate(told, at, (4, 4), textcoords="offset points", fontsize=8)
    left.set(xlabel="images that are answered", ylabel="of these right", xlim=(0, 1.17))
    left.set_title("points: thresholds of confidence")
    left.legend(loc="lower left", frameon=False)
    classes = at_targets[(at_targets["threshold"] == suggested) & (at_targets["class"] != "")]
    classes = classes.sort_values("answered", kind="stable")
    right.barh(classes["class"], classes["answered"], color=BLUE)
    right.set(xlabel="of its test images are answered", xlim=(0, 1))
    right.set_title(f"at {suggested:.2f}")
    right.grid(axis="y", visible=False)
    for axis in (left.xaxis, left.yaxis, right.xaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure


def examples(
    pictures: Mapping[str, np.ndarray],
    logits: Callable[[np.ndarray], np.ndarray],
    classes: tuple[str, ...],
) -> Figure:
    """A picture of each kind with the network's answer and its probability.

    Parameters
    ----------
    pictures
        By kind: uint8, side×side[×3].
    logits
        Of N such images: float, N×classes.
    """
    images = np.stack(list(pictures.values()))
    probability = probabilities(logits(images))
    answers = zip(pictures, probability.argmax(axis=1), probability.max(axis=1), strict=True)
    captions = [f"{kind}\n{classes[answer]} {sure:.0%}" for kind, answer, sure in answers]
    return figures.gallery(images, captions, columns=5)


def save(figure: Figure, folder: Path, name: str) -> None:
    """Writes <folder>/<name>.png and closes the figure."""
    with io.atomic_file(folder / f"{name}.png") as part, figures.style():
        # without matplotlib's version, which would change the file with every update
        metadata = {"Software": None}
        figure.savefig(part, format="png", dpi=130, bbox_inches="tight", metadata=metadata)
    plt.close(figure)
