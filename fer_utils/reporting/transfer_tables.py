"""LaTeX tables of the pretrained networks, from transfer's frames."""

from collections.abc import Sequence

import pandas as pd

from fer_utils.analysis.reported import reported_b
from fer_utils.experiments.cnn_recipes import TASKS
from fer_utils.models.registry import in_order
from fer_utils.reporting.latex import (
    Tex,
    booktabs,
    escape,
    percent,
    plus_minus,
    ragged,
    signed,
    spanning,
    word,
)
from fer_utils.reporting.model_card import table
from fer_utils.training.losses import LOSS_NAMES


def make(frames: dict[str, pd.DataFrame]) -> dict[str, str]:
    """The report's tables by file name, of what `transfer.frames` has."""
    texts = {}
    if "transfer" in frames:
        texts["transfer_networks"] = networks(frames["transfer_networks"])
        texts["transfer"] = accuracies(frames["transfer"])
        texts["transfer_lengths"] = lengths(frames["transfer_lengths"])
        resnet = frames["reproduction"].query(
            "report == 'A' and model == 'resnet18' and `class` == ''"
        )
        # without the points of curves, which the same frame holds as scores of epochs
        texts["transfer_averages"] = averages(resnet[~resnet["metric"].str.contains(" of epoch ")])
    if "report_b_epochs" in frames:
        texts["report_b_epochs"] = best_epochs(frames["report_b_epochs"])
        texts["report_b_schedule"] = schedule(frames["report_b_schedule"])
        why = frames["report_b_epochs"].set_index("model")["status"]
        texts["report_b_classes"] = classification(frames["report_b_classes"], reported_b(), why)
    return texts


def networks(frame: pd.DataFrame) -> str:
    """`learning_stages.networks`: input, stages by name, parameters, and how many learn."""
    rows = []
    for r in frame.itertuples():
        counts = [Tex(f"{count / 1e6:.2f}\\,M") for count in (r.parameters, r.learning_parameters)]
        rows.append([word(r.model), r.size, r.frozen, r.learning, *counts])
    header = ["network", "input", "frozen stages", "stages that learn", "parameters", "that learn"]
    return booktabs(header, rows, columns="lrllrr")


def accuracies(frame: pd.DataFrame) -> str:
    """`transfer.accuracies`: rows network × epochs × loss; test accuracy of both, seeds."""
    cells = frame.set_index(["task", "model", "epochs", "loss"]).sort_index()
    rows = []
    for model, epochs, loss in (
        frame[["model", "epochs", "loss"]].drop_duplicates().itertuples(index=False)
    ):
        here = [cells.loc[(task, model, epochs, loss)] for task in TASKS]
        figures = [
            text for c in here for text in (percent(c["reported"]), plus_minus(c["mean"], c["std"]))
        ]
        rows.append(
            [
                word(model),
                epochs,
                word(loss),
                *figures,
                here[0]["status"] or f"{here[0]['seeds']:.0f}",
            ]
        )
    header = ["network", "epochs", "loss", *("reported", "ours") * 2, "seeds"]
    return booktabs(
        header, rows, spanning([word(task) for task in TASKS], 2, 4), left=3, columns="lrlrrrrl"
    )


def averages(figures: pd.DataFrame) -> str:
    """`reproduction.every_number` of one network: rows epochs × task × score."""
    rows = []
    for (epochs, task, metric), cells in figures.groupby(["epochs", "task", "metric"], sort=False):
        by_loss = cells.set_index("loss")
        both = [by_loss.loc[loss] for loss in LOSS_NAMES]
        numbers = [
            (percent(c["reported"]), plus_minus(c["mean"], c["std"]), signed(c["points"]))
            for c in both
        ]
        rows.append([epochs, word(task), word(metric), *numbers[0], *numbers[1]])
    header = ["epochs", "task", "score", *("reported", "ours", "diff.") * 2]
    return booktabs(header, rows, spanning(list(LOSS_NAMES.values()), 3, 4), left=3)


def lengths(frame: pd.DataFrame) -> str:
    """`transfer.lengths`: accuracy after 5 and 10 epochs, and where the longer run overfits."""
    rows = []
    for r in frame.itertuples():
        figures = [
            r.seeds,
            percent(r.short),
            percent(r.long),
            signed(r.gain * 100),
            # a mean over seeds, which is seldom whole
            f"{r.best_epoch:.3g}",
        ]
        rows.append(
            [
                word(r.model),
                word(r.task),
                word(r.loss),
                *figures,
                "never" if pd.isna(r.parted) else r.parted,
            ]
        )
    header = [
        "network",
        "task",
        "loss",
        "seeds",
        "5 epochs",
        "10 epochs",
        "diff.",
        "best epoch",
        "parts at",
    ]
    return booktabs(header, rows, left=3)


