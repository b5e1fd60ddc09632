"""Our networks beside a published one: on the same images, with only the task's answers allowed."""

import sys

import numpy as np
import pandas as pd
import pytest
from analysis.made_up import DIGEST, NO_COPIES, write_audit, write_predictions
from PIL import Image

from fer_utils import paths
from fer_utils.analysis import rivals
from fer_utils.data.tasks import CSV_ORDER, get_task
from fer_utils.errors import FerError
from fer_utils.experiments import results

FOUR = get_task("multiclass").classes


@pytest.fixture
def study(tmp_path):
    """Two runs on six test images, of which rows 10 and 11 are copies of one in training."""
    near = {"row": [10, 11, 12], "group": [0, 0, 1], "leaked": [True, True, False]}
    write_audit(tmp_path, near=pd.DataFrame(near))
    for run, answers in (("a", [0, 1, 2, 3, 0, 1]), ("b", [0, 1, 2, 0, 0, 1])):
        predictions = {
            "classes": np.array(FOUR),
            "test_logits": np.eye(4)[answers],
            "test_labels": [0, 1, 2, 3, 3, 2],
            "test_rows": [10, 11, 12, 13, 14, 15],
        }
        write_predictions(tmp_path, run, predictions)
    runs = pd.DataFrame({"run": ["a", "b"], "task": "multiclass", "seed": [0, 1]})
    return results.Results(tmp_path, runs.assign(digest=DIGEST), pd.DataFrame(), pd.DataFrame())


def test_it_answers_with_the_tasks_classes_on_the_tasks_images(study):
    order = {name: i for i, name in enumerate(CSV_ORDER)}
    # the first two are images that ours were not tested on
    answers = ["neutral", "angry", "fear", "happy", "sad", "sad", "sad", "happy"]
    truth = ["neutral", "angry", "angry", "fear", "happy", "sad", "sad", "happy"]
    logits = np.eye(7)[[order[a] for a in answers]]
    logits[2:, order["surprise"]] = 9  # not among the answers
    one_view = logits.copy()
    one_view[2:4] = np.eye(7)[[order["angry"], order["fear"]]]  # with these two right
    rival = {
        "classes": np.array(CSV_ORDER),
        "test_logits": logits,
        "installed_logits": one_view,
        "test_rows": np.arange(8, 16),
        "test_labels": np.array([order[label] for label in truth]),
    }
    table = rivals.beside(study, rival).set_index("part")
    row = table.loc[rivals.ALL]
    # rows 10 to 15 are angry, fear, happy, sad, sad, happy; the rival has the last three right
    assert row["images"] == 6 and row["seeds"] == 2
    assert row["rival"] == pytest.approx(3 / 6)
    assert row["ours"] == pytest.approx((4 / 6 + 3 / 6) / 2)
    assert row["gain"] == pytest.approx(row["ours"] - row["rival"])
    assert row["gain_low"] < row["gain"] < row["gain_high"]
    assert row["installed"] == pytest.approx(5 / 6)
    fresh = table.loc[rivals.FRESH]  # rows 12 to 15
    assert fresh["images"] == 4 and fresh["rival"] == pytest.approx(3 / 4)
    assert fresh["ours"] == pytest.approx((2 / 4 + 1 / 4) / 2)
    shuffled = rival["test_labels"][[0, 1, 3, 2, 4, 5, 6, 7]]
    for other in ({"test_rows": np.arange(7, 15)}, {"test_labels": shuffled}):
        with pytest.raises(FerError, match="answered on another data set"):
            rivals.beside(study, rival | other)


@pytest.fixture
def seven(tmp_path):
    """One run of seven classes, tested on rows 2 to 5."""
    write_audit(tmp_path, near=NO_COPIES)
    write_predictions(tmp_path, "a", {"test_rows": [2, 3, 4, 5]})
    runs = pd.DataFrame({"run": ["a"], "task": "seven", "seed": [0]})
    return results.Results(tmp_path, runs.assign(digest=DIGEST), pd.DataFrame(), pd.DataFrame())


