"""What report A remarks on its ResNet18, as far as it was tried; accuracies are shares of 1."""

from dataclasses import replace

import pandas as pd

from fer_utils.analysis import learning_stages
from fer_utils.analysis.evidence_files import EVIDENCE
from fer_utils.analysis.image_draws import ImageDraws
from fer_utils.analysis.loss_comparison import differences, mean_scores
from fer_utils.analysis.transfer import in_registry_order
from fer_utils.experiments.results import Results


def frames(results: Results, draws: ImageDraws) -> dict[str, pd.DataFrame]:
    """All frames of these studies, as far as they have been run.

    Returns
    -------
    dict
        By the name of the evidence file: layers (`layers`), sizes (`sizes`), resnet18_median
        (`filtered`), nine_blocks (`nine_blocks`), gaps (`gaps`; with ResNet18 alone).
    """
    tables = {}
    made = {"layers": layers, "sizes": sizes, "resnet18_median": filtered}
    for name, frame in made.items():
        if results.has_study(name):
            tables[name] = frame(results, draws)
    if results.has_study("nine_blocks"):
        tables["nine_blocks"] = nine_blocks(results)
    if results.has_study("resnet18"):
        tables["gaps"] = gaps(results)
    return tables


def layers(results: Results, draws: ImageDraws) -> pd.DataFrame:
    """Test accuracy by how many of the last stages learn, four classes, one row per number.

    Returns
    -------
    DataFrame
        - stages; and n, mean, low, high: as of `loss_comparison.mean_scores`.
    """
    study = results.study("layers")
    every = len(learning_stages.skeleton("resnet18_cntk").stages)
    return _accuracies(study, draws, {"stages": study.runs["trainable"].fillna(every).astype(int)})


def sizes(results: Results, draws: ImageDraws) -> pd.DataFrame:
    """Test accuracy by how many images of each class were trained on, four classes.

    Returns
    -------
    DataFrame
        One row per network and number of images.

        - model, images: of a class, for training and validation, at most;
        - n, mean, low, high: as of `loss_comparison.mean_scores`.
    """
    study = results.study("sizes")
    by = {"model": study.runs["model"], "images": study.runs["cap"].astype(int)}
    return in_registry_order(_accuracies(study, draws, by)).reset_index(drop=True)


def _accuracies(study: Results, draws: ImageDraws, by: dict[str, pd.Series]) -> pd.DataFrame:
    named = replace(study, runs=study.runs.assign(**by))
    scores = mean_scores(named, draws, list(by)).query("metric == 'accuracy'")
    return scores[[*by, "n", "mean", "low", "high"]].sort_values(list(by), ignore_index=True)


def filtered(results: Results, draws: ImageDraws) -> pd.DataFrame:
    """With median filter minus without: `loss_comparison.differences` by loss, for each task."""
    study = results.study("resnet18_median")
    tables = [
        differences(study.select(task=task), "median", False, True, by="loss", draws=draws).assign(
            task=task
        )
        for task in study.runs["task"].unique()
    ]
    return pd.concat(tables, ignore_index=True)


def nine_blocks(results: Results) -> pd.DataFrame:
    """With the block that `resnet18_cntk` leaves out and without, one row per network.

    Returns
    -------
    DataFrame
        - model, seeds; val, test: accuracy, means over the seeds.
    """
    study = results.study("nine_blocks")
    accuracy = study.metrics.query("metric == 'accuracy'").merge(study.runs, on="run")
    means = accuracy.pivot_table("value", "model", "split").reset_index()
    seeds = study.runs.groupby("model")["seed"].nunique()
    return in_registry_order(means.assign(seeds=means["model"].map(seeds)))[
        ["model", "seeds", "val", "test"]
    ].reset_index(drop=True)


def gaps(results: Results) -> pd.DataFrame:
    """By how much validation is more accurate than test, four classes, one row per study and loss.

    Report A's accuracy on validation (balanced classes) is compared with its macro recall on test,
    to which every class counts alike.

    Returns
    -------
    DataFrame
        - study, model, epochs, loss, seeds;
        - gap, largest: validation accuracy minus macro recall on test, of the last epoch: mean over
          the seeds, and the largest;
        - best: the same mean, with the highest validation accuracy of any epoch.
    """
    rows = []
    studies = [name for name in EVIDENCE["gaps"] if results.has_study(name)]
    for name in studies:
        study = results.study(name).select(task="multiclass")
        recall = study.scores().query("metric == 'macro_recall'").set_index("run")["value"]
        by_run = study.history.groupby("run")["val_accuracy"]
        frame = study.runs.set_index("run").assign(
            gap=by_run.last() - recall, best=by_run.max() - recall
        )
        for key, group in frame.groupby(["model", "epochs", "loss"], sort=False):
            row = {"study": name} | dict(zip(("model", "epochs", "loss"), key, strict=True))
            gap = group["gap"]
            row |= {"seeds": len(group), "gap": gap.mean(), "largest": gap.max()}
            rows.append(row | {"best": group["best"].mean()})
    return pd.DataFrame(rows).sort_values(
        ["study", "epochs", "loss"],
        key=lambda column: column.map(studies.index) if column.name == "study" else column,
        ignore_index=True,
    )
