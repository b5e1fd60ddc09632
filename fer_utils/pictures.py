"""Faces to be judged, from whatever holds them: paths, folders, PIL images, arrays, tensors, lists of these."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from fer_utils.decoding import as_pixels, open_image
from fer_utils.errors import FerError
from fer_utils.sources import IMAGE_TYPES

SIDE = 8  # pixels at least: below it no face is left, and an axis of channels taken for pixels is found out
DEEP = ("I", "F")  # PIL's modes of more than 8 bits, which a conversion to grey would clip to white
Found = tuple[str | None, Callable[[], Image.Image]]  # a file's path, and how to open it


def find(given) -> list[Found]:
    """Every image in `given`, in order; files are not opened yet.

    given: a path or list of paths, a folder (all that lies in it, sorted), a PIL image, a NumPy array (H×W, H×W×3,
    N×H×W or N×H×W×3) or a tensor (the same, or N×1×H×W or N×3×H×W); integers 0–255 or floats 0–1; or a list of
    these. Raises FerError for anything else, NaN, values out of range, and where there is no image at all.
    """
    match given:
        case str() | Path():
            return _files(Path(given))
        case Image.Image():
            return [(None, lambda: given)]
        case torch.Tensor():
            return _planes(_as_array(given))
        case np.ndarray():
            return _planes(given)
        case list() | tuple():
            if not given:
                raise FerError("no images to predict: the list is empty")
            return [found for item in given for found in find(item)]
    raise FerError(
        f"cannot read images from a {type(given).__name__}; give a path, a folder, a PIL image, an array, a "
        "tensor, or a list of these"
    )


def as_squares(found: list[Found], mode: str, size: int) -> Iterator[tuple[str | int, np.ndarray | None, str]]:
    """(source, pixels, error) of each image; source is its path, or its position where it has none.

    pixels: uint8, size×size (mode L) or size×size×3 (RGB): the largest centred square, resized; None where the
    file is broken, and then the error says why.
    """
    for position, (path, load) in enumerate(found):
        source = position if path is None else path
        try:
            yield source, as_pixels(_checked(load(), source), mode, size, size, str(source)), ""
        except FerError as error:
            yield source, None, str(error)


def _checked(image: Image.Image, source: str | int) -> Image.Image:
    if image.mode.startswith(DEEP):
        raise FerError(f"{source}: more than 8 bits a pixel (mode {image.mode}); save it with 8")
    if min(image.size) < SIDE:
        raise FerError(f"{source}: {image.width}×{image.height} pixels; at least {SIDE}×{SIDE} are needed")
    return image


def _files(path: Path) -> list[Found]:
    if not path.exists():
        return [(str(path), lambda: _missing(path))]
    if not path.is_dir():
        return [(str(path), lambda: open_image(_bytes, str(path)))]
    inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in IMAGE_TYPES and p.is_file())
    inside = [p for p in inside if not p.name.startswith(".") and "__MACOSX" not in p.parts]
    if not inside:
        raise FerError(f"{path}: no images in this folder (of the kinds {' '.join(sorted(IMAGE_TYPES))})")
    return [found for p in inside for found in _files(p)]


def _bytes(name: str) -> bytes:
    return Path(name).read_bytes()


def _missing(path: Path) -> Image.Image:
    raise FerError(f"{path}: no such file or folder")


def _as_array(tensor: torch.Tensor) -> np.ndarray:
    """The tensor with its channels last, as an array."""
    shape = tensor.shape
    if tensor.ndim == 3 and shape[0] == 3 and shape[2] != 3:
        raise FerError(
            f"a tensor of {_written(shape)} may be one colour image or three grey ones; give N×3×H×W or N×1×H×W"
        )
    if tensor.ndim == 4 and shape[1] in (1, 3) and shape[3] != 3:
        tensor = tensor.squeeze(1) if shape[1] == 1 else tensor.movedim(1, 3)
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.is_floating_point() else tensor).numpy()


def _planes(values: np.ndarray) -> list[Found]:
    """The images of an array, one or many."""
    grey, colour = values.shape, values.shape[:-1]
    in_colour = values.ndim in (3, 4) and values.shape[-1] == 3
    single = colour if in_colour else grey
    if len(single) not in (2, 3) or (values.size and min(single[-2:]) < SIDE):
        raise FerError(
            f"an array of {_written(values.shape)} is no image; give H×W, H×W×3, N×H×W or N×H×W×3 with at least "
            f"{SIDE} pixels a side"
        )
    if not values.size:
        raise FerError(f"no images to predict: the array is empty ({_written(values.shape)})")
    pixels = _as_uint8(values)
    each = [pixels] if len(single) == 2 else list(pixels)
    return [(None, lambda plane=plane: Image.fromarray(plane)) for plane in each]


def _as_uint8(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "uif":
        raise FerError(f"pixels must be integers 0–255 or floats 0–1; got {values.dtype}")
    whole = values.dtype.kind in "ui"
    low, high, most = values.min(), values.max(), 255 if whole else 1
    if np.isnan(low):
        raise FerError("the images hold NaN; pixels must be integers 0–255 or floats 0–1")
    if low < 0 or high > most:
        remedy = "" if whole else "; as integers they may reach 255, and normalised images must be turned back"
        raise FerError(f"pixels of type {values.dtype} must lie in 0–{most}; found {low:g} to {high:g}{remedy}")
    return values.astype(np.uint8) if whole else np.rint(values * np.float64(255)).astype(np.uint8)


def _written(shape) -> str:
    return "×".join(map(str, shape)) or "no axes"