def test_a_picture_without_a_face_found_is_wrong_as_the_package_is_used(seven):
    images = {"test_rows": np.arange(6), "test_labels": np.arange(6)}
    right = np.eye(7)[:6]
    hundredths = (100 * right).astype(np.uint8)
    half = hundredths.copy()
    half[[0, 1, 2, 4]] = 0  # no face in these; of the tested ones 3 and 5 are left
    half[5] = np.roll(half[5], 1)  # and this is wrong
    none = np.zeros_like(half)
    used = images | {"margin": hundredths, "search": none, "search_enlarged": half}
    rival = images | {"installed_logits": np.log(right + 0.01)}
    table = rivals.as_used(seven, rival, used).set_index("way")
    assert list(table.index) == [rivals.BEST_CASE, *rivals.WAYS.values()]
    assert table["images"].eq(4).all() and table["found"].tolist() == [4, 4, 0, 2]
    assert table["accuracy"].tolist() == [1, 1, 0, 0.25]
    assert table["right_of_found"].tolist()[3] == 0.5
    assert np.isnan(table["right_of_found"].iloc[2])
    last = table.iloc[-1]
    assert 0 <= last["low"] <= last["accuracy"] <= last["high"] <= 1
    with pytest.raises(FerError, match="are of other images"):
        rivals.as_used(seven, rival, used | {"test_rows": np.arange(1, 7)})


def test_without_a_network_of_seven_classes_there_is_nothing_to_stand_beside(study):
    images = {"test_rows": np.arange(2), "test_labels": np.arange(2)}
    assert rivals.as_used(study, images, images).empty


def test_steps_of_the_checkpoint_become_epochs():
    facts = [("training_images", "100"), ("steps", "12"), ("test_images", "1000")]
    found = rivals.origin({"origin": np.array(facts)}).set_index("fact")["value"]
    assert (found["batches"], found["epochs"], found["logged_right"]) == ("4", "3", "655")


def test_the_committed_package_is_the_network_it_claims():
    """Its own calls on whole pictures, and how near its checkpoint is to its author's log."""
    study = results.open_results("fer2013", paths.CHECKOUT / "results").study("best")
    used = rivals.read(study.folder / "best" / "rival_as_used.npz")
    facts = rivals.origin(used).set_index("fact")["value"]
    assert facts["epochs"] == "103" and facts["keras"] == "2.0.5"
    assert abs(int(facts["test_right"]) - int(facts["logged_right"])) <= 5
    assert not used["search"].any()  # 48 pixels are fewer than its smallest face


def test_the_rivals_package_is_asked_for_by_name(monkeypatch):
    monkeypatch.syspath_prepend(str(paths.CHECKOUT / "benchmarks"))
    import rival

    assert rival.PACKAGE.command()[-1] == "fer==25.10.3" and rival.PACKAGE.megabytes < 1
    sys.modules.pop("rival")


def test_the_rival_is_given_whole_grey_levels_of_the_enlarged_image(monkeypatch):
    monkeypatch.syspath_prepend(str(paths.CHECKOUT / "benchmarks"))
    import rival

    images = np.random.default_rng(0).integers(0, 256, (2, 48, 48), np.uint8)
    given = rival.as_input(images)
    assert given.shape == (2, 64, 64, 1) and given.dtype == np.float32 and np.abs(given).max() <= 1
    levels = (given[..., 0] + 1) * 127.5
    pictures = [Image.fromarray(image) for image in images]
    pillow = np.stack([p.resize((64, 64), Image.Resampling.BILINEAR) for p in pictures])
    np.testing.assert_allclose(levels, pillow, atol=1.01)  # of 255; the two round in another order
    sys.modules.pop("rival")


def test_the_committed_rival_is_the_file_it_claims():
    """Its scores on FER2013 as others measured them with TensorFlow, within half a point."""
    study = results.open_results("fer2013", paths.CHECKOUT / "results").study("best")
    rival = rivals.read(study.folder / "best" / "rival.npz")
    assert len(rival["test_rows"]) == 7178
    for task, known in (("binary", 0.933), ("three", 0.826), ("multiclass", 0.718)):
        classes = get_task(task).classes
        columns = [CSV_ORDER.index(name) for name in classes]
        kept = np.isin(rival["test_labels"], columns)
        answers = rival["installed_logits"][kept][:, columns].argmax(1)
        right = np.array(columns)[answers] == rival["test_labels"][kept]
        assert right.mean() == pytest.approx(known, abs=0.005), task
