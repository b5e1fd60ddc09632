"""How the report reads on paper: sizes, captions, and what must not be printed."""

import re
import shutil
import subprocess

import pytest
from golden.build import COMMITTED, texts

from fer_utils import paths

TEXT_WIDTH = 6.6  # inches: A4 with the margins of main.tex
SECTIONS = {
    path.stem: path.read_text(encoding="utf-8")
    for path in (paths.REPORT / "sections").glob("*.tex")
}
# what a program says and a report must not: plurals in brackets, names of settings, 5e-05, -0.0
ARTEFACTS = re.compile(
    r"\b\w+\(s\)|\b(adamw?|one_cycle|cross_entropy|resnet18|vggface|mobilenet)\b"
    r"|\b[sS]eeds? \d+;|\d\.\d*e[-+]\d|\de-\d\d|[-−]0\.0\b|\d,\d{3}\.0\b|\bnan\b"
)


def test_no_letter_is_smaller_than_seven_points_and_no_figure_wider_than_the_text(built):
    """Figures are printed as large as they are: no section scales one."""
    assert not any(r"\includegraphics[" in text for text in SECTIONS.values())
    assert {name: size for name, size in built.printed.items() if size[0] > TEXT_WIDTH} == {}
    assert {name: size for name, size in built.printed.items() if size[1] < 7} == {}


def test_each_table_and_figure_is_spoken_of():
    text = "".join(SECTIONS.values())
    labels = set(re.findall(r"\\label\{((?:tab|fig):\w+)\}", text))
    assert len(labels) > 50
    assert {label for label in labels if f"ref{{{label}}}" not in text} == set()


def test_marks_lead_to_files():
    marks = {mark for text in SECTIONS.values() for mark in re.findall(r"\\from\{([^}]+)\}", text)}
    not_run_yet = {"layers", "resnet18_median", "scratch", "unfreezing", "sizes"}
    not_run_yet |= {"readings", "rates", "chance"}
    there = {f"evidence/{name}.csv" for name in not_run_yet}
    assert len(marks) > 30
    assert {mark for mark in marks - there if not (COMMITTED / mark).exists()} == set()


def test_tables_and_numbers_are_free_of_artefacts(built):
    found = {}
    for name, text in texts(built).items():
        if name in ("figures.txt", "runs.txt"):
            continue
        # keys of numbers are names of settings, and not printed
        printed = re.sub(r"\\csname fer@.*?\\endcsname", "", text)
        if artefacts := ARTEFACTS.findall(printed):
            found[name] = artefacts
    assert found == {}


@pytest.mark.skipif(not shutil.which("pdftotext"), reason="pdftotext is missing (poppler-utils)")
def test_the_committed_pdf_is_free_of_artefacts():
    pdf = COMMITTED / "report.pdf"
    text = subprocess.run(["pdftotext", str(pdf), "-"], capture_output=True, text=True).stdout
    assert len(text) > 50_000
    # listings are the package's own lines
    lines = [line for line in text.splitlines() if not re.search("self.|vggface=PATH", line)]
    found = [line for line in lines if ARTEFACTS.search(line)]
    assert found == []
    assert "??" not in text, "a reference leads nowhere"
