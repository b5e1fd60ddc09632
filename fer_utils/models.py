"""The networks. Each knows its input and its stages from stem to head."""

import torch
from torch import Tensor, nn

from fer_utils import weights
from fer_utils.backbones import BACKBONES, find_backbone
from fer_utils.data.loader import Preprocess
from fer_utils.errors import FerError, one_of
from fer_utils.resnet import SmallResNet

IN_CACHE = 8 * 224**2  # pixels: twice as fast for MobileNetV2 as batches of 64 (benchmarks/transfer.py)


class CNN(nn.Module):
    """Report A's small network: three blocks of convolution, batch normalisation, ReLU and pooling.

    3×3 convolutions with padding and 32, 64, 128 filters, each pooled 2×2; dropout 0.5; fully connected
    512 with ReLU; fully connected to the classes. Takes B×channels×size×size, gives logits B×classes.
    """

    native_size = 48
    channels = 1
    mean, std = (0.5,), (0.5,)  # the report names normalisation without figures; these map 0..1 to -1..1
    stages = ("block1", "block2", "block3", "hidden", "head")

    def __init__(self, classes: int, size: int = native_size, channels: int = 1, dropout: float = 0.5):
        super().__init__()
        if size < 8:
            raise FerError(f"the CNN halves its input three times; it needs at least 8 pixels, got {size}")
        self.block1 = self._block(channels, 32)
        self.block2 = self._block(32, 64)
        self.block3 = self._block(64, 128)
        features = 128 * (size // 8) ** 2
        self.hidden = nn.Sequential(nn.Flatten(), nn.Dropout(dropout), nn.Linear(features, 512), nn.ReLU())
        self.head = nn.Linear(512, classes)

    @staticmethod
    def _block(inputs: int, filters: int) -> nn.Sequential:
        convolution = nn.Conv2d(inputs, filters, kernel_size=3, padding=1)
        return nn.Sequential(convolution, nn.BatchNorm2d(filters), nn.ReLU(), nn.MaxPool2d(2))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.hidden(self.block3(self.block2(self.block1(x)))))


MODELS = {"cnn": CNN, "small_resnet": SmallResNet} | BACKBONES


def check_model(name: str, size: int | None = None) -> None:
    """Raises FerError for a name that is neither in MODELS nor of the form timm:<name>, or a size out of range."""
    if not name.startswith("timm:"):
        one_of(name, [*MODELS, "timm:<name>"], "model")
    if name in BACKBONES:
        BACKBONES[name].check_size(size)


class Network(nn.Module):
    """Preprocessing and a network in one: uint8 images B×C×H×W in, logits B×classes out.

    size (pixels), channels, dropout: None is the network's own. A model that has pretrained weights starts from
    them, and `origin` tells which; pretrained=False is for a network whose trained state is loaded next.
    Raises FerError for an unknown name, a size that does not fit, or weights that are missing or do not fit.
    """

    def __init__(
        self,
        name: str,
        classes: int,
        size: int | None = None,
        channels: int | None = None,
        dropout: float | None = None,
        pretrained: bool = True,
    ):
        super().__init__()
        check_model(name)
        architecture = MODELS.get(name) or find_backbone(name)
        size = architecture.native_size if size is None else size
        channels = architecture.channels if channels is None else channels
        options = {} if dropout is None else {"dropout": dropout}
        start = weights.load(name) if pretrained else None
        if start:
            options["tensors"] = start.tensors
        self.origin = start.origin if start else None
        repeats = channels // len(architecture.mean)
        mean, std = (values * repeats for values in (architecture.mean, architecture.std))
        self.preprocess = Preprocess(size, channels, mean, std)
        self.body = architecture(classes, size, channels, **options)
        self.resting: tuple[str, ...] = ()
        self.to(memory_format=torch.channels_last)  # the layout convolutions are fastest in

    @property
    def stages(self) -> tuple[str, ...]:
        """The names of the network's stages, from stem to head."""
        return self.body.stages

    def stage(self, name: str) -> nn.Module:
        return self.body.get_submodule(name)

    def train(self, mode: bool = True) -> "Network":
        """Training mode, except for the stages in `resting`, which stay in evaluation mode."""
        super().train(mode)
        for name in self.resting:
            self.stage(name).eval()
        return self

    def forward(self, images: Tensor, done: int = 0) -> Tensor:
        """images: uint8, B×C×H×W; or, for a body in sequence, what its first `done` stages made of them."""
        return self.body[done:](images) if done else self._through(self.body, images)

    def features(self, images: Tensor, done: int) -> Tensor:
        """What the first `done` stages of a body in sequence make of uint8 images; `forward` goes on from there."""
        return self._through(self.body[:done], images)

    def _through(self, body: nn.Module, images: Tensor) -> Tensor:
        """In evaluation a CPU takes few images at a time, so that what layers hand on stays in its cache."""
        if self.training or torch.is_grad_enabled() or images.device.type != "cpu":
            return body(self.preprocess(images))
        pieces = images.split(max(1, IN_CACHE // self.preprocess.size**2))
        return torch.cat([body(self.preprocess(piece)) for piece in pieces])
