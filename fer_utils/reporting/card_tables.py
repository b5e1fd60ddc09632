"""Tables of the model card, Markdown, each from one frame."""

from collections.abc import Mapping

import pandas as pd
import torch
from torch import nn

from fer_utils.analysis.learning_stages import output_shapes
from fer_utils.analysis.rivals import ALL
from fer_utils.models.network import Network
from fer_utils.reporting.latex import between, percent, word
from fer_utils.reporting.markdown import table

# settings of a run as a card names them; those that are off are left out
SETTINGS = {
    "loss": "loss",
    "label_smoothing": "label smoothing",
    "class_weights": "class weights",
    "optimiser": "optimiser",
    "learning_rate": "learning rate, at its peak",
    "schedule": "schedule of the learning rate",
    "weight_decay": "weight decay",
    "batch_size": "images of a batch",
    "epochs": "epochs",
    "select": "epoch that is tested",
    "dropout": "dropout before the head",
    "ema": "decay of the averaged weights",
    "flip": "augmentation: mirrored or not",
    "rotation": "augmentation: rotation, degrees at most",
    "shift": "augmentation: shift, share of the side at most",
    "scale": "augmentation: scale, share at most",
    "brightness": "augmentation: brightness, share at most",
    "contrast": "augmentation: contrast, share at most",
    "erasing": "augmentation: probability of a rectangle painted over",
    "mixup": "augmentation: mixup's alpha",
    "seed": "seed",
    "precision": "precision",
}
VALUES = {"adamw": "AdamW", "adam": "Adam", "sgd": "SGD", "one_cycle": "one cycle"}


def settings(run: Mapping, network: Network) -> str:
    """How the network was trained, one row per setting that is on."""
    always = {"seed", "class_weights"}
    # of a run that leaves it to the network, only the network knows it
    dropout = max((m.p for m in network.modules() if isinstance(m, nn.Dropout)), default=0.0)
    run = {**run, "dropout": dropout}
    shown = {name: run[name] for name in SETTINGS if run[name] or name in always}
    rows = [(SETTINGS[name], _setting(value)) for name, value in shown.items()]
    return table(["setting", "value"], rows)


def _setting(value) -> str:
    return f"{value:g}" if isinstance(value, float) else VALUES.get(value, word(value))


def counts(frame: pd.DataFrame) -> str:
    """Images by class and split, with their sums."""
    whole = pd.concat([frame, frame.sum().to_frame("all").T])
    rows = [(name, *(f"{n:,}" for n in row)) for name, row in whole.iterrows()]
    return table(["class", *whole.columns], rows, numbers=len(whole.columns))


def stages(network: Network, side: int, grey: bool) -> str:
    """What each stage makes of one image, and its parameters."""
    image = torch.zeros(1, 1 if grey else 3, side, side, dtype=torch.uint8)
    shapes = output_shapes(network, image)
    rows = []
    for name in network.stages:
        parameters = sum(parameter.numel() for parameter in network.stage(name).parameters())
        rows.append((name, "×".join(map(str, shapes[name])), f"{parameters:,}"))
    return table(["stage", "output", "parameters"], rows, numbers=2)


def by_class(scores: pd.DataFrame, agreement: pd.DataFrame | None) -> str:
    """Precision, recall and F1 of each class with intervals, and what people say of its images.

    Parameters
    ----------
    scores
        `exported.scores` of one task.
    agreement
        `human_labels.agreement` of the test split, by class; None: left out.
    """
    cells = scores.set_index(["class", "metric"])

    def told(name: str, metric: str) -> str:
        s = cells.loc[(name, metric)]
        # short, since seven columns have to fit on a page
        return f"{percent(s['value'])} ({percent(s['low'])}–{percent(s['high'])})"

    rows = []
    for name in scores.loc[scores["metric"] == "recall", "class"]:
        row = [name, f"{cells.loc[(name, 'recall'), 'images']:,}"]
        row += [told(name, metric) for metric in ("precision", "recall", "f1")]
        if agreement is not None:
            people = agreement.reindex([name]).iloc[0]
            row += [percent(people["single"]), percent(people["majority"])]
        rows.append(row)
    means = [told("", f"macro_{metric}") for metric in ("precision", "recall", "f1")]
    last = ["mean", f"{cells.loc[('', 'accuracy'), 'images']:,}", *means]
    header = ["class", "support", "precision, %", "recall, %", "F1, %"]
    if agreement is not None:
        header += ["one person", "most people"]
        last += ["", ""]
    return table(header, [*rows, last], numbers=len(header) - 1)


