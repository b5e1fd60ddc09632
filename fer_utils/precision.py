"""Where float32 is needed: depthwise convolutions on a CPU, and final scores on a GPU."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class Float32Depthwise(TorchFunctionMode):
    """A context in which grouped convolutions leave autocast where gradients will pass through.

    oneDNN has no fast bf16 kernel for the gradient of a strided depthwise convolution's input, nor
    for that of a 5×5 one's weights: on an AMD EPYC (torch 2.14) they took 43 to 79 and 7 times as
    long as in float32, half the time of a step of MobileNetV2's last two stages. Without gradients
    nothing changes: forward passes are faster in bf16.
    """

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Collection[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Called by PyTorch in place of each of its functions."""
        kwargs = kwargs or {}
        if function is torch.conv2d and torch.is_grad_enabled():
            # nn.Conv2d gives it by position, other callers by name
            groups = kwargs.get("groups", args[6] if len(args) > 6 else 1)
            if groups > 1 and any(tensor.requires_grad for tensor in args[:2]):
                with torch.autocast("cpu", enabled=False):
                    return function(args[0].float(), *args[1:], **kwargs)
        return function(*args, **kwargs)


@contextmanager
def exact_fp32() -> Iterator[None]:
    """Inside, CUDA multiplies float32 in float32.

    By default cuDNN's convolutions round to TF32, whose mantissa has 10 bits.
    """
    backends: tuple[Any, ...] = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [backend.allow_tf32 for backend in backends]
    try:
        for backend in backends:
            backend.allow_tf32 = False
        yield
    finally:
        for backend, allowed in zip(backends, before, strict=True):
            backend.allow_tf32 = allowed
