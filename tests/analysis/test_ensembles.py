"""Averages of made-up networks and the choice of members, where the answer is known."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from analysis.made_up import DIGEST, NO_COPIES, write_audit, write_predictions

from fer_utils.analysis import ensembles
from fer_utils.errors import FerError
from fer_utils.evaluation.metrics import probabilities, scores
from fer_utils.experiments.results import Results


def made_up(
    p, labels, classes=("happy", "sad"), rows=None, test_p=None, test_labels=None, test_rows=None
):
    """Predictions with these probabilities on validation, and on test unless it is given."""
    parts = {
        "val": (p, labels, rows),
        "test": (p if test_p is None else test_p, test_labels, test_rows),
    }
    predictions = {"classes": np.array(classes)}
    for part, (values, true, where) in parts.items():
        true = labels if true is None else true
        where = range(len(true)) if where is None else where
        predictions[f"{part}_logits"] = np.log(np.asarray(values, np.float32))
        predictions[f"{part}_labels"] = np.asarray(true, np.uint8)
        predictions[f"{part}_rows"] = np.asarray(where, np.uint32)
    return predictions


def test_the_average_is_that_of_the_probabilities():
    a, b = made_up([[0.9, 0.1], [0.4, 0.6]], [0, 1]), made_up([[0.5, 0.5], [0.9, 0.1]], [0, 1])
    b["test_logits"] = b["test_logits"] + 7  # logits are known up to a number
    together = ensembles.averaged([a, b])
    for part in ("val", "test"):
        np.testing.assert_allclose(
            probabilities(together[f"{part}_logits"]), [[0.7, 0.3], [0.65, 0.35]], atol=1e-6
        )
    alone = ensembles.averaged([a])
    np.testing.assert_allclose(alone["test_logits"], a["test_logits"], atol=1e-6)
    pd.testing.assert_frame_equal(
        scores(alone["test_labels"], alone["test_logits"], alone["classes"]),
        scores(a["test_labels"], a["test_logits"], a["classes"]),
    )


def test_validation_that_is_not_shared_is_left_out():
    a = made_up([[0.9, 0.1]], [0], rows=[5], test_rows=[1])
    b = made_up([[0.2, 0.8]], [0], rows=[6], test_rows=[1])
    assert not any(name.startswith("val") for name in ensembles.averaged([a, b]))
    with pytest.raises(FerError, match="validated on different images"):
        ensembles.greedy([a, b])


def test_what_cannot_be_averaged():
    a = made_up([[0.9, 0.1]], [0])
    with pytest.raises(FerError, match="different classes"):
        ensembles.averaged([a, made_up([[0.9, 0.1]], [0], classes=("happy", "fear"))])
    with pytest.raises(FerError, match="tested on different images"):
        ensembles.averaged([a, made_up([[0.9, 0.1]], [0], test_rows=[3])])


def test_members_are_chosen_on_validation_and_not_on_test():
    """a and b are wrong where the other is right and sure; c is perfect, but on test alone."""
    labels = np.zeros(6, int)
    good, poor = [0.99, 0.01], [0.4, 0.6]
    a = made_up([good, good, good, poor, poor, good], labels)
    b = made_up([poor, poor, good, good, good, poor], labels)
    c = made_up([[0.01, 0.99]] * 6, labels, test_p=[good] * 6)
    assert ensembles.greedy([c, b, a]) == [2, 1]
    assert ensembles.greedy([c]) == [0]
    assert ensembles.accuracy(ensembles.averaged([a, b]), "val") == 1.0


@pytest.fixture
def study(tmp_path):
    """Two seeds of two classes, which validate on different images, and two of three classes."""
    rng = np.random.default_rng(0)
    runs = []
    for seed in (0, 1):
        small = made_up(
            rng.dirichlet([1, 1], 3),
            [0, 1, 0],
            rows=[seed, seed + 2, seed + 4],
            test_p=rng.dirichlet([1, 1], 6),
            test_labels=[0, 1, 0, 0, 1, 0],
            test_rows=range(10, 16),
        )
        large = made_up(
            rng.dirichlet([1, 1, 1], 3),
            [0, 1, 2],
            ("angry", "happy", "sad"),
            rows=[7, 8, 9],
            test_p=rng.dirichlet([1, 1, 1], 5),
            test_labels=[1, 2, 1, 0, 2],
            test_rows=range(13, 18),
        )
        for task, predictions in (("binary", small), ("three", large)):
            run = f"{task}-{seed}"
            write_predictions(tmp_path, run, predictions)
            runs.append({"run": run, "task": task, "seed": seed, "digest": DIGEST})
    metrics = pd.DataFrame({"run": [run["run"] for run in runs]})
    write_audit(tmp_path, near=NO_COPIES)
    return Results(tmp_path, pd.DataFrame(runs), metrics, metrics)


def test_ensembles_of_a_study(study):
    table = ensembles.compare(study)
    assert table[["task", "ensemble"]].to_numpy().tolist() == [
        ["binary", "all runs"],
        ["three", "all runs"],
        ["three", "chosen on validation"],
    ]
    first = table.iloc[0]
    assert first["images"] == 6 and first["members"] == 2
    members = [study.predictions(f"binary-{seed}") for seed in (0, 1)]
    alone = [ensembles.accuracy(member, "test") for member in members]
    together = ensembles.accuracy(ensembles.averaged(members), "test")
    assert first[["alone", "together"]].tolist() == pytest.approx([np.mean(alone), together])
    assert first["gain"] == pytest.approx(first["together"] - first["alone"])
    assert first["gain_low"] <= first["gain"] <= first["gain_high"]


def test_one_network_is_no_ensemble(study):
    table = ensembles.compare(dataclasses.replace(study, runs=study.runs.iloc[:1]))
    assert table.empty and list(table) == list(ensembles.COLUMNS)
