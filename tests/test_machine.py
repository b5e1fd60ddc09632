"""What a machine has for this process, and that the package begins on every system."""

import ast
import sys
from types import SimpleNamespace

import pytest
import torch

from fer_utils import machine, paths

CPU = torch.device("cpu")
POSIX_ONLY = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
HUGE = 9223372036854771712  # what version 1 says where there is no limit


@pytest.fixture
def groups(tmp_path, monkeypatch):
    """Makes control groups: what /proc says of this process, and the limit in each folder."""

    def make(own, **limits):
        (tmp_path / "own").write_text(own)
        for place, limit in limits.items():
            folder = tmp_path / "groups" / place.replace("__", "/")
            folder.mkdir(parents=True, exist_ok=True)
            name = "memory.limit_in_bytes" if "memory" in place.split("__") else "memory.max"
            (folder / name).write_text(f"{limit}\n")

    (tmp_path / "groups").mkdir()
    monkeypatch.setattr(machine, "CGROUPS", tmp_path / "groups")
    monkeypatch.setattr(machine, "OWN_CGROUP", tmp_path / "own")
    monkeypatch.setattr(machine, "_machine_memory", lambda: 64_000)
    return make


@pytest.mark.parametrize(
    "own, limits, expected",
    [
        ("0::/\n", {".": 2_000}, 2_000),  # version 2, in a container
        (
            "0::/job/step\n",
            {"job": 5_000, "job__step": "max"},
            5_000,
        ),  # the limit of the group above
        ("0::/job/step\n", {"job": 5_000, "job__step": 3_000}, 3_000),
        ("0::/job\n", {"job": 99_000}, 64_000),  # more than there is
        ("0::/job\n", {"job": "max"}, 64_000),
        ("0::/\n", {}, 64_000),
        (
            "5:cpu:/x\n4:memory:/docker/1f\n",
            {"memory": 7_000},
            7_000,
        ),  # version 1: the path is the host's
        (
            "4:cpuset,memory:/slurm/job\n0::/\n",
            {"memory": HUGE, "memory__slurm__job": 6_000},
            6_000,
        ),
        ("4:memory:/\n", {"memory": HUGE}, 64_000),
    ],
)
def test_memory_is_what_the_container_allows(groups, own, limits, expected):
    groups(own, **limits)
    assert machine.memory(CPU) == expected


def test_memory_of_this_machine_is_plausible():
    assert 2**28 < machine.memory(CPU) < 2**50


def test_memory_where_the_system_has_no_control_groups_and_no_sysconf(tmp_path, monkeypatch):
    """As on Windows."""
    monkeypatch.setattr(machine, "OWN_CGROUP", tmp_path / "nowhere")
    there = SimpleNamespace(virtual_memory=lambda: SimpleNamespace(total=8_000))
    monkeypatch.setitem(sys.modules, "psutil", there)
    monkeypatch.delattr(machine.os, "sysconf")
    assert machine.memory(CPU) == 8_000


def test_no_module_imports_what_only_posix_has():
    for path in (paths.CHECKOUT / "fer_utils").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = (
                [alias.name for alias in getattr(node, "names", [])]
                if isinstance(node, ast.Import)
                else []
            )
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & POSIX_ONLY, path
