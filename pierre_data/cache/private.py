"""A file of this user alone: how it is made, and what is refused."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from pierre_data.errors import StorageError
from pierre_data.private_files import NOFOLLOW

#: SQLite keeps these beside its file, with the mode of the file.
TAILS = ("", "-wal", "-shm")
_FIX = "Remove it, or set PIERRE_CACHE_DIR to a folder of your own."
# Windows has neither owners nor modes in this sense: there a user's own profile folder is closed to others.
_POSIX = os.name == "posix"
_OPEN = os.O_RDWR | NOFOLLOW | getattr(os, "O_CLOEXEC", 0)


def prepare(path: Path) -> None:
    """Make the folder (0700) and the file (0600) if they are missing, and check them and what SQLite keeps beside it.

    What others can only read is tightened.  Raises StorageError when it cannot be made, is a link, belongs to somebody
    else or can be written by others.
    """
    try:
        _make_folder(path.parent)
        for tail in TAILS[1:]:
            beside = path.with_name(path.name + tail)
            if os.path.lexists(beside):
                _check(beside, os.open(beside, _OPEN))
        try:
            fd = os.open(path, _OPEN | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            fd = os.open(path, _OPEN)
        _check(path, fd)
    except OSError as error:
        # O_NOFOLLOW says "too many levels of symbolic links" where there is one.
        why = "it is a link" if path.is_symlink() else str(error.strerror or error).lower()
        raise StorageError(f"The cache {path} cannot be opened: {why}.", _FIX) from error


def _make_folder(folder: Path) -> None:
    """Make what is missing closed to others; under umask 0 the parents would otherwise be open to all."""
    if not folder.exists():
        if not folder.parent.exists():
            _make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.stat()
    if _POSIX and (status.st_uid not in (os.geteuid(), 0) or status.st_mode & 0o022):
        raise StorageError(
            f"Others can write in {folder}, so the cache is not kept there.",
            f"Run: chmod go-w '{folder}', or set PIERRE_CACHE_DIR to a folder of your own.",
        )


def _check(path: Path, fd: int) -> None:
    """Check what was opened, not what has the name now; closes `fd`."""
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise StorageError(f"The cache {path} is no file.", _FIX)
        if _POSIX and status.st_uid != os.geteuid():
            raise StorageError(f"The cache {path} belongs to somebody else.", _FIX)
        if _POSIX and status.st_mode & 0o022:
            raise StorageError(f"The cache {path} can be written by others.", _FIX)
        if _POSIX and status.st_mode & 0o077:
            os.fchmod(fd, 0o600)
    finally:
        os.close(fd)
