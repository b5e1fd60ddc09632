"""LaTeX tables of the pretrained networks, from transfer's frames."""

from typing import Protocol

import pandas as pd

from fer_utils.analysis.reproduction import OF_EPOCH
from fer_utils.analysis.transfer import NETWORK
from fer_utils.experiments.cnn_recipes import TASKS
from fer_utils.models.registry import in_order
from fer_utils.reporting.latex import (
    INTERVAL,
    Tex,
    booktabs,
    interval,
    percent,
    plus_minus,
    signed,
    spanning,
    word,
)
from fer_utils.reporting.markdown import table
from fer_utils.training.losses import LOSS_NAMES

# how the studies of `resnet_remarks.gaps` train a network
TRAINED = {
    "report_a": "",
    "dedupe": ", no photograph on two sides",
    "resnet18": ", frozen in training",
    "resnet18_frozen": ", frozen at rest",
}


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
        if (resnet["seeds"] > 0).any():
            # without the figures of epochs, which the same frame holds as scores
            tested = resnet[~resnet["metric"].str.contains(OF_EPOCH)]
            texts["transfer_averages"] = averages(tested)
    remarks = {"layers": layers, "gaps": gaps, "resnet18_median": filtered}
    return texts | {name: make(frames[name]) for name, make in remarks.items() if name in frames}


def networks(frame: pd.DataFrame) -> str:
    """`learning_stages.networks`: input, stages by name, parameters, and how many learn."""
    rows = []
    for r in frame.itertuples():
        counts = [Tex(f"{count / 1e6:.2f}\\,M") for count in (r.parameters, r.learning_parameters)]
        rows.append([word(r.model), r.size, r.frozen, r.learning, *counts])
    header = ["network", "input", "frozen stages", "stages that learn", "parameters", "that learn"]
    return booktabs(header, rows, columns="lrllrr")


def accuracies(frame: pd.DataFrame) -> str:
    """`transfer.accuracies`, of what was run: rows network × epochs × loss; accuracy of both tasks.

    A network's frozen stages rest, or are in training mode; images: of each class.
    """
    run = frame[frame.groupby([*NETWORK, "epochs"])["seeds"].transform("max") > 0]
    rows = []
    for key, cells in run.groupby([*NETWORK, "epochs", "loss"], sort=False):
        by_task = cells.set_index("task")
        here = [by_task.loc[task] for task in TASKS]
        figures = [
            text for c in here for text in (percent(c["reported"]), plus_minus(c["mean"], c["std"]))
        ]
        model, rest, cap, epochs, loss = key
        about = [word(model), _frozen(rest), _images(cap), epochs, word(loss)]
        rows.append([*about, *figures, max(c["seeds"] for c in here)])
    header = ["network", "frozen", "images", "epochs", "loss", *("reported", "ours") * 2, "seeds"]
    names = spanning([word(task) for task in TASKS], 2, 6)
    return booktabs(header, rows, names, columns="llrrlrrrrr", left=5)


def _frozen(rest: bool) -> str:
    """What the stages that learn nothing are in while the others train."""
    return "at rest" if rest else "in training"


def _images(cap: int) -> str:
    return f"{cap:,}" if cap else "all"


def averages(figures: pd.DataFrame) -> str:
    """`reproduction.every_number` of one network as far as it was run: epochs × task × score."""
    rows = []
    figures = figures[figures["mean"].notna()]
    for (epochs, task, metric), cells in figures.groupby(["epochs", "task", "metric"], sort=False):
        by_loss = cells.set_index("loss")
        # one of the losses may still be computing
        both = [by_loss.loc[loss] if loss in by_loss.index else None for loss in LOSS_NAMES]
        numbers = [
            ("", "", "")
            if c is None
            else (percent(c["reported"]), plus_minus(c["mean"], c["std"]), signed(c["points"]))
            for c in both
        ]
        rows.append([epochs, word(task), word(metric), *numbers[0], *numbers[1]])
    header = ["epochs", "task", "score", *("reported", "ours", "diff.") * 2]
    return booktabs(header, rows, spanning(list(LOSS_NAMES.values()), 3, 4), left=3)


