"""A run: what it leaves, what it refuses, and how it goes on after an interruption."""

import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from fer_utils.data.augmentation import Augment
from fer_utils.data.dataset import open_store
from fer_utils.data.loader import Batches
from fer_utils.errors import FerError
from fer_utils.evaluation import metrics, prediction
from fer_utils.experiments import recipes, results, run_files, runner, testing
from fer_utils.experiments.finished_run import load_finished_run
from fer_utils.experiments.runner import folder_of, run
from fer_utils.training import loop
from fer_utils.training.experiment import Experiment

SMALL = {"dataset": "drawn", "epochs": 2, "batch_size": 16}


def test_what_a_run_leaves(finished):
    chosen, faces, _, folder = finished
    assert {p.name for p in folder.iterdir()} == {
        "config.json", "history.csv", "metrics.csv", "confusion.csv", "predictions.npz",
        "best.pth", "last.pth", "done.json",
    }  # fmt: skip
    config = json.loads((folder / "config.json").read_text())
    assert Experiment(**config["experiment"]) == chosen
    assert config["classes"] == ["angry", "fear", "happy", "sad"]
    assert config["data"]["digest"] == faces.digest
    assert {"device", "precision", "torch", "commit"} <= set(config["hardware"])
    assert config["pretrained"] is None
    history = pd.read_csv(folder / "history.csv")
    assert history["epoch"].tolist() == [1, 2]


def test_saved_logits_give_the_saved_scores(finished):
    _, faces, root, folder = finished
    opened = results.open_results("drawn", root)
    saved = opened.predictions(folder.name)
    names = faces.index["label"].iloc[saved["test_rows"]]
    assert list(names) == list(saved["classes"][saved["test_labels"]])
    for split in ("val", "test"):
        labels, logits = saved[f"{split}_labels"], saved[f"{split}_logits"]
        again = metrics.scores(labels, logits, tuple(saved["classes"]))
        scores = opened.metrics[opened.metrics["split"] == split]
        np.testing.assert_allclose(again["value"], scores["value"])
    assert opened.confusion(folder.name).to_numpy().sum() == len(saved["test_labels"]) == 4 * 8


def test_the_history_and_the_scores_have_the_same_validation_images(finished):
    _, _, root, folder = finished
    opened = results.open_results("drawn", root)
    last = opened.history.query("run == @folder.name")["val_accuracy"].iloc[-1]
    saved = opened.predictions(folder.name)
    assert last == pytest.approx(metrics.is_correct(saved, "val").mean())
    assert len(saved["val_labels"]) != len(saved["test_labels"])


@pytest.mark.parametrize("loss, name", [("cross_entropy", "weight"), ("focal", "alpha")])
def test_the_class_weights_are_the_tasks_or_none(drawn, tmp_path, monkeypatch, loss, name):
    weights = []

    def stop(trainer, *_):
        weights.append(getattr(trainer.criterion, name))
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "train_one_epoch", stop)
    for weighted in (True, False):
        chosen = Experiment(task="multiclass", loss=loss, class_weights=weighted, **SMALL)
        with pytest.raises(KeyboardInterrupt):
            run(chosen, "cpu", "fp32", tmp_path, drawn)
    assert weights[0].tolist() == pytest.approx([2.0, 1.5, 1.0, 1.3]) and weights[1] is None


def test_the_weights_reach_the_loss_in_the_order_that_is_named(drawn, tmp_path, monkeypatch):
    def stop(trainer, *_):
        weights.extend(trainer.criterion.weight.tolist())
        raise KeyboardInterrupt

    weights = []
    monkeypatch.setattr(loop, "train_one_epoch", stop)
    chosen = Experiment(task="multiclass", weight_order="sad+angry+fear+happy", **SMALL)
    with pytest.raises(KeyboardInterrupt):
        run(chosen, "cpu", "fp32", tmp_path, drawn)
    assert weights == pytest.approx([1.5, 1.0, 1.3, 2.0])


def test_one_seed_for_everything_is_the_same_seed_for_each_source(drawn, tmp_path):
    """To the bit, so that the runs that are there count among those of study chance."""
    one = Experiment(task="binary", cap=10, seed=3, **SMALL)
    each = one.replace(seed=0, split_seed=3, init_seed=3, order_seed=3)
    first, other = (run(chosen, "cpu", "fp32", tmp_path, drawn) for chosen in (one, each))
    for file in ("best.pth", "last.pth"):
        weights, same = (torch.load(f / file, weights_only=True) for f in (first, other))
        assert all(torch.equal(value, same[name]) for name, value in weights.items())
    saved = [dict(np.load(folder / "predictions.npz")) for folder in (first, other)]
    assert all((value == saved[1][name]).all() for name, value in saved[0].items())


