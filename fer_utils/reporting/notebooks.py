"""Runs a numbered notebook with the parameters of a profile.

    python -m fer_utils.reporting.notebooks NAME PROFILE [name=value …]

papermill, made strict: an unknown parameter is an error, and the output file appears only after success.
"""

import sys
from pathlib import Path

import papermill
import yaml
from nbclient.exceptions import DeadKernelError

from fer_utils import io, paths
from fer_utils.errors import FerError, one_of

TIMEOUT = 24 * 3600  # seconds a cell may take: a whole study runs in one


def load_profile(name: str) -> dict:
    """The parameters in notebooks/profiles/<name>.yaml. Raises FerError for an unknown profile or parameter."""
    profiles = {path.stem: path for path in sorted((paths.NOTEBOOKS / "profiles").glob("*.yaml"))}
    parameters = yaml.safe_load(profiles[one_of(name, profiles, "profile")].read_text(encoding="utf-8"))
    known = set().union(*(_declared(notebook) for notebook in paths.NOTEBOOKS.glob("*.ipynb")))
    for parameter in parameters:
        one_of(parameter, sorted(known), f"parameter in profile {name!r}:")
    return parameters


def execute(notebook: Path, profile: str, **more) -> Path:
    """Executes a notebook with what it declares of the profile's parameters and of `more`; returns the copy.

    The executed copy goes to results/<dataset>/notebooks/. Raises papermill's error where a cell fails.
    """
    parameters = load_profile(profile) | more
    output = paths.RESULTS / parameters["dataset"] / "notebooks" / notebook.name
    declared = _declared(notebook)
    with io.atomic_file(output) as part:
        copy = part.with_suffix(".ipynb")  # papermill insists on the ending
        try:
            papermill.execute_notebook(
                notebook,
                copy,
                {name: value for name, value in parameters.items() if name in declared},
                kernel_name="python3",
                execution_timeout=TIMEOUT,
                stdout_file=sys.stdout,  # the lines of the epochs, as they come
                progress_bar=False,
            )
            copy.replace(part)
        finally:
            copy.unlink(missing_ok=True)
    return output


def _declared(notebook: Path) -> set[str]:
    return set(papermill.inspect_notebook(notebook))


def main(arguments: list[str]) -> None:
    name, profile, *more = arguments
    try:
        print(execute(paths.NOTEBOOKS / f"{name}.ipynb", profile, **dict(pair.split("=", 1) for pair in more)))
    except FerError as error:
        sys.exit(f"fer_utils: {error}")
    except papermill.PapermillExecutionError as error:
        sys.exit(f"fer_utils: {name}, cell {error.exec_count}: {error.ename}: {error.evalue}")
    except DeadKernelError:
        sys.exit(f"fer_utils: {name}: the kernel died, most likely for want of memory")


if __name__ == "__main__":
    main(sys.argv[1:])