def by_task(scores: pd.DataFrame) -> str:
    """Accuracy and macro F1 on every task, from many classes to few."""
    rows = []
    for task, group in reversed(list(scores.groupby("task", sort=False))):
        whole = group[group["class"] == ""].set_index("metric")
        each = [whole.loc[metric] for metric in ("accuracy", "macro_f1")]
        classes = ", ".join(group.loc[group["metric"] == "recall", "class"])
        told = [f"{percent(s['value'])} ({between(s['low'], s['high'])})" for s in each]
        rows.append((word(task), classes, f"{each[0]['images']:,}", *told))
    header = ["task", "answers allowed", "test images", "accuracy, %", "macro F1, %"]
    return table(header, rows, numbers=3)


def confusion(frame: pd.DataFrame) -> str:
    """Answers in percent of the images of a class; the true class in rows.

    NaN for a class without test images is printed as a dash.
    """
    shares = frame.div(frame.sum(axis=1), axis=0)
    rows = [
        [true, *(percent(share) for share in row)]
        for true, row in zip(frame.index, shares.to_numpy(), strict=True)
    ]
    return table(["label ↓ answer →", *frame.columns], rows, numbers=len(frame.columns))


def parts(frame: pd.DataFrame, classes: tuple[str, ...]) -> str:
    """`robustness.parts` without the classes, which have a table of their own."""
    shown = frame[~frame["part"].isin(classes) & (frame["part"] != "all")]
    rows = [
        (p.part, p.role, f"{p.images:,}", percent(p.value), between(p.low, p.high))
        for p in shown.itertuples()
    ]
    return table(["part", "role", "images", "right, %", "interval"], rows, numbers=3)


def rival(frame: pd.DataFrame) -> str:
    """`exported.beside_rival` on all test images, one row per task."""
    rows = []
    for r in reversed(list(frame[frame["part"] == ALL].itertuples())):
        gain = f"{r.gain * 100:+.1f} ({r.low * 100:+.1f} to {r.high * 100:+.1f})"
        rows.append((word(r.task), f"{r.images:,}", percent(r.rival), percent(r.ours), gain))
    header = ["task", "test images", "`fer`, %", "this file, %", "gain, points"]
    return table(header, rows, numbers=4)


def abstention(frame: pd.DataFrame) -> str:
    """`abstention.at_targets`, one row per threshold."""
    whole = frame[frame["class"] == ""].set_index(["threshold", "split"])
    rows = []
    for threshold in dict.fromkeys(frame["threshold"]):
        on_validation, on_test = (whole.loc[(threshold, s)] for s in ("validation", "test"))
        aim = percent(on_validation["target"], 0)
        row = ["always answer", ""] if threshold == 0 else [f"{threshold:.2f}", aim]
        row += [percent(on_validation[name]) for name in ("answered", "accuracy")]
        row += [percent(on_test["answered"])]
        ends = between(on_test["low"], on_test["high"])
        rows.append([*row, f"{percent(on_test['accuracy'])} ({ends})"])
    header = ["threshold", "aim, %", "validation: answered, %", "of these right, %"]
    return table([*header, "test: answered, %", "of these right, %"], rows, numbers=5)


def other_pictures(frame: pd.DataFrame) -> str:
    """`other_pictures.answers`, one row per kind."""
    rows = []
    for r in frame.itertuples():
        ends = f"{percent(r.lowest, 0)} to {percent(r.highest, 0)}"
        sure = percent(r.confidence, 0) + (f" ({ends})" if r.images > 1 else "")
        most = f"{r.answer}, {percent(r.share, 0)} %" if r.images > 1 else r.answer
        rows.append((r.picture, f"{r.images:,}", most, sure, percent(r.kept, 0)))
    header = ["picture", "images", "most frequent answer", "its probability, %"]
    return table([*header, "above the threshold, %"], rows, numbers=2)


def robustness(frame: pd.DataFrame) -> str:
    """`robustness.under_corruption` of all classes together, one row per kind."""
    # strength 0 is left out: it is the accuracy on all test images, which stands under Results
    accuracy = frame[(frame["class"] == "") & (frame["strength"] > 0)]
    rows = []
    # in the frame's order, by which tables and figures of the report go too
    for (kind, unit), group in accuracy.groupby(["kind", "unit"], sort=False):
        cells = [
            f"{c.amount:g}: {percent(c.value)} ({c.change * 100:+.1f})" for c in group.itertuples()
        ]
        # three cells, as many as every corruption has strengths
        rows.append([f"{kind} ({unit})", *cells])
    return table(["", "weak", "medium", "strong"], rows, numbers=3)
