"""Images decoded into uint8 arrays of one shape, in as many processes as there are cores to work on.

The main process reads and writes, the others decode. Threads were measured twice as slow as none: most of the
work on 48×48 pixels is Python's.
"""

import io
import os
import struct
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from tqdm import tqdm

from fer_utils.errors import FerError

BROKEN = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    IndexError,
    RuntimeError,
    TypeError,
    AttributeError,
)
# a broken image raises any of these
BROKEN += (struct.error, zipfile.BadZipFile, zlib.error, Image.DecompressionBombError)
# What brings a photo upright, by EXIF's orientation. ImageOps.exif_transpose also writes all other EXIF anew, and
# fails on a sound picture with one odd field in there.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
PHOTO_SIZE = 224  # images of mixed sizes are brought to this one: what the ImageNet networks take
BACKDROP = (128, 128, 128, 255)  # grey, the mean of FER2013's pixels
# PIL's modes without colour; those of 16 bits begin with I;16
GREY = {"1", "L", "LA", "La", "I", "F"}
DEEP = ("I", "F")  # how the names of PIL's modes of more than 8 bits begin: it clips these to white
ALWAYS_16 = {"PNG", "PPM"}  # formats whose mode I is 16 bits, however dark the picture
TIFF_BITS, TIFF_PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0  # TIFF's tags
CHUNK = 64  # images that a process is given at a time
WORTH = 1000  # images a process, at least: it takes as long to start as to decode a few hundred

Read = Callable[[str], bytes]


@dataclass(frozen=True)
class Form:
    """What an image is, or is to become: height and width in pixels, grey (else RGB)."""

    height: int
    width: int
    grey: bool

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.height, self.width) if self.grey else (self.height, self.width, 3)


class Unlike(Exception):
    """An image is of another form than the one that all were taken to have."""


def write_images(
    path: Path, names: list[str], read: Read, size: int | None, grey: bool | None
) -> None:
    """Decodes every image into the .npy file `path`; read(name) gives the bytes of one.

    size: side in pixels. None keeps the images' own size if they share it and are square, else crops the centre
    square and resizes to PHOTO_SIZE. grey: None keeps grey only where every image is grey. Raises FerError for an
    image that cannot be read, naming it.
    """
    chosen = size is not None and grey is not None
    form = common([form_of(read, names[0])], size, grey)
    try:  # most sets are all of one form: then one look at each image is enough
        write_array(
            path,
            _each(partial(_pixels, form=form, alike=not chosen), names, read),
            len(names),
            form.shape,
        )
    except Unlike:
        form = common(
            [one for part in _each(_forms, names, read, "looking") for one in part], size, grey
        )
        write_array(path, _each(partial(_pixels, form=form), names, read), len(names), form.shape)


def common(forms: list[Form], size: int | None, grey: bool | None) -> Form:
    """The form that images of these forms are brought to; size and grey as for `write_images`."""
    sizes = {(form.height, form.width) for form in forms}
    kept = size is None and len(sizes) == 1 and len(set(*sizes)) == 1
    height, width = sizes.pop() if kept else (size or PHOTO_SIZE,) * 2
    return Form(height, width, all(form.grey for form in forms) if grey is None else grey)


def form_of(read: Read, name: str) -> Form:
    with open_image(read, name) as image:
        return Form(image.height, image.width, _is_grey(image))


def _is_grey(image: Image.Image) -> bool:
    return image.mode in GREY or image.mode.startswith("I;16")


def _forms(contents: dict[str, bytes]) -> list[Form]:
    return [form_of(contents.__getitem__, name) for name in contents]


def _pixels(contents: dict[str, bytes], form: Form, alike: bool = False) -> np.ndarray:
    """The images, in `form`. alike: Unlike is raised where one is not in that form already."""
    mode, pixels = "L" if form.grey else "RGB", np.empty((len(contents), *form.shape), np.uint8)
    for place, name in enumerate(contents):
        with open_image(contents.__getitem__, name) as image:
            coloured = form.grey and not _is_grey(image)
            if alike and (image.size != (form.width, form.height) or coloured):
                raise Unlike(name)
            pixels[place] = as_pixels(image, mode, form.width, form.height, name)
    return pixels


