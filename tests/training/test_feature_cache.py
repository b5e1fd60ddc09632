"""Frozen stages computed once: the same training as without, where their outputs never change."""

import errno
import os

import numpy as np
import pandas as pd
import pytest
import torch

from fer_utils import devices
from fer_utils.data.loader import Batches
from fer_utils.errors import FerError
from fer_utils.models.freezing import freeze, last_stages
from fer_utils.models.network import Network
from fer_utils.training import feature_cache, loop
from fer_utils.training.experiment import Experiment
from fer_utils.training.feature_cache import cache_features, constant_stages
from fer_utils.training.loop import train

HARDWARE = devices.choose("cpu", "fp32")


def batches(n, seed):
    """Dark and bright noise, labels 0 and 1."""
    images = np.random.default_rng(seed).integers(0, 120, (n, 24, 24), dtype=np.uint8)
    labels = np.arange(n) % 2
    return Batches(
        images + (labels * 100).astype(np.uint8)[:, None, None], labels, 8, HARDWARE.device
    )


def small(name="mobilenet_v2", size=32):
    torch.manual_seed(0)
    return Network(name, 2, size=size)


CONFIG = Experiment(
    task="binary",
    class_weights=False,
    learning_rate=1e-3,
    weight_decay=0.0,
    stage_decay=0.5,
    batch_size=8,
    clip=1.0,
)
GRADUAL = {"thaw": "1:1 3:2", "epochs": 4}


def go(folder, **settings):
    network, loaders = small(), {"train": batches(24, 0), "val": batches(16, 1)}
    config = CONFIG.replace(**settings or GRADUAL)
    return network, train(network, loaders, config, HARDWARE, folder).drop(columns="seconds")


def count_computed(monkeypatch):
    """Which parts pass through how many frozen stages: a list of (images, stages) that fills."""
    seen, compute = [], feature_cache.cache_features

    def listen(network, part, stages, *others, **shared):
        seen.append((len(part.labels), stages))
        return compute(network, part, stages, *others, **shared)

    monkeypatch.setattr(feature_cache, "cache_features", listen)
    return seen


def test_training_is_the_same_as_without(tmp_path, monkeypatch):
    computed = count_computed(monkeypatch)
    with_trunk, history = go(tmp_path / "with")
    assert computed == [(24, 5), (16, 5), (24, 4), (16, 4)]  # once at each thaw
    monkeypatch.setattr(feature_cache, "constant_stages", lambda network: 0)
    without, expected = go(tmp_path / "without")
    pd.testing.assert_frame_equal(history, expected, rtol=0, atol=1e-4)
    for name, value in without.state_dict().items():
        torch.testing.assert_close(with_trunk.state_dict()[name], value, rtol=0, atol=1e-4)
    assert history["stages"].tolist() == [1, 1, 2, 2]


@pytest.mark.parametrize(
    "settings, computed",
    [
        ({}, []),
        ({"thaw": "1:2", "rest": False}, []),
        ({"thaw": "1:1 2:2"}, []),  # an epoch each: nothing to gain
        ({"thaw": "1:2", "flip": True}, [(16, 4)]),  # validation images alone
        ({"thaw": "1:2", "mixup": 0.2}, [(16, 4)]),
    ],
)
def test_it_is_computed_only_where_it_never_changes(tmp_path, monkeypatch, settings, computed):
    seen = count_computed(monkeypatch)
    go(tmp_path, epochs=2, **settings)
    assert seen == computed


def test_an_interrupted_run_continues_exactly_after_each_thaw(tmp_path, monkeypatch):
    straight, whole = go(tmp_path / "straight")
    for epochs in (1, 3):  # in the middle of either phase
        folder = tmp_path / str(epochs)
        save, left = loop.save_checkpoint, iter(range(epochs - 1))

        def stop(*parts, save=save, left=left):
            save(*parts)
            if next(left, None) is None:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(loop, "save_checkpoint", stop)
            go(folder)
        resumed, history = go(folder)
        pd.testing.assert_frame_equal(history, whole)
        assert all(
            torch.equal(a, b)
            for a, b in zip(straight.parameters(), resumed.parameters(), strict=True)
        )


def test_from_a_mapped_file_it_is_the_same(tmp_path, monkeypatch):
    network, images = small().eval(), batches(24, 0)
    freeze(network, last_stages(network, 2))
    in_memory = cache_features(network, images, 4, HARDWARE, tmp_path, 8)
    monkeypatch.setattr(feature_cache, "IN_MEMORY", 100)
    mapped = cache_features(network, images, 4, HARDWARE, tmp_path, 8)
    assert torch.equal(in_memory.images, mapped.images) and mapped.images.shape == (24, 96, 2, 2)
    assert not list(tmp_path.iterdir())
    for part in (in_memory, mapped):
        assert part.images.is_contiguous(memory_format=torch.channels_last)
        logits = torch.cat([network(features, part.start_stage) for features, _ in part])
        torch.testing.assert_close(logits, network(images.images))
    monkeypatch.setattr(
        feature_cache.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 1000})
    )
    with pytest.raises(FerError, match=r"no room for the 0\.0 GB"):
        cache_features(network, images, 4, HARDWARE, tmp_path, 8)


def test_stages_that_are_not_in_sequence_are_left_alone():
    network = small("cnn")
    freeze(network, last_stages(network, 2))
    assert constant_stages(network) == 0
    network = small()
    freeze(network, ["stem", "classifier"])
    assert constant_stages(network) == 0


def test_a_plain_training_has_the_plain_columns(tmp_path):
    assert tuple(go(tmp_path, epochs=1, clip=0.0)[1]) == (
        "epoch", "train_loss", "train_accuracy", "val_loss", "val_accuracy",
    )  # fmt: skip


def mapped(folder, monkeypatch, seen):
    """Through the trunk with a file mapped; `seen` gets the bytes of its blocks on the disk."""
    network, images = small().eval(), batches(24, 0)
    map_file = torch.from_file

    def look(name, **settings):
        seen.append(os.stat(name).st_blocks * 512)
        return map_file(name, **settings)

    monkeypatch.setattr(feature_cache, "IN_MEMORY", 100)
    monkeypatch.setattr(torch, "from_file", look)
    return cache_features(network, images, 4, HARDWARE, folder, 8)


@pytest.mark.parametrize("call", ["native", "missing", "unsupported"])
def test_a_mapped_file_has_its_blocks_before_it_is_written_to(tmp_path, monkeypatch, call):
    """Where the disk fills up under a file with holes, the process is killed."""

    def unsupported(*arguments):
        raise OSError(errno.EOPNOTSUPP, "not on this file system")

    if call == "missing":
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    elif call == "unsupported":
        monkeypatch.setattr(os, "posix_fallocate", unsupported, raising=False)
    elif not hasattr(os, "posix_fallocate"):
        pytest.skip("this system has no posix_fallocate")
    seen = []
    features = mapped(tmp_path, monkeypatch, seen).images
    assert len(seen) == 1 and seen[0] >= features.nbytes


@pytest.mark.parametrize("native", [True, False])
def test_a_disk_that_is_full_is_one_clear_line(tmp_path, monkeypatch, native):
    """In the words of the system a limit on the size of files is a full disk."""
    resource = pytest.importorskip("resource")
    if not native:
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.raises(FerError, match=r"no room for the 0\.0 GB that the frozen stages make"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
        try:
            mapped(tmp_path, monkeypatch, [])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())
