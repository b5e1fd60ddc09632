"""Tables in Markdown, for README, model card and the notes beside the results."""

from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence], numbers: int = 0) -> str:
    """A Markdown table; a bar in a cell is escaped.

    Parameters
    ----------
    numbers
        How many columns, from the right, hold numbers, which are set to the right.
    """
    rules = ["---"] * (len(header) - numbers) + ["---:"] * numbers
    cells = [[str(cell).replace("|", r"\|") for cell in line] for line in (header, rules, *rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)
