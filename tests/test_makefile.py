"""What `make` would do, with a program in place of Python that only says how it was called."""

import os
import shutil
import subprocess

import pytest

from fer_utils import paths

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
READ = "fer_utils prepare {} --name fer2013"


def make(home, *arguments, **environment) -> str:
    """Its output; `home` is FER_HOME."""
    inherited = {name: os.environ[name] for name in os.environ.keys() - {"FER2013", "MAKEFLAGS"}}
    command = ["make", "--no-print-directory", "PYTHON=echo", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=paths.CHECKOUT, capture_output=True, text=True,
        env=inherited | {"FER_HOME": str(home)} | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def home(tmp_path):
    """With a store that is newer than any source."""
    store = tmp_path / "data" / "fer2013" / "dataset.json"
    store.parent.mkdir(parents=True)
    (tmp_path / "a file.zip").write_text("")
    store.write_text("{}")
    return tmp_path


def test_a_source_that_is_named_is_read_again(home):
    source = home / "a file.zip"
    assert READ.format(source) in make(home, "data", f"FER2013={source}")
    assert READ.format(source) in make(home, "data", FER2013=str(source))
    store = home / "data" / "fer2013" / "dataset.json"
    assert READ.format(source) in make(home, store, f"FER2013={source}")  # as for other targets


def test_without_one_a_store_is_enough(home):
    store = home / "data" / "fer2013" / "dataset.json"
    assert "prepare" not in make(home, "data")
    assert "prepare" not in make(home, store, FER2013="for the tests.zip")
    store.unlink()
    assert "fer_utils prepare --name fer2013" in make(home, "data")


def test_clean_cleans_where_things_were_made(home):
    kept = "results/fer2013/runs"
    made = ["results/sample/runs", "data/sample", "results/fer2013/notebooks", kept]
    for folder in made:
        (home / folder).mkdir(parents=True)
    commands = make(home, "--dry-run", "clean")
    assert "report/generated" in commands
    (line,) = [line for line in commands.splitlines() if str(home) in line]
    subprocess.run(line, shell=True, check=True)
    assert [folder for folder in made if (home / folder).exists()] == [kept]
    assert (home / "data" / "fer2013" / "dataset.json").exists()
    assert " results/" not in commands and " data/" not in commands


def test_the_full_profile_computes_apart_from_the_committed_results(tmp_path):
    command = ["make", "--dry-run", "all", "PROFILE=full", "PYTHON=echo"]
    there = {name: os.environ[name] for name in os.environ.keys() - {"FER_HOME", "MAKEFLAGS"}}
    done = subprocess.run(command, cwd=paths.CHECKOUT, capture_output=True, text=True, env=there)
    apart = paths.CHECKOUT / "full" / "results" / "fer2013" / "notebooks"
    assert f"executed notebooks are in {apart}" in done.stdout
    assert f"{tmp_path}/results/fer2013/notebooks" in make(tmp_path, "-n", "all", "PROFILE=full")


def test_every_notebook_becomes_a_page_beside_its_executed_copy(tmp_path):
    commands = make(tmp_path, "--dry-run", "notebooks-html")
    folder = tmp_path / "results" / "sample" / "notebooks"
    for source in sorted(paths.NOTEBOOKS.glob("*.ipynb")):
        page = f'fer_utils.reporting.notebook_pages "{folder / source.name}"'
        executed = f"fer_utils.reporting.notebooks {source.stem} sample"
        assert commands.index(executed) < commands.index(page)
    assert "make notebooks-html" in make(tmp_path, "help")


def test_all_notebooks_are_executed_by_make_all_and_checked_by_make_test(tmp_path):
    executed, checked = (make(tmp_path, "--dry-run", target) for target in ("all", "test"))
    for source in sorted(paths.NOTEBOOKS.glob("*.ipynb")):
        assert f"fer_utils.reporting.notebooks {source.stem} sample" in executed
        assert f"notebooks/{source.name}" in checked
