"""What report A remarks on its ResNet18, on made-up scores and on the committed CNN."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fer_utils import paths
from fer_utils.analysis import resnet_remarks
from fer_utils.experiments import recipes
from fer_utils.experiments.results import Results, open_results


class Draws:
    """Image draws in which every run scores what it scored."""

    def __init__(self, results):
        self.values = results.scores().set_index(["run", "metric", "class"])["value"]

    def scores(self, run):
        return {key: np.full(10, value) for key, value in self.values[run].items()}


@pytest.fixture
def made_up(monkeypatch) -> Results:
    """Every run of the studies, as a share of 1: 0.5, plus a twentieth of the seed."""
    names = ("layers", "sizes", "resnet18_median", "nine_blocks")
    experiments = {e.id: e for name in names for e in recipes.make_study(name, "fer2013")}
    runs = pd.DataFrame([{"run": run} | vars(e) for run, e in experiments.items()])
    metrics = [
        {"run": run, "split": split, "metric": metric, "class": "", "value": 0.5 + seed / 20 + more}
        for run, seed in zip(runs["run"], runs["seed"], strict=True)
        for metric in ("accuracy", "macro_f1")
        for split, more in (("val", 0.01), ("test", 0.0))
    ]
    results = Results(None, runs, pd.DataFrame(metrics), pd.DataFrame({"run": runs["run"]}))
    lists = {name: [e.id for e in recipes.make_study(name, "fer2013")] for name in names}
    monkeypatch.setattr(Results, "study", lambda self, name: self.select(run=lists[name]))
    monkeypatch.setattr(Results, "has_study", lambda self, name: name in lists)
    return results


def test_layers_and_sizes_have_a_row_for_each_number_with_its_seeds(made_up):
    frames = resnet_remarks.frames(made_up, Draws(made_up))
    assert list(frames) == ["layers", "sizes", "resnet18_median", "nine_blocks"]
    layers, sizes = frames["layers"], frames["sizes"]
    assert layers["stages"].tolist() == [1, 2, 6] and set(layers["n"]) == {2}
    assert layers["mean"].tolist() == pytest.approx([0.525] * 3)
    assert (layers["low"] < layers["mean"]).all() and (layers["mean"] < layers["high"]).all()
    assert sizes["images"].tolist() == 2 * [250, 500, 1000, 2000, 4000]
    assert sizes["model"].unique().tolist() == ["cnn", "resnet18_cntk"]
    assert set(sizes["n"]) == {3} and sizes["mean"].tolist() == pytest.approx([0.55] * 10)


def test_the_filter_is_compared_run_by_run_on_both_tasks(made_up):
    filtered = made_up.runs.loc[made_up.runs["median"], "run"]
    value = made_up.metrics["value"] + 0.02 * made_up.metrics["run"].isin(filtered)
    better = replace(made_up, metrics=made_up.metrics.assign(value=value))
    frame = resnet_remarks.filtered(better, Draws(better))
    assert len(frame) == 2 * 2 * 2 and frame["mean"].tolist() == pytest.approx([0.02] * 8)
    assert set(zip(frame["task"], frame["loss"], strict=True)) == {
        (task, loss) for task in ("binary", "multiclass") for loss in ("cross_entropy", "focal")
    }


def test_both_blocks_are_told_apart_by_split(made_up):
    frame = resnet_remarks.nine_blocks(made_up).set_index("model")
    assert list(frame.index) == ["resnet18_cntk", "resnet18_cntk_whole"]
    assert frame["seeds"].tolist() == [1, 1]
    assert (frame["val"] - frame["test"]).tolist() == pytest.approx([0.01, 0.01])


def test_gaps_are_of_the_last_epoch_and_of_the_best():
    """Recomputed from the files of one run of the committed CNN."""
    reference = open_results("fer2013", paths.REFERENCE)
    frame = resnet_remarks.gaps(reference)
    assert {"report_a", "dedupe"} <= {*frame["study"]}
    focal = frame.query("study == 'report_a' and loss == 'focal'").iloc[0]
    study = reference.study("report_a").select(task="multiclass", loss="focal")
    gaps, best = [], []
    for run in study.runs["run"]:
        folder = reference.folder / "runs" / run
        history = pd.read_csv(folder / "history.csv")["val_accuracy"]
        scores = pd.read_csv(folder / "metrics.csv").query("split == 'test'").set_index("metric")
        recall = scores.loc["macro_recall", "value"]
        gaps.append(history.iloc[-1] - recall), best.append(history.max() - recall)
    assert focal["seeds"] == len(gaps)
    assert focal[["gap", "largest", "best"]].tolist() == pytest.approx(
        [np.mean(gaps), max(gaps), np.mean(best)]
    )
