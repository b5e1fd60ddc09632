"""Scores by plain counting are those that scikit-learn gives to whole files."""

from collections import Counter

import numpy as np
import pytest

from fer_utils.analysis import run_checks
from fer_utils.evaluation import metrics
from fer_utils.experiments import run_files
from fer_utils.experiments.runner import run
from fer_utils.training.experiment import Experiment


@pytest.mark.parametrize("classes", [["happy", "sad"], ["angry", "fear", "happy", "sad"]])
def test_scores_are_those_of_scikit_learn(classes):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, len(classes), 300)
    logits = rng.normal(size=(300, len(classes))).round(1)  # rounded: with ties
    logits[:, 1] -= 9  # a class that is never the answer
    expected = metrics.scores(labels, logits, classes).set_index(["metric", "class"])["value"]
    values, matrix = run_checks.scores(labels, logits, classes)
    assert values.keys() == expected.to_dict().keys()
    assert values == pytest.approx(expected.to_dict(), abs=1e-12)
    np.testing.assert_array_equal(matrix, metrics.confusion(labels, logits, classes))


@pytest.mark.parametrize("damage", ["", "score", "logits"])
def test_a_last_epoch_beside_the_best_is_checked_too(drawn, tmp_path, damage):
    settings = {"dataset": "drawn", "task": "binary", "epochs": 1, "batch_size": 16}
    folder = run(Experiment(select="both", **settings), "cpu", "fp32", tmp_path, drawn)
    counts = Counter()
    if damage == "score":
        scores = run_files.read_metrics(folder)
        scores.loc[scores["split"] == "test_last", "value"] += 0.01
        scores.to_csv(folder / "metrics.csv", index=False)
    elif damage == "logits":
        kept = run_files.read_predictions(folder)
        run_files.write_predictions(folder, {k: v for k, v in kept.items() if "last" not in k})
    complaints = run_checks.of_run(folder, None, counts)
    expected = {"score": "metrics.csv has test_last accuracy", "logits": "select is both"}
    assert [line.startswith(expected[damage]) for line in complaints] == [True] * bool(damage)
    assert counts["scores"] == (30 if damage == "logits" else 60)


def test_scores_by_hand():
    labels, logits = np.array([0, 0, 1, 2]), np.eye(3)[[0, 1, 1, 0]]
    values, matrix = run_checks.scores(labels, logits, ["a", "b", "c"])
    assert matrix.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert values["accuracy", ""] == 0.5 and values["recall", "a"] == 0.5
    assert values["precision", "c"] == 0 and values["f1", "b"] == pytest.approx(2 / 3)
    assert values["macro_recall", ""] == 0.5 and values["weighted_recall", ""] == 0.5
    # of equal ones the later class is second: c, but where b is first too
    assert values["top2_accuracy", ""] == 0.75
