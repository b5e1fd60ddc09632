"""Where a run happens and in which precision; neither belongs to what the run is."""

import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor, nn

from fer_utils import compiling, paths
from fer_utils.depthwise import Float32Depthwise
from fer_utils.errors import FerError, one_of

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "fp32", "bf16")


@dataclass(frozen=True)
class Hardware:
    """A device, the precision of training on it, and whether the network is compiled there (see compiling).

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
        with torch.autocast(self.device.type, torch.bfloat16), Float32Depthwise() if on_cpu else nullcontext():
            yield

    def logits(self, network: nn.Module, images: Tensor, done: int, whole: bool) -> Tensor:
        """float32, B×classes, in the precision of training. whole: the batch is no remainder of another shape."""
        run = compiling.compiled() if self.compiled and whole else compiling.forward
        with self.autocast():
            return run(network, images, done).float()

    def on(self, device: torch.device, processes: int) -> "Hardware":
        """The same, of this one of several processes; not compiled: they exchange numbers within the network."""
        return replace(self, device=device, processes=processes, compiled=False)

    def describe(self) -> dict[str, str]:
        """What a result should carry to be trusted: device, precision, versions, commit."""
        cuda = self.device.type == "cuda"
        return {
            "device": torch.cuda.get_device_name(self.device) if cuda else f"{self.device.type}, {_cpu_name()}",
            "threads": str(torch.get_num_threads()),
            "precision": self.precision,
            "compiled": "yes" if self.compiled else "no",
            "python": platform.python_version(),
            "torch": torch.__version__,
            "commit": commit(),
        } | ({"processes": str(self.processes)} if self.processes > 1 else {})


def choose(device: str = "auto", precision: str = "auto") -> Hardware:
    """The fastest device at hand, or the one asked for; bf16 where the processor has it. Raises FerError.

    bf16 on a processor without it is said, and done: a matrix product took 280 times fp32's there.
    The network is compiled on CUDA alone: on a CPU that was measured slower, and not yet measured on a GPU, so that
    benchmarks/roofline.py times it with and without.
    """
    one_of(device, DEVICES, "device")
    one_of(precision, PRECISIONS, "precision")
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if device == "auto":
        device = next(name for name, there in present.items() if there)
    if not present[device]:
        raise FerError(f"device {device!r} is not available on this machine; use DEVICE=auto or cpu")
    has_bf16 = _has_bf16(device)
    if precision == "auto":
        precision = "bf16" if has_bf16 else "fp32"
    if precision == "bf16" and device == "cpu" and not has_bf16:
        print("this processor has no bf16 and imitates it, very slowly; leave the precision out, or give fp32")
    return Hardware(torch.device(device), precision, compiled=device == "cuda")


def memory(device: torch.device) -> int:
    """Bytes that the device has in all; an Apple GPU shares the machine's."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _has_bf16(device: str) -> bool:
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    found = getattr(torch.cpu, "get_capabilities", dict)()
    return device == "cpu" and bool(found.get("avx512_bf16") or found.get("amx_bf16"))


def _cpu_name() -> str:
    found = getattr(torch.cpu, "get_capabilities", dict)()
    return str(found.get("cpu_name") or platform.machine())


@cache
def commit() -> str:
    """The checkout's commit, with + where files differ from it; "unknown" outside git. As of the first call."""
    command = ["git", "-C", str(paths.CHECKOUT), "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
