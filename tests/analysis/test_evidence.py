"""Paired differences, intervals over images and doubtful labels, where the answer is known."""

import numpy as np
import pandas as pd
import pytest

from fer_utils import io
from fer_utils.analysis import label_errors, leakage, loss_comparison
from fer_utils.data import audit
from fer_utils.data.dataset import Faces
from fer_utils.errors import FerError
from fer_utils.evaluation.metrics import resampled_scores, scores
from fer_utils.experiments.results import Results

CLASSES = np.array(["happy", "sad"])


def made_up(logits: dict[str, np.ndarray], labels: np.ndarray, folder, losses=None) -> Results:
    """Results of runs with these test logits; validation holds the same images."""
    for run, values in logits.items():
        (folder / "runs" / run).mkdir(parents=True)
        arrays = {"logits": values, "labels": labels, "rows": np.arange(len(labels))}
        parts = {
            f"{part}_{name}": array for part in ("val", "test") for name, array in arrays.items()
        }
        np.savez(folder / "runs" / run / "predictions.npz", classes=CLASSES, **parts)
    runs = pd.DataFrame(
        {"run": list(logits), "task": "binary", "loss": losses or "focal", "seed": 0, "gamma": 2.0}
    )
    runs["digest"] = "0"
    tables = [
        scores(labels, values, CLASSES).assign(run=run, split="test")
        for run, values in logits.items()
    ]
    return Results(folder, runs, pd.concat(tables), pd.DataFrame())


def test_resampled_scores_with_equal_weights_are_the_scores():
    rng = np.random.default_rng(0)
    labels, logits = rng.integers(0, 4, 300), rng.normal(size=(300, 4)).astype(np.float32)
    classes = ("angry", "fear", "happy", "sad")
    ours = resampled_scores(labels, logits, classes, np.ones((1, 300), np.float32)).iloc[0]
    theirs = scores(labels, logits, classes).set_index(["metric", "class"])["value"]
    pd.testing.assert_series_equal(ours, theirs[ours.index], check_names=False, rtol=1e-6)


def test_a_weight_of_2_is_the_image_twice():
    rng = np.random.default_rng(1)
    labels, logits = rng.integers(0, 2, 50), rng.normal(size=(50, 2)).astype(np.float32)
    weights = rng.integers(0, 3, 50)
    repeated = np.repeat(np.arange(50), weights)
    ours = resampled_scores(labels, logits, CLASSES, weights[None].astype(np.float32)).iloc[0]
    theirs = scores(labels[repeated], logits[repeated], CLASSES).set_index(["metric", "class"])[
        "value"
    ]
    pd.testing.assert_series_equal(ours, theirs[ours.index], check_names=False, rtol=1e-6)


def write_audit(folder, groups: np.ndarray) -> None:
    io.write_json(folder / "audit" / "audit.json", {"source": "made up", "digest": "0"})
    pd.DataFrame({"row": np.arange(len(groups)), "group": groups}).to_csv(
        folder / "audit" / "near.csv", index=False
    )


def test_intervals_over_images_are_binomial_and_paired(tmp_path):
    """CE right on the first 60 %, focal on the first 62 %: the difference is sure, the levels are not."""
    labels = np.zeros(1000, int)
    wrong = {"a": np.arange(1000) >= 600, "b": np.arange(1000) >= 620}
    logits = {run: np.stack([~w, w], 1).astype(np.float32) for run, w in wrong.items()}
    study = made_up(logits, labels, tmp_path, losses=["cross_entropy", "focal"])
    write_audit(tmp_path, np.array([], int))
    table = loss_comparison.image_intervals(study).query("metric == 'accuracy'").set_index("loss")
    half = 1.96 * np.sqrt(0.6 * 0.4 / 1000)
    assert table.loc["cross_entropy", "low"] == pytest.approx(0.6 - half, abs=0.004)
    assert table.loc["gain", "low"] > 0.01 and table.loc["gain", "high"] < 0.03
    only = loss_comparison.single_runs(study)
    assert only["gain"].item() == pytest.approx(0.02) and only["p"].item() == pytest.approx(
        2 * 0.5**20
    )


def test_copies_are_drawn_together(tmp_path):
    labels = np.zeros(400, int)
    right = np.repeat([True, False], 200)
    study = made_up({"a": np.stack([right, ~right], 1).astype(np.float32)}, labels, tmp_path)
    write_audit(tmp_path, np.arange(400) // 4)
    table = loss_comparison.image_intervals(study).query("metric == 'accuracy'").iloc[0]
    assert (table["high"] - table["low"]) / 2 == pytest.approx(1.96 * np.sqrt(0.25 / 100), rel=0.1)


def test_differences_pair_the_seeds_that_have_both():
    runs = pd.DataFrame(
        {
            "run": list("abcde"),
            "loss": ["cross_entropy", "focal"] * 2 + ["focal"],
            "seed": [0, 0, 1, 1, 2],
        }
    )
    runs["task"] = "binary"
    values = [0.80, 0.82, 0.70, 0.74, 0.99]
    metrics = pd.DataFrame(
        {"run": list("abcde"), "split": "test", "metric": "accuracy", "class": "", "value": values}
    )
    row = loss_comparison.differences(
        Results(None, runs, metrics, None), "loss", "cross_entropy", "focal", metrics=["accuracy"]
    )
    assert (
        row["n"].item() == 2
        and row["mean"].item() == pytest.approx(0.03)
        and row["wins"].item() == 1.0
    )


def test_planted_label_errors_are_the_suspects(tmp_path):
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 2, 500)
    logits = np.stack([1 - truth, truth], 1) * 4.0 + rng.normal(scale=0.1, size=(500, 2))
    labels = truth.copy()
    planted = rng.choice(500, 20, replace=False)
    labels[planted] = 1 - labels[planted]
    study = made_up({"a": logits.astype(np.float32)}, labels, tmp_path)
    found = label_errors.find(study)
    assert set(found["row"]) == set(planted)
    assert (found["label"] == CLASSES[labels[found["row"]]]).all()
    assert (found["suggested"] == CLASSES[truth[found["row"]]]).all()
    assert found["p_label"].is_monotonic_increasing and (found["runs"] == 2).all()
    assert label_errors.pairs(found).to_numpy().sum() == 20


