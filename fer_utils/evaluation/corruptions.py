"""Worse pictures: eight corruptions of a face, three strengths each."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch import Tensor

from fer_utils.data.augmentation import affine, relight
from fer_utils.errors import FerError, one_of

CHUNK = 1024  # images treated at once: floating-point copies of a whole split may not fit


@dataclass(frozen=True)
class Corruption:
    """One way in which pictures get worse.

    Attributes
    ----------
    treat : (images, amount, rng) → images, uint8, N×H×W or N×H×W×3
    amounts : of the strengths 1, 2 and 3, in `unit`
    """

    treat: Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
    amounts: tuple[float, float, float]
    unit: str


def brighten(images: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Adds `amount`, a share of the full range, below 0 darker. What leaves 0–255 is cut off."""
    return _lit(images, 1.0, 255 * amount)


def flatten(images: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Leaves the share `amount` of each image's contrast about its own mean."""
    return _lit(images, amount, 0.0)


def blur(images: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Blurs as a Gaussian lens does, of standard deviation `amount` in 48ths of the side."""
    across = amount / 48 * images.shape[1]
    sigma = (0, across, across, 0)[: images.ndim]  # neither over images nor over colours
    return _rounded(gaussian_filter(images.astype(np.float32), sigma, mode="nearest"))


def add_noise(images: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Adds Gaussian noise of standard deviation `amount` in grey levels.

    It is independent in every pixel and channel.
    """
    return _rounded(images + rng.normal(0, amount, images.shape))


def compress(images: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Compresses as JPEG of quality `amount`, 1 to 95, as Pillow has it."""
    return np.stack([_through_jpeg(image, int(amount)) for image in images])


def occlude(images: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Covers the share `amount` of each image's area with the image's mean grey.

    What covers it has the image's proportions and stands at a random place.
    """
    treated = images.copy()
    height, width = images.shape[1:3]
    down, across = round(height * amount**0.5), round(width * amount**0.5)
    tops = rng.integers(0, height - down + 1, len(images))
    lefts = rng.integers(0, width - across + 1, len(images))
    for image, top, left in zip(treated, tops, lefts, strict=True):
        image[top : top + down, left : left + across] = round(image.mean())
    return treated


def rotate(images: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Turns by `amount` degrees to a random side; beyond the border the image is reflected."""
    degrees = torch.from_numpy(rng.choice([-amount, amount], len(images))).float()
    n = len(images)
    unflipped, unscaled, unmoved = torch.zeros(n).bool(), torch.ones(n), torch.zeros(n, 2)
    turned = affine(_planes(images), unflipped, degrees, unscaled, unmoved)
    return _pixels(turned, images)


# their order counts: it is part of what is drawn (see `corrupt`)
CORRUPTIONS = {
    "brighter": Corruption(brighten, (0.1, 0.2, 0.4), "share of the range"),
    "darker": Corruption(brighten, (-0.1, -0.2, -0.4), "share of the range"),
    "low contrast": Corruption(flatten, (0.7, 0.4, 0.2), "share of contrast kept"),
    "blur": Corruption(blur, (0.7, 1.4, 2.1), "sd in pixels of 48"),
    "noise": Corruption(add_noise, (8, 16, 32), "sd in grey levels"),
    "JPEG": Corruption(compress, (40, 15, 5), "quality"),
    "occlusion": Corruption(occlude, (0.1, 0.2, 0.4), "share of the area"),
    "rotation": Corruption(rotate, (10, 20, 40), "degrees"),
}


def corrupt(images: np.ndarray, kind: str, strength: int, seed: int = 0) -> np.ndarray:
    """Worse copies of images; the same ones each time.

    What is drawn depends on the seed, the kind, the strength and the number of images alone.

    Parameters
    ----------
    images : uint8, N×H×W or N×H×W×3
    kind : a name in CORRUPTIONS
    strength : 0 gives the images as they are, 3 is the strongest

    Returns
    -------
    uint8, of the shape of `images`

    Raises
    ------
    FerError
        For an unknown kind or strength.
    """
    corruption = CORRUPTIONS[one_of(kind, CORRUPTIONS, "corruption")]
    if strength not in range(4):
        raise FerError(f"strength must be 0, 1, 2 or 3; got {strength}")
    if strength == 0:
        return images
    rng = np.random.default_rng([seed, list(CORRUPTIONS).index(kind), strength])
    amount = corruption.amounts[strength - 1]
    pieces = [images[start : start + CHUNK] for start in range(0, len(images), CHUNK)]
    return np.concatenate([corruption.treat(piece, amount, rng) for piece in pieces])


def _lit(images: np.ndarray, gain: float, lift: float) -> np.ndarray:
    ones = torch.ones(len(images))
    return _pixels(relight(_planes(images), gain * ones, lift * ones), images)


def _planes(images: np.ndarray) -> Tensor:
    """As B×C×H×W, whatever the images have."""
    tensor = torch.from_numpy(np.array(images))  # a copy: PyTorch warns of read-only memory maps
    return tensor.unsqueeze(1) if tensor.ndim == 3 else tensor.permute(0, 3, 1, 2)


def _pixels(planes: Tensor, like: np.ndarray) -> np.ndarray:
    """The planes as uint8, in the shape of `like`."""
    return _rounded((planes.squeeze(1) if like.ndim == 3 else planes.permute(0, 2, 3, 1)).numpy())


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _through_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))
