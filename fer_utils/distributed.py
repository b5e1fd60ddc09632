"""One run computed by several processes, which torchrun starts, on one machine or on several.

The batch of an experiment is that of all processes together and each has its shard of it, so that
an id names the same run whatever their number: the same images in every step, and gradients, batch
normalisation and scores of all of them. Dropout and augmentation alone are drawn by each process
for its own shard.

The gradients are summed by one call in sight, not by DistributedDataParallel: that fixes at its
start which parameters learn, which unfreezing changes, and takes the mean over processes, whose
shards may differ by an image.
"""

import atexit
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.modules.batchnorm import _BatchNorm

from fer_utils import devices
from fer_utils.errors import FerError
from fer_utils.sync_batch_norm import BatchNorm

Value = TypeVar("Value")

TIMEOUT = timedelta(minutes=30)  # of an exchange; NCCL's own 10 are few where one prepares the data


@dataclass(frozen=True)
class World:
    """The processes that compute a run together, and this one's place among them.

    Alone, it changes nothing. Every process must call `sum`, `gather`, `broadcast` and
    `main_process_first` in the same order.

    Parameters
    ----------
    rank
        This process's number, 0 … size - 1.
    local_rank
        Its number on its own machine.
    device
        Its own device; None where it is alone.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    device: torch.device | None = None

    @property
    def is_main(self) -> bool:
        """Whether this is the one process that reads and writes results and prints."""
        return self.rank == 0

    def place(self, count: int) -> slice:
        """Where this process's shard of `count` rows is.

        The shards' sizes differ by at most 1, and may be 0.
        """
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def shard(self, rows: Tensor) -> Tensor:
        """This process's part of the rows of a batch, or of a split."""
        return rows[self.place(len(rows))]

    def pieces(self, count: int, at_a_time: int) -> Iterator[slice]:
        """Cuts this process's shard of `count` rows into pieces, equally many in every process.

        at_a_time: rows of all processes together in a piece. A shard's last pieces may be empty:
        batch normalisation exchanges numbers in each, so none may have fewer than the others.
        """
        largest, size = (-(-rows // self.size) for rows in (count, at_a_time))
        return (slice(start, start + size) for start in range(0, largest, size))

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        if self.size > 1:
            distributed.all_reduce(tensor)
        return tensor

    def gather(self, rows: Tensor, count: int) -> Tensor:
        """All `count` rows in order, of which each process has computed its shard."""
        if self.size == 1:
            return rows
        # As a sum with zeros: all_gather wants shards of one size, and all_reduce is everywhere.
        all_rows = rows.new_zeros(count, *rows.shape[1:])
        all_rows[self.place(count)] = rows
        return self.sum(all_rows)

    def sum_gradients(self, network: nn.Module) -> None:
        """The gradients of a batch from those of its shards: added, in a single exchange."""
        if self.size == 1:
            return
        # A frozen stage has none, in every process alike, so that all send the same numbers.
        gradients = [
            parameter.grad for parameter in network.parameters() if parameter.grad is not None
        ]
        flat = self.sum(torch.cat([gradient.reshape(-1) for gradient in gradients]))
        parts = flat.split([gradient.numel() for gradient in gradients])
        for gradient, summed in zip(gradients, parts, strict=True):
            gradient.copy_(summed.view_as(gradient))

    def broadcast(self, value: Value) -> Value:
        """The first process's value, whatever this one's is."""
        if self.size == 1:
            return value
        values = [value]  # pickled on the way, so it may be a dictionary of tensors too
        distributed.broadcast_object_list(values, device=self.device)
        return values[0]

    @contextmanager
    def main_process_first(self) -> Iterator[None]:
        """What is inside is done by one process of each machine, then by the others."""
        if self.size > 1 and self.local_rank > 0:
            distributed.barrier()
        yield
        if self.size > 1 and self.local_rank == 0:
            distributed.barrier()

    def placed(self, hardware: devices.Hardware) -> devices.Hardware:
        """The hardware with this process's own device."""
        return hardware.on(self.device, self.size) if self.device else hardware

    def synchronise(self, network: nn.Module) -> None:
        """Has the network normalise over the whole batch.

        Raises
        ------
        FerError
            For a kind of batch normalisation that is not known here.
        """
        if self.size == 1:
            return
        layers = [module for module in network.modules() if isinstance(module, _BatchNorm)]
        if strange := {type(layer).__name__ for layer in layers} - {"BatchNorm2d"}:
            raise FerError(
                f"{', '.join(strange)} cannot be computed by several processes; start one"
            )
        if self.device and self.device.type == "cuda":
            nn.SyncBatchNorm.convert_sync_batchnorm(network)
            return
        for layer in layers:
            # The same parameters, which an optimizer or an average may hold already.
            layer.__class__ = BatchNorm


ALONE = World()


def join(device: str) -> World:
    """The world that torchrun has started this process in; ALONE without it. Raises FerError."""
    if os.environ.get("WORLD_SIZE", "1") == "1":  # a single process exchanges nothing
        return ALONE
    return _joined(devices.choose(device).device.type)


def is_main_process() -> bool:
    """Whether this process is the one that prints, known before it has joined the others."""
    return os.environ.get("RANK", "0") == "0"


@cache  # a process can join once, but may compute several runs
def _joined(kind: str) -> World:
    """Joins the others; torchrun's environment says where they meet."""
    local_rank, local_size = (int(os.environ[f"LOCAL_{name}"]) for name in ("RANK", "WORLD_SIZE"))
    if kind == "mps" or (kind == "cuda" and torch.cuda.device_count() < local_size):
        raise FerError(
            f"{local_size} processes on this machine need a CUDA device each; start fewer, "
            "or use --device cpu"
        )
    device = torch.device(kind, local_rank) if kind == "cuda" else torch.device(kind)
    if kind == "cuda":
        torch.cuda.set_device(device)  # NCCL's exchanges use the current one
    distributed.init_process_group("nccl" if kind == "cuda" else "gloo", timeout=TIMEOUT)
    atexit.register(distributed.destroy_process_group)
    return World(distributed.get_rank(), distributed.get_world_size(), local_rank, device)


@contextmanager
def failing_together() -> Iterator[None]:
    """An error of one process ends all of them, and only the first to fail says why."""
    try:
        yield
    except Exception as error:
        size = os.environ.get("WORLD_SIZE", "1")
        if size != "1" and not _first_to_fail():
            # most likely it only lost its connection to the one that failed
            raise SystemExit(2) from None
        if size != "1" and isinstance(error, FerError):
            raise FerError(
                f"process {os.environ['RANK']} of {size} on {socket.gethostname()}: {error}"
            ) from None
        raise


def _first_to_fail() -> bool:
    # The store at which the processes met; torchrun itself holds it, most often.
    place = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    try:
        store = distributed.TCPStore(*place, timeout=timedelta(seconds=10))
        return store.add(f"failed/{attempt}", 1) == 1
    except RuntimeError:  # the process that held the store has gone
        return False
