"""The frozen trunk computed once: the same training as without, and only where nothing can change its outputs."""

import numpy as np
import pandas as pd
import pytest
import torch

from fer_utils import devices
from fer_utils.data.augmentation import Augment
from fer_utils.data.loader import Batches
from fer_utils.errors import FerError
from fer_utils.models.freezing import UnfreezeSchedule, last_stages, thaw
from fer_utils.models.network import Network
from fer_utils.training import feature_cache, loop
from fer_utils.training.feature_cache import frozen_trunk, through_trunk
from fer_utils.training.loop import COLUMNS, train
from fer_utils.training.losses import make_loss
from fer_utils.training.optimizers import make_optimiser

HARDWARE = devices.choose("cpu", "fp32")
GRADUAL = UnfreezeSchedule.parse("1:1 3:2", 4)


def batches(n, seed):
    """Dark and bright noise, labels 0 and 1."""
    images = np.random.default_rng(seed).integers(0, 120, (n, 24, 24), dtype=np.uint8)
    labels = np.arange(n) % 2
    return Batches(images + (labels * 100).astype(np.uint8)[:, None, None], labels, 8, HARDWARE.device)


def small(name="mobilenet_v2", size=32):
    torch.manual_seed(0)
    return Network(name, 2, size=size, pretrained=False)


def go(folder, thawing=GRADUAL, epochs=4, **settings):
    network = small()
    history = train(
        network, batches(24, 0), batches(16, 1), make_loss("cross_entropy", 0.0, None),
        make_optimiser("adam", network, 1e-3, 0.0, stage_decay=0.5),
        epochs=epochs, seed=0, hardware=HARDWARE, folder=folder, thawing=thawing, clip=1.0, **settings,
    )  # fmt: skip
    return network, history.drop(columns="seconds")


def count_computed(monkeypatch):
    """Which parts pass through how many frozen stages: a list of (images, stages) that fills."""
    seen, compute = [], loop.through_trunk

    def listen(network, part, done, *others):
        seen.append((len(part.labels), done))
        return compute(network, part, done, *others)

    monkeypatch.setattr(loop, "through_trunk", listen)
    return seen


def test_training_is_the_same_as_without(tmp_path, monkeypatch):
    computed = count_computed(monkeypatch)
    with_trunk, history = go(tmp_path / "with")
    assert computed == [(24, 5), (16, 5), (24, 4), (16, 4)]  # once at each thaw
    monkeypatch.setattr(loop, "frozen_trunk", lambda network: 0)
    without, expected = go(tmp_path / "without")
    pd.testing.assert_frame_equal(history, expected, rtol=0, atol=1e-4)
    for name, value in without.state_dict().items():
        torch.testing.assert_close(with_trunk.state_dict()[name], value, rtol=0, atol=1e-4)
    assert history["stages"].tolist() == [1, 1, 2, 2]


@pytest.mark.parametrize(
    "thawing, settings, computed",
    [
        (UnfreezeSchedule(), {}, []),
        (UnfreezeSchedule.parse("1:2", 2, rest=False), {}, []),
        (UnfreezeSchedule.parse("1:1 2:2", 2), {}, []),  # an epoch each: nothing to gain
        (UnfreezeSchedule.parse("1:2", 2), {"augment": Augment(flip=True)}, [(16, 4)]),  # validation images alone
        (UnfreezeSchedule.parse("1:2", 2), {"mixup": 0.2}, [(16, 4)]),
    ],
)
def test_it_is_computed_only_where_it_never_changes(tmp_path, monkeypatch, thawing, settings, computed):
    seen = count_computed(monkeypatch)
    go(tmp_path, thawing, epochs=2, **settings)
    assert seen == computed


def test_an_interrupted_run_continues_exactly_after_each_thaw(tmp_path, monkeypatch):
    straight, whole = go(tmp_path / "straight")
    for epochs in (1, 3):  # in the middle of either phase
        folder = tmp_path / str(epochs)
        save, left = loop.checkpoint, iter(range(epochs - 1))

        def stop(*parts, save=save, left=left):
            save(*parts)
            if next(left, None) is None:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(loop, "checkpoint", stop)
            go(folder)
        resumed, history = go(folder)
        pd.testing.assert_frame_equal(history, whole)
        assert all(torch.equal(a, b) for a, b in zip(straight.parameters(), resumed.parameters(), strict=True))


def test_from_a_mapped_file_it_is_the_same(tmp_path, monkeypatch):
    network, images = small().eval(), batches(24, 0)
    thaw(network, last_stages(network, 2))
    in_memory = through_trunk(network, images, 4, HARDWARE, tmp_path)
    monkeypatch.setattr(feature_cache, "IN_MEMORY", 100)
    mapped = through_trunk(network, images, 4, HARDWARE, tmp_path)
    assert torch.equal(in_memory.images, mapped.images) and mapped.images.shape == (24, 96, 2, 2)
    assert not list(tmp_path.iterdir())
    for part in (in_memory, mapped):
        assert part.images.is_contiguous(memory_format=torch.channels_last)
        logits = torch.cat([network(features, part.done) for features, _ in part])
        torch.testing.assert_close(logits, network(images.images))
    monkeypatch.setattr(feature_cache.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 1000}))
    with pytest.raises(FerError, match=r"no room for the 0\.0 GB"):
        through_trunk(network, images, 4, HARDWARE, tmp_path)


def test_stages_that_are_not_in_sequence_are_left_alone():
    network = small("cnn")
    thaw(network, last_stages(network, 2))
    assert frozen_trunk(network) == 0
    network = small()
    thaw(network, ["stem", "classifier"])
    assert frozen_trunk(network) == 0


def test_a_plain_training_has_the_plain_columns(tmp_path):
    network = small()
    history = train(
        network, batches(8, 0), batches(8, 1), make_loss("cross_entropy", 0.0, None),
        make_optimiser("adam", network, 1e-3, 0.0), epochs=1, seed=0, hardware=HARDWARE, folder=tmp_path,
    )  # fmt: skip
    assert tuple(history) == COLUMNS
