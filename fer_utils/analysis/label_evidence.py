"""results/<dataset>/labels/*.csv: what the labels are worth, by people's votes (FER+).

Computed by `report` where the data set was prepared with votes; elsewhere the files stay as they
are and are read. FER+ is Microsoft's (Barsoum et al. 2016, MIT licence); what is kept here are
counts and shares, no picture's votes.
"""

from dataclasses import replace

import pandas as pd

from fer_utils import paths
from fer_utils.analysis import (
    answerers,
    doubtful_labels,
    evidence_files,
    human_labels,
    leakage,
    people_and_networks,
)
from fer_utils.analysis.evidence_files import Basis, Frames
from fer_utils.analysis.restricted import TRAINED
from fer_utils.data import audit, ferplus
from fer_utils.data.dataset import Faces
from fer_utils.experiments.results import Results

FOLDER = "labels"
OF_PEOPLE = ("agreement", "copies", "non_faces")  # these stand on no run
OF_RUNS = ("answers", "confusion", "doubtful")
LISTS = {"report_a": "multiclass", "best": "seven"}  # which runs of a study doubt labels


def frames(results: Results, faces: Faces, votes: pd.DataFrame) -> Frames:
    """All of it, by the name of the file.

    Returns
    -------
    dict
        agreement, copies, non_faces: as of `human_labels`; answers: as of `people_and_networks`;
        confusion: people's and the seven-class network's on the same images, with `who`; doubtful:
        as of `doubtful_labels.precision`, of each study in LISTS.
    """
    groups = leakage.photographs(results, faces.index.index.to_numpy())
    audits = {
        kind: audit.read(results.folder / "audit", kind, {faces.digest})
        for kind in ("identical", "near", "blank")
    }
    everyone = answerers.by_task(results)
    pages = {
        "agreement": human_labels.agreement(faces, votes, groups),
        "copies": human_labels.copies(faces, votes, audits["identical"], audits["near"]),
        "non_faces": human_labels.non_faces(faces, votes, audits["blank"]),
        "answers": people_and_networks.answers(results, everyone, faces, votes, groups),
    }
    sevens = [one for one in everyone.get("seven", ()) if one.kind == TRAINED]
    if sevens:
        network = sevens[0]
        rows = answerers.common_rows([network], human_labels.per_image(faces, votes).index)
        of_people = human_labels.confusion(faces, votes, rows)
        of_network = people_and_networks.confusion(network, faces, rows)
        both = {people_and_networks.PEOPLE: of_people, network.network: of_network}
        pages["confusion"] = pd.concat(both, names=["who", ""]).reset_index("who")
    lists = {
        study: results.study(study).select(task=task)
        for study, task in LISTS.items()
        if results.has_study(study)
    }
    tables = {
        study: doubtful_labels.precision(runs, faces, votes, groups)
        for study, runs in lists.items()
        if len(runs.runs)
    }
    pages["doubtful"] = pd.concat(tables, names=["study", ""]).reset_index("study")
    return pages


def bring_up_to_date(results: Results) -> None:
    """Computes these files if they are missing, or of other runs, data or votes.

    Without votes, and for the committed study from elsewhere than its own checkout, they stay as
    they are; where they are of other runs, this is said.
    """
    folder, faces = results.folder / FOLDER, results.faces()
    before, now = evidence_files.recorded(folder), _bases(results)
    own = results.folder.parent != paths.REFERENCE or paths.RESULTS == paths.REFERENCE
    votes = ferplus.stored(faces) if faces is not None and own else None
    if faces is None or votes is None:
        others = [name for name in before if _without_votes(before[name]) != now.get(name)]
        if others:
            print(
                f"{folder}: {', '.join(others)} stay, of earlier runs; to renew them, prepare the "
                "data set with --votes, then run report"
            )
        return
    of_votes = evidence_files.hashed([votes])[:16]
    now = {name: replace(one, inputs=f"{one.inputs} {of_votes}") for name, one in now.items()}
    there = all((folder / f"{name}.csv").exists() for name in before)
    if not (before and there and all(before[name] == now.get(name) for name in before)):
        pages = frames(results, faces, ferplus.of(faces))
        evidence_files.write(folder, pages, {name: now[name] for name in pages})


def _without_votes(basis: Basis) -> Basis:
    return replace(basis, inputs=basis.inputs.split()[0])


def _bases(results: Results) -> dict[str, Basis]:
    """What the files stand on at present, votes left out."""
    digests = ", ".join(sorted(set(results.runs["digest"])))
    audits = [results.folder / "audit" / f"{kind}.csv" for kind in ("identical", "near", "blank")]
    of_people = Basis(digests, [], evidence_files.hashed(audits)[:16])
    return dict.fromkeys(OF_PEOPLE, of_people) | evidence_files.bases(results, OF_RUNS)


def read(results: Results) -> Frames:
    """The files that are there, by name; none where nobody had votes."""
    return evidence_files.read(results.folder / FOLDER)
