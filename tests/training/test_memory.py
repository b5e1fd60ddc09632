"""Where memory is short a batch goes through the network in pieces, in training and elsewhere."""

import pandas as pd
import pytest
import torch
from small_training import HARDWARE, PLAIN, go, squares

from fer_utils.distributed import World
from fer_utils.errors import FerError
from fer_utils.models.network import Network
from fer_utils.training import memory
from fer_utils.training.feature_cache import FeatureCache
from fer_utils.training.memory import MicroBatch


def tight(most, in_training, sizes=None):
    """A Network.forward for which memory suffices up to `most` images, in training or outside.

    sizes: receives how many images each call had that did not fail, of the restricted kind.
    """
    forward = Network.forward

    def limited(self, images, start_stage=0):
        if self.training == in_training:
            if len(images) > most:
                raise torch.OutOfMemoryError("CUDA out of memory")
            if sizes is not None:
                sizes.append(len(images))
        return forward(self, images, start_stage)

    return limited


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
            "[enforce fail at alloc_cpu.cpp:90] DefaultCPUAllocator: not enough memory: you tried …"
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


def test_a_second_attempt_says_so_and_is_no_resumed_run(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(Network, "forward", tight(8, in_training=True))
    go(tmp_path, 1)
    said = capsys.readouterr().out
    assert said.count("out of memory: again with 8 images at a time") == 1
    assert "resuming" not in said


def test_validation_too_goes_in_pieces_and_gives_the_same_numbers(tmp_path, monkeypatch):
    """Training is not touched by it, so that nothing of it stands in the history."""
    network, expected = go(tmp_path / "plain", 2)
    sizes = []
    monkeypatch.setattr(Network, "forward", tight(4, in_training=False, sizes=sizes))
    same, history = go(tmp_path / "short", 2)
    assert sizes == [4] * 16  # 32 images, twice: the size that fits is kept
    pd.testing.assert_frame_equal(history.drop(columns="seconds"), expected.drop(columns="seconds"))
    for value, other in zip(network.parameters(), same.parameters(), strict=True):
        assert torch.equal(value, other)


def test_features_too_are_computed_in_pieces(tmp_path, monkeypatch):
    """The frozen stages take the whole images, and so may need more memory than the training."""
    config = PLAIN.replace(epochs=2, thaw="1:1")
    torch.manual_seed(0)
    network = Network("mobilenet_v2", 2, size=32)
    config.unfreezing.apply(network, 1)
    loaders = {"train": squares(24, 0), "val": squares(16, 1)}
    arguments = (network, loaders, config, HARDWARE, tmp_path)
    expected = FeatureCache(*arguments, MicroBatch(16)).of_epoch(1)
    features, sizes = Network.features, []

    def tight_features(self, images, stages):
        sizes.append(len(images))
        if len(images) > 6:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return features(self, images, stages)

    monkeypatch.setattr(Network, "features", tight_features)
    in_pieces = FeatureCache(*arguments, MicroBatch(16)).of_epoch(1)
    assert sizes == [16, 8, 4, 4, 4, 4, 4, 4, *[4] * 4]
    for whole, pieces in zip(expected, in_pieces, strict=True):
        assert pieces.start_stage == whole.start_stage > 0
        torch.testing.assert_close(pieces.images, whole.images)


def test_one_of_several_processes_cannot_begin_a_step_again():
    def compute(size):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(FerError, match="start more processes, or use a smaller batch_size"):
        MicroBatch(16, World(size=2)).run(compute)


def test_other_errors_are_not_taken_for_lack_of_memory():
    def compute(size):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes do not match"):
        MicroBatch(16).run(compute)


def test_a_resumed_run_keeps_its_size(tmp_path, monkeypatch):
    monkeypatch.setattr(Network, "forward", tight(8, in_training=True))
    go(tmp_path, 1)
    monkeypatch.undo()
    (tmp_path / "last.pth").unlink()
    assert go(tmp_path, 2)[1]["micro_batch"].tolist() == [8, 8]


def test_memory_for_not_even_one_image_is_one_clear_line(tmp_path, monkeypatch):
    def none(self, images, start_stage=0):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(Network, "forward", none)
    with pytest.raises(
        FerError, match="out of memory with one image at a time; use a smaller image_size"
    ):
        go(tmp_path, 1)
