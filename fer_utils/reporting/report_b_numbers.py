"""Numbers of the chapter on report B, as they are printed."""

import pandas as pd

from fer_utils.experiments.results import Results
from fer_utils.reporting.latex import listed, percent, word
from fer_utils.reporting.transfer_numbers import left_out, machine, range_of


def numbers(results: Results, frames: dict[str, pd.DataFrame]) -> dict[str, str]:
    """Keys and printed values of `report_b`, as far as `frames` has them."""
    texts: dict[str, str] = {}
    if "report_b_epochs" in frames:
        texts |= _report_b(results.study("report_b"), frames["report_b_epochs"])
        texts |= _thaw(results.study("report_b"), frames["report_b_schedule"])
    if "scratch" in frames:
        tested = frames["scratch"]["test_best"]
        texts |= {"scratch.best": percent(tested.max()), "scratch.worst": percent(tested.min())}
    if "unfreezing" in frames:
        texts |= _unfreezing(results.study("unfreezing"), frames["unfreezing"])
    if "grid" in frames:
        texts |= _grid(results.study("grid"), frames["grid"])
    return texts


def _report_b(study: Results, epochs: pd.DataFrame) -> dict[str, str]:
    """Three emotions: how and what was run, the order of the networks on validation and on test."""
    run = epochs[epochs["seeds"] > 0]
    both = bool(run["test_best"].notna().all())
    texts = {
        "report_b.missing": left_out(epochs),
        "report_b.epochs": str(study.runs["epochs"].max()),
        "report_b.tested": "the best epoch on validation" if both else "the last epoch",
        # a bare digit: the text compares it by \ifnum, which takes no word
        "report_b.augmented": str(int(study.runs["flip"].all())),
        "report_b.rotation": listed(study.runs["rotation"].map("{:g}".format)),
        "report_b.jitter": ", ".join(
            percent(jitter, 0) for jitter in study.runs["brightness"].unique()
        ),
        "report_b.patience": listed(study.runs["patience"]),
    }
    for split, column in (("val", "val"), ("test", "test_best" if both else "test")):
        order = run.sort_values(column, ascending=False)
        named = [f"{word(r.model)} ({percent(getattr(r, column))} %)" for r in order.itertuples()]
        texts[f"report_b.{split}.order"] = ", ".join(named)
    for part in ("train", "val", "test"):
        texts[f"report_b.{part}.images"] = f"{study.runs[f'{part}_images'].iloc[0]:,}"
    return texts | machine("report_b", study)


def _thaw(study: Results, schedule: pd.DataFrame) -> dict[str, str]:
    """Where the training loss rises most as stages are unfrozen; nothing where it never rises."""
    losses = study.history.merge(study.runs[["run", "model"]], on="run")
    means = losses.groupby(["model", "epoch"])["train_loss"].mean()
    # in the first epoch there is no loss before, and a network that was not run has none at all
    thaws = [r for r in schedule.itertuples() if r.epoch > 1 and (r.model, r.epoch) in means.index]
    rises = {r: means[r.model, r.epoch] - means[r.model, r.epoch - 1] for r in thaws}
    most = max(rises, key=lambda r: rises[r], default=None)
    if most is None or rises[most] <= 0:
        return {}
    return {
        "report_b.thaw.model": word(most.model),
        "report_b.thaw.stages": most.learning.replace(" ", ", "),
        "report_b.thaw.epoch": str(most.epoch),
        "report_b.thaw.before": f"{means[most.model, most.epoch - 1]:.2f}",
        "report_b.thaw.after": f"{means[most.model, most.epoch]:.2f}",
    }


def _unfreezing(study: Results, cells: pd.DataFrame) -> dict[str, str]:
    """Spikes and accuracy with gradual unfreezing and a rate for each stage, and without either."""
    by = cells.set_index(["gradual", "rates"])
    texts = {"unfreezing.model": listed(study.runs["model"].map(word))}
    texts |= {"unfreezing.seeds": range_of(cells["seeds"].astype(int))}
    for key, which in (("both", (True, True)), ("neither", (False, False))):
        if which in by.index:
            texts |= {
                f"unfreezing.{key}.spikes": percent(by.loc[which, "spikes"]),
                f"unfreezing.{key}.test": percent(by.loc[which, "test_best"]),
            }
    return texts


def _grid(study: Results, cells: pd.DataFrame) -> dict[str, str]:
    """The grid search: how large it is, how far its cells lie apart, how many are as good."""
    best = cells[cells["chosen"]]
    near = cells[cells["near"]].groupby("model", sort=False).size()
    return {
        "grid.model": ", ".join(map(word, best["model"])),
        "grid.cells": str(len(cells)),
        "grid.seeds.most": str(cells["seeds"].max()),
        "grid.train.images": f"{study.runs['train_images'].iloc[0]:,}",
        "grid.val.images": f"{study.runs['val_images'].iloc[0]:,}",
        "grid.low": percent(cells["val"].min()),
        "grid.val": " and ".join(map(percent, best["val"])),
        "grid.test": " and ".join(map(percent, best["test"])),
        # a bare digit: the text compares it by \ifnum, which takes no word
        "grid.repeated": str(int((cells["seeds"] > 1).all())),
        "grid.near": " and ".join(map(str, near)) or "none",
    }
