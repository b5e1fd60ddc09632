"""Batch normalisation over the batch of several processes, also on a CPU."""

from typing import Any

import torch
from torch import Tensor, distributed, nn

from fer_utils.errors import FerError


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation of B×C×H×W over the batch of all processes, with its gradient.

    PyTorch's SyncBatchNorm does the same, faster, but refuses tensors on the CPU.
    """

    def forward(self, x: Tensor) -> Tensor:
        """In training mode every process must call it, also with no image at all."""
        if not self.training:
            return super().forward(x)
        mean_so_far, variance_so_far = self.running_mean, self.running_var
        batches, momentum = self.num_batches_tracked, self.momentum
        if mean_so_far is None or variance_so_far is None or batches is None or momentum is None:
            raise FerError(
                "several processes need batch normalisation with running means and a momentum; "
                "start one"
            )
        # In bf16 a sum over so many pixels would keep no digit of the variance.
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        pixels = wide.new_tensor([x.numel() // x.shape[1]])
        total, count = Sum.apply(torch.cat([wide.sum((0, 2, 3)), pixels])).split([x.shape[1], 1])
        mean = total / count
        # In two exchanges: E[x²] - E[x]² would take one, but cancels digits.
        centred = wide - mean.view(1, -1, 1, 1)
        variance = Sum.apply(centred.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            batches += 1
            # As nn.BatchNorm2d does it: the running variance alone is the unbiased one.
            mean_so_far.lerp_(mean, momentum)
            variance_so_far.lerp_(variance * count / (count - 1), momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        normalised = torch.addcmul(self.bias.view(1, -1, 1, 1), centred, scale.view(1, -1, 1, 1))
        return normalised.to(x.dtype)


class Sum(torch.autograd.Function):
    """The sum over all processes.

    What it passes back is summed too, since every process's loss depends on it.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """A new tensor: autograd must not find its input changed."""
        x = x.clone()
        distributed.all_reduce(x)
        return x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """The sum of the gradients of all processes."""
        return Sum.forward(ctx, gradient)
