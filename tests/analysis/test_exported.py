"""Scores of one network by restriction, and beside a rival on the same images."""

import numpy as np
import pandas as pd
import pytest

from fer_utils.analysis import exported
from fer_utils.data.tasks import EMOTIONS
from fer_utils.errors import FerError
from fer_utils.evaluation import metrics

N = 210


@pytest.fixture
def answers() -> dict[str, np.ndarray]:
    """Random logits of seven classes that lean to the label, on rows 1000 to 1209."""
    rng = np.random.default_rng(0)
    labels = np.arange(N) % 7
    logits = rng.normal(size=(N, 7)) + 1.5 * np.eye(7)[labels]
    test = {"logits": logits, "labels": labels, "rows": np.arange(1000, 1000 + N)}
    return {f"test_{name}": of for name, of in test.items()} | {"classes": np.array(EMOTIONS)}


def test_scores_are_those_of_the_task_and_of_its_restrictions(answers):
    frame = exported.scores(answers, np.arange(N), resamples=200)
    assert list(dict.fromkeys(frame["task"])) == ["binary", "three", "multiclass", "seven"]
    seven = frame[frame["task"] == "seven"].set_index(["metric", "class"])
    known = metrics.scores(answers["test_labels"], answers["test_logits"], EMOTIONS)
    for metric, cls, value in known.itertuples(index=False):
        if metric in exported.METRICS:
            assert seven.loc[(metric, cls), "value"] == pytest.approx(value)
    assert (frame["low"] <= frame["value"]).all() and (frame["value"] <= frame["high"]).all()
    of_happy = frame.query("task == 'binary' and `class` == 'happy' and metric == 'recall'").iloc[0]
    happy = answers["test_logits"][answers["test_labels"] == 3]
    assert of_happy["value"] == pytest.approx((happy[:, 3] > happy[:, 5]).mean())
    assert of_happy["images"] == 30 and set(frame.query("`class` == ''")["images"]) == {
        60, 90, 120, 210
    }  # fmt: skip


def test_copies_make_an_interval_wider(answers):
    def width(groups) -> float:
        frame = exported.scores(answers, groups, resamples=500).query("task == 'seven'")
        accuracy = frame[frame["metric"] == "accuracy"].iloc[0]
        return accuracy["high"] - accuracy["low"]

    alike = {name: np.repeat(of[:30], 7, axis=0) for name, of in answers.items() if "test" in name}
    alike |= {"test_rows": answers["test_rows"], "classes": answers["classes"]}
    answers = alike
    assert width(np.arange(N) // 7) > 1.7 * width(np.arange(N))


def test_beside_a_rival_on_the_same_images(answers):
    # who answers with the first class alone, on these images and others
    rows = np.arange(900, 1000 + N)
    labels = np.concatenate([np.zeros(100, int), answers["test_labels"]])
    first = np.tile(np.arange(7, 0, -1.0), (len(rows), 1))
    rival = {"classes": answers["classes"], "test_rows": rows, "test_labels": labels}
    rival["test_logits"] = first
    fresh = np.arange(N) >= 70
    frame = exported.beside_rival(answers, rival, np.arange(N), fresh).set_index(["task", "part"])
    seven = frame.loc[("seven", "all")]
    ours = metrics.is_correct(answers, "test").mean()
    assert seven[["rival", "ours", "gain"]].tolist() == pytest.approx([1 / 7, ours, ours - 1 / 7])
    assert seven["low"] < seven["gain"] < seven["high"]
    assert frame.loc[("seven", "no copy"), "images"] == 140
    assert frame.loc[("binary", "all"), "rival"] == 0.5
    with pytest.raises(FerError, match="another data set"):
        other = rival | {"test_labels": (labels + 1) % 7}
        exported.beside_rival(answers, other, np.arange(N), fresh)


def test_a_network_of_two_classes_has_one_task(answers):
    few = {"classes": np.array(["happy", "sad"]), "test_rows": np.arange(40)}
    few |= {"test_labels": np.arange(40) % 2, "test_logits": np.eye(2)[np.arange(40) % 2]}
    frame = exported.scores(few, np.arange(40), resamples=50)
    assert set(frame["task"]) == {"binary"} and isinstance(frame, pd.DataFrame)
    assert frame.query("metric == 'accuracy'")["value"].item() == 1
