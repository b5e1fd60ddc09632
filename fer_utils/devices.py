"""Where a run happens and in which precision; neither belongs to what the run is."""

import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cache

import torch
from torch import Tensor, nn

from fer_utils import machine
from fer_utils.errors import FerError, one_of
from fer_utils.precision import Float32Depthwise

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "fp32", "bf16")
GRAPHS = 64  # compiled graphs kept at a time; torch's 8 are too few for a study of several networks


@dataclass(frozen=True)
class Hardware:
    """A device, the precision of training on it, and whether the network is compiled there.

    Final scores are always computed in fp32 and by the network as it is.

    Parameters
    ----------
    precision
        fp32 or bf16.
    processes
        How many compute the run together, each on such a device.
    """

    device: torch.device
    precision: str
    compiled: bool = False
    processes: int = 1

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
        """Logits in the precision of training.

        Parameters
        ----------
        images
            uint8, B×C×H×W; or features that enter the network at `start_stage`.
        full_size
            Images in a full batch. Only such ones go through the compiled network, since each shape
            is compiled anew.

        Returns
        -------
        torch.Tensor
            float32, B×classes.
        """
        run = compiled_forward() if self.compiled and len(images) == full_size else forward
        with self.autocast():
            # bf16's 8 bits are too few for the loss.
            return run(network, images, start_stage).float()

    def on(self, device: torch.device, processes: int) -> "Hardware":
        """The same for one of several processes."""
        # Not compiled: batch normalisation exchanges numbers within the network.
        return replace(self, device=device, processes=processes, compiled=False)

    def describe(self) -> dict[str, str]:
        """What a result must carry so that others can tell why theirs differs in the last digits.

        Returns
        -------
        dict

            - device; cpu: its model as the system names it
            - instructions: the widest vector set that PyTorch's own kernels use
            - bf16: the processor's own kind, or "no"
            - blas, onednn: with versions
            - threads, precision, compiled (yes or no), python, torch, commit
            - processes: where there are several
        """
        name = f"{self.device.type}, {machine.cpu_name()}"
        if self.device.type == "cuda":
            name = torch.cuda.get_device_name(self.device)
        blas = r"(Intel.*Math Kernel Library Version \S+|OpenBLAS \S+|BLAS_INFO=\w+)"
        return {
            "device": name,
            "cpu": machine.cpu_model(),
            "instructions": torch.backends.cpu.get_cpu_capability(),
            "bf16": ", ".join(_bf16_units()) or "no",
            "blas": machine.built_with(blas),
            "onednn": machine.built_with(r"MKL-DNN v(\S+)"),
            "threads": str(torch.get_num_threads()),
            "precision": self.precision,
            "compiled": "yes" if self.compiled else "no",
            "python": platform.python_version(),
            "torch": torch.__version__,
            "commit": machine.commit(),
        } | ({"processes": str(self.processes)} if self.processes > 1 else {})


def forward(network: nn.Module, images: Tensor, start_stage: int) -> Tensor:
    """The network's logits; a plain function, so that all networks share what is compiled."""
    return network(images, start_stage)


@cache
def compiled_forward() -> Callable[[nn.Module, Tensor, int], Tensor]:
    """`forward`, compiled for each shape that it meets; so call it with full batches only.

    torch.compile finds what it has compiled by the code of `forward`, then checks types, shapes and
    modes, but not which network it is: another seed's network of the same architecture finds
    everything compiled already. Training and validation are a graph each, as are averaged weights
    (no gradients) and each unfreezing.
    """
    torch._dynamo.config.recompile_limit = GRAPHS
    # Without a C compiler, say, it goes on plain and says so.
    torch._dynamo.config.suppress_errors = True
    # Not dynamic: a graph for any number of images would be slower for every one.
    return torch.compile(forward, dynamic=False)


def choose(device: str = "auto", precision: str = "auto") -> Hardware:
    """The fastest device at hand, or the one asked for; bf16 where the processor has it.

    The network is compiled on CUDA alone: on a CPU that was measured slower. On a GPU it is not yet
    measured; benchmarks/roofline.py times it with and without.

    Raises
    ------
    FerError
        For an unknown name, or a device that this machine does not have.
    """
    one_of(device, DEVICES, "device")
    one_of(precision, PRECISIONS, "precision")
    present = {  # the fastest first
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
    # Said, and done: a matrix product took 280 times fp32's there.
    if precision == "bf16" and device == "cpu" and not has_bf16(device):
        print(
            "this processor has no bf16 and imitates it, very slowly; "
            "leave the precision out, or give fp32"
        )
    return Hardware(torch.device(device), precision, compiled=device == "cuda")


def has_bf16(device: str) -> bool:
    """Whether a kind of device (cpu, cuda, mps) multiplies bf16 itself instead of imitating it."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device == "cpu" and bool(_bf16_units())


def _bf16_units() -> list[str]:
    """What of the processor multiplies bf16; without it PyTorch imitates bf16, very slowly."""
    present = machine.cpu_capabilities()
    return [unit for unit in ("avx512_bf16", "amx_bf16") if present.get(unit)]
