"""Reported beside reproduced."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fer_utils import paths
from fer_utils.analysis import reproduction
from fer_utils.experiments.results import open_results


@pytest.fixture(scope="module")
def reference():
    return open_results("fer2013", paths.CHECKOUT / "results")


@pytest.fixture(scope="module")
def study(reference):
    return reference.study("report_a")


def test_every_test_figure_of_report_a_has_a_row(study):
    table = reproduction.compare(study)
    assert len(table) == 162 and table["reported"].notna().all()
    assert (table.loc[table["model"] == "resnet18", "seeds"] == 0).all()
    assert not table.loc[table["seeds"] == 0, "within"].any()


def test_runs_of_other_lengths_are_compared_too(study):
    """The drawn sample trains for 8 epochs; the report has one CNN."""
    shorter = dataclasses.replace(study, runs=study.runs.assign(epochs=8))
    assert (reproduction.compare(shorter).query("model == 'cnn'")["seeds"] == 20).all()


def test_one_more_run_lies_in_the_prediction_interval_in_95_of_100_cases(study):
    """On normal scores compare's interval must hold a new run, not only the mean."""
    cell = reproduction.compare(study).query("model == 'cnn'").iloc[0]
    factor = (cell["next_high"] - cell["mean"]) / cell["std"]
    assert factor == pytest.approx(stats.t.ppf(0.975, 19) * np.sqrt(1.05))
    draws = np.random.default_rng(0).normal(size=(4000, 21))
    twenty, new = draws[:, :20], draws[:, 20]
    inside = abs(new - twenty.mean(1)) <= factor * twenty.std(1, ddof=1)
    assert inside.mean() == pytest.approx(0.95, abs=0.012)


def test_every_number_of_both_reports_is_in_the_table(reference):
    """Counted in the CSV files: scores 162 and 3 × 16, of epochs 3 × 10 and 2 × 24."""
    table = reproduction.every_number(reference)
    assert table.groupby("report").size().to_dict() == {"A": 162 + 30, "B": 48 + 48}
    assert table["reported"].between(0, 1).all() and (table["seeds"] == 20).sum() == 54


def test_figures_of_both_reports_stand_beside_ours(transfer_frames):
    every_number = transfer_frames["reproduction"]
    counts = every_number.query("seeds > 0").groupby(["report", "model"]).size()
    assert counts["A", "resnet18"] == 108 + 30 and ("B", "vggface") not in counts
    assert counts["B", "resnet18"] == counts["B", "resnet18_scratch"] == 32
    assert set(every_number.query("seeds > 0 and model == 'resnet18'")["network"]) == {"resnet18"}
    trained = reproduction.training_coverage(every_number).set_index(["report", "network", "curve"])
    assert trained["figures"].sum() == 78 and trained["reproduced"].sum() == 78 - 16
    assert trained.loc[("A", "resnet18", "train loss"), "figures"] == 10
    losses = every_number[every_number["metric"].str.startswith("train loss")]
    deviation = (losses["mean"] - losses["reported"]).abs().mean() * 100
    assert trained.loc[("A", "resnet18", "train loss"), "deviation"] == pytest.approx(deviation)
    assert trained.loc[("B", "vggface", "val accuracy"), "deviation"] is not None
    coverage = reproduction.coverage(every_number).set_index(["report", "network"])
    assert coverage.loc[("A", "resnet18, 5 epochs"), "reproduced"] == 54
    assert coverage.loc[[("B", "resnet18"), ("B", "vggface")], "reproduced"].tolist() == [16, 0]


def test_what_stands_in_for_resnet18_is_named(with_transfer):
    """Where ResNet18 has no run, CNTK's weights stand in, as they do in the claims."""
    without = with_transfer.select(
        run=[r for r in with_transfer.runs["run"] if "resnet18-" not in r]
    )
    figures = reproduction.every_number(without).query("report == 'B' and model == 'resnet18'")
    assert set(figures["network"]) == {"resnet18_cntk"} and set(figures["seeds"]) == {2}
    scores = without.study("report_b").select(model="resnet18_cntk").scores()
    accuracy = scores.query("metric == 'accuracy'")["value"].mean()
    assert figures.query("metric == 'accuracy'")["mean"].item() == pytest.approx(accuracy)


def test_one_run_gives_no_interval_to_lie_in(study):
    alone = reproduction.every_number(study.select(seed=0))
    counted = (
        reproduction.coverage(alone).set_index(["report", "network"]).loc[("A", "cnn, 10 epochs")]
    )
    assert counted["reproduced"] == counted["figures"] == 54 and counted["within"] is pd.NA


def test_points_are_ours_minus_reported_and_far_ones_are_listed(study):
    table = reproduction.of_cnn(reproduction.every_number(study))
    assert set(table["model"]) == {"cnn"} and set(table["report"]) == {"A"}
    difference = (table["mean"] - table["reported"]) * 100
    assert table["points"].tolist() == pytest.approx(difference.tolist())
    assert reproduction.far(table)["points"].abs().min() > 3
    assert len(reproduction.far(table)) == (difference.abs() > 3).sum() > 0
