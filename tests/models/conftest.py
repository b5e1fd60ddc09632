"""What the tests of networks share."""

from pathlib import Path

import pytest

from fer_utils import paths
from fer_utils.models import sources


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """Nothing at hand and no way out."""

    def no_internet(*_, **__):
        raise OSError("no internet")

    monkeypatch.setattr(paths, "DATA", tmp_path / "data")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(sources.urllib.request, "urlopen", no_internet)
    return tmp_path
