"""What accuracy to expect of photographs: FER2013's faces made worse, and pasted into pictures.

The pasted ones are found by the detector, so that its share of the errors is known: where a face
is, how large it is, and what it is called are true by construction. What stands around them are
scikit-learn's two photographs, which show no people.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from PIL import Image
from scipy.stats import binomtest

from fer_utils.data.dataset import Faces
from fer_utils.evaluation.corruptions import blur, compress, rotate
from fer_utils.inference.cropping import MARGIN, crop, square
from fer_utils.inference.detection import Detector, Face
from fer_utils.inference.predictor import Predictor

Change = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]
MARGINS = (0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.5)
# a face's side in pixels, and how many fit side by side into a picture of 640×427, across and down
SIZES = {16: (4, 3), 24: (4, 3), 32: (4, 3), 48: (4, 3), 96: (4, 2), 192: (2, 1), 384: (1, 1)}
PASTED = 1200  # faces of each size: every third of a test split of FER2013
BORDER = 0.25  # of a face's side, repeated around it
SURROUNDINGS = {"photograph": 0.0, "border repeated": BORDER}
LEAST_OVERLAP = 0.3  # intersection over union of the true square and a found one, to be a find


def shrink(images: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """As if the faces had a side of `amount` pixels: made small, and large again."""
    small = (round(amount), round(amount))
    return np.stack(
        [
            np.asarray(Image.fromarray(i).resize(small, Image.Resampling.BICUBIC).resize(i.shape))
            for i in images
        ]
    )


def widen(images: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Crops whose side is wrong by the factor `amount`; beyond the picture its border repeats."""
    side = images.shape[1]
    start = side * (1 - amount) / 2
    return np.stack([crop(image, start, start, side * amount, side) for image in images])


