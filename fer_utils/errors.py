"""The one error that a user meets: a line that says what is wrong, where, and what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class FerError(Exception):
    """Bad input. The message is one line: what is wrong, in which file or parameter, the remedy."""


def one_of(value: str, known: Iterable[str], what: str) -> str:
    """`value`, if it is one of `known`.

    Parameters
    ----------
    what
        What the value is called in the message, for example "optimiser".

    Raises
    ------
    FerError
        Lists the known values, and names the most similar one.
    """
    known = list(known)
    if value in known:
        return value
    close = get_close_matches(str(value), known, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise FerError(f"unknown {what} {value!r}{hint}; choose one of: {', '.join(known)}")
