"""results/<dataset>/{evidence,best}/*.csv, and evidence.json beside them: what each file stands on.

Evidence is computed once, by `report`, and read by whatever prints it. A file may be read as long
as the runs, the data set and the audit that it was computed from are still the same.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pandas as pd

from fer_utils import io, paths
from fer_utils.errors import FerError
from fer_utils.experiments.results import Results

Frames = dict[str, pd.DataFrame]
INDEX = "evidence.json"
VERSION = 4  # raised when code gives other evidence of the same runs: then all is computed anew
# a run that is computed anew changes these; so its predictions need not be read to notice it
OF_A_RUN = ("config.json", "done.json", "metrics.csv", "history.csv")
PRETRAINED = ("resnet18", "transfer", "report_b")
REPORT_A_PRETRAINED = ("resnet18", "resnet18_frozen", "small_networks", "transfer")
# the studies that a file is made from, first the one without which it is not made; of files that
# are not listed here: report_a
EVIDENCE = {
    "reproduction": ("report_a", *PRETRAINED),
    "coverage": ("report_a", *PRETRAINED),
    "training_coverage": ("report_a", *PRETRAINED),
    "claims": ("report_a", "median", *PRETRAINED),
    "spreads": ("report_a",),
    "gains": ("report_a", "class_weights", "readings", "dedupe"),
    "gamma": ("gamma",),
    "gamma_calibration": ("gamma",),
    "class_weights": ("class_weights",),
    "median": ("median",),
    "readings": ("readings", "report_a", "rates", "weight_orders"),
    "rates": ("rates",),
    "rate_gains": ("rates",),
    "chance": ("chance", "report_a"),
    **dict.fromkeys(("transfer", "transfer_lengths", "transfer_networks"), REPORT_A_PRETRAINED),
    "layers": ("layers",),
    "sizes": ("sizes",),
    "resnet18_median": ("resnet18_median",),
    "nine_blocks": ("nine_blocks",),
    "gaps": ("resnet18", "resnet18_frozen", "report_a", "dedupe"),
    "report_b_epochs": ("report_b",),
    "report_b_classes": ("report_b",),
    "report_b_schedule": ("report_b",),
    "scratch": ("scratch", "report_b"),
    "unfreezing": ("unfreezing",),
    "grid": ("grid",),
}
PAGES = {  # of the best network
    **dict.fromkeys(("scores", "ensembles", "restricted", "rival"), ("best",)),
    **dict.fromkeys(("parts", "robustness", "rival_as_used", "rival_origin"), ("best",)),
    # of the exported file
    **dict.fromkeys(("exported", "exported_rival", "other_pictures"), ("best",)),
    **dict.fromkeys(("abstention", "abstention_curve"), ("best",)),
    "ablation": ("ablation",),
    **dict.fromkeys(("networks", "curves"), ("start",)),
    "answers": ("report_a", *PRETRAINED, "best"),  # of label_evidence
    "confusion": ("best",),
    "doubtful": ("report_a", "best"),
}
STUDIES = EVIDENCE | PAGES
TEXT = (
    "class",
    "loss",
    "status",
    "network",
)  # columns where nothing is an empty text, not a missing number
WHOLE = ("parted", "within")  # columns of whole numbers of which some may be missing


@dataclass(frozen=True)
class Basis:
    """What a file stands on.

    Attributes
    ----------
    digest
        That of the data set; several, with commas, where the runs are of several.
    runs
        Their ids, sorted.
    inputs
        A hash of the runs' files, the audit, and what else was read.
    """

    digest: str
    runs: list[str]
    inputs: str


def bases(results: Results, names: Iterable[str]) -> dict[str, Basis]:
    """What files of these names stand on at present.

    Parameters
    ----------
    names
        Names of evidence files or of pages of the best network, without ".csv".

    Returns
    -------
    dict
        By name; what is made from no run at all is left out.
    """
    folders = {run: results.folder / "runs" / run for run in results.runs["run"]}
    hashes = {run: hashed(folder / name for name in OF_A_RUN) for run, folder in folders.items()}
    audit = [results.folder / "audit" / f"{kind}.csv" for kind in ("near", "identical")]
    # runs that were left out for want of weights have rows in tables, too
    left_out = sorted(results.folder.glob("studies/*.not_run.json"))
    common = hashed([*audit, *left_out, *sorted(paths.REPORTED.glob("*.csv"))]) + str(VERSION)
    current = {}
    for name in names:
        studies = [study for study in STUDIES.get(name, ("report_a",)) if results.has_study(study)]
        runs = sorted({run for study in studies for run in results.study(study).runs["run"]})
        if runs:
            digests = set(results.runs.loc[results.runs["run"].isin(runs), "digest"])
            inputs = hashlib.sha256("".join([common, *(hashes[run] for run in runs)]).encode())
            current[name] = Basis(", ".join(sorted(digests)), runs, inputs.hexdigest()[:16])
    return current


def hashed(read: Iterable[Path]) -> str:
    """A hash of the names and the content of these files; a missing one counts as empty."""
    seen = hashlib.sha256()
    for path in read:
        seen.update(path.name.encode() + (path.read_bytes() if path.exists() else b""))
    return seen.hexdigest()


def read(folder: Path) -> Frames:
    """All evidence in a folder, by name: what was computed, to six digits."""
    return {path.stem: read_csv(path) for path in sorted(folder.glob("*.csv"))}


def read_csv(path: Path | StringIO) -> pd.DataFrame:
    """A frame from what `as_csv` gave."""
    frame = pd.read_csv(path, keep_default_na=False, na_values=[""])  # a class may be called None
    text = {name: "" for name in TEXT if name in frame}
    # to object first: a column without any text is read as numbers, which take no ""
    frame = frame.astype(dict.fromkeys(text, object)).fillna(text)
    whole = [name for name in WHOLE if name in frame and frame[name].dtype.kind == "f"]
    return frame.astype(dict.fromkeys(whole, "Int64"))


def as_read(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame as it will be read from the file that it is written to."""
    return read_csv(StringIO(as_csv(frame)))


