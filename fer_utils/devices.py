"""Where a run happens and in which precision; neither belongs to what the run is."""

import os
import platform
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from fer_utils import paths
from fer_utils.errors import FerError, one_of
from fer_utils.precision import Float32Depthwise

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "fp32", "bf16")
GRAPHS = 64  # compiled graphs kept at a time; torch's 8 are too few for a study of several networks
CGROUPS = Path(
    "/sys/fs/cgroup"
)  # where Linux mounts the limits of containers and of a cluster's jobs
OWN_CGROUP = Path("/proc/self/cgroup")  # which of them hold for this process


@dataclass(frozen=True)
class Hardware:
    """A device, the precision of training on it, and whether the network is compiled there.

    Final scores are always computed in fp32 and by the network as it is.
    """

    device: torch.device
    precision: str
    compiled: bool = False
    processes: int = 1  # that compute the run together, each on such a device

    @contextmanager
    def autocast(self) -> Iterator[None]:
        """Forward passes inside run their matrix products in bf16 where that is the precision."""
        if self.precision == "fp32":
            yield
            return
        on_cpu = self.device.type == "cpu"
        with (
            torch.autocast(self.device.type, torch.bfloat16),
            Float32Depthwise() if on_cpu else nullcontext(),
        ):
            yield

    def forward(
        self, network: nn.Module, images: Tensor, start_stage: int = 0, full_size: int = 0
    ) -> Tensor:
        """Logits, float32, B×classes, in the precision of training.

        images: uint8, or features that enter the network at `start_stage`. full_size: images in a full
        batch; only such ones go through the compiled network, since each shape is compiled anew.
        """
        run = compiled_forward() if self.compiled and len(images) == full_size else forward
        with self.autocast():
            return run(network, images, start_stage).float()

    def on(self, device: torch.device, processes: int) -> "Hardware":
        """The same, of this one of several processes; not compiled: they exchange numbers within the network."""
        return replace(self, device=device, processes=processes, compiled=False)

    def describe(self) -> dict[str, str]:
        """What a result must carry so that others can tell why theirs differs in the last digits.

        device, cpu (model as the system names it), instructions (the widest vector set that PyTorch's own
        kernels use), bf16 (the processor's own kind, or "no"), blas and onednn (with versions), threads,
        precision, compiled, python, torch, commit; processes where there are several.
        """
        cuda = self.device.type == "cuda"
        return {
            "device": torch.cuda.get_device_name(self.device)
            if cuda
            else f"{self.device.type}, {_cpu_name()}",
            "cpu": _cpu_model(),
            "instructions": torch.backends.cpu.get_cpu_capability(),
            "bf16": ", ".join(_bf16_units()) or "no",
            "blas": _built_with(
                r"(Intel.*Math Kernel Library Version \S+|OpenBLAS \S+|BLAS_INFO=\w+)"
            ),
            "onednn": _built_with(r"MKL-DNN v(\S+)"),
            "threads": str(torch.get_num_threads()),
            "precision": self.precision,
            "compiled": "yes" if self.compiled else "no",
            "python": platform.python_version(),
            "torch": torch.__version__,
            "commit": commit(),
        } | ({"processes": str(self.processes)} if self.processes > 1 else {})


def forward(network: nn.Module, images: Tensor, start_stage: int) -> Tensor:
    return network(images, start_stage)


@cache
def compiled_forward() -> Callable[[nn.Module, Tensor, int], Tensor]:
    """`forward`, compiled for each shape that it meets; so call it with full batches and not with the last one.

    torch.compile finds what it has compiled by the code of `forward`, then checks types, shapes and modes, but not
    which network it is: another seed's network of the same architecture finds everything compiled already.
    Training and validation are a graph each, as are averaged weights (no gradients) and each unfreezing.
    """
    torch._dynamo.config.recompile_limit = GRAPHS
    torch._dynamo.config.suppress_errors = (
        True  # without a C compiler, say, it goes on plain and says so
    )
    return torch.compile(forward, dynamic=False)


def choose(device: str = "auto", precision: str = "auto") -> Hardware:
    """The fastest device at hand, or the one asked for; bf16 where the processor has it. Raises FerError.

    bf16 on a processor without it is said, and done: a matrix product took 280 times fp32's there.
    The network is compiled on CUDA alone: on a CPU that was measured slower, and not yet measured on a GPU, so that
    benchmarks/roofline.py times it with and without.
    """
    one_of(device, DEVICES, "device")
    one_of(precision, PRECISIONS, "precision")
    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        device = next(name for name, there in present.items() if there)
    if not present[device]:
        raise FerError(
            f"device {device!r} is not available on this machine; use DEVICE=auto or cpu"
        )
    if precision == "auto":
        precision = "bf16" if has_bf16(device) else "fp32"
    if precision == "bf16" and device == "cpu" and not has_bf16(device):
        print(
            "this processor has no bf16 and imitates it, very slowly; leave the precision out, or give fp32"
        )
    return Hardware(torch.device(device), precision, compiled=device == "cuda")


def memory(device: torch.device) -> int:
    """Bytes that this process may use of the device's memory in all; an Apple GPU shares the machine's.

    Within a container, or a job of a cluster, that is its limit where it is below what the machine has.
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
    """Bytes, of every control group (version 1 or 2) that this process is in; [] where nothing limits it.

    A group is bounded by those above it too. Where a container sees only its own group, /proc names it
    by its path on the host, which is not there, and the limit is at the root.
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


def has_bf16(device: str) -> bool:
    """Whether a kind of device (cpu, cuda, mps) multiplies bf16 itself instead of imitating it."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device == "cpu" and bool(_bf16_units())


def _bf16_units() -> list[str]:
    """What of the processor multiplies bf16; without any of it PyTorch imitates bf16, very slowly."""
    found: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return [unit for unit in ("avx512_bf16", "amx_bf16") if found.get(unit)]


def _cpu_name() -> str:
    found: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return str(found.get("cpu_name") or platform.machine())


@cache
def _cpu_model() -> str:
    """For example "AMD EPYC, family 25, model 17": on Linux, where a name alone may stand for several."""
    try:
        first = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
    except OSError:
        return platform.processor() or _cpu_name()
    facts = dict(re.findall(r"^(.+?)\s*: (.+)$", first, re.MULTILINE))
    numbers = [
        f"{name} {facts[key]}"
        for key, name in (("cpu family", "family"), ("model", "model"))
        if key in facts
    ]
    return ", ".join([facts.get("model name", _cpu_name()), *numbers])


def _built_with(pattern: str) -> str:
    """What PyTorch says of its own build; "unknown" where it says nothing."""
    found = re.search(pattern, torch.__config__.show())
    return found[1] if found else "unknown"


@cache
def commit() -> str:
    """The checkout's commit, with + where files differ from it; "unknown" outside git. As of the first call."""
    command = ["git", "-C", str(paths.CHECKOUT), "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
