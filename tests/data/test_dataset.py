"""Prepared stores: what was saved comes back, and the digest tells content apart."""

import numpy as np
import pandas as pd
import pytest

from fer_utils.data.dataset import Faces, open_store
from fer_utils.errors import FerError
from fer_utils.experiments.runner import run
from fer_utils.training.experiment import Experiment


def test_the_store_brings_back_what_was_saved(drawn, store):
    assert (store.images == drawn.images).all()
    assert (store.index == drawn.index).all().all()
    assert store.source == drawn.source and len(store.digest) == 16


def test_the_digest_tells_content_apart(drawn, store, tmp_path):
    changed = drawn.images.copy()
    changed[5, 20, 20] ^= 1
    Faces(changed, drawn.index).save(tmp_path / "changed")
    assert open_store(tmp_path / "changed").digest != store.digest


def test_faces_that_were_never_saved_have_the_digest_that_saving_gives(drawn, store, tmp_path):
    unsaved = Faces(drawn.images, drawn.index, "another source")
    assert unsaved.digest == store.digest and unsaved == store and hash(unsaved) == hash(store)
    index = drawn.index.assign(label=drawn.index["label"].to_numpy()[::-1])
    relabelled, mirrored = Faces(drawn.images, index), Faces(drawn.images[..., ::-1], drawn.index)
    assert len({unsaved.digest, relabelled.digest, mirrored.digest}) == 3 and relabelled != unsaved
    for number, faces in enumerate((relabelled, mirrored)):
        faces.save(tmp_path / str(number))
        assert open_store(tmp_path / str(number)).digest == faces.digest


def test_a_finished_run_of_unsaved_faces_is_not_that_of_others(drawn, tmp_path):
    tiny = Experiment(dataset="unsaved", task="binary", epochs=1, cap=8, model="small_resnet")
    folder = run(tiny, "cpu", "fp32", tmp_path, drawn)
    assert run(tiny, "cpu", "fp32", tmp_path, Faces(drawn.images, drawn.index)) == folder
    with pytest.raises(FerError, match="its results were made from drawn faces"):
        run(tiny, "cpu", "fp32", tmp_path, Faces(255 - drawn.images, drawn.index))


def test_no_store(tmp_path):
    with pytest.raises(FerError, match=r"no data set at .*prepare one with"):
        open_store(tmp_path / "nothing")


def test_a_store_with_another_number_of_rows_than_images_is_refused(store):
    index = store.folder / "index.csv"
    index.write_text("\n".join(index.read_text().splitlines()[:-1]))
    with pytest.raises(FerError, match=r"140 images but 139 rows in index.csv; prepare it again"):
        open_store(store.folder)


def test_classes_called_like_numbers_or_nothing_stay_as_they_are(tmp_path):
    labels = ["1", "nan", "None", "01"]
    index = pd.DataFrame({"name": list("abcd"), "label": labels, "split": "Training"})
    Faces(np.zeros((4, 2, 2), np.uint8), index).save(tmp_path / "store")
    opened = open_store(tmp_path / "store")
    assert opened.index["label"].tolist() == labels
    assert opened.rows(("nan", "1"), ("Training",)).tolist() == [0, 1]
    assert opened.counts()["Training"].to_dict() == dict.fromkeys(labels, 1)
