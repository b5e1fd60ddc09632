"""The command line: the notebooks' verbs for a headless machine or a cluster node.

`python -m fer_utils` and, where the package is installed, `fer`. Every command imports what it
needs only when it is called, so that help appears at once and a node needs few packages.
"""

import sys

import typer

from fer_utils.cli.data_commands import audit, prepare, weights
from fer_utils.cli.result_commands import best, report, rescore, verify
from fer_utils.cli.run_commands import RunCommand, run, study
from fer_utils.cli.use_commands import export, predict
from fer_utils.errors import FerError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    # an error that nobody foresaw is a plain traceback, which can be pasted into a report
    pretty_exceptions_enable=False,
    # so that the examples, lists in the docstrings, come out as lists
    rich_markup_mode="markdown",
    help="Facial-expression experiments: prepare a data set, run experiments and studies, "
    "build the report.",
)

# in the order of the help, which is that of a study
app.command()(prepare)
app.command()(audit)
app.command()(weights)
app.command(cls=RunCommand)(run)
app.command()(study)
app.command()(rescore)
app.command()(verify)
app.command()(best)
app.command()(report)
app.command()(predict)
app.command()(export)


def main() -> None:
    """Runs the command line; an error is one line on stderr and exit status 2."""
    try:
        app()
    except FerError as error:
        sys.exit(_fail(str(error)))
    except OSError as error:  # a wrong path is the user's error too
        sys.exit(_fail(f"{error.filename or 'cannot read or write'}: {error.strerror or error}"))


def _fail(message: str) -> int:
    print(f"fer_utils: {message}", file=sys.stderr)
    # the status that typer itself ends with for an unknown option
    return 2
