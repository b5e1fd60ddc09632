"""The LaTeX report from the results folder and from nothing else: numbers, tables, figures, PDF.

Evidence is computed where results/<dataset>/evidence is not of the present runs, and read where it
is. Photographs need the data set as well. Where data/ does not hold it, figures that show them are
left out, and files that were made with it stay as they are.
"""

import shutil
import subprocess
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt

from fer_utils import io, paths
from fer_utils.analysis import evidence_files, label_evidence
from fer_utils.analysis.evidence_files import hashed
from fer_utils.data import ferplus
from fer_utils.errors import FerError
from fer_utils.experiments.results import Results, open_results
from fer_utils.reporting import contents, figures, listings, numbers
from fer_utils.reporting.contents import Frames


def build(dataset: str, results: Path | None = None) -> Path:
    """Generates everything that the text includes, compiles it, and returns report/report.pdf.

    A copy goes to <results>/<dataset>/report.pdf (results: paths.RESULTS), but one with photographs
    is not replaced by one without. What is up to date is not made again. Raises FerError where
    results or LaTeX are missing.
    """
    if not (paths.REPORT / "main.tex").exists():
        raise FerError(f"{paths.REPORT / 'main.tex'} is missing; the report is built in a checkout")
    results = paths.RESULTS if results is None else results
    everything = open_results(dataset, results)
    generated, stamp = paths.REPORT / "generated", paths.REPORT / "build" / "made_from.txt"
    if not stamp.exists() or stamp.read_text() != _made_from(everything, generated):
        generate(everything, generated)
        stamp.parent.mkdir(exist_ok=True)
        # hashed anew, since what has just been written is part of it
        stamp.write_text(_made_from(everything, generated))
    # always: the stamp knows nothing of the text, and latexmk sees by itself what has changed
    pdf = compile_pdf(paths.REPORT)
    _hand_over(pdf, everything, results / dataset)
    return pdf


def _made_from(results: Results, generated: Path) -> str:
    """A hash of all that `generate` reads and of what it wrote."""
    folder, faces = results.folder, results.faces()
    # CSV and JSON alone: the weights in best/ are no input, and megabytes to hash
    parts = ("studies", "audit", "evidence", "best", label_evidence.FOLDER)
    read = [path for part in parts for path in sorted((folder / part).glob("*.[cj]s*"))]
    runs = [folder / "runs" / run for run in results.runs["run"]]
    read += [run / name for run in runs for name in evidence_files.OF_A_RUN]
    read += sorted(paths.PACKAGE.rglob("*.py"))  # names and numbers come from all over the package
    # what was written counts too: a file that was changed or deleted by hand is made again
    wrote = [path for path in sorted(generated.rglob("*")) if path.is_file()]
    data = "no data set" if faces is None else faces.digest
    # people's votes are no part of the digest
    read += [] if faces is None else filter(None, [ferplus.stored(faces)])
    return " ".join([hashed([*read, *wrote]), str(folder), data, matplotlib.__version__])


def _hand_over(pdf: Path, results: Results, folder: Path) -> None:
    """Copies the PDF into `folder`, unless what is there has photographs and this one has none."""
    kept = folder / "report.pdf"
    if kept.exists() and results.faces() is None and _made_with_data(folder / "evidence"):
        print(f"the data set is not at hand: {pdf} has no photographs, {kept} stays as it was")
        return
    with io.atomic_file(kept) as part:
        shutil.copy(pdf, part)


def generate(results: Results, folder: Path) -> None:
    """Writes numbers.tex, tables/*.tex and figures/*.pdf anew, whole or not at all."""
    name = results.folder.name
    # before the evidence, which may take minutes
    for audit in ("counts", "identical", "near", "summary"):
        if not (results.folder / "audit" / f"{audit}.csv").exists():
            raise FerError(
                f"the report needs the audit of {name}: python -m fer_utils audit --dataset {name}"
            )
    study = results.study("report_a")
    frames = up_to_date(results, study)
    label_evidence.bring_up_to_date(results)
    with io.atomic_folder(folder) as part:
        for kind in ("tables", "listings"):
            (part / kind).mkdir()
        for listing, text in listings.make().items():
            (part / "listings" / f"{listing}.tex").write_text(text, encoding="utf-8")
        for table, text in contents.make_tables(results, study, frames).items():
            (part / "tables" / f"{table}.tex").write_text(text, encoding="utf-8")
        values = numbers.numbers(results, study, frames)
        (part / "numbers.tex").write_text(numbers.as_latex(values), encoding="utf-8")
        with figures.style():
            for figure, drawn in contents.make_figures(results, study, frames).items():
                figures.save(drawn, figure, part / "figures")
                # pyplot holds on to every figure until it is closed
                plt.close(drawn)


