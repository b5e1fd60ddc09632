"""certificate.json: what `verify` looked at, when, with which code and versions, what it found."""

import hashlib
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from fer_utils import io, machine
from fer_utils.analysis.repeat import Repeated
from fer_utils.analysis.run_checks import FILES
from fer_utils.analysis.verify import Verification

NAME = "certificate.json"
PACKAGES = ("torch", "numpy", "pandas", "scikit-learn", "scipy")


def write(found: Verification, repeated: list[Repeated]) -> Path:
    """Writes results/<dataset>/certificate.json; returns its path.

    `runs_sha256` names the files that were verified: another value, other files.
    """
    path = found.folder / NAME
    content = {
        "dataset": found.folder.name,
        "date": datetime.now(UTC).date().isoformat(),
        "commit": machine.commit(),
        "data": {
            "checked_against_the_images": found.faces is not None,
            "digest": found.faces.digest if found.faces else None,
        },
        "runs": len(found.runs),
        "runs_sha256": content_of_runs(found.folder, found.runs),
        "counts": dict(sorted(found.counts.items())),
        "repeated": [vars(one) | {"is_expected": one.is_expected} for one in repeated],
        "versions": {name: version(name) for name in PACKAGES},
        "failures": found.failures,
    }
    io.write_json(path, content)
    return path


def content_of_runs(folder: Path, runs: list[str]) -> str:
    """A hash of all files of these runs but checkpoints, which git does not keep.

    folder: results/<dataset>. runs: their ids, sorted.
    """
    content = hashlib.sha256()
    for run in runs:
        for name in FILES:
            file = folder / "runs" / run / name
            content.update(f"{run}/{name}".encode())
            content.update(file.read_bytes() if file.exists() else b"")
    return content.hexdigest()


def summary(found: Verification, repeated: list[Repeated]) -> str:
    """A few lines for the terminal: how much was compared, and what came of the repetitions."""
    counts, faces = found.counts, found.faces
    answers = counts["val_answers"] + counts["test_answers"]
    compared = "the data set is not at hand: rows and labels were not compared with it"
    if faces is not None:
        compared = f"rows and labels compared with {faces.source}, digest {faces.digest}"
    lines = [
        f"{len(found.runs)} runs: {counts['scores']:,} scores from {answers:,} answers anew",
        compared,
        f"{counts['evidence_files']} tables of evidence looked at",
        f"{counts['runs_of_uncommitted_code']} runs are from uncommitted code",
    ]
    return "\n".join([*lines, *map(str, repeated)])