def chances(drawn, folder, monkeypatch, **settings):
    """What each source gave a run: its images, its first weights, the order and the first draw."""
    seen, train, mixup, shuffled = {}, runner.train, loop.mixup, Batches.shuffled

    def note_start(network, loaders, *others):
        seen["split_seed"] = [loaders[part].images.sum((1, 2, 3)) for part in ("train", "val")]
        seen["init_seed"] = [value.clone() for value in network.state_dict().values()]
        return train(network, loaders, *others)

    def note_order(batches, *others):
        places = Batches(
            np.arange(len(batches.labels), dtype=np.uint8)[:, None, None], batches.labels, 16, "cpu"
        )
        seen["order_seed"] = [torch.cat([images for images, _ in shuffled(places, *others)])]
        return shuffled(batches, *others)

    def note_draw(*others):
        seen["order_seed"].append(torch.rand(()))
        return mixup(*others)

    with monkeypatch.context() as patch:
        patch.setattr(runner, "train", note_start)
        patch.setattr(Batches, "shuffled", note_order)
        patch.setattr(loop, "mixup", note_draw)
        chosen = Experiment(task="binary", cap=10, **SMALL).replace(epochs=1, **settings)
        run(chosen, "cpu", "fp32", folder, drawn)
    return seen


@pytest.mark.parametrize("source", ["split_seed", "init_seed", "order_seed"])
def test_a_source_of_chance_leaves_the_others_alone(drawn, tmp_path, monkeypatch, source):
    before = chances(drawn, tmp_path, monkeypatch)
    after = chances(drawn, tmp_path, monkeypatch, **{source: 1})
    same = {
        name: all(torch.equal(a, b) for a, b in zip(values, after[name], strict=True))
        for name, values in before.items()
    }
    assert same == {name: name != source for name in ("split_seed", "init_seed", "order_seed")}


@pytest.mark.parametrize("tested, other", [("best", "last"), ("last", "best")])
def test_the_selected_epoch_is_tested(drawn, tmp_path, monkeypatch, tested, other):
    """The weights of the other one are gone before the test."""
    train = runner.train

    def lose_the_other(network, loaders, config, hardware, folder, *others):
        history = train(network, loaders, config, hardware, folder, *others)
        (folder / f"{other}.pth").unlink()
        return history

    monkeypatch.setattr(runner, "train", lose_the_other)
    chosen = Experiment(task="binary", select=tested, **SMALL)
    assert (run(chosen, "cpu", "fp32", tmp_path, drawn) / "done.json").exists()


@pytest.mark.parametrize("best, predictions", [(1, 4), (2, 2)])
def test_best_and_last_epoch_are_two_predictions_of_one_run(
    drawn, tmp_path, monkeypatch, best, predictions
):
    """The best is the run's own. Where it is the last one, nothing is predicted twice."""
    validated, predicted = iter([0.9, 0.8] if best == 1 else [0.8, 0.9]), []
    measure = loop.evaluate

    def evaluate(*of):
        return measure(*of) | {"val_accuracy": next(validated)}

    def predict(*of):
        predicted.append(prediction.predict(*of))
        return predicted[-1]

    monkeypatch.setattr(loop, "evaluate", evaluate)
    monkeypatch.setattr(testing, "prediction", SimpleNamespace(predict=predict))
    chosen = Experiment(task="binary", select="both", **SMALL)
    folder = run(chosen, "cpu", "fp32", tmp_path, drawn)
    assert len(predicted) == predictions
    opened = results.open_results("drawn", tmp_path)
    saved = opened.predictions(folder.name)
    tested = load_finished_run(folder)
    test_images = drawn.images[saved["test_rows"]]
    np.testing.assert_allclose(saved["test_logits"], tested.logits(test_images), atol=1e-5)
    tested.network.load_state_dict(torch.load(folder / "last.pth", weights_only=True))
    np.testing.assert_allclose(saved["test_last_logits"], tested.logits(test_images), atol=1e-5)
    assert (saved["test_logits"] == saved["test_last_logits"]).all() == (best == 2)
    accuracy = opened.metrics.query("metric == 'accuracy'").set_index("split")["value"]
    assert list(accuracy.index) == ["val", "test", "val_last", "test_last"]
    for split in ("val_last", "test_last"):
        labels = saved[split.removesuffix("_last") + "_labels"]
        right = saved[f"{split}_logits"].argmax(1) == labels
        assert accuracy[split] == pytest.approx(right.mean())
    assert not run_files.rescore(folder)


