"""Experiments as data: names, ids, and the folder of results that a run leaves."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch

from fer_utils.data.augmentation import Augment
from fer_utils.data.dataset import open_store
from fer_utils.errors import FerError
from fer_utils.evaluation import metrics, prediction
from fer_utils.experiments import (
    recipes,
    results,
    runner,
    studies,
)
from fer_utils.experiments.runner import folder_of, run
from fer_utils.training import loop
from fer_utils.training.experiment import Experiment

SMALL = {"dataset": "drawn", "epochs": 2, "batch_size": 16}


def test_the_id_changes_with_every_setting_and_only_then():
    base = Experiment()
    assert base.id == Experiment().id == Experiment(epochs=10).id
    others = {
        "dataset": "fer2013", "task": "binary", "loss": "focal", "gamma": 1.0, "class_weights": False, "epochs": 3,
        "batch_size": 32, "optimiser": "sgd", "learning_rate": 1e-2, "weight_decay": 0.0, "cap": None,
        "validation": 0.1, "dedupe": True, "image_size": 64, "median": True, "select": "best", "seed": 1,
        "model": "timm:resnet18", "dropout": 0.2,
        "test": "private", "flip": True, "rotation": 10.0, "shift": 0.1, "scale": 0.1, "brightness": 0.1,
        "contrast": 0.1, "erasing": 0.5, "mixup": 0.2, "label_smoothing": 0.1, "schedule": "cosine", "ema": 0.99,
        "tta": "flip", "trainable": 2, "thaw": "1:1 3:2", "rest": False, "stage_decay": 0.5, "thaw_warm_up": 20,
        "clip": 1.0, "patience": 3, "saturation": 0.2,
    }  # fmt: skip
    assert (
        len({base.id, *(base.replace(**{name: value}).id for name, value in others.items())})
        == len(others) + 1
    )


def test_ids_of_committed_results_never_change():
    """An id that changed would orphan the reference study."""
    assert Experiment(dataset="fer2013", task="binary").id == "binary-cnn-cross_entropy-s0-9512435b"
    assert (
        Experiment(dataset="fer2013", task="binary", seed=1).id
        == "binary-cnn-cross_entropy-s1-8f5bec79"
    )


@pytest.mark.parametrize(
    "settings, complaint",
    [
        ({"epoch": 3}, r"unknown parameter 'epoch' \(did you mean 'epochs'\?\)"),
        ({"task": "happy"}, "unknown task 'happy'"),
        ({"model": "resnet"}, "unknown model"),
        ({"loss": "mse"}, "unknown loss 'mse'; choose one of: cross_entropy, focal"),
        ({"select": "first"}, "unknown selection"),
        ({"epochs": 0}, "epochs must be greater than 0"),
        ({"cap": -5}, "cap must be greater than 0"),
        ({"learning_rate": float("nan")}, "learning_rate must be a finite number; got nan"),
        ({"gamma": -1.0}, "gamma must be greater than or equal to 0"),
        ({"dropout": 1.0}, "dropout must be less than 1; got 1.0"),
        ({"test": "public"}, "unknown test 'public'; choose one of: all, private"),
        ({"rotation": -5.0}, "rotation must be greater than or equal to 0; got -5.0"),
        ({"mixup": float("inf")}, "mixup must be a finite number; got inf"),
        ({"shift": 1.0}, "shift must be less than 1; got 1.0"),
        ({"scale": -0.1}, "scale must be greater than or equal to 0"),
        ({"brightness": 2.0}, "brightness must be less than 1"),
        ({"contrast": float("nan")}, "contrast must be .*got nan"),
        ({"erasing": 1.5}, "erasing must be less than 1"),
        ({"label_smoothing": 1.0}, "label_smoothing must be less than 1"),
        ({"label_smoothing": 0.1, "loss": "focal"}, "label_smoothing needs loss=cross_entropy"),
        ({"ema": 1.0}, "ema must be less than 1"),
        ({"flip": 1}, "flip must be a valid boolean; got 1"),
        (
            {"schedule": "linear"},
            "unknown schedule 'linear'; choose one of: constant, cosine, one_cycle, plateau",
        ),
        (
            {"tta": "crops"},
            "unknown test-time augmentation 'crops'; choose one of: none, flip, flip_shift",
        ),
        ({"thaw": "1:1 11:2"}, "thaw: epoch 11 never comes; the run has 10 epochs"),
        ({"thaw": "1:1", "trainable": 2}, "trainable=2 and thaw='1:1' exclude each other"),
        ({"trainable": 0}, "trainable must be greater than 0; got 0"),
        ({"stage_decay": 1.5}, "stage_decay must be less than or equal to 1; got 1.5"),
        ({"clip": -1.0}, "clip must be greater than or equal to 0; got -1.0"),
        ({"patience": -1}, "patience must be greater than or equal to 0; got -1"),
        ({"epochs": "3"}, "epochs must be a valid integer; got '3'"),
        ({"median": 1}, "median must be a valid boolean; got 1"),
    ],
)
def test_bad_settings_are_refused_by_name(settings, complaint):
    with pytest.raises(FerError, match=complaint):
        Experiment(**settings)


@pytest.fixture(scope="module")
def finished(drawn, tmp_path_factory):
    """One run on the drawn faces: (experiment, faces, results folder, run folder)."""
    home = tmp_path_factory.mktemp("home")
    drawn.save(home / "data")
    faces = open_store(home / "data")
    chosen = Experiment(task="multiclass", loss="focal", median=True, **SMALL)
    return chosen, faces, home / "results", run(chosen, "cpu", "fp32", home / "results", faces)


def test_a_models_name_makes_a_plain_folder_name():
    assert Experiment(model="timm:resnet18.a1_in1k").id.startswith(
        "multiclass-timm_resnet18.a1_in1k-cross_entropy-s0-"
    )


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
    made = opened.predictions(folder.name)
    assert list(faces.index["label"].iloc[made["test_rows"]]) == list(
        made["classes"][made["test_labels"]]
    )
    for split in ("val", "test"):
        again = metrics.scores(
            made[f"{split}_labels"], made[f"{split}_logits"], tuple(made["classes"])
        )
        saved = opened.metrics[opened.metrics["split"] == split]
        np.testing.assert_allclose(again["value"], saved["value"])
    assert opened.confusion(folder.name).to_numpy().sum() == len(made["test_labels"]) == 4 * 8


def test_the_history_and_the_scores_have_the_same_validation_images(finished):
    _, _, root, folder = finished
    opened = results.open_results("drawn", root)
    last = opened.history.query("run == @folder.name")["val_accuracy"].iloc[-1]
    made = opened.predictions(folder.name)
    assert last == pytest.approx(metrics.is_correct(made, "val").mean())
    assert len(made["val_labels"]) != len(made["test_labels"])


@pytest.mark.parametrize("loss, name", [("cross_entropy", "weight"), ("focal", "alpha")])
def test_the_class_weights_are_the_tasks_or_none(drawn, tmp_path, monkeypatch, loss, name):
    found = []

    def stop(trainer, *_):
        found.append(getattr(trainer.criterion, name))
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "train_one_epoch", stop)
    for weighted in (True, False):
        chosen = Experiment(task="multiclass", loss=loss, class_weights=weighted, **SMALL)
        with pytest.raises(KeyboardInterrupt):
            run(chosen, "cpu", "fp32", tmp_path, drawn)
    assert found[0].tolist() == pytest.approx([2.0, 1.5, 1.0, 1.3]) and found[1] is None


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


def test_the_best_recipe_runs_and_its_parts_reach_the_loop(drawn, tmp_path, monkeypatch):
    seen, train_one_epoch = {}, loop.train_one_epoch

    def listen(trainer, *others):
        seen.update(vars(trainer), augment=Augment.of(trainer.config))
        return train_one_epoch(trainer, *others)

    monkeypatch.setattr(loop, "train_one_epoch", listen)
    chosen = recipes.make_study(
        "best", seeds=[0], mixup=0.2, brightness=0.1, contrast=0.1, **SMALL
    )[-1]
    folder = run(chosen, "cpu", "fp32", tmp_path, drawn)
    parts = {field: getattr(chosen, field) for field in vars(seen["augment"])}
    assert vars(seen["augment"]) == parts
    assert [name for name, strength in parts.items() if not strength] == [
        "saturation"
    ]  # the faces are grey
    assert seen["criterion"].label_smoothing == chosen.label_smoothing > 0
    assert (seen["config"], seen["config"].mixup) == (chosen, 0.2)
    assert (seen["schedule"].schedule, seen["ema"].decay) == ("one_cycle", chosen.ema)
    images = json.loads((folder / "config.json").read_text())["images"]
    assert chosen.task == "seven" and images == {"train": 84, "val": 28, "test": 28}
    with np.load(folder / "predictions.npz") as saved:
        np.testing.assert_allclose(
            np.exp(saved["test_logits"]).sum(1), 1, atol=1e-5
        )  # averaged over views


def test_the_ablation_takes_one_thing_out_at_a_time():
    whole, *others = recipes.make_study("ablation", "fer2013", seeds=[3])
    assert whole in recipes.make_study("best", "fer2013", seeds=[3])
    differences = [
        {name for name, value in vars(other).items() if value != getattr(whole, name)}
        for other in others
    ]
    assert differences == [set(left_out) for left_out in recipes.WITHOUT.values()]
    assert all(getattr(whole, name) == value for name, value in recipes.RECIPE.items())


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


def test_a_second_process_of_a_study_waits_for_the_first_ones_runs(
    drawn, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(studies, "open_dataset", lambda name: drawn)
    first = recipes.make_study("report_a", "drawn", seeds=[0], epochs=1, batch_size=16)[0]
    hold = (
        "import sys, time, pathlib; from fer_utils import io\n"
        "with io.exclusive_lock(pathlib.Path(sys.argv[1])): print('held', flush=True); time.sleep(4)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", hold, folder_of(first, tmp_path)], stdout=subprocess.PIPE
    )
    assert other.stdout.readline() == b"held\n"
    ids = studies.run_study(
        "report_a", "drawn", "cpu", "fp32", tmp_path, seeds=[0], epochs=1, batch_size=16
    )
    other.wait()
    assert f"{first.id} is being computed by another process" in capsys.readouterr().out
    assert all((tmp_path / "drawn" / "runs" / run / "done.json").exists() for run in ids)


def test_equal_experiments_have_equal_ids():
    pairs = [
        ({"gamma": 1}, {"gamma": 1.0}),
        ({"rotation": 10}, {"rotation": 10.0}),
        ({"dropout": 0}, {"dropout": 0.0}),
    ]
    for one, other in pairs:
        assert (
            Experiment(**one) == Experiment(**other)
            and Experiment(**one).id == Experiment(**other).id
        )
    assert Experiment(gamma=2).id == Experiment().id


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
        folder = run(
            chosen, "cpu", "auto", tmp_path, drawn
        )  # auto: goes on in the precision it had
    finally:
        torch.set_num_threads(torch_threads)
    config = json.loads((folder / "config.json").read_text())
    first, second = config["segments"]
    assert (first["first_epoch"], second["first_epoch"]) == (1, 2)
    assert first["precision"] == second["precision"] == config["hardware"]["precision"] == "fp32"
    assert first["threads"] != second["threads"]
    assert {
        "cpu",
        "instructions",
        "bf16",
        "blas",
        "onednn",
        "threads",
        "precision",
        "torch",
        "commit",
    } <= set(first)
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
    few = drawn.__class__(
        drawn.images[keep], drawn.index.iloc[keep].reset_index(drop=True), drawn.source
    )
    assert (
        run(Experiment(task="binary", **SMALL), "cpu", "fp32", tmp_path, few) / "done.json"
    ).exists()
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
        starts.append(
            (
                train_set.images.numpy().tobytes(),
                network.body.head.weight.detach().numpy().tobytes(),
                order,
            )
        )
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "train", stop)
    for loss in ("cross_entropy", "focal"):
        with pytest.raises(KeyboardInterrupt):
            run(
                Experiment(task="binary", loss=loss, seed=4, **SMALL),
                "cpu",
                "fp32",
                tmp_path,
                drawn,
            )
    assert starts[0] == starts[1]


def test_a_study_runs_lists_and_selects(drawn, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(studies, "open_dataset", lambda name: drawn)
    settings = {"epochs": 1, "batch_size": 16}
    ids = studies.run_study("report_a", "drawn", "cpu", "fp32", tmp_path, seeds=[0, 1], **settings)
    studies.run_study("median", "drawn", "cpu", "fp32", tmp_path, **settings)
    assert len(set(ids)) == 8
    study = results.open_results("drawn", tmp_path).study("report_a")
    assert set(study.runs["run"]) == set(ids) and not study.runs["median"].any()
    assert set(study.select(loss="focal", task="binary").runs["seed"]) == {0, 1}
    accuracy = study.scores().query("metric == 'accuracy'")
    table = results.over_seeds(accuracy, ["task", "loss"])
    first = accuracy[(accuracy["task"] == "binary") & (accuracy["loss"] == "focal")]["value"]
    cell = table[(table["task"] == "binary") & (table["loss"] == "focal")]
    assert cell["mean"].item() == pytest.approx(first.mean()) and cell["seeds"].item() == 2
    assert (
        capsys.readouterr().out.count("(finished)") == 2
    )  # the median study shares its unfiltered runs


def test_a_study_computed_elsewhere_may_name_a_device_that_is_not_here(
    drawn, tmp_path, monkeypatch
):
    monkeypatch.setattr(studies, "open_dataset", lambda name: drawn)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    sent = []

    def elsewhere(experiments, device, *_):
        sent.append((len(experiments), device))

    small = {"seeds": [0], "epochs": 1, "batch_size": 16}
    studies.run_study("report_a", "drawn", "cuda", "auto", tmp_path, spread=elsewhere, **small)
    assert sent == [(4, "cuda")]
    with pytest.raises(FerError, match="device 'cuda' is not available on this machine"):
        studies.run_study("report_a", "drawn", "cuda", "auto", tmp_path, **small)


def test_more_seeds_join_a_study_and_other_settings_make_another(
    drawn, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(studies, "open_dataset", lambda name: drawn)

    def study(name="learning_rate", **settings):
        studies.run_study(
            "learning_rate", "drawn", "cpu", "fp32", tmp_path, batch_size=16, **settings
        )
        runs = results.open_results("drawn", tmp_path).study(name).runs
        return set(runs["seed"]), set(runs["epochs"])

    assert study(seeds=[0], epochs=1) == ({0}, {1})
    assert study(seeds=[1], epochs=1) == ({0, 1}, {1})
    before = (tmp_path / "drawn" / "studies" / "learning_rate.json").read_bytes()
    assert study("learning_rate-epochs=2", seeds=[2], epochs=2) == ({2}, {2})
    assert "lists runs of other settings and is kept" in capsys.readouterr().out
    assert (tmp_path / "drawn" / "studies" / "learning_rate.json").read_bytes() == before
    assert study(seeds=[2], epochs=2, replace=True) == ({2}, {2})
    assert "runs of other settings leave the list" in capsys.readouterr().out


def test_seeds_that_another_process_has_listed_stay_listed(drawn, tmp_path):
    """Their runs need not be finished: two processes may share a study's seeds."""
    for seeds in ([0, 2], [1, 3]):
        experiments = recipes.make_study("report_a", "drawn", seeds=seeds)
        studies._write_lists(studies.listing(tmp_path, "report_a", experiments), experiments, [])
    everything = recipes.make_study("report_a", "drawn", seeds=[0, 1, 2, 3])
    assert studies._listed(tmp_path / "report_a.json") == sorted(
        experiment.id for experiment in everything
    )


