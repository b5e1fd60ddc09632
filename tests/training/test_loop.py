"""The loop: it learns, it resumes exactly, and it says so when it cannot go on."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from fer_utils import devices
from fer_utils.data import loader
from fer_utils.data.augmentation import Target
from fer_utils.data.loader import Batches
from fer_utils.errors import FerError
from fer_utils.models.network import Network
from fer_utils.training import early_stopping, loop, memory
from fer_utils.training.experiment import Experiment
from fer_utils.training.loop import train
from fer_utils.training.optimizers import make_optimizer
from fer_utils.training.schedules import lr_factor

HARDWARE = devices.choose("cpu", "fp32")


def squares(n: int, seed: int) -> Batches:
    """Two classes that can be told apart: a bright square on the left or on the right, in noise."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 120, (n, 16, 16), dtype=np.uint8)
    labels = np.arange(n) % 2
    for image, label in zip(images, labels, strict=True):
        image[4:12, 8 * label + 1 : 8 * label + 7] = 230
    return Batches(images, labels, 16, HARDWARE.device)


COLUMNS = ("epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "seconds")
PLAIN = Experiment(task="binary", class_weights=False, learning_rate=1e-3, batch_size=16)
MOVES = {
    "flip": True, "rotation": 10.0, "shift": 0.1, "scale": 0.1, "brightness": 0.1, "contrast": 0.1, "erasing": 0.5,
}  # fmt: skip


def go(
    folder,
    epochs,
    optimiser="adam",
    learning_rate=1e-3,
    hardware=HARDWARE,
    weights=0,
    images=96,
    **settings,
):
    """A small network trained on the squares: (network, history)."""
    config = PLAIN.replace(
        epochs=epochs, optimiser=optimiser, learning_rate=learning_rate, **settings
    )
    torch.manual_seed(weights)
    network = Network("cnn", 2, size=16)
    loaders = {"train": squares(images, 0), "val": squares(32, 1)}
    return network, train(network, loaders, config, hardware, folder)


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


def test_every_step_has_the_learning_rate_of_its_schedule(tmp_path, monkeypatch):
    rates, step = [], torch.optim.SGD.step
    monkeypatch.setattr(
        torch.optim.SGD, "step", lambda self: (rates.append(self.param_groups[0]["lr"]), step(self))
    )
    go(tmp_path, 3, "sgd", 0.02, schedule="one_cycle")
    assert rates == [0.02 * lr_factor("one_cycle", number, 18) for number in range(18)]


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
    """A batch whose partner is always itself: the accuracy is that without mixup, and so is the loss."""
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


def test_patience_ends_a_run_and_a_resumed_one_too(tmp_path):
    _, history = go(tmp_path, 12, "sgd", 1e-12, patience=2)
    assert len(history) == 3  # nothing is learnt: the first epoch stays the best
    assert len(go(tmp_path, 12, "sgd", 1e-12, patience=2)[1]) == 3
    assert len(go(tmp_path / "none", 4, "sgd", 1e-12)[1]) == 4


def test_patience_waits_for_the_last_thaw(tmp_path):
    assert (
        len(go(tmp_path, 12, "sgd", 1e-12, patience=2, thaw="1:1 5:2")[1]) == 7
    )  # the fifth epoch is its best


@pytest.mark.parametrize(
    "accuracies, patience, over",
    [
        ([0.5, 0.4], 1, True),
        ([0.5, 0.5], 1, True),
        ([0.4, 0.5, 0.5], 2, False),
        ([0.5, 0.5], 0, False),
        ([], 1, False),
    ],
)
def test_patience_counts_epochs_without_a_higher_accuracy(accuracies, patience, over):
    assert early_stopping.out_of_patience(accuracies, patience) == over


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


def test_the_rate_rises_after_each_thaw(tmp_path, monkeypatch):
    rates, step = [], torch.optim.SGD.step
    monkeypatch.setattr(
        torch.optim.SGD, "step", lambda self: (rates.append(self.param_groups[0]["lr"]), step(self))
    )
    go(tmp_path, 2, "sgd", 0.02, thaw="1:1 2:2", thaw_warm_up=4)
    assert rates == pytest.approx([0.02 * share for share in [0.25, 0.5, 0.75, 1, 1, 1] * 2])


def test_memory_that_runs_out_halves_the_batch_and_the_history_says_so(tmp_path, monkeypatch):
    forward, calls = Network.forward, iter(range(1000))

    def tight(self, images, start_stage=0):
        if self.training and len(images) > 8 and next(calls) >= 6:  # after the first epoch
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(self, images, start_stage)

    monkeypatch.setattr(Network, "forward", tight)
    _, history = go(tmp_path, 3)
    assert history["micro_batch"].fillna(0).tolist() == [0, 8, 8]
    assert history["val_accuracy"].iloc[-1] > 0.9
    assert pd.read_csv(tmp_path / "history.csv")["micro_batch"].fillna(0).tolist() == [0, 8, 8]


def test_read_from_the_store_or_resident_an_epoch_ends_with_the_same_weights(tmp_path, monkeypatch):
    resident, history = go(tmp_path / "resident", 1)
    monkeypatch.setattr(loader, "RESIDENT", 0)
    stored, same = go(tmp_path / "stored", 1)
    assert all(
        torch.equal(a, b) for a, b in zip(resident.parameters(), stored.parameters(), strict=True)
    )
    pd.testing.assert_frame_equal(history.drop(columns="seconds"), same.drop(columns="seconds"))


def real_cpu_error():
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**60, dtype=torch.uint8)
    return raised.value


