"""From a detector's box to the square that the network gets."""

import numpy as np
from PIL import Image

# The square's side in means of the box's sides. FER2013's own pictures have 1.09 (median); what
# other margins cost is measured in results/fer2013/deploy/margin.csv.
MARGIN = 1.1


def square(
    left: float, top: float, width: float, height: float, margin: float = MARGIN
) -> tuple[float, float, float]:
    """Left, top and side in pixels of the square around a face's box, with the same centre."""
    side = (width + height) / 2 * margin
    return left + (width - side) / 2, top + (height - side) / 2, side


def crop(pixels: np.ndarray, left: float, top: float, side: float, size: int) -> np.ndarray:
    """A square part of a picture, resized (bicubic, with antialiasing as PIL has it).

    Where it reaches beyond the picture, the picture's border pixels are repeated.

    Parameters
    ----------
    pixels : uint8, H×W or H×W×3
    left, top, side : in pixels, need not be whole
    size : side of the result in pixels

    Returns
    -------
    uint8, size×size or size×size×3
    """
    # whole pixels around the square, so that the part can be padded before it is resized
    first = np.floor([top, left]).astype(int)
    last = np.ceil([top + side, left + side]).astype(int)
    rows, columns = (
        np.arange(start, stop).clip(0, end - 1)
        for start, stop, end in zip(first, last, pixels.shape[:2], strict=True)
    )
    part = Image.fromarray(pixels[np.ix_(rows, columns)])
    x, y = left - first[1], top - first[0]
    box = (x, y, min(x + side, part.width), min(y + side, part.height))
    return np.asarray(part.resize((size, size), Image.Resampling.BICUBIC, box=box))
