"""Do the files under results/<dataset> agree with each other, and with the data set?

`verify` in the command line writes what is found here into certificate.json (see `certificate`).
"""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from fer_utils import io, paths
from fer_utils.analysis import evidence_files, run_checks
from fer_utils.data.dataset import Faces, open_store
from fer_utils.errors import FerError
from fer_utils.experiments.results import open_results


@dataclass
class Verification:
    """What was looked at and what was found.

    Attributes
    ----------
    folder : results/<dataset>
    faces : the data set of the runs, where data/ holds it
    runs : ids of the finished runs
    sound : those of them that nothing is wrong with
    counts : how many scores, answers, rows and files were compared; runs from uncommitted code
    failures : one line for each
    """

    folder: Path
    faces: Faces | None = None
    runs: list[str] = field(default_factory=list)
    sound: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


def verify(dataset: str, results: Path | None = None) -> Verification:
    """Checks every finished run, and the evidence that stands on them.

    Parameters
    ----------
    results : paths.RESULTS where it is left out; the committed study does not stand in for it

    Raises
    ------
    FerError
        Where no run is finished.
    """
    found = Verification((paths.RESULTS if results is None else results) / dataset)
    folders = sorted(path for path in found.folder.glob("runs/*") if path.is_dir())
    found.runs = [path.name for path in folders if (path / "done.json").exists()]
    if not found.runs:
        raise FerError(f"no finished runs under {found.folder / 'runs'}")
    found.faces = _data_set(found)
    for folder in folders:
        complaints = run_checks.of_run(folder, found.faces, found.counts)
        found.failures += [f"{folder.name}: {complaint}" for complaint in complaints]
        if folder.name in found.runs and not complaints:
            found.sound.append(folder.name)
    for name in ("evidence", "best"):
        found.failures += _of_evidence(found, name)
    return found


def _data_set(found: Verification) -> Faces | None:
    """The prepared data set, its digest computed anew; None where it is not that of the runs."""
    store = paths.DATA / found.folder.name
    if not (store / "dataset.json").exists():
        return None
    faces = open_store(store)
    content = hashlib.sha256((store / "index.csv").read_bytes())
    for start in range(0, len(faces), 4096):  # in pieces: it may be larger than memory
        content.update(faces.images[start : start + 4096].tobytes())
    if content.hexdigest()[:16] != faces.digest:
        found.failures.append(f"{store}: its images and index.csv are not those of dataset.json")
        return None
    digests = {_digest(found.folder / "runs" / run) for run in found.runs}
    return faces if faces.digest in digests else None


def _digest(folder: Path) -> str:
    """The digest of a run's data; "" where its configuration cannot be read."""
    try:
        return str(io.read_json(folder / "config.json")["data"]["digest"])
    except run_checks.UNREADABLE:
        return ""


def _of_evidence(found: Verification, name: str) -> list[str]:
    """What is wrong with evidence/ or best/: each table must stand on runs as they are here."""
    folder, sound = found.folder / name, set(found.sound)
    try:
        recorded = evidence_files.recorded(folder)
    except FerError as error:
        return [str(error)]
    tables = {path.stem for path in folder.glob("*.csv")}
    found.counts["evidence_files"] += len(tables & set(recorded))
    digests = {run: _digest(found.folder / "runs" / run) for run in sound}
    whole = {table: basis for table, basis in recorded.items() if set(basis.runs) <= sound}
    other_data = {
        table
        for table, basis in whole.items()
        if {digests[run] for run in basis.runs} != set(basis.digest.split(", "))
    }
    stale = set()
    if whole:
        results = open_results(found.folder.name, found.folder.parent, sound)
        present = evidence_files.bases(results, whole)
        stale = {table for table, basis in whole.items() if basis != present.get(table)}
    complaints = {
        "tables are missing": set(recorded) - tables,
        "evidence.json does not say what these stand on": tables - set(recorded),
        "these stand on runs that are missing or faulty": set(recorded) - set(whole),
        "these and their runs are of different data": other_data,
        "these were made from other files of their runs": stale - other_data,
    }
    return [f"{name}/: {what}: {', '.join(sorted(t))}" for what, t in complaints.items() if t]
