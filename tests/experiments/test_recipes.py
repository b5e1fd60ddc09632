"""The experiments of each study."""

import inspect

import pandas as pd
import pytest

from fer_utils import paths
from fer_utils.errors import FerError
from fer_utils.experiments import best_recipe, recipes, results


def test_the_ablation_takes_one_thing_out_at_a_time():
    whole, *others = recipes.make_study("ablation", "fer2013", seeds=[3])
    assert whole in recipes.make_study("best", "fer2013", seeds=[3])
    differences = [
        {name for name, value in vars(other).items() if value != getattr(whole, name)}
        for other in others
    ]
    assert differences == [set(left_out) for left_out in best_recipe.WITHOUT.values()]
    assert all(getattr(whole, name) == value for name, value in best_recipe.RECIPE.items())


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


def test_the_transfer_study_is_report_as():
    made = recipes.make_study("transfer", "fer2013")
    assert len({experiment.id for experiment in made}) == 4 * 2 * 2 * 2
    assert {(e.trainable, e.image_size, e.epochs) for e in made} == {(2, None, 5), (2, None, 10)}


def test_resnet18_is_trained_as_report_a_does_and_with_what_is_frozen_at_rest():
    whole, frozen = (
        recipes.make_study(name, "x", seeds=[3]) for name in ("resnet18", "resnet18_frozen")
    )
    assert [one.replace(rest=True) for one in whole] == frozen and not any(e.rest for e in whole)
    assert {(e.epochs, e.task, e.loss) for e in whole} == {
        (epochs, task, loss)
        for epochs in (5, 10)
        for task in ("binary", "multiclass")
        for loss in ("cross_entropy", "focal")
    }
    assert {(e.trainable, e.cap, e.image_size, e.model) for e in whole} == {
        (2, 4000, None, "resnet18_cntk")
    }
    assert [e.epochs for e in whole] == [5] * 4 + [10] * 4  # a longer run begins with a shorter one


def test_what_the_recipe_claims_is_what_the_committed_runs_give():
    scores = pd.read_csv(paths.CHECKOUT / "results" / "fer2013" / "best" / "scores.csv")
    ours = scores.query("task == 'seven' and metric == 'accuracy'").iloc[0]
    claim = " ".join(line.strip("# ") for line in inspect.getsource(best_recipe).splitlines())
    assert f"{ours['mean'] * 100:.1f} ± {ours['std'] * 100:.1f} % right" in claim
    assert f"({ours['images']:,} images; mean ± sd of {ours['seeds']} seeds" in claim
    runs = results.open_study("best", "fer2013", paths.REFERENCE).select(task="seven").runs
    minutes = (runs["total_seconds"] / 60).round().astype(int)
    assert f"{minutes.min()} to {minutes.max()} minutes" in claim
