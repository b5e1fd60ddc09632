"""Gradients in pieces where memory is short, and clipped where they are too steep."""

import pytest
import torch
from torch import nn

from fer_utils import devices
from fer_utils.errors import FerError
from fer_utils.training.backward import Gradients
from fer_utils.training.losses import make_loss, share_of

HARDWARE = devices.choose("cpu", "fp32")
WEIGHTS = torch.tensor([2.0, 1.0, 0.5])
LOSSES = [("cross_entropy", WEIGHTS, 0.1), ("cross_entropy", None, 0.0), ("focal", WEIGHTS, 0.0)]


class Tight(nn.Linear):
    """A network that runs out of memory with more than `room` images."""

    room = 100

    def forward(self, images, done=0):
        if len(images) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().forward(images)


def gradient(criterion, room, clip=0.0):
    torch.manual_seed(0)
    network = Tight(5, 3)
    network.room = room
    images, labels = torch.randn(16, 5), torch.randint(0, 3, (16,))
    gradients = Gradients(criterion, HARDWARE, 16, clip)
    loss, hits = gradients(network, images, [(labels, 0.7), (labels.flip(0), 0.3)], labels, 0)
    return network.weight.grad, loss, hits, gradients


@pytest.mark.parametrize("loss, weights, smoothing", LOSSES)
def test_pieces_add_up_to_the_batch(loss, weights, smoothing):
    criterion = make_loss(loss, 2.0, weights, smoothing)
    whole, pieces = gradient(criterion, 16), gradient(criterion, 5)
    assert (whole[3].micro_batch, pieces[3].micro_batch) == (16, 4)
    for expected, found in zip(whole[:3], pieces[:3], strict=True):
        torch.testing.assert_close(found, expected)


def test_shares_of_pieces_are_those_of_what_the_loss_divides_by():
    labels = torch.tensor([0, 1, 2, 2])
    weighted, plain = make_loss("cross_entropy", 0.0, WEIGHTS), make_loss("focal", 2.0, WEIGHTS)
    assert share_of(weighted, labels[:1], labels).item() == 0.5
    assert share_of(plain, labels[:1], labels) == 0.25


def test_out_of_memory_with_a_single_image_is_one_clear_line():
    with pytest.raises(FerError, match="out of memory with one image at a time; use a smaller image_size"):
        gradient(make_loss("cross_entropy", 0.0, None), 0)


def test_steep_gradients_are_clipped_and_counted():
    criterion = make_loss("cross_entropy", 0.0, None)
    *_, free = gradient(criterion, 16)
    assert free.take_notes() == {}
    steep, *_, logged = gradient(criterion, 16, clip=1e-3)
    row = logged.take_notes()
    assert steep.norm() <= 1e-3 < row["largest_norm"] and row["spikes"] == 1
    *_, logged = gradient(criterion, 16, clip=1e3)
    assert logged.take_notes() == {"spikes": 0, "largest_norm": pytest.approx(row["largest_norm"])}
