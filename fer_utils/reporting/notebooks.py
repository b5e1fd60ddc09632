"""Runs a numbered notebook with the parameters of a profile.

    python -m fer_utils.reporting.notebooks NAME PROFILE [name=value …]

papermill, made strict: it only warns of an unknown parameter and then takes the default. Here an
unknown name or a value of the wrong type is an error before anything runs, and the output file
appears only after success.
"""

import ast
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import papermill
import yaml
from nbclient.exceptions import DeadKernelError

from fer_utils import io, paths
from fer_utils.errors import FerError, one_of
from fer_utils.training.experiment import FIELDS, check_setting

TIMEOUT = 24 * 3600  # seconds a cell may take: a whole study runs in one
USAGE = "python -m fer_utils.reporting.notebooks NAME PROFILE [name=value ...]"


@dataclass(frozen=True)
class Parameter:
    """What a notebook says of a parameter: its own value, and the comment beside it."""

    default: Any
    comment: str

    def parse(self, text: str) -> Any:
        """The value that a text on the command line means: YAML, as in a profile, or a string."""
        # no YAML for texts: a data set called 2013 would become a number
        return text if isinstance(self.default, str) else yaml.safe_load(text)

    def check(self, name: str, value: Any) -> None:
        """Raises FerError for a value of another kind than the notebook's own."""
        # a contract with the notebooks: null is for those that say in a comment what it means
        if value is None and self.comment.startswith("None:"):
            return
        if not _of_type(value, type(self.default)):
            raise FerError(
                f"{name} must be like the notebook's own {self.default!r}; got {value!r}"
            )
        if isinstance(value, dict):
            _check_settings(name, value)
        if isinstance(value, list):
            kinds = {type(item) for item in self.default} or {str}  # an empty list is one of names
            if wrong := [item for item in value if type(item) not in kinds]:
                raise FerError(
                    f"{name} must be like the notebook's own {self.default!r}; got {wrong[0]!r}"
                )


def load_profile(name: str) -> dict[str, Any]:
    """The parameters in notebooks/profiles/<name>.yaml.

    Raises FerError for an unknown profile, a name that no notebook declares and a value of the
    wrong type.
    """
    profiles = {path.stem: path for path in sorted((paths.NOTEBOOKS / "profiles").glob("*.yaml"))}
    path = profiles[one_of(name, profiles, "profile")]
    try:
        parameters = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        # YAML's message has several lines, ours has one
        raise FerError(f"{path}: {' '.join(str(error).split())}") from None
    # to YAML an empty file is None, and one word a text
    if not isinstance(parameters, dict):
        raise FerError(f"{path}: a profile has lines like 'dataset: sample'")
    known = _known(paths.NOTEBOOKS.glob("*.ipynb"))
    for parameter, value in parameters.items():
        one_of(parameter, sorted(known), f"parameter in profile {name!r}:")
        known[parameter].check(f"profile {name!r}: {parameter}", value)
    return parameters


def execute(notebook: Path, profile: str, **more: Any) -> Path:
    """Executes a notebook with what it declares of the profile's parameters and of `more`.

    Returns the executed copy, in results/<dataset>/notebooks/. Raises FerError for an unknown name
    or a value of the wrong type, before anything runs, and papermill's error where a cell fails.
    """
    declared = _declared(notebook)
    known = _known(paths.NOTEBOOKS.glob("*.ipynb")) | declared
    for name, value in more.items():
        known[one_of(name, sorted(known), "parameter")].check(name, value)
        if name not in declared:  # make gives all of them the same
            print(f"{notebook.stem} has no parameter {name}; it is left out", file=sys.stderr)
    parameters = load_profile(profile) | more
    output = paths.RESULTS / parameters["dataset"] / "notebooks" / notebook.name
    with io.atomic_file(output) as part:
        copy = part.with_suffix(".ipynb")  # papermill insists on the ending
        try:
            papermill.execute_notebook(
                notebook,
                copy,
                {name: value for name, value in parameters.items() if name in declared},
                # not the one that the file names: whoever saved it may have called theirs otherwise
                kernel_name="python3",
                execution_timeout=TIMEOUT,
                stdout_file=sys.stdout,  # the lines of the epochs, as they come
                # it would break into the lines of the epochs
                progress_bar=False,
            )
            copy.replace(part)
        finally:
            copy.unlink(missing_ok=True)
    return output


def parse(pairs: Iterable[str]) -> dict[str, Any]:
    """name=value texts as values of the types that the notebooks' own have. Raises FerError."""
    known = _known(paths.NOTEBOOKS.glob("*.ipynb"))
    parameters = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise FerError(
                f"{pair!r} is not of the form name=value; names: {', '.join(sorted(known))}"
            )
        try:
            parameters[name] = known[one_of(name, sorted(known), "parameter")].parse(text)
        except yaml.YAMLError:
            raise FerError(f"{name} must be like {known[name].default!r}; got {text!r}") from None
    return parameters


def _declared(notebook: Path) -> dict[str, Parameter]:
    parameters = papermill.inspect_notebook(notebook)
    return {
        # not eval: to read what a notebook declares must run none of its code
        name: Parameter(ast.literal_eval(about["default"]), about["help"])
        for name, about in parameters.items()
    }


def _known(notebooks: Iterable[Path]) -> dict[str, Parameter]:
    """Of all notebooks; a name that several have, of the same type, is the first one's."""
    return {
        name: about
        # backwards: of equal keys the last one stays
        for path in sorted(notebooks, reverse=True)
        for name, about in _declared(path).items()
    }


def _of_type(value: Any, kind: type) -> bool:
    # not isinstance, to which true is an int
    return type(value) is kind or (kind is float and type(value) is int)


def _check_settings(name: str, settings: dict) -> None:
    """Of a study: settings of an experiment, and seeds. The study checks what fits together."""
    for setting, value in settings.items():
        if setting == "seeds":
            if not isinstance(value, list) or not all(type(seed) is int for seed in value):
                raise FerError(f"{name}: seeds must be a list like [0, 1]; got {value!r}")
            continue
        try:
            check_setting(one_of(setting, ["seeds", *FIELDS], "setting"), value)
        except FerError as error:
            raise FerError(f"{name}: {error}") from None


def main(arguments: list[str]) -> None:
    try:
        if len(arguments) < 2:
            raise FerError(f"usage: {USAGE}")
        name, profile, *more = arguments
        one_of(name, sorted(path.stem for path in paths.NOTEBOOKS.glob("*.ipynb")), "notebook")
        print(execute(paths.NOTEBOOKS / f"{name}.ipynb", profile, **parse(more)))
    except FerError as error:
        sys.exit(f"fer_utils: {error}")
    except papermill.PapermillExecutionError as error:
        sys.exit(f"fer_utils: {name}, cell {error.exec_count}: {error.ename}: {error.evalue}")
    # no cell's error: a kernel that is killed says nothing any more
    except DeadKernelError:
        sys.exit(f"fer_utils: {name}: the kernel died, most likely for want of memory")


if __name__ == "__main__":
    main(sys.argv[1:])
