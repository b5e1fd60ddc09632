"""The LaTeX report from the results folder and from nothing else: numbers, tables, figures, PDF.

Only the two figures that show faces need the data set as well; without it they are left out.
"""

import shutil
import subprocess
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from fer_utils import evaluation, evidence, figures, files, macros, paths, tables
from fer_utils.errors import FerError
from fer_utils.faces import Faces
from fer_utils.results import Results, mean_confusion, open_results, reported_a

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
    if not (results.folder / "audit" / "counts.csv").exists():
        name = results.folder.name
        raise FerError(f"the report needs the audit of {name}; make it: python -m fer_utils audit --dataset {name}")
    study = results.study("report_a")
    comparison = evidence.compare(study)
    pairs = evidence.focal_minus_cross_entropy(study)
    with files.whole_folder(folder) as part:
        (part / "tables").mkdir()
        for name, table in make_tables(results, study, comparison, pairs).items():
            (part / "tables" / f"{name}.tex").write_text(table, encoding="utf-8")
        numbers = macros.numbers(results, study, comparison, pairs)
        (part / "numbers.tex").write_text(macros.as_latex(numbers), encoding="utf-8")
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


def make_tables(results: Results, study: Results, comparison: pd.DataFrame, pairs: pd.DataFrame) -> dict[str, str]:
    """Every table of the report as LaTeX, by file name."""
    audit = results.folder / "audit"
    made = {
        "counts": tables.counts(pd.read_csv(audit / "counts.csv", index_col="label")),
        "audit": tables.facts(pd.read_csv(audit / "summary.csv")),
        "averages": tables.averages(comparison),
        "classes_binary": tables.classes(comparison, "binary"),
        "classes_multiclass": tables.classes(comparison, "multiclass"),
        "far": tables.far(evidence.far(comparison)),
        "paired": tables.paired(pairs),
        "leaks": tables.leaks(evidence.without_leaks(study)),
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
    if (faces := study.faces()) is not None:
        made["faces"] = figures.contact_sheet(faces)
        made["tricky"] = _tricky(faces, results, by_loss["cross-entropy"].runs["run"].iloc[0])
    return made


def _tricky(faces: Faces, results: Results, run: str) -> plt.Figure:
    """The errors of a run that it was surest of."""
    made = results.predictions(run)
    errors = evaluation.confident_errors(made["test_labels"], made["test_logits"], made["classes"], n=16)
    captions = [f"{true}, not\n{predicted} ({p:.0%})" for _, true, predicted, p in errors.itertuples(index=False)]
    return figures.gallery(faces.images[made["test_rows"][errors["position"]]], captions)