def test_suspects_are_named_by_the_data_of_the_runs_alone(drawn, tmp_path):
    truth = np.arange(100) % 2
    labels = np.where(np.arange(100) == 10, 1 - truth, truth)
    study = made_up({"a": np.stack([1 - truth, truth], 1) * 4.0}, labels, tmp_path)
    study.runs["digest"] = drawn.digest
    assert label_errors.find(study, drawn)["name"].tolist() == [drawn.index["name"][10]]
    other = Faces(drawn.images[::-1], drawn.index, "fer2013.csv")
    with pytest.raises(FerError, match=r"fer2013.csv \(.*\) is not the data of the runs"):
        label_errors.find(study, other)


def test_copies_stand_in_the_order_of_their_rows(tmp_path):
    """Whatever the last digit of their probabilities, which is another one on another processor."""
    truth = np.arange(500) % 2
    labels = np.where(np.isin(np.arange(500), [10, 20, 30]), 1 - truth, truth)
    logits = np.stack([1 - truth, truth], 1) * 4.0
    logits[[10, 20, 30], 1] += [3e-7, 0, 6e-7]
    found = label_errors.find(made_up({"a": logits}, labels, tmp_path))
    assert found["row"].tolist() == [10, 20, 30]


def test_clean_labels_have_no_suspects(tmp_path):
    truth = np.random.default_rng(3).integers(0, 2, 300)
    logits = np.stack([1 - truth, truth], 1).astype(np.float32) * 4
    assert label_errors.find(made_up({"a": logits}, truth, tmp_path)).empty


def test_a_run_at_chance_is_found():
    runs = pd.DataFrame({"run": ["a", "b"], "task": "binary", "loss": "focal", "seed": [0, 1]})
    accuracies = {"a": [0.5, 0.5, 0.501, 0.8], "b": [0.5, 0.7, 0.8, 0.8]}
    history = pd.concat(
        [pd.DataFrame({"run": run, "val_accuracy": a}) for run, a in accuracies.items()]
    )
    found = loss_comparison.stuck(Results(None, runs, pd.DataFrame(), history))
    assert found.to_dict("records") == [{"task": "binary", "loss": "focal", "seed": 0, "epochs": 3}]


def test_parts_of_the_test_split_by_what_a_run_could_learn(tmp_path):
    """Rows 0–3 are tested; 10 is a copy of 0 in training, 11 of 1 in validation, 12 nearly 2."""
    labels = np.zeros(4, int)
    logits = np.array([[1, 0], [0, 1], [1, 0], [0, 1]], np.float32)
    study = made_up({"a": logits}, labels, tmp_path)
    path = tmp_path / "runs" / "a" / "predictions.npz"
    arrays = dict(np.load(path)) | {"val_rows": np.array([11, 20, 21, 22])}
    np.savez(path, **arrays)
    io.write_json(tmp_path / "audit" / "audit.json", {"source": "made up", "digest": "0"})
    pairs = pd.DataFrame(
        {"group": [0, 0, 1, 1], "row": [0, 10, 1, 11], "split": ["Test", "Training"] * 2}
    )
    nearly = pd.DataFrame({"group": [2, 2], "row": [2, 12], "split": ["Test", "Training"]})
    for kind, frame in (("identical", pairs), ("near", pd.concat([pairs, nearly]))):
        frame.assign(leaked=True).to_csv(tmp_path / "audit" / f"{kind}.csv", index=False)
    row = leakage.without_leaks(study).iloc[0]
    assert [row[f"{part}_images"] for part in ("all", "identical", "spared", "near", "clean")] == [
        4,
        2,
        1,
        1,
        1,
    ]
    assert [row[part] for part in ("all", "identical", "spared", "near", "clean")] == [
        0.5,
        0.5,
        0.0,
        1.0,
        0.0,
    ]


def test_an_audit_of_other_data_is_refused(drawn, tmp_path):
    """The same images in another order: its rows are other images than those of the runs."""
    order = np.random.default_rng(0).permutation(len(drawn))
    index = drawn.index.iloc[order].reset_index(drop=True)
    other = Faces(drawn.images[order], index, "fer2013.csv")
    labels = np.zeros(40, int)
    study = made_up({"a": np.zeros((40, 2), np.float32)}, labels, tmp_path / "drawn")
    study.runs["digest"] = drawn.digest
    asked = [
        lambda: leakage.photographs(study, np.arange(40)),
        lambda: leakage.copied(study, np.arange(40)),
        lambda: leakage.without_leaks(study),
        lambda: loss_comparison.image_intervals(study, resamples=20),
    ]
    remedy = "python -m fer_utils audit --dataset drawn"
    complaint = rf"of other data \(fer2013.csv, .*; .* again, then: {remedy}"
    audit.write(other, tmp_path / "drawn" / "audit", 0.99)
    for ask in asked:
        with pytest.raises(FerError, match=complaint):
            ask()
    (tmp_path / "drawn" / "audit" / "audit.json").unlink()  # as audits were before
    with pytest.raises(FerError, match=rf"no audit that says of which data it is.*: {remedy}"):
        asked[0]()
    audit.write(drawn, tmp_path / "drawn" / "audit", 0.99)
    for ask in asked:
        ask()
