"""What happens where a batch does not fit into memory: it goes through the network in pieces."""

import re
from collections.abc import Callable
from typing import TypeVar

import torch

from fer_utils.distributed import World
from fer_utils.errors import FerError

Result = TypeVar("Result")

# What a RuntimeError says: CUDA's driver and Apple's GPU; the CPU's allocator; cuBLAS and cuDNN.
OUT_OF_MEMORY = re.compile("out of memory|DefaultCPUAllocator|(CUBLAS|CUDNN)_STATUS_ALLOC_FAILED")


class MicroBatch:
    """How many images go through the network at a time: the batch, halved whenever memory runs out.

    history: an interrupted run goes on with the size that it had come to. start_again: brings the
    training back to the start of the epoch, which is then computed anew.
    """

    def __init__(
        self, batch_size: int, history: list[dict], world: World, start_again: Callable[[], object]
    ):
        self.batch_size = batch_size
        self.size = int((history or [{}])[-1].get("micro_batch", batch_size))
        self.world, self.start_again = world, start_again

    def fit(self, epoch: Callable[[int], Result]) -> Result:
        """epoch(size), again with half the size until it fits. Raises FerError if one image does not."""
        while True:
            try:
                return epoch(self.size)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            # Here, behind the except clause, the error no longer holds the failed step's tensors.
            if self.world.size > 1:  # the others wait inside this step and cannot begin it again
                raise FerError("out of memory; start more processes, or use a smaller batch_size")
            if self.size == 1:
                raise FerError("out of memory with one image at a time; use a smaller image_size")
            self.size = -(-self.size // 2)
            if torch.accelerator.is_available():
                torch.accelerator.empty_cache()
            self.start_again()

    def notes(self) -> dict[str, int]:
        """For the history: micro_batch, where it is no longer the batch."""
        return {"micro_batch": self.size} if self.size < self.batch_size else {}


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device lacked memory: PyTorch has a type for CUDA's allocator alone."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and bool(OUT_OF_MEMORY.search(str(error)))
