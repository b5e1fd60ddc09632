"""Small data sets for the tests, and the real FER2013 where it is at hand."""

import os
from pathlib import Path

import numpy as np
import pytest

from fer_utils import paths, sources
from fer_utils.faces import Faces, open_store
from fer_utils.sample import draw_faces


@pytest.fixture(scope="session")
def drawn() -> Faces:
    """140 drawn faces, twenty of each class: twelve for training, four PublicTest, four PrivateTest."""
    faces = draw_faces(140, seed=3)
    split = np.repeat(["Training", "PublicTest", "PrivateTest"], [84, 28, 28])
    return Faces(faces.images, faces.index.assign(split=split), faces.source)


@pytest.fixture
def store(drawn, tmp_path) -> Faces:
    drawn.save(tmp_path / "data" / "drawn")
    return open_store(tmp_path / "data" / "drawn")


@pytest.fixture(scope="session")
def fer2013_source() -> Path:
    """The zip, folder or CSV that FER2013=path names."""
    source = os.environ.get("FER2013")
    if not source:
        pytest.skip("the real FER2013 is not at hand; set FER2013=path to its zip, folder or CSV")
    return Path(source)


@pytest.fixture(scope="session")
def fer2013(request, tmp_path_factory) -> Faces:
    """The real FER2013: as prepared under data/, or prepared here from FER2013=path."""
    if (paths.DATA / "fer2013" / "dataset.json").exists():
        return open_store(paths.DATA / "fer2013")
    return sources.prepare(request.getfixturevalue("fer2013_source"), tmp_path_factory.mktemp("real") / "fer2013")
