"""Accuracy under corruption and on parts, with a network whose answers are known."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from fer_utils.analysis import robustness
from fer_utils.data.dataset import Faces
from fer_utils.evaluation.corruptions import CORRUPTIONS

N = 60


@pytest.fixture
def world():
    """Dark faces are sad and bright ones happy; the network looks at the mean brightness alone."""
    labels = np.arange(N) % 2
    rng = np.random.default_rng(0)
    images = np.where(labels == 1, 100, 156)[:, None, None] + rng.integers(-9, 10, (N, 48, 48))
    split = np.repeat(["Training", "PublicTest", "PrivateTest"], N // 3)
    names = np.array(["happy", "sad"])[labels]
    index = pd.DataFrame({"name": range(N), "label": names, "split": split})
    faces = Faces(images.astype(np.uint8), index)

    def logits(pictures):
        bright = pictures.mean(axis=(1, 2)) - 128.0
        return np.stack([bright, -bright], 1)

    rows = {"val": np.arange(20, 40), "test": np.arange(40, 60)}
    predictions = {f"{part}_rows": where for part, where in rows.items()}
    predictions |= {f"{part}_labels": labels[where] for part, where in rows.items()}
    predictions |= {f"{part}_logits": logits(faces.images[where]) for part, where in rows.items()}
    classes = ("happy", "sad")
    return SimpleNamespace(predictions=predictions, logits=logits, classes=classes), faces


def test_accuracy_falls_where_brightness_is_all_that_counts(world):
    trained, faces = world
    table = robustness.under_corruption(trained, faces, np.arange(20), resamples=200)
    assert len(table) == (1 + 3 * len(CORRUPTIONS)) * 3
    cells = table.set_index(["kind", "strength", "class"]).sort_index()
    assert cells.loc[("none", 0, ""), ["value", "change"]].tolist() == [1.0, 0.0]
    assert cells.loc[("brighter", 3, ""), ["value", "change"]].tolist() == [0.5, -0.5]
    low, high = cells.loc[("brighter", 3, ""), ["change_low", "change_high"]]
    assert low < -0.5 < high < 0
    assert cells.loc[("brighter", 3), "value"].to_dict() == {"": 0.5, "happy": 1, "sad": 0}
    assert cells.loc[("darker", 3, "happy"), "value"] == 0
    assert cells.loc[("brighter", 1, ""), "value"] == 1
    for kind in ("low contrast", "blur", "noise", "occlusion", "rotation"):
        assert cells.loc[(kind, 3, ""), "value"] == 1, kind
    assert cells.loc[("brighter", 3, ""), "low"] < 0.5 < cells.loc[("brighter", 3, ""), "high"]
    assert cells.loc[("JPEG", 2, ""), ["amount", "unit"]].tolist() == [15, "quality"]
    assert cells.loc[("none", 0, ""), ["amount", "unit"]].tolist() == [0, ""]


def test_parts_of_the_test_images(world):
    trained, faces = world
    trained.predictions["test_logits"][:5] *= -1  # rows 40 to 44 are wrong now
    near = pd.DataFrame({"row": [3, 41, 42, 50], "leaked": [True, True, True, False]})
    identical = pd.DataFrame({"row": [3, 41], "leaked": [True, True]})
    audit = {"near": near, "identical": identical}
    table = robustness.parts(trained, faces, audit, np.arange(N)).set_index("part")
    assert table.loc["PublicTest", ["role", "images", "value"]].tolist() == ["validation", 20, 1.0]
    assert table.loc["PrivateTest", ["role", "images", "value"]].tolist() == ["test", 20, 0.75]
    assert table.loc["identical copy", ["images", "value"]].tolist() == [1, 0.0]
    assert table.loc["near-copy only", ["images", "value"]].tolist() == [1, 0.0]
    assert table.loc["no copy", ["images", "value"]].tolist() == [18, pytest.approx(15 / 18)]
    assert table.loc["happy", "images"] + table.loc["sad", "images"] == 20
    assert table.loc["all", "low"] < 0.75 < table.loc["all", "high"]


def test_shares_over_groups_of_copies_are_less_sure():
    values = np.repeat([1.0, 0.0], 100).astype(np.float32)[None]
    alone = robustness.shares(values, {"": np.ones(200, bool)}, np.arange(200)).iloc[0]
    copied = robustness.shares(values, {"": np.ones(200, bool)}, np.arange(200) // 4).iloc[0]
    assert alone["value"] == copied["value"] == 0.5 and alone["images"] == 200
    assert (alone["high"] - alone["low"]) / 2 == pytest.approx(1.96 * 0.5 / 200**0.5, rel=0.1)
    assert copied["high"] - copied["low"] > 1.7 * (alone["high"] - alone["low"])
