"""The exported file of the best network, and what is measured of this file and of no other.

best/predictions.npz holds its logits on the validation and test images, and which file gave them
(its sha256). As long as that is the file that lies there, nothing is measured again: an export is
one of its machine, and so are the last digits of what it answers.
"""

import datetime
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fer_utils.analysis import (
    abstention,
    evidence_files,
    exported,
    leakage,
    other_pictures,
    rivals,
    robustness,
)
from fer_utils.data import ferplus
from fer_utils.data.dataset import Faces
from fer_utils.errors import FerError
from fer_utils.experiments import run_files
from fer_utils.experiments.finished_run import load_finished_run
from fer_utils.experiments.results import Results
from fer_utils.inference import predictor
from fer_utils.inference.export import export as export_network
from fer_utils.inference.predictor import Predictor
from fer_utils.reporting import card_plots

Frames = dict[str, pd.DataFrame]
Copies = dict[str, pd.DataFrame]  # the audit's lists: identical, near, blank
MEASURED = ("parts", "robustness", "other_pictures")  # these need the images
OF_LOGITS = ("exported", "exported_rival", "abstention", "abstention_curve")
NAME, FILE = "model.safetensors", "predictions.npz"


@dataclass(frozen=True)
class ExportedFile:
    """The file in best/, with its answers.

    Attributes
    ----------
    sha256
        Of the file.
    measured
        The day on which its answers were computed, as in 2026-01-31.
    predictions
        Its logits on the images of its run, in the form of `run_files.read_predictions`.
    """

    path: Path
    predictor: Predictor
    sha256: str
    measured: str
    predictions: run_files.Predictions

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names, in the order of the logits."""
        return self.predictor.classes

    def logits(self, images: np.ndarray) -> np.ndarray:
        """Of uint8, N×side×side[×3]: float32, N×classes."""
        return self.predictor.logits(images)


def is_of(folder: Path, run: str) -> bool:
    """Whether an export of this run lies in best/."""
    path = folder / NAME
    return path.exists() and predictor.load_best(path).about["run"] == run


def export(run: Path, folder: Path, device: str) -> None:
    """Writes a run's network to best/; what was measured of the one before goes.

    Raises FerError where its checkpoint or its data are missing.
    """
    faces = load_finished_run(run, device).faces()
    _forget(folder)
    export_network(run, folder / NAME, faces, device)


def measure(
    results: Results, run: Path, device: str, copies: Copies
) -> tuple[ExportedFile, Frames]:
    """The exported file with its answers, and the pages MEASURED: those there, or made now.

    Raises
    ------
    FerError
        Where they have to be made and the data set is not here.
    """
    folder = results.folder / "best"
    path = folder / NAME
    network = predictor.load_best(path)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    there = {
        name: evidence_files.read_csv(folder / f"{name}.csv")
        for name in MEASURED
        if (folder / f"{name}.csv").exists()
    }
    if len(there) == len(MEASURED) and (stored := _stored(folder, sha256)) is not None:
        print(f"{path}: measured before, on {stored[0]}; delete {folder / FILE} to do it anew")
        return ExportedFile(path, network, sha256, *stored), there
    if (faces := results.faces()) is None:
        raise FerError(
            f"{folder} lacks what is measured of {NAME}, for which data/{results.folder.name} is "
            "needed, the data set of the runs"
        )
    _forget(folder)
    network.network.to(device)
    predictions = run_files.read_predictions(run)
    for part in ("val", "test"):
        rows = predictions[f"{part}_rows"]
        predictions[f"{part}_logits"] = network.logits(faces.images[rows])
    file = ExportedFile(path, network, sha256, datetime.date.today().isoformat(), predictions)
    in_training = {kind: copies[kind] for kind in ("identical", "near")}
    groups = leakage.photographs(results, faces.index.index.to_numpy())
    tested = groups[predictions["test_rows"]]
    frames = {
        "parts": robustness.parts(file, faces, in_training, groups),
        "robustness": robustness.under_corruption(file, faces, tested),
        "other_pictures": _other_pictures(file, faces, copies, tested),
    }
    network.network.to("cpu")
    _store(folder, file)
    return file, frames


def of_logits(results: Results, file: ExportedFile) -> Frames:
    """Pages that follow from the file's answers."""
    rows = file.predictions["test_rows"]
    groups, fresh = leakage.photographs(results, rows), ~leakage.copied(results, rows)
    frames = {
        "exported": exported.scores(file.predictions, groups),
        "abstention": abstention.at_targets(file.predictions, groups),
        "abstention_curve": abstention.curve(file.predictions),
    }
    rival = results.folder / "best" / "rival.npz"
    if rival.exists():
        answers = rivals.read(rival)
        frames["exported_rival"] = exported.beside_rival(file.predictions, answers, groups, fresh)
    return frames


def _other_pictures(
    file: ExportedFile, faces: Faces, copies: Copies, groups: np.ndarray
) -> pd.DataFrame:
    """Also draws best/other_pictures.png, an example of each kind that is made up or drawn."""
    threshold = abstention.suggested(abstention.at_targets(file.predictions, groups))
    pictures = other_pictures.made_up(file.predictor.side)
    drawn, expressions = other_pictures.drawn_faces(file.predictor.side)
    pictures[other_pictures.FACE] = drawn
    if not file.predictor.grey:
        pictures = {kind: np.stack([images] * 3, axis=-1) for kind, images in pictures.items()}
    examples = {kind: images[0] for kind, images in pictures.items()}
    tested = faces.images[file.predictions["test_rows"]]
    pictures[other_pictures.SCRAMBLED] = other_pictures.scrambled(tested)
    blank = copies["blank"]["row"].to_numpy(int)  # of an empty list it would be objects
    pictures[other_pictures.BLANK] = faces.images[blank]
    if ferplus.stored(faces) is not None:
        unnamed = np.flatnonzero(~ferplus.of(faces).any(axis=1))
        pictures[other_pictures.UNNAMED] = faces.images[np.setdiff1d(unnamed, blank)]
    pictures = {kind: images for kind, images in pictures.items() if len(images)}
    of_blank = faces.index["label"].to_numpy()[blank]
    labels = {other_pictures.FACE: expressions, other_pictures.BLANK: of_blank}
    frame = other_pictures.answers(file.logits, file.classes, pictures, threshold, labels)
    card_plots.save(
        card_plots.examples(examples, file.logits, file.classes), file.path.parent, "other_pictures"
    )
    return frame


def _stored(folder: Path, sha256: str) -> tuple[str, run_files.Predictions] | None:
    """The day and the answers in best/predictions.npz; None where they are of another file."""
    if not (folder / FILE).exists():
        return None
    arrays = run_files.read_predictions(folder)
    of, day = (str(arrays.pop(name)) for name in ("sha256", "measured"))
    return (day, arrays) if of == sha256 else None


def _store(folder: Path, file: ExportedFile) -> None:
    of = {"sha256": np.array(file.sha256), "measured": np.array(file.measured)}
    run_files.write_predictions(folder, file.predictions | of)


def _forget(folder: Path) -> None:
    """First of all: if what follows breaks off, no network must have another one's numbers."""
    for name in (*(f"{page}.csv" for page in MEASURED), FILE):
        (folder / name).unlink(missing_ok=True)
