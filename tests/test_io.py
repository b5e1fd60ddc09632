"""Files and folders are whole or absent, and one process at a time holds a run."""

import errno
from pathlib import Path

import pytest

from fer_utils import io
from fer_utils.errors import FerError


def test_an_error_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "new" / "a.json"
    io.write_json(path, {"a": 1})
    with pytest.raises(KeyboardInterrupt), io.atomic_file(path) as part:
        part.write_text("half")
        raise KeyboardInterrupt
    assert io.read_json(path) == {"a": 1} and list(path.parent.iterdir()) == [path]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    for name in ("first", "second"):
        with io.atomic_folder(tmp_path / "run") as part:
            (part / name).write_text(name)
    assert [path.name for path in tmp_path.rglob("*")] == ["run", "second"]


def test_an_error_leaves_the_old_folder(tmp_path):
    with io.atomic_folder(tmp_path / "run") as part:
        (part / "old").touch()
    with pytest.raises(ValueError), io.atomic_folder(tmp_path / "run") as part:
        (part / "new").touch()
        raise ValueError
    assert [path.name for path in tmp_path.rglob("*")] == ["run", "old"]


def test_where_the_new_folder_cannot_take_its_place_the_old_one_comes_back(tmp_path, monkeypatch):
    with io.atomic_folder(tmp_path / "run") as part:
        (part / "old").touch()
    replace = Path.replace

    def refuse(self, target):
        if self.name.endswith(".part"):
            raise PermissionError(errno.EACCES, "held by another program")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError), io.atomic_folder(tmp_path / "run") as part:
        (part / "new").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["run", "old"]


@pytest.mark.parametrize("write", [io.atomic_file, io.atomic_folder])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_clear_line(tmp_path, write, number):
    with pytest.raises(FerError, match="no room left on the disk"), write(tmp_path / "a"):
        raise OSError(number, "full")
    assert not list(tmp_path.iterdir())


def test_a_folder_is_held_by_one_at_a_time(tmp_path):
    folder = tmp_path / "runs" / "a"
    with io.exclusive_lock(folder):
        (folder / "file").touch()
        with pytest.raises(io.Busy, match="a is being computed"), io.exclusive_lock(folder):
            pass
    with io.exclusive_lock(folder, wait=True):
        assert (folder / "file").exists()


def test_a_folder_in_which_nothing_was_written_is_removed(tmp_path):
    with io.exclusive_lock(tmp_path / "runs" / "a"):
        assert (tmp_path / "runs" / "a").is_dir()
    assert not (tmp_path / "runs" / "a").exists()
    assert (tmp_path / "locks" / "a.lock").exists()  # deleted, it could be held twice
