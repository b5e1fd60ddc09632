"""Data flows one way: a folder of the package imports only from itself and from those before it."""

import ast
from pathlib import Path

import pytest

from fer_utils import paths

PACKAGE = paths.CHECKOUT / "fer_utils"
FOLDERS = (
    "data",
    "models",
    "evaluation",
    "training",
    "experiments",
    "analysis",
    "inference",
    "deploy",
    "reporting",
    "cli",
)
ANYWHERE = {"__init__", "__main__"}  # they tie everything together, and import as late as they can
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.stem not in ANYWHERE)


def layer(parts: tuple[str, ...]) -> int:
    """0 for a file at the top, then the folders in order."""
    return 1 + FOLDERS.index(parts[0]) if parts and parts[0] in FOLDERS else 0


def imported(path: Path) -> set[tuple[str, ...]]:
    """What a module imports from the package, anywhere in its text: ("data", "tasks"), …"""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "fer_utils":
            module = tuple(node.module.split(".")[1:])
            found |= {(*module, name.name) for name in node.names}
    return found


def test_every_folder_has_a_place_in_the_order():
    assert {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()} == set(
        FOLDERS
    )


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_imports_from_a_later_folder(path):
    own = layer(path.relative_to(PACKAGE).parts)
    later = {".".join(parts) for parts in imported(path) if layer(parts) > own}
    assert not later


def test_the_test_sees_imports_within_functions():
    assert ("models", "pretrained") in imported(PACKAGE / "experiments" / "runner.py")
    assert any(
        parts[0] == "reporting" for parts in imported(PACKAGE / "cli" / "result_commands.py")
    )
