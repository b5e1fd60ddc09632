"""The experiments of each study."""

import inspect

import pandas as pd
import pytest
import torch

from fer_utils import io, paths
from fer_utils.errors import FerError
from fer_utils.experiments import best_recipe, cnn_recipes, recipes, results
from fer_utils.models.network import Network


def of(name, **settings):
    return recipes.make_study(name, "fer2013", seeds=[3], **settings)


def varied(experiments):
    """What differs among experiments: the values of each such setting, in order."""
    rows = [vars(experiment) for experiment in experiments]
    values = {name: list(dict.fromkeys(row[name] for row in rows)) for name in rows[0]}
    return {name: each for name, each in values.items() if len(each) > 1}


def test_the_ablation_takes_one_thing_out_at_a_time():
    whole, *others = recipes.make_study("ablation", "fer2013", seeds=[3])
    assert whole in recipes.make_study("best", "fer2013", seeds=[3])
    differences = [
        {name for name, value in vars(other).items() if value != getattr(whole, name)}
        for other in others
    ]
    assert differences == [set(left_out) for left_out in best_recipe.WITHOUT.values()]
    assert all(getattr(whole, name) == value for name, value in best_recipe.RECIPE.items())


def test_unknown_studies_and_settings_that_a_study_varies_are_refused():
    with pytest.raises(FerError, match=r"unknown study 'report_z'.*choose one of: report_a"):
        recipes.make_study("report_z", "drawn")
    with pytest.raises(FerError, match="unknown parameter 'colour'"):
        recipes.make_study("report_a", "drawn", colour=1)
    with pytest.raises(FerError, match=r"study report_a cannot take that setting.*'loss'"):
        recipes.make_study("report_a", "drawn", loss="focal")
    varied = "study grid cannot take that setting: the grid varies flip, learning_rate"
    with pytest.raises(FerError, match=varied):
        recipes.make_study("grid", "drawn", learning_rate=1e-3, flip=True)
    with pytest.raises(FerError, match="takes images of 103 to 1024 pixels; got 32"):
        recipes.make_study("report_b", "drawn", image_size=32)


def test_the_transfer_study_is_report_as():
    study = recipes.make_study("transfer", "fer2013")
    assert len({experiment.id for experiment in study}) == 4 * 2 * 2 * 2
    assert {(e.trainable, e.image_size, e.epochs) for e in study} == {(2, None, 5), (2, None, 10)}


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


def test_report_b_ends_with_all_stages_learning_and_tests_both_epochs():
    for one in of("report_b"):
        with torch.device("meta"):
            network = Network(one.model, 3, one.image_size)
        steps = one.unfreezing.steps or ((1, len(network.stages)),)
        assert steps[-1][1] == len(network.stages) and steps[-1][0] < one.epochs, one.model
    assert varied(of("report_b")).keys() == {
        "model", "learning_rate", "image_size", "thaw", "thaw_warm_up", "stage_decay",
    }  # fmt: skip
    assert {(e.select, e.patience, e.schedule, e.epochs) for e in of("report_b")} == {
        ("both", 3, "plateau", 8)
    }
    assert all(e.flip and e.rotation and e.brightness and e.contrast for e in of("report_b"))


def test_random_weights_are_given_larger_images_or_more_epochs():
    (alone,) = [e for e in of("report_b") if e.model == "resnet18_scratch"]
    large, long = of("scratch")
    assert large == alone.replace(image_size=None)
    assert long == alone.replace(epochs=30, patience=0)


def test_unfreezing_and_rates_are_on_and_off_beside_report_bs_own_run():
    both, at_one_rate, at_once, neither = of("unfreezing")
    assert both in of("report_b") and neither == at_once.replace(stage_decay=1.0)
    assert at_one_rate == both.replace(stage_decay=1.0)
    assert varied([both, at_once]) == {"thaw": [both.thaw, ""], "thaw_warm_up": [20, 0]}


def test_the_grid_searches_for_each_network_or_for_the_one_that_is_named():
    grid = of("grid", cap=500)
    faces = [experiment for experiment in grid if experiment.model == "face_resnet"]
    assert faces == of("grid", cap=500, model="face_resnet") and len(grid) == 24
    committed = io.read_json(paths.REFERENCE / "fer2013" / "studies" / "grid.json")
    assert set(committed) >= {experiment.replace(seed=0).id for experiment in faces}
    assert varied(e for e in grid if e.model == "resnet18_cntk").keys() == varied(faces).keys()
    assert {e.model for e in of("grid", model="cnn")} == {"cnn"}


