"""What goes into the report, and what it is refused for."""

import shutil
from dataclasses import replace

import pytest
from golden.build import COMMITTED

from fer_utils import io
from fer_utils.data import audit
from fer_utils.errors import FerError
from fer_utils.reporting import contents, numbers


@pytest.fixture
def of_other_data(built, tmp_path):
    """The committed results beside an audit of other images."""
    for part in ("runs", "studies", "best"):
        (tmp_path / part).symlink_to(COMMITTED / part)
    shutil.copytree(COMMITTED / "audit", tmp_path / "audit")
    about = io.read_json(tmp_path / "audit" / audit.ABOUT)
    io.write_json(tmp_path / "audit" / audit.ABOUT, about | {"digest": "another"})
    return replace(built.results, folder=tmp_path)


@pytest.mark.parametrize("make", [contents.make_tables, numbers.numbers])
def test_numbers_of_another_data_sets_audit_are_not_printed(make, built, of_other_data):
    with pytest.raises(FerError, match="is the audit of other data"):
        make(of_other_data, built.study, built.frames)


def test_copies_of_another_data_set_are_not_shown(built, of_other_data, drawn, monkeypatch):
    monkeypatch.setattr(type(built.study), "faces", lambda self: drawn)
    with pytest.raises(FerError, match="is the audit of other data"):
        contents.make_figures(of_other_data, built.study, built.frames)
