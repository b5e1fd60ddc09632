"""The loop: it learns, it resumes exactly, and it says so when it cannot go on."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from small_training import HARDWARE, MOVES, go, squares
from torch.utils._python_dispatch import TorchDispatchMode

from fer_utils import devices
from fer_utils.data import loader
from fer_utils.data.augmentation import Target
from fer_utils.data.loader import Batches
from fer_utils.errors import FerError
from fer_utils.models.network import Network
from fer_utils.training import loop

COLUMNS = ("epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "seconds")


@pytest.mark.parametrize("optimiser, rate", [("adam", 1e-3), ("adamw", 1e-3), ("sgd", 1e-2)])
@pytest.mark.parametrize("loss", ["cross_entropy", "focal"])
def test_it_learns(tmp_path, optimiser, rate, loss):
    _, history = go(tmp_path, 4, optimiser, rate, loss=loss)
    assert tuple(history) == COLUMNS and history["epoch"].tolist() == [1, 2, 3, 4]
    assert history["train_loss"].iloc[-1] < history["train_loss"].iloc[0]
    assert history["val_accuracy"].iloc[-1] > 0.9


def test_an_interrupted_run_continues_as_if_it_had_not_been(tmp_path):
    straight, whole = go(tmp_path / "straight", 4)
    go(tmp_path / "broken", 2)
    (tmp_path / "broken" / "last.pth").unlink()
    resumed, history = go(tmp_path / "broken", 4)
    for name, value in straight.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    pd.testing.assert_frame_equal(history.drop(columns="seconds"), whole.drop(columns="seconds"))
    best = [
        torch.load(tmp_path / name / "best.pth", weights_only=True)
        for name in ("straight", "broken")
    ]
    assert all(torch.equal(value, best[1][name]) for name, value in best[0].items())


def interrupted_after(monkeypatch, loader):
    """The loop meets Ctrl-C after so many batches."""
    calls = iter(range(loader))

    def count(images, labels, alpha):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return mixup(images, labels, alpha)

    mixup = loop.mixup
    monkeypatch.setattr(loop, "mixup", count)


@pytest.mark.parametrize("schedule", ["one_cycle", "cosine", "plateau"])
def test_with_everything_on_an_interrupted_run_still_continues_exactly(
    tmp_path, monkeypatch, schedule
):
    everything = {
        "optimiser": "sgd", "learning_rate": 0.05, "mixup": 0.2, "schedule": schedule, "ema": 0.9,
        **MOVES,
    }  # fmt: skip
    straight, whole = go(tmp_path / "straight", 4, **everything)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupted_after(patch, 15)  # in the third epoch of six batches
        go(tmp_path / "broken", 4, **everything)
    resumed, history = go(tmp_path / "broken", 4, **everything)
    pd.testing.assert_frame_equal(history.drop(columns="seconds"), whole.drop(columns="seconds"))
    for name, value in straight.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    for file in ("best.pth", "last.pth"):
        first, second = (
            torch.load(tmp_path / run / file, weights_only=True) for run in ("straight", "broken")
        )
        assert all(torch.equal(value, second[name]) for name, value in first.items())


def accuracy(weights, val):
    network = Network("cnn", 2, size=16).eval()
    network.load_state_dict(torch.load(weights, weights_only=True))
    with torch.inference_mode():
        return (network(val.images).argmax(1) == val.labels).float().mean().item()


def test_the_averaged_weights_are_validated_and_saved(tmp_path):
    network, history = go(tmp_path, 3, ema=0.9)
    averaged = torch.load(tmp_path / "last.pth", weights_only=True)
    assert not torch.equal(averaged["body.head.weight"], network.state_dict()["body.head.weight"])
    assert accuracy(tmp_path / "last.pth", squares(32, 1)) == pytest.approx(
        history["val_accuracy"].iloc[-1]
    )


def test_averaging_does_not_change_what_is_trained(tmp_path):
    with_average, _ = go(tmp_path / "on", 2, ema=0.9)
    without, _ = go(tmp_path / "off", 2)
    assert all(
        torch.equal(a, b)
        for a, b in zip(with_average.parameters(), without.parameters(), strict=True)
    )


@pytest.fixture
def draws(monkeypatch):
    """At the first batch of each epoch of six: a random number, and the sums of the images."""
    seen, mixup = [], loop.mixup

    def note(images, labels, alpha):
        seen.append((torch.rand(()).item(), tuple(images.sum((1, 2, 3)).tolist())))
        return mixup(images, labels, alpha)

    monkeypatch.setattr(loop, "mixup", note)
    return lambda: seen[::6]


def test_every_epoch_has_draws_and_an_order_of_its_own(tmp_path, draws):
    go(tmp_path, 3)
    chances, orders = zip(*draws(), strict=True)
    assert len(set(chances)) == len(set(orders)) == 3


def test_the_network_trains_in_training_mode_and_is_validated_on_validation(tmp_path, monkeypatch):
    forward, seen = Network.forward, []

    def note(self, images, start_stage=0):
        seen.append((self.training, len(images)))
        return forward(self, images, start_stage)

    monkeypatch.setattr(Network, "forward", note)
    go(tmp_path, 2)
    assert seen == ([(True, 16)] * 6 + [(False, 16)] * 2) * 2


def test_the_training_loss_is_the_mean_over_images_not_over_batches(tmp_path, monkeypatch):
    """Of 100 images the last batch has four."""
    loss_of, batches = loop.batch_loss, []

    def note(criterion, logits, targets, piece, labels):
        loss = loss_of(criterion, logits, targets, piece, labels)
        correct = (logits.argmax(1) == labels).sum().item()
        batches.append((loss.item(), correct, len(labels)))
        return loss

    monkeypatch.setattr(loop, "batch_loss", note)
    _, history = go(tmp_path, 1, images=100)
    losses, correct, sizes = map(np.array, zip(*batches, strict=True))
    assert sizes.tolist() == [16] * 6 + [4]
    assert history["train_loss"].item() == pytest.approx((losses * sizes).sum() / 100)
    assert history["train_accuracy"].item() == pytest.approx(correct.sum() / 100)


def test_a_steps_gradient_is_that_of_its_batch_alone(tmp_path, monkeypatch):
    """Gradients of the batch before do not add to it."""
    norms, step = [], torch.optim.SGD.step

    def note(self):
        norms.append(self.param_groups[0]["params"][0].grad.clone())
        return step(self)

    monkeypatch.setattr(torch.optim.SGD, "step", note)
    monkeypatch.setattr(torch.nn.Dropout, "forward", lambda self, x: x)
    same = squares(16, 0)
    monkeypatch.setattr(Batches, "shuffled", lambda self, *_: [(same.images, same.labels)] * 2)
    go(tmp_path, 1, "sgd", 1e-30)
    torch.testing.assert_close(norms[0], norms[1])


def test_with_mixup_a_hit_is_the_class_of_the_larger_share(tmp_path, monkeypatch):
    """Of a batch whose partner is always itself the accuracy and loss are those without mixup."""
    twice = lambda images, labels, _: (images, [Target(labels, 0.75), Target(labels, 0.25)])  # noqa: E731
    monkeypatch.setattr(loop, "mixup", twice)
    _, mixed = go(tmp_path / "mixed", 1, mixup=0.2)
    monkeypatch.undo()
    _, plain = go(tmp_path / "plain", 1)
    assert mixed["train_accuracy"].item() == plain["train_accuracy"].item()
    assert mixed["train_loss"].item() == pytest.approx(plain["train_loss"].item())


def test_with_mixup_the_smaller_share_is_no_hit(tmp_path, monkeypatch):
    """The other class has the smaller share of every image."""
    loss_of, correct = loop.batch_loss, []

    def note(criterion, logits, targets, piece, labels):
        correct.append((logits.argmax(1) == labels).sum().item())
        return loss_of(criterion, logits, targets, piece, labels)

    both = lambda images, labels, _: (images, [Target(labels, 0.75), Target(1 - labels, 0.25)])  # noqa: E731
    monkeypatch.setattr(loop, "mixup", both)
    monkeypatch.setattr(loop, "batch_loss", note)
    _, history = go(tmp_path, 1, mixup=0.2)
    assert (
        history["train_accuracy"].item() == pytest.approx(sum(correct) / 96) and sum(correct) != 48
    )


def test_best_is_the_earliest_epoch_of_the_highest_validation_accuracy(tmp_path):
    _, history = go(tmp_path, 4)
    assert accuracy(tmp_path / "best.pth", squares(32, 1)) == pytest.approx(
        history["val_accuracy"].max()
    )


def test_read_from_the_store_or_resident_an_epoch_ends_with_the_same_weights(tmp_path, monkeypatch):
    resident, history = go(tmp_path / "resident", 1)
    monkeypatch.setattr(loader, "RESIDENT", 0)
    stored, same = go(tmp_path / "stored", 1)
    assert all(
        torch.equal(a, b) for a, b in zip(resident.parameters(), stored.parameters(), strict=True)
    )
    pd.testing.assert_frame_equal(history.drop(columns="seconds"), same.drop(columns="seconds"))


@pytest.fixture
def compilations(monkeypatch):
    """What a compiler is given from here on, a graph each; they then run as they are."""
    graphs = []
    compile_with = torch.compile

    def note(graph, _):
        graphs.append(graph)
        return graph.forward

    monkeypatch.setattr(
        torch,
        "compile",
        lambda function, dynamic: compile_with(function, dynamic=dynamic, backend=note),
    )
    devices.compiled_forward.cache_clear()
    torch.compiler.reset()
    yield graphs
    devices.compiled_forward.cache_clear()
    torch.compiler.reset()


def test_seeds_and_epochs_share_one_compilation(tmp_path, compilations):
    """One form for training, one for validation; a last batch of four images is not compiled."""
    compiled = devices.Hardware(HARDWARE.device, "fp32", compiled=True)
    same, history = go(tmp_path / "0", 2, hardware=compiled)
    assert len(compilations) == 2
    go(tmp_path / "1", 3, hardware=compiled, weights=1, learning_rate=1e-4, images=100)
    assert len(compilations) == 2
    plain, expected = go(tmp_path / "plain", 2)
    assert len(compilations) == 2
    assert all(
        torch.equal(a, b) for a, b in zip(same.parameters(), plain.parameters(), strict=True)
    )
    pd.testing.assert_frame_equal(history.drop(columns="seconds"), expected.drop(columns="seconds"))


class NoAnswer(TorchDispatchMode):
    """Refuses, while it is told to, whatever makes the host wait for a number from the device."""

    watching = False

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        waits = function.overloadpacket.__name__ in (
            "_local_scalar_dense",
            "nonzero",
            "masked_select",
        )
        assert not (self.watching and waits), function
        return function(*args, **(kwargs or {}))


def test_within_an_epoch_nothing_waits_for_the_device(tmp_path, monkeypatch):
    """From the first batch to the last; on a CUDA device torch itself says so."""
    hardware = dataclasses.replace(devices.choose("auto", "fp32"), compiled=False)
    cuda = hardware.device.type == "cuda"
    complain_of_waiting = torch.cuda.set_sync_debug_mode if cuda else lambda _: None
    watch = NoAnswer()

    def watched(loader, *_):
        loader = iter(loader)
        first = next(loader)  # the order of the images goes to the device, once an epoch
        watch.watching = True
        complain_of_waiting("error")
        yield first
        yield from loader
        complain_of_waiting("default")
        watch.watching = False

    monkeypatch.setattr(loop, "progress_bar", watched)
    # on a CPU the number that mixup draws on the host looks like one from the device
    settings = MOVES | {"mixup": 0.2 * cuda}
    with watch:
        go(tmp_path, 1, "adamw", hardware=hardware, ema=0.9, clip=1.0, **settings)


def test_a_loss_that_is_not_finite_is_an_error(tmp_path):
    with pytest.raises(FerError, match=r"epoch 1: the loss is .*smaller learning rate"):
        go(tmp_path, 1, "sgd", 1e30)


def test_weights_that_the_last_step_broke_are_not_saved(tmp_path, monkeypatch):
    """The training loss is that of the batches before it: only validation shows it."""
    step, calls = torch.optim.SGD.step, iter(range(1, 100))

    def breaks(self):
        step(self)
        if next(calls) == 12:  # the last step of the second epoch
            self.param_groups[0]["params"][0].data.fill_(float("nan"))

    monkeypatch.setattr(torch.optim.SGD, "step", breaks)
    with pytest.raises(FerError, match="epoch 2: the validation loss is nan"):
        go(tmp_path, 3, "sgd", 1e-3)
    saved = torch.load(tmp_path / "resume.pth", weights_only=True)
    assert len(saved["history"]) == 1
    assert all(value.isfinite().all() for value in saved["network"].values())
    assert not (tmp_path / "last.pth").exists()
