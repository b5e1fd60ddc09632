"""Where everything lives. Nothing in this project changes the working folder or climbs with `..`.

The environment variable FER_HOME moves data/ and results/ elsewhere (a scratch disk, a shared
folder). Without it they are in the checkout, or, where a wheel is installed, in the working folder.
A wheel has the few files of the checkout that setup.py lists, no notebooks and not the report's
text.
"""

import os
import re
from pathlib import Path

from fer_utils.errors import FerError

PACKAGE = Path(__file__).resolve().parent
SHIPPED = PACKAGE / "shipped"  # in a wheel alone
CHECKOUT = SHIPPED if SHIPPED.exists() else PACKAGE.parent
HOME = Path(os.environ.get("FER_HOME") or (Path.cwd() if SHIPPED.exists() else CHECKOUT)).resolve()

DATA = HOME / "data"
RESULTS = HOME / "results"

NOTEBOOKS = CHECKOUT / "notebooks"
REPORT = CHECKOUT / "report"
REPORTED = CHECKOUT / "data" / "reported"  # the numbers that the two course reports print
REFERENCE = CHECKOUT / "results"  # the committed study, also where FER_HOME points elsewhere


def results_set(name: str = "") -> Path:
    """The folder of a named set of results, beside results/: the same runs, computed again.

    A finished run is never repeated, and neither precision nor processor is part of its id, so that
    a second computation needs a place of its own.

    Parameters
    ----------
    name
        Letters, digits, ".", "-" and "_", else FerError; "" is results/ itself.
    """
    if not re.fullmatch(r"[\w.-]*", name):
        raise FerError(
            f"a set of results is named by letters, digits, '.', '-' and '_'; got {name!r}"
        )
    return RESULTS.with_name(f"results-{name}") if name else RESULTS
