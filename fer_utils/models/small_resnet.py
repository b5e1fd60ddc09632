"""A small residual network for 48×48 grey faces."""

import torch.nn.functional as F
from torch import Tensor, nn

from fer_utils.errors import FerError


class SmallResNet(nn.Module):
    """ResNet18 (He et al. 2016a) at half its width, cut to fit small faces: 2.8 M parameters.

    The stem is one 3×3 convolution of stride 2 without pooling, so that the four stages see 24, 12,
    6 and 3 pixels a side, as ResNet18's see of a 96-pixel image. Downsampling shortcuts average 2×2
    pixels before their 1×1 convolution, which then skips none (He et al. 2019, ResNet-D). Dropout
    (Srivastava et al. 2014) stands before the head.

    Left out: pre-activation, which pays in networks a hundred layers deep (He et al. 2016b);
    squeeze-and-excitation (Hu et al. 2018), a tenth more time for a step; starting each block as
    its shortcut alone (Goyal et al. 2017) and pooling the maximum beside the average (Howard &
    Gugger 2020), both of which slowed the first epoch down.

    Takes B×channels×size×size, gives logits, B×classes.
    """

    native_size = 48
    channels = 1
    mean, std = (0.5,), (0.25,)  # FER2013's training images: 0.51 and 0.25
    stages = ("stem", "stage1", "stage2", "stage3", "stage4", "head")
    widths, depths = (32, 64, 128, 256), (2, 2, 2, 2)  # filters and blocks of the four stages

    def __init__(
        self, classes: int, size: int = native_size, channels: int = 1, dropout: float = 0.2
    ):
        super().__init__()
        if size < 16:
            raise FerError(
                f"small_resnet halves its input four times; it needs at least 16 pixels, got {size}"
            )
        stem = _convolution(channels, self.widths[0], stride=2)
        self.stem = nn.Sequential(*stem, nn.ReLU(inplace=True))
        inputs, strides = (self.widths[0], *self.widths[:-1]), (1, 2, 2, 2)
        shapes = zip(inputs, self.widths, strides, self.depths, strict=True)
        self.stage1, self.stage2, self.stage3, self.stage4 = (_stage(*shape) for shape in shapes)
        pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Sequential(*pool, nn.Dropout(dropout), nn.Linear(self.widths[-1], classes))

    def forward(self, x: Tensor) -> Tensor:
        for stage in self.stages:
            x = getattr(self, stage)(x)
        return x


class Block(nn.Module):
    """Two 3×3 convolutions beside a shortcut, added, then ReLU. Stride 2 halves the side."""

    def __init__(self, inputs: int, filters: int, stride: int):
        super().__init__()
        first, second = _convolution(inputs, filters, stride), _convolution(filters, filters)
        self.residual = nn.Sequential(*first, nn.ReLU(inplace=True), *second)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != filters:
            # ceil_mode: as many pixels as the convolution leaves of an odd side
            pool = nn.AvgPool2d(stride, ceil_mode=True)
            self.shortcut = nn.Sequential(pool, *_convolution(inputs, filters, kernel=1))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.residual(x) + self.shortcut(x), inplace=True)


def _stage(inputs: int, filters: int, stride: int, depth: int) -> nn.Sequential:
    rest = [Block(filters, filters, stride=1) for _ in range(depth - 1)]
    return nn.Sequential(Block(inputs, filters, stride), *rest)


def _convolution(inputs: int, filters: int, stride: int = 1, kernel: int = 3) -> list[nn.Module]:
    # no bias: the normalisation behind it has one
    convolution = nn.Conv2d(inputs, filters, kernel, stride, padding=kernel // 2, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return [convolution, nn.BatchNorm2d(filters)]
