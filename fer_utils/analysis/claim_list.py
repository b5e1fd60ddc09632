"""The claims of the two reports as data: who, in which words, and the difference in question.

The verdict that a difference gives is the matter of `claims`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial, wraps

import pandas as pd

from fer_utils.analysis.claim_scores import EPOCH_ACCURACY, PREDICTED, Score

ALIKE = ("angry", "fear", "sad")  # these overlap, says report A

Measure = Callable[..., pd.Series]  # a Score of each model → a difference in 0..1, by seed


@dataclass(frozen=True)
class Claim:
    """What is claimed.

    Attributes
    ----------
    kind
        One of `claims.RULES`: "more", "same" or "no more".
    measure
        The difference that the claim is about.
    settings
        Those of the runs that it compares, apart from the subject's.
    """

    text: str
    kind: str
    measure: Measure
    settings: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Subject:
    """Whom a report makes its claims about.

    Attributes
    ----------
    network
        As the tables call it.
    models
        Those whose scores a claim compares, in the order in which its measure takes them.
    settings
        Those of their runs.
    """

    report: str
    network: str
    models: tuple[str, ...]
    settings: Mapping[str, object]
    claims: tuple[Claim, ...]

    def difference(self, claim: Claim, score: Score) -> pd.Series:
        """The difference that a claim is about, 0..1, by seed; empty where it has no scores."""
        settings = {**self.settings, **claim.settings}
        return claim.measure(*(partial(score, model=model, **settings) for model in self.models))


def _over_losses(measure: Measure) -> Measure:
    """The mean of a measure over the two losses: the claim is not about them."""

    @wraps(measure)
    def mean(score: Score) -> pd.Series:
        of_loss = (measure(partial(score, loss=loss)) for loss in ("cross_entropy", "focal"))
        # NaN for a seed that lacks a loss, which `judge` drops: it takes both to count
        return sum(of_loss) / 2

    return mean


def _focal_gain(score: Score) -> pd.Series:
    return score("accuracy", loss="focal") - score("accuracy", loss="cross_entropy")


def _cross_entropy_gain(score: Score) -> pd.Series:
    return -_focal_gain(score)


@_over_losses
def _two_easier_than_four(score: Score) -> pd.Series:
    return score("accuracy", task="binary") - score("accuracy", task="multiclass")


@_over_losses
def _happy_above_the_next(score: Score) -> pd.Series:
    # against the best of the others, seed by seed: which one that is may change
    others = pd.concat([score("f1", name) for name in ALIKE], axis=1)
    return score("f1", "happy") - others.max(axis=1)


@_over_losses
def _confused_with_each_other(score: Score) -> pd.Series:
    """Mean share of a class of ALIKE predicted as one of the others, minus that as happy."""
    pairs = [score(PREDICTED + other, name) for name in ALIKE for other in ALIKE if name != other]
    happy = [score(PREDICTED + "happy", name) for name in ALIKE]
    return sum(pairs) / len(pairs) - sum(happy) / len(happy)


@_over_losses
def _median_gain(score: Score) -> pd.Series:
    return score("accuracy", median=True) - score("accuracy")


def _last_against_fifth_epoch(score: Score) -> pd.Series:
    return score(f"{EPOCH_ACCURACY}10") - score(f"{EPOCH_ACCURACY}5")


def _better(one: Score, other: Score) -> pd.Series:
    return one("accuracy") - other("accuracy")


FOUR, TWO = {"task": "multiclass"}, {"task": "binary"}
BETTER = "Focal loss is better than cross-entropy on four classes"
WORSE = "Focal loss is worse than cross-entropy on two classes"
OVERLAP = "Angry, fear and sad are confused with each other more than with happy"
OVERFITS = "Validation accuracy no longer rises after the fifth epoch"
OVER_VGGFACE = "ResNet18 pretrained on ImageNet is better than VGGFace"
VGGFACE_OVER_RANDOM = "VGGFace is better than ResNet18 from random weights"
OVER_RANDOM = "ResNet18 is better pretrained than from random weights"

FOCAL_BETTER = Claim(BETTER, "more", _focal_gain, FOUR)
FOCAL_WORSE = Claim(WORSE, "more", _cross_entropy_gain, TWO)
FOCAL_ALIKE = Claim("Focal loss changes little on two classes", "same", _focal_gain, TWO)
TWO_EASIER = Claim("Two classes are easier than four", "more", _two_easier_than_four)
HAPPY_EASIEST = Claim("Happy is the easiest of four classes", "more", _happy_above_the_next)
CONFUSED = Claim(OVERLAP, "more", _confused_with_each_other)
MEDIAN = Claim("A median filter changes little", "same", _median_gain)
# report A prints the curve of this loss alone
OVERFITTING = Claim(OVERFITS, "no more", _last_against_fifth_epoch, {"loss": "focal"})

# the report does not name its loss; our runs of its protocol have cross-entropy
REPORT_B = {"task": "three", "loss": "cross_entropy", "epochs": 8}

SUBJECTS = (
    Subject(
        "A",
        "CNN",
        ("cnn",),
        {},
        (FOCAL_BETTER, FOCAL_ALIKE, TWO_EASIER, HAPPY_EASIEST, CONFUSED, MEDIAN),
    ),
    Subject(
        "A",
        "ResNet18, 5 epochs",
        ("resnet18",),
        {"epochs": 5},
        (FOCAL_BETTER, FOCAL_ALIKE, TWO_EASIER, HAPPY_EASIEST),
    ),
    Subject(
        "A",
        "ResNet18, 10 epochs",
        ("resnet18",),
        {"epochs": 10},
        (FOCAL_BETTER, FOCAL_WORSE, TWO_EASIER, HAPPY_EASIEST, OVERFITTING),
    ),
    # the report claims this of the two without printing a number of theirs
    Subject("A", "EfficientNet-B1", ("efficientnet_b1",), {"epochs": 10}, (TWO_EASIER,)),
    Subject("A", "MobileNetV2", ("mobilenet_v2",), {"epochs": 10}, (TWO_EASIER,)),
    *(
        Subject("B", "three networks", models, REPORT_B, (Claim(text, "more", _better),))
        for models, text in (
            (("resnet18", "vggface"), OVER_VGGFACE),
            (("vggface", "resnet18_scratch"), VGGFACE_OVER_RANDOM),
            (("resnet18", "resnet18_scratch"), OVER_RANDOM),
        )
    ),
)
