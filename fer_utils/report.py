"""The LaTeX report from the results folder and from nothing else: numbers, tables, figures, PDF.

`numbers.tex` defines one macro a number; the text writes \\fer{key} for it and an unknown key is an error.
"""

import shutil
import subprocess
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from fer_utils import evaluation, figures, files, paths
from fer_utils.errors import FerError
from fer_utils.experiment import open_dataset
from fer_utils.faces import Faces
from fer_utils.results import Results, mean_confusion, open_results, over_seeds, parting_epoch, reported_a

TASK_NAMES = {"binary": "binary", "multiclass": "four classes"}
METRIC_NAMES = {
    "accuracy": "accuracy",
    "macro_precision": "macro precision",
    "macro_recall": "macro recall",
    "macro_f1": "macro F1",
    "top2_accuracy": "top-2 accuracy",
}
FAR = 3.0  # points between reported and reproduced that the discussion must explain
CELL = ["task", "loss", "metric", "class"]


def build(dataset: str, results: Path = paths.RESULTS) -> Path:
    """Generates everything that the text includes, compiles it, and returns report/report.pdf.

    A copy goes to results/<dataset>/report.pdf. Raises FerError where results or LaTeX are missing.
    """
    found = open_results(dataset, results)
    generate(found, paths.REPORT / "generated")
    pdf = compile_pdf(paths.REPORT)
    shutil.copy(pdf, found.folder / "report.pdf")
    return pdf


def generate(results: Results, folder: Path) -> None:
    """Writes numbers.tex, tables/*.tex and figures/*.pdf anew; whole or not at all."""
    study = results.study("report_a")
    comparison = compare(study)
    with files.whole_folder(folder) as part:
        (part / "tables").mkdir()
        for name, table in tables(results, comparison).items():
            (part / "tables" / f"{name}.tex").write_text(table, encoding="utf-8")
        (part / "numbers.tex").write_text(_macros(numbers(results, comparison)), encoding="utf-8")
        for name, figure in make_figures(study).items():
            figures.save(figure, name, part / "figures")
            plt.close(figure)


def compile_pdf(folder: Path) -> Path:
    """Runs latexmk, or tectonic, on main.tex; returns report.pdf. Raises FerError with LaTeX's own first error."""
    if shutil.which("latexmk"):
        command = ["latexmk", "-pdf", "-interaction=nonstopmode", "-halt-on-error", "-outdir=build", "main.tex"]
    elif shutil.which("tectonic"):
        (folder / "build").mkdir(exist_ok=True)
        command = ["tectonic", "--outdir", "build", "main.tex"]
    else:
        raise FerError(
            "LaTeX is missing; install it with: apt-get install latexmk texlive-latex-extra "
            "texlive-fonts-recommended lmodern (or: conda install -c conda-forge tectonic)"
        )
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    if done.returncode:
        lines = (done.stdout + done.stderr).splitlines()
        first = next((line for line in lines if line.startswith(("!", "error:"))), lines[-1] if lines else "")
        raise FerError(f"LaTeX failed: {first.strip()} (all of it in {folder / 'build' / 'main.log'})")
    return Path(shutil.copy(folder / "build" / "main.pdf", folder / "report.pdf"))


def compare(study: Results) -> pd.DataFrame:
    """Reported beside reproduced: task, loss, metric, class, reported, mean, std, seeds, points (difference)."""
    reported = reported_a().query("model == 'cnn'").rename(columns={"value": "reported"})
    ours = over_seeds(study.scores().query("model == 'cnn'"), CELL)
    both = reported[[*CELL, "reported"]].merge(ours, on=CELL)
    return both.assign(points=(both["mean"] - both["reported"]) * 100)


