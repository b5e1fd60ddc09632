"""Which reading fits: the one that the figures were drawn from, and by how much."""

import numpy as np
import pytest
from made_up import scored_study
from scipy import stats

from fer_utils.analysis import readings
from fer_utils.analysis.reported import reported_a
from fer_utils.experiments import recipes
from fer_utils.experiments.cnn_recipes import LOSSES, TASKS
from fer_utils.training.experiment import Experiment

CNN = reported_a().query("model == 'cnn'")
FIGURES = {run: table for run, table in CNN.groupby(["task", "loss"])}
RIGHT, WRONG = {"model": "cnn_one_pool"}, {"batch_size": 32}


def experiments(seeds, **settings):
    return [
        Experiment(dataset="made up", task=task, loss=loss, seed=seed, **settings)
        for seed in seeds
        for task in TASKS
        for loss in LOSSES
    ]


def drawn(one, shift, rng):
    """Metrics of a run on test: figures that depend on each other, `shift` beside the printed."""
    figures = FIGURES[one.task, one.loss]
    common, own = rng.normal(size=2), rng.normal(size=len(figures))
    signs = np.where(np.arange(len(figures)) % 2, 1, -1)
    noise = 0.03 * common[0] * signs + 0.02 * common[1] + 0.005 * own
    values = figures["value"] + shift * signs + noise
    return figures[["metric", "class"]].assign(value=values, split="test")


def made_up(folder, rng, readings_of, ours=0.03, seeds=12, each=5):
    """Ours lies `ours` from what is printed, each reading as far as it says."""
    of_ours = {one: drawn(one, ours, rng) for one in experiments(range(seeds))}
    others = {
        one: drawn(one, shift, rng)
        for settings, shift in readings_of
        for one in experiments(range(each), **settings)
    }
    return scored_study(folder, {"report_a": of_ours, "readings": others})


def test_the_reading_that_the_figures_are_of_comes_first(tmp_path):
    rng = np.random.default_rng(0)
    results = made_up(tmp_path, rng, [(RIGHT, 0.0), (WRONG, 0.2)], ours=0.1)
    table = readings.compare(results)
    names = ["model=cnn_one_pool", "ours", "batch_size=32"]
    assert table["reading"].tolist() == names
    assert table["low"].iloc[0] > 0 and table["high"].iloc[2] < 0
    assert (table[["gain", "low", "high"]].iloc[1] == 0).all()
    assert table["seeds"].tolist() == [5, 12, 5] and (table["figures"] == 54).all()
    assert table["log_likelihood"].iloc[0] > table["log_likelihood"].iloc[2]
    assert table["within"].iloc[0] > table["within"].iloc[1] > table["within"].iloc[2]


def test_of_a_reading_like_ours_the_interval_leaves_out_0_seldom(tmp_path):
    rng, outside = np.random.default_rng(1), 0
    for _ in range(12):
        table = readings.compare(made_up(tmp_path, rng, [(RIGHT, 0.03)]), resamples=200)
        row = table.set_index("reading").loc["model=cnn_one_pool"]
        assert row["low"] < row["gain"] < row["high"]
        outside += not row["low"] <= 0 <= row["high"]
    assert outside <= 2


def test_the_gain_is_that_of_the_likelihoods_on_the_seeds_of_both(tmp_path):
    """Worked out anew for one printed run, with the covariance that scikit-learn gives."""
    from sklearn.covariance import LedoitWolf

    results = made_up(tmp_path, np.random.default_rng(2), [(RIGHT, 0.0)])
    scores = results.scores()
    expected = {"ours": 0.0, "cnn_one_pool": 0.0}
    for (task, loss), figures in FIGURES.items():
        printed = figures.set_index(["metric", "class"])["value"]
        of_run = scores[(scores["task"] == task) & (scores["loss"] == loss)]
        wide = of_run.pivot_table("value", ["model", "seed"], ["metric", "class"])[printed.index]
        ours = wide.loc["cnn"]
        scaled = ((ours - ours.mean()) / ours.std()).to_numpy()
        shrunk = LedoitWolf(assume_centered=True).fit(scaled).covariance_ * 12 / 11
        covariance = shrunk * np.outer(ours.std(), ours.std()) * (1 + 1 / 5)
        for name, runs in (("ours", ours.loc[:4]), ("cnn_one_pool", wide.loc["cnn_one_pool"])):
            expected[name] += stats.multivariate_normal.logpdf(printed, runs.mean(), covariance)
    row = readings.compare(results).set_index("reading").loc["model=cnn_one_pool"]
    assert row["log_likelihood"] == pytest.approx(expected["cnn_one_pool"])
    assert row["gain"] == pytest.approx(expected["cnn_one_pool"] - expected["ours"])