def test_the_best_recipe_runs_and_its_parts_reach_the_loop(drawn, tmp_path, monkeypatch):
    seen, train_one_epoch = {}, loop.train_one_epoch

    def listen(trainer, *others):
        seen.update(vars(trainer), augment=Augment.of(trainer.config))
        return train_one_epoch(trainer, *others)

    monkeypatch.setattr(loop, "train_one_epoch", listen)
    settings = SMALL | {"mixup": 0.2, "brightness": 0.1, "contrast": 0.1}
    *_, chosen = recipes.make_study("best", seeds=[0], **settings)
    folder = run(chosen, "cpu", "fp32", tmp_path, drawn)
    parts = {field: getattr(chosen, field) for field in vars(seen["augment"])}
    assert vars(seen["augment"]) == parts
    unused = [name for name, strength in parts.items() if not strength]
    assert unused == ["saturation"]  # the faces are grey
    assert seen["criterion"].label_smoothing == chosen.label_smoothing > 0
    assert (seen["config"], seen["config"].mixup) == (chosen, 0.2)
    assert (seen["schedule"].schedule, seen["ema"].decay) == ("one_cycle", chosen.ema)
    images = json.loads((folder / "config.json").read_text())["images"]
    assert chosen.task == "seven" and images == {"train": 84, "val": 28, "test": 28}
    with np.load(folder / "predictions.npz") as saved:
        averaged_over_views = np.exp(saved["test_logits"]).sum(1)
        np.testing.assert_allclose(averaged_over_views, 1, atol=1e-5)


def test_a_finished_run_is_not_repeated(finished):
    chosen, faces, root, folder = finished
    before = (folder / "done.json").stat().st_mtime_ns
    assert run(chosen, "cpu", "fp32", root, faces) == folder
    assert (folder / "done.json").stat().st_mtime_ns == before


def test_two_processes_do_not_compute_the_same_run(drawn, tmp_path):
    chosen = Experiment(task="binary", **SMALL)
    folder = folder_of(chosen, tmp_path)
    with (
        runner.io.exclusive_lock(folder),
        pytest.raises(FerError, match="computed by another process"),
    ):
        run(chosen, "cpu", "fp32", tmp_path, drawn)
    assert not folder.exists()


def test_a_run_says_on_what_it_was_computed_and_where_it_was_continued(
    drawn, tmp_path, monkeypatch
):
    chosen = Experiment(task="binary", **SMALL | {"epochs": 3})
    torch_threads = torch.get_num_threads()

    def stop_after_first_epoch(self, row):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(runner.tracking.Tracker, "epoch", stop_after_first_epoch)
        run(chosen, "cpu", "fp32", tmp_path, drawn)
    try:
        torch.set_num_threads(1 if torch_threads > 1 else 2)
        # auto: goes on in the precision it had
        folder = run(chosen, "cpu", "auto", tmp_path, drawn)
    finally:
        torch.set_num_threads(torch_threads)
    config = json.loads((folder / "config.json").read_text())
    first, second = config["segments"]
    assert (first["first_epoch"], second["first_epoch"]) == (1, 2)
    assert first["precision"] == second["precision"] == config["hardware"]["precision"] == "fp32"
    assert first["threads"] != second["threads"]
    described = {"cpu", "instructions", "bf16", "blas", "onednn", "threads", "precision", "torch"}
    assert described | {"commit"} <= set(first)
    assert all(value and value != "unknown" for key, value in first.items() if key != "commit")


def test_a_run_begun_in_bf16_is_not_continued_where_bf16_is_only_imitated(
    drawn, tmp_path, monkeypatch
):
    chosen = Experiment(task="binary", **SMALL)
    segments = [{"first_epoch": 1, "precision": "bf16"}]
    monkeypatch.setattr(runner.devices, "_bf16_units", list)
    with pytest.raises(FerError, match=r"begun in bf16.*--precision fp32"):
        runner._hardware("cpu", "auto", segments, chosen.id)
    assert runner._hardware("cpu", "fp32", segments, chosen.id).precision == "fp32"


