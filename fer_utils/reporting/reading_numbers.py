"""Numbers of the chapter on what report A's text leaves open, as they are printed."""

import pandas as pd

from fer_utils.analysis.chance import ALL
from fer_utils.analysis.readings import OURS
from fer_utils.experiments.results import Results
from fer_utils.reporting.latex import joined, percent, signed, word
from fer_utils.reporting.reading_tables import (
    FOUR,
    SOURCES,
    Frames,
    named,
    readings,
    weight_orders,
)


def numbers(results: Results, frames: Frames) -> dict[str, str]:
    """Keys and printed values, as far as the studies were run."""
    texts: dict[str, str] = {}
    if "readings" in frames:
        texts |= _readings(readings(frames)) | _orders(weight_orders(frames))
    if len(frames.get("rates", [])):
        texts |= _rates(frames["rates"], frames["rate_gains"])
    if len(frames.get("chance", [])) > 1:
        texts |= _sources(frames["chance"])
    for name in ("readings", "weight_orders", "rates", "chance"):
        if results.has_study(name):
            texts[f"{name}.precision"] = joined(results.study(name).runs["precision"])
    return texts


def _readings(frame: pd.DataFrame) -> dict[str, str]:
    """The best reading, which fit better or worse than ours beyond chance, how far ours is."""
    others = frame[frame["reading"] != OURS]
    ours = frame[frame["reading"] == OURS]
    if not len(others):
        return {}
    return {
        "readings": str(len(others)),
        "readings.seeds": _range(others["seeds"]),
        "readings.better": _names(others[others["low"] > 0]),
        "readings.worse": _names(others[others["high"] < 0]),
        "readings.ours.points": signed(ours["points"].item()),
        "readings.ours.seeds": str(ours["seeds"].item()),
    } | _fit("readings.best", others.iloc[0])


def _orders(frame: pd.DataFrame) -> dict[str, str]:
    """Of the four weights: how many orders were tried, the best, those that fit better."""
    four = frame[frame["classes"] == FOUR]
    if not len(four):
        return {}
    return {
        "orders": str(len(four)),
        "orders.seeds": _range(four["seeds"]),
        "orders.better": str((four["low"] > 0).sum()),
    } | _fit("orders.best", four.iloc[0])


def _fit(key: str, row: pd.Series) -> dict[str, str]:
    ends = {"": row["gain"], ".low": row["low"], ".high": row["high"]}
    texts = {f"{key}.gain{end}": signed(value) for end, value in ends.items()}
    texts |= {key: named(row["reading"]), f"{key}.points": signed(row["points"])}
    return texts | {f"{key}.{name}": str(row[name]) for name in ("within", "figures")}


def _range(counts: pd.Series) -> str:
    least, most = counts.min(), counts.max()
    return str(least) if least == most else f"{least} to {most}"


def _names(rows: pd.DataFrame) -> str:
    # a word where there is none: the sentence in the text must read on
    return "; ".join(map(named, rows["reading"])) or "none"


def _rates(frame: pd.DataFrame, gains: pd.DataFrame) -> dict[str, str]:
    """The chosen rates, and focal minus cross-entropy at these, in points."""
    texts = {"rates.seeds": str(frame["seeds"].max())}
    chosen = frame[frame["chosen"]]
    texts["rates.chosen"] = "; ".join(
        f"{r.learning_rate:g} ({word(r.loss)}, {word(r.task)})" for r in chosen.itertuples()
    )
    for r in gains.itertuples():
        ends = {"": r.mean, ".low": r.low, ".high": r.high}
        texts |= {f"rates.{r.task}.gain{end}": signed(end_at * 100) for end, end_at in ends.items()}
    return texts


def _sources(frame: pd.DataFrame) -> dict[str, str]:
    """The spread that each source makes, in points, and whether one stands out."""
    texts: dict[str, str] = {}
    for r in frame.itertuples():
        key = f"chance.{r.source}"
        texts |= {key: percent(r.std), f"{key}.low": percent(r.low), f"{key}.high": percent(r.high)}
    each = frame[frame["source"] != ALL].sort_values("std", ascending=False)
    most, least = each.iloc[0], each.iloc[-1]
    apart = most["low"] > least["high"]
    texts["chance.verdict"] = (
        f"{SOURCES[most['source']]} move it more than {SOURCES[least['source']]} do"
        if apart
        else "no source stands out: their intervals overlap"
    )
    share = each.sort_values("same").iloc[-1]
    return texts | {
        "chance.same": percent(share["same"]),
        "chance.same.low": percent(share["same_low"]),
        "chance.same.high": percent(share["same_high"]),
        "chance.same.source": SOURCES[share["source"]],
    }
