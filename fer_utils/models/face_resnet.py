"""The face-recognition ResNet of dlib (face_recognition_resnet_model_v1), as ported to face-api.

Trained on some three million faces to tell people apart: 150×150 RGB in, 128 numbers out, in which
two pictures of one person lie nearer (about 0.6 apart at most) than pictures of two. Its batch
normalisation is folded into a scale and a bias per channel, so there are no statistics to update.
"""

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fer_utils.models.backbone import Backbone

# dlib's mean face and divisor were stated for intensities in 0..255
MEAN, STD = (122.782 / 255, 117.001 / 255, 104.298 / 255), (256 / 255,) * 3


class Scale(nn.Module):
    """A factor and a bias for each channel."""

    def __init__(self, channels: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight.view(-1, 1, 1) + self.bias.view(-1, 1, 1)


class ConvScale(nn.Module):
    """Convolution and scale; padded at stride 1 so that the side stays, at stride 2 not at all."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1):
        super().__init__()
        padding = kernel // 2 if stride == 1 else 0  # as dlib does
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding)
        self.scale = Scale(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.scale(self.conv(x))


class Residual(nn.Module):
    """Two convolutions beside a shortcut.

    Where the side is halved, the shortcut is averaged 2×2 and widened.
    The unpadded convolution may come out a pixel smaller than the shortcut: zeros fill it up on the
    right and below. New channels of the shortcut are zeros too.
    """

    def __init__(self, inputs: int, outputs: int, halve: bool = False):
        super().__init__()
        self.conv1 = ConvScale(inputs, outputs, stride=2 if halve else 1)
        self.conv2 = ConvScale(outputs, outputs)
        self.halve = halve

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(F.relu(self.conv1(x)))
        if self.halve:
            x = F.avg_pool2d(x, 2)
            y = F.pad(y, (0, x.shape[-1] - y.shape[-1], 0, x.shape[-2] - y.shape[-2]))
            x = F.pad(x, (0, 0, 0, 0, 0, y.shape[1] - x.shape[1]))
        return F.relu(x + y)


class GlobalMean(nn.Module):
    """B×C×H×W → B×C, the mean over all pixels."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


def face_resnet() -> nn.Sequential:
    """The published network, B×3×150×150 → B×128, its parts named as in the public weights."""
    down = ConvScale(3, 32, kernel=7, stride=2)
    parts: OrderedDict[str, nn.Module] = OrderedDict(conv32_down=down)
    parts["pool"] = nn.Sequential(nn.ReLU(), nn.MaxPool2d(3, stride=2))
    parts |= {f"conv32_{i}": Residual(32, 32) for i in (1, 2, 3)}
    for inputs, outputs, blocks in ((32, 64, 3), (64, 128, 2), (128, 256, 2)):
        parts[f"conv{outputs}_down"] = Residual(inputs, outputs, halve=True)
        parts |= {f"conv{outputs}_{i}": Residual(outputs, outputs) for i in range(1, blocks + 1)}
    parts["conv256_down_out"] = Residual(256, 256, halve=True)
    parts["mean"] = GlobalMean()
    parts["fc"] = nn.Linear(256, 128, bias=False)
    return nn.Sequential(parts)


def _cut(network: nn.Sequential) -> dict[str, nn.Sequential]:
    """Stages stem, conv32 to conv256, fc."""
    parts = dict(network.named_children())
    stages = {"stem": nn.Sequential(parts["conv32_down"], *parts["pool"].children())}
    for width in (32, 64, 128, 256):
        names = [name for name in parts if name.startswith(f"conv{width}_")]
        stages[f"conv{width}"] = nn.Sequential(*(parts[name] for name in names))
    # without conv32_down; a slice keeps its numbers, and checkpoints know these layers as 1, 2, 3
    stages["conv32"] = stages["conv32"][1:]
    return stages | {"fc": nn.Sequential(parts["mean"], parts["fc"])}


# of fewer than 103 pixels the last halving would leave less than its 3×3 convolution takes
FACE_RESNET = Backbone(face_resnet, _cut, 150, MEAN, STD, sizes=(103, 1024))
