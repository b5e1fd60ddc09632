"""Scores of our runs and of the reports, asked alike."""

import pandas as pd
import pytest

from fer_utils import io, paths
from fer_utils.analysis import claim_scores
from fer_utils.analysis.image_draws import ImageDraws
from fer_utils.experiments.results import Results, open_results


@pytest.fixture(scope="module")
def reference():
    return open_results("fer2013", paths.CHECKOUT / "results")


def test_a_measure_reads_our_runs_and_the_reports_alike(reference):
    ours, printed = claim_scores.measured(reference), claim_scores.reported()
    focal = {"task": "multiclass", "model": "cnn", "loss": "focal"}
    assert printed("accuracy", **focal)[0].item() == pytest.approx(0.6342194683)
    accuracy = ours("accuracy", **focal)
    study = reference.study("report_a").select(task="multiclass", loss="focal")
    by_seed = study.scores().query("metric == 'accuracy'").set_index("seed")["value"]
    expected = by_seed.sort_index()
    pd.testing.assert_series_equal(accuracy[0], expected, check_names=False)
    vggface = {"task": "three", "model": "vggface", "loss": "cross_entropy", "epochs": 8}
    assert printed("accuracy", **vggface)[0].item() == 0.9630
    fourth = claim_scores.EPOCH_ACCURACY + "4", claim_scores.EPOCH_TRAINING + "4"
    assert [printed(metric, **vggface)[0].item() for metric in fourth] == [0.958, 0.995]
    assert printed("accuracy", median=True).empty


def test_confusion_shares_are_those_of_the_logits(reference):
    study = reference.study("report_a").select(task="multiclass", loss="focal", seed=4)
    made = study.predictions(study.runs["run"].item())
    fear, sad = list(made["classes"]).index("fear"), list(made["classes"]).index("sad")
    of_fear = made["test_logits"][made["test_labels"] == fear].argmax(1)
    shares = claim_scores.measured(reference)("predicted sad", "fear", loss="focal")
    assert shares.loc[4, 0] == pytest.approx((of_fear == sad).mean())


def test_a_run_with_other_settings_than_report_as_is_asked_for_by_name(reference):
    """Twenty seeds of report A's protocol; the runs of study median alone have the filter."""
    ours = claim_scores.measured(reference)
    assert sorted(ours("accuracy", loss="focal").index) == list(range(20))
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
    accuracy = claim_scores.measured(reference)("accuracy", studies=("transfer",), **cell)
    scores = here.scores().query("metric == 'accuracy'")
    assert accuracy[0].to_dict() == scores.set_index("seed")["value"].to_dict()


def test_a_stand_in_is_taken_where_the_network_itself_has_no_run(tmp_path):
    """Both studies are looked at in their order; other studies do not count."""
    listed = {"first": ["a"], "second": ["b", "c"], "third": ["d"]}
    for name, runs in listed.items():
        io.write_json(tmp_path / "studies" / f"{name}.json", runs)
    models = {"a": "cnn", "b": "resnet18_cntk", "c": "cnn", "d": "resnet18"}
    runs = pd.DataFrame({"run": list(models), "model": list(models.values())})
    results = Results(tmp_path, runs, runs, runs)
    for studies, model in (
        (("first", "second"), "resnet18_cntk"),
        (("second", "third"), "resnet18"),
        (("first",), "resnet18"),
    ):
        assert claim_scores.model_of(results, "resnet18", studies) == model
    assert claim_scores.model_of(results, "vggface", ("second",)) == "vggface"


def test_draws_stand_beside_the_images_as_they_are(reference):
    draws = ImageDraws(reference, draws=5)
    score = claim_scores.measured(reference, draws)
    recall = score("recall", "sad", loss="focal")
    assert recall.shape == (20, 6)
    study = reference.study("report_a").select(task="multiclass", loss="focal", seed=4)
    of_run = draws.scores(study.runs["run"].item())
    assert recall.loc[4].tolist()[1:] == of_run["recall", "sad"].tolist()
    # a row of curves has no test images to be drawn
    assert score(claim_scores.EPOCH_ACCURACY + "10", loss="focal").shape == (20, 1)
