"""Files that are either whole or absent: write beside the target, then rename."""

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from fer_utils.errors import FerError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # disk, quota, largest file


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yields a temporary path; it becomes `path` on success and is removed on any error.

    Raises
    ------
    FerError
        Where the disk is full; any other OSError as it is.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Beside the target: only within one file system is a rename a single step. With the process's
    # number: another one may write the same file.
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        yield part
        part.replace(path)
    except OSError as error:
        raise _explained(error, path) from None
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yields a temporary folder; it replaces `path` on success and is removed on any error.

    A folder cannot be replaced in one step: if the second of two fails, the first is undone.

    Raises
    ------
    FerError
        Where the disk is full; any other OSError as it is.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        old = part.with_suffix(".old")  # beside: a rename stays within one file system
        if path.exists():
            path.replace(old)
        try:
            part.replace(path)
        except OSError:
            if old.exists():
                old.replace(path)
            raise
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise _explained(error, path) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


class Busy(FerError):
    """Another process computes this run."""


@contextmanager
def exclusive_lock(folder: Path, wait: bool = False) -> Iterator[None]:
    """Holds `folder` for this process, which makes it; a killed process lets go.

    An empty folder is removed at the end.

    Parameters
    ----------
    wait
        Wait until another process that holds it lets go.

    Raises
    ------
    Busy
        Where another process holds it and `wait` is not given.
    """
    # The lock is a file beside, in locks/, and it stays: a lock file that is deleted while another
    # process has it open can be held twice.
    locks = folder.parent.with_name("locks")
    locks.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(locks / f"{folder.name}.lock", timeout=-1 if wait else 0):
            folder.mkdir(parents=True, exist_ok=True)
            try:
                yield
            finally:
                if not any(folder.iterdir()):
                    folder.rmdir()
    except Timeout:
        raise Busy(f"{folder.name} is being computed by another process; wait for it") from None


def _explained(error: OSError, path: Path) -> Exception:
    """A full disk as one clear line; any other error as it is."""
    if error.errno not in FULL:
        return error
    return FerError(
        f"{path}: no room left on the disk; free some, or set FER_HOME to a folder on another"
    )


def write_json(path: Path, content: object) -> None:
    """Writes indented JSON, the whole file or nothing. Raises FerError where the disk is full."""
    with atomic_file(path) as part:
        part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """What a JSON file holds."""
    return json.loads(path.read_text(encoding="utf-8"))
