"""Which images show the same photograph: byte for byte, or nearly (another crop or brightness)."""

import hashlib
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from fer_utils import io
from fer_utils.data.dataset import Faces
from fer_utils.errors import FerError

# Chosen by eye on FER2013: of 112 pairs drawn from 0.95 to 1, all show one photograph; between
# 0.93 and 0.94 one in six shows two people, and below 0.91 most do. Drawn faces are more alike.
NEAR = 0.95
THUMBNAIL = 16  # side in pixels: coarse, so that a crop shifted by a pixel or two still correlates


def identical(faces: Faces) -> np.ndarray:
    """A group number for each image, int, N: equal for byte-identical images, in stored order."""
    hashes = [hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in faces.images]
    return pd.factorize(np.array(hashes, dtype="S16"))[0]


@lru_cache(maxsize=1)  # a study asks once per run; faces of equal content are equal
def near(faces: Faces, similarity: float = NEAR) -> np.ndarray:
    """A group number for each image, int, N: images linked by pairs that show one photograph.

    Byte-identical images are always of one group, blank ones too. Mirrored copies are not looked
    for. Work grows with N²: about 15 s for FER2013 on one core. So the groups are kept beside the
    store of the faces, if they have one that can be written to, for every later process to read.

    Parameters
    ----------
    similarity : -1..1; pairs are linked whose grey thumbnails correlate above it. A correlation
        ignores brightness and contrast.
    """
    if faces.folder is None:
        return _linked(faces, similarity)
    kept = faces.folder / f"near-{THUMBNAIL}px-{float(similarity)}-{faces.digest}.npy"
    groups = _kept(kept, len(faces))
    if groups is None:
        groups = _linked(faces, similarity)
        # a store of someone else's, or a full disk: then the next process computes them again
        with suppress(OSError, FerError), io.atomic_file(kept) as part, part.open("wb") as stream:
            np.save(stream, groups)
    return groups


def _kept(path: Path, count: int) -> np.ndarray | None:
    """The groups in that file; None where there are none, or no sound ones."""
    try:
        groups = np.load(path)
    except (OSError, ValueError, EOFError):
        return None
    return groups if groups.shape == (count,) and groups.dtype.kind == "i" else None


def _linked(faces: Faces, similarity: float) -> np.ndarray:
    """The groups of `near`, computed."""
    thumbnails = _standardised_thumbnails(faces)
    _, representative, group = np.unique(identical(faces), return_index=True, return_inverse=True)
    firsts, seconds = [np.arange(len(faces))], [representative[group]]
    for start in range(0, len(thumbnails), 1024):
        correlation = thumbnails[start : start + 1024] @ thumbnails[start:].T
        first, second = torch.nonzero(correlation > similarity, as_tuple=True)
        firsts.append((first + start).numpy())
        seconds.append((second + start).numpy())
    links = (np.concatenate(firsts), np.concatenate(seconds))
    graph = coo_array((np.ones(len(links[0]), bool), links), shape=(len(faces), len(faces)))
    return connected_components(graph, directed=False)[1]


def _standardised_thumbnails(faces: Faces) -> torch.Tensor:
    """float32, N×THUMBNAIL²; each of mean 0 and length 1: a dot product is a correlation."""
    pieces = []
    for start in range(0, len(faces), 4096):
        images = torch.from_numpy(np.array(faces.images[start : start + 4096])).float()
        grey = images.mean(-1) if images.ndim == 4 else images
        small = F.adaptive_avg_pool2d(grey.unsqueeze(1), THUMBNAIL).flatten(1)
        pieces.append(F.normalize(small - small.mean(1, keepdim=True), eps=1e-3))
    return torch.cat(pieces)
