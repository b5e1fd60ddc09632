"""Numbers of the chapters that compare the two losses, as they are printed."""

import pandas as pd

from fer_utils.analysis import loss_comparison, reproduction
from fer_utils.evaluation.statistics import t_half_width
from fer_utils.experiments.results import Results
from fer_utils.reporting.latex import listed, p_value, percent, signed


def numbers(results: Results, frames: dict[str, pd.DataFrame]) -> dict[str, str]:
    """Keys and printed values of report A's study, and of its variants as far as they were run."""
    values = _differences(frames["paired"], frames["single_runs"])
    for row in frames["spreads"].itertuples():
        values |= {
            f"{row.task}.spread.cross_entropy": percent(row.cross_entropy),
            f"{row.task}.spread.focal": percent(row.focal),
            f"{row.task}.spread.p": p_value(row.p),
        }
    values |= _stuck(frames["stuck"], frames["single_runs"])
    values |= _calibration(frames["calibration_differences"])
    if results.has_study("class_weights"):
        values |= _recall_without_weights(results.study("class_weights"))
    if "gamma" in frames:
        values |= _gamma(frames)
    return values | _variants(frames)


def _differences(pairs: pd.DataFrame, singles: pd.DataFrame) -> dict[str, str]:
    """Focal minus cross-entropy in points: interval, verdict, what single pairs would say."""
    texts: dict[str, str] = {}
    for row in pairs.itertuples():
        name = f"{row.task}.{row.metric}.gain"
        ends = {"": row.mean, ".low": row.low, ".high": row.high}
        texts |= {name + end: signed(value * 100) for end, value in ends.items()}
        texts[f"{name}.detectable"] = percent(row.detectable)
        texts[f"{name}.verdict"] = loss_comparison.favours(row)
    printed = reproduction.reported_gains()["accuracy"]
    for task, group in singles.groupby("task"):
        called = group[group["p"] < 0.05]
        texts[f"{task}.reported.gain"] = signed(printed[task] * 100)
        # of either sign: the question is how often one pair alone differs as much as the report's
        texts[f"{task}.as.large"] = str((group["gain"].abs() >= abs(printed[task])).sum())
        # the report's gain is of one pair of runs: one more pair is the fair measure, not the mean
        texts[f"{task}.next"] = f"{t_half_width(group['gain'], more=1) * 100:.1f}"
        texts[f"{task}.half"] = f"{t_half_width(group['gain']) * 100:.1f}"
        texts |= {
            f"{task}.single.pairs": str(len(group)),
            f"{task}.single.called": str(len(called)),
        }
        texts |= {f"{task}.single.focal": str((called["gain"] > 0).sum())}
        texts |= {f"{task}.single.cross_entropy": str((called["gain"] < 0).sum())}
    return texts


def _stuck(stuck: pd.DataFrame, singles: pd.DataFrame) -> dict[str, str]:
    """Runs at chance for most epochs, and the gain on two classes without their pairs."""
    seeds = stuck.loc[stuck["task"] == "binary", "seed"]
    # the whole pair goes: the other loss's run of that seed would have no partner
    others = singles[(singles["task"] == "binary") & ~singles["seed"].isin(seeds)]["gain"]
    half = t_half_width(others)
    ends = {"": others.mean(), ".low": others.mean() - half, ".high": others.mean() + half}
    texts = {f"binary.unstuck.gain{end}": signed(value * 100) for end, value in ends.items()}
    return texts | {
        "stuck": str(len(stuck)),
        "stuck.epochs": listed(stuck["epochs"]),
        "stuck.seeds": listed(stuck["seed"]),
    }


def _calibration(frame: pd.DataFrame) -> dict[str, str]:
    """Focal minus cross-entropy in calibration error, in points, with intervals."""
    texts: dict[str, str] = {}
    for row in frame.itertuples():
        ends = {"": row.mean, ".low": row.low, ".high": row.high}
        texts |= {
            f"{row.task}.{row.figure}.gain{end}": signed(value * 100) for end, value in ends.items()
        }
    return texts


def _gamma(frames: dict[str, pd.DataFrame]) -> dict[str, str]:
    """The sweep of gamma: means of accuracy and temperature, and how far they lie apart."""
    accuracy = (
        frames["gamma"]
        .query("metric == 'accuracy'")
        .groupby("gamma")["value"]
        .agg(["mean", "std", "size"])
    )
    temperature = frames["gamma_calibration"].groupby("gamma")["temperature"].mean()
    # gamma.2 and not gamma.2.0: the key that the text uses
    texts = {f"gamma.{gamma:g}.temperature": f"{value:.2f}" for gamma, value in temperature.items()}
    return texts | {
        # the least: a sweep that is still computing has unequal numbers
        "gamma.seeds": str(accuracy["size"].min()),
        "gamma.low": percent(accuracy["mean"].min()),
        "gamma.high": percent(accuracy["mean"].max()),
        "gamma.best": f"{accuracy['mean'].idxmax():g}",
        # variances are averaged, not deviations, which would make the spread too small
        "gamma.spread": percent((accuracy["std"] ** 2).mean() ** 0.5),
    }


def _variants(frames: dict[str, pd.DataFrame]) -> dict[str, str]:
    """What a variant changes in the accuracy on four classes, in points, with intervals.

    <variant>.<loss>.gain for class weights and the median filter, unweighted.gain for focal loss
    minus cross-entropy without class weights; each with .low and .high, and <variant>.seeds.
    """
    rows = {
        f"{variant}.{row.loss}": row
        for variant in ("class_weights", "median")
        for row in frames.get(variant, pd.DataFrame(columns=["metric"])).itertuples()
        if row.metric == "accuracy"
    }
    without = frames["gains"].query("protocol == 'no class weights' and metric == 'accuracy'")
    if len(without):
        rows["unweighted"] = next(without.itertuples())  # of four classes alone
    texts: dict[str, str] = {}
    for name, row in rows.items():
        ends = {"": row.mean, ".low": row.low, ".high": row.high}
        texts |= {f"{name}.gain{end}": signed(value * 100) for end, value in ends.items()}
        texts[f"{name.split('.')[0]}.seeds"] = str(row.n)
    return texts


def _recall_without_weights(study: Results) -> dict[str, str]:
    """Mean recall of each class on test where all class weights are 1."""
    scores = study.scores()
    # the study has the runs with weights too, as the other half of its pairs
    recall = scores[(scores["metric"] == "recall") & ~scores["class_weights"]].groupby(
        ["loss", "class"]
    )["value"]
    texts = {
        f"unweighted.{loss}.recall.{cls}": percent(mean)
        for (loss, cls), mean in recall.mean().items()
    }
    return texts | {"weights.seeds": str(study.runs["seed"].nunique())}
