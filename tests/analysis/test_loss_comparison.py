"""Paired differences and intervals over images, where the answer is known."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from analysis.made_up import NO_COPIES, two_class_study, write_audit

from fer_utils import io
from fer_utils.analysis import loss_comparison
from fer_utils.analysis.image_draws import ImageDraws
from fer_utils.evaluation.statistics import holm
from fer_utils.experiments.results import Results

LOSSES = ("cross_entropy", "focal")


def scored(rows, **settings) -> Results:
    """Results without files, of runs with these (loss, seed, accuracy), and macro F1 0.1 below."""
    runs = pd.DataFrame(rows, columns=["loss", "seed", "value"]).assign(task="binary", **settings)
    runs.insert(0, "run", [f"run {number}" for number in range(len(runs))])
    accuracy = runs[["run", "value"]].assign(split="test", metric="accuracy")
    macro_f1 = accuracy.assign(metric="macro_f1", value=accuracy["value"] - 0.1)
    metrics = pd.concat([accuracy, macro_f1]).assign(**{"class": ""})
    return Results(None, runs.drop(columns="value"), metrics, pd.DataFrame({"run": runs["run"]}))


def test_intervals_hold_for_other_seeds_and_other_images(tmp_path):
    """Two seeds of each loss, right on the first images: the shares are binomial."""
    shares = {"a": 600, "b": 610, "c": 620, "d": 632}
    right = {run: np.arange(1000) < count for run, count in shares.items()}
    logits = {run: np.stack([r, ~r], 1).astype(np.float32) for run, r in right.items()}
    study = two_class_study(
        tmp_path, logits, np.zeros(1000, int), [*LOSSES[:1] * 2, *LOSSES[1:] * 2]
    )
    study.runs["seed"] = [0, 1, 0, 1]
    write_audit(tmp_path, near=NO_COPIES)
    draws = ImageDraws(study)
    means = (
        loss_comparison.mean_scores(study, draws).query("metric == 'accuracy'").set_index("loss")
    )
    assert means["mean"].tolist() == pytest.approx([0.605, 0.626]) and (means["n"] == 2).all()
    assert means.loc["focal", "images_error"] == pytest.approx(
        np.sqrt(0.626 * 0.374 / 1000), rel=0.1
    )
    gain = loss_comparison.focal_minus_cross_entropy(study, draws).query("metric == 'accuracy'")
    assert gain["mean"].item() == pytest.approx(0.021)
    # focal loss is right on 20 and on 22 images more, 10 of them the same in both seeds
    assert 0.002 < gain["images_error"].item() < np.sqrt(0.021 * 0.979 / 1000)
    seeds_alone = loss_comparison.focal_minus_cross_entropy(study).query("metric == 'accuracy'")
    assert (
        seeds_alone["images_error"].item() == 0
        and seeds_alone["mean"].item() == gain["mean"].item()
    )
    assert seeds_alone["seeds_error"].item() == pytest.approx(0.001)


def test_one_pair_of_runs_alone(tmp_path):
    """Focal loss is right on 20 more images, which are all that McNemar's test counts."""
    wrong = {"a": np.arange(1000) >= 600, "b": np.arange(1000) >= 620}
    logits = {run: np.stack([~w, w], 1) * 1.0 for run, w in wrong.items()}
    study = two_class_study(tmp_path, logits, np.zeros(1000, int), LOSSES)
    expected = {"task": "binary", "seed": 0, "gain": 0.02, "p": 2 * 0.5**20}
    pd.testing.assert_frame_equal(
        loss_comparison.single_runs(study), pd.DataFrame([expected]), rtol=1e-9
    )
    assert loss_comparison.single_runs(study.select(loss="focal")).empty


def test_differences_pair_the_seeds_that_have_both():
    pairs = [("cross_entropy", 0, 0.80), ("focal", 0, 0.82), ("cross_entropy", 1, 0.70)]
    study = scored([*pairs, ("focal", 1, 0.74), ("focal", 2, 0.99)])
    table = loss_comparison.differences(study, "loss", *LOSSES)
    assert table["metric"].tolist() == list(loss_comparison.MAIN_SCORES)
    assert table["task"].tolist() == ["binary"] * 2 and table["n"].tolist() == [2, 2]
    assert table["mean"].to_numpy() == pytest.approx(0.03) and (table["wins"] == 1.0).all()


