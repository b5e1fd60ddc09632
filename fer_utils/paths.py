"""Where everything lives. Nothing in this project changes the working folder or climbs with `..`.

The environment variable FER_HOME moves data/ and results/ elsewhere (a scratch disk, a shared folder).
"""

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
HOME = Path(os.environ.get("FER_HOME") or CHECKOUT).resolve()

DATA = HOME / "data"
RESULTS = HOME / "results"

NOTEBOOKS = CHECKOUT / "notebooks"
REPORT = CHECKOUT / "report"
REPORTED = CHECKOUT / "data" / "reported"  # the figures that the two course reports print
REFERENCE = CHECKOUT / "results"  # the committed reference study, also where FER_HOME points elsewhere
