"""The cap and the split: report A's protocol to the image."""

import numpy as np
import pandas as pd
import pytest

from fer_utils.data.dataset import Faces
from fer_utils.data.splits import split_task
from fer_utils.data.tasks import get_task
from fer_utils.errors import FerError

# FER2013's images per class in training and test
TRAIN = {
    "angry": 3995,
    "disgust": 436,
    "fear": 4097,
    "happy": 7215,
    "neutral": 4965,
    "sad": 4830,
    "surprise": 3171,
}
TEST = {
    "angry": 958,
    "disgust": 111,
    "fear": 1024,
    "happy": 1774,
    "neutral": 1233,
    "sad": 1247,
    "surprise": 831,
}


@pytest.fixture(scope="module")
def like_fer2013() -> Faces:
    rows = [
        (cls, split)
        for split, n in (("Training", TRAIN), ("PublicTest", TEST))
        for cls in n
        for _ in range(n[cls])
    ]
    index = pd.DataFrame(rows, columns=["label", "split"]).assign(name="")
    return Faces(np.zeros((len(index), 1, 1), np.uint8), index, "counts")


@pytest.mark.parametrize(
    "name, train, val, test", [("multiclass", 12796, 3199, 5003), ("binary", 6400, 1600, 3021)]
)
@pytest.mark.parametrize("seed", [0, 1])
def test_report_a_counts(like_fer2013, name, train, val, test, seed):
    task = get_task(name)
    split = split_task(like_fer2013, task, cap=4000, validation=0.2, seed=seed)
    assert (len(split.train), len(split.val), len(split.test)) == (train, val, test)
    assert (
        len(np.unique(np.concatenate([split.train, split.val, split.test]))) == train + val + test
    )
    shares = [np.bincount(split.labels[part]) / len(part) for part in (split.train, split.val)]
    np.testing.assert_allclose(*shares, atol=1e-3)  # stratified
    assert np.bincount(split.labels[np.concatenate([split.train, split.val])]).max() <= 4000


def test_the_private_protocol(drawn):
    """PrivateTest is tested, PublicTest validates, every Training image trains."""
    split = split_task(drawn, get_task("seven"), cap=None, validation=0.2, seed=0, test="private")
    original = [
        drawn.index["split"].iloc[rows].unique().tolist()
        for rows in (split.train, split.val, split.test)
    ]
    assert original == [["Training"], ["PublicTest"], ["PrivateTest"]]
    assert [len(rows) for rows in (split.train, split.val, split.test)] == [84, 28, 28]


def test_the_private_protocol_needs_both_test_splits(like_fer2013):
    for missing, there in (("PublicTest", "PrivateTest"), ("PrivateTest", "PublicTest")):
        index = like_fer2013.index.assign(
            split=like_fer2013.index["split"].replace("PublicTest", there)
        )
        one_test = Faces(like_fer2013.images, index, "half")
        name = "test" if missing == "PrivateTest" else missing
        with pytest.raises(FerError, match=f"class 'happy' has 0 {name} images in half"):
            split_task(one_test, get_task("binary"), None, 0.2, 0, test="private")
    with pytest.raises(FerError, match="unknown test 'public'; choose one of: all, private"):
        split_task(like_fer2013, get_task("binary"), None, 0.2, 0, test="public")


def test_the_seed_decides_which_images(like_fer2013):
    task = get_task("binary")
    first, again, other = (split_task(like_fer2013, task, 4000, 0.2, seed) for seed in (0, 0, 1))
    assert (first.train == again.train).all()
    assert set(first.train) != set(other.train)
    assert (first.test == other.test).all()


def test_the_seed_draws_the_cap_and_the_split(like_fer2013):
    capped = [split_task(like_fer2013, get_task("binary"), 4000, 0.2, seed) for seed in (0, 1)]
    whole = [split_task(like_fer2013, get_task("binary"), None, 0.2, seed) for seed in (0, 1)]
    of_capped, of_whole = (
        [{*split.train, *split.val} for split in splits] for splits in (capped, whole)
    )
    assert of_capped[0] != of_capped[1] and of_whole[0] == of_whole[1]
    assert set(whole[0].val) != set(whole[1].val)


def test_without_stratification_the_shares_are_drawn_too(like_fer2013):
    task = get_task("multiclass")
    splits = [split_task(like_fer2013, task, 4000, 0.2, 0, stratified=s) for s in (True, False)]
    stratified, drawn = (np.bincount(split.labels[split.val]) for split in splits)
    assert stratified.tolist() == [799, 800, 800, 800]
    assert drawn.sum() == 3199 and np.ptp(drawn) > 10
    pools = [{*split.train, *split.val} for split in splits]
    assert pools[0] == pools[1]  # the cap is drawn as before


def test_a_cap_that_is_not_drawn_leaves_the_first_of_each_class(like_fer2013):
    task = get_task("binary")
    splits = [split_task(like_fer2013, task, 4000, 0.2, seed, drawn=False) for seed in (0, 1)]
    pools = [{*split.train, *split.val} for split in splits]
    first = [like_fer2013.rows((cls,), ("Training",))[:4000] for cls in task.classes]
    assert pools[0] == pools[1] == {*np.concatenate(first)}
    assert {*splits[0].val} != {*splits[1].val}


def test_labels_follow_the_task_not_the_alphabet(drawn):
    task = get_task("sad+happy")
    split = split_task(drawn, task, None, 0.25, 0)
    assert {(drawn.index["label"][i], split.labels[i]) for i in split.test} == {
        ("sad", 0),
        ("happy", 1),
    }


def test_a_validation_split_of_its_own_is_used(drawn):
    index = drawn.index.assign(split=drawn.index["split"].replace("PublicTest", "Validation"))
    split = split_task(Faces(drawn.images, index), get_task("binary"), None, 0.2, 0)
    assert set(index["split"][split.val]) == {"Validation"}
    assert set(index["split"][split.train]) == {"Training"}


def test_bad_protocols_are_refused(drawn):
    task = get_task("binary")
    with pytest.raises(FerError, match="cap must be at least 1"):
        split_task(drawn, task, 0, 0.2, 0)
    with pytest.raises(FerError, match="validation must lie between"):
        split_task(drawn, task, None, 1.0, 0)
    with pytest.raises(FerError, match=r"no class 'joy'.*it has: angry"):
        split_task(drawn, get_task("joy+sad"), None, 0.2, 0)
    few = Faces(
        drawn.images,
        drawn.index.assign(split=drawn.index["split"].where(drawn.index["label"] != "sad", "Test")),
    )
    with pytest.raises(FerError, match="class 'sad' has 0 training images"):
        split_task(few, task, None, 0.2, 0)
    with pytest.raises(FerError, match="cannot be split"):
        split_task(drawn, task, 2, 0.1, 0)
