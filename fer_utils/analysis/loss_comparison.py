"""From runs to statements: means, and paired differences between settings, with intervals."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from typing import Protocol

import numpy as np
import pandas as pd
from scipy.stats import pearsonr

from fer_utils.analysis.image_draws import ImageDraws
from fer_utils.analysis.leakage import photographs
from fer_utils.data.tasks import get_task
from fer_utils.evaluation.crossed import crossed_interval
from fer_utils.evaluation.metrics import is_correct
from fer_utils.evaluation.statistics import (
    bootstrap,
    holm,
    mcnemar,
    paired_seeds,
)
from fer_utils.experiments.results import Results

# Each of these on each task is one test of the family that Holm's correction counts. A third score
# here would raise every corrected p-value: none may be added after the results are known.
MAIN_SCORES = ("accuracy", "macro_f1")


def differences(
    study: Results,
    setting: str,
    a: object,
    b: object,
    by: str = "task",
    metrics: Sequence[str] = MAIN_SCORES,
    draws: ImageDraws | None = None,
) -> pd.DataFrame:
    """What changing one setting from `a` to `b` does to the scores on test.

    Parameters
    ----------
    setting
        Name of a field of Experiment. The study's runs differ in it, the seed and `by` alone.
    by
        Another setting: its values are compared apart.
    draws
        Of the test images; without them the intervals hold for other seeds alone.

    Returns
    -------
    DataFrame
        One row per metric and value of `by`.

        - metric, and the column that `by` names;
        - the fields of `statistics.Paired` of b − a, 0..1, over the seeds that have both.
    """
    scores = study.scores()
    rows = []
    for metric in metrics:
        for value, group in scores[scores["metric"] == metric].groupby(by, sort=False):
            wide = group.pivot_table(["value", "run"], "seed", setting, aggfunc="first")
            # a value that no run has becomes a column of NaN, and the row one of 0 seeds
            pairs = wide.reindex(columns=list(product(["value", "run"], [a, b]))).dropna()
            resampled = None
            if draws and len(pairs):
                columns = [
                    draws.scores(of_b)[metric, ""] - draws.scores(of_a)[metric, ""]
                    for of_a, of_b in pairs[[("run", a), ("run", b)]].to_numpy()
                ]
                resampled = np.stack(columns, axis=1)
            a_values, b_values = (pairs["value", side].astype(float) for side in (a, b))
            rows.append(
                {"metric": metric, by: value}
                | asdict(paired_seeds(a_values, b_values, resampled=resampled))
            )
    return pd.DataFrame(rows)


def focal_minus_cross_entropy(study: Results, draws: ImageDraws | None = None) -> pd.DataFrame:
    """Focal loss against cross-entropy, one row per main score and task.

    Returns
    -------
    DataFrame
        - metric, task, and the fields of `statistics.Paired`: as of `differences`;
        - p_holm: `p` corrected over all rows by Holm's method.
    """
    table = differences(study, "loss", "cross_entropy", "focal", draws=draws)
    return table.assign(p_holm=holm(table["p"]))


class _Corrected(Protocol):
    """A row of focal_minus_cross_entropy, as itertuples gives it."""

    mean: float
    p_holm: float


def favours(row: _Corrected) -> str:
    """A row of `focal_minus_cross_entropy` in words; it counts if its corrected p is below 0.05."""
    if not row.p_holm < 0.05:  # not >=: a p-value of NaN is no difference
        return "cannot be told from chance"
    return "favours focal loss" if row.mean > 0 else "favours cross-entropy"


def gains_by_protocol(results: Results, draws: ImageDraws | None = None) -> pd.DataFrame:
    """Focal loss against cross-entropy under every protocol that was run.

    Returns
    -------
    DataFrame
        One row per protocol, metric and task.

        - metric, task, and the fields of `statistics.Paired`: as of `differences`;
        - protocol: in words.
    """
    protocols = {"report A's protocol": results.study("report_a")}
    # of four classes in the first study, of both tasks in the second
    named = [name for name in ("class_weights", "readings") if results.has_study(name)]
    listed = [run for name in named for run in results.study(name).runs["run"]]
    unweighted = results.select(run=listed, class_weights=False)
    if len(unweighted.runs):
        protocols["no class weights"] = unweighted
    if results.has_study("dedupe"):
        protocols["no photograph in two splits"] = results.study("dedupe")
    tables = [
        differences(study, "loss", "cross_entropy", "focal", draws=draws).assign(protocol=protocol)
        for protocol, study in protocols.items()
    ]
    return pd.concat(tables, ignore_index=True)


def single_runs(study: Results) -> pd.DataFrame:
    """What one pair of runs alone would say, one row per task and seed that has both losses.

    Returns
    -------
    DataFrame
        - task, seed;
        - gain: test accuracy with focal loss minus that with cross-entropy, 0..1;
        - p: of McNemar's exact test, not corrected.
    """
    rows = []
    for (task, seed), runs in study.runs.groupby(["task", "seed"], sort=False):
        hits = {
            loss: is_correct(study.predictions(run), "test")
            for loss, run in zip(runs["loss"], runs["run"], strict=True)
        }
        if len(hits) == 2:  # the other loss of this seed may still be computing
            ce, focal = hits["cross_entropy"], hits["focal"]
            gain = focal.mean() - ce.mean()
            rows.append({"task": task, "seed": seed, "gain": gain, "p": mcnemar(ce, focal)})
    return pd.DataFrame(rows)


def spreads(study: Results) -> pd.DataFrame:
    """How far the seeds of each loss lie apart in test accuracy, one row per task.

    Seen in the runs and not asked before them: exploratory.

    Returns
    -------
    DataFrame
        - task, n: pairs of seeds;
        - cross_entropy, focal: standard deviation over seeds, 0..1;
        - p: of Pitman and Morgan's test (1939) that the two are equal, not corrected. It takes
          the seeds in pairs: two sums of equal variance are uncorrelated with their difference.
    """
    accuracies = study.scores("test").query("metric == 'accuracy'")
    rows = []
    for task, scores in accuracies.groupby("task"):
        pairs = scores.pivot_table("value", "seed", "loss").dropna()
        ce, focal = pairs["cross_entropy"], pairs["focal"]
        enough = len(pairs) > 2  # two points always lie on a line
        p = pearsonr(ce + focal, ce - focal).pvalue if enough else np.nan
        deviations = {"cross_entropy": ce.std(), "focal": focal.std()}
        rows.append({"task": task, "n": len(pairs), **deviations, "p": p})
    return pd.DataFrame(rows)


def mean_scores(
    study: Results, draws: ImageDraws, by: Sequence[str] = ("task", "loss")
) -> pd.DataFrame:
    """Means over seeds of every score on test, with intervals for other seeds and other images.

    Parameters
    ----------
    by
        Settings: one mean for each of their values that occur together.

    Returns
    -------
    DataFrame
        One row per value of `by`, metric and class.

        - the columns of `by`; metric, class (empty for averages);
        - n: seeds;
        - mean, low, high: 0..1, with the 95 % interval (`crossed.crossed_interval`);
        - seeds_error, images_error: the standard error from each source alone.
    """
    scores = study.scores().query("metric != 'support' and not metric.str.startswith('weighted')")
    rows = []
    for key, group in scores.groupby([*by, "metric", "class"], sort=False):
        column = key[-2:]
        resampled = np.stack([draws.scores(run)[column] for run in group["run"]], axis=1)
        both = crossed_interval(group["value"], resampled)
        row = dict(zip([*by, "metric", "class"], key, strict=True))
        row |= {name: getattr(both, name) for name in ("n", "mean", "low", "high")}
        rows.append(row | {"seeds_error": both.seeds, "images_error": both.images})
    return pd.DataFrame(rows)


def mean_interval(
    study: Results, rows: np.ndarray, values: np.ndarray, resamples: int = 2000
) -> tuple[float, float]:
    """The 95 % interval of a mean over images, if others were drawn.

    Parameters
    ----------
    rows
        The images' rows of the data set: int, N. Copies of a photograph are drawn together, and an
        image that is there twice is one photograph.
    values
        One per image: N.
    resamples
        Draws of images.

    Returns
    -------
    tuple
        Lower and upper end.
    """
    values = values.astype(np.float32)  # as the weights, or their product would take twice the time
    groups = photographs(study, rows)
    low, high = bootstrap(lambda weights: weights @ values / weights.sum(1), groups, resamples)
    return float(low), float(high)


def stuck(study: Results, near_chance: float = 0.01) -> pd.DataFrame:
    """Runs that learned nothing for more than half of their epochs, one row per run.

    Parameters
    ----------
    near_chance
        An epoch is at chance if its validation accuracy is no farther than this, in shares of 1,
        from one over the number of classes.

    Returns
    -------
    DataFrame
        - task, loss, seed;
        - epochs: how many were at chance.
    """
    history = study.history.merge(study.runs[["run", "task", "loss", "seed"]], on="run")
    classes = history["task"].map(lambda task: len(get_task(task).classes))
    at_chance = (history["val_accuracy"] - 1 / classes).abs() < near_chance
    by_run = at_chance.groupby([history[name] for name in ("task", "loss", "seed")])
    epochs = by_run.sum()
    return epochs[epochs > by_run.size() / 2].rename("epochs").reset_index()