def best_epochs(frame: pd.DataFrame) -> str:
    """`transfer.best_epochs`: the best epoch on validation, as reported and ours."""
    rows = []
    for r in frame.itertuples():
        reported = (
            ["--", "--"]
            if pd.isna(r.reported_val)
            else [f"{r.reported_epoch:.0f}", percent(r.reported_val)]
        )
        # no numbers: the reason runs across all five columns
        if r.status:
            measured = [_across(5, r.status)]
        else:
            measured = [
                f"{r.epoch:.3g}",
                percent(r.val),
                percent(r.train),
                percent(r.test),
                f"{r.seeds:.0f}",
            ]
        rows.append([word(r.model), *reported, *measured])
    # by hand: `spanning` makes names of equal width, and these are of 2 and 5 columns
    above = r" & \multicolumn{2}{c}{reported} & \multicolumn{5}{c}{ours} \\ "
    above += r"\cmidrule(lr){2-3}\cmidrule(lr){4-8}"
    header = [
        "network",
        "epoch",
        "validation",
        "epoch",
        "validation",
        "training",
        "test, last",
        "seeds",
    ]
    return booktabs(header, rows, above)


def classification(measured: pd.DataFrame, reported: pd.DataFrame, why: pd.Series) -> str:
    """Classification reports: precision, recall, F1 and support of each class and average.

    Parameters
    ----------
    ours, reported
        transfer.classes, and reported.reported_b.
    why
        The status of what was not run, by model.
    """
    scores = [
        frame.set_index(["model", "metric", "class"])["value"] for frame in (reported, measured)
    ]
    reported_by_model, measured_by_model = (
        {model: of.loc[model] for model in of.index.unique("model")} for of in scores
    )
    classes = measured.loc[measured["metric"] == "recall", "class"].unique()
    rows = []
    for model in in_order({*reported_by_model, *measured_by_model}):
        for row in [*classes, "accuracy", "macro", "weighted"]:
            printed = (
                _report_row(reported_by_model[model], row, classes)
                if model in reported_by_model
                else ["--"] * 4
            )
            cells = (
                _report_row(measured_by_model[model], row, classes)
                if model in measured_by_model
                else [_across(4, why[model])]
            )
            rows.append([word(model), row, *printed, *cells])
    header = ["network", "", *("prec.", "recall", "F1", "support") * 2]
    return booktabs(header, rows, spanning(["reported", "ours"], 4, 3), left=2)


def _across(width: int, text: str) -> str:
    return Tex(rf"\multicolumn{{{width}}}{{l}}{{{escape(text)}}}")


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
    rows = [[word(r.model), r.size, r.epoch, r.learning, r.rates] for r in frame.itertuples()]
    header = ["network", "input", "from epoch", "stages that learn", "learning rates"]
    return booktabs(header, rows, left=2, columns=f"lrr{ragged('4.4cm')}{ragged('3.7cm')}")


def readme(frames: dict[str, pd.DataFrame]) -> str:
    """The README's table of the pretrained networks, Markdown: test accuracy in percent (seeds).

    Of study transfer the longest runs with cross-entropy. A dash: not in that study.
    """
    of_a = (
        frames["transfer"]
        .query("loss == 'cross_entropy' and epochs == epochs.max()")
        .set_index(["model", "task"])
    )
    of_b = frames["report_b_epochs"].set_index("model")
    columns = {word(task): of_a.xs(task, level="task") for task in TASKS} | {word("three"): of_b}
    rows = []
    for model in in_order(model for cells in columns.values() for model in cells.index):
        rows.append([word(model), *(_tested(cells, model) for cells in columns.values())])
    return table(["network", *columns], rows)


def _tested(cells: pd.DataFrame, model: str) -> str:
    if model not in cells.index:
        return "–"
    # the frames of the two studies call the test accuracy mean and test
    cell = cells.loc[model]
    return (
        cell["status"] or f"{percent(cell.get('mean', cell.get('test')))} % ({cell['seeds']:.0f})"
    )
