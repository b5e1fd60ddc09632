"""Where faces are in a picture: YuNet (Wu, Peng and Yu 2023) on ONNX Runtime.

Its weights (MIT, 232,589 bytes) lie in data/weights/yunet.onnx. OpenCV has a wrapper of the same
network, FaceDetectorYN; this one gives the same boxes (tests/inference/test_detection.py), takes
half the time and needs no OpenCV, and the page in the browser runs the same graph.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from fer_utils import paths
from fer_utils.errors import FerError
from fer_utils.inference.extra import require

WEIGHTS = paths.CHECKOUT / "data" / "weights" / "yunet.onnx"
# Pixels: the longer sides at which a picture is searched. YuNet overlooks faces of few pixels, which
# are found in the larger search, and those of about 600 and more, which are found in the smaller
# one. No picture is enlarged more than ENLARGED times.
SMALLEST, LARGEST, ENLARGED = 640, 1280, 4
STRIDES = (8, 16, 32)  # pixels from one cell of the network's three maps to the next
SCORE = 0.6  # the lowest of a face; what OpenCV's demonstration calls a face has 0.9
# Of two boxes that overlap more (intersection over union) the better one stays; so too where so
# much of the smaller one is shared, for parts of a large face may look like a face.
OVERLAP, INSIDE = 0.3, 0.8


@dataclass(frozen=True)
class Face:
    """One face found in a picture, in the picture's own pixels.

    Attributes
    ----------
    left, top, width, height
        Of the box; it may reach beyond the picture.
    score
        The detector's, 0..1; no probability.
    landmarks
        float32, 5×2 as (x, y): right eye, left eye (the person's), tip of the nose, right and left
        corner of the mouth.
    """

    left: float
    top: float
    width: float
    height: float
    score: float
    landmarks: np.ndarray

    @property
    def box(self) -> tuple[float, float, float, float]:
        """left, top, width, height"""
        return self.left, self.top, self.width, self.height


class Detector:
    """Finds faces in pictures of any size.

    Parameters
    ----------
    score
        The lowest score of a face, 0..1.
    smallest, largest
        In pixels, the longer sides at which a picture is searched. Equal: one search, for videos;
        640 takes a fifth of the time of both, and overlooks most faces of less than 48 of 640
        pixels.
    threads
        Of the processor; 0: as many as ONNX Runtime likes.

    Raises
    ------
    FerError
        Where ONNX Runtime is not installed, or the weights are not there.
    """

    def __init__(
        self,
        score: float = SCORE,
        smallest: int = SMALLEST,
        largest: int = LARGEST,
        threads: int = 0,
        weights: Path = WEIGHTS,
    ):
        self.score, self.smallest, self.largest = score, smallest, largest
        runtime = require("onnxruntime", "finding faces")
        if not weights.exists():
            raise FerError(f"{weights}: the face detector is missing; it comes with the clone")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        graph = _of_any_size(weights)
        self._session = runtime.InferenceSession(graph, options, ["CPUExecutionProvider"])

    def find(self, pixels: np.ndarray) -> list[Face]:
        """The faces of a picture, the largest first.

        Parameters
        ----------
        pixels
            uint8, H×W×3 (RGB) or H×W (grey).
        """
        picture = Image.fromarray(pixels).convert("RGB")
        found = [self._search(picture, size) for size in self._sizes(max(picture.size))]
        boxes, scores, landmarks = (np.concatenate(part) for part in zip(*found, strict=True))
        kept = _best_of_overlapping(boxes, scores)
        faces = []
        for i in kept:
            left, top, width, height = boxes[i].tolist()
            faces.append(Face(left, top, width, height, float(scores[i]), landmarks[i]))
        return sorted(faces, key=lambda face: -face.width * face.height)

    def _sizes(self, longer: int) -> set[int]:
        """The longer sides at which a picture is searched."""
        return {min(side, longer * ENLARGED) for side in (self.smallest, self.largest)}

    def _search(
        self, picture: Image.Image, longer: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Boxes (left, top, width, height), scores and landmarks, of the picture so enlarged."""
        scale = longer / max(picture.size)
        size = [max(1, round(side * scale)) for side in picture.size]
        planes = _planes(picture, *size)
        outputs = self._session.run(None, {"input": planes})
        parts = []
        for level, stride in enumerate(STRIDES):
            # twelve outputs: class, object, box and landmarks, each of three maps
            classes, objects, boxes, landmarks = (outputs[level + 3 * i][0] for i in range(4))
            scores = np.sqrt(classes.clip(0, 1) * objects.clip(0, 1))[:, 0]
            kept = np.flatnonzero(scores >= self.score)
            row, column = np.divmod(kept, planes.shape[3] // stride)
            cell = np.stack([column, row], axis=1)
            centre = (cell + boxes[kept, :2]) * stride
            sides = np.exp(boxes[kept, 2:]) * stride
            points = (landmarks[kept].reshape(-1, 5, 2) + cell[:, None]) * stride
            parts.append((np.hstack([centre - sides / 2, sides]), scores[kept], points))
        boxes, scores, landmarks = (np.concatenate(part) for part in zip(*parts, strict=True))
        # by the size that was used: rounded, it is not quite the picture's times `scale`
        factor = np.array(picture.size) / size
        return boxes * np.tile(factor, 2), scores, landmarks * factor


def _of_any_size(weights: Path) -> bytes:
    """The network, whose file says 640×640, for pictures of any height and width."""
    onnx = require("onnx", "finding faces")
    model = onnx.load(weights)
    rows, columns = model.graph.input[0].type.tensor_type.shape.dim[2:]
    rows.dim_param, columns.dim_param = "height", "width"
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[1].dim_param = f"cells of {output.name}"
    del model.graph.value_info[:]  # what is said of the shapes between
    return model.SerializeToString()


def _planes(picture: Image.Image, width: int, height: int) -> np.ndarray:
    """The picture as the network wants it: float32, 1×3×H×W, BGR of 0..255, sides that divide."""
    if picture.size != (width, height):
        picture = picture.resize((width, height), Image.Resampling.BILINEAR)
    step = STRIDES[-1]
    canvas = np.zeros((-(-height // step) * step, -(-width // step) * step, 3), np.float32)
    canvas[:height, :width] = np.asarray(picture)[..., ::-1]
    return np.ascontiguousarray(canvas.transpose(2, 0, 1))[None]


def _best_of_overlapping(boxes: np.ndarray, scores: np.ndarray) -> list[int]:
    """Positions of the boxes that stay, best first (non-maximum suppression)."""
    left, top, width, height = boxes.T
    area, order, kept = width * height, np.argsort(-scores, kind="stable"), []
    while len(order):
        first, rest = order[0], order[1:]
        kept.append(int(first))
        across = np.minimum(left[first] + width[first], left[rest] + width[rest])
        down = np.minimum(top[first] + height[first], top[rest] + height[rest])
        across = (across - np.maximum(left[first], left[rest])).clip(0)
        down = (down - np.maximum(top[first], top[rest])).clip(0)
        shared = across * down
        same = shared > OVERLAP * (area[first] + area[rest] - shared)
        same |= shared > INSIDE * np.minimum(area[first], area[rest])
        order = rest[~same]
    return kept
