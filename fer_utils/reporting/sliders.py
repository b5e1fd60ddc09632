"""What sliders move in notebooks 0 and 2: a drawn face, and the exponent of focal loss.

`alt_text.move` sets the sliders beside them.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from fer_utils.data.synthetic import Expression, draw_face
from fer_utils.evaluation.metrics import probabilities
from fer_utils.inference.predictor import Predictor
from fer_utils.reporting import face_plots
from fer_utils.reporting.figures import COLOURS, styled


@styled
def focal_loss(gamma: float = 2.0) -> Figure:
    """Focal loss and the size of its gradient over the probability p of the true class.

    Beside cross-entropy's. The gradient is that by the true class's logit: with p' = p (1 − p) it
    has the size (1 − p)^γ (1 − p − γ p log p).
    """
    p = np.linspace(0.005, 0.995, 400)
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 2.5))
    for power, loss in ((0.0, "cross_entropy"), (gamma, "focal")):
        name = "cross-entropy (γ = 0)" if loss == "cross_entropy" else f"focal, γ = {power:g}"
        left.plot(p, -((1 - p) ** power) * np.log(p), color=COLOURS[loss], label=name)
        size = (1 - p) ** power * (1 - p - power * p * np.log(p))
        right.plot(p, size, color=COLOURS[loss])
    left.set(ylabel="loss", ylim=(0, 4))
    right.set(ylabel="size of the gradient", ylim=(0, 1.5))
    for axis in (left, right):
        axis.set_xlabel("probability of the true class")
    left.legend(fontsize=8)
    return figure


def drawn_face(
    network: Predictor,
    person: int = 0,
    brow_angle: float = 0.0,
    brow_height: float = 0.0,
    lids: float = 0.0,
    mouth_curve: float = 0.0,
    mouth_opening: float = 0.0,
) -> Figure:
    """A drawn face beside the same person's neutral one, and what a network answers to both.

    Parameters
    ----------
    person
        As `synthetic.draw_face` takes it.
    brow_angle, brow_height, lids, mouth_curve, mouth_opening
        As in `synthetic.Expression`.
    """
    # a smile is wide, an O is narrow
    width = 0.5 * max(mouth_curve, 0) - 0.4 * max(mouth_opening - max(mouth_curve, 0), 0)
    moved = Expression(brow_angle, brow_height, lids, mouth_curve, mouth_opening, width, 0.0)
    faces = np.stack([draw_face(each, person) for each in (Expression(*[0.0] * 7), moved)])
    answers = {"network": probabilities(network.logits(faces))}
    return face_plots.answers(faces, answers, network.classes, ["neutral", "yours"])
