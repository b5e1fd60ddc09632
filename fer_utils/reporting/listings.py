"""Short listings of the package's own source, with file and line, as the report prints them.

They are cut out when the report is built, so that what a reader sees is what ran.
"""

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fer_utils.errors import FerError
from fer_utils.evaluation import metrics
from fer_utils.models import freezing
from fer_utils.reporting.latex import escape
from fer_utils.training import loop, losses

LONGEST = 15  # lines: as many as are read at once


@dataclass(frozen=True)
class Excerpt:
    """Lines of a function, from the one that begins with `first` to that beginning with `last`."""

    function: Callable[..., Any]
    first: str
    last: str

    def lines(self) -> tuple[list[str], int]:
        """The lines without their common indentation, and the number of the first in its file.

        Raises FerError where the function has no such lines, or too many between them.
        """
        source, start = inspect.getsourcelines(self.function)
        begins = [line.strip() for line in source]
        try:
            first = next(i for i, line in enumerate(begins) if line.startswith(self.first))
            last = next(i for i, line in enumerate(begins) if line.startswith(self.last))
        except StopIteration:
            raise FerError(
                f"{self.function.__qualname__} has no lines from {self.first!r} to {self.last!r}; "
                "see EXCERPTS in reporting/listings.py"
            ) from None
        shown = source[first : last + 1]
        if not 0 < len(shown) <= LONGEST:
            raise FerError(
                f"a listing has 1 to {LONGEST} lines; that of {self.function.__qualname__} has "
                f"{len(shown)}"
            )
        return textwrap.dedent("".join(shown)).splitlines(), start + first


EXCERPTS = {
    "loop": Excerpt(loop.train_one_epoch, "network.zero_grad()", "setup.optimizer.step()"),
    "focal": Excerpt(losses.FocalLoss.forward, "log_p =", "return"),
    "freezing": Excerpt(freezing.freeze, "network.requires_grad_(False)", "network.train("),
    "evaluation": Excerpt(metrics.scores, "answers =", 'rows.append(("top2'),
}


def make() -> dict[str, str]:
    """LaTeX of every listing by its name: numbered lines, and below them the file."""
    return {name: as_latex(excerpt) for name, excerpt in EXCERPTS.items()}


def as_latex(excerpt: Excerpt) -> str:
    """A Verbatim environment of fancyvrb, whose line numbers are those of the file."""
    lines, start = excerpt.lines()
    name = excerpt.function.__module__.replace(".", "/") + ".py"
    options = f"numbers=left,firstnumber={start},fontsize=\\scriptsize,frame=single"
    options += rf",label=\texttt{{{escape(name)}}}"
    return "\n".join([rf"\begin{{Verbatim}}[{options}]", *lines, r"\end{Verbatim}", ""])
