"""From runs to statements: paired differences between settings, intervals over images, calibration, leaks."""

from dataclasses import asdict

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

# With the tasks these are the family of tests that Holm's correction counts: a third score here
# would raise every corrected p-value, so that none may be added after the results are known.
MAIN_SCORES = ("accuracy", "macro_f1")


def differences(
    study: Results, setting: str, a, b, by: str = "task", metrics=MAIN_SCORES
) -> pd.DataFrame:
    """What changing one setting from `a` to `b` does: a row a metric and value of the column `by`.

    Columns: metric, by, and statistics.Paired of the seeds that have both; differences of test scores, 0..1.
    """
    scores = study.scores()
    rows = []
    for metric in metrics:
        for value, group in scores[scores["metric"] == metric].groupby(by, sort=False):
            pairs = group.pivot_table(index="seed", columns=setting, values="value")
            pairs = pairs.reindex(columns=[a, b]).dropna()
            rows.append({"metric": metric, by: value} | asdict(paired_seeds(pairs[a], pairs[b])))
    return pd.DataFrame(rows)


def focal_minus_cross_entropy(study: Results) -> pd.DataFrame:
    """`differences` between the losses; p_holm corrects p_signflip over the rows."""
    table = differences(study, "loss", "cross_entropy", "focal")
    return table.assign(p_holm=holm(table["p_signflip"]))


def favours(row) -> str:
    """One row of focal_minus_cross_entropy in words: a difference counts if its Holm-corrected p is below 0.05."""
    if not row.p_holm < 0.05:
        return "cannot be told from chance"
    return "favours focal loss" if row.mean > 0 else "favours cross-entropy"


def gains_by_protocol(results: Results) -> pd.DataFrame:
    """`differences` between the losses under every protocol that was run: protocol, metric, task, Paired."""
    found = {"report A's protocol": results.study("report_a")}
    if results.has_study("class_weights"):
        found["no class weights"] = results.study("class_weights").select(class_weights=False)
    if results.has_study("dedupe"):
        found["no photograph in two splits"] = results.study("dedupe")
    tables = [
        differences(study, "loss", "cross_entropy", "focal").assign(protocol=p)
        for p, study in found.items()
    ]
    return pd.concat(tables, ignore_index=True)


def single_runs(study: Results) -> pd.DataFrame:
    """What one pair of runs alone would say: task, seed, gain (focal minus cross-entropy, 0..1), McNemar's p."""
    rows = []
    for (task, seed), runs in study.runs.groupby(["task", "seed"], sort=False):
        made = {
            loss: study.predictions(run)
            for loss, run in zip(runs["loss"], runs["run"], strict=True)
        }
        hits = {loss: is_correct(predictions, "test") for loss, predictions in made.items()}
        if len(hits) == 2:
            ce, focal = hits["cross_entropy"], hits["focal"]
            rows.append(
                {
                    "task": task,
                    "seed": seed,
                    "gain": focal.mean() - ce.mean(),
                    "p": mcnemar(ce, focal),
                }
            )
    return pd.DataFrame(rows)


def image_intervals(study: Results, resamples: int = 2000) -> pd.DataFrame:
    """How far another draw of test images would move the means over seeds: task, loss, metric, class, low, high.

    95 % bootstrap intervals, 0..1; copies of one photograph are drawn together. The loss "gain" stands for focal
    minus cross-entropy, with both losses and all seeds on the same draw.
    """
    tables = []
    for task, runs in study.runs.groupby("task", sort=False):
        made = {
            loss: [study.predictions(run) for run in group["run"]]
            for loss, group in runs.groupby("loss")
        }

        def means(weights: np.ndarray, made=made) -> pd.DataFrame:
            by_loss = {
                loss: _mean_scores(predictions, weights) for loss, predictions in made.items()
            }
            if len(by_loss) == 2:
                by_loss["gain"] = by_loss["focal"] - by_loss["cross_entropy"]
            return pd.concat(by_loss, axis=1, names=["loss", "metric", "class"])

        rows = next(iter(made.values()))[0]["test_rows"]
        low, high = bootstrap(means, photographs(study, rows), resamples)
        columns = means(np.ones((1, len(rows)), np.float32)).columns
        tables.append(columns.to_frame(index=False).assign(task=task, low=low, high=high))
    return pd.concat(tables, ignore_index=True)


def _mean_scores(predictions: list[dict[str, np.ndarray]], weights: np.ndarray) -> pd.DataFrame:
    tables = [
        resampled_scores(p["test_labels"], p["test_logits"], p["classes"], weights)
        for p in predictions
    ]
    return sum(tables[1:], tables[0]) / len(tables)


def mean_interval(
    study: Results, rows: np.ndarray, values: np.ndarray, resamples: int = 2000
) -> tuple[float, float]:
    """The 95 % interval of the mean of these values, one an image, over other images: lower and upper end.

    rows: the images' rows of the data set; copies of a photograph are drawn together.
    """
    values = values.astype(np.float32)
    return bootstrap(
        lambda weights: weights @ values / weights.sum(1), photographs(study, rows), resamples
    )


def stuck(study: Results, near_chance: float = 0.01) -> pd.DataFrame:
    """Runs that learned nothing for more than half of their epochs: task, loss, seed, epochs at chance.

    At chance: a validation accuracy within `near_chance` of one over the number of classes.
    """
    history = study.history.merge(study.runs[["run", "task", "loss", "seed"]], on="run")
    classes = history["task"].map(lambda task: len(get_task(task).classes))
    at_chance = (history["val_accuracy"] - 1 / classes).abs() < near_chance
    runs = at_chance.groupby([history[name] for name in ("task", "loss", "seed")]).agg(
        ["sum", "size"]
    )
    return runs[runs["sum"] > runs["size"] / 2]["sum"].rename("epochs").reset_index()
