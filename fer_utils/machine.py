"""What this machine is: its memory, its processor, its PyTorch, and the commit of the code."""

import os
import platform
import re
import subprocess
from functools import cache
from pathlib import Path

import torch

from fer_utils import paths

# where Linux mounts the limits of containers and of a cluster's jobs
CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUP = Path("/proc/self/cgroup")  # which of them hold for this process


def memory(device: torch.device) -> int:
    """Bytes that this process may use of a device's memory in all.

    An Apple GPU shares the machine's. Within a container, or a job of a cluster, that is its limit
    where it is below what the machine has.
    """
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return min([_machine_memory(), *_memory_limits()])


def _machine_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError):  # Windows
        import psutil

        return psutil.virtual_memory().total


def _memory_limits() -> list[int]:
    """Bytes, of every control group (version 1 or 2) of this process; [] where nothing limits it.

    A group is bounded by those above it too. Where a container sees only its own group, /proc names
    it by its path on the host, which is not there, and the limit is at the root.
    """
    try:
        lines = OWN_CGROUP.read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return []
    limits = []
    for _, controllers, path in (line.split(":", 2) for line in lines):
        if controllers == "":  # version 2
            root, name = CGROUPS, "memory.max"
        elif "memory" in controllers.split(","):
            root, name = CGROUPS / "memory", "memory.limit_in_bytes"
        else:
            continue
        own = Path(path.lstrip("/"))
        for group in (own, *own.parents):
            try:
                limits.append(int((root / group / name).read_text()))
            except (OSError, ValueError):  # no such group here; "max"
                continue
    return limits


def cpu_capabilities() -> dict[str, object]:
    """What PyTorch finds out about the processor, by name; {} where it cannot tell."""
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return capabilities


def cpu_name() -> str:
    """The processor's name, or at least its architecture."""
    return str(cpu_capabilities().get("cpu_name") or platform.machine())


@cache
def cpu_model() -> str:
    """For example "AMD EPYC, family 25, model 17"; the two numbers only on Linux.

    A name alone may stand for several processors, whose last digits differ.
    """
    try:
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
    except OSError:
        return platform.processor() or cpu_name()
    facts = dict(re.findall(r"^(.+?)\s*: (.+)$", first, re.MULTILINE))
    numbers = [
        f"{name} {facts[key]}"
        for key, name in (("cpu family", "family"), ("model", "model"))
        if key in facts
    ]
    return ", ".join([facts.get("model name", cpu_name()), *numbers])


def built_with(pattern: str) -> str:
    """The first group of a pattern in what PyTorch says of its build; "unknown" without one."""
    match = re.search(pattern, torch.__config__.show())
    return match[1] if match else "unknown"


@cache
def commit() -> str:
    """The checkout's commit, with + where files differ from it; "unknown" outside git.

    As of the first call: what is edited later is not what this process has imported.
    """
    command = ["git", "-C", str(paths.CHECKOUT), "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