def test_what_report_a_remarks_on_its_resnet18_are_experiments():
    trained, frozen = of("resnet18"), of("resnet18_frozen")
    one, two, every = of("layers")
    assert two in trained and varied([one, two, every]) == {"trainable": [1, 2, None]}
    sizes = of("sizes")
    assert [e.cap for e in sizes] == 2 * [250, 500, 1000, 2000, 4000]
    assert sizes[4] in frozen and sizes[9] in of("report_a") and sizes[9].trainable is None
    filtered = of("resnet18_median")
    assert set(filtered[::2]) == {e for e in frozen if e.epochs == 10}
    assert [e.replace(median=False) for e in filtered[1::2]] == filtered[::2]
    eight, nine = of("nine_blocks")
    assert eight in frozen and nine == eight.replace(model="resnet18_cntk_whole")


def test_small_networks_are_transfers_on_all_of_report_as_images():
    chosen = [e for e in of("transfer") if e.model in ("mobilenet_v2", "efficientnet_lite0")]
    assert of("small_networks") == chosen and {e.cap for e in chosen} == {4000}


def test_what_the_recipe_claims_is_what_the_committed_runs_give():
    scores = pd.read_csv(paths.CHECKOUT / "results" / "fer2013" / "best" / "scores.csv")
    ours = scores.query("task == 'seven' and metric == 'accuracy'").iloc[0]
    claim = " ".join(line.strip("# ") for line in inspect.getsource(best_recipe).splitlines())
    assert f"{ours['mean'] * 100:.1f} ± {ours['std'] * 100:.1f} % right" in claim
    assert f"({ours['images']:,} images; mean ± sd of {ours['seeds']} seeds" in claim
    runs = results.open_study("best", "fer2013", paths.REFERENCE).select(task="seven").runs
    minutes = (runs["total_seconds"] / 60).round().astype(int)
    assert f"{minutes.min()} to {minutes.max()} minutes" in claim


def test_every_reading_has_both_tasks_and_both_losses_and_the_seeds_come_last():
    study = recipes.make_study("readings", "fer2013")
    assert len({e.id for e in study}) == len(study) == 5 * 4 * len(cnn_recipes.READINGS)
    assert [e.seed for e in study] == sorted(e.seed for e in study)
    ours = recipes.make_study("report_a", "fer2013", seeds=range(5))
    assert {e.id for e in ours} < {e.id for e in study}
    assert study[:4] == ours[:4]


def test_the_weights_are_tried_in_all_24_orders_and_the_known_one_has_its_id():
    study = recipes.make_study("weight_orders", "fer2013", seeds=[0])
    assert len({e.id for e in study}) == len(study) == 2 * (24 + 2)
    ours = {e.id for e in recipes.make_study("report_a", "fer2013", seeds=[0])}
    assert ours < {e.id for e in study}


def test_both_losses_are_trained_at_every_rate():
    study = recipes.make_study("rates", "fer2013")
    assert len({e.id for e in study}) == 3 * 2 * 2 * 5
    known = recipes.make_study("learning_rate", "fer2013")
    assert {e.id for e in known} < {e.id for e in study}


def test_each_source_of_chance_has_five_values_at_five_of_the_others():
    study = recipes.make_study("chance", "fer2013")
    assert len({e.id for e in study}) == len(study) == 5 + 3 * 5 * 4
    assert {e.loss for e in study} == {"cross_entropy"} and {e.task for e in study} == {
        "multiclass"
    }
    for source, others in (
        ("split", "init order"),
        ("init", "split order"),
        ("order", "split init"),
    ):
        values = {
            (getattr(e.seeds, source), *(getattr(e.seeds, other) for other in others.split()))
            for e in study
        }
        crossed = {(value, base, base) for value in range(5) for base in range(5)}
        assert crossed < values
    ours = {e.id for e in recipes.make_study("report_a", "fer2013", seeds=range(5))}
    assert len(ours & {e.id for e in study}) == 5
