"""Every number of the report's text, as it is printed, and as LaTeX macros.

The text writes \\fer{key} for a number; a key that is not defined here stops the build.
"""

import pandas as pd

from fer_utils import evidence, tables
from fer_utils.results import Results, parting_epoch
from fer_utils.tables import percent, signed


def numbers(
    results: Results, study: Results, comparison: pd.DataFrame, pairs: pd.DataFrame, calibrations: pd.DataFrame
) -> dict[str, str]:
    """Every number of the running text, as it is printed."""
    runs, first, far = study.runs, study.runs.iloc[0], evidence.far(comparison)
    values = {name: _list(runs[name]) for name in ("device", "precision", "torch", "commit", "optimiser")}
    for setting in ("epochs", "batch_size", "learning_rate", "weight_decay", "gamma", "cap", "parameters"):
        values[setting.replace("_", ".")] = f"{first[setting]:g}" if first[setting] < 1 else f"{first[setting]:,}"
    values |= {
        "dataset": results.folder.name,
        "is.fer2013": str(int(results.folder.name == "fer2013")),
        "seeds": str(runs["seed"].nunique()),
        "seeds.list": _list(runs["seed"]),
        "runs": str(len(runs)),
        "minutes": f"{runs['total_seconds'].sum() / 60:.0f}",
        "far": f"{evidence.FAR:g}",
        "far.cells": str(len(far)),
        "far.outside": str(int((~far["within"]).sum())),
        "all.cells": str(len(comparison)),
        "outside.cells": str(int((~comparison["within"]).sum())),
    }
    for task in runs["task"].unique():
        chosen = study.select(task=task)
        for part in ("train", "val", "test"):
            values[f"{task}.{part}"] = f"{chosen.runs[f'{part}_images'].iloc[0]:,}"
        for loss in chosen.runs["loss"].unique():
            history = chosen.select(loss=loss).history
            parted = parting_epoch(history)
            values[f"{task}.{loss}.parting"] = "no epoch" if parted is None else f"epoch {parted}"
            by_run = history.groupby("run")["val_accuracy"]
            values[f"{task}.{loss}.best.above.last"] = f"{(by_run.max() - by_run.last()).mean() * 100:.1f}"
    for key, cell in comparison.set_index(evidence.CELL).iterrows():
        name = ".".join(filter(None, key))
        values |= {f"{name}.{part}": percent(cell[part]) for part in ("reported", "std", "low", "high")}
        values |= {name: percent(cell["mean"]), f"{name}.points": signed(cell["points"])}
    for task, table in comparison[comparison["metric"] == "accuracy"].groupby("task"):
        reported, mean = table.set_index("loss")["reported"], table["mean"].mean()
        images = study.select(task=task).runs["test_images"].iloc[0]
        values[f"{task}.reported.gain"] = f"{abs(reported['focal'] - reported['cross_entropy']) * 100:.1f}"
        values[f"{task}.binomial"] = f"{1.96 * (mean * (1 - mean) / images) ** 0.5 * 100:.1f}"  # 95 % half-width
    for task, table in comparison[comparison["class"] != ""].groupby("task"):
        mean = table.groupby(["metric", "class"])["mean"].mean()
        values |= {f"{task}.easiest": mean["f1"].idxmax(), f"{task}.hardest": mean["f1"].idxmin()}
        values[f"{task}.missed"] = mean["recall"].idxmin()
    for row in pairs.itertuples():
        name = f"{row.task}.{row.metric}.gain"
        ends = {"": row.mean, ".low": row.low, ".high": row.high}
        values |= {name + end: signed(value * 100) for end, value in ends.items()}
        values |= {f"{name}.p": tables.p_value(row.p_signflip), f"{name}.holm": tables.p_value(row.p_holm)}
        values[f"{name}.verdict"] = evidence.verdict(row)
    for (task, loss), mean in (
        calibrations.groupby(["task", "loss"])[["temperature", "ece", "ece_scaled"]].mean().iterrows()
    ):
        values |= {f"{task}.{loss}.{name}": percent(mean[name]) for name in ("ece", "ece_scaled")}
        values[f"{task}.{loss}.temperature"] = f"{mean['temperature']:.2f}"
    if (results.folder / "studies" / "class_weights.json").exists():
        values |= _recall_by_weights(results.study("class_weights"))
    summary = pd.read_csv(results.folder / "audit" / "summary.csv")
    return values | {f"audit.{what}": f"{count:,}" for what, count in summary.itertuples(index=False)}


def _recall_by_weights(study: Results) -> dict[str, str]:
    """Mean recall on test of each class, with class weights and without."""
    recall = study.scores().query("metric == 'recall'").groupby(["class_weights", "loss", "class"])["value"].mean()
    names = {True: "weighted", False: "unweighted"}
    return {f"{names[weighted]}.{loss}.recall.{cls}": percent(v) for (weighted, loss, cls), v in recall.items()}


def _list(column: pd.Series) -> str:
    return ", ".join(map(str, sorted(column.unique())))


def as_latex(values: dict[str, str]) -> str:
    """numbers.tex: a definition of fer@<key> for every value."""
    escape = str.maketrans({character: rf"\{character}" for character in "%&#_"})
    lines = [
        rf"\expandafter\def\csname fer@{key}\endcsname{{{text.translate(escape)}}}" for key, text in values.items()
    ]
    return "\n".join(lines) + "\n"