def test_a_list_is_not_dropped_where_no_setting_tells_the_studies_apart(finished):
    chosen, _, root, _ = finished
    folder = root / "drawn" / "studies"
    folder.mkdir(exist_ok=True)
    (folder / "gamma.json").write_text(json.dumps([chosen.id]))
    other = [chosen, chosen.replace(gamma=1.0)]
    assert studies.listing(folder, "gamma", other) == folder / "gamma.json"  # nothing would be lost
    mixed = [chosen.replace(gamma=1.0), chosen.replace(gamma=2.0, task="binary")]
    with pytest.raises(
        FerError, match=r"lists 1 runs that this study would drop.*--results NAME.*--replace"
    ):
        studies.listing(folder, "gamma", mixed)


def test_failed_runs_are_named_when_the_others_are_finished(drawn, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(studies, "open_dataset", lambda name: drawn)
    train = runner.train

    def sometimes(network, loaders, config, *others):
        if config.seed == 0:
            raise RuntimeError("the disk hiccuped\nin two lines")
        return train(network, loaders, config, *others)

    monkeypatch.setattr(runner, "train", sometimes)
    settings = {"seeds": [0, 1], "epochs": 1, "batch_size": 16}
    with pytest.raises(
        FerError, match=r"^4 of 8 runs failed, the others are finished: .*RuntimeError: the disk"
    ):
        studies.run_study("report_a", "drawn", "cpu", "fp32", tmp_path, **settings)
    assert len(results.open_results("drawn", tmp_path).runs) == 4
    assert "Traceback" in capsys.readouterr().err


def test_ten_thousand_experiments_begin_soon(tmp_path):
    """Quadratic bookkeeping took 139 s; the limit only tells such growth from the present second or two."""
    many = [
        Experiment(dataset="drawn", seed=seed, gamma=gamma / 4)
        for seed in range(1000)
        for gamma in range(10)
    ]
    started = time.perf_counter()
    for _ in range(2):
        studies._write_lists(studies.listing(tmp_path, "many", many), many, [])
    assert time.perf_counter() - started < 40


def test_a_set_of_results_is_a_folder_of_its_own():
    assert runner.paths.results_set() == runner.paths.RESULTS
    assert runner.paths.results_set("bf16").parent == runner.paths.RESULTS.parent
    with pytest.raises(FerError, match="a set of results is named by letters"):
        runner.paths.results_set("../elsewhere")


def test_a_study_with_unfinished_runs_says_so(finished, capsys):
    chosen, _, root, _ = finished
    (root / "drawn" / "studies").mkdir(exist_ok=True)
    (root / "drawn" / "studies" / "half.json").write_text(json.dumps([chosen.id, "another"]))
    assert len(results.open_results("drawn", root).study("half").runs) == 1
    assert "study half: 1 of 2 runs are finished" in capsys.readouterr().err


def test_faces_are_those_that_the_runs_saw_or_none(finished, drawn, tmp_path, monkeypatch):
    _, faces, root, _ = finished
    monkeypatch.setattr(results.paths, "DATA", tmp_path)
    opened = results.open_results("drawn", root)
    assert opened.faces() is None
    drawn.save(tmp_path / "drawn")
    assert opened.faces().digest == faces.digest
    drawn.__class__(255 - drawn.images, drawn.index).save(tmp_path / "drawn")
    assert opened.faces() is None


def test_unknown_study_setting_and_missing_results(tmp_path):
    with pytest.raises(FerError, match=r"unknown study 'report_z'.*choose one of: report_a"):
        recipes.make_study("report_z", "drawn")
    with pytest.raises(FerError, match="unknown parameter 'colour'"):
        recipes.make_study("report_a", "drawn", colour=1)
    with pytest.raises(FerError, match=r"study report_a cannot take that setting.*'loss'"):
        recipes.make_study("report_a", "drawn", loss="focal")
    with pytest.raises(
        FerError, match="study grid cannot take that setting: the grid varies flip, learning_rate"
    ):
        recipes.make_study("grid", "drawn", learning_rate=1e-3, flip=True)
    with pytest.raises(FerError, match="takes images of 224 to 224 pixels; got 32"):
        recipes.make_study("report_b", "drawn", image_size=32)
    with pytest.raises(FerError, match="no finished runs under"):
        results.open_results("drawn", tmp_path)


def test_a_killed_process_resumes_and_ends_as_if_it_had_not_been(drawn, tmp_path):
    """A real process, killed in the middle by SIGKILL."""
    drawn.save(tmp_path / "data" / "drawn")
    command = [
        sys.executable,
        "-m",
        "fer_utils",
        "run",
        "dataset=drawn",
        "task=binary",
        "epochs=40",
        "batch_size=4",
    ]
    command += ["--device", "cpu", "--precision", "fp32"]
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


def test_runs_whose_weights_are_missing_are_named_and_left_out(
    drawn, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(studies, "open_dataset", lambda name: drawn)
    monkeypatch.setattr(studies.store, "at_hand", lambda model: None)
    settings = {"epochs": 1, "batch_size": 32, "thaw": "1:1"}
    some = recipes.report_b
    monkeypatch.setitem(
        recipes.STUDIES,
        "report_b",
        lambda *a, **k: [e for e in some(*a, **k) if e.model != "face_resnet"],
    )
    ids = studies.run_study("report_b", "drawn", "cpu", "fp32", tmp_path, **settings)
    said = capsys.readouterr().out
    opened = results.open_results("drawn", tmp_path)
    assert opened.study("report_b").runs["model"].tolist() == ["resnet18_scratch"] and len(ids) == 1
    assert opened.not_run("report_b")["model"].tolist() == ["resnet18", "vggface", "mobilenet_v2"]
    assert said.count("not run: weights missing: ") == 3
    assert "python -m fer_utils weights --fetch mobilenet_v2" in said
    assert opened.not_run("report_a").empty


def test_the_transfer_study_is_report_as():
    made = recipes.make_study("transfer", "fer2013")
    assert len({experiment.id for experiment in made}) == 4 * 2 * 2 * 2
    assert {(e.trainable, e.image_size, e.epochs) for e in made} == {(2, None, 5), (2, None, 10)}


def test_the_winner_of_a_grid_is_chosen_by_its_mean_on_validation(drawn, tmp_path, monkeypatch):
    cells = recipes.make_study("grid", "drawn", seeds=[0, 1], model="cnn", cap=10, epochs=1)
    assert len({cell.id for cell in cells}) == 3 * 2 * 2 * 2
    runs = pd.DataFrame([{"run": cell.id} | vars(cell) for cell in cells])
    wanted = runs["learning_rate"].eq(1e-2) & runs["weight_decay"].eq(0) & runs["flip"]
    value = np.where(
        wanted, 0.6, np.where(runs["seed"] == 0, 0.9, 0.2)
    )  # a lucky seed does not win
    metrics = pd.DataFrame(
        {"run": runs["run"], "metric": "accuracy", "class": "", "value": value, "split": "val"}
    )
    tested = metrics.assign(split="test", value=1 - value)
    study = results.Results(
        tmp_path, runs, pd.concat([metrics, tested], ignore_index=True), pd.DataFrame()
    )
    best = results.winner(study)
    assert (best["learning_rate"], best["weight_decay"], best["flip"], best["seed"]) == (
        1e-2,
        0.0,
        True,
        0,
    )
