"""LaTeX tables that compare the two losses."""

import pandas as pd

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
    """focal − cross-entropy in points.

    Columns: mean, 95 % interval, p, p (Holm), of equivalence, the detectable difference; over the
    seeds alone the share that focal loss wins and the sign-flip test.
    """
    rows = []
    for r in frame.itertuples():
        both = [signed(r.mean * 100), interval(r.low, r.high), p_value(r.p), p_value(r.p_holm)]
        both += [p_value(r.p_equivalent), percent(r.detectable)]
        won = Tex(f"{percent(r.wins, 0)} ({percent(r.wins_low, 0)} to {percent(r.wins_high, 0)})")
        rows.append([word(r.metric), word(r.task), r.n, *both, won, p_value(r.p_signflip)])
    header = ["score", "task", Tex("$n$"), "mean", INTERVAL, Tex("$p$"), "Holm", "equivalence"]
    return booktabs([*header, "detectable", Tex("won, \\%"), "sign flips"], rows, left=2)


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


def chance(pairs: pd.DataFrame, means: pd.DataFrame) -> str:
    """Test accuracy and its gain: means over seeds, intervals, and what each source adds to them.

    Parameters
    ----------
    pairs, means
        As `loss_comparison.focal_minus_cross_entropy` and `mean_scores` give them.
    """
    accuracy = means.query("metric == 'accuracy'").set_index(["task", "loss"])
    rows = []
    for gain in pairs.query("metric == 'accuracy'").itertuples():
        for loss in LOSS_NAMES:
            mean = accuracy.loc[(gain.task, loss)]
            ends = f"{percent(mean['low'])} to {percent(mean['high'])}"
            errors = [percent(mean["seeds"], 2), percent(mean["images"], 2)]
            rows.append([word(gain.task), word(loss), percent(mean["mean"]), ends, *errors])
        cells = [signed(gain.mean * 100), interval(gain.low, gain.high)]
        cells += [percent(gain.seeds, 2), percent(gain.images, 2)]
        rows.append([word(gain.task), Tex("focal $-$ cross-entropy"), *cells])
    header = ["task", "", "mean", INTERVAL, "seeds", "images"]
    return booktabs(header, rows, left=2)


def calibration_differences(frame: pd.DataFrame) -> str:
    """Rows metric × task: focal minus cross-entropy in points, interval, share larger, p."""
    names = {"ece": "ECE", "nll": "NLL", "brier": "Brier"}
    rows = []
    for r in frame.itertuples():
        name, _, scaled = r.figure.partition("_")
        gain = [signed(r.mean * 100), interval(r.low, r.high), percent(r.wins, 0)]
        figure = f"{names[name]}, {scaled or 'raw'}"
        rows.append([figure, word(r.task), *gain, p_value(r.p)])
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
        change = [signed(r["mean"] * 100), interval(r["low"], r["high"]), p_value(r["p"])]
        rows.append([word(r["metric"]), word(r[by]), r["n"], *change])
    return booktabs(["score", by, "seeds", "difference", INTERVAL, Tex("$p$")], rows, left=2)
