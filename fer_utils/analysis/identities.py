"""Do the numbers that the reports print fit each other, and the data?

A share of n images is a whole number over n, a macro average is a mean, and so on: numbers that
were mistyped, or computed over batches, break such identities.
"""

from collections.abc import Iterator

import pandas as pd

from fer_utils.analysis.reported import reported_a, reported_a_epochs, reported_b
from fer_utils.experiments.results import Results

# half a unit of the last digit that a report prints
EXACT = 1e-9  # report A prints every digit
FOUR_DECIMALS = 0.5e-4  # report B


def check(study: Results) -> pd.DataFrame:
    """Whether the printed numbers satisfy each identity, one row per report and identity.

    Parameters
    ----------
    study
        Runs of report A's tasks: its numbers are compared with their image counts.

    Returns
    -------
    DataFrame
        - report, identity: "A" or "B", and the identity in words;
        - figures: how many numbers it was checked on;
        - deviation: the largest distance from what it demands, in images or in shares of 1;
        - allowed: the largest distance that rounding of the printed digits can explain;
        - holds: whether no number deviates by more than is allowed for it.
    """
    rows = [("A", *row) for row in _of_curves(study)]
    supports = study.scores().query("metric == 'support'")
    by_class = supports.groupby(["task", "class"])["value"].first()  # every run tests all images
    for (_, _, task, _), cells in reported_a().groupby(["model", "epochs", "task", "loss"]):
        printed = cells.set_index(["metric", "class"])["value"]
        rows += [("A", *row) for row in _of_scores(printed, by_class[task], EXACT)]
    for _, cells in reported_b().groupby("model"):
        printed = cells.set_index(["metric", "class"])["value"]
        rows += [("B", *row) for row in _of_scores(printed, printed["support"], FOUR_DECIMALS)]
    checks = pd.DataFrame(rows, columns=["report", "identity", "deviation", "allowed"])
    # row by row: what is allowed depends on a class's images
    checks["holds"] = checks["deviation"] <= checks["allowed"]
    by_identity = checks.groupby(["report", "identity"], sort=False)
    table = by_identity.agg(
        figures=("deviation", "size"),
        deviation=("deviation", "max"),
        allowed=("allowed", "max"),
        holds=("holds", "all"),
    )
    return table.reset_index()


Check = tuple[str, float, float]  # identity, deviation, allowed


def _of_curves(study: Results) -> Iterator[Check]:
    """Report A's accuracies by epoch, which are shares of the images that it trained on."""
    images = study.runs.groupby("task")[["train_images", "val_images"]].first()
    epochs = reported_a_epochs().merge(images, on="task")
    for split, name in (("train", "training"), ("val", "validation")):
        for right in epochs[f"{split}_accuracy"] * epochs[f"{split}_images"]:
            yield f"{name} accuracy × images is whole", _from_whole(right), 1e-4


def _from_whole(number: float) -> float:
    return abs(number - round(number))


def _of_scores(printed: pd.Series, support: pd.Series, half_a_digit: float) -> Iterator[Check]:
    """All numbers of one run; printed: by (metric, class), 0..1; support: images by class."""
    precision, recall, f1 = (printed[metric] for metric in ("precision", "recall", "f1"))
    images = support[recall.index]
    right = recall * images
    for score in ("accuracy", "top2_accuracy"):
        if (score, "") in printed.index:  # of two classes there is no top 2
            identity = f"{score} × images is whole".replace("_", " ")
            deviation = _from_whole(printed[score, ""] * images.sum())
            yield identity, deviation, half_a_digit * images.sum()
    for of_class, number in zip(right, images, strict=True):
        identity = "recall × images of the class is whole"
        yield identity, _from_whole(of_class), half_a_digit * number
    # here and below two rounded numbers are compared
    distance = abs(right.sum() / images.sum() - printed["accuracy", ""])
    yield "accuracy is the mean recall, weighted by images", distance, 2 * half_a_digit
    for metric, values in (("precision", precision), ("recall", recall), ("f1", f1)):
        distance = abs(values.mean() - printed[f"macro_{metric}", ""])
        yield "macro averages are means over classes", distance, 2 * half_a_digit
    harmonic = 2 * precision * recall / (precision + recall)
    for distance in (harmonic - f1).abs():
        yield "F1 is the harmonic mean of precision and recall", distance, 2 * half_a_digit
