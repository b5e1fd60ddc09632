"""A finished run taken up again."""

import shutil

import numpy as np
import pytest

from fer_utils import paths
from fer_utils.data.dataset import open_store
from fer_utils.errors import FerError
from fer_utils.experiments import finished_run
from fer_utils.experiments.finished_run import has_checkpoint, load_finished_run
from fer_utils.experiments.runner import run
from fer_utils.training.experiment import Experiment


@pytest.fixture(scope="module")
def trained(drawn, tmp_path_factory):
    """(faces, run folder), of a run whose best epoch was tested, with test-time augmentation."""
    home = tmp_path_factory.mktemp("trained")
    drawn.save(home / "data" / "drawn")
    faces = open_store(home / "data" / "drawn")
    settings = {"task": "binary", "epochs": 2, "batch_size": 16, "select": "best", "tta": "flip"}
    chosen = Experiment(dataset="drawn", **settings)
    return faces, run(chosen, "cpu", "fp32", home / "results", faces)


def test_its_network_gives_the_saved_logits_again(trained):
    faces, folder = trained
    finished = load_finished_run(folder)
    rows = finished.predictions["test_rows"]
    logits = finished.logits(faces.images[rows])
    np.testing.assert_allclose(logits, finished.predictions["test_logits"], atol=1e-5)
    assert finished.classes == tuple(finished.predictions["classes"]) == ("happy", "sad")
    assert not finished.network.training and finished.experiment.id == folder.name


def test_its_data_set_is_the_one_that_it_was_made_from(trained, tmp_path, monkeypatch):
    faces, folder = trained
    monkeypatch.setattr(paths, "DATA", tmp_path)
    finished = load_finished_run(folder)
    faces.save(tmp_path / "drawn")
    assert finished.faces().digest == faces.digest
    faces.__class__(255 - faces.images, faces.index, "negatives").save(tmp_path / "drawn")
    with pytest.raises(FerError, match=r"made from drawn faces.*the present data/drawn .negatives"):
        finished.faces()


def test_only_the_checkpoint_that_was_tested_is_asked_for(trained, tmp_path):
    folder = tmp_path / trained[1].name
    shutil.copytree(trained[1], folder)
    (folder / "last.pth").unlink()
    assert has_checkpoint(folder) and load_finished_run(folder).folder == folder
    (folder / "best.pth").unlink()
    assert not has_checkpoint(folder)
    with pytest.raises(FerError, match=r"best.pth: the checkpoint is not here"):
        load_finished_run(folder)


def test_an_unfinished_run_is_refused(tmp_path):
    with pytest.raises(FerError, match="no finished run"):
        load_finished_run(tmp_path)


def test_a_network_for_filtered_images_is_refused(finished):
    """Its images would have to be filtered by whoever gives them."""
    with pytest.raises(FerError, match="takes median-filtered images"):
        load_finished_run(finished[3])


def test_the_module_reads_data_by_name(trained, monkeypatch):
    """The data set may be one that is drawn when it is needed."""
    faces, folder = trained
    monkeypatch.setattr(finished_run, "open_dataset", lambda name: {"drawn": faces}[name])
    assert load_finished_run(folder).faces() is faces