def numbers(results: Results, comparison: pd.DataFrame) -> dict[str, str]:
    """Every number of the running text, as it is printed."""
    study = results.study("report_a")
    runs, first = study.runs, study.runs.iloc[0]
    values = {name: _list(runs[name]) for name in ("device", "precision", "torch", "commit", "optimiser")}
    for setting in ("epochs", "batch_size", "learning_rate", "weight_decay", "gamma", "cap", "parameters"):
        values[setting.replace("_", ".")] = f"{first[setting]:,g}" if first[setting] < 1 else f"{first[setting]:,}"
    values |= {
        "dataset": results.folder.name,
        "is.fer2013": str(int(results.folder.name == "fer2013")),
        "seeds": str(runs["seed"].nunique()),
        "seeds.list": _list(runs["seed"]),
        "runs": str(len(runs)),
        "minutes": f"{runs['total_seconds'].sum() / 60:.0f}",
        "far": f"{FAR:g}",
        "far.cells": str(int((comparison["points"].abs() > FAR).sum())),
        "all.cells": str(len(comparison)),
    }
    for task in runs["task"].unique():
        chosen = study.select(task=task)
        for part in ("train", "val", "test"):
            values[f"{task}.{part}"] = f"{chosen.runs[f'{part}_images'].iloc[0]:,}"
        for loss in chosen.runs["loss"].unique():
            parted = parting_epoch(chosen.select(loss=loss).history)
            values[f"{task}.{loss}.parting"] = "no epoch" if parted is None else f"epoch {parted}"
    for task, loss, metric, cls, reported, mean, std, _, points in comparison.itertuples(index=False):
        key = ".".join(filter(None, (task, loss, metric, cls)))
        shown = {"": percent(mean), ".sd": percent(std), ".reported": percent(reported), ".points": signed(points)}
        values |= {key + suffix: text for suffix, text in shown.items()}
    for task, table in comparison[comparison["metric"] == "accuracy"].groupby("task"):
        means = table.set_index("loss")["mean"] * 100
        values[f"{task}.gain"] = signed(means["focal"] - means["cross_entropy"])
    summary = pd.read_csv(results.folder / "audit" / "summary.csv")
    return values | {f"audit.{what}": f"{count:,}" for what, count in summary.itertuples(index=False)}


def tables(results: Results, comparison: pd.DataFrame) -> dict[str, str]:
    """Every table of the report as LaTeX, by file name."""
    counts = pd.read_csv(results.folder / "audit" / "counts.csv", index_col="label")
    made = {
        "counts": booktabs(
            ["class", *counts.columns, "all"],
            [[name, *(f"{n:,}" for n in [*row, sum(row)])] for name, *row in counts.itertuples()],
        ),
        "audit": booktabs(
            ["finding", "number"],
            [
                [what, f"{count:,}"]
                for what, count in pd.read_csv(results.folder / "audit" / "summary.csv").to_numpy()
            ],
        ),
        "averages": _comparison_table(comparison[comparison["class"] == ""], "metric"),
    }
    for task, cells in comparison[comparison["class"] != ""].groupby("task"):
        made[f"classes_{task}"] = _class_table(cells)
    for name, settings in (("median", ["loss", "median"]), ("learning_rate", ["task", "learning_rate"])):
        if (results.folder / "studies" / f"{name}.json").exists():
            made[name] = _accuracy_table(results.study(name), settings)
    return made


def _comparison_table(cells: pd.DataFrame, column: str) -> str:
    """Rows task × metric; reported, reproduced and their difference for each loss."""
    rows = []
    for (task, metric), group in cells.groupby(["task", column], sort=False):
        by_loss = group.set_index("loss")
        row = [TASK_NAMES.get(task, task), METRIC_NAMES.get(metric, metric)]
        for loss in ("cross_entropy", "focal"):
            cell = by_loss.loc[loss]
            row += [percent(cell["reported"]), plus_minus(cell["mean"], cell["std"]), signed(cell["points"])]
        rows.append(row)
    rows.sort(key=lambda row: (row[0], list(METRIC_NAMES.values()).index(row[1])))
    group_header = r" & & \multicolumn{3}{c}{cross-entropy} & \multicolumn{3}{c}{focal}"
    rules = r"\cmidrule(lr){3-5}\cmidrule(lr){6-8}"
    header = ["task", "score", *("reported", "reproduced", "diff.") * 2]
    return booktabs(header, rows, f"{group_header} \\\\\n{rules}\n", left=2)


def _class_table(cells: pd.DataFrame) -> str:
    """Rows loss × class; reported and reproduced precision, recall and F1."""
    rows = []
    for (loss, cls), group in cells.groupby(["loss", "class"], sort=False):
        by_metric = group.set_index("metric")
        row = [figures.LOSS_NAMES[loss], cls]
        for metric in ("precision", "recall", "f1"):
            cell = by_metric.loc[metric]
            row += [percent(cell["reported"]), plus_minus(cell["mean"], cell["std"])]
        rows.append(row)
    names = " & ".join(rf"\multicolumn{{2}}{{c}}{{{name}}}" for name in ("precision", "recall", "F1"))
    rules = r"\cmidrule(lr){3-4}\cmidrule(lr){5-6}\cmidrule(lr){7-8}"
    header = ["loss", "class", *("rep.", "reproduced") * 3]
    return booktabs(header, rows, f" & & {names} \\\\\n{rules}\n", left=2)


