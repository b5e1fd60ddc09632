"""Photographs of people: find every face, crop it, classify it; one row per face."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from PIL import Image

from fer_utils.data.decoding import as_pixels, upright
from fer_utils.errors import FerError
from fer_utils.inference import inputs
from fer_utils.inference.cropping import crop, square
from fer_utils.inference.detection import Detector, Face
from fer_utils.inference.predictor import Predictor

CROPPED = 64  # pixels: a picture of no longer side is taken for a cropped face, as FER2013's are
# pixels: below it (the square that the network gets) accuracy is far from the stated one, see
# results/fer2013/deploy/accuracy.csv
SMALL = 32
NO_FACE = "no face found"
BOX = ("left", "top", "width", "height")

# what is done with a finished picture: its source, RGB, and the rows of its faces
Use = Callable[[str | int, Image.Image, pd.DataFrame], None]


def predict(
    predictor: Predictor,
    images: inputs.Given,
    raw: bool = False,
    detector: Detector | None = None,
    use: Use | None = None,
) -> pd.DataFrame:
    """Classifies every face in pictures.

    A picture of at most CROPPED pixels is taken for one cropped face, since it is too small to be
    searched; in all others faces are looked for. One picture is in memory at a time.

    Parameters
    ----------
    images
        Whatever `inputs.find` takes.
    raw
        Probabilities as they are before calibration.
    detector
        None: one is made as soon as a picture has to be searched.
    use
        Called with each picture, upright, and its rows; for drawing.

    Returns
    -------
    DataFrame
        One row per face, the largest first; one for a picture without any and for a broken file.

        - source: the image's path, or its position where it has none;
        - face: 1, 2, …; 0 where there is none;
        - left, top, width, height: its box in pixels of the upright picture; NaN without a face;
        - score: the detector's, 0..1; NaN where it was not asked;
        - one column per class with its calibrated probability, label, sure: as of
          `Predictor.predict`; NaN, "" and False without a face;
        - note: what to know of the row: no face, a small one, a picture taken for a cropped face,
          why a file cannot be read.

    Raises
    ------
    FerError
        Where there is nothing to classify, no file can be read, or a package is missing that the
        search needs.
    """
    frames, errors = [], []
    for position, (path, load) in enumerate(inputs.find(images)):
        source = position if path is None else path
        error = ""
        try:
            picture = upright(inputs.checked(load(), source), "RGB", str(source))
        except FerError as broken:
            error = str(broken)
            frame = _nothing(error)
        else:
            if max(picture.size) > CROPPED:
                detector = detector or Detector()
                frame = _found(predictor, picture, detector, raw)
            else:
                frame = _whole(predictor, picture, raw)
            if use:
                use(source, picture, frame)
        errors.append(error)
        frames.append(frame.assign(source=source))
    inputs.report_broken(errors)
    columns = ["source", "face", *BOX, "score", *predictor.classes, "label", "sure", "note"]
    rows = pd.concat([frame.reindex(columns=columns) for frame in frames], ignore_index=True)
    return rows.fillna({"label": ""}).assign(sure=rows["sure"].eq(True))


def _found(
    predictor: Predictor, picture: Image.Image, detector: Detector, raw: bool
) -> pd.DataFrame:
    """The rows of the faces found in a picture."""
    faces = detector.find(np.asarray(picture))
    if not faces:
        return _nothing(NO_FACE)
    pixels = np.asarray(picture.convert(predictor.mode))
    crops = np.stack([crop(pixels, *square(*face.box), predictor.side) for face in faces])
    boxes = [(number, *face.box, face.score) for number, face in enumerate(faces, start=1)]
    about = pd.DataFrame(boxes, columns=["face", *BOX, "score"])
    answers = predictor.answers(crops, raw)
    return pd.concat([about, answers], axis=1).assign(note=[_note(face) for face in faces])


def _note(face: Face) -> str:
    side = square(*face.box)[2]
    return f"small face: {side:.0f} pixels" if side < SMALL else ""


def _whole(predictor: Predictor, picture: Image.Image, raw: bool) -> pd.DataFrame:
    """The one row of a picture that is a face."""
    side = predictor.side
    pixels = as_pixels(picture, predictor.mode, side, side, "")
    width, height = picture.size
    note = f"{width}×{height} pixels: taken for a cropped face"
    box = {"face": 1, "left": 0.0, "top": 0.0, "width": float(width), "height": float(height)}
    return predictor.answers(pixels[None], raw).assign(**box, note=note)


def _nothing(note: str) -> pd.DataFrame:
    return pd.DataFrame({"face": [0], "note": note})
