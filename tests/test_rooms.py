"""The package is what its first page says: every room is named there, and none imports from a later one."""

import ast
import re

import fer_utils
from fer_utils import paths

PACKAGE = paths.CHECKOUT / "fer_utils"
ROOMS = re.findall(r"\w+", "".join(re.findall(r"^(?:- [^:]+:|  )(.*)$", fer_utils.__doc__, re.MULTILINE)))


def imports(room):
    """The rooms that a room names in `from fer_utils import …` and `from fer_utils.… import …`, at its head."""
    found = set()
    for node in ast.parse((PACKAGE / f"{room}.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module == "fer_utils":
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module.startswith("fer_utils."):
            found.add(node.module.split(".")[1])
    return found & set(ROOMS)


def test_every_room_is_named_once():
    files = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", "__main__"}
    assert sorted(ROOMS) == sorted(files)


def test_no_room_imports_from_a_later_one():
    later = {room: imports(room) - set(ROOMS[:place]) for place, room in enumerate(ROOMS)}
    assert {room: rooms for room, rooms in later.items() if rooms} == {}
    assert "augment" in imports("training")
