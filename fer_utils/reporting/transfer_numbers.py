"""Numbers of the chapters on pretrained networks and on report B, as they are printed."""

import pandas as pd

from fer_utils.analysis.reported import reported_a_epochs
from fer_utils.experiments.results import Results, overfit_epoch
from fer_utils.reporting.latex import (
    listed,
    percent,
    signed,
    word,
)


def numbers(results: Results, frames: dict[str, pd.DataFrame]) -> dict[str, str]:
    """Keys and printed values of transfer, report_b and grid, as far as `frames` has them."""
    texts: dict[str, str] = {}
    if "transfer" in frames:
        texts |= _transfer(results.study("transfer"), frames)
    if "report_b_epochs" in frames:
        texts |= _report_b(results.study("report_b"), frames["report_b_epochs"])
    if "grid" in frames:
        texts |= _grid(results.study("grid"), frames["grid"])
    return texts


def _transfer(study: Results, frames: dict[str, pd.DataFrame]) -> dict[str, str]:
    """What was run, what 5 epochs more change on test, where the curves of 10 epochs part."""
    cells, lengths = frames["transfer"], frames["transfer_lengths"]
    # networks without weights have rows too, of 0 seeds
    run = [word(model) for model in cells.loc[cells["seeds"] > 0, "model"].unique()]
    parted = lengths["parted"]
    printed = reported_a_epochs()
    return _machine("transfer", study) | {
        "transfer.learning.rate": listed(study.runs["learning_rate"]),
        "transfer.images": _images(study.runs),
        "transfer.networks": ", ".join(run),
        "transfer.missing": _left_out(cells),
        "transfer.cells": str(len(lengths)),
        "transfer.gain": signed(lengths["gain"].mean() * 100),
        "transfer.gain.low": signed(lengths["gain"].min() * 100),
        "transfer.gain.high": signed(lengths["gain"].max() * 100),
        "transfer.gains": str((lengths["gain"] > 0).sum()),
        # what never parted is <NA>, which counts in neither of these two
        "transfer.parted.early": str(parted.le(5).sum()),
        "transfer.parted.late": str(parted.gt(5).sum()),
        "transfer.best.early": str(lengths["best_epoch"].le(5).sum()),
        "transfer.reported.parted": str(overfit_epoch(printed)),
        "transfer.reported.best": str(printed.set_index("epoch")["val_accuracy"].idxmax()),
    }


def _images(runs: pd.DataFrame) -> str:
    """Images for training and validation, a task."""
    # one run stands for its task: the seed draws other images, but as many
    counts = runs.drop_duplicates("task").sort_values("train_images")
    return " and ".join(
        f"{r.train_images:,} + {r.val_images:,} ({word(r.task)})" for r in counts.itertuples()
    )


def _report_b(study: Results, epochs: pd.DataFrame) -> dict[str, str]:
    """Three emotions: what was run, the order of the networks on validation and on test."""
    run = epochs[epochs["seeds"] > 0]
    texts = {
        "report_b.missing": _left_out(epochs),
        "report_b.epochs": str(study.runs["epochs"].max()),
    }
    for split in ("val", "test"):
        order = run.sort_values(split, ascending=False)
        named = [f"{word(r.model)} ({percent(getattr(r, split))} %)" for r in order.itertuples()]
        texts[f"report_b.{split}.order"] = ", ".join(named)
    for part in ("train", "val", "test"):
        texts[f"report_b.{part}.images"] = f"{study.runs[f'{part}_images'].iloc[0]:,}"
    return texts | _machine("report_b", study)


def _grid(study: Results, cells: pd.DataFrame) -> dict[str, str]:
    """The grid search: its winner, and how far the cells lie apart on validation."""
    best = cells[cells["chosen"]].iloc[0]
    return {
        "grid.model": ", ".join(map(word, study.runs["model"].unique())),
        "grid.cells": str(len(cells)),
        "grid.seeds": str(cells["seeds"].max()),
        "grid.train.images": f"{study.runs['train_images'].iloc[0]:,}",
        "grid.val.images": f"{study.runs['val_images'].iloc[0]:,}",
        "grid.learning.rate": f"{best['learning_rate']:g}",
        "grid.weight.decay": f"{best['weight_decay']:g}",
        "grid.augmentation": "with" if best["augmented"] else "without",
        "grid.low": percent(cells["val"].min()),
        "grid.val": percent(best["val"]),
        "grid.test": percent(best["test"]),
    }


def _machine(name: str, study: Results) -> dict[str, str]:
    """Seeds, number of runs, devices and precision of a study."""
    texts = {f"{name}.{key}": listed(study.runs[key]) for key in ("device", "precision")}
    return texts | {
        f"{name}.seeds": listed(study.runs["seed"]),
        f"{name}.runs": str(len(study.runs)),
    }


def _left_out(cells: pd.DataFrame) -> str:
    """The networks without any run."""
    named = cells.groupby("model", sort=False)["seeds"].max()
    # a word where nothing is missing: the sentence in the text must read on
    return ", ".join(word(model) for model in named.index[named == 0]) or "none"
