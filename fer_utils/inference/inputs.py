"""Images to classify, from whatever holds them: paths, folders, PIL images, arrays, tensors."""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Union

import numpy as np
from PIL import Image

from fer_utils.data.decoding import as_pixels, open_image
from fer_utils.data.listing import IMAGE_TYPES, files_below, is_image
from fer_utils.errors import FerError

if TYPE_CHECKING:
    import torch

# pixels at least: below it no face is left, and an axis of channels taken for pixels is found out
SIDE = 8
ROUNDING = 1e-3  # how far resizing and sums may take a float beyond 0 and 1
Given = Union[str, Path, Image.Image, np.ndarray, "torch.Tensor", Sequence["Given"]]
Unopened = tuple[str | None, Callable[[], Image.Image]]  # a file's path, and how to open it


def find(given: Given) -> list[Unopened]:
    """Every image in `given`, in order; files are not opened yet.

    Parameters
    ----------
    given
        - a path: a file, or a folder, of which all that the endings of names call images are taken,
          sorted, and other files are counted on stderr;
        - a PIL image;
        - an array or a tensor: H×W or N×H×W, grey or with an axis of 1 or 3 channels (RGB) at the
          end or after N; integers 0–255 or floats 0–1;
        - a list or tuple of these.

    Raises
    ------
    FerError
        For anything else, NaN, values out of range, and where there is no image at all.
    """
    match given:
        case str() | Path():
            if not str(given):
                raise FerError("no images to predict: the path is empty")
            return _files(_at_home(Path(given)))
        case Image.Image():
            return [(None, lambda: given)]
        case np.ndarray():
            return _planes(given)
        case list() | tuple():
            if not given:
                raise FerError("no images to predict: the list is empty")
            return [image for item in given for image in find(item)]
    # whoever has a tensor has imported PyTorch; for all others it need not be installed
    if "torch" in sys.modules and isinstance(given, sys.modules["torch"].Tensor):
        # to the host: waits for the device
        tensor = _unambiguous(given).detach().to_dense().cpu()
        # bfloat16 has no counterpart in NumPy
        return _planes((tensor.float() if tensor.is_floating_point() else tensor).numpy())
    raise FerError(
        f"cannot read images from a {type(given).__name__}; give a path, a folder, a PIL image, "
        "an array, a tensor, or a list of these"
    )


def as_squares(
    images: list[Unopened], mode: str, size: int
) -> Iterator[tuple[str | int, np.ndarray | None, str]]:
    """Opens images one by one and makes them squares: the largest centred one, resized.

    Parameters
    ----------
    mode
        "L" for grey, "RGB".
    size
        In pixels.

    Yields
    ------
    tuple
        - source: the image's path, or its position where it has none;
        - pixels: uint8, size×size or size×size×3; None for a broken file;
        - error: why a file is broken; else empty.
    """
    for position, (path, load) in enumerate(images):
        source = position if path is None else path
        try:
            yield source, as_pixels(checked(load(), source), mode, size, size, str(source)), ""
        except FerError as error:
            yield source, None, str(error)  # of a folder the other images are still of use


def report_broken(errors: list[str]) -> None:
    """Prints on stderr why files cannot be read; errors is empty text for what can be.

    Raises FerError where none can.
    """
    broken = [error for error in errors if error]
    if len(broken) == len(errors):
        raise FerError(
            broken[0] if len(broken) == 1 else f"none of {len(broken)} images: {broken[0]}"
        )
    for error in broken:
        print(f"fer_utils: {error}", file=sys.stderr)


def checked(image: Image.Image, source: str | int) -> Image.Image:
    """The image. Raises FerError where it has too few pixels for a face."""
    if min(image.size) < SIDE:
        raise FerError(
            f"{source}: {image.width}×{image.height} pixels; at least {SIDE}×{SIDE} are needed"
        )
    return image


