"""Whatever a class, a model or a data set is called, LaTeX takes it and prints it."""

import shutil
import subprocess

import pandas as pd
import pytest

from fer_utils.errors import FerError
from fer_utils.reporting import (
    build,
    latex,
    markdown,
    numbers,
    report_b_tables,
    tables,
)
from fer_utils.reporting.latex import (
    Tex,
    booktabs,
    escape,
    spanning,
)

SPECIAL = r"# $ % & ~ _ ^ \ { } [x] *"
NAMES = {
    "no_face & hands": r"no\_face \& hands",
    "100 % #1": r"100 \% \#1",
    "a$b$": r"a\$b\$",
    "~^": r"\textasciitilde{}\textasciicircum{}",
    r"\input{x}": r"\textbackslash{}input\{x\}",
    "[1] *": "{[}1] {*}",
    "é × 3": r"é $\times$ 3",
    "悲しい": "???",
    "two\nlines": "two?lines",
}
PAGE = r"""\documentclass{article}
\usepackage[T1]{fontenc}\usepackage[utf8]{inputenc}\usepackage{array,booktabs,lmodern}
\input{numbers}
\newcommand{\fer}[1]{\ifcsname fer@#1\endcsname\csname fer@#1\endcsname
  \else\PackageError{fer}{no number}{}\fi}
\begin{document}\noindent VALUE \fer{hardest} END \texttt{results/\fer{dataset}}

\input{counts}

\input{suspects}

\input{classification}
\end{document}
"""


@pytest.mark.parametrize("name, escaped", NAMES.items())
def test_every_special_character_is_escaped(name, escaped):
    assert escape(name) == escaped
    assert escape(escape(name)) == escaped, "what is LaTeX already is left alone"


def test_cells_and_header_are_escaped_and_latex_is_not():
    text = booktabs(["a_b", Tex("$p$")], [["c&d", latex.signed(1)]], spanning(["e%"], 2, 1))
    assert r"a\_b & $p$ \\" in text and r"c\&d & $+1.0$ \\" in text and r"{e\%}" in text


def test_keys_are_names_that_latex_can_look_up():
    made = numbers.as_latex({"focal.f1.no_face & 5%": "1", "a.b_c: d": Tex("$x$")})
    assert r"\csname fer@focal.f1.no_face - 5-\endcsname{1}" in made
    assert r"\csname fer@a.b_c: d\endcsname{$x$}" in made


def test_a_bar_does_not_end_a_cell_of_a_markdown_table():
    assert markdown.table(["a|b"], [["c|d"]]).splitlines()[2] == r"| c\|d |"


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="LaTeX is not installed")
def test_latex_compiles_names_with_every_special_character(tmp_path):
    counts = pd.DataFrame({SPECIAL: [1, 2], "Test_&": [3, 4]}, index=list(NAMES)[:2])
    pairs = pd.DataFrame([[0, 3], [2, 0]], index=[SPECIAL, "sad"], columns=[SPECIAL, "sad"])
    averages = [f"{a}_{m}" for a in ("macro", "weighted") for m in ("precision", "recall", "f1")]
    of_class = [(metric, SPECIAL) for metric in ("precision", "recall", "f1", "support")]
    figures = [*of_class, *((metric, "") for metric in (*averages, "accuracy"))]
    scores = pd.DataFrame(figures, columns=["metric", "class"]).assign(model="resnet18", value=0.5)
    made = {
        "main": PAGE,
        "counts": tables.counts(counts),
        "suspects": tables.suspects(pairs),
        "classification": report_b_tables.classification(scores, scores),
        "numbers": numbers.as_latex({"hardest": SPECIAL, "dataset": "my_data", SPECIAL: "1"}),
    }
    for name, text in made.items():
        (tmp_path / f"{name}.tex").write_text(text, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "main.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, build.first_error(done.stdout)
    if shutil.which("pdftotext"):
        subprocess.run(["pdftotext", "main.pdf"], cwd=tmp_path, check=True)
        text = (tmp_path / "main.txt").read_text(encoding="utf-8")
        for character in SPECIAL.replace(" ", ""):
            assert character in text.split("VALUE")[1].split("END")[0], character


@pytest.mark.parametrize(
    "told, first",
    [
        ("x\n! Undefined.\nl.7 \\nope\n! Later.", "! Undefined. l.7 \\nope"),
        ("x\n! Emergency stop.\n", "! Emergency stop."),
        ("error: main.tex:3: no", "error: main.tex:3: no"),
        ("one\ntwo\n\n", "two"),
        ("", "it said nothing"),
    ],
)
def test_the_first_error_is_told(told, first):
    assert build.first_error(told) == first


@pytest.fixture
def latexmk(tmp_path, monkeypatch):
    """Puts a latexmk of ours first: it says `said`, leaves `log` behind, and ends with `status`."""

    def install(said: str, log: str, status: int) -> None:
        (tmp_path / "build").mkdir()
        (tmp_path / "build" / "main.log").write_text(log)
        script = f"#!/bin/sh\necho '{said}'\nexit {status}\n"
        (tmp_path / "latexmk").write_text(script)
        (tmp_path / "latexmk").chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    return install


def test_an_error_that_latexmk_does_not_repeat_is_read_from_the_log(latexmk, tmp_path):
    latexmk("Nothing to do", "! Missing number.\nl.3 \\hspace", status=12)
    with pytest.raises(FerError, match=r"LaTeX failed: ! Missing number. l.3 .*main.log") as caught:
        build.compile_pdf(tmp_path)
    assert "\n" not in str(caught.value)


def test_success_without_a_pdf_is_an_error(latexmk, tmp_path):
    latexmk("All is well", "", status=0)
    with pytest.raises(FerError, match="left no"):
        build.compile_pdf(tmp_path)


@pytest.mark.skipif(not shutil.which("latexmk"), reason="LaTeX is not installed")
def test_a_number_that_is_not_there_stops_the_build(tmp_path):
    head = PAGE.split(r"\begin{document}")[0].replace(r"\input{numbers}", "")
    page = head + r"\begin{document}\fer{nothing}\end{document}"
    (tmp_path / "main.tex").write_text(page)
    for _ in range(2):
        with pytest.raises(FerError, match="LaTeX failed: ! Package fer Error: no number"):
            build.compile_pdf(tmp_path)
