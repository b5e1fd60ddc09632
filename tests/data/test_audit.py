"""The audit on data whose faults are planted."""

import numpy as np
import pandas as pd
import pytest

from fer_utils import io, paths
from fer_utils.data import audit, duplicates
from fer_utils.data.dataset import Faces
from fer_utils.errors import FerError


def planted() -> Faces:
    images = np.random.default_rng(0).integers(0, 256, (8, 6, 6), dtype=np.uint8)
    images[1] = images[0]  # twice in training, the same label
    images[4] = images[2]  # in training and test: a leak
    images[5] = images[3]  # twice in test, two labels: a conflict and no leak
    images[7] = 42  # blank
    test = ["PublicTest", "PrivateTest", "Test"]
    split = ["Training"] * 3 + test + ["Training"] * 2
    labels = ["happy", "happy", "sad", "sad", "sad", "happy", "sad", "sad"]
    return Faces(images, pd.DataFrame({"name": list("abcdefgh"), "label": labels, "split": split}))


def test_identical_groups():
    copies = audit.grouped(planted(), duplicates.identical(planted()))
    assert copies.groupby("group")["name"].sum().tolist() == ["ab", "ce", "df"]
    assert copies.groupby("group")["leaked"].first().tolist() == [False, True, False]
    assert copies.groupby("group")["conflicting"].first().tolist() == [False, False, True]


def test_blank_images():
    assert audit.blank_images(planted())["name"].tolist() == ["h"]


def test_what_is_written(tmp_path):
    facts = audit.write(planted(), tmp_path)
    assert facts.to_dict() == {
        "images": 8,
        "test images": 3,
        "training images of the smallest class": 2,
        "identical: images with a copy": 6,
        "identical: groups": 3,
        "identical: groups with conflicting labels": 1,
        "identical: test images with a copy in training": 1,
        "near: images with a copy": 6,
        "near: groups": 3,
        "near: groups with conflicting labels": 1,
        "near: test images with a copy in training": 1,
        "blank images": 1,
    }
    written = pd.read_csv(tmp_path / "summary.csv").set_index("what")["count"]
    assert written.to_dict() == facts.to_dict()
    assert len(pd.read_csv(tmp_path / "identical.csv")) == 6
    about = {"source": "", "digest": planted().digest, "similarity": 0.95}
    assert io.read_json(tmp_path / "audit.json") == about
    assert pd.read_csv(tmp_path / "counts.csv")["PublicTest"].sum() == 1


def test_an_audit_of_other_data_or_of_none_that_it_names_is_refused(tmp_path):
    folder = tmp_path / "mine" / "audit"
    audit.write(planted(), folder)
    assert len(audit.read(folder, "near", {planted().digest})) == 6
    complaint = rf"audit of other data \(, {planted().digest}\) than that of the runs \(other\)"
    with pytest.raises(FerError, match=complaint):
        audit.read(folder, "near", {planted().digest, "other"})
    (folder / audit.ABOUT).unlink()
    complaint = "no audit that says of which data it is; make it with: .* audit --dataset mine$"
    with pytest.raises(FerError, match=complaint):
        audit.read(folder, "near", {planted().digest})


def test_an_audit_that_breaks_off_is_not_taken_for_a_whole_one(tmp_path, monkeypatch):
    audit.write(planted(), tmp_path)

    def fail(*_, **__):
        raise OSError("the disk is gone")

    monkeypatch.setattr(audit.io, "atomic_file", fail)
    with pytest.raises(OSError, match="the disk is gone"):
        audit.write(planted(), tmp_path)
    assert not (tmp_path / audit.ABOUT).exists()


def test_the_committed_audit_is_of_the_data_of_the_committed_runs():
    folder = paths.CHECKOUT / "results" / "fer2013"
    configs = [io.read_json(path) for path in folder.glob("runs/*/config.json")]
    digests = {config["data"]["digest"] for config in configs}
    near = audit.read(folder / "audit", "near", digests)
    summary = pd.read_csv(folder / "audit" / "summary.csv", index_col="what")["count"]
    assert len(near) == summary["near: images with a copy"]
