"""LaTeX tables of the best network, one for each page of best_network.make."""

import pandas as pd

from fer_utils.analysis.restricted import RESTRICTED, TRAINED
from fer_utils.analysis.rivals import ALL, FRESH, SEARCHES
from fer_utils.experiments.best_recipe import RECIPE
from fer_utils.experiments.results import Results
from fer_utils.reporting.latex import (
    INTERVAL,
    Tex,
    between,
    booktabs,
    interval,
    listed,
    p_value,
    percent,
    plus_minus,
    signed,
    spanning,
    word,
)
from fer_utils.reporting.markdown import table

SETTINGS = {  # of the recipe, as the report names them
    "epochs": "epochs",
    "batch_size": "images in a batch",
    "optimiser": "optimizer",
    "learning_rate": "learning rate, highest",
    "weight_decay": "weight decay",
    "schedule": "schedule",
    "flip": "random mirror image",
    "rotation": "random rotation, degrees",
    "shift": "random shift, share of the side",
    "scale": "random zoom, share",
    "erasing": "random erasing, probability",
    "label_smoothing": "label smoothing",
    "ema": "weight averaging, decay per step",
    "tta": "views of a test image",
}


def scores(frame: pd.DataFrame) -> str:
    """`best_network.scores`, one row per task: accuracy with both kinds of spread, and macro F1."""
    cells = frame.set_index(["task", "metric", "class"])
    rows = []
    for task in frame["task"].unique():
        accuracy, f1 = (cells.loc[(task, metric, "")] for metric in ("accuracy", "macro_f1"))
        both = [plus_minus(r["mean"], r["std"]) for r in (accuracy, f1)]
        ends = between(accuracy["low"], accuracy["high"])
        rows.append(
            [
                word(task),
                f"{accuracy['images']:,.0f}",
                f"{accuracy['seeds']:.0f}",
                both[0],
                ends,
                both[1],
            ]
        )
    return booktabs(["task", "test images", "seeds", "accuracy", INTERVAL, "macro F1"], rows)


def classes(study: Results) -> str:
    """Precision, recall and F1 of each class on test, mean over runs of one task, and support."""
    cells = study.scores("test").query("`class` != ''")
    means = cells.pivot_table("value", "class", "metric", sort=False)
    support = study.confusion(study.runs["run"].iloc[0]).sum(axis=1)
    rows = [
        [name, *(percent(row[metric]) for metric in ("precision", "recall", "f1")), support[name]]
        for name, row in means.iterrows()
    ]
    return booktabs(["class", "precision", "recall", "F1", "support"], rows)


def settings(study: Results) -> str:
    """The recipe's settings as the runs of one task have them, one row each."""
    runs = study.runs
    rows = [[SETTINGS[name], listed(runs[name].map(word))] for name in RECIPE if name in SETTINGS]
    rows.append(["training images", f"{runs['train_images'].iloc[0]:,}"])
    return booktabs(["setting", "value"], rows, columns="ll")


def rival(frame: pd.DataFrame) -> str:
    """`rivals.beside`, one row per task, network and part: accuracy of both, gain in points."""
    rows = []
    for r in frame.itertuples():
        about = [word(r.task), r.network, r.part, f"{r.images:,}"]
        gain = [signed(r.gain * 100), interval(r.gain_low, r.gain_high)]
        rows.append([*about, r.seeds, percent(r.rival), percent(r.ours), *gain])
    header = ["task", "our network", "test images", "", "seeds", "rival", "ours", "gain", INTERVAL]
    return booktabs(header, rows, left=3)


def rival_as_used(frame: pd.DataFrame) -> str:
    """`rivals.as_used`, one row per way: faces found and right answers in percent."""
    header = [
        "what it is given",
        "images",
        "faces found",
        "of these right",
        "of all right",
        INTERVAL,
    ]
    return booktabs(header, as_used_cells(frame))