def test_holm_counts_every_score_and_task_as_a_test():
    rng = np.random.default_rng(0)
    rows = [(loss, seed, rng.normal(0.7, 0.01)) for loss in LOSSES for seed in range(6)]
    study = scored(rows)
    two_tasks = pd.concat(
        [study.runs, study.runs.assign(run="other " + study.runs["run"], task="x")]
    )
    metrics = pd.concat([study.metrics, study.metrics.assign(run="other " + study.metrics["run"])])
    table = loss_comparison.focal_minus_cross_entropy(Results(None, two_tasks, metrics, None))
    assert len(table) == 4, "two scores of two tasks"
    assert table["p_holm"].tolist() == holm(table["p"]).tolist()
    assert (table["p_holm"] > table["p"]).any()


@pytest.mark.parametrize(
    "mean, p_holm, expected",
    [
        (0.02, 0.049, "favours focal loss"),
        (-0.02, 0.049, "favours cross-entropy"),
        (0.02, 0.05, "cannot be told from chance"),
        (0.02, np.nan, "cannot be told from chance"),
    ],
)
def test_a_difference_in_words(mean, p_holm, expected):
    assert loss_comparison.favours(SimpleNamespace(mean=mean, p_holm=p_holm)) == expected


@pytest.mark.parametrize("others", [(), ("class_weights", "dedupe")])
def test_gains_under_every_protocol_that_was_run(tmp_path, others):
    """With class weights focal loss gains 1 point, without them 2, and without copies 3."""
    gains = {"report_a": 0.01, "class_weights": 0.02, "dedupe": 0.03}
    tables = {name: (0.5, 0.5 + gains[name]) for name in ("report_a", *others)}
    studies = []
    for name, values in tables.items():
        rows = [(loss, 0, value) for loss, value in zip(LOSSES, values, strict=True)]
        study = scored(rows, class_weights=name != "class_weights", dedupe=name == "dedupe")
        renamed = [part.assign(run=name + part["run"]) for part in (study.runs, study.metrics)]
        studies.append(renamed)
        io.write_json(tmp_path / "studies" / f"{name}.json", renamed[0]["run"].tolist())
    runs, metrics = (pd.concat(parts, ignore_index=True) for parts in zip(*studies, strict=True))
    results = Results(tmp_path, runs, metrics, pd.DataFrame({"run": runs["run"]}))
    table = loss_comparison.gains_by_protocol(results).query("metric == 'accuracy'")
    protocols = ["report A's protocol", "no class weights", "no photograph in two splits"]
    assert table["protocol"].tolist() == protocols[: len(tables)]
    assert table["mean"].tolist() == pytest.approx([gains[name] for name in tables])


def test_a_run_at_chance_is_found():
    """At chance for more than half of its epochs: three of four, not two."""
    runs = pd.DataFrame(
        {"run": ["a", "b", "c"], "task": "binary", "loss": "focal", "seed": [0, 1, 2]}
    )
    accuracies = {
        "a": [0.5, 0.5, 0.501, 0.8],
        "b": [0.5, 0.7, 0.8, 0.8],
        "c": [0.495, 0.505, 0.8, 0.8],
    }
    history = pd.concat(
        [pd.DataFrame({"run": run, "val_accuracy": a}) for run, a in accuracies.items()]
    )
    stuck = loss_comparison.stuck(Results(None, runs, pd.DataFrame(), history))
    assert stuck.to_dict("records") == [{"task": "binary", "loss": "focal", "seed": 0, "epochs": 3}]


def test_spreads_are_compared_in_pairs():
    """Cross-entropy 0.5 to 0.7 and focal loss 0.58 to 0.62, by hand."""
    ce, focal = [0.5, 0.6, 0.7, 0.6], [0.58, 0.6, 0.62, 0.6]
    rows = [
        {"task": "binary", "metric": "accuracy", "loss": loss, "seed": seed, "value": value}
        for loss, values in (("cross_entropy", ce), ("focal", focal))
        for seed, value in enumerate(values)
    ]
    study = SimpleNamespace(scores=lambda split: pd.DataFrame(rows))
    [spread] = loss_comparison.spreads(study).itertuples()
    assert spread.cross_entropy == pytest.approx(5 * spread.focal) and spread.n == 4
    assert spread.p < 1e-6, "they rise together, one five times as far"
    for row, value in zip(rows, [0.5, 0.6, 0.7, 0.64, 0.6, 0.7, 0.5, 0.64], strict=True):
        row["value"] = value  # each loss has the same four values
    [alike] = loss_comparison.spreads(study).itertuples()
    assert alike.p == pytest.approx(1)
