"""Scores of finished runs, made anew from what they predicted."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fer_utils import io, paths
from fer_utils.errors import FerError
from fer_utils.evaluation import metrics
from fer_utils.experiments import run_files
from fer_utils.experiments.results import open_results, rescore

COMMITTED = paths.CHECKOUT / "results" / "fer2013" / "runs"


@pytest.fixture
def committed(tmp_path):
    """(results folder, runs): a copy of one committed run of each number of classes."""
    folder = tmp_path / "results" / "fer2013" / "runs"
    runs = [
        sorted(COMMITTED.glob(f"{task}-*"))[0]
        for task in ("binary", "three", "multiclass", "seven")
    ]
    return folder.parents[1], [Path(shutil.copytree(run, folder / run.name)) for run in runs]


def contents(runs: list[Path]) -> dict[Path, tuple[bytes, int]]:
    files = [path for run in runs for path in sorted(run.iterdir())]
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_scoring_the_committed_runs_anew_changes_nothing(committed):
    root, runs = committed
    before = contents(runs)
    assert rescore("fer2013", root) == [] and contents(runs) == before


def test_wrong_and_lacking_scores_are_written_anew(committed):
    root, runs = committed
    before = contents(runs)
    metrics = runs[0] / "metrics.csv"
    wrong = pd.read_csv(metrics, keep_default_na=False)
    wrong.assign(value=wrong["value"] * (1 - 1e-9)).to_csv(metrics, index=False)
    lines = (runs[1] / "metrics.csv").read_text().splitlines(keepends=True)
    (runs[1] / "metrics.csv").write_text("".join(lines[:-1]))
    confusion = runs[2] / "confusion.csv"
    confusion.write_text(confusion.read_text().replace(",", ",1", 1))
    assert rescore("fer2013", root) == sorted(run.name for run in runs[:2])
    after = contents(runs)
    assert {path: data for path, (data, _) in after.items()} == {
        path: data for path, (data, _) in before.items()
    }
    untouched = {path for path in before if after[path][1] == before[path][1]}
    assert {path for path in before if path not in untouched} == {
        metrics, runs[1] / "metrics.csv", confusion
    }  # fmt: skip


def test_a_metric_of_ones_own_appears_in_finished_runs(committed, monkeypatch):
    root, runs = committed
    scores = metrics.scores

    def with_error_rate(labels, logits, classes):
        error = (logits.argmax(1) != labels).mean()
        added = pd.DataFrame([("error_rate", "", error)], columns=["metric", "class", "value"])
        return pd.concat([scores(labels, logits, classes), added])

    monkeypatch.setattr(metrics, "scores", with_error_rate)
    ids = sorted(run.name for run in runs)
    assert rescore("fer2013", root) == ids
    rows = open_results("fer2013", root).scores().set_index(["metric", "run"])["value"]
    assert len(rows["error_rate"]) == 4
    np.testing.assert_allclose(rows["error_rate"], 1 - rows["accuracy"])
    assert rescore("fer2013", root) == []


def test_a_run_is_scored_under_its_lock(committed, monkeypatch):
    root, runs = committed
    held = []

    def look(folder):
        with pytest.raises(io.Busy), io.exclusive_lock(folder):
            pass
        held.append(folder)

    monkeypatch.setattr(run_files, "rescore", look)
    rescore("fer2013", root)
    assert held == sorted(runs)


def test_the_committed_study_is_not_scored_in_place_of_missing_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RESULTS", tmp_path)
    with pytest.raises(FerError, match="no finished runs under"):
        rescore("fer2013")
