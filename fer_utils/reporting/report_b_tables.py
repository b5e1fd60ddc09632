"""LaTeX tables of report B's three emotions, from report_b's frames."""

from collections.abc import Sequence
from typing import Protocol

import pandas as pd

from fer_utils.analysis.reported import reported_b
from fer_utils.analysis.transfer import PRINTED_AS
from fer_utils.models.registry import in_order
from fer_utils.reporting.latex import (
    Tex,
    booktabs,
    percent,
    plus_minus,
    ragged,
    spanning,
    word,
)

BEST_AND_LAST = ("epoch", "val.", "train.", "test, best", "test, last", "seeds")


def make(frames: dict[str, pd.DataFrame]) -> dict[str, str]:
    """The report's tables by file name, of what `report_b.frames` has."""
    texts = {}
    if "report_b_epochs" in frames:
        texts["report_b_epochs"] = best_epochs(frames["report_b_epochs"])
        texts["report_b_schedule"] = schedule(frames["report_b_schedule"])
        texts["report_b_classes"] = classification(frames["report_b_classes"], reported_b())
    for name, table in (("scratch", scratch), ("unfreezing", unfreezing), ("grid", grid)):
        if name in frames:
            texts[name] = table(frames[name])
    return texts


def best_epochs(frame: pd.DataFrame) -> str:
    """`report_b.best_epochs`, of what was run: best epoch on validation, reported and ours."""
    rows = []
    for r in frame[frame["seeds"] > 0].itertuples():
        printed = not pd.isna(r.reported_val)
        reported = [f"{r.reported_epoch:.0f}" if printed else "", percent(r.reported_val)]
        rows.append([word(r.model), *reported, *_best_and_last(r)])
    # by hand: `spanning` makes names of equal width, and these are of 2 and 6 columns
    above = r" & \multicolumn{2}{c}{reported} & \multicolumn{6}{c}{ours} \\ "
    above += r"\cmidrule(lr){2-3}\cmidrule(lr){4-9}"
    return booktabs(["network", "epoch", "val.", *BEST_AND_LAST], rows, above)


class _Scores(Protocol):
    """A row of best and last epochs, as itertuples gives it."""

    epoch: float
    val: float
    train: float
    test_best: float
    test: float
    seeds: float


def _best_and_last(r: _Scores) -> list[str]:
    tested = [percent(r.test_best), percent(r.test)]
    return [f"{r.epoch:.3g}", percent(r.val), percent(r.train), *tested, f"{r.seeds:.0f}"]


def classification(measured: pd.DataFrame, reported: pd.DataFrame) -> str:
    """Classification reports: precision, recall, F1 and support of each class and average.

    Parameters
    ----------
    measured, reported
        report_b.classes, and reported.reported_b.
    """
    by_score = measured.set_index(["model", "metric", "class"])["value"]
    printed = reported.set_index(["model", "metric", "class"])["value"]
    classes = measured.loc[measured["metric"] == "recall", "class"].unique()
    rows = []
    for model in in_order(measured["model"]):
        shown = PRINTED_AS.get(model, model)
        for row in [*classes, "accuracy", "macro", "weighted"]:
            theirs = [""] * 4
            if shown in printed.index:
                theirs = _report_row(printed.loc[shown], row, classes)
            rows.append(
                [word(model), row, *theirs, *_report_row(by_score.loc[model], row, classes)]
            )
    header = ["network", "", *("prec.", "recall", "F1", "support") * 2]
    return booktabs(header, rows, spanning(["reported", "ours"], 4, 3), left=2)


def _report_row(scores: pd.Series, row: str, classes: Sequence[str]) -> list[str]:
    """Four cells of a line of a classification report; scores: by (metric, class)."""
    # classes alone have a support; their sum is that of every average
    images = f"{scores['support'].sum():,.0f}"
    if row == "accuracy":
        return ["", "", percent(scores["accuracy", ""]), images]
    if row in classes:
        return [*(percent(scores[metric, row]) for metric in ("precision", "recall", "f1")),
                f"{scores['support', row]:,.0f}"]  # fmt: skip
    return [
        *(percent(scores[f"{row}_{metric}", ""]) for metric in ("precision", "recall", "f1")),
        images,
    ]


def schedule(frame: pd.DataFrame) -> str:
    """`learning_stages.schedule`: what learns from which epoch on, and at which learning rates."""
    rows = []
    for r in frame.itertuples():
        rates = " ".join(word(float(rate)) for rate in r.rates.split())
        rows.append([word(r.model), r.size, r.epoch, r.learning, rates])
    header = ["network", "input", "from epoch", "stages that learn", "learning rates"]
    return booktabs(header, rows, left=2, columns=f"lrr{ragged('4.4cm')}{ragged('3.7cm')}")


def scratch(frame: pd.DataFrame) -> str:
    """`report_b.scratch`: rows input × epochs of the network from random weights."""
    rows = [[r.size, r.epochs, *_best_and_last(r)] for r in frame.itertuples()]
    return booktabs(["input", "epochs", *BEST_AND_LAST], rows, left=0)


def unfreezing(frame: pd.DataFrame) -> str:
    """`report_b.unfreezing`: clipped steps, largest gradient and accuracies of each combination."""
    rows = [
        [
            *(word(r.gradual), word(r.rates), percent(r.spikes), f"{r.largest_norm:.0f}"),
            *_best_and_last(r),
        ]
        for r in frame.itertuples()
    ]
    header = ["gradual", "rates", "clipped, \\%", "largest", *BEST_AND_LAST]
    return booktabs([Tex(name) for name in header], rows, left=2)


def grid(frame: pd.DataFrame) -> str:
    """`report_b.grid`: of each network the chosen cell and those within one standard error."""
    rows = []
    for r in frame[frame["near"] | frame["chosen"]].itertuples():
        cell = [word(r.learning_rate), word(r.weight_decay), word(r.augmented)]
        scores = [plus_minus(r.val, r.val_error), percent(r.test), r.seeds]
        rows.append([word(r.model), *cell, *scores, "chosen" if r.chosen else ""])
    header = ["network", "rate", "decay", "augmented", "val. (st. error)", "test", "seeds", ""]
    return booktabs(header, rows, left=1, columns="lrrlrrrl")