def readme(frame: pd.DataFrame) -> str:
    """`rivals.beside` for the README, Markdown: one row per task and part.

    Accuracy in percent of the rival, of whole pictures without margin and of two views of them like
    ours, and of both kinds of our networks.
    """
    header = ["task", "test images", "`fer`, best case", "`fer`, mirrored too"]
    header += [f"{kind} (seeds)" for kind in (TRAINED, RESTRICTED)]
    rows = []
    for (task, part), group in frame.groupby(["task", "part"], sort=False):
        first = group.iloc[0]
        # a task may have networks of one kind alone; the other's cell is then a dash
        own_networks = {r.network: f"{percent(r.ours)} % ({r.seeds})" for r in group.itertuples()}
        about = [
            word(task),
            f"{first['images']:,}" + (", no copy in training" if part == FRESH else ""),
        ]
        rivals = [f"{percent(first[column])} %" for column in ("installed", "rival")]
        rows.append(
            [*about, *rivals, *(own_networks.get(kind, "–") for kind in (TRAINED, RESTRICTED))]
        )
    return table(header, rows)


def readme_short(frame: pd.DataFrame) -> str:
    """`rivals.beside` in one row per task, Markdown: all test images, the network of most classes.

    Both answer with the mean of an image and its mirror image.
    """
    rows = []
    for task, r in _most_classes(frame):
        shares = [f"{percent(r[column])} %" for column in ("rival", "ours")]
        ends = f"{r['gain_low'] * 100:+.1f} to {r['gain_high'] * 100:+.1f}"
        gain = f"{r['gain'] * 100:+.1f} ({ends})"
        rows.append([word(task), f"{r['images']:,}", *shares, r["seeds"], gain])
    header = ["task", "test images", "`fer`", "ours", "seeds", "gain in points (95 %)"]
    return table(header, rows)


def rival_short(frame: pd.DataFrame) -> str:
    """The same in LaTeX, and of the test images that have no copy in training the gain alone."""
    fresh = dict(_most_classes(frame, FRESH))
    rows = []
    for task, r in _most_classes(frame):
        shares = [percent(r[column]) for column in ("rival", "ours")]
        gains = [
            text
            for of in (r, fresh[task])
            for text in (signed(of["gain"] * 100), interval(of["gain_low"], of["gain_high"]))
        ]
        rows.append([word(task), f"{r['images']:,}", r["seeds"], *shares, *gains])
    header = ["task", "images", "seeds", "fer", "ours", *("gain", INTERVAL) * 2]
    return booktabs(header, rows, spanning(["all test images", "without a copy"], 2, 6))


def _most_classes(frame: pd.DataFrame, part: str = ALL) -> list[tuple[str, pd.Series]]:
    """Each task's row of the network of most classes, on one part of the test images."""
    found = []
    for task, group in frame[frame["part"] == part].groupby("task", sort=False):
        by_network = group.set_index("network")
        kind = RESTRICTED if RESTRICTED in by_network.index else TRAINED
        found.append((task, by_network.loc[kind]))
    return found


def ablation(frame: pd.DataFrame) -> str:
    """`ablation.effects`, one row per ingredient: what it adds in points on validation and test.

    With their intervals (none for a single seed), and on test p, corrected for all parts.
    """
    rows = []
    for name, group in frame.groupby("ingredient", sort=False):
        by_split = group.set_index("split")
        # a pair has both splits, so either of them tells the number of seeds
        cells = [str(int(by_split.loc["test", "n"]))]
        for split in ("val", "test"):
            r = by_split.loc[split]
            cells += [signed(r["mean"] * 100), interval(r["low"], r["high"])]
        cells.append(p_value(by_split.loc["test", "p_holm"]))
        rows.append([name, *cells])
    header = ["ingredient", "seeds", *("adds", INTERVAL) * 2, Tex("$p$ (Holm)")]
    return booktabs(header, rows, spanning(["validation", "test"], 2, 3))


