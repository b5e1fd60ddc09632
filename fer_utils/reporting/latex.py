"""How a number and a setting are printed, and tables in LaTeX.

Text becomes LaTeX in one place, `escape`: whatever is not marked as Tex is escaped there, so that a
class may be called `no_face & hands`.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fer_utils.data.tasks import TASK_NAMES
from fer_utils.evaluation.metrics import METRIC_NAMES
from fer_utils.models.registry import display_names
from fer_utils.training.losses import LOSS_NAMES

ESCAPES = {character: rf"\{character}" for character in "#$%&_{}"}
# a backslash before these three would be an accent or a line break, not the character
ESCAPES |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
ESCAPES |= {"×": r"$\times$", "[": "{[}", "*": "{*}"}  # [ and * after \\ are its arguments
PRINTABLE = "–—‘’“”…−€"  # what our fonts have beyond the Latin letters
SETTING_NAMES = {
    "adam": "Adam",
    "adamw": "AdamW",
    "sgd": "SGD",
    "one_cycle": "one cycle",
    "flip": "the image and its mirror image",
}


class Tex(str):
    """Text that is LaTeX already, which `escape` leaves as it is."""


INTERVAL = Tex("95\\,\\% interval")


def escape(value) -> Tex:
    """A value as text that LaTeX takes: special characters escaped, "?" for letters our fonts lack.

    Tex is left as it is.
    """
    if isinstance(value, Tex):
        return value
    # a letter that the fonts lack would stop the build, for the name of a class
    return Tex("".join(ESCAPES.get(c, c) if _printable(c) else "?" for c in str(value)))


def _printable(character: str) -> bool:
    return character.isprintable() and (character <= "\u017f" or character in PRINTABLE)


def percent(share: float, digits: int = 1) -> str:
    """0.634 → 63.4; empty for NaN (the standard deviation of one seed)."""
    return "" if pd.isna(share) else f"{share * 100:.{digits}f}"


def plus_minus(mean: float, std: float) -> str:
    # of one seed there is no spread: the mean alone
    return percent(mean) if pd.isna(std) else Tex(rf"{percent(mean)} $\pm$ {percent(std)}")


def signed(points: float) -> str:
    """Points with their sign, as mathematics for a true minus sign."""
    # + 0.0: what is rounded to −0 is 0
    return "" if pd.isna(points) else Tex(f"${round(points, 1) + 0.0:+.1f}$")


def between(low: float, high: float) -> str:
    """The interval of a share in percent; empty for NaN (of one seed there is none)."""
    return "" if pd.isna(low) else f"{percent(low)} to {percent(high)}"


def interval(low: float, high: float) -> str:
    """A difference's interval in points."""
    return "" if pd.isna(low) else Tex(f"{signed(low * 100)} to {signed(high * 100)}")


def p_value(p: float) -> str:
    # rounded it would be 0.000, which no p-value is
    return "" if pd.isna(p) else Tex("$<$0.001") if p < 0.001 else f"{p:.3f}"


def word(value) -> str:
    """A setting as it is read: a task, loss, network or metric by name, yes or no, a number."""
    # numpy's too: what comes out of a frame's column is no bool of Python's
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float):
        # never 5e-05
        return np.format_float_positional(value, precision=8, trim="-")
    names = TASK_NAMES | LOSS_NAMES | display_names() | METRIC_NAMES | SETTING_NAMES
    return str(names.get(value, value))


def listed(column: pd.Series) -> str:
    # sorted before they are texts: 10 comes after 9
    return ", ".join(map(str, sorted(column.unique())))


def joined(column: pd.Series) -> str:
    """The different texts of a column, such as devices, which have commas of their own."""
    return " and ".join(sorted(set(map(word, column))))


def seed_list(column: pd.Series) -> str:
    """ "seed 3", "seeds 0 to 19", or "seeds 0, 2 and 5"."""
    seeds = sorted({int(seed) for seed in column})
    if len(seeds) == 1:
        return f"seed {seeds[0]}"
    if len(seeds) > 2 and seeds == list(range(seeds[0], seeds[-1] + 1)):
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return f"seeds {', '.join(map(str, seeds[:-1]))} and {seeds[-1]}"


def booktabs(
    header: Sequence[str],
    rows: Sequence[Sequence[object]],
    above: str = "",
    left: int = 1,
    columns: str = "",
) -> str:
    """A LaTeX tabular: the first `left` columns are text, the others numbers set to the right.

    Cells and header are escaped unless they are Tex. above: LaTeX lines before the header, such as
    names that span columns. columns: LaTeX's own description of them, where text must be broken. A
    little air goes where the first of several text columns changes.
    """
    columns = columns or "l" * left + "r" * (len(header) - left)
    lines = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule"]
    lines += [above] if above else []
    lines += [" & ".join(map(escape, header)) + r" \\", r"\midrule"]
    before = None
    for row in rows:
        # not above the first row, which has \midrule and its space already
        if left > 1 and before not in (None, row[0]):
            lines.append(r"\addlinespace")
        before = row[0]
        lines.append(" & ".join(map(escape, row)) + r" \\")
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def ragged(width: str) -> str:
    """LaTeX's description of a column of text that is broken into lines of this width."""
    # \raggedright gives \\ another meaning; without \arraybackslash no row would end
    return rf">{{\raggedright\arraybackslash}}p{{{width}}}"


def spanning(names: Sequence[str], width: int, start: int) -> str:
    """A header line of names that span `width` columns each, from column `start` (1-based) on."""
    cells = " & ".join(rf"\multicolumn{{{width}}}{{c}}{{{escape(name)}}}" for name in names)
    rules = [start + i * width for i in range(len(names))]
    # (lr) shortens each rule, or those of two names would run into one
    lines = "".join(rf"\cmidrule(lr){{{first}-{first + width - 1}}}" for first in rules)
    return " & " * (start - 1) + cells + r" \\" + "\n" + lines
