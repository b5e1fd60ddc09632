"""Features shared by the runs of a study: the same bits as without, and each image once."""

import resource
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from fer_utils import devices
from fer_utils.data.loader import Batches
from fer_utils.experiments import run_files
from fer_utils.experiments.runner import run
from fer_utils.models import pretrained
from fer_utils.models.freezing import freeze, last_stages
from fer_utils.models.network import Network
from fer_utils.training import shared_features
from fer_utils.training.experiment import Experiment
from fer_utils.training.feature_cache import TRIED, cache_features
from fer_utils.training.shared_features import FeatureFile, SharedFeatures

SIDE = 32
HARDWARE = devices.choose("cpu", "fp32")
BEGIN = Experiment(
    dataset="drawn", task="binary", model="mobilenet_v2", image_size=SIDE, trainable=2,
    epochs=2, batch_size=16,
)  # fmt: skip


def test_runs_give_the_same_bits(drawn, tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "load", lambda model: None)  # random weights, of the seed
    later = [BEGIN.replace(task="multiclass"), BEGIN.replace(loss="focal")]
    for one in [BEGIN, *later]:
        expected = run(one, "cpu", "auto", tmp_path / "alone", drawn)
        folder = run(one, "cpu", "auto", tmp_path / "shared", drawn, share_features=True)
        histories = [pd.read_csv(at / "history.csv") for at in (expected, folder)]
        pd.testing.assert_frame_equal(*(h.drop(columns="seconds") for h in histories))
        ours, theirs = (run_files.read_predictions(at) for at in (folder, expected))
        assert all(np.array_equal(ours[name], theirs[name]) for name in theirs)


@pytest.fixture
def sharing(monkeypatch):
    """As on a processor whose bits do not depend on the images beside, whatever this one does."""
    monkeypatch.setattr(shared_features, "same_bits", lambda features, alone: True)


@pytest.mark.usefixtures("sharing")
def test_each_image_passes_once(drawn, tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "load", lambda model: None)  # random weights, of the seed
    passed, through = [], Network.features

    def count(network, images, stages):
        passed.append(len(images))
        return through(network, images, stages)

    monkeypatch.setattr(Network, "features", count)
    for one in (BEGIN, BEGIN.replace(loss="focal")):
        passed.clear()
        run(one, "cpu", "auto", tmp_path, drawn, share_features=True)
    assert max(passed) == TRIED, "of the second run all images are there"


def kept(tmp_path, **changed) -> SharedFeatures:
    rows = {"test": np.array([7, 2, 5, 0])}
    return replace(SharedFeatures(tmp_path, "digest", 9, rows), **changed)


@pytest.mark.usefixtures("sharing")
def test_a_trunk_has_a_file_of_its_own_whatever_differs(tmp_path):
    networks = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        networks.append(Network("mobilenet_v2", 2, SIDE).eval())
    same, equal, other = networks
    larger = Network("mobilenet_v2", 2, SIDE + 32).eval()
    larger.load_state_dict(same.state_dict())
    images = torch.randint(0, 256, (2, 1, 48, 48), dtype=torch.uint8)
    asked = [
        (kept(tmp_path), same, 3, "fp32"),
        (kept(tmp_path), other, 3, "fp32"),
        (kept(tmp_path), larger, 3, "fp32"),
        (kept(tmp_path), same, 2, "fp32"),
        (kept(tmp_path), same, 3, "bf16"),
        (kept(tmp_path, images="digest, median"), same, 3, "fp32"),
    ]
    for number, (shared, network, stages, precision) in enumerate(asked, start=1):
        with torch.no_grad():
            hardware = devices.Hardware(torch.device("cpu"), precision)
            assert shared.of(network, stages, hardware, images)
        assert len(list(tmp_path.iterdir())) == number
    with torch.no_grad():
        kept(tmp_path).of(equal, 3, HARDWARE, images)
    assert len(list(tmp_path.iterdir())) == len(asked)


@pytest.mark.usefixtures("sharing")
def test_splits_that_share_images_find_them_by_their_rows(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (9, 32, 32), dtype=np.uint8)
    network = Network("mobilenet_v2", 2, SIDE)
    freeze(network, last_stages(network, 2))
    for rows in ([7, 2, 5, 0], [0, 1, 2, 3, 8], list(range(9))):
        shared = kept(tmp_path, rows={"test": np.array(rows)})
        part = Batches(images, np.zeros(len(rows)), 4, HARDWARE.device, np.array(rows))
        of_stages = network, part, 4, HARDWARE, tmp_path, 3
        expected = cache_features(*of_stages)
        found = cache_features(*of_stages, shared, "test").images
        torch.testing.assert_close(found, expected.images, rtol=1e-4, atol=1e-5)
        assert len(list(tmp_path.iterdir())) == 1


def test_features_that_depend_on_the_images_beside_are_not_shared(tmp_path):
    network = Network("mobilenet_v2", 2, SIDE).eval()
    network.features = lambda images, stages: images.float() * (1 + len(images))
    assert kept(tmp_path).of(network, 3, HARDWARE, torch.ones(3, 1, 4, 4)) is None
    assert not list(tmp_path.iterdir())


def test_on_a_full_disk_nothing_is_kept_and_all_is_computed(tmp_path):
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    images = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 8, 5, 5)
    file, rows = FeatureFile(tmp_path / "file", 9, images[0]), np.array([1, 3, 5, 7])
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (9 + 4 * 800 + 100, limit[1]))
        assert torch.equal(file.features(rows, images, lambda x: 2 * x), 2 * images)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert torch.equal(file.features(rows, images, lambda x: 3 * x), 3 * images)
    assert torch.equal(file.features(rows, images, lambda x: 4 * x), 3 * images)  # now it is kept
