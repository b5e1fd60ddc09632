"""One image decoded into uint8 pixels of a chosen shape: upright, 8 bits, grey or RGB.

Preparing a data set and predicting use the same functions, so that both see the same pixels.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from fer_utils.errors import FerError

# a broken image raises any of these
BROKEN: tuple[type[Exception], ...] = (
    *(OSError, EOFError, SyntaxError, ValueError, IndexError, RuntimeError, TypeError),
    *(AttributeError, struct.error, zipfile.BadZipFile, zlib.error, Image.DecompressionBombError),
)
# What brings a photo upright, by EXIF's orientation. ImageOps.exif_transpose also writes all other
# EXIF anew, and fails on a sound picture with one odd field in there.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
BACKDROP = (128, 128, 128, 255)  # grey, the mean of FER2013's pixels
# PIL's modes without colour; those of 16 bits begin with I;16
GREY = {"1", "L", "LA", "La", "I", "F"}
DEEP = ("I", "F")  # how the names of PIL's modes of more than 8 bits begin: it clips these to white
ALWAYS_16 = {"PNG", "PPM"}  # formats whose mode I is 16 bits, however dark the picture
TIFF_BITS, TIFF_PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0  # TIFF's tags

Read = Callable[[str], bytes]  # the bytes of the image of a name


@dataclass(frozen=True)
class Form:
    """What an image is, or is to become: height and width in pixels, grey (else RGB)."""

    height: int
    width: int
    grey: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """H×W, or H×W×3."""
        return (self.height, self.width) if self.grey else (self.height, self.width, 3)


def form_of(read: Read, name: str) -> Form:
    """What the image of this name is. Raises FerError where it is none."""
    with open_image(read, name) as image:
        return Form(image.height, image.width, is_grey(image))


def is_grey(image: Image.Image) -> bool:
    """Whether its mode has no colours."""
    return image.mode in GREY or image.mode.startswith("I;16")


def open_image(read: Read, name: str) -> Image.Image:
    """The image of this name, not yet decoded. Raises FerError for what is none."""
    try:
        content = read(name)
        if not content:
            raise FerError(f"{name}: the file has zero bytes; replace or delete it")
        return Image.open(io.BytesIO(content))
    except UnidentifiedImageError:
        raise unreadable(name, "of no known kind") from None
    except BROKEN as error:
        raise unreadable(name, error) from None


def unreadable(name: str, error: object) -> FerError:
    """The one line about an image that cannot be read, and why."""
    return FerError(f"{name}: not a readable image ({error}); replace or delete it")


def as_pixels(image: Image.Image, mode: str, width: int, height: int, name: str) -> np.ndarray:
    """The image as `upright` has it, its largest centred part of that shape, resized (bicubic).

    Returns
    -------
    np.ndarray
        uint8, H×W or H×W×3.

    Raises
    ------
    FerError
        Where its data is broken.
    """
    image = upright(image, mode, name)
    if image.size != (width, height):
        image = ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)
    return np.asarray(image)


def upright(image: Image.Image, mode: str, name: str) -> Image.Image:
    """The whole image, decoded, upright, of 8 bits.

    Of a file with several frames the first counts; what is transparent shows BACKDROP; more than 8
    bits become 8 (see `_to_8_bits`).

    Parameters
    ----------
    mode : L (grey) or RGB.
    name : for the error.

    Raises
    ------
    FerError
        Where its data is broken.
    """
    try:
        turn = _turn(image)
        image = _to_8_bits(image, name) if image.mode.startswith(DEEP) else image
        image = image if turn is None else image.transpose(turn)
        # the colour there is whatever the program that wrote the file left behind
        if image.has_transparency_data:
            backdrop = Image.new("RGBA", image.size, BACKDROP)
            image = Image.alpha_composite(backdrop, image.convert("RGBA"))
        if image.mode != mode:
            return image.convert(mode)
        image.load()  # here, where a broken file is a FerError
        return image
    except BROKEN as error:
        raise unreadable(name, error) from None


def _turn(image: Image.Image) -> Image.Transpose | None:
    """What brings a photo upright; phones say in its EXIF which side is up."""
    if "exif" not in image.info:  # asked without it, a PNG is decoded to its end to look for some
        return None
    orientation = image.getexif().get(ExifTags.Base.Orientation)
    return None if orientation is None else TURNS.get(orientation)


def _to_8_bits(image: Image.Image, name: str) -> Image.Image:
    """A grey image of 12, 16 or 32 bits or of floats, in mode L (LA if it has a transparent value).

    16 bits are divided by 257, so that 65535 is 255; 12 bits (TIFF) by 4095/255. Where the format
    leaves the range open (32-bit integers and floats of TIFF) the values tell: floats within 0..1
    are shares of white, values within 0..255 stay as they are, values up to 65535 are taken for
    16 bits. Raises FerError for all others.
    """
    values = np.asarray(image)
    tags = getattr(image, "tag_v2", {})
    low, high = values.min(), values.max()
    if image.mode.startswith("I;16"):
        most = 2 ** tags.get(TIFF_BITS, (16,))[0] - 1
    elif image.mode == "I" and image.format in ALWAYS_16:
        most = 65535
    elif not (low >= 0 and high <= 65535):  # NaN is neither
        given = f"values from {low:g} to {high:g} (mode {image.mode})"
        raise FerError(f"{name}: {given}; they must lie in 0..255 or 0..65535")
    else:
        most = 1 if image.mode == "F" and high <= 1 else 255 if high <= 255 else 65535
    if tags.get(TIFF_PHOTOMETRIC) == WHITE_IS_ZERO:
        values = most - values
    grey = Image.fromarray(np.rint(values * (255 / most)).astype(np.uint8))
    if "transparency" not in image.info:
        return grey
    hidden = np.asarray(image) == image.info["transparency"]
    return Image.merge("LA", (grey, Image.fromarray(np.where(hidden, 0, 255).astype(np.uint8))))
