"""The claims of the two reports as data: who, in which words, and the difference in question.

They were listed before the runs of the pretrained ResNet18 and of report B's networks that decide
most of them: data/reported/claims.csv is that list, with its date, and a test holds this module to
it. The verdict that a difference gives is the matter of `claims`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial, reduce, wraps

import pandas as pd

from fer_utils.analysis.claim_scores import EPOCH_ACCURACY, EPOCH_TRAINING, Score
from fer_utils.evaluation.metrics import PREDICTED

ALIKE = ("angry", "fear", "sad")  # these overlap, says report A
LOSSES = ("cross_entropy", "focal")
HIGH_ENOUGH = 0.75  # of top-2 accuracy; ours, since report A names no number

# Scores of each model → a difference in 0..1: one row per seed, one column for the test images
# as they are and one for each draw of them (see claim_scores)
Measure = Callable[..., pd.DataFrame]


@dataclass(frozen=True)
class Claim:
    """What is claimed.

    Attributes
    ----------
    kind
        One of `claims.RULES`: "more", "same" or "no more".
    family
        The question that it belongs to; claims of one family are corrected together.
    measure
        The difference that the claim is about.
    settings
        Those of the runs that it compares, apart from the subject's.
    """

    text: str
    kind: str
    family: str
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
    studies
        Where the runs of networks other than the CNN are: of each network in the first of these
        studies that has any.
    """

    report: str
    network: str
    models: tuple[str, ...]
    settings: Mapping[str, object]
    claims: tuple[Claim, ...]
    studies: tuple[str, ...] = ()

    def difference(self, claim: Claim, score: Score) -> pd.DataFrame:
        """The difference that a claim is about, 0..1, by seed; no rows where it has no scores."""
        settings = {**self.settings, **claim.settings, "studies": self.studies}
        return claim.measure(*(partial(score, model=model, **settings) for model in self.models))


def _over_losses(measure: Measure) -> Measure:
    """The mean of a measure over the two losses: the claim is not about them."""

    @wraps(measure)
    def mean(*scores: Score) -> pd.DataFrame:
        of_loss = (measure(*(partial(score, loss=loss) for score in scores)) for loss in LOSSES)
        # NaN for a seed that lacks a loss, which `judge` drops: it takes both to count
        return sum(of_loss) / 2

    return mean


