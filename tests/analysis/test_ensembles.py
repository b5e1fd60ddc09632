"""Averages of made-up networks and the choice of members, where the answer is known."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from fer_utils import io
from fer_utils.analysis import ensembles
from fer_utils.errors import FerError
from fer_utils.evaluation.metrics import probabilities, scores
from fer_utils.experiments.results import Results


def made_up(
    p, labels, classes=("happy", "sad"), rows=None, test_p=None, test_labels=None, test_rows=None
):
    """Predictions with these validation probabilities; the test split is the same unless it is given."""
    parts = {
        "val": (p, labels, rows),
        "test": (p if test_p is None else test_p, test_labels, test_rows),
    }
    made = {"classes": np.array(classes)}
    for part, (values, true, where) in parts.items():
        true = labels if true is None else true
        made[f"{part}_logits"] = np.log(np.asarray(values, np.float32))
        made[f"{part}_labels"] = np.asarray(true, np.uint8)
        made[f"{part}_rows"] = np.asarray(
            np.arange(len(true)) if where is None else where, np.uint32
        )
    return made


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
    a, b = (
        made_up([[0.9, 0.1]], [0], rows=[5], test_rows=[1]),
        made_up([[0.2, 0.8]], [0], rows=[6], test_rows=[1]),
    )
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
    """a and b are wrong where the other is right and sure; c is perfect on test, hopeless on validation."""
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
    """Two seeds of two classes that validate on different images, and two of three classes that share them."""
    rng = np.random.default_rng(0)
    runs = []
    for seed in (0, 1):
        small = made_up(
            rng.dirichlet([1, 1], 3), [0, 1, 0], rows=[seed, seed + 2, seed + 4],
            test_p=rng.dirichlet([1, 1], 6), test_labels=[0, 1, 0, 0, 1, 0], test_rows=range(10, 16),
        )  # fmt: skip
        large = made_up(
            rng.dirichlet([1, 1, 1], 3), [0, 1, 2], ("angry", "happy", "sad"), rows=[7, 8, 9],
            test_p=rng.dirichlet([1, 1, 1], 5), test_labels=[1, 2, 1, 0, 2], test_rows=range(13, 18),
        )  # fmt: skip
        for task, made in (("binary", small), ("three", large)):
            run = f"{task}-{seed}"
            (tmp_path / "runs" / run).mkdir(parents=True)
            np.savez(tmp_path / "runs" / run / "predictions.npz", **made)
            runs.append({"run": run, "task": task, "seed": seed, "digest": "0"})
    metrics = pd.DataFrame({"run": [r["run"] for r in runs]})
    (tmp_path / "audit").mkdir()
    io.write_json(tmp_path / "audit" / "audit.json", {"source": "made up", "digest": "0"})
    (tmp_path / "audit" / "near.csv").write_text(
        "row,group,leaked\n"
    )  # no photograph is there twice
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
    assert first["alone"] == pytest.approx(
        np.mean([ensembles.accuracy(m, "test") for m in members])
    )
    assert first["together"] == pytest.approx(
        ensembles.accuracy(ensembles.averaged(members), "test")
    )
    assert first["gain"] == pytest.approx(first["together"] - first["alone"])
    assert first["gain_low"] <= first["gain"] <= first["gain_high"]


def test_one_network_is_no_ensemble(study):
    table = ensembles.compare(dataclasses.replace(study, runs=study.runs.iloc[:1]))
    assert table.empty and list(table) == list(ensembles.COLUMNS)
