"""What the two reports claim, what was measured, and a verdict that a rule gives, never a hand.

Every claim is about the mean D of a difference between scores over seeds (M = MARGIN, one point):

    kind      claimed       supported    refuted            no effect    claimed size refuted
    more      D > 0         D > 0        D < 0              −M < D < M   D < the reported difference
    same      −M < D < M    −M < D < M   D < −M or D > M    –            –
    no more   D < M         D < M        D > M              –            –

The first column that is shown, from left to right, is the verdict; else the claim is inconclusive.
Shown means: the test with both sources of chance, seeds and images (`evaluation.crossed`), has a
p-value below ALPHA, corrected by Holm's method over all claims of the family, which is a question
declared with the claim. One-sided p-values are doubled, so that every side of a threshold is judged
alike: shown is what the 95 % interval shows. Each column is corrected by itself: that any of a
family's statements of one kind is wrong has a probability of 5 % at most.

With one seed nothing is shown. What the runs could have shown stands beside each verdict:
`detectable`, the difference that the test would find in four of five studies like this, and
`power`, the probability with which it would find the reported one.

Report A's claims about its CNN are compared with the runs of its protocol, those about its
pretrained networks with studies `resnet18` and `transfer`, report B's with study `report_b`, in
whatever settings these were made. The claims themselves stand in `claim_list`.
"""

import numpy as np
import pandas as pd

from fer_utils.analysis.claim_list import SUBJECTS, Subject
from fer_utils.analysis.claim_scores import STAND_IN, measured, model_of, reported
from fer_utils.analysis.image_draws import ImageDraws
from fer_utils.evaluation.crossed import ALPHA, Crossed, crossed_interval
from fer_utils.evaluation.statistics import MARGIN, holm
from fer_utils.experiments.results import Results
from fer_utils.experiments.studies import NOT_RUN
from fer_utils.models.registry import display_names

# in the order in which they are looked at
VERDICTS = ("supported", "refuted", "no effect", "claimed size refuted")


def p_values(kind: str, of_runs: Crossed, claimed: float = np.nan) -> dict[str, float]:
    """The p-value of each of VERDICTS, by the table at the top of this module.

    Parameters
    ----------
    kind
        "more", "same" or "no more".
    claimed
        The reported difference, 0..1; NaN where the report prints none.

    Returns
    -------
    dict
        1 for a verdict that the kind does not have; NaN for fewer than two seeds.
    """
    within = of_runs.p_within(MARGIN)
    nothing = 1.0 if of_runs.n > 1 else np.nan
    if kind == "same":
        outside = min(of_runs.p_above(MARGIN), of_runs.p_below(-MARGIN))
        p = (within, outside, nothing, nothing)
    elif kind == "no more":
        p = (of_runs.p_below(MARGIN), of_runs.p_above(MARGIN), nothing, nothing)
    elif kind == "more":
        # a size that is itself small, or was never printed, is none to be refuted
        smaller = of_runs.p_below(claimed) if claimed > MARGIN else nothing
        p = (of_runs.p_above(0.0), of_runs.p_below(0.0), within, smaller)
    else:
        raise ValueError(f"unknown kind of claim {kind!r}")
    return {name: min(2 * value, 1.0) for name, value in zip(VERDICTS, p, strict=True)}


def verdict(n: int, corrected: dict[str, float], weights_missing: bool = False) -> str:
    """The verdict on a claim.

    Parameters
    ----------
    n
        Paired seeds.
    corrected
        `p_values` after the correction over the family.
    """
    if n == 0:
        return NOT_RUN if weights_missing else "not run"
    # not >=: NaN shows nothing either
    shown = [name for name in VERDICTS if corrected[name] < ALPHA]
    return shown[0] if shown else "inconclusive"


def judge(results: Results, draws: ImageDraws | None = None) -> pd.DataFrame:
    """Every claim with its verdict, one row per claim, by report and network.

    Parameters
    ----------
    draws
        Of the test images; without them the tests hold for other seeds alone.

    Returns
    -------
    DataFrame
        - report, network, claim, kind, family: "A" or "B", and as `claim_list` has them;
        - reported: the difference by the report's own numbers, 0..1; NaN where it prints none;
        - n: paired seeds;
        - mean, low, high: of the difference, 0..1, with the 95 % interval, which is not corrected;
        - detectable, power: see the top of this module;
        - p_supported, p_refuted, p_no_effect, p_claimed_size_refuted: corrected over the family;
          NaN for fewer than two seeds;
        - verdict.
    """
    of_runs, printed = measured(results, draws), reported()
    left_out = _left_out(results)
    rows, tests = [], []
    for subject in SUBJECTS:
        for claim in subject.claims:
            difference = subject.difference(claim, of_runs).dropna()
            resampled = difference.to_numpy()[:, 1:].T if difference.shape[1] > 1 else None
            both = crossed_interval(difference[0] if len(difference) else [], resampled)
            in_print = subject.difference(claim, printed).dropna()
            claimed = float(in_print[0].mean()) if len(in_print) else np.nan
            tests.append(p_values(claim.kind, both, claimed))
            row = {
                "report": subject.report,
                "network": _named(subject, results),
                "claim": claim.text,
                "kind": claim.kind,
                "family": claim.family,
                "reported": claimed,
                **{name: getattr(both, name) for name in ("n", "mean", "low", "high")},
                "detectable": both.detectable,
                "power": both.power(claimed),
                "weights_missing": any(
                    model in left_out and model_of(results, model, subject.studies) == model
                    for model in subject.models
                ),
            }
            rows.append(row)
    frame = pd.DataFrame(rows)
    corrected = pd.DataFrame(tests)
    for _, family in frame[frame["n"] > 1].groupby("family"):  # what has no test counts in none
        for name in VERDICTS:
            corrected.loc[family.index, name] = holm(corrected.loc[family.index, name])
    verdicts = [
        verdict(row.n, dict(corrected.loc[row.Index]), row.weights_missing)
        for row in frame.itertuples()
    ]
    columns = {name: "p_" + name.replace(" ", "_") for name in VERDICTS}
    frame = frame.drop(columns="weights_missing").join(corrected.rename(columns=columns))
    return frame.assign(verdict=verdicts)


def _named(subject: Subject, results: Results) -> str:
    """The subject's name, with the network whose runs were taken where that is a stand-in."""
    name, shown = subject.network, display_names()
    for model in {*subject.models} & STAND_IN.keys():
        taken = model_of(results, model, subject.studies)
        name = name.replace(shown[model], shown[taken], 1)
    return name


def _left_out(results: Results) -> set[str]:
    """The networks that some study left out for want of weights."""
    studies = {name for subject in SUBJECTS for name in subject.studies}
    return {model for name in sorted(studies) for model in results.not_run(name)["model"]}
