"""Verdicts come from the rule: effects that are there, that are absent, and that cannot be told."""

import numpy as np
import pandas as pd
import pytest

from fer_utils import paths
from fer_utils.analysis import claim_list, claims
from fer_utils.evaluation.crossed import crossed_interval
from fer_utils.evaluation.statistics import holm
from fer_utils.experiments import studies
from fer_utils.experiments.results import open_results

KINDS = ("more", "same", "no more")
CLEAR = np.array([0.10, 0.11, 0.09, 0.10, 0.12, 0.08, 0.10, 0.11, 0.09, 0.10])  # about +10 points
WIDE = np.tile([0.05, -0.05], 5)
TIGHT = (CLEAR - 0.1) / 10  # around 0, within a tenth of a point


def judged(kind: str, difference, claimed=np.nan, tests: int = 1, lacking: bool = False) -> str:
    """The verdict on made-up differences; tests: claims in the family, all with these p-values."""
    result = crossed_interval(difference)
    corrected = {
        name: min(1.0, tests * p) for name, p in claims.p_values(kind, result, claimed).items()
    }
    return claims.verdict(result.n, corrected, weights_missing=lacking)


@pytest.mark.parametrize(
    "kind, difference, claimed, verdict",
    [
        ("more", CLEAR, 0.2, "supported"),
        ("more", -CLEAR, 0.2, "refuted"),
        ("more", TIGHT, 0.2, "no effect"),
        ("more", TIGHT, np.nan, "no effect"),
        ("more", WIDE, 0.2, "claimed size refuted"),
        ("more", WIDE, 0.02, "inconclusive"),
        ("more", WIDE, np.nan, "inconclusive"),
        # a claimed size below a point is none to be refuted
        ("more", WIDE / 3, 0.009, "inconclusive"),
        ("same", TIGHT, 0.2, "supported"),
        ("same", CLEAR, 0.0, "refuted"),
        ("same", -CLEAR, 0.0, "refuted"),
        ("same", WIDE, 0.0, "inconclusive"),
        ("no more", -CLEAR, 0.0, "supported"),
        ("no more", TIGHT, 0.0, "supported"),
        ("no more", CLEAR, 0.0, "refuted"),
        ("no more", WIDE, 0.0, "inconclusive"),
    ],
)
def test_the_rule(kind, difference, claimed, verdict):
    assert judged(kind, difference, claimed) == verdict
    assert judged(kind, difference, claimed, tests=10**80) == "inconclusive", "corrected"


@pytest.mark.parametrize("n", range(2, 11))
@pytest.mark.parametrize("shift", [0.0, 0.05, 0.1])
def test_negated_differences_get_the_opposite_verdict(n, shift):
    opposite = {"supported": "refuted", "refuted": "supported"}
    difference = CLEAR[:n] - shift
    verdict = judged("more", difference)
    assert judged("more", -difference) == opposite.get(verdict, verdict)
    assert judged("same", -difference) == judged("same", difference)


def test_a_few_seeds_that_agree_are_enough():
    """Once no claim could be supported below eight seeds: sign flips of fewer cannot show it."""
    assert judged("more", CLEAR[:3], tests=3) == "supported"
    assert judged("same", TIGHT[:3], tests=3) == "supported"


@pytest.mark.parametrize("kind", KINDS)
def test_fewer_than_two_seeds_have_no_verdict(kind):
    assert judged(kind, [0.5], 0.2, lacking=True) == "inconclusive"
    assert judged(kind, []) == "not run"
    assert judged(kind, [], lacking=True) == "not run: weights missing"


@pytest.mark.parametrize("kind, truth", [("more", 0.0), ("same", 0.01), ("no more", 0.01)])
def test_a_false_statement_is_rare(kind, truth):
    """At the threshold each of the two verdicts is wrong; of both together one in 20 is given."""
    rng = np.random.default_rng(0)
    wrong = [
        judged(kind, rng.normal(truth, 0.01, 8)) in ("supported", "refuted") for _ in range(600)
    ]
    assert np.mean(wrong) < 0.075


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="less"):
        claims.p_values("less", crossed_interval(CLEAR))


@pytest.fixture(scope="module")
def reference():
    return open_results("fer2013", paths.CHECKOUT / "results")


def test_every_claim_is_judged_and_corrected_within_its_family(reference):
    table = claims.judge(reference)
    assert len(table) == len(EVERY) and table["verdict"].notna().all()
    assert table.loc[table["network"] == "CNN", "n"].max() == 20
    tested = table[table["n"] > 1]
    for family, rows in tested.groupby("family"):
        results = [crossed_interval(differences(reference, row)) for row in rows.itertuples()]
        alone = [
            claims.p_values(kind, result)["supported"]
            for kind, result in zip(rows["kind"], results, strict=True)
        ]
        assert rows["p_supported"].tolist() == pytest.approx(holm(alone)), family
    assert table.loc[table["n"] < 2, "p_supported"].isna().all()
    printed = table.set_index(["network", "claim"])["reported"]
    assert printed["CNN", claim_list.BETTER] == pytest.approx(0.02678, abs=1e-5)


EVERY = [(subject, claim) for subject in claim_list.SUBJECTS for claim in subject.claims]


def differences(results, row):
    """The differences of a row of `judge` on the images as they are, by seed."""
    [(subject, claim)] = [
        (s, c) for s, c in EVERY if c.text == row.claim and s.network == row.network
    ]
    return subject.difference(claim, claims.measured(results)).dropna()[0]


def test_the_claims_are_those_that_were_listed():
    """The dated list was written before the runs: a claim is added to it, never changed in it."""
    listed = pd.read_csv(paths.REPORTED / "claims.csv")
    keys = ["report", "network", "family", "kind", "claim"]
    written = [(s.report, s.network, c.family, c.kind, c.text) for s, c in EVERY]
    assert listed[keys].apply(tuple, axis=1).tolist() == written
    assert pd.to_datetime(listed["listed"]).notna().all()
    assert set(listed["family"]) == set(claim_list.FAMILIES)


def test_claims_on_pretrained_networks_are_judged_where_there_are_runs(with_transfer):
    table = claims.judge(with_transfer).set_index(["network", "claim"])
    assert table.loc["ResNet18, 5 epochs", "n"].max() == 2
    of_b = table.loc["ResNet18, twice"]
    assert of_b["n"].tolist() == [2, 2]
    assert table.loc["VGGFace", "verdict"].tolist() == [studies.NOT_RUN]
    assert (table.loc["CNN", "n"] > 0).any()
