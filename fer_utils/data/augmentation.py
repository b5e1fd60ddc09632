"""Augmentation where the network runs: a whole batch at once, another draw for every image.

Flip, rotation, shift and scale are one affine map and so one resampling; brightness and contrast
follow in one multiplication, then random erasing, then mixup. Every draw comes from torch's global
generator, which the training loop seeds each epoch: a resumed run sees the images that an
uninterrupted one would.
"""

from dataclasses import dataclass, fields
from math import log
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from fer_utils.data.loader import LUMA

# Share of the image, and height to width, of what is erased. Zhong et al. go up to a share of 0.4,
# which hides most of a tightly cropped face; the aspect is theirs.
ERASED = (0.02, 0.25)
ASPECT = (0.3, 3.3)


@dataclass(frozen=True)
class Augment:
    """Strengths of augmentation; each value drawn is uniform and an image's own. 0 is off.

    Attributes
    ----------
    flip : left and right change places in half of the images.
    rotation : degrees, at most, either way.
    shift : share of the side, at most, in each direction.
    scale : zoom by 1 ± at most this much.
    brightness : added, share of the full range, at most.
    contrast : spread about the image's mean times 1 ± at most this much.
    erasing : probability that a rectangle (ERASED, ASPECT) takes the mean grey (Zhong et al. 2020).
    saturation : distance from grey times 1 ± at most this much; for colour images.
    """

    flip: bool = False
    rotation: float = 0.0
    shift: float = 0.0
    scale: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    erasing: float = 0.0
    saturation: float = 0.0

    @classmethod
    def of(cls, settings: object) -> "Augment":
        """The strengths among the attributes of `settings`, for example of an Experiment."""
        return cls(**{field.name: getattr(settings, field.name) for field in fields(cls)})

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 B×C×H×W → the same shape, 0–255: float32, or uint8 where only flips are on."""
        images = self._move(images)
        if self.brightness or self.contrast:
            gain = 1 + _either_way(images, self.contrast)
            lift = 255 * _either_way(images, self.brightness)
            images = relight(images, gain, lift)
        if self.saturation:
            images = saturate(images, 1 + _either_way(images, self.saturation))
        if self.erasing:
            images = self._erase(images)
        return images

    def _move(self, images: Tensor) -> Tensor:
        resampled = self.rotation or self.shift or self.scale
        if not (resampled or self.flip):
            return images  # and no draw, which would shift those of dropout
        mirrored = _uniform(images) < 0.5 * self.flip
        if not resampled:
            return torch.where(mirrored.view(-1, 1, 1, 1), images.flip(3), images)
        degrees, zoom = _either_way(images, self.rotation), 1 + _either_way(images, self.scale)
        shift = torch.stack([_either_way(images, self.shift) for _ in "yx"], 1)
        return affine(images, mirrored, degrees, zoom, shift)

    def _erase(self, images: Tensor) -> Tensor:
        share = ERASED[0] + (ERASED[1] - ERASED[0]) * _uniform(images)
        share = share * (_uniform(images) < self.erasing)
        aspect = torch.exp(log(ASPECT[0]) + (log(ASPECT[1]) - log(ASPECT[0])) * _uniform(images))
        inside = [
            _stretch(images.shape[2], (share * aspect).sqrt(), _uniform(images)).unsqueeze(2),
            _stretch(images.shape[3], (share / aspect).sqrt(), _uniform(images)).unsqueeze(1),
        ]
        images = images.float()
        grey = images.mean((1, 2, 3), keepdim=True)
        return torch.where((inside[0] & inside[1]).unsqueeze(1), grey, images)


def affine(
    images: Tensor, mirrored: Tensor, degrees: Tensor, zoom: Tensor, shift: Tensor
) -> Tensor:
    """Mirrors, then turns and enlarges about the centre, then shifts; bilinear.

    Beyond the border the image is reflected, which keeps skin next to skin.

    Parameters
    ----------
    images : B×C×H×W, 0–255; float32 when returned.
    mirrored : bool, B.
    degrees : B, counter-clockwise.
    zoom : B, above 1 larger.
    shift : B×2, down and right in shares of the side.
    """
    height, width = images.shape[2:]
    xs, ys = (torch.arange(side, device=images.device) - (side - 1) / 2 for side in (width, height))
    # filled on the device: to copy two numbers there, the host would wait for all that is under way
    sides = torch.stack([torch.full((), side, device=images.device) for side in (width, height)])
    sign, angle = 1 - 2 * mirrored.float(), torch.deg2rad(degrees)
    cos, sin = angle.cos(), angle.sin()
    # for each pixel (x, y) from the centre, the place that it is taken from: the inverse of the map
    back = torch.stack([sign * cos, -sign * sin, sin, cos], 1).view(-1, 2, 2) / zoom.view(-1, 1, 1)
    back = back * (2 / sides).view(2, 1)  # from pixels to grid_sample's -1..1
    start = -back @ (shift.flip(1) * sides).unsqueeze(2)
    # a row plus a column of places: torch's affine_grid multiplies matrices, which is fifty times
    # slower on a CPU
    across, down = start + back[:, :, :1] * xs, back[:, :, 1:] * ys
    grid = (across.unsqueeze(2) + down.unsqueeze(3)).permute(0, 2, 3, 1)
    return F.grid_sample(images.float(), grid, padding_mode="reflection", align_corners=False)


def relight(images: Tensor, gain: Tensor, lift: Tensor) -> Tensor:
    """Stretches each image about its mean by `gain` and adds `lift`; float32, within 0–255.

    gain, lift: B; lift in grey levels.
    """
    images, gain = images.float(), gain.view(-1, 1, 1, 1)
    offset = images.mean((1, 2, 3), keepdim=True) * (1 - gain) + lift.view(-1, 1, 1, 1)
    return torch.addcmul(offset, images, gain).clamp_(0, 255)


def saturate(images: Tensor, gain: Tensor) -> Tensor:
    """Moves each pixel to `gain` times its distance from its own grey; float32, within 0–255.

    images: B×3×H×W, 0–255. gain: B.
    """
    images = images.float()
    # filled on the device, as in affine
    luma = torch.stack([torch.full((), share, device=images.device) for share in LUMA])
    grey = (images * luma.view(3, 1, 1)).sum(1, keepdim=True)
    return torch.lerp(grey, images, gain.view(-1, 1, 1, 1)).clamp_(0, 255)


class Target(NamedTuple):
    """What a batch is trained towards: labels, int64, B, and their share of the loss, 0..1."""

    labels: Tensor
    share: float


def mixup(images: Tensor, labels: Tensor, alpha: float) -> tuple[Tensor, list[Target]]:
    """Mixup (Zhang et al. 2018): each image blended with another of the batch.

    Parameters
    ----------
    images : B×C×H×W.
    labels : int64, B.
    alpha : one λ for the batch is drawn from Beta(alpha, alpha); 0: the images stay as they are.

    Returns
    -------
    tuple[Tensor, list[Target]]
        The images, and the targets: the loss is the sum of share × loss(labels). The first target
        has the larger share; with alpha 0 it is the only one.
    """
    if not alpha:
        return images, [Target(labels, 1.0)]
    # drawn on the host, so that nothing waits for the device
    drawn = torch.distributions.Beta(alpha, alpha).sample().item()
    share = max(drawn, 1 - drawn)
    others = torch.randperm(len(labels), device=labels.device)
    mixed = torch.lerp(images[others].float(), images.float(), share)
    return mixed, [Target(labels, share), Target(labels[others], 1 - share)]


def _uniform(images: Tensor) -> Tensor:
    """A number in [0, 1) for each image."""
    return torch.rand(len(images), device=images.device)


def _either_way(images: Tensor, most: float) -> Tensor:
    return most * (2 * _uniform(images) - 1)


def _stretch(side: int, share: Tensor, where: Tensor) -> Tensor:
    """Pixels in a row for each image, bool B×side: a `share` of the side, where it fits (0..1)."""
    length = (share * side).round().unsqueeze(1)
    first = (where.unsqueeze(1) * (side - length + 1)).floor()
    positions = torch.arange(side, device=share.device)
    return (positions >= first) & (positions < first + length)
