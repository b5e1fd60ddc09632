"""A picture with its faces: boxes with numbers, and beside them each face's bars."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from fer_utils.inference.cropping import crop, square

SURE, UNSURE = (0, 114, 178), (130, 130, 130)  # blue and grey, told apart by the colour-blind too
INK, PAPER = (30, 30, 30), (255, 255, 255)
LONGEST, SHORTEST = 1600, 480  # pixels: the picture's longer side as drawn
FACE, CELL, LINE, NAMES = 96, (340, 160), 18, 68  # pixels, of a face's bars


class Drawings:
    """Writes each picture that it is called with to a folder, as `photographs.predict` calls it.

    Parameters
    ----------
    folder
        Made if it is not there.
    classes
        In the order of the bars.
    """

    def __init__(self, folder: Path, classes: Sequence[str]):
        self.folder, self.classes = folder, classes
        self._names: set[str] = set()
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, source: str | int, picture: Image.Image, rows: pd.DataFrame) -> None:
        draw(picture, rows, self.classes).save(self.folder / self._name(source), quality=90)

    def _name(self, source: str | int) -> str:
        """The picture's own name; numbered where two folders have the same one."""
        stem = Path(str(source)).stem
        candidates = (f"{stem}{f'-{i}' if i else ''}.jpg" for i in range(len(self._names) + 1))
        name = next(name for name in candidates if name not in self._names)
        self._names.add(name)
        return name


def draw(picture: Image.Image, rows: pd.DataFrame, classes: Sequence[str]) -> Image.Image:
    """The picture with a box around each face, and on its right the faces' probabilities.

    Parameters
    ----------
    picture
        RGB, upright.
    rows
        Those of the picture, as `photographs.predict` returns them.
    """
    longer = max(picture.size)
    scale = min(max(longer, SHORTEST), LONGEST) / longer
    width, height = (max(1, round(side * scale)) for side in picture.size)
    faces = rows[rows["face"] > 0]
    per_column = max(1, height // CELL[1])
    columns = -(-len(faces) // per_column)
    canvas = Image.new("RGB", (width + columns * CELL[0], max(height, CELL[1])), PAPER)
    canvas.paste(picture.resize((width, height), Image.Resampling.LANCZOS))
    pen, pixels = ImageDraw.Draw(canvas), np.asarray(picture)
    if faces.empty:
        _label(pen, (0, 0), rows["note"].iloc[0], UNSURE)
    for position, (_, row) in enumerate(faces.iterrows()):
        face = row[["left", "top", "width", "height"]].to_numpy(float)
        box = face * scale
        colour = SURE if row["sure"] else UNSURE
        corner = (box[0], box[1])
        pen.rectangle((*corner, box[0] + box[2], box[1] + box[3]), outline=colour, width=3)
        _label(pen, corner, f"{row['face']}", colour)
        column, line = divmod(position, per_column)
        thumbnail = Image.fromarray(crop(pixels, *square(*face), FACE))
        _bars(canvas, pen, (width + column * CELL[0], line * CELL[1]), thumbnail, row, classes)
    return canvas


def _bars(
    canvas: Image.Image,
    pen: ImageDraw.ImageDraw,
    corner: tuple[int, int],
    face: Image.Image,
    row: pd.Series,
    classes: Sequence[str],
) -> None:
    """A face's number, its picture, and a bar per class."""
    left, top = corner[0] + 10, corner[1] + 8
    colour = SURE if row["sure"] else UNSURE
    canvas.paste(face, (left, top + LINE))
    title = f"{row['face']}: {row['label']}{'' if row['sure'] else ' (not sure)'}"
    pen.text((left, top), title, INK, _font(14))
    start = left + FACE + 10
    longest = CELL[0] - FACE - NAMES - 70
    for line, name in enumerate(classes, start=1):
        y = top + line * LINE
        pen.text((start, y), str(name), INK, _font(12))
        end = start + NAMES + row[name] * longest
        pen.rectangle((start + NAMES, y + 2, end, y + LINE - 4), fill=colour)
        pen.text((end + 4, y), f"{row[name]:.0%}", INK, _font(12))


def _label(
    pen: ImageDraw.ImageDraw, corner: tuple[float, float], text: str, colour: tuple[int, ...]
) -> None:
    """White on colour, inside the picture where it would begin beyond its border."""
    x, y = max(corner[0], 0), max(corner[1], 0)
    left, top, right, bottom = pen.textbbox((x + 4, y + 2), text, _font(16))
    pen.rectangle((left - 4, top - 4, right + 4, bottom + 4), fill=colour)
    pen.text((x + 4, y + 2), text, PAPER, _font(16))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
