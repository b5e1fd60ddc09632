"""Each loss at its own learning rate, chosen on validation."""

import numpy as np
import pandas as pd
import pytest
from made_up import scored_study

from fer_utils.analysis import rates
from fer_utils.experiments import recipes
from fer_utils.experiments.cnn_recipes import RATES

# accuracy on validation, in points: cross-entropy is best at the third rate, focal at the fourth
VAL = {"cross_entropy": [50, 55, 60, 58, 40], "focal": [50, 52, 55, 59, 58]}
# on test the last one is best, which must have no say
TEST = {"cross_entropy": [50, 51, 52, 53, 70], "focal": [50, 51, 54, 55, 80]}


def scored(one):
    place = RATES.index(one.learning_rate)
    values = [("val", VAL[one.loss][place]), ("test", TEST[one.loss][place])]
    rows = [("accuracy", "", split, (value + one.seed) / 100) for split, value in values]
    return pd.DataFrame(rows, columns=["metric", "class", "split", "value"])


@pytest.fixture
def results(tmp_path):
    study = recipes.make_study("rates", "made up")
    return scored_study(tmp_path, {"rates": {one: scored(one) for one in study}})


def test_validation_chooses_each_losses_rate(results):
    table = rates.accuracies(results)
    assert len(table) == 2 * 2 * 5 and (table["seeds"] == 3).all()
    chosen = table[table["chosen"]].set_index(["task", "loss"])["learning_rate"]
    for task in ("binary", "multiclass"):
        assert chosen[task].to_dict() == {"cross_entropy": 5e-4, "focal": 1e-3}
    row = table.query("task == 'binary' and loss == 'focal' and learning_rate == 0.001").iloc[0]
    assert (row["val"], row["test"]) == pytest.approx((0.60, 0.56))
    assert (row["val_std"], row["test_std"]) == pytest.approx((0.01, 0.01))


def test_the_gain_is_between_the_chosen_rates(results):
    table = rates.gains(results).set_index("task")
    assert table["mean"].tolist() == pytest.approx([0.03, 0.03]) and (table["n"] == 3).all()
    assert table["cross_entropy"].tolist() == [5e-4] * 2 and table["focal"].tolist() == [1e-3] * 2


def test_a_seed_that_lacks_a_cell_does_not_count(results):
    runs = results.study("rates").runs
    last = runs.loc[runs["seed"] == 2, "run"].iloc[0]
    without = results.select(run=[run for run in runs["run"] if run != last])
    assert (rates.accuracies(without)["seeds"] == 2).all()
    assert (rates.gains(without)["n"] == 2).all()


def test_with_one_loss_alone_there_is_no_gain_yet(results):
    runs = results.study("rates").runs
    alone = results.select(run=runs.loc[runs["loss"] == "focal", "run"].tolist())
    table = rates.gains(alone)
    assert (table["n"] == 0).all() and np.isnan(table["mean"]).all()
