"""Losses of pieces add up to the batch's; groups of weights; clipped gradients are counted."""

import pytest
import torch
from torch import nn

from fer_utils.data.augmentation import Target
from fer_utils.errors import FerError
from fer_utils.models.network import Network
from fer_utils.training.losses import batch_loss, make_loss, share_of
from fer_utils.training.optimizers import GradientClipping, make_optimizer

WEIGHTS = torch.tensor([2.0, 1.0, 0.5])
LOSSES = [("cross_entropy", WEIGHTS, 0.1), ("cross_entropy", None, 0.0), ("focal", WEIGHTS, 0.0)]


def gradient(criterion, size, clip=0.0):
    """The gradient of a batch of 16 images that go through a linear network `size` at a time."""
    torch.manual_seed(0)
    network = nn.Linear(5, 3)
    images, labels = torch.randn(16, 5), torch.randint(0, 3, (16,))
    targets, loss = [Target(labels, 0.7), Target(labels.flip(0), 0.3)], 0
    for start in range(0, 16, size):
        piece = slice(start, start + size)
        part = batch_loss(criterion, network(images[piece]), targets, piece, labels)
        part.backward()
        loss += part.detach()
    clipping = GradientClipping(clip)
    clipping.clip(network)
    return network.weight.grad, loss, clipping


@pytest.mark.parametrize("loss, weights, smoothing", LOSSES)
def test_pieces_add_up_to_the_batch(loss, weights, smoothing):
    criterion = make_loss(loss, 2.0, weights, smoothing)
    whole, pieces = gradient(criterion, 16), gradient(criterion, 5)
    for expected, found in zip(whole[:2], pieces[:2], strict=True):
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("loss, weights, smoothing", LOSSES)
def test_of_two_targets_each_counts_by_its_share(loss, weights, smoothing):
    criterion = make_loss(loss, 2.0, weights, smoothing)
    torch.manual_seed(1)
    logits, first, second = torch.randn(16, 3), *torch.randint(0, 3, (2, 16))
    found = batch_loss(
        criterion, logits, [Target(first, 0.7), Target(second, 0.3)], slice(0, 16), first
    )
    torch.testing.assert_close(
        found, 0.7 * criterion(logits, first) + 0.3 * criterion(logits, second)
    )


def test_shares_of_pieces_are_those_of_what_the_loss_divides_by():
    labels = torch.tensor([0, 1, 2, 2])
    weighted, plain = make_loss("cross_entropy", 0.0, WEIGHTS), make_loss("focal", 2.0, WEIGHTS)
    assert share_of(weighted, labels[:1], labels).item() == 0.5
    assert share_of(plain, labels[:1], labels) == 0.25


def test_a_process_without_images_adds_nothing():
    empty = torch.zeros(0, 3, requires_grad=True)
    targets = [Target(torch.zeros(0, dtype=torch.int64), 1.0)]
    loss = batch_loss(
        nn.CrossEntropyLoss(), empty, targets, slice(0, 4), torch.zeros(4, dtype=torch.int64)
    )
    loss.backward()
    assert loss.item() == 0


def test_steep_gradients_are_clipped_and_counted():
    criterion = make_loss("cross_entropy", 0.0, None)
    *_, free = gradient(criterion, 16)
    assert free.notes() == {}
    steep, *_, clipping = gradient(criterion, 16, clip=1e-3)
    row = clipping.notes()
    assert steep.norm() <= 1e-3 < row["largest_norm"] and row["spikes"] == 1
    *_, clipping = gradient(criterion, 16, clip=1e3)
    assert clipping.notes() == {"spikes": 0, "largest_norm": pytest.approx(row["largest_norm"])}
    clipping.start_epoch()
    assert clipping.norms == []


def test_each_stage_has_its_share_of_the_learning_rate():
    network = Network("cnn", 2, size=16)
    groups = make_optimizer("adam", network, 0.1, 0.0, stage_decay=0.5).param_groups
    assert [group["lr"] for group in groups] == [0.1, 0.05, 0.025, 0.0125, 0.00625]
    assert groups[0]["params"][0] is network.body.head.weight
    assert sum(len(group["params"]) for group in groups) == len(list(network.parameters()))


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("stage_decay", [1.0, 0.5])
def test_every_group_has_the_weight_decay(name, stage_decay):
    groups = make_optimizer(name, Network("cnn", 2, size=16), 0.1, 0.25, stage_decay).param_groups
    assert {group["weight_decay"] for group in groups} == {0.25}


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(FerError, match=r"unknown optimiser 'adagrad'.*adam, adamw, sgd"):
        make_optimizer("adagrad", Network("cnn", 2), 1e-3, 0)
