"""The identities hold for the reported numbers, and would be seen to fail."""

import pytest

from fer_utils import paths
from fer_utils.analysis import identities
from fer_utils.experiments.results import open_results

WHOLE_CLASSES = "recall × images of the class is whole"
WEIGHTED = "accuracy is the mean recall, weighted by images"
MACRO = "macro averages are means over classes"
HARMONIC = "F1 is the harmonic mean of precision and recall"


@pytest.fixture(scope="module")
def study():
    return open_results("fer2013", paths.CHECKOUT / "results").study("report_a")


def failing(study, report: str) -> set[str]:
    table = identities.check(study).query("report == @report and not holds")
    assert (table["deviation"] > 0).all()
    return set(table["identity"])


def test_every_reported_number_is_checked_and_fits(study):
    table = identities.check(study)
    assert list(table) == ["report", "identity", "figures", "deviation", "allowed", "holds"]
    assert table["holds"].all() and (table["deviation"] <= table["allowed"]).all()
    counts = table.set_index(["report", "identity"])["figures"]
    # report A: 12 runs, half of them of two classes and half of four, and one curve of 10 epochs
    assert counts["A", "training accuracy × images is whole"] == 10
    assert counts["A", "accuracy × images is whole"] == counts["A", WEIGHTED]
    assert counts["A", WHOLE_CLASSES] == counts["A", HARMONIC] == 3 * counts["A", WEIGHTED]
    assert counts["A", MACRO] == 3 * counts["A", WEIGHTED]
    # report B: three networks of three classes
    assert counts["B", WHOLE_CLASSES] == counts["B", HARMONIC] == counts["B", MACRO] == 9
    assert ("B", "top2 accuracy × images is whole") not in counts


@pytest.mark.parametrize(
    "metric, broken",
    [
        ("accuracy", {"accuracy × images is whole", WEIGHTED}),
        ("top2_accuracy", {"top2 accuracy × images is whole"}),
        ("recall", {WHOLE_CLASSES, WEIGHTED, MACRO, HARMONIC}),
        ("precision", {MACRO, HARMONIC}),
        ("macro_f1", {MACRO}),
        ("macro_recall", {MACRO}),
    ],
)
def test_a_wrong_number_of_report_a_breaks_its_identities(study, monkeypatch, metric, broken):
    wrong = identities.reported_a()
    wrong.loc[wrong["metric"] == metric, "value"] += 1e-4
    monkeypatch.setattr(identities, "reported_a", lambda: wrong)
    assert failing(study, "A") == broken


def test_a_wrong_epoch_of_report_a_is_seen(study, monkeypatch):
    wrong = identities.reported_a_epochs()
    wrong.loc[3, "val_accuracy"] += 1e-4
    monkeypatch.setattr(identities, "reported_a_epochs", lambda: wrong)
    assert failing(study, "A") == {"validation accuracy × images is whole"}


@pytest.mark.parametrize("error, broken", [(4e-5, set()), (3e-4, {HARMONIC, MACRO})])
def test_report_bs_numbers_may_be_rounded(study, monkeypatch, error, broken):
    """To four decimals: F1 may be off by half of one, on top of what the others are off."""
    exact = identities.reported_b()
    f1 = exact["metric"] == "f1"
    scores = exact[exact["metric"].isin(["precision", "recall"])]
    wide = scores.pivot_table("value", ["model", "class"], "metric", sort=False)
    harmonic = 2 * wide["precision"] * wide["recall"] / (wide["precision"] + wide["recall"])
    keys = list(zip(exact.loc[f1, "model"], exact.loc[f1, "class"], strict=True))
    exact.loc[f1, "value"] = harmonic.loc[keys].to_numpy() + error
    monkeypatch.setattr(identities, "reported_b", lambda: exact)
    assert failing(study, "B") == broken
