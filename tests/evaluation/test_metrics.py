"""Scores against values worked out by hand."""

import numpy as np
import pandas as pd
import pytest
import torch

from fer_utils.data.loader import Batches
from fer_utils.errors import FerError
from fer_utils.evaluation import metrics, prediction

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
    found = metrics.least_certain(np.array([0, 0, 2]), logits, ("a", "b", "c"), n=2)
    assert found["position"].tolist() == [1, 2]
    assert found.iloc[0][["true", "first", "second"]].tolist() == ["a", "b", "c"]
    p = metrics.probabilities(logits[1:2])[0]
    assert found["gap"].iloc[0] == pytest.approx(p[1] - p[2])


class Pixels(torch.nn.Module):
    """Logits that are pixels of the middle row, as they are, or added to their mirror image."""

    def __init__(self, symmetric: bool):
        super().__init__()
        self.symmetric = symmetric

    def forward(self, images):
        row = images[:, 0, images.shape[2] // 2].float() / 100
        return (row + row.flip(1) if self.symmetric else row)[:, :3]


@pytest.fixture
def batches():
    images = np.random.default_rng(0).integers(0, 256, (10, 9, 9), dtype=np.uint8)
    return Batches(images, np.zeros(10, np.int64), 4, torch.device("cpu"))


def test_predictions_are_made_in_evaluation_mode(batches):
    """Whatever mode training has left the network in: dropout is off."""
    network = torch.nn.Sequential(Pixels(False), torch.nn.Dropout(0.5)).train()
    expected = Pixels(False)(batches.images).numpy()
    np.testing.assert_array_equal(prediction.predict(network, batches), expected)


def test_tta_by_flip_of_a_network_that_flips_do_not_matter_to_changes_nothing(batches):
    plain, flipped = (prediction.predict(Pixels(True), batches, tta) for tta in ("none", "flip"))
    np.testing.assert_allclose(
        metrics.probabilities(flipped), metrics.probabilities(plain), atol=1e-6
    )


def test_tta_averages_probabilities(batches):
    row = batches.images[:, 0, 4].numpy() / 100.0
    expected = metrics.probabilities(row[:, :3]) / 2 + metrics.probabilities(row[:, :-4:-1]) / 2
    logits = prediction.predict(Pixels(False), batches, "flip")
    assert logits.dtype == np.float32
    np.testing.assert_allclose(metrics.probabilities(logits), expected, atol=1e-6)
    np.testing.assert_allclose(np.exp(logits).sum(1), 1, atol=1e-6)
    row = batches.images[:, 0, 4 - prediction.SHIFT : 4 + prediction.SHIFT + 1 : prediction.SHIFT]
    views = []
    for moved in (
        row,
        row.flip(2),
    ):  # three rows, each moved by three pixels to either side, edges repeated
        for by in (-prediction.SHIFT, 0, prediction.SHIFT):
            columns = np.clip(np.arange(3) - by, 0, 8)
            views += [
                metrics.probabilities(moved[:, place].numpy()[:, columns] / 100.0)
                for place in range(3)
            ]
    logits = prediction.predict(Pixels(False), batches, "flip_shift")
    np.testing.assert_allclose(metrics.probabilities(logits), np.mean(views, axis=0), atol=1e-6)


def test_a_view_moves_down_and_right_and_repeats_the_border():
    image = torch.arange(9, dtype=torch.uint8).view(1, 1, 3, 3)
    assert prediction.view(image, False, 1, 0)[0, 0].tolist() == [[0, 1, 2], [0, 1, 2], [3, 4, 5]]
    assert prediction.view(image, True, 0, 1)[0, 0].tolist() == [[2, 2, 1], [5, 5, 4], [8, 8, 7]]


def test_unknown_test_time_augmentation_is_refused(batches):
    with pytest.raises(
        FerError, match="unknown test-time augmentation 'crops'; choose one of: none, flip"
    ):
        prediction.predict(Pixels(False), batches, "crops")


def resampled(labels, logits, classes, weights):
    """resampled_scores of one resample, by (metric, class)."""
    of_one = weights[None].astype(np.float32)
    return metrics.resampled_scores(labels, logits, classes, of_one).iloc[0].sort_index()


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
