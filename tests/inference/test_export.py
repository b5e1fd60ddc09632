"""The exported network gives the run's own probabilities, and says what it is."""

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save

import fer_utils
from fer_utils.errors import FerError
from fer_utils.evaluation.calibration import fit_temperature
from fer_utils.evaluation.metrics import probabilities
from fer_utils.experiments.finished_run import load_finished_run
from fer_utils.experiments.runner import run
from fer_utils.inference import export
from fer_utils.training.experiment import Experiment

CLASSES = ["happy", "sad"]


def test_the_file_gives_the_runs_own_probabilities(exported, best):
    folder, path, faces = exported
    saved = load_finished_run(folder).predictions
    frame = best.predict(faces.images[saved["test_rows"]], raw=True)
    assert list(frame.columns) == ["source", *CLASSES, "label", "sure", "error"]
    np.testing.assert_allclose(frame[CLASSES], probabilities(saved["test_logits"]), atol=5e-3)
    assert (frame["label"] == np.array(CLASSES)[frame[CLASSES].to_numpy().argmax(1)]).all()
    assert frame["source"].tolist() == list(range(len(frame))) and (frame["error"] == "").all()
    assert path.stat().st_size < export.LARGEST


def test_the_file_says_what_it_is(exported, best):
    about = best.about
    assert about["classes"] == CLASSES and about["size"] == 48 and about["channels"] == 1
    assert about["run"] == exported.folder.name and about["digest"] == exported.faces.digest
    assert about["tta"] == "flip" and about["side"] == 48 and about["grey"]
    assert about["precision"] == "float16" and 0 < about["difference"] <= export.COST
    assert about["images_per_second"] > 0 and "cpu" in about["device"] and int(about["threads"]) > 0
    saved = load_finished_run(exported.folder).predictions
    for part in ("val", "test"):
        right = saved[f"{part}_logits"].argmax(1) == saved[f"{part}_labels"]
        assert about[part] == pytest.approx(right.mean(), abs=1e-4)
        assert about[f"{part}_images"] == len(right)


def test_probabilities_are_calibrated_and_sure_is_chosen_on_validation(exported, best):
    saved = load_finished_run(exported.folder).predictions
    about, labels = best.about, saved["val_labels"]
    assert about["temperature"] == pytest.approx(
        fit_temperature(saved["val_logits"], labels), abs=1e-4
    )
    calibrated = probabilities(saved["test_logits"] / about["temperature"])
    frame = best.predict(exported.faces.images[saved["test_rows"]])
    np.testing.assert_allclose(frame[CLASSES], calibrated, atol=5e-3)
    sure = about["sure"]
    validation = probabilities(saved["val_logits"] / about["temperature"])
    above = validation.max(1) > sure["above"]
    assert sure["val"] == pytest.approx(above.mean(), abs=1e-4) and sure["right"] == export.SURE
    if above.any():
        assert (validation.argmax(1) == labels)[above].mean() >= export.SURE
    near = np.abs(calibrated.max(1) - sure["above"]) < 5e-3  # half precision may move these
    assert (frame["sure"] == (calibrated.max(1) > sure["above"]))[~near].all()


def test_an_older_file_gets_what_it_lacks_and_keeps_its_weights(exported, tmp_path):
    path = tmp_path / "old.safetensors"
    with safe_open(exported.path, "pt") as file:
        about, names = file.metadata(), file.keys()
        tensors = {name: file.get_tensor(name) for name in names}
    old = {name: text for name, text in about.items() if name not in ("temperature", "sure")}
    path.write_bytes(save(tensors, old))
    with pytest.raises(FerError, match="not a network exported by this package"):
        fer_utils.load_best(path)
    assert export.bring_up_to_date(path, exported.folder)
    again = fer_utils.load_best(path)
    assert again.about == fer_utils.load_best(exported.path).about
    for name, tensor in again.network.state_dict().items():
        assert torch.equal(tensor.to(tensors[name].dtype), tensors[name])
    assert not export.bring_up_to_date(path, exported.folder)


def test_who_may_read_the_other_results_may_read_the_file(exported):
    assert exported.path.stat().st_mode == (exported.folder / "metrics.csv").stat().st_mode


def test_single_precision_where_half_would_cost(exported, tmp_path, monkeypatch):
    difference = fer_utils.load_best(exported.path).about["difference"]
    monkeypatch.setattr(export, "COST", difference / 2)
    with pytest.raises(FerError, match=r"m\.safetensors: 11\.2 MB; more than 10 are too many"):
        export.export(exported.folder, tmp_path / "m.safetensors", exported.faces)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(export, "LARGEST", 12_000_000)
    about = export.export(exported.folder, tmp_path / "m.safetensors", exported.faces).about
    assert about["precision"] == "float32" and about["difference"] < difference / 2


def test_a_public_backbone_can_be_exported_as_well(exported, tmp_path, monkeypatch):
    monkeypatch.setattr(export, "LARGEST", 30e6)
    tiny = Experiment(
        dataset="drawn", task="happy+sad", model="resnet18_scratch", image_size=32, cap=10, epochs=1
    )
    folder = run(tiny, "cpu", results=tmp_path / "results", faces=exported.faces)
    best = export.export(folder, tmp_path / "model.safetensors", exported.faces)
    assert best.about["mean"] == pytest.approx([0.485, 0.456, 0.406])
    # it enlarges or shrinks what the run was tested on by itself, and saw no colour
    saved = load_finished_run(folder).predictions
    faces = [
        Image.fromarray(face).convert("RGB") for face in exported.faces.images[saved["test_rows"]]
    ]
    answers = best.predict(faces, raw=True)[CLASSES]
    np.testing.assert_allclose(answers, probabilities(saved["test_logits"]), atol=5e-3)


def test_a_checkpoint_of_another_network_is_refused(exported, tmp_path):
    folder = tmp_path / exported.folder.name
    folder.mkdir()
    for file in exported.folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    state = torch.load(folder / "last.pth", weights_only=True)
    state["body.head.3.bias"] += torch.tensor([1.0, -1.0])
    torch.save(state, folder / "last.pth")
    with pytest.raises(FerError, match="does not give the probabilities"):
        export.export(folder, tmp_path / "m.safetensors", exported.faces)
    (folder / "last.pth").unlink()
    with pytest.raises(FerError, match="the checkpoint is not here"):
        export.export(folder, tmp_path / "m.safetensors", exported.faces)
    assert not list(tmp_path.glob("m.*"))