@pytest.mark.parametrize(
    "error",
    [
        real_cpu_error(),
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:90] DefaultCPUAllocator: not enough memory: you tried to …"
        ),
        RuntimeError(
            "MPS backend out of memory (MPS allocated: 17.5 GB, other allocations: 1 GB, max …)"
        ),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        MemoryError(),
    ],
    ids=lambda error: str(error)[:20],
)
def test_lack_of_memory_is_told_on_every_device(error):
    assert memory.is_out_of_memory(error) and not memory.is_out_of_memory(
        RuntimeError("shapes do not match")
    )


def test_where_memory_runs_out_makes_no_difference(tmp_path, monkeypatch):
    """What a failed attempt has changed (weights, moments, counts of spikes) is taken back."""
    forward, tables = Network.forward, []
    for fails_at in (1, 5):
        calls = iter(range(1, 1000))

        def tight(self, images, start_stage=0, calls=calls, fails_at=fails_at):
            if self.training and next(calls) == fails_at:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return forward(self, images, start_stage)

        monkeypatch.setattr(Network, "forward", tight)
        history = go(tmp_path / str(fails_at), 1, clip=0.01)[1]
        tables.append(history.drop(columns="seconds"))
        assert history["micro_batch"].item() == 8 and history["spikes"].item() <= 6
    pd.testing.assert_frame_equal(*tables)


def test_memory_for_not_even_one_image_is_one_clear_line(tmp_path, monkeypatch):
    def none(self, images, start_stage=0):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Network, "forward", none)
    with pytest.raises(
        FerError, match="out of memory with one image at a time; use a smaller image_size"
    ):
        go(tmp_path, 1)


@pytest.fixture
def compilations(monkeypatch):
    """What a compiler is given from here on, a graph each; they then run as they are."""
    graphs = []
    compile_with = torch.compile
    monkeypatch.setattr(
        torch, "compile",
        lambda function, dynamic: compile_with(
            function, dynamic=dynamic, backend=lambda graph, _: graphs.append(graph) or graph.forward
        ),
    )  # fmt: skip
    devices.compiled_forward.cache_clear()
    torch.compiler.reset()
    yield graphs
    devices.compiled_forward.cache_clear()
    torch.compiler.reset()


def test_seeds_and_epochs_share_one_compilation(tmp_path, compilations):
    """One form for training, one for validation; a last batch of four images goes through the network as it is."""
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


def test_the_cnn_is_report_as(tmp_path):
    cnn = Network("cnn", 4).body
    convolutions = [m for m in cnn.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [(c.out_channels, c.kernel_size, c.padding) for c in convolutions] == [
        (32, (3, 3), (1, 1)), (64, (3, 3), (1, 1)), (128, (3, 3), (1, 1)),
    ]  # fmt: skip
    assert sum(isinstance(m, torch.nn.BatchNorm2d) for m in cnn.modules()) == 3
    linear = [m for m in cnn.modules() if isinstance(m, torch.nn.Linear)]
    assert [(m.in_features, m.out_features) for m in linear] == [(128 * 6 * 6, 512), (512, 4)]
    assert next(m for m in cnn.modules() if isinstance(m, torch.nn.Dropout)).p == 0.5


@pytest.mark.parametrize("size, channels, classes", [(48, 1, 2), (64, 3, 7), (20, 1, 3)])
def test_any_input_size_channels_and_classes(size, channels, classes):
    images = torch.randint(0, 256, (5, channels, 33, 33), dtype=torch.uint8)
    assert Network("cnn", classes, size, channels)(images).shape == (5, classes)


def test_a_size_too_small_is_refused():
    with pytest.raises(FerError, match="at least 8 pixels"):
        Network("cnn", 2, size=7)


def test_unknown_names_list_the_right_ones():
    with pytest.raises(FerError, match=r"unknown model 'cnm'.*cnn"):
        Network("cnm", 2)
    with pytest.raises(FerError, match=r"unknown optimiser 'adagrad'.*adam, adamw, sgd"):
        make_optimizer("adagrad", Network("cnn", 2), 1e-3, 0)
    with pytest.raises(FerError, match="unknown device 'gpu'"):
        devices.choose("gpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(FerError, match="'cuda' is not available"):
        devices.choose("cuda")


@pytest.mark.parametrize(
    "capabilities, chosen, notices", [({}, "fp32", 1), ({"avx512_bf16": True}, "bf16", 0)]
)
def test_bf16_where_the_processor_has_it_and_a_word_where_it_has_not(
    monkeypatch, capsys, capabilities, chosen, notices
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert devices.choose("cpu").precision == chosen
    assert capsys.readouterr().out == ""
    assert devices.choose("cpu", "bf16").precision == "bf16"
    assert capsys.readouterr().out.count("this processor has no bf16") == notices
