"""From finished runs of study `best` to its pages: choice, export, tables, model card, figures."""

import hashlib
import re
import shutil
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from fer_utils import io, load_best, paths
from fer_utils.data import audit
from fer_utils.data.dataset import open_store
from fer_utils.errors import FerError
from fer_utils.experiments import studies
from fer_utils.experiments.results import open_results
from fer_utils.reporting import best_export, best_network, best_plots, best_tables

TINY = {"epochs": 1, "model": "cnn", "batch_size": 16}


@pytest.fixture(scope="module")
def home(drawn, tmp_path_factory):
    """A home with the drawn faces, their audit, and two seeds of study `best`."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "DATA", home / "data")
        drawn.save(home / "data" / "drawn")
        audit.write(open_store(home / "data" / "drawn"), home / "results" / "drawn" / "audit", 0.99)
        studies.run_study("best", "drawn", "cpu", "fp32", home / "results", seeds=[0, 1], **TINY)
        yield home


@pytest.fixture(scope="module")
def folder(home):
    return best_network.make("drawn", results=home / "results")


def test_the_run_of_the_highest_validation_accuracy_is_exported(home, folder):
    study = open_results("drawn", home / "results").study("best")
    accuracies = (
        study.scores("val")
        .query("metric == 'accuracy' and task == 'seven'")
        .set_index("run")["value"]
    )
    about = load_best(folder / "model.safetensors").about
    assert about["val"] == pytest.approx(accuracies.max(), abs=1e-4) and about["task"] == "seven"
    assert about["protocol"].startswith("PublicTest validates")
    with pytest.raises(FerError, match="no finished run of task 'happy\\+fear'"):
        best_network.choose(study, "happy+fear")


def test_equal_runs_go_to_the_first_seed(home):
    study = open_results("drawn", home / "results").study("best")
    study.metrics.loc[study.metrics["split"] == "val", "value"] = 0.5
    seeds = study.runs.set_index("run")["seed"]
    assert seeds[best_network.choose(study, "seven")] == 0


def test_an_audit_of_other_data_is_refused_before_anything_is_written(home, folder, tmp_path):
    results = tmp_path / "results" / "drawn"
    for part in ("runs", "studies"):
        results.mkdir(parents=True, exist_ok=True)
        (results / part).symlink_to(home / "results" / "drawn" / part)
    shutil.copytree(home / "results" / "drawn" / "audit", results / "audit")
    about = io.read_json(results / "audit" / audit.ABOUT)
    io.write_json(results / "audit" / audit.ABOUT, about | {"digest": "another"})
    with pytest.raises(FerError, match="is the audit of other data"):
        best_network.make("drawn", results=results.parent)
    assert not (results / "best").exists()


def test_every_page_is_written_and_read(home, folder):
    (folder / "my_faces.csv").write_text("what a visitor left here\n")
    frames = best_network.read("drawn", home / "results")
    of_file = {"exported", "abstention", "abstention_curve", "other_pictures"}
    assert set(frames) == {"scores", "ensembles", "restricted", "parts", "robustness"} | of_file
    accuracy = frames["scores"].query("metric == 'accuracy'").set_index("task")
    assert list(accuracy.index) == ["binary", "three", "multiclass", "seven"]
    assert (
        accuracy.loc["seven", ["images", "seeds"]].tolist() == [28, 2]
        and accuracy.loc["binary", "images"] == 16
    )
    assert (accuracy["low"] <= accuracy["mean"]).all() and (
        accuracy["mean"] <= accuracy["high"]
    ).all()
    assert set(frames["parts"].query("role == 'validation'")["part"]) == {"PublicTest"}
    whole = frames["parts"].query("part == 'all'")["value"].item()
    clean = frames["robustness"].query("strength == 0 and `class` == ''")["value"].item()
    assert clean == pytest.approx(whole)
    assert (
        frames["restricted"].set_index("task").loc["binary", "images"] == 16
    )  # PublicTest decided nothing
    assert best_network.read("nothing", home / "results") == {}


def test_every_number_of_the_model_card_comes_from_the_results(home, folder):
    card = (folder.parent / "MODEL_CARD.md").read_text(encoding="utf-8")
    for part in (
        "28 images",
        "| PrivateTest | test | 28 |",
        "must not be used",
        "2,4",
        "MB",
        "JPEG",
        hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest(),
    ):
        assert part in card, part
    assert "nan" not in card and "None" not in card
    for picture in re.findall(r"\]\((best/\w+\.png)\)", card):
        assert (folder.parent / picture).stat().st_size > 1000
    assert card.count(".png)") == 3


def test_tables_and_figures(home, folder):
    frames = best_network.read("drawn", home / "results")
    for name in ("parts", "ensembles", "restricted"):
        text = getattr(best_tables, name)(frames[name])
        assert text.startswith(r"\begin{tabular}") and text.count(r" \\") > len(frames[name])
    row = {"full": 0.7, "without": 0.69, "p_holm": 0.03}
    rows = [
        row | {"ingredient": name, "split": split, "n": n, "mean": 0.01, "low": low, "high": high}
        for name, n, low, high in (("flip", 3, 0.005, 0.015), ("erasing", 1, np.nan, np.nan))
        for split in ("val", "test")
    ]
    text = best_tables.ablation(pd.DataFrame(rows))
    effect, alone = r"$+1.0$ & $+0.5$ to $+1.5$", r"$+1.0$ & "
    assert rf"flip & 3 & {effect} & {effect} & 0.030 \\" in text
    assert rf"erasing & 1 & {alone} & {alone} & " in text
    curve = pd.DataFrame(
        {"model": "cnn", "epoch": [1, 2], "minutes": [0.5, 1.0], "val_accuracy": [0.3, 0.4]}
    )
    figures = [best_plots.robustness(frames["robustness"]), best_plots.ablation(pd.DataFrame(rows))]
    figures.append(best_plots.curves(curve))
    assert [len(figure.axes) for figure in figures] == [8, 2, 1]
    for figure in figures:
        figure.canvas.draw()
        plt.close(figure)


def test_without_the_checkpoint_the_export_stays(home, folder, capsys):
    run = home / "results" / "drawn" / "runs" / load_best(folder / "model.safetensors").about["run"]
    before = {
        path.name: path.read_bytes()
        for path in [*folder.iterdir(), folder.parent / "MODEL_CARD.md"]
    }
    (folder / "scores.csv").unlink()
    hidden = (run / "last.pth").rename(run / "hidden.pth")
    best_network.make("drawn", results=home / "results")
    assert "its checkpoint is not here; its export stays" in capsys.readouterr().out
    after = {
        path.name: path.read_bytes()
        for path in [*folder.iterdir(), folder.parent / "MODEL_CARD.md"]
    }
    assert after == before
    with pytest.raises(FerError, match="unknown device 'gpu'"):
        best_network.make("drawn", device="gpu", results=home / "results")
    exported = (folder / "model.safetensors").rename(folder / "hidden.safetensors")
    with pytest.raises(FerError, match="the checkpoint is not here"):
        best_network.make("drawn", results=home / "results")
    exported.rename(folder / "model.safetensors")
    hidden.rename(run / "last.pth")


def test_speeds_are_measured_once_for_the_same_runs(home, folder, monkeypatch, capsys):
    """Of a made-up study start: measuring takes longer than all the rest."""
    run = open_results("drawn", home / "results").study("best").runs["run"].iloc[0]
    listed = folder.parent / "studies" / "start.json"
    io.write_json(listed, [run])
    calls = []

    def networks(study, device):
        calls.append(device)
        made = {"model": ["cnn"], "minutes": 1 / 3, "epochs": 1, "device": f"{device}, a"}
        return pd.DataFrame(made)

    monkeypatch.setattr(best_network.costs, "networks", networks)
    best_network.make("drawn", results=home / "results")
    first = (folder / "networks.csv").read_bytes(), (folder / "curves.csv").read_bytes()
    best_network.make("drawn", results=home / "results")
    assert len(calls) == 1 and "delete it to measure anew" in capsys.readouterr().out
    assert first == ((folder / "networks.csv").read_bytes(), (folder / "curves.csv").read_bytes())
    index = io.read_json(folder / "evidence.json")
    assert index["networks.csv"]["runs"] == [run] and len(index["scores.csv"]["runs"]) > 1
    assert {f"{name}.csv" for name in best_network.read("drawn", home / "results")} == set(index)
    (folder / "networks.csv").unlink()
    best_network.make("drawn", results=home / "results")
    assert len(calls) == 2
    for name in ("networks.csv", "curves.csv"):
        (folder / name).unlink()
    listed.unlink()


def test_what_was_measured_of_another_network_does_not_outlive_it(home, folder, monkeypatch):
    monkeypatch.setattr(best_export.robustness, "parts", lambda *_: 1 / 0)  # as if stopped there
    with pytest.raises(ZeroDivisionError):
        best_network.make("drawn", "binary", results=home / "results")
    of_images = set(best_export.MEASURED)
    assert not of_images & set(best_network.read("drawn", home / "results"))
    assert not (folder / "predictions.npz").exists()
    monkeypatch.undo()
    best_network.make("drawn", device="auto", results=home / "results")
    assert of_images <= set(best_network.read("drawn", home / "results"))


def test_what_is_missing_is_measured_of_the_file_that_is_here(home, folder, capsys, monkeypatch):
    """Without the checkpoint: another file under this name, or a page that is gone."""
    file = load_best(folder / "model.safetensors")
    run = home / "results" / "drawn" / "runs" / file.about["run"]
    hidden = (run / "last.pth").rename(run / "hidden.pth")
    stored = (folder / "predictions.npz").read_bytes()
    (folder / "robustness.csv").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(paths, "DATA", home / "nowhere")
        with pytest.raises(FerError, match="lacks what is measured of model"):
            best_network.make("drawn", results=home / "results")
    best_network.make("drawn", results=home / "results")
    assert "measured before" not in capsys.readouterr().out
    with np.load(folder / "predictions.npz") as arrays:
        made = dict(arrays)
    export = folder / "model.safetensors"
    assert str(made["sha256"]) == hashlib.sha256(export.read_bytes()).hexdigest()
    rows = open_store(home / "data" / "drawn").images[made["test_rows"]]
    np.testing.assert_allclose(made["test_logits"], file.logits(rows), atol=1e-4)
    (folder / "predictions.npz").write_bytes(stored)
    best_network.make("drawn", results=home / "results")
    assert "measured before" in capsys.readouterr().out
    content = export.read_bytes()
    with safe_open(export, "pt") as opened:
        about = opened.metadata() | {"note": '"the same weights in another file"'}
    save_file(load_file(export), export, about)
    best_network.make("drawn", results=home / "results")
    assert "measured before" not in capsys.readouterr().out
    export.write_bytes(content)
    hidden.rename(run / "last.pth")


def test_the_committed_study_is_not_written_to_from_another_home(home, monkeypatch):
    monkeypatch.setattr(paths, "REFERENCE", home / "results")
    monkeypatch.setattr(paths, "RESULTS", home / "elsewhere")
    with pytest.raises(FerError, match="has no runs of drawn"):
        best_network.make("drawn", results=paths.RESULTS)


def test_a_data_set_without_private_test_is_refused_before_anything_is_trained(
    home, drawn, tmp_path
):
    splits = drawn.index["split"].replace({"PrivateTest": "PublicTest"})
    replace(drawn, index=drawn.index.assign(split=splits)).save(home / "data" / "mine")
    with pytest.raises(FerError, match="has 0 test images"):
        studies.run_study("best", "mine", "cpu", "fp32", tmp_path, seeds=[0], **TINY)
    assert not any(tmp_path.iterdir())


def test_what_is_missing_is_said(home, tmp_path):
    with pytest.raises(FerError, match="no finished runs under"):
        best_network.make("nothing", results=home / "results")
    near = home / "results" / "drawn" / "audit" / "near.csv"
    hidden = near.rename(near.with_suffix(".hidden"))
    with pytest.raises(FerError, match="the audit of drawn is missing: python -m fer_utils audit"):
        best_network.make("drawn", results=home / "results")
    hidden.rename(near)
