"""Which source of chance moves the accuracy, where the answer is known."""

import numpy as np
import pandas as pd
import pytest
from made_up import scored_study

from fer_utils.analysis import chance
from fer_utils.experiments import recipes


def study(folder, accuracy, seeds=5):
    """Study chance with accuracy(split, init, order), and report_a with nine seeds of its own."""
    crossed = recipes.make_study("chance", "made up", seeds=range(seeds))
    whole = recipes.make_study("report_a", "made up", seeds=range(9))

    def scored(experiments):
        return {
            one: pd.DataFrame(
                [("accuracy", "", "test", accuracy(*one.seeds))],
                columns=["metric", "class", "split", "value"],
            )
            for one in experiments
        }

    return scored_study(folder, {"chance": scored(crossed), "report_a": scored(whole)})


def test_each_source_gets_what_it_alone_does(tmp_path):
    """The order does nothing; the split adds its own; the weights' effect depends on the split."""
    effect = [0.0, 0.01, 0.02, 0.03, 0.04, *range(5, 9)]
    depends = np.random.default_rng(0).normal(0, 0.02, (9, 9))
    results = study(tmp_path, lambda split, init, order: 0.6 + effect[split] + depends[split, init])
    table = chance.sources(results).set_index("source")
    assert table["runs"].tolist() == [25, 25, 25, 9]
    assert table.loc["order", ["std", "low", "high"]].tolist() == pytest.approx([0] * 3, abs=1e-12)
    crossed = depends[:5, :5]
    # by the definition: the spread over the weights' seeds at each value of the others'
    by_split = crossed.var(axis=1, ddof=1).mean()
    assert table.loc["init", "std"] == pytest.approx(np.sqrt(by_split))
    total = (np.array(effect[:5])[:, None] + crossed).var(axis=0, ddof=1).mean()
    assert table.loc["split", "std"] == pytest.approx(np.sqrt(total))


def test_a_source_that_adds_the_same_whatever_the_others_are_is_all_its_own(tmp_path):
    results = study(tmp_path, lambda split, init, order: 0.6 + 0.01 * split + 0.001 * init * order)
    table = chance.sources(results).set_index("source")
    assert table.loc["split", ["same", "same_low", "same_high"]].tolist() == pytest.approx([1] * 3)
    assert table.loc["init", "same"] < 1
    assert table.loc["all"].isna().tolist() == [False] * 4 + [True] * 3


def test_the_row_of_all_is_of_four_classes_with_cross_entropy(tmp_path):
    results = study(tmp_path, lambda split, init, order: 0.6 + 0.01 * split)
    row = chance.sources(results).set_index("source").loc["all"]
    assert row["std"] == pytest.approx(np.std(0.01 * np.arange(9), ddof=1)) and row["runs"] == 9
    assert row["low"] < row["std"] < row["high"]


def test_a_value_of_the_others_with_a_run_missing_is_left_out(tmp_path):
    results = study(tmp_path, lambda split, init, order: 0.6 + 0.01 * split)
    runs = results.study("chance").runs
    missing = runs[(runs["seed"] == 4) & (runs["init_seed"] == 2)]["run"]
    kept = results.select(run=[run for run in results.runs["run"] if run not in set(missing)])
    assert chance.sources(kept).set_index("source")["runs"].to_dict() == {
        "split": 25, "init": 20, "order": 25, "all": 9,
    }  # fmt: skip
    few = study(tmp_path / "few", lambda split, init, order: 0.6 + 0.01 * split, seeds=2)
    assert chance.sources(few)["source"].tolist() == ["all"]


def test_the_intervals_hold_the_truth_in_95_of_100_cases():
    """Effects of 2 and of 1 point, which the others change by another 2 points."""
    rng, inside = np.random.default_rng(0), np.zeros(2)
    std, same = np.sqrt(0.02**2 + 0.02**2), 0.5
    for _ in range(600):
        source, others = rng.normal(0, 0.02, (5, 1)), rng.normal(0, 0.01, (1, 5))
        found = chance.components(source + others + rng.normal(0, 0.02, (5, 5)))
        inside += [
            found["low"] <= std <= found["high"],
            found["same_low"] <= same <= found["same_high"],
        ]
    assert inside / 600 == pytest.approx(np.array([0.95, 0.95]), abs=0.03)
