"""Named lists of experiments: how they are computed, listed and kept apart."""

import json
import subprocess
import sys
import time

import pytest
import torch

from fer_utils import io
from fer_utils.errors import FerError
from fer_utils.experiments import recipes, results, runner, studies
from fer_utils.experiments.runner import folder_of
from fer_utils.training.experiment import Experiment


def test_a_second_process_of_a_study_waits_for_the_first_ones_runs(
    drawn, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(studies, "open_dataset", lambda name: drawn)
    first = recipes.make_study("report_a", "drawn", seeds=[0], epochs=1, batch_size=16)[0]
    hold = (
        "import sys, time, pathlib; from fer_utils import io\n"
        "with io.exclusive_lock(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True); time.sleep(4)"
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
    # the median study shares its unfiltered runs
    assert capsys.readouterr().out.count("(finished)") == 2


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


def test_a_run_that_the_other_process_leaves_may_still_fail(drawn, tmp_path, monkeypatch):
    """It is computed here at the end, when whoever had it has let go, and the reason is named."""
    monkeypatch.setattr(studies, "open_dataset", lambda name: drawn)
    attempts = []

    def busy_then_broken(experiment, wait=False, **_):
        attempts.append((experiment.gamma, wait))
        if wait:
            raise FerError("no luck")
        if experiment.gamma == 1:
            raise io.Busy("elsewhere")

    monkeypatch.setattr(studies, "run", busy_then_broken)
    with pytest.raises(FerError, match=r"^1 of 6 runs failed, the others are finished: .*no luck"):
        studies.run_study(
            "gamma", "drawn", "cpu", "fp32", tmp_path, seeds=[0], epochs=1, batch_size=16
        )
    assert len(attempts) == 7 and attempts[-1] == (1, True)


def test_no_tracker_follows_runs_of_other_processes(tmp_path):
    with pytest.raises(FerError, match="tensorboard follows the runs of one process"):
        studies.run_study(
            "gamma", "drawn", results=tmp_path, tracker="tensorboard", spread=lambda *_: None
        )


def test_ten_thousand_experiments_begin_soon(tmp_path):
    """Quadratic bookkeeping took 139 s; the limit only tells such growth from a second or two."""
    many = [
        Experiment(dataset="drawn", seed=seed, gamma=gamma / 4)
        for seed in range(1000)
        for gamma in range(10)
    ]
    started = time.perf_counter()
    for _ in range(2):
        studies._write_lists(studies.listing(tmp_path, "many", many), many, [])
    assert time.perf_counter() - started < 40


def test_runs_whose_weights_are_missing_are_named_and_left_out(
    drawn, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(studies, "open_dataset", lambda name: drawn)
    monkeypatch.setattr(studies.store, "at_hand", lambda model: None)
    settings = {"seeds": [0], "epochs": 1, "batch_size": 32, "thaw": "1:1"}
    some = recipes.STUDIES["report_b"]
    monkeypatch.setitem(
        recipes.STUDIES,
        "report_b",
        lambda *a, **k: [e for e in some(*a, **k) if e.model not in ("face_resnet", "faceres")],
    )
    ids = studies.run_study("report_b", "drawn", "cpu", "fp32", tmp_path, **settings)
    said = capsys.readouterr().out
    opened = results.open_results("drawn", tmp_path)
    assert opened.study("report_b").runs["model"].tolist() == ["resnet18_scratch"] and len(ids) == 1
    assert opened.not_run("report_b")["model"].tolist() == [
        "resnet18_cntk",
        "mobilenet_v2",
        "resnet18",
        "vggface",
    ]
    assert said.count("not run: weights missing: ") == 4
    assert "python -m fer_utils weights --fetch mobilenet_v2" in said
    assert opened.not_run("report_a").empty
