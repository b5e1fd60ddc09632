"""EfficientNet-Lite0 and 1: without squeeze-and-excitation and with ReLU6, for small devices.

The public weights were trained in TensorFlow, whose "same" padding is uneven at stride 2, and whose
batch normalisation adds 1e-3 to the variance; with PyTorch's habits the same weights classify
worse.
"""

import math
from collections import OrderedDict

import torch.nn.functional as F
from torch import Tensor, nn

from fer_utils.models.backbone import Backbone

HALF = (0.5,) * 3, (0.5,) * 3  # mean, std: from 0..1 to -1..1
# expansion, output channels, blocks of Lite0, stride of the first, kernel size
ROWS = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)


class SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow's "same" to ⌈side / stride⌉ pixels, the odd one last."""

    def forward(self, x: Tensor) -> Tensor:
        totals = [
            max((math.ceil(side / stride) - 1) * stride + kernel - side, 0)
            for side, kernel, stride in zip(x.shape[2:], self.kernel_size, self.stride, strict=True)
        ]
        # this copies the images, which padding by the same number on both sides does not
        if any(total % 2 for total in totals):
            # F.pad counts from the last dimension: width first, then height
            x = F.pad(x, [0, totals[1] % 2, 0, totals[0] % 2])
        half = [total // 2 for total in totals]
        return F.conv2d(x, self.weight, self.bias, self.stride, half, self.dilation, self.groups)


def _normalised(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    convolution = SameConv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(outputs, eps=1e-3)]


class Block(nn.Module):
    """Inverted residual: 1×1 expansion, depthwise convolution, 1×1 projection.

    A shortcut is added where the shapes allow.
    """

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int, kernel: int):
        super().__init__()
        inner = inputs * expansion
        widened = [*_normalised(inputs, inner, 1), nn.ReLU6()] if expansion > 1 else []
        filtered = [*_normalised(inner, inner, kernel, stride, groups=inner), nn.ReLU6()]
        self.layers = nn.Sequential(*widened, *filtered, *_normalised(inner, outputs, 1))
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.shortcut else self.layers(x)


def efficientnet_lite(depth: float) -> nn.Sequential:
    """The published network: B×3×H×W → B×1000 logits of ImageNet, as a sequence of named parts.

    depth: 1.0 for Lite0, 1.1 for Lite1; it multiplies the blocks of every row but the first and
    the last.
    """
    stem = nn.Sequential(*_normalised(3, 32, 3, stride=2), nn.ReLU6())
    parts: OrderedDict[str, nn.Module] = OrderedDict(stem=stem)
    inputs = 32
    for number, (expansion, outputs, blocks, stride, kernel) in enumerate(ROWS, start=1):
        # as TensorFlow's code rounds: 1.1 times 2 blocks are 3
        repeats = blocks if number in (1, len(ROWS)) else math.ceil(blocks * depth)
        row = [Block(inputs, outputs, expansion, stride, kernel)]
        row += [Block(outputs, outputs, expansion, 1, kernel) for _ in range(repeats - 1)]
        parts[f"row{number}"] = nn.Sequential(*row)
        inputs = outputs
    parts["top"] = nn.Sequential(*_normalised(320, 1280, 1), nn.ReLU6())
    parts["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    parts["classifier"] = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, 1000))
    return nn.Sequential(parts)


def _cut_lite(network: nn.Sequential) -> dict[str, nn.Sequential]:
    """Stages stem, stage1 to stage4, classifier: rows at one resolution are one stage."""
    parts = dict(network.named_children())
    rows = [parts[f"row{number}"] for number in range(1, len(ROWS) + 1)]
    return {
        "stem": nn.Sequential(parts["stem"], rows[0]),
        "stage1": nn.Sequential(rows[1]),
        "stage2": nn.Sequential(rows[2]),
        "stage3": nn.Sequential(rows[3], rows[4]),
        "stage4": nn.Sequential(rows[5], rows[6], parts["top"]),
        "classifier": nn.Sequential(*parts["pool"].children(), *parts["classifier"].children()),
    }


EFFICIENTNET_LITE0 = Backbone(
    lambda: efficientnet_lite(1.0), _cut_lite, 224, *HALF, unused=("classifier.1",)
)
EFFICIENTNET_LITE1 = Backbone(
    lambda: efficientnet_lite(1.1), _cut_lite, 240, *HALF, unused=("classifier.1",)
)
