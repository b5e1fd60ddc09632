"""A wheel has all of the package, and works in an empty folder without the checkout."""

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from fer_utils import paths

PARTS = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "fer_utils")
PARTS += ("data/reported", "data/ferplus", "data/weights/yunet.onnx", "data/weights/yunet.LICENSE")
PARTS += ("results/fer2013/best",)
PARTS += ("tests/conftest.py", "benchmarks")  # not for the wheel
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
OFFLINE = ["--no-deps", "--no-index"]

pytestmark = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("pip", "setuptools"))),
    reason="pip and setuptools are needed to build a wheel",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, since setuptools leaves its build folder behind."""
    copy, out = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("wheel")
    for part in PARTS:
        source, target = paths.CHECKOUT / part, copy / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    (copy / "fer_utils" / "later" / "deeper").mkdir(parents=True)
    for folder in ("later", "later/deeper"):
        (copy / "fer_utils" / folder / "__init__.py").touch()
    command = [*PIP, "wheel", ".", *OFFLINE, "--no-build-isolation", "--wheel-dir", str(out)]
    done = subprocess.run(command, cwd=copy, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    [made] = out.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("site")
    subprocess.run([*PIP, "install", str(wheel), *OFFLINE, "--target", str(target)], check=True)
    return target


def run(installed: Path, cwd: Path, *command: str) -> subprocess.CompletedProcess:
    """In an empty folder, with the wheel before everything else that is installed here."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("FER")}
    about = {"cwd": cwd, "env": outside | {"PYTHONPATH": str(installed)}}
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, **about)


def test_the_wheel_has_every_package_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    modules = {path.relative_to(paths.CHECKOUT).as_posix() for path in paths.PACKAGE.rglob("*.py")}
    expected = modules | {"fer_utils/later/__init__.py", "fer_utils/later/deeper/__init__.py"}
    assert {name for name in names if name.endswith(".py")} == expected
    shipped = {name for name in names if "/shipped/" in name}
    reported = [f"data/reported/{path.name}" for path in paths.REPORTED.glob("*.csv")]
    votes = "data/ferplus/kaggle_to_ferplus.csv.gz"
    best = [f"results/fer2013/best/{name}" for name in ("model.safetensors", "model-int8.onnx")]
    detector = [f"data/weights/yunet.{ending}" for ending in ("onnx", "LICENSE")]
    files = [*reported, votes, *best, *detector]
    assert shipped == {f"fer_utils/shipped/{name}" for name in files} and len(reported) == 5


def test_the_command_runs(installed, tmp_path):
    done = run(installed, tmp_path, str(installed / "bin" / "fer"), "--help")
    assert done.returncode == 0 and "predict" in done.stdout, done.stderr
    assert not any(tmp_path.iterdir())


def test_what_was_shipped_is_found_and_folders_are_the_users(installed, tmp_path):
    code = (
        "from fer_utils import paths, load_best;from fer_utils.analysis.reported import reported_a;"
        "print(paths.__file__); print(paths.HOME); print(len(reported_a()));"
        "print(*load_best().classes);"
        "from fer_utils.data.ferplus import KAGGLE_MAP; print(KAGGLE_MAP.exists())"
    )
    done = run(installed, tmp_path, "-c", code)
    assert done.returncode == 0, done.stderr
    file, home, figures, classes, votes = done.stdout.splitlines()
    assert Path(file).is_relative_to(installed) and Path(home) == tmp_path.resolve()
    assert int(figures) > 100 and classes.split()[0] == "angry" and votes == "True"
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    "command, told",
    [
        (["report", "--dataset", "fer2013"], "the report is built in a checkout"),
        (["best", "--dataset", "fer2013"], "no finished runs under"),
    ],
)
def test_what_needs_the_checkout_says_so_in_one_line(installed, tmp_path, command, told):
    done = run(installed, tmp_path, "-m", "fer_utils", *command)
    assert done.returncode == 2 and told in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1 and not any(tmp_path.iterdir())


def test_without_the_network_load_best_says_what_to_do(installed, tmp_path):
    shipped = installed / "fer_utils" / "shipped" / "results"
    hidden = shipped.rename(installed / "hidden")
    try:
        done = run(installed, tmp_path, "-m", "fer_utils", "predict", "face.png")
    finally:
        hidden.rename(shipped)
    assert done.returncode == 2 and "no exported network" in done.stderr
    assert len(done.stderr.splitlines()) == 1
