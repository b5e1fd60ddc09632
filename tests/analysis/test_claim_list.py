"""The differences that claims are about, on scores that are made up."""

import pandas as pd
import pytest

from fer_utils.analysis import claim_list

EVERY = [(subject, claim) for subject in claim_list.SUBJECTS for claim in subject.claims]


def scores_of(known: dict):
    """A Score of seeds 0 and 1, the latter 0.5 more; by metric, class and settings that matter."""

    def score(metric, cls="", **settings):
        for (name, of, *wanted), value in known.items():
            if (name, of) == (metric, cls) and all(each in settings.values() for each in wanted):
                return pd.DataFrame({0: [value, value + 0.5]}, index=pd.Index([0, 1], name="seed"))
        return pd.DataFrame(columns=[0], dtype=float, index=pd.Index([], name="seed"))

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
            claim_list.STABILISES,
            {
                ("validation accuracy of epoch 10", "", "focal"): 0.25,
                ("validation accuracy of epoch 6", "", "focal"): 0.2,
            },
            0.05,
        ),
        (
            claim_list.RISES,
            {
                ("training accuracy of epoch 10", "", "focal"): 0.45,
                ("training accuracy of epoch 6", "", "focal"): 0.2,
            },
            0.25,
        ),
        (
            claim_list.FOCAL_BALANCES,
            {
                (metric, name, loss, "multiclass"): value
                for loss, gap in (("cross_entropy", 0.2), ("focal", 0.05))
                for number, name in enumerate(("angry", "fear", "happy", "sad"))
                for metric, value in (("precision", 0.3), ("recall", 0.3 + gap * (-1) ** number))
            },
            0.15,
        ),
        (
            claim_list.TOP2,
            {("top2_accuracy", "", "focal"): 0.8, ("top2_accuracy", "", "cross_entropy"): 0.85},
            0.05,
        ),
        (
            claim_list.PEAK,
            {
                ("validation accuracy of epoch 8", ""): 0.3,
                ("validation accuracy of epoch 4", ""): 0.35,
            },
            -0.05,
        ),
        (
            claim_list.ANGRY_WORST,
            {("recall", "angry"): 0.2, ("recall", "happy"): 0.5, ("recall", "sad"): 0.3},
            0.1,
        ),
    ],
    ids=lambda value: getattr(value, "text", ""),
)
def test_a_claim_is_about_this_difference(claim, known, expected):
    subject = claim_list.Subject("A", "CNN", ("cnn",), {}, (claim,))
    difference = subject.difference(claim, scores_of(known))
    assert difference.index.tolist() == [0, 1]
    # a score of one seed less a number is not the same for both of these seeds
    added = 0.5 if claim is claim_list.TOP2 else 0.0
    assert difference[0].tolist() == pytest.approx([expected, expected + added])


def test_confusion_within_three_classes_is_a_mean_over_both_wrong_answers():
    """Of each class 0.1 and 0.2 are given to the other two, and 0.12 to happy."""
    known = {}
    for one, other in (("angry", "fear"), ("fear", "sad"), ("sad", "angry")):
        known |= {(f"predicted {other}", one): 0.1, (f"predicted {one}", other): 0.2}
    known |= {("predicted happy", a): 0.12 for a in claim_list.ALIKE}
    subject = claim_list.Subject("A", "CNN", ("cnn",), {}, (claim_list.CONFUSED,))
    difference = subject.difference(claim_list.CONFUSED, scores_of(known))
    assert difference[0].tolist() == pytest.approx([0.03] * 2)


def two_networks(claim):
    [subject] = [each for each, its in EVERY if its is claim]
    return subject


def test_the_first_model_of_two_is_claimed_to_be_better():
    known = {("accuracy", "", "vggface"): 0.3, ("accuracy", "", "resnet18_scratch"): 0.2}
    subject = two_networks(claim_list.VGGFACE_OVER_RANDOM)
    difference = subject.difference(claim_list.VGGFACE_OVER_RANDOM, scores_of(known))
    assert difference[0].tolist() == pytest.approx([0.1] * 2)


def test_every_test_has_to_gain_from_focal_loss():
    """The least gain counts: 0.1 of the CNN, 0.3 after 5 epochs, −0.2 after 10."""
    known = {
        ("accuracy", "", "cnn", "focal"): 0.3,
        ("accuracy", "", "cnn", "cross_entropy"): 0.2,
        ("accuracy", "", "resnet18", "focal", 5): 0.5,
        ("accuracy", "", "resnet18", "cross_entropy", 5): 0.2,
        ("accuracy", "", "resnet18", "focal", 10): 0.2,
        ("accuracy", "", "resnet18", "cross_entropy", 10): 0.4,
    }
    subject = two_networks(claim_list.FOCAL_ALWAYS)
    difference = subject.difference(claim_list.FOCAL_ALWAYS, scores_of(known))
    assert difference[0].tolist() == pytest.approx([-0.2] * 2)


def test_the_deeper_network_is_compared_over_both_losses():
    known = {("accuracy", "", "resnet18", 10): 0.4, ("accuracy", "", "cnn", 10): 0.3}
    subject = two_networks(claim_list.NO_BETTER)
    difference = subject.difference(claim_list.NO_BETTER, scores_of(known))
    assert difference[0].tolist() == pytest.approx([0.1] * 2)


@pytest.mark.parametrize("subject, claim", EVERY, ids=lambda value: getattr(value, "text", ""))
def test_a_claim_asks_for_runs_of_its_subject_alone(subject, claim):
    asked = []

    def score(metric, cls="", **settings):
        asked.append(settings)
        return pd.DataFrame([[0.0]], index=[0])

    subject.difference(claim, score)
    assert {settings.pop("model") for settings in asked} == set(subject.models)
    assert all(subject.settings.items() <= settings.items() for settings in asked)
    assert {settings["studies"] for settings in asked} == {subject.studies}
    assert claim.kind in ("more", "same", "no more")
    if claim in (claim_list.TWO_EASIER, claim_list.HAPPY_EASIEST, claim_list.CONFUSED):
        assert {settings["loss"] for settings in asked} == {"cross_entropy", "focal"}


def test_what_was_not_run_has_no_difference():
    for subject, claim in EVERY:
        assert subject.difference(claim, scores_of({})).empty
