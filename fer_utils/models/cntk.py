"""CNTK's ResNet18 for ImageNet, whose weights can be had without the internet: they are kept here.

Microsoft publishes it (MIT) without its classifier, inside the NuGet package
`Microsoft.ML.DnnImageFeaturizer.ResNet18`. It has the blocks 2-2-2-3, one more in the last stage
than torchvision's and the reports' resnet18. `RESNET18_CNTK` leaves that block out and is exactly
their network; stem and the first three stages, which report A freezes, are untouched, and the last
stage is trained anyway. `RESNET18_CNTK_WHOLE` keeps it, as a check.

To write the converted file that this repository holds:

    python -m fer_utils.models.cntk ResNet18.onnx data/weights/resnet18_cntk.safetensors
"""

import sys
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from fer_utils import io
from fer_utils.errors import FerError
from fer_utils.models.backbone import Backbone
from fer_utils.models.torchvision_models import IMAGENET, cut_resnet, published

if TYPE_CHECKING:
    from torchvision.models import ResNet

PACKAGE = "Microsoft.ML.DnnImageFeaturizer.ResNet18"
GRAPH = "ResNet18.onnx"  # its name inside the package
BLOCKS = (2, 2, 2, 3)  # per stage; torchvision's resnet18 has 2 in the last
LAST_BLOCK = tuple(f"layer4.2.{part}" for part in ("conv1", "bn1", "conv2", "bn2"))
MEAN = (123.152 / 255, 115.903 / 255, 103.063 / 255)  # RGB, of the package's mean picture
STD = IMAGENET[1]
BATCH_NORM = ("weight", "bias", "running_mean", "running_var")  # the order of ONNX's inputs


def _published_whole() -> "ResNet":
    # here, for the same reason as in torchvision_models
    from torchvision.models.resnet import BasicBlock, ResNet

    return ResNet(BasicBlock, list(BLOCKS))


RESNET18_CNTK = Backbone(
    published("resnet18"), cut_resnet, 224, MEAN, STD, unused=("fc", *LAST_BLOCK)
)
RESNET18_CNTK_WHOLE = Backbone(_published_whole, cut_resnet, 224, MEAN, STD)


def read_cntk(path: Path) -> dict[str, Tensor]:
    """The tensors of the ONNX file, or of the NuGet package around it, under torchvision's names.

    The graph takes BGR in 0..255 minus a mean picture. The first convolution is rewritten for what
    torchvision's networks take, RGB in 0..1 minus MEAN, divided by ImageNet's standard deviation:
    its input channels are turned round and multiplied by 255·std. That is exact but for the mean
    picture, of which one value per channel is left (its pixels differ from MEAN by 3 to 6 of 255).

    Returns
    -------
    float32 tensors of `ResNet(BasicBlock, [2, 2, 2, 3])` without `fc`: 11.2 M values of the
    reports' ResNet18 and 4.7 M of its additional block `layer4.2`.

    Raises
    ------
    FerError
        for a file that is neither, or whose graph is another network's, and without `onnx`.
    """
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError:
        raise FerError(
            f"{path}: reading ONNX files needs onnx; install it with: pip install onnx"
        ) from None
    stored = _graph_of(path)
    try:
        graph = onnx.load_from_string(stored).graph
    except Exception as error:  # protobuf's DecodeError is no ValueError in all its versions
        raise FerError(f"{path}: cannot be read as an ONNX network: {error}") from None
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    layers = [node for node in graph.node if node.op_type in ("Conv", "BatchNormalization")]
    names = list(_layer_names())
    if len(layers) != len(names):
        raise FerError(
            f"{path}: not CNTK's ResNet18: {len(layers)} convolutions and batch normalisations, "
            f"not {len(names)}"
        )
    tensors = {}
    for name, node in zip(names, layers, strict=True):
        kinds = BATCH_NORM if node.op_type == "BatchNormalization" else ("weight",)
        # by place: ONNX fixes the order of a layer's inputs, the first of which is what it works on
        for kind, value in zip(kinds, node.input[1:], strict=True):
            tensors[f"{name}.{kind}"] = torch.from_numpy(values[value].astype(np.float32))
    scale = 255 * torch.tensor(STD).view(1, 3, 1, 1)
    tensors["conv1.weight"] = tensors["conv1.weight"].flip(1) * scale
    return tensors


def _graph_of(path: Path) -> bytes:
    if path.suffix != ".nupkg":
        return path.read_bytes()
    try:
        with zipfile.ZipFile(path) as package:
            inside = [name for name in package.namelist() if Path(name).name == GRAPH]
            if not inside:
                raise FerError(f"{path}: holds no {GRAPH}; the package is {PACKAGE}")
            return package.read(inside[0])
    except zipfile.BadZipFile as error:
        raise FerError(f"{path}: cannot be read as a NuGet package: {error}") from None


def _layer_names() -> Iterator[str]:
    """In the graph's order: where a block has a shortcut with weights, this comes first."""
    yield from ("conv1", "bn1")
    for stage, blocks in enumerate(BLOCKS, 1):
        for block in range(blocks):
            parts = ["conv1", "bn1", "conv2", "bn2"]
            if stage > 1 and block == 0:
                parts = ["downsample.0", "downsample.1", *parts]
            yield from (f"layer{stage}.{block}.{part}" for part in parts)


def convert(path: Path, target: Path) -> None:
    """Writes the reports' ResNet18, without `layer4.2`, as safetensors.

    Convolutions are rounded to float16, which halves the file; batch normalisation stays float32,
    since the variances of the first layers leave float16's range.
    """
    from safetensors.torch import save_file

    kept = {
        # contiguous: safetensors takes nothing else
        name: (tensor.half() if tensor.ndim == 4 else tensor).contiguous()
        for name, tensor in read_cntk(path).items()
        if name.rpartition(".")[0] not in LAST_BLOCK
    }
    about = {
        "origin": f"NuGet: {PACKAGE} 0.23.1, {GRAPH}, without its last block (layer4.2)",
        "licence": "MIT, Copyright (c) .NET Foundation and Contributors",
        "sha256": sha256(_graph_of(path)).hexdigest(),
    }
    with io.atomic_file(target) as part:
        save_file(kept, part, metadata=about)


if __name__ == "__main__":
    convert(*map(Path, sys.argv[1:]))