def parts(frame: pd.DataFrame) -> str:
    """`robustness.parts`, one row per part: images, right answers in percent and their interval."""
    rows = [
        [
            r.part,
            r.role,
            f"{r.images:,}",
            percent(r.value),
            f"{percent(r.low)} to {percent(r.high)}",
        ]
        for r in frame.itertuples()
    ]
    # not left=2, which would put air between any two parts
    return booktabs(["part", "split", "images", "right", INTERVAL], rows, columns="llrrr")


def ensembles(frame: pd.DataFrame) -> str:
    """`ensembles.compare`, one row per task, network and ensemble: accuracy, gain in points."""
    rows = [
        [word(r.task), r.network, f"{r.ensemble} ({r.members})", f"{r.images:,}", percent(r.alone),
         percent(r.together), signed(r.gain * 100), interval(r.gain_low, r.gain_high)]
        for r in frame.itertuples()
    ]  # fmt: skip
    header = ["task", "networks", "ensemble", "images", "alone", "together", "gain", INTERVAL]
    return booktabs(header, rows, left=3)


def restricted(frame: pd.DataFrame) -> str:
    """`restricted.beside`, one row per task: accuracy of both kinds of network, gain in points."""
    rows = []
    for r in frame.itertuples():
        shares = [percent(r.trained), percent(r.restricted)]
        gain = [signed(r.gain * 100), interval(r.gain_low, r.gain_high)]
        rows.append([word(r.task), f"{r.images:,}", r.seeds, *shares, *gain])
    return booktabs(["task", "images", "seeds", TRAINED, RESTRICTED, "gain", INTERVAL], rows)


def networks(frame: pd.DataFrame) -> str:
    """`costs.networks`, one row per network: size, accuracy, minutes, images per second."""
    rows = [
        [word(r.model), r.image_size, f"{r.parameters / 1e6:.1f}", r.epochs, r.seeds,
         percent(r.val), percent(r.test), f"{r.minutes:.0f}", f"{r.training_images_per_second:,}",
         f"{r.images_per_second:,}"]
        for r in frame.itertuples()
    ]  # fmt: skip
    header = [
        "network",
        "pixels",
        "M weights",
        "epochs",
        "seeds",
        "val.",
        "test",
        "min.",
        "trained",
        "classified",
    ]
    return booktabs(header, rows, spanning(["images/s"], 2, 9))


def ensembles_markdown(frame: pd.DataFrame) -> str:
    """`ensembles.compare` as Markdown, one row per task, network and ensemble.

    Accuracy in percent, and the gain in points with its 95 % interval over images.
    """
    rows = []
    for e in frame.itertuples():
        gain = f"{e.gain * 100:+.1f} ({e.gain_low * 100:+.1f} to {e.gain_high * 100:+.1f})"
        about = [word(e.task), e.network, e.ensemble, e.members, f"{e.images:,}"]
        rows.append([*about, percent(e.alone), percent(e.together), gain])
    header = [
        "task",
        "networks",
        "ensemble",
        "members",
        "test images",
        "alone, %",
        "together, %",
        "gain, points",
    ]
    return table(header, rows)


def as_used_markdown(frame: pd.DataFrame) -> str:
    """`rivals.as_used` as Markdown, one row per way of calling the package."""
    header = [
        "`fer` is given",
        "test images",
        "faces found",
        "of these right, %",
        "of all right, %",
    ]
    return table([*header, "interval"], as_used_cells(frame))


def as_used_cells(frame: pd.DataFrame) -> list[list[str]]:
    """The cells of `rivals.as_used`: way, images, found, right in percent, and its interval."""
    rows = []
    for r in frame.itertuples():
        found = f"{r.found:,}" if r.way in SEARCHES else "given"
        shares = percent(r.right_of_found), percent(r.accuracy)
        interval = f"{percent(r.low)} to {percent(r.high)}"
        rows.append([r.way, f"{r.images:,}", found, *shares, interval])
    return rows
