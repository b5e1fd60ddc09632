"""Verdicts come from the rule: effects that are there, that are absent, and that cannot be told."""

import numpy as np
import pytest

from fer_utils import paths
from fer_utils.analysis import claim_list, claims
from fer_utils.evaluation.statistics import holm, least_seeds
from fer_utils.experiments import studies
from fer_utils.experiments.results import open_results

KINDS = list(claims.RULES)
CLEAR = np.array([0.10, 0.11, 0.09, 0.10, 0.12, 0.08, 0.10, 0.11, 0.09, 0.10])  # about +10 points
WIDE = np.tile([0.05, -0.05], 5)


def judged(kind: str, difference, tests: int = 1, lacking: bool = False) -> str:
    """The verdict on made-up differences; tests: claims in the family, all with this p-value."""
    difference = np.asarray(difference, float)
    p_holm = min(1.0, tests * claims.p_value(kind, difference))
    mean = difference.mean() if len(difference) else np.nan
    return claims.verdict(kind, len(difference), mean, p_holm, weights_missing=lacking)


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
        thresholds = claims.RULES[kind].thresholds
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


def test_every_claim_is_judged_and_networks_without_runs_are_not_run(reference):
    table = claims.judge(reference)
    assert len(table) == 20 and table["verdict"].notna().all()
    assert table.loc[table["network"] == "CNN", "n"].max() == 20
    tested = table["n"] > 1
    assert table.loc[tested, "p_holm"].tolist() == holm(table.loc[tested, "p"]).tolist()
    assert (table["p_holm"] > table["p"]).any() and table.loc[~tested, "p_holm"].isna().all()
    printed = table.set_index(["network", "claim"])["reported"]
    assert printed["CNN", claim_list.BETTER] == pytest.approx(0.02678, abs=1e-5)


def test_claims_on_pretrained_networks_are_judged_where_there_are_runs(with_transfer):
    table = claims.judge(with_transfer).set_index(["network", "claim"])
    for network in ("ResNet18, 5 epochs", "MobileNetV2"):
        assert (table.loc[network, "n"] == 2).all()
    assert table.loc["EfficientNet-B1", "verdict"].tolist() == [studies.NOT_RUN]
    of_b = table.loc["three networks"]
    assert of_b.loc[claim_list.OVER_RANDOM, "n"] == 2
    assert (of_b.loc[of_b.index.str.contains("VGGFace"), "verdict"] == studies.NOT_RUN).all()
    assert (table.loc["CNN", "n"] > 0).all()
