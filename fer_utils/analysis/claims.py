"""What the two reports claim, what was measured, and a verdict that a rule gives, never a hand.

Every claim is about a difference between scores of one seed, and about one or two thresholds of
its mean over seeds (M = MARGIN):

    kind      thresholds    supported where the mean lies    not supported where it lies
    more      0             above                            below
    same      −M and +M     between them                     outside them
    no more   +M            below                            above

    seeds     corrected p     verdict
    0         –               not run (or NOT_RUN: weights missing)
    1         –               undecided
    2 …       ALPHA or more   undecided
    2 …       below ALPHA     supported or not supported: the side on which the mean lies

One test decides in both directions: the exact two-sided sign-flip test (`statistics.signflip`) that
the mean equals the threshold, of two thresholds the larger p-value, corrected by Holm's method over
all claims with at least two seeds. So the negated data of a claim "more" get the opposite verdict,
and those of a claim "same" the same one; further seeds that agree only lower p. No verdict is
possible with fewer than `statistics.least_seeds(tests)` seeds: 6 for a claim alone, 8 in a family
of five whose p-values are all as small as they can be.

Report A's claims about its CNN are compared with the runs of its protocol, those about its
pretrained networks with study `transfer`, report B's with study `report_b`, in whatever settings
these were made. The claims themselves stand in `claim_list`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from fer_utils.analysis.claim_list import SUBJECTS
from fer_utils.analysis.claim_scores import PRETRAINED, measured, reported
from fer_utils.evaluation.statistics import holm, paired_seeds, signflip
from fer_utils.experiments.results import Results
from fer_utils.experiments.studies import NOT_RUN

MARGIN = 0.01  # "changes little": by less than one point
ALPHA = 0.05  # of the family of all claims that were run


@dataclass(frozen=True)
class Rule:
    """Thresholds of a mean difference, and above how many of them it lies if the claim is right."""

    thresholds: tuple[float, ...]
    exceeded: int


RULES = {
    "more": Rule((0.0,), exceeded=1),
    "same": Rule((-MARGIN, MARGIN), exceeded=1),
    "no more": Rule((MARGIN,), exceeded=0),
}


def verdict(kind: str, seeds: int, mean: float, p_holm: float, weights_missing: bool) -> str:
    """The verdict on a claim, by the table at the top of this module.

    Parameters
    ----------
    mean
        Of the difference over the seeds, in 0..1; any number where there are none.
    p_holm
        Corrected p-value; NaN for fewer than two seeds.
    """
    if seeds == 0:
        return NOT_RUN if weights_missing else "not run"
    if not p_holm < ALPHA:  # not >=: NaN is undecided too
        return "undecided"
    exceeded = sum(mean > threshold for threshold in RULES[kind].thresholds)
    return "supported" if exceeded == RULES[kind].exceeded else "not supported"


def p_value(kind: str, differences: Sequence[float]) -> float:
    """Uncorrected p-value of a claim by its differences over seeds; NaN for fewer than two."""
    return max(signflip(differences, threshold) for threshold in RULES[kind].thresholds)


def judge(results: Results) -> pd.DataFrame:
    """Every claim with its verdict, one row per claim, by report and network.

    Returns
    -------
    DataFrame
        - report, network, claim, kind: "A" or "B", and as `claim_list` has them;
        - reported: the difference by the report's own numbers, 0..1; NaN where it prints none;
        - n: paired seeds;
        - mean, low, high: of the difference, 0..1, with the 95 % t-interval, which the verdict
          does not use;
        - p, p_holm: of the test at the top of this module, before and after its correction; NaN
          for fewer than two seeds;
        - verdict.
    """
    of_runs, printed = measured(results), reported()
    missing = {model for name in PRETRAINED for model in results.not_run(name)["model"]}
    rows = []
    for subject in SUBJECTS:
        for claim in subject.claims:
            differences = subject.difference(claim, of_runs).dropna().tolist()
            # the differences are known already, so they are compared with nothing
            paired = paired_seeds([0.0] * len(differences), differences)
            row = {
                "report": subject.report,
                "network": subject.network,
                "claim": claim.text,
                "kind": claim.kind,
                "reported": subject.difference(claim, printed).dropna().mean(),
                "n": paired.n,
                "mean": paired.mean,
                "low": paired.low,
                "high": paired.high,
                "p": p_value(claim.kind, differences),
                "weights_missing": not missing.isdisjoint(subject.models),
            }
            rows.append(row)
    # stable: within a network the claims keep the order of the list
    frame = pd.DataFrame(rows).sort_values(["report", "network"], kind="stable", ignore_index=True)
    tested = frame["n"] > 1  # a claim without a test does not count in the family
    frame.loc[tested, "p_holm"] = holm(frame.loc[tested, "p"])
    asked = frame[["kind", "n", "mean", "p_holm", "weights_missing"]].itertuples(index=False)
    return frame.assign(verdict=[verdict(*row) for row in asked]).drop(columns="weights_missing")
