"""Markdown tables of results/<dataset>/deploy/*.csv, for docs/photographs.md and docs/deploy.md."""

from pathlib import Path

import pandas as pd

from fer_utils.reporting.latex import percent
from fer_utils.reporting.model_card import table

NAMES = ("accuracy", "found", "margin", "parity", "costs")
INTERVAL = "interval"


def blocks(folder: Path) -> dict[str, str]:
    """The tables by name; none where their file has not been made."""
    makers = dict(zip(NAMES, (accuracy, found, margin, parity, costs), strict=True))
    there = {name: folder / f"{name}.csv" for name in NAMES if (folder / f"{name}.csv").exists()}
    # "none" is a kind of picture
    return {
        f"deploy_{name}": makers[name](pd.read_csv(path, keep_default_na=False, na_values=[""]))
        for name, path in there.items()
    }


def accuracy(frame: pd.DataFrame) -> str:
    """`photograph_accuracy.worse_pictures`, one row per kind and amount."""
    rows = []
    for r in frame.itertuples():
        what = "as they are" if r.kind == "none" else f"{r.kind}: {r.amount:g} ({r.unit})"
        ends = f"{percent(r.low)} to {percent(r.high)}"
        sure = [percent(r.sure), percent(r.right_of_sure)]
        rows.append([what, percent(r.accuracy), ends, f"{r.change * 100:+.1f}", *sure])
    return table(["pictures", "right, %", INTERVAL, "change", "sure, %", "of these right"], rows)


def found(frame: pd.DataFrame) -> str:
    """`photograph_accuracy.found_faces`, one row per surroundings and size."""
    rows = []
    for r in frame.itertuples():
        shares = [r.right_given, r.right_found, r.right_all, r.sure, r.right_of_sure]
        overlap = "–" if pd.isna(r.overlap) else f"{r.overlap:.2f}"
        counts = [f"{r.faces:,}", percent(r.found), r.false, overlap]
        rows.append([r.surroundings, r.size, *counts, *map(percent, shares)])
    header = ["around it", "pixels", "faces", "found, %", "false", "overlap", "right as pasted, %"]
    return table([*header, "as found", "of all faces", "sure, %", "of these right"], rows)


def margin(frame: pd.DataFrame) -> str:
    """`photograph_accuracy.margins`, one row per surroundings and margin."""
    rows = [
        [r.surroundings, f"{r.margin:g}", f"{r.faces:,}", percent(r.accuracy),
         f"{percent(r.low)} to {percent(r.high)}", f"{r.change * 100:+.1f}"]
        for r in frame.itertuples()
    ]  # fmt: skip
    return table(["around it", "margin", "faces", "right, %", INTERVAL, "change"], rows)


def parity(frame: pd.DataFrame) -> str:
    """`parity.compare`, one row per split and file."""
    rows = [
        [r.split, r.format, f"{r.images:,}", percent(r.accuracy), percent(r.same_answers),
         r.changed, f"{r.largest:.1g}" if r.largest else "0"]
        for r in frame.itertuples()
    ]  # fmt: skip
    header = ["split", "file", "images", "right, %", "same answers, %", "other answers"]
    return table([*header, "largest difference"], rows)


def costs(frame: pd.DataFrame) -> str:
    """`parity.costs`, one row per file, number of threads and batch."""
    rows = [
        [r.format, r.threads, r.batch, f"{r.p50_ms:.1f}", f"{r.p99_ms:.1f}",
         f"{r.images_per_second:,}", f"{r.load_ms:,}", r.peak_mb, f"{r.megabytes:.1f}"]
        for r in frame.itertuples()
    ]  # fmt: skip
    header = ["file", "threads", "batch", "p50, ms", "p99, ms", "images/s", "to first answer, ms"]
    return table([*header, "peak memory, MB", "file, MB"], rows)