def lengths(frame: pd.DataFrame) -> str:
    """`transfer.lengths`: accuracy after 5 and 10 epochs, and where the longer run overfits."""
    rows = []
    for r in frame.itertuples():
        about = [
            word(r.model),
            _frozen(r.rest),
            _images(r.cap),
            word(r.task),
            word(r.loss),
            r.seeds,
        ]
        figures = [percent(r.short), percent(r.long), signed(r.gain * 100)]
        # a mean over seeds, which is seldom whole
        figures += [f"{r.best_epoch:.3g}", "never" if pd.isna(r.parted) else r.parted]
        rows.append([*about, *figures])
    about = ["network", "frozen", "images", "task", "loss", "seeds"]
    header = [*about, "5 epochs", "10 epochs", "diff.", "best", "parts"]
    return booktabs(header, rows, left=5, columns="llrllrrrrrr")


def layers(frame: pd.DataFrame) -> str:
    """`resnet_remarks.layers`: test accuracy by how many of the last stages learn."""
    every = frame["stages"].max()
    rows = [
        ["all" if r.stages == every else r.stages, r.n, percent(r.mean), _ends(r)]
        for r in frame.itertuples()
    ]
    return booktabs(["stages that learn", "seeds", "test", INTERVAL], rows)


class _Interval(Protocol):
    """A row with an interval, as itertuples gives it."""

    low: float
    high: float


def _ends(r: _Interval) -> str:
    return "" if pd.isna(r.low) else f"{percent(r.low)} to {percent(r.high)}"


def filtered(frame: pd.DataFrame) -> str:
    """`resnet_remarks.filtered`: accuracy with median filter minus without, in points."""
    rows = []
    for r in frame[frame["metric"] == "accuracy"].itertuples():
        change = [signed(r.mean * 100), interval(r.low, r.high) if r.n > 1 else ""]
        rows.append([word(r.task), word(r.loss), r.n, *change])
    return booktabs(["task", "loss", "seeds", "difference", INTERVAL], rows, left=2)


def gaps(frame: pd.DataFrame) -> str:
    """`resnet_remarks.gaps`: validation accuracy minus macro recall on test, in points."""
    rows = []
    for r in frame.itertuples():
        points = [signed(gap * 100) for gap in (r.gap, r.largest, r.best)]
        rows.append([word(r.model) + TRAINED[r.study], word(r.loss), r.epochs, r.seeds, *points])
    header = ["runs", "loss", "epochs", "seeds", "mean", "largest", "best epoch"]
    return booktabs(header, rows, left=2)


def readme(frames: dict[str, pd.DataFrame]) -> str:
    """The README's table of the pretrained networks, Markdown: test accuracy in percent (seeds).

    Of report A's studies the longest runs with cross-entropy, of each network those on the most
    images, first as report A trained it. Of report B's the epoch that was tested. A dash: not in
    that study. What was not run has no row.
    """
    of_a = frames["transfer"].query("loss == 'cross_entropy' and seeds > 0")
    of_a = of_a[of_a["epochs"] == of_a["epochs"].max()]
    # the frame has them in this order; the first one of a network and a task counts
    of_a = of_a.drop_duplicates(["model", "task"]).set_index(["model", "task"])
    of_b = frames["report_b_epochs"].query("seeds > 0").set_index("model")
    rows = []
    for model in in_order({*of_a.index.get_level_values("model"), *of_b.index}):
        cells = [of_a.loc[(model, task)] if (model, task) in of_a.index else None for task in TASKS]
        images = next((_images(cell["cap"]) for cell in cells if cell is not None), "–")
        texts = ["–" if cell is None else _tested(cell["mean"], cell["seeds"]) for cell in cells]
        three = "–"
        if model in of_b.index:
            cell = of_b.loc[model]
            best = cell["test"] if pd.isna(cell["test_best"]) else cell["test_best"]
            three = _tested(best, cell["seeds"])
        rows.append([word(model), images, *texts, three])
    header = ["network", "images a class", *(word(task) for task in (*TASKS, "three"))]
    return table(header, rows)


def _tested(accuracy: float, seeds: float) -> str:
    return f"{percent(accuracy)} % ({seeds:.0f})"
