"""A network with its preprocessing: uint8 images in, logits out, in named stages."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fer_utils.data.loader import LUMA
from fer_utils.errors import FerError
from fer_utils.models.architecture import PublicArchitecture, check_stages, stages_of
from fer_utils.models.registry import find_model
from fer_utils.models.timm_models import TimmNetwork

# pixels: twice as fast for MobileNetV2 as batches of 64 (benchmarks/transfer.py)
IN_CACHE = 8 * 224**2


class Network(nn.Module):
    """Preprocessing and a network in one: uint8 images B×C×H×W in, logits B×classes out.

    Parameters
    ----------
    name : of the registry, or `timm:<name>`.
    size : side in pixels that images are resized to; None: the network's own.
    channels : 1 (grey) or 3 (RGB), which images become; None: the network's own.
    dropout : None: the network's own.
    tensors : pretrained weights to start from, as `pretrained.load(name).tensors`; None: random
        ones. Nothing is fetched here.

    Raises
    ------
    FerError
        For an unknown name, a size that does not fit, tensors that do not, and a network whose
        stages are not all of it.
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
        architecture = find_model(name).architecture
        size = architecture.native_size if size is None else size
        channels = architecture.channels if channels is None else channels
        repeats = channels // len(architecture.mean)  # of a grey network on RGB
        mean, std = (values * repeats for values in (architecture.mean, architecture.std))
        self.preprocess = Preprocess(size, channels, mean, std)
        options = {} if dropout is None else {"dropout": dropout}
        if tensors is None:
            self.body = architecture(classes, size, channels, **options)
        elif isinstance(architecture, PublicArchitecture):
            self.body = architecture(classes, size, channels, dropout, tensors)
        else:
            raise FerError(f"{name} starts from random weights; it takes no pretrained ones")
        # timm's class tokens and positions are parameters of no submodule: they stay frozen
        if not isinstance(self.body, TimmNetwork):
            check_stages(self.body, name)
        self.stages = stages_of(self.body)  # their names, from stem to head
        self.eval_stages: tuple[str, ...] = ()
        self.to(memory_format=torch.channels_last)  # the layout convolutions are fastest in

    def stage(self, name: str) -> nn.Module:
        return self.body.get_submodule(name)

    def train(self, mode: bool = True) -> "Network":
        """Training mode, except for the stages in `eval_stages`, which stay in evaluation mode."""
        # here, not once in `freeze`: every epoch calls it, and would wake what is frozen
        super().train(mode)
        for name in self.eval_stages:
            self.stage(name).eval()
        return self

    def forward(self, images: Tensor, start_stage: int = 0) -> Tensor:
        """Logits, B×classes, of uint8 images, B×C×H×W; or of features.

        start_stage: images holds the output of the body's first so many stages, as `features` gives
        it; for a body that is a sequence of its stages.
        """
        return self._sequence[start_stage:](images) if start_stage else self._through(images)

    def features(self, images: Tensor, stages: int) -> Tensor:
        """The output of the first `stages` stages for uint8 images; `forward` goes on from there.

        For a body that is a sequence of its stages.
        """
        return self._through(images, stages)

    @property
    def _sequence(self) -> nn.Sequential:
        """The body, where it can be entered and left after any stage."""
        assert isinstance(self.body, nn.Sequential)  # see feature_cache.constant_stages
        return self.body

    def _through(self, images: Tensor, stages: int | None = None) -> Tensor:
        """The output of the first `stages` stages, None: all, for uint8 images."""
        body = self.body if stages is None else self._sequence[:stages]
        # whole while it trains: batch normalisation takes its statistics from the batch
        if self.training or torch.is_grad_enabled() or images.device.type != "cpu":
            return body(self.preprocess(images))
        return torch.cat([body(self.preprocess(piece)) for piece in self.pieces(images)])

    def pieces(self, images: Tensor) -> tuple[Tensor, ...]:
        """Images or features, few at a time: what layers hand on stays in the CPU's cache."""
        return images.split(max(1, IN_CACHE // self.preprocess.size**2))


class Preprocess(nn.Module):
    """uint8 batch B×C×H×W → float batch as the network wants it: channels, size, normalisation.

    Parameters
    ----------
    size : side in pixels.
    channels : 1 or 3.
    mean, std : of intensities in 0..1, one value per channel.
    """

    # not in checkpoints, which know a network's parameters alone
    mean: Tensor
    std: Tensor
    luma: Tensor

    def __init__(self, size: int, channels: int, mean: tuple[float, ...], std: tuple[float, ...]):
        super().__init__()
        self.size, self.channels = size, channels
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1) * 255, persistent=False)
        self.register_buffer("luma", torch.tensor(LUMA).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        # grey before the resize, which then has one plane to work on instead of three
        x = images.float()
        if x.shape[1] == 3 and self.channels == 1:
            x = (x * self.luma).sum(1, keepdim=True)
        if x.shape[-2:] != (self.size, self.size):
            # antialias: without it a large photo made small is read at a few of its pixels alone
            x = F.interpolate(x, size=(self.size, self.size), mode="bilinear", antialias=True)
        x = x.expand(-1, self.channels, -1, -1)  # grey → RGB: the same plane three times
        # not sub_: the planes of an expanded image lie in the same memory
        return x.sub(self.mean).div_(self.std)
