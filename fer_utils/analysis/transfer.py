"""Report A's pretrained networks in frames: accuracies, 5 against 10 epochs, what learns.

Scores and accuracies are shares of 1. A row of what was not run has no scores; its `status` says
why.
"""

from dataclasses import replace

import pandas as pd

from fer_utils.analysis import learning_stages
from fer_utils.analysis.claim_scores import STAND_IN
from fer_utils.analysis.evidence_files import EVIDENCE
from fer_utils.analysis.reported import reported_a
from fer_utils.experiments.cnn_recipes import LOSSES, TASKS
from fer_utils.experiments.results import Results, over_seeds, overfit_epoch
from fer_utils.experiments.studies import NOT_RUN
from fer_utils.models.registry import in_order

STUDIES = EVIDENCE["transfer"]
# what tells networks apart: whether frozen stages rest, and images of each class, 0: all
NETWORK = ["model", "rest", "cap"]
CELL = [*NETWORK, "epochs", "task", "loss"]
PRINTED_AS = {stand_in: model for model, stand_in in STAND_IN.items()}


def frames(results: Results) -> dict[str, pd.DataFrame]:
    """All frames of these studies, as far as they have been run.

    Returns
    -------
    dict
        By the name of the evidence file: transfer_networks (`learning_stages.networks`), transfer
        (`accuracies`), transfer_lengths (`lengths`).
    """
    if not any(results.has_study(name) for name in STUDIES):
        return {}
    return {
        "transfer_networks": learning_stages.networks(_sorted(runs_of(results).runs)),
        "transfer": accuracies(results),
        "transfer_lengths": lengths(results),
    }


def runs_of(results: Results) -> Results:
    """The runs of STUDIES, as far as there are any, with a cap of 0 where it was none."""
    named = [results.study(name).runs["run"] for name in STUDIES if results.has_study(name)]
    listed = results.select(run=[run for runs in named for run in runs])
    return replace(listed, runs=_with_cap(listed.runs))


def accuracies(results: Results) -> pd.DataFrame:
    """Every network with every number of epochs, task and loss; one row per cell.

    Returns
    -------
    DataFrame
        - model, rest, cap, epochs, task, loss: CELL;
        - mean, std, low, high, seeds: of the test accuracy (`results.over_seeds`); NaN, and 0
          seeds, for a cell that was not run;
        - status: why a cell was not run; empty for others;
        - reported: what report A prints of this network, or of the one that it stands in for; NaN
          where it prints nothing.
    """
    scores = runs_of(results).scores().query("metric == 'accuracy'")
    known = pd.concat([over_seeds(scores, CELL), _left_out(results)])
    # cells that neither were run nor left out, as in a study that was stopped, have rows too
    cells = _sorted(known)[[*NETWORK, "epochs"]].drop_duplicates()
    for name, values in (("task", TASKS), ("loss", LOSSES)):
        cells = cells.merge(pd.DataFrame({name: values}), how="cross")
    frame = cells.merge(known, on=CELL, how="left")
    printed = reported_a().query("metric == 'accuracy'").rename(columns={"value": "reported"})
    by = ["printed_as", "epochs", "task", "loss"]
    printed = printed.rename(columns={"model": "printed_as"})[[*by, "reported"]]
    frame = frame.assign(printed_as=frame["model"].replace(PRINTED_AS))
    frame = frame.merge(printed, on=by, how="left").drop(columns="printed_as")
    return frame.fillna({"seeds": 0, "status": ""}).astype({"seeds": int})


def lengths(results: Results) -> pd.DataFrame:
    """5 against 10 epochs, one row per network, task and loss.

    Returns
    -------
    DataFrame
        - model, rest, cap, task, loss;
        - seeds: how many have both lengths; a row without any is left out;
        - short, long, gain: test accuracy after 5 and after 10 epochs, means over these seeds, and
          their difference;
        - best_epoch: that of the highest validation accuracy of the long run, mean over its seeds;
        - parted: from which epoch on its training accuracy leaves that on validation behind
          (`results.overfit_epoch`); <NA>: never.
    """
    runs = runs_of(results)
    by = [*NETWORK, "task", "loss"]
    rows = []
    for key, group in _sorted(runs.scores().query("metric == 'accuracy'")).groupby(by, sort=False):
        by_length = group.pivot_table(index="seed", columns="epochs", values="value")
        pairs = by_length.reindex(columns=[5, 10]).dropna()
        if pairs.empty:
            continue
        long_runs = group.loc[group["epochs"] == 10, "run"]
        history = runs.history[runs.history["run"].isin(long_runs)]
        row = dict(zip(by, key, strict=True)) | {
            "seeds": len(pairs),
            "short": pairs[5].mean(),
            "long": pairs[10].mean(),
            "gain": (pairs[10] - pairs[5]).mean(),
            "best_epoch": best_rows(history)["epoch"].mean(),
            "parted": overfit_epoch(history),
        }
        rows.append(row)
    # named, since a study without pairs has no rows to take columns from
    columns = [*by, "seeds", "short", "long", "gain", "best_epoch", "parted"]
    return pd.DataFrame(rows, columns=columns).astype({"parted": "Int64"})


def best_rows(history: pd.DataFrame) -> pd.DataFrame:
    """Of each run the row of the highest validation accuracy, the earliest if tied.

    Parameters
    ----------
    history
        Columns run and val_accuracy, and any others, in the order of epochs; all are returned.
    """
    return history.loc[history.groupby("run", sort=False)["val_accuracy"].idxmax()]


def in_registry_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of networks in the registry's order."""
    places = {model: place for place, model in enumerate(in_order(rows["model"]))}
    return rows.sort_values("model", key=lambda models: models.map(places), kind="stable")


def _sorted(rows: pd.DataFrame) -> pd.DataFrame:
    """In the registry's order; of a network first as report A trained it, on the most images."""
    by = ["rest", "cap", "epochs"]
    ordered = rows.sort_values(by, ascending=[True, False, True], kind="stable")
    return in_registry_order(ordered)


def _with_cap(settings: pd.DataFrame) -> pd.DataFrame:
    return settings.assign(cap=settings["cap"].astype(float).fillna(0).astype(int))


def _not_run(results: Results) -> pd.DataFrame:
    """The settings of all runs of STUDIES that were left out for want of weights."""
    return _with_cap(pd.concat([results.not_run(name) for name in STUDIES]))


def _left_out(results: Results) -> pd.DataFrame:
    """Cells of networks of which nothing was run, with the status that says why."""
    cells = _not_run(results)[CELL].drop_duplicates()
    # where some seeds were run and others not, the network counts as run
    run = pd.MultiIndex.from_frame(runs_of(results).runs[CELL])
    return cells[~pd.MultiIndex.from_frame(cells).isin(run)].assign(status=NOT_RUN)
