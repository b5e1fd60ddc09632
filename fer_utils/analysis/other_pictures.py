"""What a network answers where there is no face to read: plain, noisy, drawn, scrambled pictures.

A classifier has no answer "no face": it names an expression on anything.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

from fer_utils.data.synthetic import draw_faces
from fer_utils.evaluation.metrics import probabilities

EACH = 100  # pictures of a kind that has more than one
BLOCKS = 4  # a side, of a scrambled photograph
DRAWN = 700  # drawn faces
# kinds that are not made up here
FACE, SCRAMBLED = "drawn face", "scrambled photograph"
BLANK, UNNAMED = "blank, in the data set", "no votes in FER+"


def made_up(side: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Pictures without a face, by kind: uint8, N×side×side; the same ones each time."""
    kinds: dict[str, Callable[[int, np.random.Generator], np.ndarray]] = {
        "gradient": _gradient,
        "stripes": _stripes,
        "page of text": _text,
        "ovals and boxes": _shapes,
        "noise": _noise,
        "smooth noise": _smooth_noise,
    }
    plain = {"black": 0, "mid-grey": 128, "white": 255}
    pictures = {name: np.full((1, side, side), grey, np.uint8) for name, grey in plain.items()}
    for number, (name, make) in enumerate(kinds.items()):
        rng = np.random.default_rng([seed, number])
        pictures[name] = np.stack([make(side, rng) for _ in range(EACH)])
    return pictures


def scrambled(images: np.ndarray, seed: int = 0) -> np.ndarray:
    """Photographs cut into BLOCKS×BLOCKS blocks, in random order: their greys without their face.

    What a side has beyond a multiple of BLOCKS pixels stays where it is.
    """
    rng, mixed = np.random.default_rng(seed), images.copy()
    across = images.shape[1] // BLOCKS
    corners = [(i * across, j * across) for i in range(BLOCKS) for j in range(BLOCKS)]
    for before, after in zip(images, mixed, strict=True):
        for (i, j), source in zip(corners, rng.permutation(len(corners)), strict=True):
            y, x = corners[source]
            after[i : i + across, j : j + across] = before[y : y + across, x : x + across]
    return mixed


def answers(
    logits: Callable[[np.ndarray], np.ndarray],
    classes: tuple[str, ...],
    pictures: Mapping[str, np.ndarray],
    threshold: float,
    labels: Mapping[str, np.ndarray] | None = None,
) -> pd.DataFrame:
    """What a network answers on pictures, one row per kind.

    Parameters
    ----------
    logits
        Of images, uint8, N×side×side[×3]: float, N×classes.
    pictures
        By kind.
    threshold
        Of confidence, 0..1, below which no answer is given.
    labels
        Names of classes, one per picture, for kinds that have them.

    Returns
    -------
    DataFrame
        - picture: the kind; images: how many;
        - answer: the most frequent one (of equals the first class); share: of the images, 0..1;
        - confidence, lowest, highest: mean and ends of the probability of the answer, 0..1;
        - kept: share of the images that are answered at the threshold;
        - right: share of answers that are the label; NaN where there is none.
    """
    rows = []
    for kind, images in pictures.items():
        probability = probabilities(logits(images))
        sure, answered = probability.max(axis=1), probability.argmax(axis=1)
        most = np.bincount(answered, minlength=len(classes)).argmax()
        right = np.nan
        if labels and kind in labels:
            right = (np.array(classes)[answered] == labels[kind]).mean()
        shares = (answered == most).mean(), sure.mean(), sure.min(), sure.max()
        rows.append((kind, len(images), classes[most], *shares, (sure >= threshold).mean(), right))
    columns = ["picture", "images", "answer", "share", "confidence", "lowest", "highest"]
    return pd.DataFrame(rows, columns=[*columns, "kept", "right"])


def drawn_faces(side: int) -> tuple[np.ndarray, np.ndarray]:
    """DRAWN faces of the project's own generator, uint8, N×side×side, and their expressions."""
    faces = draw_faces(DRAWN, seed=1)
    images = [Image.fromarray(image).resize((side, side)) for image in faces.images]
    return np.stack([np.asarray(image) for image in images]), faces.index["label"].to_numpy()


def _grid(side: int) -> tuple[np.ndarray, np.ndarray]:
    along = np.linspace(-1, 1, side)
    return along[:, None], along[None, :]


def _levels(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Values of any range between two random greys at least 64 apart."""
    dark = rng.uniform(0, 191)
    bright = rng.uniform(dark + 64, 255)
    span = np.ptp(values)
    return np.rint(dark + (values - values.min()) / span * (bright - dark)).astype(np.uint8)


def _gradient(side: int, rng: np.random.Generator) -> np.ndarray:
    down, right = _grid(side)
    angle = rng.uniform(0, 2 * np.pi)
    return _levels(np.cos(angle) * right + np.sin(angle) * down, rng)


def _stripes(side: int, rng: np.random.Generator) -> np.ndarray:
    down, right = _grid(side)
    angle, waves = rng.uniform(0, np.pi), rng.uniform(2, 10)
    wave = np.sin(np.pi * waves * (np.cos(angle) * right + np.sin(angle) * down))
    return _levels(np.sign(wave) + 0 * right, rng)


def _text(side: int, rng: np.random.Generator) -> np.ndarray:
    """Lines of random letters, as a page that a search engine took for a face."""
    zoom = 4
    page = Image.new("L", (side * zoom, side * zoom), int(rng.integers(200, 256)))
    pen, height = ImageDraw.Draw(page), int(rng.integers(side // 4, side // 2))
    letters = list("abcdefghijklmnopqrstuvwxyz    ")
    ink = int(rng.integers(0, 100))
    for top in range(height // 2, side * zoom - height, height):
        line = "".join(rng.choice(letters, 40))
        pen.text((height // 2, top), line, ink, ImageFont.load_default(0.7 * height))
    return np.asarray(page.resize((side, side), Image.Resampling.BOX))


def _shapes(side: int, rng: np.random.Generator) -> np.ndarray:
    picture = Image.new("L", (side, side), int(rng.integers(0, 256)))
    pen = ImageDraw.Draw(picture)
    for number in range(int(rng.integers(3, 9))):
        (left, right), (top, bottom) = np.sort(rng.integers(0, side, (2, 2)), axis=1).tolist()
        draw = pen.ellipse if number % 2 else pen.rectangle
        draw((left, top, right, bottom), fill=int(rng.integers(0, 256)))
    return np.asarray(picture)


def _noise(side: int, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (side, side)).astype(np.uint8)


def _smooth_noise(side: int, rng: np.random.Generator) -> np.ndarray:
    return _levels(gaussian_filter(rng.normal(size=(side, side)), side / 16), rng)
