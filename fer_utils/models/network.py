"""A network with its preprocessing: uint8 images in, logits out, in named stages from stem to head."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fer_utils.data.loader import LUMA
from fer_utils.models.registry import MODELS, check_model, find_backbone

IN_CACHE = (
    8 * 224**2
)  # pixels: twice as fast for MobileNetV2 as batches of 64 (benchmarks/transfer.py)


class Network(nn.Module):
    """Preprocessing and a network in one: uint8 images B×C×H×W in, logits B×classes out.

    size (pixels), channels, dropout: None is the network's own. tensors: pretrained weights to start
    from, as `pretrained.load(name).tensors`; None starts from random ones. Nothing is fetched here.
    Raises FerError for an unknown name, a size that does not fit, or tensors that do not.
    """

    def __init__(
        self,
        name: str,
        classes: int,
        size: int | None = None,
        channels: int | None = None,
        dropout: float | None = None,
        tensors: Mapping[str, Tensor] | None = None,
    ):
        super().__init__()
        check_model(name)
        architecture = MODELS.get(name) or find_backbone(name)
        size = architecture.native_size if size is None else size
        channels = architecture.channels if channels is None else channels
        options = {} if dropout is None else {"dropout": dropout}
        if tensors is not None:
            options["tensors"] = tensors
        repeats = channels // len(architecture.mean)
        mean, std = (values * repeats for values in (architecture.mean, architecture.std))
        self.preprocess = Preprocess(size, channels, mean, std)
        self.body = architecture(classes, size, channels, **options)
        self.eval_stages: tuple[str, ...] = ()
        self.to(memory_format=torch.channels_last)  # the layout convolutions are fastest in

    @property
    def stages(self) -> tuple[str, ...]:
        """The names of the network's stages, from stem to head."""
        return self.body.stages

    def stage(self, name: str) -> nn.Module:
        return self.body.get_submodule(name)

    def train(self, mode: bool = True) -> "Network":
        """Training mode, except for the stages in `eval_stages`, which stay in evaluation mode."""
        super().train(mode)
        for name in self.eval_stages:
            self.stage(name).eval()
        return self

    def forward(self, images: Tensor, start_stage: int = 0) -> Tensor:
        """images: uint8, B×C×H×W; or features: the output of a body's first `start_stage` stages."""
        return self.body[start_stage:](images) if start_stage else self._through(self.body, images)

    def features(self, images: Tensor, stages: int) -> Tensor:
        """The output of the first `stages` stages for uint8 images; `forward` goes on from there.

        For a body that is a sequence of its stages.
        """
        return self._through(self.body[:stages], images)

    def _through(self, body: nn.Module, images: Tensor) -> Tensor:
        """In evaluation a CPU takes few images at a time, so that what layers hand on stays in its cache."""
        if self.training or torch.is_grad_enabled() or images.device.type != "cpu":
            return body(self.preprocess(images))
        pieces = images.split(max(1, IN_CACHE // self.preprocess.size**2))
        return torch.cat([body(self.preprocess(piece)) for piece in pieces])


class Preprocess(nn.Module):
    """uint8 batch B×C×H×W → float batch as the network wants it: channels, size, normalisation.

    size: side in pixels; channels: 1 or 3; mean and std refer to intensities in 0..1.
    """

    def __init__(self, size: int, channels: int, mean: tuple[float, ...], std: tuple[float, ...]):
        super().__init__()
        self.size, self.channels = size, channels
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1) * 255, persistent=False)
        self.register_buffer("luma", torch.tensor(LUMA).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        x = images.float()
        if x.shape[1] == 3 and self.channels == 1:
            x = (x * self.luma).sum(1, keepdim=True)
        if x.shape[-2:] != (self.size, self.size):
            x = F.interpolate(x, size=(self.size, self.size), mode="bilinear", antialias=True)
        x = x.expand(-1, self.channels, -1, -1)  # grey → RGB: the same plane three times
        return x.sub(self.mean).div_(self.std)