def _at_home(path: Path) -> Path:
    """~ is the user's folder; "~$a.png", which office programs leave, is a name as any other."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def _files(path: Path) -> list[Unopened]:
    if not os.path.exists(path):  # Path.exists raises OSError for a name that is too long
        return [(str(path), lambda: _missing(path))]
    if not path.is_dir():
        return [(str(path), lambda: open_image(_bytes, str(path)))]
    inside = [path / name for name in files_below(path)]
    images = [p for p in inside if is_image(p.name)]
    if not images:
        kinds = " ".join(sorted(IMAGE_TYPES))
        raise FerError(f"{path}: no images in this folder (of the kinds {kinds})")
    if others := {p.suffix.lower() or p.name for p in inside} - IMAGE_TYPES:
        left_out = f"{len(inside) - len(images)} other files left out ({' '.join(sorted(others))})"
        print(f"fer_utils: {path}: {left_out}", file=sys.stderr)
    return [image for p in images for image in _files(p)]


def _bytes(name: str) -> bytes:
    return Path(name).read_bytes()


def _missing(path: Path) -> Image.Image:
    raise FerError(f"{path}: no such file or folder")


def _unambiguous(tensor: "torch.Tensor") -> "torch.Tensor":
    """Refuses what is a colour image in torch's habit and three grey ones in NumPy's."""
    if tensor.ndim == 3 and tensor.shape[0] == 3 and tensor.shape[2] != 3:
        raise FerError(
            f"a tensor of {_written(tensor.shape)} may be one colour image or three grey ones; "
            "give N×3×H×W or N×1×H×W"
        )
    return tensor


def _planes(values: np.ndarray) -> list[Unopened]:
    """The images of an array, one or many."""
    if not values.size:
        raise FerError(f"no images to predict: the array is empty ({_written(values.shape)})")
    arranged = _channels_last(values)
    in_colour = arranged.ndim > 2 and arranged.shape[-1] == 3
    single = arranged.shape[:-1] if in_colour else arranged.shape
    if len(single) not in (2, 3) or min(single[-2:]) < SIDE:
        raise FerError(
            f"an array of {_written(values.shape)} is no image; give H×W, H×W×3, N×H×W or N×H×W×3 "
            f"with at least {SIDE} pixels a side"
        )
    pixels = _as_uint8(arranged)
    each = [pixels] if len(single) == 2 else list(pixels)
    return [(None, partial(Image.fromarray, plane)) for plane in each]


def _channels_last(values: np.ndarray) -> np.ndarray:
    """An axis of three channels goes last, one of a single channel goes away."""
    shape = values.shape
    if values.ndim in (3, 4) and shape[-1] == 1:
        return values[..., 0]
    # channels at the end win: N×1×W×3 is N pictures of one row, which are refused as too small
    if values.ndim == 4 and shape[1] in (1, 3) and shape[-1] != 3:
        return values[:, 0] if shape[1] == 1 else np.moveaxis(values, 1, 3)
    return values


def _as_uint8(values: np.ndarray) -> np.ndarray:
    """Integers 0–255 as they are, floats 0–1 times 255 and rounded; raises FerError for others."""
    if values.dtype.kind not in "uif":
        raise FerError(f"pixels must be integers 0–255 or floats 0–1; got {values.dtype}")
    # by type, not by values: a dark image of integers may lie in 0–1
    whole = values.dtype.kind in "ui"
    low, high, most = values.min(), values.max(), 255 if whole else 1
    if np.isnan(low):
        raise FerError("the images hold NaN; pixels must be integers 0–255 or floats 0–1")
    slack = 0 if whole else ROUNDING
    if low < -slack or high > most + slack:
        wrong = f"pixels of type {values.dtype} must lie in 0–{most}; found {low:g} to {high:g}"
        remedy = "as integers they may reach 255, and normalised images must be turned back"
        raise FerError(wrong if whole else f"{wrong}; {remedy}")
    if whole:
        return values.astype(np.uint8)
    # float64: in half precision 255 levels are not all there
    return np.rint(values.clip(0, 1) * np.float64(255)).astype(np.uint8)


def _written(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape)) or "no axes"