def test_points_are_of_the_accuracies(tmp_path):
    results = made_up(tmp_path, np.random.default_rng(3), [(RIGHT, 0.0)])
    accuracies = results.scores().query("metric == 'accuracy' and model == 'cnn_one_pool'")
    printed = CNN.query("metric == 'accuracy'")["value"].mean()
    row = readings.compare(results).set_index("reading").loc["model=cnn_one_pool"]
    assert row["points"] == pytest.approx((accuracies["value"].mean() - printed) * 100)


def test_two_seeds_are_too_few_for_a_row(tmp_path):
    rng = np.random.default_rng(4)
    table = readings.compare(made_up(tmp_path, rng, [(RIGHT, 0.0)], each=2))
    assert table["reading"].tolist() == ["ours"]


def test_a_run_at_chance_is_left_out_with_its_seed_and_counted(tmp_path):
    rng = np.random.default_rng(5)
    results = made_up(tmp_path, rng, [(RIGHT, 0.0)])
    before = readings.compare(results).set_index("reading").loc["model=cnn_one_pool"]
    stuck = experiments([1], **RIGHT)[0].id
    spoilt = results.metrics["run"] == stuck
    results.metrics.loc[spoilt & (results.metrics["metric"] == "macro_recall"), "value"] = 0.5
    after = readings.compare(results).set_index("reading").loc["model=cnn_one_pool"]
    assert (before["seeds"], before["at_chance"]) == (5, 0)
    assert (after["seeds"], after["at_chance"]) == (4, 1)


def test_an_order_of_the_weights_covers_its_task_alone(tmp_path):
    rng = np.random.default_rng(6)
    report_a = {one: drawn(one, 0.03, rng) for one in experiments(range(8))}
    orders = recipes.make_study("weight_orders", "made up", seeds=range(3))
    others = {one: drawn(one, 0.0, rng) for one in orders if one.weight_order}
    results = scored_study(tmp_path, {"report_a": report_a, "weight_orders": others})
    table = readings.compare(results, resamples=100).set_index("reading")
    assert len(table) == 1 + 23 + 1
    assert table.loc["weight_order=sad+happy+fear+angry", "figures"] == 34
    assert table.loc["weight_order=sad+happy", "figures"] == 20


def test_a_figure_that_never_varies_stops_nothing(tmp_path):
    results = made_up(tmp_path, np.random.default_rng(7), [(RIGHT, 0.0)])
    results.metrics.loc[results.metrics["metric"] == "top2_accuracy", "value"] = 1.0
    assert np.isfinite(readings.compare(results, resamples=50)["gain"]).all()


def test_a_reading_is_named_by_what_differs_from_ours(tmp_path):
    """Ours may have other settings than the defaults, as a study with --set has."""
    rng = np.random.default_rng(8)
    small = {"cap": 1000}
    ours = {one: drawn(one, 0, rng) for one in experiments([0, 1], **small)}
    readings_of = [{}, {"class_weights": False}, {"learning_rate": 1e-3, "order_seed": 3}]
    others = {
        one: drawn(one, 0, rng) for own in readings_of for one in experiments([0], **small | own)
    }
    results = scored_study(tmp_path, {"report_a": ours, "readings": others})
    assert set(readings.named(results)) == {
        "ours", "class_weights=False", "learning_rate=0.001, order_seed=3.0",
    }  # fmt: skip
