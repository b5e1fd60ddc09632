"""A whole data set decoded into one uint8 array, in as many processes as there are cores.

The main process reads and writes, the others decode. Threads were measured twice as slow as none:
most of the work on 48×48 pixels is Python's.
"""

import os
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
from tqdm import tqdm

from fer_utils.data.decoding import (
    BROKEN,
    Form,
    Read,
    as_pixels,
    form_of,
    is_grey,
    open_image,
    unreadable,
)

PHOTO_SIZE = 224  # images of mixed sizes are brought to this one: what the ImageNet networks take
CHUNK = 64  # images that a process is given at a time
WORTH = 1000  # images per process, at least: it takes as long to start as to decode a few hundred

Done = TypeVar("Done")


class Unlike(Exception):
    """An image is of another form than the one that all were taken to have."""


def write_images(
    path: Path, names: list[str], read: Read, size: int | None, grey: bool | None
) -> None:
    """Decodes every image into the .npy file `path`.

    Parameters
    ----------
    read : gives the bytes of the image of a name.
    size : side in pixels. None keeps the images' own size if they share it and are square, else
        crops the centre square and resizes to PHOTO_SIZE.
    grey : None keeps grey only where every image is grey.

    Raises
    ------
    FerError
        For an image that cannot be read, naming it.
    """
    chosen = size is not None and grey is not None
    form = common([form_of(read, names[0])], size, grey)
    try:  # most sets are all of one form: then one look at each image is enough
        parts = _each(partial(_pixels, form=form, alike=not chosen), names, read)
        write_array(path, parts, len(names), form.shape)
    except Unlike:
        looks = _each(_forms, names, read, "looking")
        form = common([form for part in looks for form in part], size, grey)
        parts = _each(partial(_pixels, form=form), names, read)
        write_array(path, parts, len(names), form.shape)


def common(forms: list[Form], size: int | None, grey: bool | None) -> Form:
    """The form that images of these forms are brought to; size and grey as for `write_images`."""
    sizes = {(form.height, form.width) for form in forms}
    kept = size is None and len(sizes) == 1 and len(set(*sizes)) == 1
    height, width = sizes.pop() if kept else (size or PHOTO_SIZE,) * 2
    return Form(height, width, all(form.grey for form in forms) if grey is None else grey)


def write_array(
    path: Path, parts: Generator[np.ndarray], count: int, shape: tuple[int, ...]
) -> None:
    """Writes an .npy file part by part: flat memory, and a full disk is an error, not a crash.

    parts: uint8, together `count` images of this shape.
    """
    with path.open("wb") as stream, closing(parts):  # the bar's last line comes before any error's
        header = {"descr": "|u1", "fortran_order": False, "shape": (count, *shape)}
        np.lib.format.write_array_header_1_0(stream, header)
        for part in parts:
            stream.write(part.tobytes())


def _forms(contents: dict[str, bytes]) -> list[Form]:
    return [form_of(contents.__getitem__, name) for name in contents]


def _pixels(contents: dict[str, bytes], form: Form, alike: bool = False) -> np.ndarray:
    """The images, in `form`. alike: Unlike is raised where one is not in that form already."""
    mode, pixels = "L" if form.grey else "RGB", np.empty((len(contents), *form.shape), np.uint8)
    for place, name in enumerate(contents):
        with open_image(contents.__getitem__, name) as image:
            coloured = form.grey and not is_grey(image)
            if alike and (image.size != (form.width, form.height) or coloured):
                raise Unlike(name)
            pixels[place] = as_pixels(image, mode, form.width, form.height, name)
    return pixels


def _each(
    work: Callable[[dict[str, bytes]], Done], names: list[str], read: Read, verb: str = "reading"
) -> Generator[Done]:
    """work({name: bytes}) for every CHUNK of names, in order."""
    processes = min(_cores(), len(names) // WORTH)
    chunks = (names[start : start + CHUNK] for start in range(0, len(names), CHUNK))
    with tqdm(total=len(names), desc=verb, unit="image", mininterval=0.5) as bar:
        if processes < 2:
            for chunk in chunks:
                yield work(_contents(read, chunk))
                bar.update(len(chunk))
            return
        pool, waiting = ProcessPoolExecutor(processes), deque[tuple[Future[Done], int]]()
        try:
            for chunk in chunks:
                waiting.append((pool.submit(work, _contents(read, chunk)), len(chunk)))
                # a few chunks ahead and no more, so that memory stays flat
                if len(waiting) > 2 * processes:
                    yield _next(waiting, bar)
            while waiting:
                yield _next(waiting, bar)
        finally:
            # also where one image is broken: what has not begun need not be done
            pool.shutdown(cancel_futures=True)


def _contents(read: Read, names: list[str]) -> dict[str, bytes]:
    contents = {}
    for name in names:
        try:
            contents[name] = read(name)
        except BROKEN as error:
            raise unreadable(name, error) from None
    return contents


def _next(waiting: deque[tuple[Future[Done], int]], bar: tqdm) -> Done:
    future, count = waiting.popleft()
    done = future.result()
    bar.update(count)
    return done


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