def _accuracy_table(study: Results, settings: list[str]) -> str:
    """Rows of settings; validation and test accuracy."""
    both = study.metrics[study.metrics["metric"] == "accuracy"].merge(study.runs, on="run")
    means = both.pivot_table(index=settings, columns="split", values="value")
    rows = [[*map(_word, key), percent(row["val"]), percent(row["test"])] for key, row in means.iterrows()]
    header = [name.replace("_", " ") for name in settings]
    return booktabs([*header, "validation", "test"], rows, left=len(settings))


def booktabs(header: list[str], rows: list[list[str]], above: str = "", left: int = 1) -> str:
    """A LaTeX tabular; the first `left` columns are text, the others numbers set to the right."""
    columns = "l" * left + "r" * (len(header) - left)
    body = [" & ".join(map(str, row)) + r" \\" for row in rows]
    for i in range(len(rows) - 1, 0, -1):  # a little air where the first column changes
        if left > 1 and rows[i][0] != rows[i - 1][0]:
            body.insert(i, r"\addlinespace")
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", above + " & ".join(header) + r" \\", r"\midrule"]
    return "\n".join([*lines, *body, r"\bottomrule", r"\end{tabular}"]) + "\n"


def make_figures(results: Results) -> dict[str, plt.Figure]:
    """Every figure of the report, by its id; those with faces only where the data set is at hand."""
    study = results.study("report_a")
    by_loss = {name: study.select(task="multiclass", loss=loss) for loss, name in figures.LOSS_NAMES.items()}
    counts = pd.read_csv(results.folder / "audit" / "counts.csv", index_col="label")
    made = {
        "class_counts": figures.class_counts(counts),
        "overfitting": figures.overfitting({name: runs.history for name, runs in by_loss.items()}),
        "confusion": figures.confusion_matrices({name: mean_confusion(runs) for name, runs in by_loss.items()}),
        "losses_by_class": figures.losses_by_class(
            study.scores().query("task == 'multiclass' and metric == 'f1'"),
            reported_a().query("model == 'cnn' and task == 'multiclass' and metric == 'f1'"),
            "F1 on test",
        ),
    }
    if (paths.DATA / results.folder.name / "dataset.json").exists():
        faces = open_dataset(results.folder.name)
        run = by_loss["cross-entropy"].runs["run"].iloc[0]
        made["faces"] = figures.contact_sheet(faces)
        made["tricky"] = _tricky(faces, results, run)
    return made


def _tricky(faces: Faces, results: Results, run: str) -> plt.Figure:
    """The errors of a run that it was surest of."""
    made = results.predictions(run)
    errors = evaluation.confident_errors(made["test_labels"], made["test_logits"], made["classes"], n=16)
    captions = [f"{true}, not\n{predicted} ({p:.0%})" for _, true, predicted, p in errors.itertuples(index=False)]
    return figures.gallery(faces.images[made["test_rows"][errors["position"]]], captions)


def _list(column: pd.Series) -> str:
    return ", ".join(map(str, sorted(column.unique())))


def _word(value) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return str({**TASK_NAMES, **figures.LOSS_NAMES}.get(value, value))


def percent(share: float) -> str:
    """0.634 → 63.4; a dash for NaN (the standard deviation of one seed)."""
    return "--" if pd.isna(share) else f"{share * 100:.1f}"


def plus_minus(mean: float, std: float) -> str:
    return percent(mean) if pd.isna(std) else rf"{percent(mean)} $\pm$ {percent(std)}"


def signed(points: float) -> str:
    return f"${points:+.1f}$"  # mathematics, for a true minus sign


def _macros(values: dict[str, str]) -> str:
    escape = str.maketrans({character: rf"\{character}" for character in "%&#_"})
    lines = [
        rf"\expandafter\def\csname fer@{key}\endcsname{{{text.translate(escape)}}}" for key, text in values.items()
    ]
    return "\n".join(lines) + "\n"
