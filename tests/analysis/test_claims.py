"""Verdicts come from the rule: effects that are there, that are absent, and that cannot be told."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from fer_utils import paths
from fer_utils.analysis import claims
from fer_utils.evaluation.statistics import least_seeds
from fer_utils.experiments.results import open_results

KINDS = list(claims.THRESHOLDS)
CLEAR = np.array([0.10, 0.11, 0.09, 0.10, 0.12, 0.08, 0.10, 0.11, 0.09, 0.10])  # about +10 points
WIDE = np.tile([0.05, -0.05], 5)


def judged(kind: str, difference, tests: int = 1, lacking=False) -> str:
    """The verdict on made-up differences; tests: claims in the family, all with this p-value."""
    difference = np.asarray(difference, float)
    p_holm = min(1.0, tests * claims.p_value(kind, difference))
    mean = difference.mean() if len(difference) else np.nan
    row = SimpleNamespace(kind=kind, n=len(difference), mean=mean, p_holm=p_holm, lacking=lacking)
    return claims.verdict(row)


OPPOSITE = {"supported": "not supported", "not supported": "supported", "undecided": "undecided"}


@pytest.mark.parametrize("n", range(2, 11))
@pytest.mark.parametrize("shift", [0.0, 0.05, 0.1])
def test_negated_differences_get_the_opposite_verdict(n, shift):
    difference = CLEAR[:n] - shift
    assert judged("more", -difference) == OPPOSITE[judged("more", difference)]
    assert judged("same", -difference) == judged("same", difference)
    mirrored = 2 * claims.MARGIN - difference  # around the threshold of "no more"
    assert judged("no more", mirrored) == OPPOSITE[judged("no more", difference)]


@pytest.mark.parametrize("tests", [1, 5])
@pytest.mark.parametrize(
    "kind, difference, verdict",
    [
        ("more", CLEAR, "supported"),
        ("more", -CLEAR, "not supported"),
        ("same", CLEAR, "not supported"),
        ("same", -CLEAR, "not supported"),
        ("more", WIDE, "undecided"),
        ("same", WIDE, "undecided"),
        ("no more", WIDE, "undecided"),
        ("same", (CLEAR - 0.1) / 4, "supported"),
        ("no more", CLEAR, "not supported"),
        ("no more", -CLEAR, "supported"),
    ],
)
def test_both_verdicts_need_the_same_number_of_seeds(tests, kind, difference, verdict):
    least = least_seeds(tests)
    if verdict == "undecided":
        assert {judged(kind, difference[:n], tests) for n in range(2, 11)} == {"undecided"}
        return
    assert {judged(kind, difference[:n], tests) for n in range(2, least)} == {"undecided"}
    assert {judged(kind, difference[:n], tests) for n in range(least, 11)} == {verdict}


@pytest.mark.parametrize("kind", KINDS)
def test_more_seeds_that_agree_never_undo_a_verdict(kind):
    rng = np.random.default_rng(0)
    for _ in range(40):
        centre = rng.choice([-0.03, 0.0, 0.005, 0.03])
        difference = rng.normal(centre, 0.01, 10)
        before = judged(kind, difference)
        thresholds = claims.THRESHOLDS[kind]
        side = [difference.mean() > threshold for threshold in thresholds]
        agreeing = rng.normal(centre, 0.01, 500)
        same = [[d > threshold for threshold in thresholds] == side for d in agreeing]
        after = judged(kind, [*difference, *agreeing[same][:2]])
        assert before == "undecided" or after == before, (kind, before, after)


def test_no_effect_is_undecided_whatever_a_report_prints():
    """Once: refuted with three seeds, as the interval ended below the printed difference."""
    assert judged("more", [0.001, -0.001, 0.0005]) == "undecided"
    assert judged("more", (CLEAR - 0.1) / 10) == "undecided"


def test_fewer_than_two_seeds_have_no_verdict():
    assert judged("more", [0.5], lacking=True) == "undecided"
    assert judged("more", []) == "not run"
    assert judged("more", [], lacking=True) == "not run: weights missing"


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
    assert (
        printed("accuracy", task="three", model="vggface", loss="cross_entropy", epochs=8).item()
        == 0.9630
    )
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
    assert printed[
        "CNN", "Focal loss is better than cross-entropy on four classes"
    ] == pytest.approx(0.02678, abs=1e-5)
