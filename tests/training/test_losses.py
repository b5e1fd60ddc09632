"""Cross-entropy and focal loss, against formulas written out and against numerical gradients."""

import pytest
import torch
import torch.nn.functional as F

from fer_utils.errors import FerError
from fer_utils.training.losses import FocalLoss, make_loss

WEIGHTS = torch.tensor([2.0, 1.5, 1.0, 1.3], dtype=torch.float64)


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(32, 4, generator=generator, dtype=torch.float64) * 3
    return logits, torch.randint(0, 4, (32,), generator=generator)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
def test_focal_is_its_formula(batch, gamma):
    logits, labels = batch
    p = logits.softmax(1)[range(32), labels]
    expected = (-WEIGHTS[labels] * (1 - p) ** gamma * p.log()).mean()
    torch.testing.assert_close(FocalLoss(gamma, WEIGHTS)(logits, labels), expected)


def test_gamma_0_is_weighted_cross_entropy_divided_by_images_not_by_weights(batch):
    logits, labels = batch
    focal = FocalLoss(0.0, WEIGHTS)(logits, labels)
    torch.testing.assert_close(
        focal, F.cross_entropy(logits, labels, WEIGHTS, reduction="sum") / len(labels)
    )
    by_weights = F.cross_entropy(logits, labels, WEIGHTS)
    torch.testing.assert_close(focal, by_weights * WEIGHTS[labels].sum() / len(labels))
    torch.testing.assert_close(FocalLoss(0.0)(logits, labels), F.cross_entropy(logits, labels))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_gradients(batch, gamma):
    logits, labels = batch
    loss = FocalLoss(gamma, WEIGHTS)
    assert torch.autograd.gradcheck(lambda x: loss(x, labels), logits.requires_grad_())


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_certainty_gives_finite_loss_and_gradient(gamma):
    logits = torch.tensor([[200.0, -200.0], [-200.0, 200.0]], requires_grad=True)
    loss = FocalLoss(gamma)(logits, torch.tensor([0, 0]))
    loss.backward()
    assert loss.item() == pytest.approx(
        200.0
    )  # the mean of 0 (certain and right) and 400 (certain and wrong)
    assert logits.grad.isfinite().all()


def test_cross_entropy_has_the_class_weights(batch):
    logits, labels = batch
    log_p = logits.log_softmax(1)[range(32), labels]
    expected = -(WEIGHTS[labels] * log_p).sum() / WEIGHTS[labels].sum()
    torch.testing.assert_close(make_loss("cross_entropy", 0.0, WEIGHTS)(logits, labels), expected)


def test_label_smoothing_is_its_definition(batch):
    logits, labels = batch
    targets = torch.full((32, 4), 0.2 / 4, dtype=torch.float64)
    targets[range(32), labels] += 0.8
    expected = -(targets * logits.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(
        make_loss("cross_entropy", 0.0, None, label_smoothing=0.2)(logits, labels), expected
    )


def test_focal_loss_is_not_smoothed():
    with pytest.raises(FerError, match=r"label_smoothing needs loss=cross_entropy.*got 0.1"):
        make_loss("focal", 2.0, None, label_smoothing=0.1)


def test_make_loss():
    assert isinstance(make_loss("cross_entropy", 2.0, None), torch.nn.CrossEntropyLoss)
    assert make_loss("focal", 3.0, WEIGHTS).gamma == 3.0
    with pytest.raises(FerError, match=r"unknown loss 'focall' \(did you mean 'focal'\?\)"):
        make_loss("focall", 2.0, None)
    with pytest.raises(FerError, match="gamma must be 0 or more"):
        FocalLoss(-1.0)
