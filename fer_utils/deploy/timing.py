"""What one exported file costs in time and memory: a program of its own for each measurement.

It imports what the file's own runtime needs and nothing else, so that its memory is what a program
that uses the file has to have:

python -m fer_utils.deploy.timing model-int8.onnx THREADS BATCH
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

Classify = Callable[[np.ndarray], np.ndarray]  # uint8, N×H×W×3 → probabilities, N×classes
WARM_UP, SECONDS = 5, 4.0  # calls that do not count; how long is timed


def opened(path: Path, threads: int = 0) -> Classify:
    """A file of any format as a function; threads: of the processor, 0: as many as it likes."""
    if path.suffix == ".onnx":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        return lambda images: session.run(None, {"images": images})[0]
    import torch

    if threads:
        torch.set_num_threads(threads)
    if path.suffix == ".safetensors":
        from fer_utils.inference import torch_predictor

        network = torch_predictor.load(path)
        return lambda images: network.probabilities(images[..., 0] if network.grey else images)
    module = torch.jit.load(path)

    def classify(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return module(torch.from_numpy(images)).numpy()

    return classify


def time_one(path: Path, threads: int, batch: int) -> dict[str, float]:
    """What `parity.costs` says of a file, measured in this process."""
    images = np.random.default_rng(0).integers(0, 256, (batch, 48, 48, 3), np.uint8)
    started = time.perf_counter()
    classify = opened(path, threads)
    classify(images)
    load = time.perf_counter() - started
    for _ in range(WARM_UP):
        classify(images)
    took: list[float] = []
    while sum(took) < SECONDS:
        started = time.perf_counter()
        classify(images)
        took.append(time.perf_counter() - started)
    p50, p99 = np.percentile(took, [50, 99]) * 1000
    return {
        "p50_ms": round(p50, 3),
        "p99_ms": round(p99, 3),
        "images_per_second": round(batch * len(took) / sum(took)),
        "load_ms": round(load * 1000),
        "peak_mb": round(_peak_megabytes()),
    }


def _peak_megabytes() -> float:
    """The most memory that this process has had (Linux and macOS)."""
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1e6 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    print(json.dumps(time_one(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