def open_image(read: Read, name: str) -> Image.Image:
    """The image whose bytes read(name) gives, not yet decoded. Raises FerError for what is none."""
    try:
        content = read(name)
        if not content:
            raise FerError(f"{name}: the file has zero bytes; replace or delete it")
        return Image.open(io.BytesIO(content))
    except UnidentifiedImageError:
        raise _unreadable(name, "of no known kind") from None
    except BROKEN as error:
        raise _unreadable(name, error) from None


def _unreadable(name: str, error: object) -> FerError:
    return FerError(f"{name}: not a readable image ({error}); replace or delete it")


def as_pixels(image: Image.Image, mode: str, width: int, height: int, name: str) -> np.ndarray:
    """uint8, H×W (mode L) or H×W×3 (RGB): upright, the largest centred part of that shape, resized (bicubic).

    Of a file with several frames the first counts; what is transparent shows BACKDROP; more than 8
    bits become 8 (see `_to_8_bits`). Raises FerError, naming the image, where its data is broken.
    """
    try:
        # photos from a phone say in there which side is up
        turn = (
            TURNS.get(image.getexif().get(ExifTags.Base.Orientation))
            if "exif" in image.info
            else None
        )
        image = _to_8_bits(image, name) if image.mode.startswith(DEEP) else image
        image = image if turn is None else image.transpose(turn)
        if (
            image.has_transparency_data
        ):  # its colour there is whatever the program that wrote it left behind
            image = Image.alpha_composite(
                Image.new("RGBA", image.size, BACKDROP), image.convert("RGBA")
            )
        image = image if image.mode == mode else image.convert(mode)
        if image.size != (width, height):
            image = ImageOps.fit(image, (width, height), Image.Resampling.BICUBIC)
        return np.asarray(image)
    except BROKEN as error:
        raise _unreadable(name, error) from None


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
        found = f"values from {low:g} to {high:g} (mode {image.mode})"
        raise FerError(f"{name}: {found}; they must lie in 0..255 or 0..65535")
    else:
        most = 1 if image.mode == "F" and high <= 1 else 255 if high <= 255 else 65535
    if tags.get(TIFF_PHOTOMETRIC) == WHITE_IS_ZERO:
        values = most - values
    grey = Image.fromarray(np.rint(values * (255 / most)).astype(np.uint8))
    if "transparency" not in image.info:
        return grey
    hidden = np.asarray(image) == image.info["transparency"]
    return Image.merge("LA", (grey, Image.fromarray(np.where(hidden, 0, 255).astype(np.uint8))))


def _each(work: Callable, names: list[str], read: Read, verb: str = "reading") -> Generator:
    """work({name: bytes}) for every CHUNK of names, in order; a few chunks ahead, so that memory stays flat."""
    processes = min(_cores(), len(names) // WORTH)
    chunks = (names[start : start + CHUNK] for start in range(0, len(names), CHUNK))
    with tqdm(total=len(names), desc=verb, unit="image", mininterval=0.5) as bar:
        if processes < 2:
            for chunk in chunks:
                yield work(_contents(read, chunk))
                bar.update(len(chunk))
            return
        pool, waiting = ProcessPoolExecutor(processes), deque()
        try:
            for chunk in chunks:
                waiting.append((pool.submit(work, _contents(read, chunk)), len(chunk)))
                if len(waiting) > 2 * processes:
                    yield _next(waiting, bar)
            while waiting:
                yield _next(waiting, bar)
        finally:
            pool.shutdown(cancel_futures=True)


def _contents(read: Read, names: list[str]) -> dict[str, bytes]:
    contents = {}
    for name in names:
        try:
            contents[name] = read(name)
        except BROKEN as error:
            raise _unreadable(name, error) from None
    return contents


def _next(waiting: deque, bar: tqdm):
    future, count = waiting.popleft()
    done = future.result()
    bar.update(count)
    return done


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def write_array(
    path: Path, parts: Generator[np.ndarray], count: int, shape: tuple[int, ...]
) -> None:
    """An .npy file written part by part: flat memory, and a full disk is an error rather than a crash."""
    with path.open("wb") as stream, closing(parts):  # the bar's last line comes before any error's
        header = {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)}
        np.lib.format.write_array_header_1_0(stream, header)
        for part in parts:
            stream.write(part.tobytes())
