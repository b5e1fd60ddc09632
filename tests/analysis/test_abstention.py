"""Thresholds of confidence, on answers whose confidence and rightness are known."""

import numpy as np
import pytest

from fer_utils.analysis import abstention


def part(confidences, right, labels=None) -> dict[str, np.ndarray]:
    """Two classes: logits of the given confidence, for the label where right."""
    labels = np.zeros(len(right), int) if labels is None else np.asarray(labels)
    answers = np.where(right, labels, 1 - labels)
    logits = np.zeros((len(right), 2))
    logits[np.arange(len(right)), answers] = np.log(confidences) - np.log1p(-np.array(confidences))
    return {"logits": logits, "labels": labels}


def predictions(val, test) -> dict[str, np.ndarray]:
    both = {f"{name}_{key}": value for name, of in (("val", val), ("test", test))
            for key, value in of.items()}  # fmt: skip
    return both | {"classes": np.array(["happy", "sad"])}


# sure answers are right, unsure ones half of the time: on validation from 0.8 on, on test from 0.9
VAL = part([0.605] * 100 + [0.805] * 100, [True, False] * 50 + [True] * 100)
TEST = part(
    [0.605] * 50 + [0.805] * 100 + [0.905] * 50,
    [True, False] * 25 + [True, False] * 50 + [True] * 50,
    labels=[0] * 150 + [1] * 50,
)


def test_thresholds_are_the_lowest_that_reach_their_accuracy_on_validation():
    frame = abstention.at_targets(predictions(VAL, TEST), np.arange(200), resamples=200)
    chosen = frame[frame["class"] == ""].set_index(["split", "threshold"])
    always = chosen.loc[("validation", 0.0)]
    assert always[["target", "accuracy", "answered"]].tolist() == [0.75, 0.75, 1.0]
    # 0.75 is reached without a threshold; above it only the sure half will do
    assert frame.groupby("threshold")["target"].first().to_dict() == {0.0: 0.75, 0.61: 0.95}
    on_test = frame.query("threshold == 0.61 and split == 'test'").set_index("class")
    assert on_test.loc["", ["answered", "accuracy"]].tolist() == [0.75, pytest.approx(100 / 150)]
    assert on_test.loc["happy", ["images", "answered", "accuracy"]].tolist() == [150, 2 / 3, 0.5]
    assert on_test.loc["sad", ["images", "answered", "accuracy"]].tolist() == [50, 1.0, 1.0]
    assert on_test.loc["", "low"] < 100 / 150 < on_test.loc["", "high"]
    assert abstention.suggested(frame) == 0.61


def test_what_was_chosen_on_validation_has_no_interval_there():
    frame = abstention.at_targets(predictions(VAL, TEST), np.arange(200), resamples=50)
    assert frame.loc[frame["split"] == "validation", ["low", "high"]].isna().all(axis=None)


def test_targets_that_no_threshold_reaches_are_left_out():
    never = part([0.9] * 100, [True, True, False, False] * 25)
    frame = abstention.at_targets(predictions(never, TEST), np.arange(200), resamples=50)
    assert frame["target"].isna().all() and abstention.suggested(frame) == 0


def test_a_class_that_gets_no_answer_has_a_row_without_accuracy():
    test = part([0.905] * 60 + [0.55] * 10, [True] * 70, labels=[0] * 60 + [1] * 10)
    frame = abstention.at_targets(predictions(VAL, test), np.arange(70), resamples=50)
    sad = frame.query("threshold == 0.61 and `class` == 'sad'").iloc[0]
    assert sad["answered"] == 0 and np.isnan(sad["accuracy"])


def test_the_curve_ends_where_few_are_answered():
    frame = abstention.curve(predictions(VAL, TEST))
    of_test = frame[frame["split"] == "test"].set_index("threshold")
    assert of_test.index.max() == 0.9  # fifty images are just enough
    assert of_test.loc[0.9].drop("split").tolist() == [0.25, 1.0]
    assert of_test.loc[0.7].drop("split").tolist() == [0.75, pytest.approx(100 / 150)]
    assert frame.groupby("split")["answered"].is_monotonic_decreasing.all()
