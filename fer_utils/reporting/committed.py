"""What a reading notebook shows where its data set lacks something: the committed FER2013 study.

Each function says in one printed line when it reads that in place of the data set's own.
"""

from pathlib import Path

import numpy as np

from fer_utils import paths
from fer_utils.analysis import label_evidence
from fer_utils.analysis.evidence_files import Frames
from fer_utils.data.dataset import Faces
from fer_utils.data.synthetic import draw_faces
from fer_utils.data.tasks import EMOTIONS
from fer_utils.experiments import results
from fer_utils.experiments.results import Results
from fer_utils.reporting import best_network

NAME = "fer2013"  # the data set whose results are committed
DRAWN = 70  # stand-ins to choose from: ten for each expression


def open_results(dataset: str, *studies: str) -> Results:
    """The finished runs on a data set, if each of these studies was run on it; else on FER2013.

    Raises FerError where there is no run at all.
    """
    own = results.open_results(dataset)
    missing = [name for name in studies if not own.has_study(name)]
    if not missing:
        return own
    named = " and ".join(missing)
    print(f"Study {named} was not run on {dataset}: shown is the committed one on FER2013.")
    return results.open_results(NAME, paths.REFERENCE)


def open_study(name: str, dataset: str) -> Results:
    """The finished runs of a study on a data set, or else those on FER2013."""
    return open_results(dataset, name).study(name)


def best_pages(dataset: str) -> Frames:
    """`best_network.read` of a data set, or else of FER2013: all of its pages."""
    pages = best_network.read(dataset)
    if set(best_network.PAGES) <= set(pages):
        return pages
    print(f"No best network was made for {dataset}: shown is the committed one of FER2013.")
    return best_network.read(NAME, paths.REFERENCE)


def people(dataset: str) -> Frames:
    """`label_evidence.read` of a data set, or else of FER2013, the one with people's votes."""
    pages = label_evidence.read(results.open_results(dataset))
    if pages:
        return pages
    print(f"Nobody's votes are known for {dataset}: shown are those on FER2013 (FER+).")
    return label_evidence.read(results.open_results(NAME, paths.REFERENCE))


def best_file(dataset: str) -> Path:
    """The exported network of a data set, or else FER2013's committed one."""
    own = paths.RESULTS / dataset / "best" / "model.safetensors"
    return own if own.exists() else paths.REFERENCE / NAME / "best" / "model.safetensors"


def pictures(faces: Faces | None, rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The images of these rows, or drawn faces of the same expressions where they are not here.

    Parameters
    ----------
    faces
        The data set; None where it has not been prepared on this machine.
    rows
        int, N.
    labels
        Names of classes, N. A class that is no expression is drawn as the neutral face.

    Returns
    -------
    uint8, N×H×W[×3].
    """
    if faces is not None:
        return faces.images[rows]
    print("The photographs are not on this machine (data/README.md): drawn faces stand in.")
    drawn = draw_faces(DRAWN)
    known = [label if label in EMOTIONS else "neutral" for label in labels]
    # another one each time that an expression comes again
    seen = [known[:i].count(label) % (DRAWN // len(EMOTIONS)) for i, label in enumerate(known)]
    pairs = zip(seen, known, strict=True)
    return drawn.images[[turn * len(EMOTIONS) + EMOTIONS.index(label) for turn, label in pairs]]
