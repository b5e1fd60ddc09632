"""Verdicts come from the rule: effects that are there, that are absent, and that cannot be told."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from fer_utils import paths
from fer_utils.analysis import claims
from fer_utils.experiments.results import open_results


def row(kind="more", n=10, mean=0.0, half=0.01, p_holm=1.0, reported=0.03, lacking=False):
    return SimpleNamespace(
        kind=kind, n=n, mean=mean, low=mean - half, high=mean + half, p_holm=p_holm, reported=reported,
        lacking=lacking,
    )  # fmt: skip


@pytest.mark.parametrize(
    "case, verdict",
    [
        (row(mean=0.02, p_holm=0.01), "supported"),
        (row(mean=-0.02, p_holm=0.01), "not supported"),
        (row(mean=0.0, half=0.01), "not supported"),  # the reported 3 points lie above the whole interval
        (row(mean=0.0, half=0.05), "undecided"),
        (row(mean=0.12, half=0.002, reported=0.14, p_holm=0.06), "undecided"),  # an effect, smaller than reported
        (row(mean=0.0, half=0.01, reported=np.nan), "undecided"),  # nothing printed to be excluded
        (row(kind="same", mean=0.001, half=0.004, p_holm=0.01), "supported"),
        (row(kind="same", mean=0.03, half=0.01), "not supported"),
        (row(kind="same", mean=-0.03, half=0.01), "not supported"),
        (row(kind="same", mean=0.005, half=0.02), "undecided"),
        (row(kind="no more", mean=-0.03, half=0.01, p_holm=0.01), "supported"),
        (row(kind="no more", mean=0.03, half=0.01), "not supported"),
        (row(kind="no more", mean=-0.03, half=0.05), "undecided"),
        (row(n=1, half=np.nan, lacking=True), "undecided"),
        (row(n=0, mean=np.nan), "not run"),
        (row(n=0, mean=np.nan, lacking=True), "not run: weights missing"),
    ],
)
def test_the_rule(case, verdict):
    assert claims.verdict(case) == verdict


@pytest.fixture(scope="module")
def reference():
    return open_results("fer2013", paths.CHECKOUT / "results")


def test_a_measure_reads_our_runs_and_the_reports_alike(reference):
    mine, printed = claims.ours(reference), claims.theirs()
    focal = {"task": "multiclass", "model": "cnn", "loss": "focal"}
    assert printed("accuracy", **focal).item() == pytest.approx(0.6342194683)
    accuracy = mine("accuracy", **focal)
    study = reference.study("report_a").select(task="multiclass", loss="focal")
    by_seed = study.scores().query("metric == 'accuracy'").set_index("seed")["value"]
    pd.testing.assert_series_equal(accuracy.sort_index(), by_seed.sort_index())
    assert printed("accuracy", task="three", model="vggface", loss="cross_entropy", epochs=8).item() == 0.9630
    assert printed("accuracy", median=True).empty


def test_confusion_shares_are_those_of_the_logits(reference):
    study = reference.study("report_a").select(task="multiclass", loss="focal", seed=4)
    made = study.predictions(study.runs["run"].item())
    fear, sad = list(made["classes"]).index("fear"), list(made["classes"]).index("sad")
    of_fear = made["test_logits"][made["test_labels"] == fear].argmax(1)
    assert claims.ours(reference)("predicted sad", "fear", loss="focal")[4] == pytest.approx(
        (of_fear == sad).mean()
    )


def test_every_claim_is_judged_and_networks_without_runs_are_not_run(reference):
    table = claims.judge(reference)
    assert len(table) == 20 and table["verdict"].notna().all()
    assert table.loc[table["network"] == "CNN", "n"].max() == 10
    run = table[table["n"] > 1]
    assert (run["p_holm"] >= run["p"]).all() and table.loc[table["n"] < 2, "p_holm"].isna().all()
    printed = table.set_index(["network", "claim"])["reported"]
    assert printed["CNN", "Focal loss is better than cross-entropy on four classes"] == pytest.approx(
        0.02678, abs=1e-5
    )
