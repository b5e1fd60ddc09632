"""What happens where a batch does not fit into memory: it goes through the network in pieces."""

import re
from collections.abc import Callable
from typing import TypeVar

import torch

from fer_utils.distributed import ALONE, World
from fer_utils.errors import FerError

Result = TypeVar("Result")

# What a RuntimeError says: CUDA's driver and Apple's GPU; the CPU's allocator; cuBLAS and cuDNN.
OUT_OF_MEMORY = re.compile("out of memory|DefaultCPUAllocator|(CUBLAS|CUDNN)_STATUS_ALLOC_FAILED")


class MicroBatch:
    """How many images go through the network at a time: the batch, halved whenever memory runs out.

    Parameters
    ----------
    batch_size
        Images of a batch.
    world
        The processes that exchange numbers within what is computed; ALONE where none are exchanged.
    """

    def __init__(self, batch_size: int, world: World = ALONE):
        self.batch_size = self.size = batch_size
        self.world = world

    @classmethod
    def resumed(cls, batch_size: int, history: list[dict], world: World) -> "MicroBatch":
        """With the size that an interrupted run had come to: where it failed once it would again.

        Batch normalisation sees the pieces, so that a resumed run would else be another one.
        """
        micro_batch = cls(batch_size, world)
        if history:
            micro_batch.size = int(history[-1].get("micro_batch", batch_size))
        return micro_batch

    def run(
        self, compute: Callable[[int], Result], start_again: Callable[[], object] | None = None
    ) -> Result:
        """compute(size), again with half the size until it fits.

        Parameters
        ----------
        start_again
            Takes back what a failed attempt has changed, before the next one.

        Raises
        ------
        FerError
            If memory does not suffice for one image, or where several processes compute together.
        """
        while True:
            try:
                return compute(self.size)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            # Here, behind the except clause, the error no longer holds the failed step's tensors.
            if self.world.size > 1:  # the others wait inside this step and cannot begin it again
                raise FerError("out of memory; start more processes, or use a smaller batch_size")
            if self.size == 1:
                raise FerError("out of memory with one image at a time; use a smaller image_size")
            self.size = -(-self.size // 2)
            print(f"  out of memory: again with {self.size} images at a time", flush=True)
            if torch.accelerator.is_available():
                torch.accelerator.empty_cache()
            if start_again:
                start_again()

    def notes(self) -> dict[str, int]:
        """For the history: micro_batch, where it is no longer the batch."""
        return {"micro_batch": self.size} if self.size < self.batch_size else {}


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device lacked memory: PyTorch has a type for CUDA's allocator alone."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and bool(OUT_OF_MEMORY.search(str(error)))
