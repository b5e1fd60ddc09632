"""The real FER2013, where it is at hand."""

import numpy as np
import pytest
from test_splits import TRAIN

from fer_utils.data import audit, duplicates
from fer_utils.data.dataset import TEST_SPLITS
from fer_utils.data.splits import split_task
from fer_utils.data.tasks import get_task
from fer_utils.experiments.results import open_results

pytestmark = pytest.mark.real


def test_counts(fer2013):
    assert fer2013.images.shape == (35887, 48, 48)
    counts = fer2013.counts()
    assert counts.sum().to_dict() == {"Training": 28709, "PublicTest": 3589, "PrivateTest": 3589}
    assert counts["Training"].to_dict() == TRAIN


@pytest.mark.parametrize(
    "task, sizes",
    [
        ("multiclass", (12796, 3199, 5003)),
        ("binary", (6400, 1600, 3021)),
        ("three", (9596, 2399, 3979)),
    ],
)
def test_protocol(fer2013, task, sizes):
    split = split_task(fer2013, get_task(task), 4000, 0.2, 0)
    assert (len(split.train), len(split.val), len(split.test)) == sizes


def test_audit(fer2013):
    copies = audit.grouped(fer2013, duplicates.identical(fer2013))
    assert copies.loc[copies["conflicting"], "group"].nunique() == 57
    assert (copies["leaked"] & copies["split"].isin(TEST_SPLITS)).sum() == 568


def test_a_photograph_stays_on_one_side(fer2013):
    """25 stored images show one baby: another crop each, three labels."""
    groups = duplicates.near(fer2013)
    assert np.bincount(groups).max() == 25
    split = split_task(fer2013, get_task("multiclass"), 4000, 0.2, 0, groups=groups)
    sides = [set(groups[rows]) for rows in (split.train, split.val, split.test)]
    assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])
    assert 0.18 < len(split.val) / (len(split.val) + len(split.train)) < 0.22


def test_the_reference_study_was_made_from_this_data(fer2013):
    study = open_results("fer2013").study("report_a")
    predicted = study.predictions(study.select(task="multiclass", seed=3).runs["run"].iloc[0])
    assert len(predicted["test_labels"]) == 5003
    names = fer2013.index["label"].to_numpy()[predicted["test_rows"]]
    if not (names == predicted["classes"][predicted["test_labels"]]).all():
        pytest.skip("this copy of FER2013 lists its images in another order than the Kaggle folder")
    split = split_task(fer2013, get_task("multiclass"), 4000, 0.2, 3)
    assert (predicted["val_rows"] == split.val).all() and (
        predicted["test_rows"] == split.test
    ).all()
    assert np.isfinite(predicted["test_logits"]).all()
