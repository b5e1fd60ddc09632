"""The best network's pages and model card are what the committed runs give."""

import shutil
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from golden.build import COMMITTED, difference, mirror

from fer_utils.analysis import costs, leakage, robustness
from fer_utils.experiments.results import open_results
from fer_utils.reporting import best_network

PAGES = COMMITTED / "best"
NAMES = sorted(path.stem for path in PAGES.glob("*.csv"))
REWRITE = "has changed; what writes it: python -m fer_utils best"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What `best` writes from the committed runs without a checkpoint; speeds are the page's.

    parts.csv and robustness.csv need a checkpoint and the data: they are read and written again.
    """
    home = mirror(tmp_path_factory.mktemp("best"), parts=("runs", "studies", "audit", "labels"))
    shutil.copytree(PAGES, home / "best")
    measured = pd.read_csv(PAGES / "networks.csv").set_index("parameters")

    def of(network) -> pd.Series:
        return measured.loc[sum(p.numel() for p in network.parameters())]

    speeds = ["images_per_second", "device", "threads"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(costs, "training_speed", lambda n, _: of(n)["training_images_per_second"])
        patch.setattr(costs, "speed", lambda n, *_: of(n)[speeds].to_dict())
        return best_network.make("fer2013", results=home.parent)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_its_committed_copy(folder, name):
    committed, computed = (place / f"{name}.csv" for place in (PAGES, folder))
    different = difference(committed.read_text(), computed.read_text(), rounding=True)
    assert not different, f"{committed} {REWRITE}\n{different}"


def test_every_page_is_committed(folder):
    assert {path.stem for path in folder.glob("*.csv")} == set(NAMES) <= set(best_network.PAGES)


def test_the_model_card_is_its_committed_copy(folder):
    committed, computed = (place.parent / "MODEL_CARD.md" for place in (PAGES, folder))
    different = difference(committed.read_text("utf-8"), computed.read_text("utf-8"))
    assert not different, f"{committed} {REWRITE}\n{different}"


def test_the_parts_are_those_of_the_exported_runs_predictions():
    """Without the data set: PublicTest validates and PrivateTest tests seven classes."""
    results = open_results("fer2013", COMMITTED.parent)
    study = results.study("best")
    made = study.predictions(best_network.choose(study, "seven"))
    near, identical = (pd.read_csv(COMMITTED / "audit" / f"{k}.csv") for k in ("near", "identical"))
    rows = np.arange(1 + max(made["val_rows"].max(), made["test_rows"].max()))
    splits = pd.Series("Training", index=rows)
    splits[made["val_rows"]], splits[made["test_rows"]] = "PublicTest", "PrivateTest"
    faces = SimpleNamespace(index=splits.to_frame("split"))
    trained = SimpleNamespace(predictions=made, classes=made["classes"].tolist())
    groups = leakage.photographs(results, rows)
    audit = {"near": near, "identical": identical}
    text = robustness.parts(trained, faces, audit, groups).to_csv(index=False, float_format="%.6g")
    assert not difference((PAGES / "parts.csv").read_text(), text, rounding=True)


def test_robustness_begins_with_the_parts_accuracies():
    pages = best_network.read("fer2013", COMMITTED.parent)
    clean = pages["robustness"].query("strength == 0").set_index("class")
    parts = pages["parts"].query("role == 'test'").set_index("part").rename({"all": ""})
    both = parts.loc[clean.index]
    assert len(clean) == 8 and not clean["change"].any()
    np.testing.assert_allclose(clean["value"], both["value"], rtol=1e-5)
    assert (clean["images"] == both["images"]).all()
    worse = pages["robustness"].merge(clean["value"].rename("at_first"), on="class")
    np.testing.assert_allclose(worse["value"] - worse["at_first"], worse["change"], atol=2e-6)
