"""What the two reports claim, what was measured, and a verdict that a rule gives, never a hand.

Every claim is about a difference between scores of one seed, and about one or two thresholds of
its mean over seeds (M = MARGIN):

    kind      thresholds    supported where the mean lies    not supported where it lies
    more      0             above                            below
    same      −M and +M     between them                     outside them
    no more   +M            below                            above

One test decides in both directions: the exact two-sided sign-flip test (statistics.signflip) that
the mean equals the threshold, of two thresholds the larger p-value, corrected by Holm's method over
all claims with at least two seeds. Where the corrected p is below ALPHA, the side on which the mean
lies is the verdict; otherwise the claim is undecided. So the negated data of a claim "more" get the
opposite verdict, and those of a claim "same" the same one; further seeds that agree only lower p.
No verdict is possible with fewer than statistics.least_seeds(tests) seeds: 6 for a claim alone, 8
in a family of five whose p-values are all as small as they can be. "not run": there is no seed.

Report A's claims about its CNN are judged by the runs of its protocol, those about its pretrained networks by
study `transfer`, report B's by study `report_b`, in whatever settings they were made.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cache, partial

import numpy as np
import pandas as pd

from fer_utils.analysis.reported import reported_a, reported_a_epochs, reported_b
from fer_utils.evaluation.statistics import holm, paired_seeds, signflip
from fer_utils.experiments.results import Results
from fer_utils.experiments.studies import NOT_RUN
from fer_utils.training.experiment import Experiment

MARGIN = 0.01  # "changes little": by less than one point
ALPHA = 0.05  # of the family of all claims that were run
THRESHOLDS = {"more": (0.0,), "same": (-MARGIN, MARGIN), "no more": (MARGIN,)}
ALIKE = ("angry", "fear", "sad")  # these overlap, says report A

PRETRAINED = ("transfer", "report_b")  # studies of the other networks

# score(metric, cls, loss=…, task=…, model=…, epochs=…) → values in 0..1 by seed, empty where there are none;
# the same measure reads our runs and the figures that the reports print
Score = Callable[..., pd.Series]


@dataclass(frozen=True)
class Claim:
    """measure: from scores to the difference that the claim is about, by seed, in 0..1. models: whose scores."""

    report: str
    network: str
    text: str
    kind: str  # "more", "same" or "no more"
    measure: Callable[[Score], pd.Series]
    models: tuple[str, ...]


def _both_losses(measure: Callable[[Score], pd.Series], score: Score) -> pd.Series:
    """The mean of a measure over the two losses: the claim is not about them."""
    return (
        measure(partial(score, loss="cross_entropy")) + measure(partial(score, loss="focal"))
    ) / 2


def _focal_gain(score: Score, **of) -> pd.Series:
    return score("accuracy", loss="focal", **of) - score("accuracy", loss="cross_entropy", **of)


def _two_easier_than_four(score: Score, **of) -> pd.Series:
    return score("accuracy", task="binary", **of) - score("accuracy", task="multiclass", **of)


def _happy_above_the_next(score: Score, **of) -> pd.Series:
    others = pd.concat([score("f1", cls, **of) for cls in ALIKE], axis=1)
    return score("f1", "happy", **of) - others.max(axis=1)


def _confused_with_each_other(score: Score) -> pd.Series:
    """Share of angry, fear and sad predicted as another of the three, a class, minus that predicted as happy."""
    pairs = [score(f"predicted {b}", a) for a in ALIKE for b in ALIKE if a != b]
    happy = [score("predicted happy", a) for a in ALIKE]
    return sum(pairs) / len(pairs) - sum(happy) / len(happy)


def _median_gain(score: Score) -> pd.Series:
    return score("accuracy", median=True) - score("accuracy")


def _last_against_fifth_epoch(score: Score) -> pd.Series:
    long = {"model": "resnet18", "epochs": 10, "loss": "focal"}
    return score("validation accuracy of epoch 10", **long) - score(
        "validation accuracy of epoch 5", **long
    )


def _better(score: Score, one: str, other: str) -> pd.Series:
    three = {"task": "three", "loss": "cross_entropy", "epochs": 8}
    return score("accuracy", model=one, **three) - score("accuracy", model=other, **three)


def claims() -> list[Claim]:
    """Every claim of both reports that such a difference can decide."""
    cnn, short, long = (
        {"model": "cnn"},
        {"model": "resnet18", "epochs": 5},
        {"model": "resnet18", "epochs": 10},
    )
    names = {"CNN": cnn, "ResNet18, 5 epochs": short, "ResNet18, 10 epochs": long}
    made = []
    for network, of in names.items():
        four, two = (partial(_focal_gain, task=task, **of) for task in ("multiclass", "binary"))
        models = (of["model"],)
        better = "Focal loss is better than cross-entropy on four classes"
        made.append(Claim("A", network, better, "more", four, models))
        if of is long:
            worse = "Focal loss is worse than cross-entropy on two classes"
            made.append(
                Claim("A", network, worse, "more", lambda score, two=two: -two(score), models)
            )
        else:
            made.append(
                Claim("A", network, "Focal loss changes little on two classes", "same", two, models)
            )
        for text, measure in (
            ("Two classes are easier than four", _two_easier_than_four),
            ("Happy is the easiest of four classes", _happy_above_the_next),
        ):
            made.append(
                Claim(
                    "A",
                    network,
                    text,
                    "more",
                    partial(_both_losses, partial(measure, **of)),
                    models,
                )
            )
    for network, model in (
        ("EfficientNet-B1", "efficientnet_b1"),
        ("MobileNetV2", "mobilenet_v2"),
    ):  # no figures
        easier = partial(_both_losses, partial(_two_easier_than_four, model=model, epochs=10))
        made.append(
            Claim("A", network, "Two classes are easier than four", "more", easier, (model,))
        )
    overlap = "Angry, fear and sad are confused with each other more than with happy"
    made.append(
        Claim(
            "A", "CNN", overlap, "more", partial(_both_losses, _confused_with_each_other), ("cnn",)
        )
    )
    filtered = partial(_both_losses, _median_gain)
    made.append(Claim("A", "CNN", "A median filter changes little", "same", filtered, ("cnn",)))
    overfits = "Validation accuracy no longer rises after the fifth epoch"
    made.append(
        Claim(
            "A",
            "ResNet18, 10 epochs",
            overfits,
            "no more",
            _last_against_fifth_epoch,
            ("resnet18",),
        )
    )
    for one, other, text in (
        ("resnet18", "vggface", "ResNet18 pretrained on ImageNet is better than VGGFace"),
        ("vggface", "resnet18_scratch", "VGGFace is better than ResNet18 from random weights"),
        ("resnet18", "resnet18_scratch", "ResNet18 is better pretrained than from random weights"),
    ):
        made.append(
            Claim(
                "B",
                "three networks",
                text,
                "more",
                partial(_better, one=one, other=other),
                (one, other),
            )
        )
    return made


def ours(results: Results) -> Score:
    """Scores on test of our runs: of the CNN those that differ from report A's protocol in nothing but what is
    asked for, of other networks those of their study.
    """
    base = results.study("report_a").runs.iloc[0]
    settings = [field.name for field in fields(Experiment) if field.name not in ("seed", "loss")]
    protocol = {name: base[name] for name in settings} | {"task": "multiclass"}
    frames = [results.scores(), _confusion_shares(results.study("report_a")), _of_epochs(results)]
    values = pd.concat([frame[["metric", "class", "run", "value"]] for frame in frames])
    by_score = {key: group for key, group in values.groupby(["metric", "class"])}
    runs = [
        run
        for name in PRETRAINED
        if results.has_study(name)
        for run in results.study(name).runs["run"]
    ]
    pretrained = results.runs["run"].isin(runs)

    @cache
    def having(name: str, value) -> pd.Series:
        return results.runs[name].isin([value])

    def score(metric: str, cls: str = "", **changes) -> pd.Series:
        of_cnn = changes.get("model", "cnn") == "cnn"
        asked = (protocol if of_cnn else {"task": "multiclass"}) | changes
        wanted = [having(name, value) for name, value in asked.items()]
        chosen = np.logical_and.reduce(wanted if of_cnn else [*wanted, pretrained])
        scored = by_score.get((metric, cls), values.head(0))
        seeds = results.runs.loc[chosen, ["run", "seed"]]
        return scored.merge(seeds, on="run").set_index("seed")["value"]

    return score


def _of_epochs(results: Results) -> pd.DataFrame:
    return _named(results.history).merge(results.runs, on="run")


def _named(history: pd.DataFrame) -> pd.DataFrame:
    """Validation accuracies as scores: metric "validation accuracy of epoch 5", class "", value."""
    named = "validation accuracy of epoch " + history["epoch"].astype(str)
    return history.assign(**{"metric": named, "class": "", "value": history["val_accuracy"]}).drop(
        columns="epoch"
    )


def _confusion_shares(study: Results) -> pd.DataFrame:
    """Rows metric "predicted <class>", class (the true one), value (share of the true class), and the settings."""
    shares = []
    for run in study.runs["run"]:
        counts = study.confusion(run)
        long = counts.div(counts.sum(axis=1), axis=0).reset_index().melt("true")
        shares.append(
            long.rename(columns={"true": "class"}).assign(
                run=run, metric="predicted " + long["predicted"]
            )
        )
    return pd.concat(shares).merge(study.runs, on="run")


def theirs() -> Score:
    """The figures that the reports print, as if of one seed."""
    report_b = reported_b().assign(task="three", epochs=8, loss="cross_entropy")
    frame = pd.concat([reported_a(), _named(reported_a_epochs()), report_b]).assign(
        seed=0, median=False
    )
    protocol = {"task": "multiclass", "model": "cnn", "epochs": 10, "median": False}

    def score(metric: str, cls: str = "", **changes) -> pd.Series:
        wanted = protocol | changes | {"metric": metric, "class": cls}
        return frame[(frame[list(wanted)] == pd.Series(wanted)).all(axis=1)].set_index("seed")[
            "value"
        ]

    return score


def judge(results: Results) -> pd.DataFrame:
    """A row a claim: report, network, claim, kind, reported, n, mean, low, high, p, p_holm, verdict.

    Differences in 0..1; n: paired seeds; low, high: 95 % t-interval, not used for the verdict.
    p, p_holm: of the test at the top of this file, before and after its correction.
    """
    mine, printed = ours(results), theirs()
    missing = {model for name in PRETRAINED for model in results.not_run(name)["model"]}
    rows = []
    for claim in claims():
        difference = claim.measure(mine).dropna().to_numpy()
        paired = paired_seeds(0 * difference, difference)
        reported = claim.measure(printed).dropna()
        figures = {"n": paired.n, "mean": paired.mean, "low": paired.low, "high": paired.high}
        figures["p"] = p_value(claim.kind, difference)
        about = {
            "report": claim.report,
            "network": claim.network,
            "claim": claim.text,
            "kind": claim.kind,
        }
        lacking = not missing.isdisjoint(claim.models)
        rows.append(about | {"reported": reported.mean()} | figures | {"lacking": lacking})
    frame = pd.DataFrame(rows).sort_values(["report", "network"], kind="stable", ignore_index=True)
    run = frame["n"] > 1
    frame.loc[run, "p_holm"] = holm(frame.loc[run, "p"])
    return frame.assign(verdict=[verdict(row) for row in frame.itertuples()]).drop(
        columns="lacking"
    )


def p_value(kind: str, difference: Sequence[float]) -> float:
    """Uncorrected, of a claim of this kind by its differences over seeds; NaN for fewer than 2."""
    return max(signflip(difference, threshold) for threshold in THRESHOLDS[kind])


def verdict(row) -> str:
    """The rule at this file's top; row: kind, n, mean, p_holm, lacking (are weights missing)."""
    if row.n == 0:
        return NOT_RUN if row.lacking else "not run"
    if not row.p_holm < ALPHA:
        return "undecided"
    above = sum(row.mean > threshold for threshold in THRESHOLDS[row.kind])
    claimed = 0 if row.kind == "no more" else 1  # so many, if the claim is right
    return "supported" if above == claimed else "not supported"
