"""One run computed by several processes, which torchrun starts, on one machine or on several.

The batch of an experiment is that of all processes together and each has its shard of it, so that an id names the
same run whatever their number: the same images in every step, and gradients, batch normalisation and scores of all
of them. Dropout and augmentation alone are drawn by each process for its own shard.

Lightning Fabric starts the processes and gives each its device. The gradients are summed by one call in sight, not
by DistributedDataParallel: that fixes at its start which parameters learn, which unfreezing changes, and takes the
mean over processes, whose shards may differ by an image. (Fabric's own all_reduce waits with a barrier each time.)
"""

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from functools import cache
from typing import TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

from fer_utils import devices
from fer_utils.errors import FerError

Value = TypeVar("Value")


class World:
    """The processes that compute a run together, and this one's place among them; alone, it changes nothing.

    Every process must call `sum`, `gather` and `broadcast` in the same order. rank: 0 … size - 1.
    """

    def __init__(self, fabric=None):
        self.fabric = fabric
        self.rank, self.size = (fabric.global_rank, fabric.world_size) if fabric else (0, 1)

    @property
    def is_main(self) -> bool:
        """Whether this is the one process that reads and writes results and prints."""
        return self.rank == 0

    def place(self, count: int) -> slice:
        """Where this process's shard of `count` rows is; the shards' sizes differ by at most 1, and may be 0."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def shard(self, rows: Tensor) -> Tensor:
        return rows[self.place(len(rows))]

    def pieces(self, count: int, at_a_time: int) -> Iterator[slice]:
        """Cuts this process's shard of `count` rows into pieces, equally many in every process.

        at_a_time: rows of all processes together in a piece; a shard's last pieces may be empty.
        """
        largest, size = (-(-rows // self.size) for rows in (count, at_a_time))
        return (slice(start, start + size) for start in range(0, largest, size))

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        if self.fabric:
            distributed.all_reduce(tensor)
        return tensor

    def gather(self, rows: Tensor, count: int) -> Tensor:
        """All `count` rows in order, of which each process has computed its shard."""
        if not self.fabric:
            return rows
        everything = rows.new_zeros(count, *rows.shape[1:])
        everything[self.place(count)] = rows
        return self.sum(everything)

    def sum_gradients(self, network: nn.Module) -> None:
        """The gradients of a batch from those of its shards: added, in a single exchange."""
        if not self.fabric:
            return
        gradients = [
            parameter.grad for parameter in network.parameters() if parameter.grad is not None
        ]
        flat = self.sum(torch.cat([gradient.reshape(-1) for gradient in gradients]))
        for gradient, summed in zip(
            gradients, flat.split([g.numel() for g in gradients]), strict=True
        ):
            gradient.copy_(summed.view_as(gradient))

    def broadcast(self, value: Value) -> Value:
        """The first process's value, whatever this one's is."""
        return self.fabric.broadcast(value) if self.fabric else value

    def main_process_first(self) -> AbstractContextManager:
        """What is inside is done by one process of each machine, then by the others."""
        return self.fabric.rank_zero_first(local=True) if self.fabric else nullcontext()

    def placed(self, hardware: devices.Hardware) -> devices.Hardware:
        """The hardware with this process's own device."""
        return hardware.on(self.fabric.device, self.size) if self.fabric else hardware

    def synchronise(self, network: nn.Module) -> None:
        """Has the network normalise over the whole batch. Raises FerError for a kind of layer not known here."""
        if not self.fabric:
            return
        layers = [module for module in network.modules() if isinstance(module, _BatchNorm)]
        if strange := {type(layer).__name__ for layer in layers} - {"BatchNorm2d"}:
            raise FerError(
                f"{', '.join(strange)} cannot be computed by several processes; start one"
            )
        if self.fabric.device.type == "cuda":
            nn.SyncBatchNorm.convert_sync_batchnorm(network)
            return
        for layer in layers:
            layer.__class__ = BatchNorm  # the same parameters, which the optimiser holds already


ALONE = World()


def join(device: str) -> World:
    """The world that torchrun has started this process in; ALONE without it. Raises FerError."""
    return (
        ALONE
        if os.environ.get("WORLD_SIZE", "1") == "1"
        else _launched(devices.choose(device).device.type)
    )


def is_main_process() -> bool:
    """Whether this process is the one that prints, known before it has joined the others."""
    return os.environ.get("RANK", "0") == "0"


@cache
def _launched(kind: str) -> World:
    try:
        from lightning_fabric import Fabric
    except ImportError:
        raise FerError(
            "several processes need the extra cluster: pip install -e '.[cluster]'"
        ) from None
    here = int(os.environ["LOCAL_WORLD_SIZE"])
    if kind == "mps" or (kind == "cuda" and torch.cuda.device_count() < here):
        raise FerError(
            f"{here} processes on this machine need a CUDA device each; start fewer, or use --device cpu"
        )
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    nodes = int(os.environ["WORLD_SIZE"]) // here
    fabric = Fabric(accelerator=kind, devices=here, num_nodes=nodes, strategy="ddp")
    fabric.launch()
    return World(fabric)


@contextmanager
def failing_together() -> Iterator[None]:
    """An error of one process ends all of them, and only the first to fail says why."""
    try:
        yield
    except Exception as error:
        size = os.environ.get("WORLD_SIZE", "1")
        if size != "1" and not _first_to_fail():
            raise SystemExit(
                2
            ) from None  # most likely it only lost its connection to the one that failed
        if size != "1" and isinstance(error, FerError):
            raise FerError(
                f"process {os.environ['RANK']} of {size} on {socket.gethostname()}: {error}"
            ) from None
        raise


def _first_to_fail() -> bool:
    try:
        place = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        store = distributed.TCPStore(*place, timeout=timedelta(seconds=10))
        return store.add(f"failed/{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", 1) == 1
    except RuntimeError:  # the process that held the store has gone
        return False


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation of B×C×H×W over the batch of all processes, with its gradient; on any device.

    PyTorch's SyncBatchNorm does the same, faster, but refuses tensors on the CPU.
    """

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        mean_so_far, variance_so_far, batches = (
            self.running_mean,
            self.running_var,
            self.num_batches_tracked,
        )
        if (
            mean_so_far is None
            or variance_so_far is None
            or batches is None
            or self.momentum is None
        ):
            raise FerError(
                "several processes need batch normalisation with running means and a momentum; start one"
            )
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        pixels = wide.new_tensor([x.numel() // x.shape[1]])
        total, count = Sum.apply(torch.cat([wide.sum((0, 2, 3)), pixels])).split([x.shape[1], 1])
        mean = total / count
        centred = wide - mean.view(1, -1, 1, 1)
        variance = Sum.apply(centred.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            batches += 1
            mean_so_far.lerp_(mean, self.momentum)
            variance_so_far.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        return torch.addcmul(self.bias.view(1, -1, 1, 1), centred, scale.view(1, -1, 1, 1)).to(
            x.dtype
        )


class Sum(torch.autograd.Function):
    """The sum over all processes; what it passes back is summed too, since every process's loss depends on it."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        x = x.clone()
        distributed.all_reduce(x)
        return x

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        return Sum.forward(ctx, gradient)