def up_to_date(results: Results, study: Results) -> Frames:
    """The evidence of these results, read where it is up to date, else computed and written.

    The committed study is written to from its own checkout, not from where FER_HOME is elsewhere.
    """
    folder = results.folder / "evidence"
    # evidence of the same runs is made anew once the data set is there: it lacks images' names
    complete = results.faces() is None or _made_with_data(folder)
    if complete and evidence_files.is_current(results):
        return evidence_files.read(folder)
    frames = contents.gather(results, study)
    stand_on = evidence_files.bases(results, frames)
    _keep_names(folder, frames, stand_on)
    if results.folder.parent != paths.REFERENCE or paths.RESULTS == paths.REFERENCE:
        evidence_files.write(folder, frames, stand_on)
    # to six digits, as they will be read the next time: the same results give the same bytes
    return {name: evidence_files.as_read(frame) for name, frame in frames.items()}


def _made_with_data(folder: Path) -> bool:
    """Whether the evidence in this folder names images, which takes the data set."""
    path = folder / "suspects.csv"
    return path.exists() and "name" in evidence_files.read_csv(path)


def _keep_names(folder: Path, frames: Frames, stand_on: dict[str, evidence_files.Basis]) -> None:
    """Puts the suspects of `folder`, with the images' names, in the place of new ones without.

    Other suspects than the runs give now are kept too, with what they stand on, and this is said.
    """
    new = frames["suspects"]
    if "name" in new or not _made_with_data(folder):
        return
    before = evidence_files.recorded(folder).get("suspects")
    if before is not None and before.digest != stand_on["suspects"].digest:
        return  # rows of another data set
    frames["suspects"] = old = evidence_files.read_csv(folder / "suspects.csv")
    # as they are written, to six digits: further ones differ between processors
    if evidence_files.as_csv(old[list(new)]) != evidence_files.as_csv(new):
        print(f"the data set is not at hand: {folder / 'suspects.csv'} stays, of earlier runs")
        # evidence.json tells what the old rows stand on: if that is other runs, a build with the
        # data set makes them anew
        stand_on.pop("suspects")
        stand_on |= {} if before is None else {"suspects": before}


def compile_pdf(folder: Path) -> Path:
    """Runs latexmk, or tectonic, on main.tex; returns report.pdf.

    Raises FerError with LaTeX's own first error, or where LaTeX is missing.
    """
    if shutil.which("latexmk"):
        command = [
            "latexmk",
            "-pdf",
            # at an error LaTeX would wait for somebody at the keyboard
            "-interaction=nonstopmode",
            "-halt-on-error",
            "-outdir=build",
            "main.tex",
        ]
    elif shutil.which("tectonic"):
        # latexmk makes its output folder, tectonic does not
        (folder / "build").mkdir(exist_ok=True)
        command = ["tectonic", "--outdir", "build", "main.tex"]
    else:
        raise FerError(
            "LaTeX is missing; install it with: apt-get install latexmk texlive-latex-extra "
            "texlive-fonts-recommended lmodern (or: conda install -c conda-forge tectonic)"
        )
    log = folder / "build" / "main.log"
    # replace: LaTeX breaks its lines after 79 bytes, which may be within a letter
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    if done.returncode:
        told = done.stdout + done.stderr  # of an error that an earlier run met, the log alone tells
        told += log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
        raise FerError(f"LaTeX failed: {first_error(told)} (all of it in {log})")
    # a text without pages is no error to LaTeX
    if not (pdf := folder / "build" / "main.pdf").exists():
        raise FerError(f"LaTeX left no {pdf} (all that it said is in {log})")
    return Path(shutil.copy(pdf, folder / "report.pdf"))


def first_error(told: str) -> str:
    """The first error in what LaTeX said, with its place if that is told; or else the last line."""
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    for position, line in enumerate(lines):
        if line.startswith(("!", "error:")):
            # LaTeX names the line (l.7) a little below the error; tectonic in the error itself
            where = (later for later in lines[position : position + 12] if later.startswith("l."))
            return " ".join([line, *list(where)[:1]])
    return lines[-1] if lines else "it said nothing"
