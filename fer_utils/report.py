"""The LaTeX report from the results folder and from nothing else: numbers, tables, figures, PDF.

`numbers.tex` defines one macro a number; the text writes \\fer{key} for it and an unknown key is an error.
"""

import shutil
import subprocess
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from fer_utils import evaluation, evidence, figures, files, paths, tables
from fer_utils.errors import FerError
from fer_utils.experiment import open_dataset
from fer_utils.faces import Faces
from fer_utils.results import Results, mean_confusion, open_results, parting_epoch, reported_a
from fer_utils.tables import percent, signed

# further studies, shown where they have been run: the settings that their table lists
STUDY_TABLES = {
    "learning_rate": ["task", "learning_rate"],
    "median": ["loss", "median"],
    "class_weights": ["loss", "class_weights"],
}


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
    comparison = evidence.compare(study)
    pairs = evidence.focal_minus_cross_entropy(study)
    with files.whole_folder(folder) as part:
        (part / "tables").mkdir()
        for name, table in make_tables(results, study, comparison, pairs).items():
            (part / "tables" / f"{name}.tex").write_text(table, encoding="utf-8")
        numbers = make_numbers(results, study, comparison, pairs)
        (part / "numbers.tex").write_text(_macros(numbers), encoding="utf-8")
        for name, figure in make_figures(results, study).items():
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


def make_numbers(results: Results, study: Results, comparison: pd.DataFrame, pairs: pd.DataFrame) -> dict[str, str]:
    """Every number of the running text, as it is printed."""
    runs, first, far = study.runs, study.runs.iloc[0], _far(comparison)
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
            parted = parting_epoch(chosen.select(loss=loss).history)
            values[f"{task}.{loss}.parting"] = "no epoch" if parted is None else f"epoch {parted}"
    for key, cell in comparison.set_index(evidence.CELL).iterrows():
        name = ".".join(filter(None, key))
        values |= {f"{name}.{part}": percent(cell[part]) for part in ("reported", "std", "low", "high")}
        values |= {name: percent(cell["mean"]), f"{name}.points": signed(cell["points"])}
    for task, table in comparison[comparison["class"] != ""].groupby("task"):
        mean = table.groupby(["metric", "class"])["mean"].mean()
        values |= {f"{task}.easiest": mean["f1"].idxmax(), f"{task}.hardest": mean["f1"].idxmin()}
        values[f"{task}.missed"] = mean["recall"].idxmin()
    for row in pairs.itertuples():
        name = f"{row.task}.{row.metric}.gain"
        ends = {"": row.mean, ".low": row.low, ".high": row.high}
        values |= {name + end: signed(value * 100) for end, value in ends.items()}
        values |= {f"{name}.p": tables.p_value(row.p_signflip), f"{name}.holm": tables.p_value(row.p_holm)}
    summary = pd.read_csv(results.folder / "audit" / "summary.csv")
    return values | {f"audit.{what}": f"{count:,}" for what, count in summary.itertuples(index=False)}


def make_tables(results: Results, study: Results, comparison: pd.DataFrame, pairs: pd.DataFrame) -> dict[str, str]:
    """Every table of the report as LaTeX, by file name."""
    audit = results.folder / "audit"
    made = {
        "counts": tables.counts(pd.read_csv(audit / "counts.csv", index_col="label")),
        "audit": tables.facts(pd.read_csv(audit / "summary.csv")),
        "averages": tables.averages(comparison),
        "classes_binary": tables.classes(comparison, "binary"),
        "classes_multiclass": tables.classes(comparison, "multiclass"),
        "far": tables.far(_far(comparison)),
        "paired": tables.paired(pairs),
        "calibration": tables.calibration(evidence.calibrations(study)),
    }
    for name, settings in STUDY_TABLES.items():
        if (results.folder / "studies" / f"{name}.json").exists():
            made[name] = tables.accuracies(results.study(name), settings)
    return made


def make_figures(results: Results, study: Results) -> dict[str, plt.Figure]:
    """Every figure of the report, by its id; those with faces only where the data set is at hand."""
    by_loss = {name: study.select(task="multiclass", loss=loss) for loss, name in tables.LOSS_NAMES.items()}
    reported = reported_a().query("model == 'cnn'")
    made = {
        "class_counts": figures.class_counts(
            pd.read_csv(results.folder / "audit" / "counts.csv", index_col="label")
        ),
        "overfitting": figures.overfitting({name: runs.history for name, runs in by_loss.items()}),
        "confusion": figures.confusion_matrices({name: mean_confusion(runs) for name, runs in by_loss.items()}),
        "reliability": figures.reliability_diagrams(
            {name: evidence.pooled_reliability(runs) for name, runs in by_loss.items()}
        ),
        "paired_seeds": figures.paired_seeds(
            study.scores().query("metric == 'accuracy'"), reported.query("metric == 'accuracy'")
        ),
        "losses_by_class": figures.losses_by_class(
            study.scores().query("task == 'multiclass' and metric == 'f1'"),
            reported.query("task == 'multiclass' and metric == 'f1'"),
            "F1 on test",
        ),
    }
    if (paths.DATA / results.folder.name / "dataset.json").exists():
        faces = open_dataset(results.folder.name)
        made["faces"] = figures.contact_sheet(faces)
        made["tricky"] = _tricky(faces, results, by_loss["cross-entropy"].runs["run"].iloc[0])
    return made


def _tricky(faces: Faces, results: Results, run: str) -> plt.Figure:
    """The errors of a run that it was surest of."""
    made = results.predictions(run)
    errors = evaluation.confident_errors(made["test_labels"], made["test_logits"], made["classes"], n=16)
    captions = [f"{true}, not\n{predicted} ({p:.0%})" for _, true, predicted, p in errors.itertuples(index=False)]
    return figures.gallery(faces.images[made["test_rows"][errors["position"]]], captions)


def _far(comparison: pd.DataFrame) -> pd.DataFrame:
    return comparison[comparison["points"].abs() > evidence.FAR]


def _list(column: pd.Series) -> str:
    return ", ".join(map(str, sorted(column.unique())))


def _macros(values: dict[str, str]) -> str:
    escape = str.maketrans({character: rf"\{character}" for character in "%&#_"})
    lines = [
        rf"\expandafter\def\csname fer@{key}\endcsname{{{text.translate(escape)}}}" for key, text in values.items()
    ]
    return "\n".join(lines) + "\n"
