"""Depthwise convolutions, whose gradients a CPU computes faster in float32 than in bf16.

oneDNN has no fast bf16 kernel for the gradient of a strided one's input, nor for that of a 5×5 one's weights: on an
AMD EPYC (torch 2.14) they took 43 to 79 and 7 times as long as in float32, half the time of a step of MobileNetV2's
last two stages.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class Float32Depthwise(TorchFunctionMode):
    """A context in which grouped convolutions leave autocast where gradients will pass through them.

    Without gradients nothing changes: forward passes are faster in bf16.
    """

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if function is torch.conv2d and torch.is_grad_enabled():
            groups = kwargs.get("groups", args[6] if len(args) > 6 else 1)
            if groups > 1 and any(tensor.requires_grad for tensor in args[:2]):
                with torch.autocast("cpu", enabled=False):
                    return function(args[0].float(), *args[1:], **kwargs)
        return function(*args, **kwargs)


@contextmanager
def exact_fp32() -> Iterator[None]:
    """Inside, CUDA multiplies float32 in float32. By default cuDNN's convolutions round to TF32 (10 bits)."""
    backends: tuple[Any, ...] = (torch.backends.cudnn, torch.backends.cuda.matmul)
    before = [backend.allow_tf32 for backend in backends]
    try:
        for backend in backends:
            backend.allow_tf32 = False
        yield
    finally:
        for backend, allowed in zip(backends, before, strict=True):
            backend.allow_tf32 = allowed
