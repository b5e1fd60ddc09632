"""One list of dependencies: pyproject.toml; the lock pins it and environment.yml points to it."""

import re
import tomllib

import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from fer_utils import __version__, paths

PROJECT = tomllib.loads((paths.CHECKOUT / "pyproject.toml").read_text())["project"]
CONDA = yaml.safe_load((paths.CHECKOUT / "environment.yml").read_text())["dependencies"]
LOCK = (paths.CHECKOUT / "requirements.lock").read_text()


def test_environment_yml_names_python_make_tex_and_this_project_only():
    plain = [entry for entry in CONDA if isinstance(entry, str)]
    pip = next(entry["pip"] for entry in CONDA if isinstance(entry, dict))
    assert pip == ["-e .[dev]"] and "dev" in PROJECT["optional-dependencies"]
    assert f"python{PROJECT['requires-python']}" in plain
    assert {re.split(r"[<>=]", entry)[0] for entry in plain} == {
        "python",
        "pip",
        "make",
        "tectonic",
    }


def test_the_lock_pins_every_dependency_within_its_range():
    pins = {}
    for line in LOCK.splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)==([^ ;]+)", line):
            pins.setdefault(canonicalize_name(match[1]), []).append(match[2])
    wanted = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
    for requirement in map(Requirement, wanted):
        versions = pins[canonicalize_name(requirement.name)]
        assert all(requirement.specifier.contains(v) for v in versions), requirement


def test_the_lock_holds_no_address():
    assert "://" not in LOCK and "--index" not in LOCK


def test_versions_agree():
    assert PROJECT["version"] == __version__
