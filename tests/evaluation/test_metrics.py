"""Scores against values worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from fer_utils.evaluation import metrics

# true 0 0 0 1 1 2; predicted 0 0 1 1 2 2
LABELS = np.array([0, 0, 0, 1, 1, 2])
LOGITS = np.array(
    [[3, 2, 1], [3, 1, 2], [2, 3, 1], [1, 3, 2], [1, 2, 3], [1, 2, 3]], dtype=np.float32
)
CLASSES = ("a", "b", "c")


def value(table, metric, cls=""):
    return table[(table["metric"] == metric) & (table["class"] == cls)]["value"].item()


def test_scores_by_hand():
    table = metrics.scores(LABELS, LOGITS, CLASSES)
    assert value(table, "accuracy") == pytest.approx(4 / 6)
    assert [value(table, "precision", c) for c in CLASSES] == pytest.approx([1, 1 / 2, 1 / 2])
    assert [value(table, "recall", c) for c in CLASSES] == pytest.approx([2 / 3, 1 / 2, 1])
    assert [value(table, "f1", c) for c in CLASSES] == pytest.approx([4 / 5, 1 / 2, 2 / 3])
    assert [value(table, "support", c) for c in CLASSES] == [3, 2, 1]
    assert value(table, "macro_recall") == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert value(table, "weighted_recall") == pytest.approx(4 / 6)
    assert value(table, "weighted_precision") == pytest.approx((3 * 1 + 2 / 2 + 1 / 2) / 6)
    assert value(table, "top2_accuracy") == 1.0  # the true class is always first or second here


@pytest.mark.parametrize("classes", [2, 4])
def test_scores_of_a_resample_are_those_of_its_images(classes):
    """Some images are drawn twice and some not at all; one class is never predicted."""
    rng = np.random.default_rng(classes)
    labels, logits = rng.integers(0, classes, 50), rng.normal(size=(50, classes))
    logits[:, 1] -= 9
    names = list("abcd"[:classes])
    weights = rng.integers(0, 3, (3, 50)).astype(np.float32)
    resampled = metrics.resampled_scores(labels, logits, names, weights)
    for row, counts in enumerate(weights.astype(int)):
        table = metrics.scores(np.repeat(labels, counts), np.repeat(logits, counts, 0), names)
        expected = table.set_index(["metric", "class"])["value"]
        left_out = {"support", "weighted_precision", "weighted_recall", "weighted_f1"}
        assert set(expected.index) - set(resampled) == {
            key for key in expected.index if key[0] in left_out
        }
        shares = [key for key in resampled if key[0].startswith(metrics.PREDICTED)]
        confusion = metrics.confusion(
            np.repeat(labels, counts), np.repeat(logits, counts, 0), names
        )
        for metric, true in shares:
            of_class = confusion.loc[true]
            share = of_class[metric.removeprefix(metrics.PREDICTED)] / of_class.sum()
            assert resampled[metric, true][row] == pytest.approx(share, rel=1e-6)
        for key, values in resampled.drop(columns=shares).items():
            assert values[row] == pytest.approx(expected[key], rel=1e-6), key


def test_resampled_scores_of_several_runs_are_their_mean():
    rng = np.random.default_rng(3)
    labels, names = rng.integers(0, 3, 40), ["a", "b", "c"]
    logits = rng.normal(size=(2, 40, 3))
    weights = rng.integers(0, 4, (5, 40)).astype(np.float32)
    both = metrics.resampled_scores(labels, logits, names, weights)
    first, second = (metrics.resampled_scores(labels, run, names, weights) for run in logits)
    pd.testing.assert_frame_equal(both, (first + second) / 2)


@pytest.mark.parametrize("part", ["val", "test"])
def test_right_answers_of_a_part(part):
    predictions = {f"{part}_logits": LOGITS, f"{part}_labels": LABELS}
    assert metrics.is_correct(predictions, part).tolist() == [1, 1, 0, 1, 0, 1]


def test_two_classes_have_no_top2():
    table = metrics.scores(LABELS[:5], LOGITS[:5, :2], CLASSES[:2])
    assert "top2_accuracy" not in set(table["metric"])


def test_a_class_never_predicted_scores_0():
    table = metrics.scores(np.array([0, 1]), np.array([[1.0, 0], [1.0, 0]]), ("a", "b"))
    assert value(table, "precision", "b") == value(table, "f1", "b") == 0


def test_confusion_has_true_in_rows():
    counts = metrics.confusion(LABELS, LOGITS, CLASSES)
    assert counts.to_numpy().tolist() == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]
    assert (counts.index.name, counts.columns.name) == ("true", "predicted")


def test_confident_errors_come_surest_first():
    logits = np.array([[5.0, 0], [0, 1.0], [9.0, 0], [0, 9.0]])
    errors = metrics.confident_errors(np.array([1, 0, 1, 1]), logits, ("a", "b"), n=2)
    assert errors["position"].tolist() == [2, 0]
    assert errors["true"].tolist() == ["b", "b"] and errors["predicted"].tolist() == ["a", "a"]
    assert errors["probability"].iloc[1] == pytest.approx(1 / (1 + np.exp(-5)))


def test_least_certain_come_closest_first():
    logits = np.array([[5.0, 0, 0], [0, 1.0, 0.9], [0.1, 0, 2.0]])
    doubtful = metrics.least_certain(np.array([0, 0, 2]), logits, ("a", "b", "c"), n=2)
    assert doubtful["position"].tolist() == [1, 2]
    assert doubtful.iloc[0][["true", "first", "second"]].tolist() == ["a", "b", "c"]
    p = metrics.probabilities(logits[1:2])[0]
    assert doubtful["gap"].iloc[0] == pytest.approx(p[1] - p[2])


def resampled(labels, logits, classes, weights):
    """resampled_scores of one resample, by (metric, class)."""
    of_one = weights[None].astype(np.float32)
    scores = metrics.resampled_scores(labels, logits, classes, of_one).iloc[0].sort_index()
    return scores[~scores.index.get_level_values(0).str.startswith(metrics.PREDICTED)]


def without_weighted_averages(table):
    """Of `scores` those that resampled_scores gives too, in its form."""
    kept = ~table["metric"].str.startswith("weighted") & (table["metric"] != "support")
    return table[kept].set_index(["metric", "class"])["value"].sort_index()


def test_resampled_scores_with_equal_weights_are_the_scores():
    rng = np.random.default_rng(0)
    labels, logits = rng.integers(0, 4, 300), rng.normal(size=(300, 4)).astype(np.float32)
    classes = ("angry", "fear", "happy", "sad")
    expected = without_weighted_averages(metrics.scores(labels, logits, classes))
    of_all = resampled(labels, logits, classes, np.ones(300))
    pd.testing.assert_series_equal(of_all, expected, check_names=False, rtol=1e-6)


def test_a_weight_of_2_is_the_image_twice():
    rng = np.random.default_rng(1)
    labels, logits = rng.integers(0, 2, 50), rng.normal(size=(50, 2)).astype(np.float32)
    weights = rng.integers(0, 3, 50)
    repeated = np.repeat(np.arange(50), weights)
    twice = metrics.scores(labels[repeated], logits[repeated], CLASSES[:2])
    drawn = resampled(labels, logits, CLASSES[:2], weights)
    expected = without_weighted_averages(twice)
    pd.testing.assert_series_equal(drawn, expected, check_names=False, rtol=1e-6)
