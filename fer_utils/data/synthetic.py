"""The embedded sample: drawn faces with the seven expressions, so that all runs without a download.

A face is drawn from named facial parameters (the expression), an identity (shape, hair, glasses,
tones) and nuisances (pose, light, blur, noise, occlusion). It is a stand-in for FER2013, not a
substitute: scores on it say that the machinery works, and nothing about people.

The order of the draws is part of the sample: another order gives other faces for the same seed.
"""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFilter

from fer_utils import paths
from fer_utils.data.dataset import Faces, open_store
from fer_utils.data.tasks import EMOTIONS

SIZE = 48  # FER2013's
ZOOM = 4  # drawn at four times the size and scaled down, which smooths the lines
PER_CLASS = {"Training": 600, "PublicTest": 75, "PrivateTest": 75}


@dataclass(frozen=True)
class Expression:
    """Facial parameters; 0 is the neutral face, 1 about the strongest that a face can do."""

    brow_angle: float  # + inner ends up (sorrow), - inner ends down (anger)
    brow_height: float  # + raised
    lid_opening: float  # + wide eyes, - narrowed
    mouth_curve: float  # + corners up
    mouth_opening: float
    mouth_width: float
    nose_wrinkle: float


#                            brow angle, height, lids, curve, opening, width, wrinkle
EXPRESSIONS = {
    "angry": Expression(-0.75, -0.4, -0.15, -0.4, 0.15, -0.1, 0.35),
    "disgust": Expression(-0.5, -0.4, -0.6, -0.55, 0.2, -0.2, 1.0),
    "fear": Expression(0.7, 0.7, 0.8, -0.35, 0.45, 0.1, 0.0),
    "happy": Expression(0.0, 0.15, -0.35, 1.3, 0.5, 0.7, 0.0),
    "neutral": Expression(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    "sad": Expression(0.8, -0.05, -0.35, -0.75, 0.0, -0.2, 0.0),
    "surprise": Expression(0.1, 1.0, 1.0, 0.0, 1.0, -0.45, 0.0),
}
SPREAD = 0.26  # how far each parameter strays from its expression, as one standard deviation
WEAKEST = 0.3  # the faintest expression, as a share of the full one: real faces are rarely posed


def draw_face(expression: Expression, person: int = 0) -> np.ndarray:
    """One face with exactly these facial parameters, uint8 48×48.

    Parameters
    ----------
    person
        The seed of everything else: shape of the head, hair, glasses, pose, light and noise.
    """
    return _face(astuple(expression), np.random.default_rng(person))


def draw_faces(n: int, seed: int = 0) -> Faces:
    """n faces, the seven expressions in turn, all of split Training; same seed, same bytes."""
    rng = np.random.default_rng(seed)
    labels = [EMOTIONS[i % len(EMOTIONS)] for i in range(n)]
    images = np.stack([_face(_varied(EXPRESSIONS[label], rng), rng) for label in labels])
    names = [f"drawn/{seed}/{i:05d}" for i in range(n)]
    index = pd.DataFrame({"name": names, "label": labels, "split": "Training"})
    return Faces(images, index, f"drawn faces, seed {seed}")


def portrait(expression: Expression, seed: int = 0) -> np.ndarray:
    """One face of just this expression, upright, before light and camera: uint8, 192×192.

    The seed decides who it is.
    """
    return np.asarray(_draw(expression, np.random.default_rng(seed)))


def prepare_sample(folder: Path) -> Faces:
    """The sample as a prepared store, drawn if it is not there yet (some seconds)."""
    if not (folder / "dataset.json").exists():
        per_class = sum(PER_CLASS.values())
        faces = draw_faces(per_class * len(EMOTIONS))
        # the expressions come in turn, so a face's place among those of its class is a division
        place = np.arange(len(faces)) // len(EMOTIONS)
        split = np.repeat(list(PER_CLASS), list(PER_CLASS.values()))[place]
        Faces(faces.images, faces.index.assign(split=split), faces.source).save(folder)
    return open_store(folder)


def open_dataset(name: str) -> Faces:
    """The prepared store data/<name>; the sample is drawn if it is not there yet.

    Raises FerError where there is no store of this name.
    """
    return prepare_sample(paths.DATA / name) if name == "sample" else open_store(paths.DATA / name)


def _varied(full: Expression, rng: np.random.Generator) -> np.ndarray:
    """Facial parameters of one person who makes this expression, in the order of its fields."""
    strength = rng.uniform(WEAKEST, 1.0)
    return strength * np.array(astuple(full)) + rng.normal(0, SPREAD, len(fields(full)))


def _face(values: Iterable[float], rng: np.random.Generator) -> np.ndarray:
    """One face, uint8 48×48, of facial parameters in the order of their fields."""
    picture = _draw(Expression(*values), rng)
    background = picture.getpixel((0, 0))
    turned = picture.rotate(rng.normal(0, 5), Image.Resampling.BICUBIC, fillcolor=background)
    return _photograph(turned.resize((SIZE, SIZE), Image.Resampling.BOX), rng)


def _draw(e: Expression, rng: np.random.Generator) -> Image.Image:
    """The face on a canvas of 192×192, before light and camera."""
    side = SIZE * ZOOM
    background, skin = int(rng.integers(20, 200)), int(rng.integers(95, 225))
    dark = int(skin * rng.uniform(0.2, 0.4))  # brows, pupils, lips
    hair = int(rng.integers(15, 90)) if rng.random() < 0.8 else int(rng.integers(140, 230))
    picture = Image.new("L", (side, side), background)
    pen = ImageDraw.Draw(picture)

    width, height = side * rng.uniform(0.31, 0.40), side * rng.uniform(0.41, 0.49)
    cx, cy = side / 2 + rng.normal(0, 4), side * 0.52 + rng.normal(0, 4)
    # turning the head moves the features, in pixels
    yaw, pitch = rng.normal(0, 6), rng.normal(0, 4)

    def oval(x, y, rx, ry, fill, outline=None):
        pen.ellipse((x - rx, y - ry, x + rx, y + ry), fill=int(fill), outline=outline, width=2)

    shoulders = height * 0.95
    oval(cx, cy + height + shoulders * 0.55, width * 1.3, shoulders * 0.6, rng.integers(20, 200))
    oval(cx, cy - height * 0.12, width * rng.uniform(1.08, 1.25), height * 1.12, hair)
    if rng.random() < 0.4:  # long hair
        pen.rectangle((cx - width * 1.15, cy - 5, cx + width * 1.15, cy + height * 0.95), fill=hair)
    oval(cx, cy + max(e.mouth_opening, 0) * 5, width, height, skin)  # an open mouth lowers the jaw
    fringe = cy - height * rng.uniform(0.55, 0.75)
    forehead = (cx - width, cy - height * 1.1, cx + width, fringe + height * 0.35)
    pen.chord(forehead, 190, 350, fill=hair)

    fx, fy = cx + yaw, cy + pitch
    eye_x, eye_y = width * rng.uniform(0.40, 0.48), fy - height * 0.14
    eye_rx = width * rng.uniform(0.20, 0.25)
    eye_ry = max(eye_rx * (0.52 + 0.38 * e.lid_opening), 1.5)
    thick = int(rng.integers(5, 9))
    for direction in (-1, 1):
        x = fx + direction * eye_x
        oval(x, eye_y, eye_rx, eye_ry, min(skin + 60, 250), dark)
        pupil = min(eye_rx * 0.45, eye_ry)
        oval(x + yaw * 0.3, eye_y, pupil, pupil, dark * 0.5)
        brow_y = eye_y - height * (0.20 + 0.09 * e.brow_height)
        tilt = height * 0.085 * e.brow_angle
        inner = (x - direction * eye_rx * 1.1, brow_y - tilt)
        outer = (x + direction * eye_rx * 1.2, brow_y + tilt)
        pen.line((inner, outer), fill=min(hair, int(skin * 0.6)), width=thick)

    nose_y = fy + height * 0.16
    nose = width * rng.uniform(0.12, 0.2)
    pen.line((fx - nose, nose_y, fx + nose, nose_y), fill=int(skin * 0.72), width=4)
    pen.line((fx + yaw * 0.5, eye_y + 8, fx + nose * 0.6, nose_y), fill=int(skin * 0.85), width=3)
    if e.nose_wrinkle > 0.15:
        crease = int(skin * (1 - 0.25 * min(e.nose_wrinkle, 1)))
        for step in range(3):
            y = eye_y + 4 + step * 6
            pen.line((fx - nose, y, fx + nose, y), fill=crease, width=2)
    _mouth(pen, e, fx, fy + height * 0.50, width * 0.42, dark, skin, int(rng.integers(4, 8)))
    _extras(pen, rng, fx, fy, width, height, eye_x, eye_y, eye_rx, dark, skin)
    return picture


def _mouth(pen, e: Expression, x, y, reach, dark, skin, lip) -> None:
    """Two parabolas, the upper and the lower lip; teeth show where they part."""
    reach *= 1 + 0.3 * e.mouth_width
    steps = np.linspace(-1, 1, 13)
    bend = 16 * e.mouth_curve * (0.5 - steps**2)  # corners up: the middle hangs below them
    gap = 26 * max(e.mouth_opening, 0) * (1 - steps**2)
    upper = list(zip(x + reach * steps, y + bend - gap * 0.3, strict=True))
    lower = list(zip(x + reach * steps, y + bend + gap * 0.7, strict=True))
    pen.polygon(upper + lower[::-1], fill=int(dark * 0.4))
    if e.mouth_opening > 0.15 and e.mouth_curve > 0.2:
        teeth = list(zip(x + reach * steps, y + bend - gap * 0.3 + gap * 0.4, strict=True))
        pen.polygon(upper + teeth[::-1], fill=min(skin + 70, 250))
    for line in (upper, lower):
        pen.line(line, fill=int(dark * 1.3), width=lip, joint="curve")


def _extras(pen, rng, fx, fy, width, height, eye_x, eye_y, eye_rx, dark, skin) -> None:
    """Glasses, beard, or a hand or microphone before the face."""
    if rng.random() < 0.2:
        for direction in (-1, 1):
            x, r = fx + direction * eye_x, eye_rx * 1.45
            pen.ellipse((x - r, eye_y - r, x + r, eye_y + r), outline=int(dark * 0.7), width=4)
        bridge = eye_x - eye_rx * 1.45
        pen.line((fx - bridge, eye_y, fx + bridge, eye_y), fill=int(dark * 0.7), width=4)
    if rng.random() < 0.15:
        beard = (fx - width * 0.55, fy + height * 0.62, fx + width * 0.55, fy + height * 0.98)
        pen.ellipse(beard, fill=int(skin * 0.6))
    if rng.random() < 0.12:
        x, y = fx + rng.normal(0, width * 0.6), fy + rng.uniform(0.3, 0.9) * height
        r = width * rng.uniform(0.2, 0.4)
        pen.ellipse((x - r, y - r * 1.4, x + r, y + r * 1.4), fill=int(rng.integers(30, 230)))


def _photograph(picture: Image.Image, rng: np.random.Generator) -> np.ndarray:
    """An unsharp lens, contrast, light from one side, a noisy sensor, and rounding to uint8."""
    picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 1.0)))
    pixels = np.asarray(picture, dtype=np.float64)
    along = np.linspace(-1, 1, SIZE)
    light = 1 + rng.normal(0, 0.12) * along[None, :] + rng.normal(0, 0.08) * along[:, None]
    pixels = (pixels - 128) * rng.uniform(0.55, 1.1) + 128 + rng.normal(0, 12)
    pixels = pixels * light + rng.normal(0, rng.uniform(2, 10), pixels.shape)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
