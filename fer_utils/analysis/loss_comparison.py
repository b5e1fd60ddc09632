"""From runs to statements: paired differences between settings, and intervals over images."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Protocol

import numpy as np
import pandas as pd

from fer_utils.analysis.leakage import photographs
from fer_utils.data.tasks import get_task
from fer_utils.evaluation.metrics import is_correct, resampled_scores
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
) -> pd.DataFrame:
    """What changing one setting from `a` to `b` does to the scores on test.

    Parameters
    ----------
    setting
        Name of a field of Experiment. The study's runs differ in it, the seed and `by` alone.
    by
        Another setting: its values are compared apart.

    Returns
    -------
    DataFrame
        One row per metric and value of `by`.

        - metric, and the column that `by` names;
        - n, mean, low, high, p_signflip, p_wilcoxon, wins: `statistics.Paired` of b − a, 0..1,
          over the seeds that have both.
    """
    scores = study.scores()
    rows = []
    for metric in metrics:
        for value, group in scores[scores["metric"] == metric].groupby(by, sort=False):
            pairs = group.pivot_table(index="seed", columns=setting, values="value")
            # a value that no run has becomes a column of NaN, and the row one of 0 seeds
            pairs = pairs.reindex(columns=[a, b]).dropna()
            rows.append({"metric": metric, by: value} | asdict(paired_seeds(pairs[a], pairs[b])))
    return pd.DataFrame(rows)


def focal_minus_cross_entropy(study: Results) -> pd.DataFrame:
    """Focal loss against cross-entropy, one row per main score and task.

    Returns
    -------
    DataFrame
        - metric, task, n, mean, low, high, p_signflip, p_wilcoxon, wins: as of `differences`;
        - p_holm: p_signflip corrected over all rows by Holm's method.
    """
    table = differences(study, "loss", "cross_entropy", "focal")
    return table.assign(p_holm=holm(table["p_signflip"]))


class _Corrected(Protocol):
    """A row of focal_minus_cross_entropy, as itertuples gives it."""

    mean: float
    p_holm: float


def favours(row: _Corrected) -> str:
    """A row of `focal_minus_cross_entropy` in words; it counts if its corrected p is below 0.05."""
    if not row.p_holm < 0.05:  # not >=: a p-value of NaN is no difference
        return "cannot be told from chance"
    return "favours focal loss" if row.mean > 0 else "favours cross-entropy"


def gains_by_protocol(results: Results) -> pd.DataFrame:
    """Focal loss against cross-entropy under every protocol that was run.

    Returns
    -------
    DataFrame
        One row per protocol, metric and task.

        - metric, task, n, mean, low, high, p_signflip, p_wilcoxon, wins: as of `differences`;
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
        differences(study, "loss", "cross_entropy", "focal").assign(protocol=protocol)
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


def image_intervals(study: Results, resamples: int = 2000) -> pd.DataFrame:
    """How far another draw of test images would move the means over seeds.

    Copies of one photograph are drawn together.

    Parameters
    ----------
    study
        Runs that are tested on the same images wherever they have the same task.
    resamples
        Draws of images.

    Returns
    -------
    DataFrame
        - loss: that of the runs; "gain" stands for focal minus cross-entropy, with both losses and
          all seeds on the same draw;
        - metric, class, task: class is empty for averages;
        - low, high: 95 % bootstrap interval, 0..1.

    Raises
    ------
    FerError
        If the audit is missing, or of other data than the runs.
    """
    tables = []
    for task, runs in study.runs.groupby("task", sort=False):
        predictions = {
            loss: [study.predictions(run) for run in group["run"]]
            for loss, group in runs.groupby("loss")
        }

        # bound at once: the loop's next task must not change what this one averages
        def means(weights: np.ndarray, predictions=predictions) -> pd.DataFrame:
            by_loss = {loss: _mean_scores(of, weights) for loss, of in predictions.items()}
            # from the means of one draw: the interval of a difference is not that of two means
            if len(by_loss) == 2:
                by_loss["gain"] = by_loss["focal"] - by_loss["cross_entropy"]
            return pd.concat(by_loss, axis=1, names=["loss", "metric", "class"])

        rows = next(iter(predictions.values()))[0]["test_rows"]
        low, high = bootstrap(means, photographs(study, rows), resamples)
        columns = means(np.ones((1, len(rows)), np.float32)).columns
        tables.append(columns.to_frame(index=False).assign(task=task, low=low, high=high))
    return pd.concat(tables, ignore_index=True)


def _mean_scores(predictions: list[dict[str, np.ndarray]], weights: np.ndarray) -> pd.DataFrame:
    """resampled_scores on test, mean over these runs, which are tested on the same images."""
    labels, classes = predictions[0]["test_labels"], predictions[0]["classes"].tolist()
    logits = np.stack([of_run["test_logits"] for of_run in predictions])
    return resampled_scores(labels, logits, classes, weights)


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
