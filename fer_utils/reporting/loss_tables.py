"""LaTeX tables that compare the two losses."""

import pandas as pd

from fer_utils.evaluation.statistics import t_half_width
from fer_utils.experiments.results import Results
from fer_utils.reporting.latex import (
    INTERVAL,
    Tex,
    booktabs,
    interval,
    p_value,
    percent,
    plus_minus,
    signed,
    word,
)
from fer_utils.training.losses import LOSS_NAMES


def paired(frame: pd.DataFrame) -> str:
    """focal − cross-entropy in points: mean, 95 % interval, share of seeds won, p-values."""
    rows = []
    for r in frame.itertuples():
        ends = interval(r.low, r.high)
        won = Tex(f"{percent(r.wins)}\\,\\%")
        numbers = [r.n, signed(r.mean * 100), ends, won, p_value(r.p_signflip)]
        rows.append([word(r.metric), word(r.task), *numbers, p_value(r.p_holm)])
    header = ["score", "task", "seeds", "mean", INTERVAL, "won", Tex("$p$"), Tex("$p$ (Holm)")]
    return booktabs(header, rows, left=2)


def single_runs(frame: pd.DataFrame) -> str:
    """Rows tasks: in how many pairs of runs McNemar's test alone would call a winner, and which."""
    rows = []
    for task, group in frame.groupby("task"):
        called = group[group["p"] < 0.05]
        counts = [
            len(group),
            (called["gain"] < 0).sum(),
            (called["gain"] > 0).sum(),
            len(group) - len(called),
        ]
        rows.append([word(task), *counts])
    return booktabs(["task", "pairs of runs", "cross-entropy", "focal", "neither"], rows)


def chance(pairs: pd.DataFrame, study: Results, images: pd.DataFrame) -> str:
    """Test accuracy and its gain: means over seeds, with intervals over seeds and over images."""
    accuracy = study.scores().query("metric == 'accuracy'")
    over_images = images.query("metric == 'accuracy'").set_index(["task", "loss"])
    gains = pairs.query("metric == 'accuracy'").set_index("task")
    rows = []
    for task in gains.index:
        for loss in LOSS_NAMES:
            values = accuracy[(accuracy["task"] == task) & (accuracy["loss"] == loss)]["value"]
            half = t_half_width(values)
            ends = over_images.loc[(task, loss)]
            by_seeds = f"{percent(values.mean() - half)} to {percent(values.mean() + half)}"
            by_images = f"{percent(ends['low'])} to {percent(ends['high'])}"
            rows.append([word(task), word(loss), percent(values.mean()), by_seeds, by_images])
        # from draws of its own: the interval of a difference is not that of two means
        gain, ends = gains.loc[task], over_images.loc[(task, "gain")]
        cells = [signed(gain["mean"] * 100), interval(gain["low"], gain["high"])]
        cells.append(interval(ends["low"], ends["high"]))
        rows.append([word(task), Tex("focal $-$ cross-entropy"), *cells])
    return booktabs(["task", "", "mean", "other seeds", "other test images"], rows, left=2)


def calibration_differences(frame: pd.DataFrame) -> str:
    """Rows metric × task: focal minus cross-entropy in points, interval, share larger, p."""
    names = {"ece": "ECE, raw", "ece_scaled": "ECE, scaled"}
    rows = []
    for r in frame.itertuples():
        gain = [signed(r.mean * 100), interval(r.low, r.high), percent(r.wins)]
        rows.append([names[r.figure], word(r.task), *gain, p_value(r.p_signflip)])
    return booktabs(["", "task", "mean", INTERVAL, "focal larger, %", Tex("$p$")], rows, left=2)


def gammas(accuracies: pd.DataFrame, calibrations: pd.DataFrame) -> str:
    """Rows gamma: accuracy, macro F1, calibration error before and after scaling, temperature."""
    scores = accuracies.pivot_table(index=["gamma", "seed"], columns="metric", values="value")
    # gamma and seed name a run: the study varies nothing else
    both = scores.join(
        calibrations.set_index(["gamma", "seed"])[["ece", "ece_scaled", "temperature"]]
    )
    mean, std = both.groupby("gamma").mean(), both.groupby("gamma").std()
    columns = ("accuracy", "macro_f1", "ece", "ece_scaled")
    rows = []
    for gamma, n in both.groupby("gamma").size().items():
        cells = [plus_minus(mean.loc[gamma, name], std.loc[gamma, name]) for name in columns]
        rows.append([f"{gamma:g}", n, *cells, f"{mean.loc[gamma, 'temperature']:.2f}"])
    header = ["seeds", "accuracy", "macro F1", "ECE", "ECE, scaled", "temperature"]
    return booktabs([Tex("$\\gamma$"), *header], rows)


def effects(frame: pd.DataFrame, by: str) -> str:
    """`loss_comparison.differences`: rows metric × value of `by`.

    Columns: seeds, mean difference in points, interval, p.
    """
    rows = []
    # no itertuples: which column `by` is, is not known here
    for r in frame.to_dict("records"):
        change = [signed(r["mean"] * 100), interval(r["low"], r["high"]), p_value(r["p_signflip"])]
        rows.append([word(r["metric"]), word(r[by]), r["n"], *change])
    return booktabs(["score", by, "seeds", "difference", INTERVAL, Tex("$p$")], rows, left=2)
