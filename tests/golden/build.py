"""Builds what `report` writes for the committed study, and compares text with its golden copy.

To rewrite the golden copies on purpose, from the repository's root: python tests/golden/build.py
"""

import difflib
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.text import Text

from fer_utils import paths
from fer_utils.experiments.results import Results, open_results
from fer_utils.reporting import build as report
from fer_utils.reporting import contents, figures

HERE = Path(__file__).parent
COMMITTED = paths.CHECKOUT / "results" / "fer2013"
NUMBER = re.compile(r"(-?\d+(?:\.\d+)?(?:e[-+]?\d+)?)")
SHOWN = 60  # lines of a difference; more help nobody


@dataclass(frozen=True)
class Built:
    """What one call of report.generate read and wrote.

    figures: their ids.
    """

    results: Results
    study: Results
    frames: dict[str, pd.DataFrame]
    generated: Path
    evidence: Path
    figures: tuple[str, ...]
    printed: dict[str, tuple[float, float]]  # width in inches and smallest text in points


def mirror(folder: Path, parts=("runs", "studies", "audit", "best", "labels")) -> Path:
    """The committed results under folder/results/fer2013, as links."""
    home = folder / "results" / "fer2013"
    home.mkdir(parents=True)
    for part in parts:
        (home / part).symlink_to(COMMITTED / part)
    return home


def build(folder: Path) -> Built:
    """Runs report.generate on the committed runs, into an empty folder, without a data set.

    The figures are made but not saved: PDF is slow and differs between versions of matplotlib.
    """
    results = open_results("fer2013", mirror(folder).parent)
    frames, drawn, printed = {}, [], {}

    def save(figure, name, folder):
        drawn.append(name)
        sizes = [text.get_fontsize() for text in figure.findobj(Text) if text.get_text()]
        printed[name] = figure.get_tightbbox().width, min(sizes)

    with pytest.MonkeyPatch.context() as patch:
        gather = contents.gather
        patch.setattr(contents, "gather", lambda *of: frames.update(gather(*of)) or frames)
        patch.setattr(figures, "save", save)
        patch.setattr(paths, "DATA", folder / "data")
        report.generate(results, folder / "generated")
    study, evidence = results.study("report_a"), results.folder / "evidence"
    return Built(results, study, frames, folder / "generated", evidence, tuple(drawn), printed)


def runs() -> list[str]:
    """The names of all committed run folders."""
    return sorted(path.name for path in (COMMITTED / "runs").iterdir() if path.is_dir())


def texts(built: Built) -> dict[str, str]:
    """Every golden copy by its path below tests/golden."""
    tables = sorted((built.generated / "tables").iterdir())
    made = {"numbers.tex": built.generated / "numbers.tex"}
    made |= {f"tables/{path.name}": path for path in tables}
    lists = {"runs.txt": runs(), "figures.txt": sorted(built.figures)}
    found = {name: path.read_text(encoding="utf-8") for name, path in made.items()}
    return found | {name: "\n".join(lines) + "\n" for name, lines in lists.items()}


def golden() -> list[str]:
    """The golden copies that are there, by path below tests/golden."""
    found = [path for path in HERE.rglob("*") if path.suffix in (".tex", ".txt")]
    return sorted(path.relative_to(HERE).as_posix() for path in found)


def difference(expected: str, found: str, rounding: bool = False) -> str:
    """Nothing where two texts are the same, else the lines in which they differ.

    rounding: numbers with a fraction may differ in their sixth digit. Intervals of means over three
    seeds are sums in float32, whose last digits depend on the processor's vector instructions.
    """
    before, after = expected.splitlines(), found.splitlines()
    if rounding and len(before) == len(after):
        after = [a if _alike(a, b) else b for a, b in zip(before, after, strict=True)]
    lines = list(difflib.unified_diff(before, after, "golden", "now", lineterm="", n=0))
    more = [f"... and {len(lines) - SHOWN} lines more"] if len(lines) > SHOWN else []
    return "\n".join([*lines[:SHOWN], *more])


def _alike(expected: str, found: str) -> bool:
    """The same words and whole numbers, and other numbers to six digits."""
    pairs = NUMBER.split(expected), NUMBER.split(found)
    if len(pairs[0]) != len(pairs[1]) or pairs[0][::2] != pairs[1][::2]:
        return False
    return all(a == b or _close(a, b) for a, b in zip(pairs[0][1::2], pairs[1][1::2], strict=True))


def _close(expected: str, found: str) -> bool:
    if expected.lstrip("-").isdigit() and found.lstrip("-").isdigit():
        return False
    return abs(float(expected) - float(found)) <= 1e-8 + 2e-5 * abs(float(expected))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = texts(build(Path(folder)))
    shutil.rmtree(HERE / "tables", ignore_errors=True)
    (HERE / "tables").mkdir()
    for name, text in made.items():
        (HERE / name).write_text(text, encoding="utf-8")
    print(f"{len(made)} golden copies written; read what has changed before committing: git diff")


if __name__ == "__main__":
    main()