def shift(images: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Crops that are off by the share `amount` of the side, in a random direction."""
    side = images.shape[1]
    angles = rng.uniform(0, 2 * np.pi, len(images))
    by = amount * side * np.stack([np.cos(angles), np.sin(angles)], 1)
    return np.stack([crop(i, x, y, side, side) for i, (x, y) in zip(images, by, strict=True)])


WORSE: tuple[tuple[str, str, Change, tuple[float, ...]], ...] = (
    ("size", "pixels", shrink, (36, 24, 16, 12)),
    ("blur", "sd in pixels of 48", blur, (0.5, 1, 1.5, 2)),
    ("crop too large or small", "factor", widen, (0.8, 0.9, 1.1, 1.2, 1.3, 1.5)),
    ("crop off", "share of the side", shift, (0.05, 0.1, 0.2)),
    ("rotation", "degrees", rotate, (10, 20, 30, 45)),
    ("JPEG", "quality", compress, (75, 40, 15, 5)),
)


def worse_pictures(predictor: Predictor, faces: Faces, split: str = "PrivateTest") -> pd.DataFrame:
    """Accuracy on a split's cropped images as they are, and made worse in known ways.

    Returns
    -------
    DataFrame
        One row per kind and amount.

        - kind, amount, unit: "none" for the images as they are;
        - images, accuracy, low, high: 0..1, with the 95 % interval (Wilson; images counted as
          independent);
        - change: of accuracy against "none";
        - sure, right_of_sure: share of the answers that count as sure, and how many of these are
          right.
    """
    rows = faces.rows(predictor.classes, (split,))
    labels = faces.index["label"].to_numpy()[rows]
    images = np.asarray(faces.images[rows])
    rng = np.random.default_rng(0)
    table = [{"kind": "none", "amount": np.nan, "unit": ""} | _scores(predictor, images, labels)]
    for kind, unit, change, amounts in WORSE:
        for amount in amounts:
            scores = _scores(predictor, change(images, amount, rng), labels)
            table.append({"kind": kind, "amount": amount, "unit": unit} | scores)
    frame = pd.DataFrame(table)
    frame.insert(7, "change", frame["accuracy"] - frame["accuracy"].iloc[0])
    return frame


def _scores(predictor: Predictor, images: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    answers = predictor.answers(images)
    right = (answers["label"] == labels).to_numpy()
    sure = answers["sure"].to_numpy()
    interval = binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
    return {
        "images": len(right),
        "accuracy": right.mean(),
        "low": interval.low,
        "high": interval.high,
        "sure": sure.mean(),
        "right_of_sure": right[sure].mean() if sure.any() else np.nan,
    }


@dataclass(frozen=True)
class Find:
    """A pasted face and what was found of it.

    Attributes
    ----------
    row : of the data set
    truth : left, top and side of the face's picture as pasted
    face : the face that was found there; None: overlooked
    picture : uint8, H×W
    """

    row: int
    truth: tuple[float, float, float]
    face: Face | None
    picture: np.ndarray


def paste(
    faces: Faces, rows: np.ndarray, size: int, border: float, rng: np.random.Generator
) -> Iterator[tuple[np.ndarray, list[tuple[int, tuple[float, float, float]]]]]:
    """Pictures with faces at random places that do not overlap.

    Yields
    ------
    tuple
        - uint8, H×W: scikit-learn's photographs in turn, grey;
        - of each face its row in `faces`, and left, top and side of its picture.
    """
    from sklearn.datasets import load_sample_images

    views = [Image.fromarray(image).convert("L") for image in load_sample_images().images]
    across, down = SIZES[size]
    pad = round(size * border)
    for start in range(0, len(rows), across * down):
        picture = np.array(views[start // (across * down) % len(views)])
        height, width = picture.shape[0] // down, picture.shape[1] // across
        placed = []
        for cell, row in enumerate(rows[start : start + across * down]):
            # without a border where one does not fit
            around = min(pad, (min(height, width) - size) // 2)
            side = size + 2 * around
            top = cell // across * height + rng.integers(0, height - side + 1)
            left = cell % across * width + rng.integers(0, width - side + 1)
            image = Image.fromarray(np.asarray(faces.images[row]))
            image = image.resize((size, size), Image.Resampling.BICUBIC)
            padded = np.pad(np.asarray(image), around, "edge")
            picture[top : top + side, left : left + side] = padded
            placed.append((int(row), (float(left + around), float(top + around), float(size))))
        yield picture, placed


def find(
    faces: Faces, rows: np.ndarray, size: int, surroundings: str, detector: Detector
) -> tuple[list[Find], int]:
    """Pasted faces as found, and how many boxes are at none of them."""
    rng = np.random.default_rng(size)
    # at equal distances, so that all classes have their share
    rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), PASTED)).astype(int)]
    finds, false = [], 0
    for picture, placed in paste(faces, rows, size, SURROUNDINGS[surroundings], rng):
        found = detector.find(picture)
        for row, truth in placed:
            overlaps = [overlap(truth, square(*face.box)) for face in found]
            best = int(np.argmax(overlaps)) if overlaps else -1
            hit = best >= 0 and overlaps[best] >= LEAST_OVERLAP
            finds.append(Find(row, truth, found.pop(best) if hit else None, picture))
        false += len(found)
    return finds, false


def overlap(one: tuple[float, float, float], other: tuple[float, float, float]) -> float:
    """Intersection over union of two squares, given by left, top and side."""
    across, down = (
        max(0.0, min(one[i] + one[2], other[i] + other[2]) - max(one[i], other[i])) for i in (0, 1)
    )
    return across * down / (one[2] ** 2 + other[2] ** 2 - across * down)


def found_faces(
    predictor: Predictor, faces: Faces, detector: Detector, split: str = "PrivateTest"
) -> pd.DataFrame:
    """A split's faces pasted into photographs, found again and classified.

    Returns
    -------
    DataFrame
        One row per surroundings and size.

        - surroundings: "photograph" begins at the border of a face's picture; "border repeated"
          is a quarter of the side farther away;
        - size: of the pasted face, in pixels;
        - faces, found: how many, and the share that was found; false: boxes at none of them;
        - overlap: median intersection over union of the pasted square and the one that the network
          was given;
        - framing: median side of the pasted square in means of the box's sides;
        - right_given: accuracy on the found ones, cropped where they were pasted; right_found:
          cropped where they were found; NaN where none was found, as are the next and `overlap`;
        - right_all: right answers among all faces, overlooked ones included;
        - sure, right_of_sure: of the found ones.
    """
    rows = faces.rows(predictor.classes, (split,))
    table = []
    for surroundings in SURROUNDINGS:
        for size in SIZES:
            finds, false = find(faces, rows, size, surroundings, detector)
            about = {"surroundings": surroundings, "size": size, "faces": len(finds)}
            table.append(about | found_scores(predictor, faces, finds) | {"false": false})
    columns = ["surroundings", "size", "faces", "found", "false", "overlap", "framing"]
    columns += ["right_given", "right_found", "right_all", "sure", "right_of_sure"]
    return pd.DataFrame(table, columns=columns)


def found_scores(predictor: Predictor, faces: Faces, finds: list[Find]) -> dict[str, float]:
    hits = [(f.row, f.truth, f.face, f.picture) for f in finds if f.face]
    if not hits:
        return {"found": 0.0, "right_all": 0.0}
    labels = faces.index["label"].to_numpy()[[row for row, *_ in hits]]
    side = predictor.side
    given = np.stack([crop(picture, *truth, side) for _, truth, _, picture in hits])
    cropped = np.stack([crop(picture, *square(*face.box), side) for *_, face, picture in hits])
    scores = _scores(predictor, cropped, labels)
    overlaps = [overlap(truth, square(*face.box)) for _, truth, face, _ in hits]
    framing = [truth[2] / square(*face.box, margin=1)[2] for _, truth, face, _ in hits]
    return {
        "found": len(hits) / len(finds),
        "overlap": float(np.median(overlaps)),
        "framing": float(np.median(framing)),
        "right_given": _scores(predictor, given, labels)["accuracy"],
        "right_found": scores["accuracy"],
        "right_all": scores["accuracy"] * len(hits) / len(finds),
        "sure": scores["sure"],
        "right_of_sure": scores["right_of_sure"],
    }


def margins(
    predictor: Predictor,
    faces: Faces,
    detector: Detector,
    size: int = 96,
    split: str = "PublicTest",
) -> pd.DataFrame:
    """Accuracy on found faces by the margin around the detector's box; on validation images.

    Returns
    -------
    DataFrame
        - surroundings, margin, faces (that were found), accuracy, low, high;
        - change: of accuracy against the squares that were pasted.
    """
    rows = faces.rows(predictor.classes, (split,))
    table = []
    for surroundings in SURROUNDINGS:
        finds, _ = find(faces, rows, size, surroundings, detector)
        hits = [(f.truth, f.face, f.picture) for f in finds if f.face]
        labels = faces.index["label"].to_numpy()[[f.row for f in finds if f.face]]
        given = np.stack([crop(picture, *truth, predictor.side) for truth, _, picture in hits])
        best = _scores(predictor, given, labels)["accuracy"]
        for margin in sorted({*MARGINS, MARGIN}):
            squares = [square(*face.box, margin=margin) for _, face, _ in hits]
            crops = [
                crop(hit[2], *place, predictor.side)
                for hit, place in zip(hits, squares, strict=True)
            ]
            scores = _scores(predictor, np.stack(crops), labels)
            row = {"surroundings": surroundings, "margin": margin, "faces": scores["images"]}
            row |= {name: scores[name] for name in ("accuracy", "low", "high")}
            table.append(row | {"change": scores["accuracy"] - best})
    return pd.DataFrame(table)
