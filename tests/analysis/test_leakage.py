"""Copies of test images among the training images, where it is known which ones they are."""

import numpy as np
import pandas as pd
import pytest
from analysis.made_up import two_class_study, write_audit, write_predictions

from fer_utils.analysis import leakage, loss_comparison
from fer_utils.analysis.image_draws import ImageDraws
from fer_utils.data import audit
from fer_utils.data.dataset import Faces
from fer_utils.errors import FerError


def test_images_without_a_copy_are_groups_of_their_own(tmp_path):
    study = two_class_study(tmp_path, {"a": np.zeros((5, 2))}, np.zeros(5, int))
    near = {"row": [0, 3, 1, 9], "group": [0, 0, 1, 1], "leaked": [True, True, False, False]}
    write_audit(tmp_path, near=pd.DataFrame(near))
    groups = leakage.photographs(study, np.array([3, 0, 1, 2, 4], np.uint32))
    assert groups[0] == groups[1] and len(set(groups)) == 4
    assert leakage.copied(study, np.arange(5)).tolist() == [True, False, False, True, False]


def test_parts_of_the_test_split_by_what_a_run_could_learn(tmp_path):
    """Rows 0–3 are tested; 10 is a copy of 0 in training, 11 of 1 in validation, 12 nearly 2.

    5 and 6 are copies of each other in training and in no test split, 3 and 7 in no training.
    """
    logits = np.array([[1, 0], [0, 1], [1, 0], [0, 1]], np.float32)
    study = two_class_study(tmp_path, {"a": logits}, np.zeros(4, int))
    predictions = study.predictions("a") | {"val_rows": np.array([11, 20, 21, 22])}
    study._kept.clear()
    write_predictions(tmp_path, "a", predictions)
    copies = pd.DataFrame(
        [
            (0, 0, "PublicTest", True),
            (0, 10, "Training", True),
            (1, 1, "PrivateTest", True),
            (1, 11, "Training", True),
            (2, 5, "Training", False),
            (2, 6, "Training", False),
            (3, 3, "PublicTest", False),
            (3, 7, "PrivateTest", False),
        ],
        columns=["group", "row", "split", "leaked"],
    )
    nearly = copies.iloc[:2].assign(group=4, row=[2, 12])
    write_audit(tmp_path, identical=copies, near=pd.concat([copies, nearly]))
    accuracies = {"all": 0.5, "identical": 0.5, "near": 1.0, "clean": 0.0, "spared": 0.0}
    sizes = {"all": 4, "identical": 2, "near": 1, "clean": 1, "spared": 1}
    expected = {"task": "binary", "loss": "focal", "seed": 0, **accuracies}
    expected |= {f"{part}_images": size for part, size in sizes.items()}
    pd.testing.assert_frame_equal(leakage.without_leaks(study), pd.DataFrame([expected]))


def test_a_part_without_images_has_no_accuracy(tmp_path):
    study = two_class_study(tmp_path, {"a": np.zeros((4, 2))}, np.zeros(4, int))
    none = pd.DataFrame(columns=["group", "row", "split", "leaked"]).astype({"leaked": bool})
    write_audit(tmp_path, identical=none, near=none)
    row = leakage.without_leaks(study).iloc[0]
    assert np.isnan(row["identical"]) and row["identical_images"] == 0
    assert row["clean"] == row["all"] == 1.0


def test_an_audit_of_other_data_is_refused(drawn, tmp_path):
    """The same images in another order: its rows are other images than those of the runs."""
    order = np.random.default_rng(0).permutation(len(drawn))
    index = drawn.index.iloc[order].reset_index(drop=True)
    other = Faces(drawn.images[order], index, "fer2013.csv")
    logits = {"a": np.zeros((40, 2), np.float32)}
    study = two_class_study(tmp_path / "drawn", logits, np.zeros(40, int))
    study.runs["digest"] = drawn.digest
    asked = [
        lambda: leakage.photographs(study, np.arange(40)),
        lambda: leakage.copied(study, np.arange(40)),
        lambda: leakage.without_leaks(study),
        lambda: loss_comparison.mean_scores(study, ImageDraws(study, draws=20)),
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
