"""What to expect of the exported network: on photographs, and in other programs.

python benchmarks/deploy.py accuracy  → results/fer2013/deploy/{accuracy,margin,found}.csv  (20 min)
python benchmarks/deploy.py parity    → results/fer2013/deploy/parity.csv, best/model-int8.onnx
python benchmarks/deploy.py costs     → results/fer2013/deploy/costs.csv   (nothing else should run)

Needs FER2013 under data/fer2013 and the extra `deploy`.
"""

import sys
import tempfile
from pathlib import Path

import pandas as pd

from fer_utils import load_best, paths
from fer_utils.data.dataset import open_store
from fer_utils.deploy import export_formats, parity, photograph_accuracy
from fer_utils.inference.detection import Detector

FOLDER = paths.REFERENCE / "fer2013" / "deploy"
BEST = paths.REFERENCE / "fer2013" / "best" / "model.safetensors"


def save(name: str, frame: pd.DataFrame) -> None:
    about = {} if "device" in frame else parity.versions()
    FOLDER.mkdir(exist_ok=True)
    frame.assign(**about).to_csv(FOLDER / f"{name}.csv", index=False, float_format="%.6g")
    print(frame.to_string(index=False))


def accuracy() -> None:
    network, faces = load_best(BEST), open_store(paths.DATA / "fer2013")
    save("accuracy", photograph_accuracy.worse_pictures(network, faces))
    save("margin", photograph_accuracy.margins(network, faces, Detector()))
    save("found", photograph_accuracy.found_faces(network, faces, Detector()))


def exported(folder: Path) -> dict[str, Path]:
    network = load_best(BEST)
    return {kind: export_formats.export(network, kind, folder) for kind in export_formats.FORMATS}


def compare() -> None:
    faces = open_store(paths.DATA / "fer2013")
    with tempfile.TemporaryDirectory() as folder:
        files = exported(Path(folder))
        save("parity", parity.compare(load_best(BEST), files, faces))
        BEST.with_name("model-int8.onnx").write_bytes(files["onnx-int8"].read_bytes())


def time() -> None:
    with tempfile.TemporaryDirectory() as folder:
        save("costs", parity.costs({parity.PYTORCH: BEST} | exported(Path(folder))))


if __name__ == "__main__":
    questions = {"accuracy": accuracy, "parity": compare, "costs": time}
    for name in sys.argv[1:] or questions:
        questions[name]()
