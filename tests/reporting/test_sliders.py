"""What sliders move, and where they start."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from drawn import line

from fer_utils import load_best
from fer_utils.data.synthetic import Expression, draw_face
from fer_utils.reporting import sliders
from fer_utils.reporting.figures import COLOURS
from fer_utils.training.losses import FocalLoss


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.mark.parametrize("gamma", [0.0, 1.5, 5.0])
def test_the_curves_are_focal_loss_and_its_gradient(gamma):
    left, right = sliders.focal_loss(gamma).axes
    p, loss = line(left, color=COLOURS["focal"])
    sizes = line(right, color=COLOURS["focal"])[1]
    for at in (20, 200, 390):
        # two classes whose probabilities are p and 1 - p
        logits = torch.tensor([[np.log(p[at] / (1 - p[at])), 0.0]], requires_grad=True)
        value = FocalLoss(gamma)(logits, torch.tensor([0]))
        value.backward()
        assert loss[at] == pytest.approx(value.item(), rel=1e-5)
        assert sizes[at] == pytest.approx(logits.grad[0, 0].abs().item(), rel=1e-4)


def test_a_drawn_face_stands_beside_the_neutral_one():
    network = load_best()
    figure = sliders.drawn_face(network, person=3, brow_angle=0.5, mouth_curve=1.0)
    neutral, moved = (np.asarray(axis.images[0].get_array()) for axis in figure.axes[:2])
    assert np.array_equal(neutral, draw_face(Expression(*[0.0] * 7), 3))
    assert np.array_equal(moved, draw_face(Expression(0.5, 0.0, 0.0, 1.0, 0.0, 0.5, 0.0), 3))
