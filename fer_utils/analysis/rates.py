"""Cross-entropy and focal loss, each at the learning rate that validation prefers."""

from dataclasses import fields

import pandas as pd

from fer_utils.analysis.image_draws import ImageDraws
from fer_utils.analysis.loss_comparison import differences
from fer_utils.evaluation.statistics import Paired
from fer_utils.experiments.results import Results, over_seeds
from fer_utils.training.losses import LOSSES

CELL = ["task", "loss", "learning_rate"]


def accuracies(results: Results) -> pd.DataFrame:
    """Accuracy at each rate, one row per task, loss and rate.

    Of the seeds that have a run in every cell; no rows if there is none.

    Returns
    -------
    DataFrame
        - task, loss, learning_rate, seeds;
        - val, val_std, test, test_std: accuracy, 0..1, over the seeds;
        - chosen: whether its mean on validation is the highest of its task and loss.
    """
    parts = []
    for split in ("val", "test"):
        cells = over_seeds(_complete(results, split), CELL)
        names = {"mean": split, "std": f"{split}_std"}
        parts.append(cells.rename(columns=names)[[*CELL, "seeds", *names.values()]])
    frame = parts[0].merge(parts[1], on=[*CELL, "seeds"]).sort_values(CELL, ignore_index=True)
    # of equal ones the smaller rate: idxmax takes the first
    best = frame.groupby(["task", "loss"])["val"].idxmax()
    return frame.assign(chosen=frame.index.isin(best))


def gains(results: Results, draws: ImageDraws | None = None) -> pd.DataFrame:
    """Focal minus cross-entropy in test accuracy, each at its chosen rate, one row per task.

    Parameters
    ----------
    draws
        Of the test images; without them the intervals hold for other seeds alone.

    Returns
    -------
    DataFrame
        - task, cross_entropy, focal: the chosen rates;
        - the fields of `statistics.Paired` of the difference, 0..1, over the seeds.
    """
    columns = ["task", *LOSSES, *(field.name for field in fields(Paired))]
    chosen = accuracies(results).query("chosen")
    if chosen.empty:
        return pd.DataFrame(columns=columns)
    runs = _complete(results, "test").merge(chosen[CELL], on=CELL)["run"]
    study = results.select(run=runs.tolist())
    table = differences(study, "loss", *LOSSES, metrics=("accuracy",), draws=draws)
    rates = chosen.pivot_table(index="task", columns="loss", values="learning_rate")
    # one loss may be without runs yet
    rates = rates.reindex(columns=LOSSES).reset_index()
    return rates.merge(table, on="task")[columns]


def _complete(results: Results, split: str) -> pd.DataFrame:
    """The accuracies of study rates, of the seeds that no cell lacks."""
    scores = results.study("rates").scores(split).query("metric == 'accuracy'")
    runs = scores.groupby("seed")["run"].nunique()
    return scores[scores["seed"].map(runs) == scores.groupby(CELL).ngroups]