def as_csv(frame: pd.DataFrame) -> str:
    """A frame as text with six significant digits: more differ between processors."""
    # \n alone: write_text gives Windows its line ends, and to_csv's own would double them
    return frame.to_csv(index=False, float_format="%.6g", lineterminator="\n")


def write(folder: Path, frames: Frames, stand_on: dict[str, Basis]) -> None:
    """Writes <folder>/<name>.csv of every frame, and evidence.json, whole or not at all."""
    # the whole folder: a file and an index of different runs must never stand side by side
    with io.atomic_folder(folder) as part:
        for name, frame in frames.items():
            (part / f"{name}.csv").write_text(as_csv(frame), encoding="utf-8")
        write_index(part, stand_on)


def write_index(folder: Path, stand_on: dict[str, Basis]) -> None:
    """Writes <folder>/evidence.json, which says what each file stands on."""
    # sorted, so that the committed file changes only where what it says does
    index = {f"{name}.csv": vars(basis) for name, basis in sorted(stand_on.items())}
    io.write_json(folder / INDEX, index)


def recorded(folder: Path) -> dict[str, Basis]:
    """What the files of a folder stand on, by name; none where it has no evidence.json.

    Raises
    ------
    FerError
        If evidence.json cannot be read.
    """
    if not (folder / INDEX).exists():
        return {}
    try:
        index = io.read_json(folder / INDEX)
        return {Path(name).stem: Basis(**basis) for name, basis in index.items()}
    except (ValueError, TypeError, AttributeError):
        raise FerError(f"{folder / INDEX} cannot be read; delete it, and run report") from None


def is_current(results: Results) -> bool:
    """Whether the evidence beside these results is of just these results."""
    folder = results.folder / "evidence"
    written = recorded(folder)
    there = {path.stem for path in folder.glob("*.csv")}  # a file may have been deleted by hand
    due = {name for name, (first, *_) in EVIDENCE.items() if results.has_study(first)}
    whole = bool(written) and due <= there == set(written)
    return whole and written == bases(results, written)


def current(results: Results) -> Frames:
    """The evidence of these results.

    Raises
    ------
    FerError
        If it is missing, or of other runs.
    """
    if not is_current(results):
        raise FerError(
            f"{results.folder / 'evidence'} is not of the present runs; bring it up to date with: "
            f"python -m fer_utils report --dataset {results.folder.name}"
        )
    return read(results.folder / "evidence")
