"""The forward pass, compiled once for each architecture and process, however many seeds follow one another.

torch.compile finds what it has compiled by the code of `forward`, and then checks types, shapes and modes but not
which network it is: another seed's network of the same architecture finds everything compiled already. Training
and validation are a form each, as are averaged weights (they have no gradients) and each thaw.
"""

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn

FORMS = 64  # kept at a time; torch's 8 are too few for a study of several networks


def forward(network: nn.Module, images: Tensor, done: int) -> Tensor:
    return network(images, done)


@cache
def compiled() -> Callable[[nn.Module, Tensor, int], Tensor]:
    """`forward`, compiled for each shape that it meets; so call it with whole batches and not with the last one."""
    torch._dynamo.config.recompile_limit = FORMS
    torch._dynamo.config.suppress_errors = True  # without a C compiler, say, it goes on plain and says so
    return torch.compile(forward, dynamic=False)
