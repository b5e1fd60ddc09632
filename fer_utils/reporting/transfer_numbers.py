"""Numbers of the chapter on report A's pretrained networks, as they are printed."""

import pandas as pd

from fer_utils.analysis import transfer
from fer_utils.analysis.reported import reported_a, reported_a_epochs
from fer_utils.experiments.results import Results, overfit_epoch
from fer_utils.reporting.latex import (
    joined,
    listed,
    percent,
    seed_list,
    signed,
    word,
)


def numbers(results: Results, frames: dict[str, pd.DataFrame]) -> dict[str, str]:
    """Keys and printed values of `transfer` and `resnet_remarks`, as far as `frames` has them."""
    texts: dict[str, str] = {}
    if "transfer" in frames:
        texts |= _transfer(transfer.runs_of(results), frames)
    if "layers" in frames:
        texts |= _layers(frames["layers"])
    if "resnet18_median" in frames:
        gains = frames["resnet18_median"].query("metric == 'accuracy'")["mean"] * 100
        texts |= {"resnet18.median.low": signed(gains.min())}
        texts |= {"resnet18.median.high": signed(gains.max())}
    if "sizes" in frames:
        texts |= _sizes(frames["sizes"])
    if "nine_blocks" in frames:
        texts |= _nine_blocks(frames["nine_blocks"])
    if "gaps" in frames:
        texts |= _gaps(frames["gaps"])
    return texts


def _transfer(runs_of: Results, frames: dict[str, pd.DataFrame]) -> dict[str, str]:
    """What was run, what 5 epochs more change on test, where the curves of 10 epochs part."""
    cells, lengths = frames["transfer"], frames["transfer_lengths"]
    run = [word(model) for model in cells.loc[cells["seeds"] > 0, "model"].unique()]
    parted = lengths["parted"]
    printed = reported_a_epochs()
    return machine("transfer", runs_of) | {
        "transfer.learning.rate": listed(runs_of.runs["learning_rate"].map(word)),
        "transfer.images": _images(runs_of.runs),
        "transfer.networks": ", ".join(run),
        "transfer.missing": left_out(cells),
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


def _layers(frame: pd.DataFrame) -> dict[str, str]:
    """Test accuracy with one, two and all stages learning."""
    by_stages = frame.set_index("stages")["mean"]
    stages = {"one": 1, "two": 2, "all": frame["stages"].max()}
    return {f"layers.{key}": percent(by_stages.get(n, float("nan"))) for key, n in stages.items()}


def _sizes(frame: pd.DataFrame) -> dict[str, str]:
    """Accuracy on the fewest and on the most images, and what the last doubling brings."""
    texts = {"sizes.seeds": range_of(frame["n"])}
    for model, part in frame.groupby("model", sort=False):
        ordered = part.sort_values("images")
        first, last = ordered.iloc[0], ordered.iloc[-1]
        key = "sizes.cnn" if model == "cnn" else "sizes.resnet18"
        before = ordered["mean"].iloc[-2] if len(ordered) > 1 else float("nan")
        texts |= {
            f"{key}.first": percent(first["mean"]),
            f"{key}.last": percent(last["mean"]),
            f"{key}.doubled": signed((last["mean"] - before) * 100),
        }
        texts |= {"sizes.least": f"{first['images']:,}", "sizes.most": f"{last['images']:,}"}
    return texts


def _nine_blocks(frame: pd.DataFrame) -> dict[str, str]:
    """Test accuracy with the block that is left out and without."""
    by_model = frame.set_index("model")
    keys = {"resnet18_cntk": "nine_blocks.without", "resnet18_cntk_whole": "nine_blocks.with"}
    texts = {key: percent(by_model["test"].get(model, float("nan"))) for model, key in keys.items()}
    return texts | {"nine_blocks.seeds": range_of(frame["seeds"])}


def _gaps(frame: pd.DataFrame) -> dict[str, str]:
    """Report A's gap between validation and test, and the largest of ours."""
    printed = reported_a_epochs()["val_accuracy"].iloc[-1]
    model = "model == 'resnet18' and epochs == 10 and task == 'multiclass' and loss == 'focal'"
    recall = reported_a().query(f"{model} and metric == 'macro_recall'")["value"].item()
    texts = {
        "gaps.reported": signed((printed - recall) * 100),
        "gaps.largest": signed(frame["largest"].max() * 100),
        "gaps.epoch": signed((frame["best"] - frame["gap"]).max() * 100),
        "gaps.runs": str(frame["seeds"].sum()),
    }
    means = frame.groupby("study")["gap"].mean()  # over both losses
    if {"report_a", "dedupe"} <= set(means.index):
        texts |= {"gaps.cnn": signed(means["report_a"] * 100)}
        texts |= {"gaps.dedupe": signed(means["dedupe"] * 100)}
    return texts


def _images(runs: pd.DataFrame) -> str:
    """Images for training and validation, a task."""
    # one run stands for its task and cap: the seed draws other images, but as many
    counts = runs.drop_duplicates(["task", "cap"]).sort_values(["cap", "train_images"])
    texts = [f"{r.train_images:,} + {r.val_images:,} ({word(r.task)})" for r in counts.itertuples()]
    return " and ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))


def machine(name: str, study: Results) -> dict[str, str]:
    """Seeds, number of runs, devices and precision of a study."""
    texts = {f"{name}.{key}": joined(study.runs[key]) for key in ("device", "precision")}
    return texts | {
        f"{name}.seeds": seed_list(study.runs["seed"]),
        f"{name}.runs": str(len(study.runs)),
    }


def left_out(cells: pd.DataFrame) -> str:
    """The networks without any run."""
    named = cells.groupby("model", sort=False)["seeds"].max()
    # a word where nothing is missing: the sentence in the text must read on
    return ", ".join(word(model) for model in named.index[named == 0]) or "none"


def range_of(counts: pd.Series) -> str:
    """The least and the most of some counts, or the one that they all are."""
    least, most = counts.min(), counts.max()
    return str(least) if least == most else f"{least} to {most}"
