"""Scores of our runs and of the reports, asked alike."""

import pandas as pd
import pytest

from fer_utils import paths
from fer_utils.analysis import claim_scores
from fer_utils.experiments.results import open_results


@pytest.fixture(scope="module")
def reference():
    return open_results("fer2013", paths.CHECKOUT / "results")


def test_a_measure_reads_our_runs_and_the_reports_alike(reference):
    ours, printed = claim_scores.measured(reference), claim_scores.reported()
    focal = {"task": "multiclass", "model": "cnn", "loss": "focal"}
    assert printed("accuracy", **focal).item() == pytest.approx(0.6342194683)
    accuracy = ours("accuracy", **focal)
    study = reference.study("report_a").select(task="multiclass", loss="focal")
    by_seed = study.scores().query("metric == 'accuracy'").set_index("seed")["value"]
    pd.testing.assert_series_equal(accuracy.sort_index(), by_seed.sort_index())
    vggface = {"task": "three", "model": "vggface", "loss": "cross_entropy", "epochs": 8}
    assert printed("accuracy", **vggface).item() == 0.9630
    assert printed("accuracy", median=True).empty


def test_confusion_shares_are_those_of_the_logits(reference):
    study = reference.study("report_a").select(task="multiclass", loss="focal", seed=4)
    made = study.predictions(study.runs["run"].item())
    fear, sad = list(made["classes"]).index("fear"), list(made["classes"]).index("sad")
    of_fear = made["test_logits"][made["test_labels"] == fear].argmax(1)
    shares = claim_scores.measured(reference)("predicted sad", "fear", loss="focal")
    assert shares[4] == pytest.approx((of_fear == sad).mean())


def test_a_run_with_other_settings_than_report_as_is_asked_for_by_name(reference):
    """Ten seeds of report A's protocol; the runs of study median alone have the filter."""
    ours = claim_scores.measured(reference)
    assert sorted(ours("accuracy", loss="focal").index) == list(range(10))
    filtered = reference.study("median").select(median=True, loss="focal").runs["seed"]
    assert sorted(ours("accuracy", loss="focal", median=True).index) == sorted(filtered)
    assert ours("accuracy", loss="focal", gamma=17.0).empty
    assert ours("no such metric").empty


def test_of_other_networks_only_the_runs_of_their_studies_count(reference):
    """EfficientNet-Lite0 trains for ten epochs in study start too, with another input and rate."""
    cell = {"model": "efficientnet_lite0", "epochs": 10, "loss": "cross_entropy"}
    elsewhere = reference.study("start").select(task="multiclass", **cell)
    here = reference.study("transfer").select(task="multiclass", **cell)
    assert len(elsewhere.runs) and len(here.runs)
    accuracy = claim_scores.measured(reference)("accuracy", **cell)
    scores = here.scores().query("metric == 'accuracy'")
    assert accuracy.to_dict() == scores.set_index("seed")["value"].to_dict()
