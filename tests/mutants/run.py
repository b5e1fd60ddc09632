"""Plants each fault of faults.py in a copy of the repository and says whether the tests find it.

    python tests/mutants/run.py                  all of them
    python tests/mutants/run.py --short          every third
    python tests/mutants/run.py --only losses    those whose name holds "losses"

The exit status is 1 where one survives, or where one no longer applies. Nothing in the checkout is
changed. Each run of the tests is a fork of this process, in which torch, pandas and the like are
imported already; so this needs Linux or macOS.
"""

import argparse
import importlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "tests"))  # as a script; under pytest it is there
from mutants.faults import MUTANTS, Mutant  # noqa: E402

HEAVY = (
    *("torch", "torchvision", "pandas", "seaborn", "matplotlib.pyplot", "scipy.stats"),
    *("scipy.optimize", "sklearn.metrics", "sklearn.model_selection", "cleanlab.filter"),
    "pytest_timeout",
)
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)


class Stale(Exception):
    """A mutant that does not fit the code any more."""


def find(name: str, folder: Path) -> Path:
    """The only file of this name anywhere under a folder; raises Stale."""
    found = [path for path in folder.rglob(name) if path.is_file()]
    if len(found) != 1:
        raise Stale(f"{name} stands {len(found)} times under {folder.name}/, not once")
    return found[0]


def planted(mutant: Mutant, tree: Path) -> tuple[Path, str]:
    """The module's path and its text with the fault in it; raises Stale."""
    path = find(mutant.file, tree / "fer_utils")
    text = path.read_text(encoding="utf-8")
    # a space stands for any white space, so that a formatter's line breaks matter to no mutant
    pattern = re.sub(r"(\\ )+", r"\\s+", re.escape(mutant.old))
    if (count := len(re.findall(pattern, text))) != 1:
        where = f"stands {count} times in {mutant.file}, not once"
        raise Stale(f"{mutant.name}: {mutant.old!r} {where}")
    return path, re.sub(pattern, lambda _: mutant.new, text)


def located(tests: tuple[str, ...], tree: Path) -> list[str]:
    """Tests as pytest takes them, from file names with or without ::function; raises Stale."""
    parts = [test.partition("::") for test in tests]
    return [str(find(file, tree / "tests").relative_to(tree)) + sep + of for file, sep, of in parts]


def copy(tree: Path) -> None:
    """What git knows of the checkout, or would: a test may write where it likes."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (CHECKOUT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, tree / name)


def status_of(tests: list[str], tree: Path) -> tuple[int, str]:
    """pytest's exit status (1: a test failed) and what it printed, run in the copy by a fork."""
    log = tree / "pytest.log"
    child = os.fork()
    if not child:
        with log.open("w") as stream:
            for descriptor in (1, 2):
                os.dup2(stream.fileno(), descriptor)
            os.chdir(tree)
            os._exit(_run_pytest(tests, tree))
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), log.read_text(errors="replace")


def _run_pytest(tests: list[str], tree: Path) -> int:
    sys.path[:0] = [str(tree)]
    os.environ["PYTHONPATH"] = str(tree)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # those for notebooks take seconds
    sys.dont_write_bytecode = True  # two faults of one size in one second would share it
    origin = importlib.util.find_spec("fer_utils").origin
    if not Path(origin).is_relative_to(tree):
        print(f"{origin} is imported, not the copy")
        return 99
    options = ["-x", "-q", "-rfE", "-p", "no:cacheprovider", "-p", "pytest_timeout"]
    status = int(pytest.main([*options, *tests]))
    sys.stdout.flush()
    return status


def main(chosen: list[Mutant], tree: Path) -> int:
    """Runs the tests without any fault, then with each of the chosen; returns the exit status."""
    copy(tree)
    stale = []
    for mutant in MUTANTS:  # all, so that a short run names every one that must be mended
        try:
            planted(mutant, tree), located(mutant.tests, tree)
        except Stale as error:
            stale.append(str(error))
    if stale:
        print("\n".join(["no longer to be planted:", *stale]))
        return 1
    for module in HEAVY:
        importlib.import_module(module)
    started = time.perf_counter()
    files = sorted({test for mutant in chosen for test in located(mutant.tests, tree)})
    status, output = status_of(files, tree)
    print(f"without a fault: {time.perf_counter() - started:.0f} s", flush=True)
    if status:
        print(output[-3000:])
        return 1
    survivors = []
    for mutant in chosen:
        begun = time.perf_counter()
        path, text = planted(mutant, tree)
        original = path.read_bytes()
        path.write_text(text, encoding="utf-8")
        status, output = status_of(located(mutant.tests, tree), tree)
        path.write_bytes(original)
        if status not in (0, 1):
            print(output[-3000:])
        if status != 1:
            survivors.append(mutant.name)
        result = {0: "SURVIVED", 1: "killed"}.get(status, f"ERROR {status}")
        by = FAILED.findall(output)[:1] or [""]
        print(f"{result:8} {mutant.name}  {time.perf_counter() - begun:.1f} s  {by[0]}", flush=True)
    killed, seconds = len(chosen) - len(survivors), time.perf_counter() - started
    print(f"{killed} of {len(chosen)} killed in {seconds:.0f} s")
    return 1 if survivors else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", default="", help="those whose name holds this")
    parser.add_argument("--short", action="store_true", help="every third")
    given = parser.parse_args()
    wanted = [mutant for mutant in MUTANTS if given.only in mutant.name][:: 3 if given.short else 1]
    if not wanted:
        sys.exit(f"no mutant's name holds {given.only!r}")
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(main(wanted, Path(folder).resolve()))
