"""The exported files beside PyTorch: do they answer alike, and what do they cost?"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from fer_utils import machine
from fer_utils.data.dataset import TEST_SPLITS, Faces
from fer_utils.deploy.timing import opened
from fer_utils.inference.torch_predictor import TorchPredictor

BATCHES, THREADS = (1, 64), (1, 2)
PYTORCH = "pytorch"


def compare(predictor: TorchPredictor, files: dict[str, Path], faces: Faces) -> pd.DataFrame:
    """Answers of the exported files on all test images, beside PyTorch's.

    Parameters
    ----------
    files
        By format, a name in `export_formats.FORMATS`.

    Returns
    -------
    DataFrame
        One row per split and file, PyTorch's first.

        - split: PublicTest, which temperature and threshold come from, or PrivateTest; images;
        - format;
        - accuracy, 0..1;
        - same_answers: the share of images with PyTorch's label; changed: how many have another;
        - largest, mean: difference of a calibrated probability from PyTorch's.
    """
    rows = []
    for split in TEST_SPLITS:
        chosen = faces.rows(predictor.classes, (split,))
        if not len(chosen):  # a data set may have one test split alone
            continue
        images = np.asarray(faces.images[chosen])
        labels = np.array([predictor.classes.index(x) for x in faces.index["label"].iloc[chosen]])
        reference = predictor.probabilities(images)
        answers = {PYTORCH: reference}
        colour = images if images.ndim == 4 else np.repeat(images[..., None], 3, axis=3)
        for kind, path in files.items():
            classify = opened(path)
            pieces = [colour[i : i + 64] for i in range(0, len(colour), 64)]
            answers[kind] = np.concatenate([classify(piece) for piece in pieces])
        for kind, probability in answers.items():
            same = probability.argmax(1) == reference.argmax(1)
            difference = np.abs(probability - reference)
            about = {"split": split, "images": len(labels), "format": kind}
            about["accuracy"] = (probability.argmax(1) == labels).mean()
            about |= {"same_answers": same.mean(), "changed": int((~same).sum())}
            rows.append(about | {"largest": difference.max(), "mean": difference.mean()})
    return pd.DataFrame(rows)


def costs(files: dict[str, Path]) -> pd.DataFrame:
    """Time and memory of each file, each in a process of its own. Nothing else should run.

    Returns
    -------
    DataFrame
        One row per file, number of threads and batch.

        - format, threads, batch (images);
        - p50_ms, p99_ms: of one call, in milliseconds; images_per_second: over all calls;
        - load_ms: from the file to the first answer;
        - peak_mb: of the process's memory at the end, libraries included; megabytes: of the file;
        - device, torch, onnxruntime: what it was measured with.
    """
    rows = []
    for kind, path in files.items():
        for threads in THREADS:
            for batch in BATCHES:
                command = [sys.executable, "-m", "fer_utils.deploy.timing"]
                command += [str(path), str(threads), str(batch)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                measured = json.loads(done.stdout.splitlines()[-1])
                about = {"format": kind, "threads": threads, "batch": batch}
                size = {"megabytes": round(path.stat().st_size / 1e6, 2)}
                rows.append(about | measured | size | versions())
    return pd.DataFrame(rows)


def versions() -> dict[str, str]:
    """The processor and the libraries."""
    import onnxruntime

    device = f"cpu, {machine.cpu_name()}"
    return {"device": device, "torch": torch.__version__, "onnxruntime": onnxruntime.__version__}
