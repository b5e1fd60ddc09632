"""Doubtful labels, where it is known which ones are wrong."""

import numpy as np
import pytest
from analysis.made_up import CLASSES, two_class_study

from fer_utils.analysis import label_errors
from fer_utils.data.dataset import Faces
from fer_utils.errors import FerError


def test_planted_label_errors_are_the_suspects(tmp_path):
    rng = np.random.default_rng(2)
    truth = rng.integers(0, 2, 500)
    logits = np.stack([1 - truth, truth], 1) * 4.0 + rng.normal(scale=0.1, size=(500, 2))
    labels = truth.copy()
    planted = rng.choice(500, 20, replace=False)
    labels[planted] = 1 - labels[planted]
    study = two_class_study(tmp_path, {"a": logits.astype(np.float32)}, labels)
    suspects = label_errors.find(study)
    assert set(suspects["row"]) == set(planted)
    assert (suspects["label"] == CLASSES[labels[suspects["row"]]]).all()
    assert (suspects["suggested"] == CLASSES[truth[suspects["row"]]]).all()
    assert suspects["p_label"].is_monotonic_increasing and (suspects["runs"] == 2).all()
    assert (suspects["p_label"] + suspects["p_suggested"]).to_numpy() == pytest.approx(1)


def test_pairs_have_the_label_in_rows(tmp_path):
    truth = np.arange(100) % 2
    labels = np.where(np.isin(np.arange(100), [10, 20, 30]), 1, truth)  # three happy ones are "sad"
    study = two_class_study(tmp_path, {"a": np.stack([1 - truth, truth], 1) * 4.0}, labels)
    counts = label_errors.pairs(label_errors.find(study))
    assert counts.loc["sad", "happy"] == counts.to_numpy().sum() == 3


def test_probabilities_are_means_over_the_runs_that_did_not_train_on_the_image(tmp_path):
    sure, unsure = (np.log([[p, 1 - p]] * 4) for p in (0.9, 0.5))
    study = two_class_study(tmp_path, {"a": sure, "b": unsure}, np.zeros(4, int))
    pooled = label_errors.out_of_sample(study)
    assert list(pooled) == ["label", "runs", *CLASSES]
    assert (pooled["runs"] == 4).all()  # validation and test of two runs
    np.testing.assert_allclose(pooled[list(CLASSES)], [[0.7, 0.3]] * 4)


def test_suspects_are_named_by_the_data_of_the_runs_alone(drawn, tmp_path):
    truth = np.arange(100) % 2
    labels = np.where(np.arange(100) == 10, 1 - truth, truth)
    study = two_class_study(tmp_path, {"a": np.stack([1 - truth, truth], 1) * 4.0}, labels)
    study.runs["digest"] = drawn.digest
    suspects = label_errors.find(study, drawn)
    assert suspects["name"].tolist() == [drawn.index["name"][10]]
    assert suspects["split"].tolist() == [drawn.index["split"][10]]
    other = Faces(drawn.images[::-1], drawn.index, "fer2013.csv")
    with pytest.raises(FerError, match=r"fer2013.csv \(.*\) is not the data of the runs"):
        label_errors.find(study, other)


def test_copies_stand_in_the_order_of_their_rows(tmp_path):
    """Whatever the last digit of their probabilities, which is another one on another processor."""
    truth = np.arange(500) % 2
    labels = np.where(np.isin(np.arange(500), [10, 20, 30]), 1 - truth, truth)
    logits = np.stack([1 - truth, truth], 1) * 4.0
    logits[[10, 20, 30], 1] += [3e-7, 0, 6e-7]
    suspects = label_errors.find(two_class_study(tmp_path, {"a": logits}, labels))
    assert suspects["row"].tolist() == [10, 20, 30]


def test_clean_labels_have_no_suspects(tmp_path):
    truth = np.random.default_rng(3).integers(0, 2, 300)
    logits = np.stack([1 - truth, truth], 1).astype(np.float32) * 4
    assert label_errors.find(two_class_study(tmp_path, {"a": logits}, truth)).empty
