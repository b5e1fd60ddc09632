"""The differences that claims are about, on scores that are made up."""

import pandas as pd
import pytest

from fer_utils.analysis import claim_list, claims

EVERY = [(subject, claim) for subject in claim_list.SUBJECTS for claim in subject.claims]


def scores_of(known: dict):
    """A Score of seeds 0 and 1, the latter 0.5 more; by metric, class and settings that matter."""

    def score(metric, cls="", **settings):
        for (name, of, *wanted), value in known.items():
            if (name, of) == (metric, cls) and set(wanted) <= set(settings.values()):
                return pd.Series([value, value + 0.5], index=pd.Index([0, 1], name="seed"))
        return pd.Series(dtype=float, index=pd.Index([], name="seed"))

    return score


@pytest.mark.parametrize(
    "claim, known, expected",
    [
        (
            claim_list.FOCAL_BETTER,
            {
                ("accuracy", "", "focal", "multiclass"): 0.3,
                ("accuracy", "", "cross_entropy", "multiclass"): 0.2,
            },
            0.1,
        ),
        (
            claim_list.FOCAL_WORSE,
            {
                ("accuracy", "", "focal", "binary"): 0.3,
                ("accuracy", "", "cross_entropy", "binary"): 0.2,
            },
            -0.1,
        ),
        (
            claim_list.TWO_EASIER,
            {
                ("accuracy", "", "focal", "binary"): 0.4,
                ("accuracy", "", "focal", "multiclass"): 0.3,
                ("accuracy", "", "cross_entropy", "binary"): 0.5,
                ("accuracy", "", "cross_entropy", "multiclass"): 0.1,
            },
            (0.1 + 0.4) / 2,
        ),
        (
            claim_list.HAPPY_EASIEST,
            {("f1", "happy"): 0.5, ("f1", "angry"): 0.1, ("f1", "fear"): 0.4, ("f1", "sad"): 0.2},
            0.1,
        ),
        (
            claim_list.MEDIAN,
            {("accuracy", "", True): 0.2, ("accuracy", ""): 0.3},
            -0.1,
        ),
        (
            claim_list.OVERFITTING,
            {
                ("validation accuracy of epoch 10", "", "focal"): 0.25,
                ("validation accuracy of epoch 5", "", "focal"): 0.2,
            },
            0.05,
        ),
    ],
    ids=lambda value: getattr(value, "text", ""),
)
def test_a_claim_is_about_this_difference(claim, known, expected):
    subject = claim_list.Subject("A", "CNN", ("cnn",), {}, (claim,))
    difference = subject.difference(claim, scores_of(known))
    assert difference.index.tolist() == [0, 1]
    assert difference.tolist() == pytest.approx([expected] * 2)


def test_confusion_within_three_classes_is_a_mean_over_both_wrong_answers():
    """Of each class 0.1 and 0.2 are given to the other two, and 0.12 to happy."""
    known = {}
    for one, other in (("angry", "fear"), ("fear", "sad"), ("sad", "angry")):
        known |= {(f"predicted {other}", one): 0.1, (f"predicted {one}", other): 0.2}
    known |= {("predicted happy", a): 0.12 for a in claim_list.ALIKE}
    subject = claim_list.Subject("A", "CNN", ("cnn",), {}, (claim_list.CONFUSED,))
    difference = subject.difference(claim_list.CONFUSED, scores_of(known))
    assert difference.tolist() == pytest.approx([0.03] * 2)


def test_the_first_model_of_two_is_claimed_to_be_better():
    known = {("accuracy", "", "vggface"): 0.3, ("accuracy", "", "resnet18_scratch"): 0.2}
    [(subject, claim)] = [
        pair for pair in EVERY if pair[0].models == ("vggface", "resnet18_scratch")
    ]
    assert claim.text == "VGGFace is better than ResNet18 from random weights"
    assert subject.difference(claim, scores_of(known)).tolist() == pytest.approx([0.1] * 2)


@pytest.mark.parametrize("subject, claim", EVERY, ids=lambda value: getattr(value, "text", ""))
def test_a_claim_asks_for_runs_of_its_subject_alone(subject, claim):
    asked = []

    def score(metric, cls="", **settings):
        asked.append(settings)
        return pd.Series([0.0], index=[0])

    subject.difference(claim, score)
    assert {settings.pop("model") for settings in asked} == set(subject.models)
    assert all(subject.settings.items() <= settings.items() for settings in asked)
    assert claim.kind in claims.RULES
    if claim in (claim_list.TWO_EASIER, claim_list.HAPPY_EASIEST, claim_list.CONFUSED):
        assert {settings["loss"] for settings in asked} == {"cross_entropy", "focal"}


def test_what_was_not_run_has_no_difference():
    for subject, claim in EVERY:
        assert subject.difference(claim, scores_of({})).empty
