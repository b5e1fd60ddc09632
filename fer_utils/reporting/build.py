"""The LaTeX report from the results folder and from nothing else: numbers, tables, figures, PDF.

Only the two figures that show faces need the data set as well; without it they are left out.
"""

import shutil
import subprocess
from pathlib import Path

import matplotlib.pyplot as plt

from fer_utils import io, paths
from fer_utils.errors import FerError
from fer_utils.experiments.results import Results, open_results
from fer_utils.reporting import contents, figures, numbers


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
    """Writes numbers.tex, tables/*.tex and figures/*.pdf anew, whole or not at all; evidence as CSV to results/."""
    name = results.folder.name
    for audit in ("counts", "identical", "near"):
        if not (results.folder / "audit" / f"{audit}.csv").exists():
            raise FerError(f"the report needs the audit of {name}: python -m fer_utils audit --dataset {name}")
    study = results.study("report_a")
    frames = contents.gather(results, study)
    with io.atomic_folder(results.folder / "evidence") as part:
        for frame in frames:
            frames[frame].to_csv(part / f"{frame}.csv", index=False, float_format="%.6g")
    with io.atomic_folder(folder) as part:
        (part / "tables").mkdir()
        for table, text in contents.make_tables(results, study, frames).items():
            (part / "tables" / f"{table}.tex").write_text(text, encoding="utf-8")
        values = numbers.numbers(results, study, frames)
        (part / "numbers.tex").write_text(numbers.as_latex(values), encoding="utf-8")
        for figure, drawn in contents.make_figures(results, study, frames).items():
            figures.save(drawn, figure, part / "figures")
            plt.close(drawn)


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