def _least(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The least of several scores, seed by seed, of the seeds that have all of them."""
    seeds = reduce(lambda one, other: one.intersection(other), [frame.index for frame in frames])
    return pd.concat([frame.loc[seeds] for frame in frames]).groupby(level=0).min()


def _focal_gain(score: Score) -> pd.DataFrame:
    return score("accuracy", loss="focal") - score("accuracy", loss="cross_entropy")


def _cross_entropy_gain(score: Score) -> pd.DataFrame:
    return -_focal_gain(score)


def _focal_gain_in_every_test(cnn: Score, resnet18: Score) -> pd.DataFrame:
    """Of the networks and lengths that report A prints, the one with the least gain."""
    gains = [_focal_gain(partial(resnet18, epochs=epochs)) for epochs in (5, 10)]
    return _least([_focal_gain(cnn), *gains])


def _nearer_with_focal(score: Score) -> pd.DataFrame:
    """How much nearer precision and recall of a class are with focal loss, mean over classes."""
    names = ("angry", "fear", "happy", "sad")
    gaps = {
        loss: sum(
            (score("precision", name, loss=loss) - score("recall", name, loss=loss)).abs()
            for name in names
        )
        for loss in LOSSES
    }
    return (gaps["cross_entropy"] - gaps["focal"]) / len(names)


@_over_losses
def _two_easier_than_four(score: Score) -> pd.DataFrame:
    return score("accuracy", task="binary") - score("accuracy", task="multiclass")


@_over_losses
def _happy_above_the_next(score: Score) -> pd.DataFrame:
    # against the best of the others, seed by seed: which one that is may change
    return _least([score("f1", "happy") - score("f1", name) for name in ALIKE])


@_over_losses
def _confused_with_each_other(score: Score) -> pd.DataFrame:
    """Mean share of a class of ALIKE predicted as one of the others, minus that as happy."""
    pairs = [score(PREDICTED + other, name) for name in ALIKE for other in ALIKE if name != other]
    happy = [score(PREDICTED + "happy", name) for name in ALIKE]
    return sum(pairs) / len(pairs) - sum(happy) / len(happy)


def _top2_above_high_enough(score: Score) -> pd.DataFrame:
    return _least([score("top2_accuracy", loss=loss) for loss in LOSSES]) - HIGH_ENOUGH


@_over_losses
def _median_gain(score: Score) -> pd.DataFrame:
    return score("accuracy", median=True) - score("accuracy")


def _after_the_fifth(metric: str) -> Measure:
    """From the first epoch after the fifth to the last, as report A's table has them."""

    def change(score: Score) -> pd.DataFrame:
        return score(f"{metric}10") - score(f"{metric}6")

    return change


@_over_losses
def _deeper_gain(resnet18: Score, cnn: Score) -> pd.DataFrame:
    return resnet18("accuracy") - cnn("accuracy")


def _better(one: Score, other: Score) -> pd.DataFrame:
    return one("accuracy") - other("accuracy")


def _sooner(one: Score, other: Score) -> pd.DataFrame:
    return one(f"{EPOCH_ACCURACY}1") - other(f"{EPOCH_ACCURACY}1")


def _after_the_fourth(score: Score) -> pd.DataFrame:
    return score(f"{EPOCH_ACCURACY}8") - score(f"{EPOCH_ACCURACY}4")


def _angry_below_the_next(score: Score) -> pd.DataFrame:
    others = _least([score("recall", name) for name in ("happy", "sad")])
    return others - score("recall", "angry")


FOUR, TWO = {"task": "multiclass"}, {"task": "binary"}
BETTER = "Focal loss is better than cross-entropy on four classes"
FOCAL, CLASSES, IMAGES, TRAINING, NETWORKS = FAMILIES = (
    "Does focal loss help?",
    "Which classes are hard?",
    "Does preparing the images help?",
    "How does training go on?",
    "Which network is better?",
)

FOCAL_BETTER = Claim(BETTER, "more", FOCAL, _focal_gain, FOUR)
FOCAL_ALIKE = Claim("Focal loss changes little on two classes", "same", FOCAL, _focal_gain, TWO)
FOCAL_WORSE = Claim(
    "Focal loss is worse than cross-entropy on two classes", "more", FOCAL, _cross_entropy_gain, TWO
)
FOCAL_BALANCES = Claim(
    "Focal loss brings precision and recall of a class nearer to each other on four classes",
    *("more", FOCAL, _nearer_with_focal, FOUR),
)
FOCAL_ALWAYS = Claim(
    "Focal loss improves four classes in every test",
    *("more", FOCAL, _focal_gain_in_every_test, FOUR),
)
TWO_EASIER = Claim("Two classes are easier than four", "more", CLASSES, _two_easier_than_four)
HAPPY_EASIEST = Claim(
    "Happy is the easiest of four classes", "more", CLASSES, _happy_above_the_next
)
CONFUSED = Claim(
    "Angry, fear and sad are confused with each other more than with happy",
    *("more", CLASSES, _confused_with_each_other),
)
TOP2 = Claim(
    f"Top-2 accuracy is always high enough (we take {HIGH_ENOUGH:.0%})",
    *("more", CLASSES, _top2_above_high_enough),
)
MEDIAN = Claim("A median filter changes little", "same", IMAGES, _median_gain)
# report A prints the curve of this loss alone
RISES = Claim(
    "Training accuracy goes on rising after about the fifth epoch",
    *("more", TRAINING, _after_the_fifth(EPOCH_TRAINING), {"loss": "focal"}),
)
STABILISES = Claim(
    "Validation accuracy stabilises after about the fifth epoch",
    *("same", TRAINING, _after_the_fifth(EPOCH_ACCURACY), {"loss": "focal"}),
)
NO_BETTER = Claim(
    "The deeper network is no better than the CNN on four classes",
    *("no more", NETWORKS, _deeper_gain, FOUR),
)
SOONER = Claim("Pretrained weights converge faster", "more", TRAINING, _sooner)
PEAK = Claim("VGGFace is best after epoch 4", "no more", TRAINING, _after_the_fourth)
ANGRY_WORST = Claim(
    "From random weights angry is recalled worst", "more", CLASSES, _angry_below_the_next
)
OVER_VGGFACE, VGGFACE_OVER_RANDOM, OVER_RANDOM = (
    Claim(text, "more", NETWORKS, _better)
    for text in (
        "ResNet18 pretrained on ImageNet is better than VGGFace",
        "VGGFace is better than ResNet18 from random weights",
        "ResNet18 is better pretrained than from random weights",
    )
)

# the report does not name its loss; our runs of its protocol have cross-entropy
REPORT_B = {"task": "three", "loss": "cross_entropy", "epochs": 8}
# report A's network as it trained it; else with its frozen stages in evaluation mode
PRETRAINED_A, PRETRAINED_B = ("resnet18", "transfer"), ("report_b",)


def _of_b(network: str, models: tuple[str, ...], *claims: Claim) -> Subject:
    return Subject("B", network, models, REPORT_B, claims, PRETRAINED_B)


SUBJECTS = (
    Subject(
        *("A", "CNN", ("cnn",), {}),
        (
            *(FOCAL_BETTER, FOCAL_ALIKE, FOCAL_BALANCES),
            *(TWO_EASIER, HAPPY_EASIEST, CONFUSED, TOP2),
            MEDIAN,
        ),
    ),
    Subject(
        *("A", "ResNet18, 5 epochs", ("resnet18",), {"epochs": 5}),
        (FOCAL_BETTER, FOCAL_ALIKE, TWO_EASIER, HAPPY_EASIEST, TOP2),
        PRETRAINED_A,
    ),
    Subject(
        *("A", "ResNet18, 10 epochs", ("resnet18",), {"epochs": 10}),
        (FOCAL_BETTER, FOCAL_WORSE, TWO_EASIER, HAPPY_EASIEST, TOP2, RISES, STABILISES),
        PRETRAINED_A,
    ),
    Subject("A", "CNN and ResNet18", ("cnn", "resnet18"), {}, (FOCAL_ALWAYS,), PRETRAINED_A),
    Subject(
        *("A", "ResNet18, 10 epochs, and CNN", ("resnet18", "cnn"), {"epochs": 10}),
        (NO_BETTER,),
        PRETRAINED_A,
    ),
    _of_b("ResNet18 and VGGFace", ("resnet18", "vggface"), OVER_VGGFACE),
    _of_b("VGGFace and ResNet18", ("vggface", "resnet18_scratch"), VGGFACE_OVER_RANDOM),
    _of_b("ResNet18, twice", ("resnet18", "resnet18_scratch"), OVER_RANDOM, SOONER),
    _of_b("ResNet18, random weights", ("resnet18_scratch",), ANGRY_WORST),
    _of_b("VGGFace", ("vggface",), PEAK),
)