def test_final_scores_are_computed_without_tf32(drawn, tmp_path, monkeypatch):
    seen, logits = [], prediction._logits

    def look(*parts):
        seen.append((torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32))
        return logits(*parts)

    monkeypatch.setattr(prediction, "_logits", look)
    before = torch.backends.cudnn.allow_tf32
    run(Experiment(task="binary", **SMALL), "cpu", "fp32", tmp_path, drawn)
    assert set(seen) == {(False, False)} and torch.backends.cudnn.allow_tf32 == before


def test_a_run_that_cannot_start_leaves_nothing(drawn, tmp_path):
    with pytest.raises(FerError, match="no class 'joy'"):
        run(Experiment(task="joy+sad", **SMALL), "cpu", "fp32", tmp_path, drawn)
    assert not list((tmp_path / "drawn" / "runs").iterdir())


def test_saturation_is_for_colour(drawn, tmp_path):
    chosen = Experiment(saturation=0.2, **SMALL)
    with pytest.raises(FerError, match="saturation needs colour images; those of drawn are grey"):
        run(chosen, "cpu", "fp32", tmp_path, drawn)
    colour = drawn.__class__(np.repeat(drawn.images[..., None], 3, 3), drawn.index, drawn.source)
    assert (run(chosen, "cpu", "fp32", tmp_path, colour) / "done.json").exists()


def test_a_class_of_three_images_runs_and_too_few_of_all_are_refused(drawn, tmp_path):
    sad = drawn.rows(("sad",), ("Training",))
    keep = np.setdiff1d(np.arange(len(drawn)), sad[3:])
    index = drawn.index.iloc[keep].reset_index(drop=True)
    few = drawn.__class__(drawn.images[keep], index, drawn.source)
    folder = run(Experiment(task="binary", **SMALL), "cpu", "fp32", tmp_path, few)
    assert (folder / "done.json").exists()
    with pytest.raises(FerError, match=r"^12 training images cannot be split 20%: [^\n]*$"):
        run(Experiment(cap=3, **SMALL), "cpu", "fp32", tmp_path, drawn)


def test_too_many_stages_are_refused_before_training(drawn, tmp_path):
    with pytest.raises(FerError, match="between 1 and 5 stages can learn; got 9"):
        run(Experiment(trainable=9, **SMALL), "cpu", "fp32", tmp_path, drawn)


def test_results_of_other_data_are_not_taken_for_these(finished, drawn, tmp_path):
    chosen, _, root, _ = finished
    drawn.__class__(255 - drawn.images, drawn.index, "negatives").save(tmp_path / "data")
    with pytest.raises(FerError, match=r"made from drawn faces.*not the present negatives"):
        run(chosen, "cpu", "fp32", root, open_store(tmp_path / "data"))


def test_both_losses_of_a_seed_share_split_weights_and_order(drawn, tmp_path, monkeypatch):
    starts = []

    def stop(network, loaders, config, *_):
        train_set = loaders["train"]
        order = [labels.tolist() for _, labels in train_set.shuffled(1000 * config.seed + 1)]
        weights = network.body.head.weight.detach().numpy().tobytes()
        starts.append((train_set.images.numpy().tobytes(), weights, order))
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "train", stop)
    for loss in ("cross_entropy", "focal"):
        chosen = Experiment(task="binary", loss=loss, seed=4, **SMALL)
        with pytest.raises(KeyboardInterrupt):
            run(chosen, "cpu", "fp32", tmp_path, drawn)
    assert starts[0] == starts[1]


def test_a_killed_process_resumes_and_ends_as_if_it_had_not_been(drawn, tmp_path):
    """A real process, killed in the middle by SIGKILL."""
    drawn.save(tmp_path / "data" / "drawn")
    command = [sys.executable, "-m", "fer_utils", "run", "--device", "cpu", "--precision", "fp32"]
    command += ["dataset=drawn", "task=binary", "epochs=40", "batch_size=4"]
    environment = os.environ | {"FER_HOME": str(tmp_path)}
    chosen = Experiment(dataset="drawn", task="binary", epochs=40, batch_size=4)
    folder = folder_of(chosen, tmp_path / "results")
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (folder / "history.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "done.json").exists()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "resuming after epoch" in done.stdout
    faces = open_store(tmp_path / "data" / "drawn")
    straight = run(chosen, "cpu", "fp32", tmp_path / "other", faces)
    for name in ("metrics.csv", "confusion.csv"):
        assert (folder / name).read_text() == (straight / name).read_text()
