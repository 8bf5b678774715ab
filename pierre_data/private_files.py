"""Files of this user alone: made private, never through a link, replaced as a whole, set aside when damaged."""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, NoReturn

from pierre_data.errors import StorageError, StorageNotice
from pierre_data.notices import notice

#: Tells people something, in one sentence.
Notice = Callable[[str], None]

# Windows has no owners and modes in this sense; there a user's profile directory is private by its access list.
NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NOFOLLOW | _CLOEXEC | getattr(os, "O_BINARY", 0)
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)  # a planted pipe must not make us wait
_LARGEST = 16_000_000
_PART_LIVES_S = 86_400


def warn(text: str) -> None:
    """Tell people through a `StorageNotice` warning."""
    notice(text, StorageNotice)


def private_directory(path: Path, notice: Notice = warn) -> None:
    """Make a directory and its missing parents for the owner alone, tighten it if it is loose; or StorageError."""
    try:
        for part in [*reversed(path.parents), path]:
            if not part.exists():
                with contextlib.suppress(FileExistsError):
                    part.mkdir(mode=0o700)
        status = path.lstat()
    except OSError as error:
        raise StorageError(
            f"{path} cannot be made: {error.strerror}.", "Set PIERRE_DATA_DIR to a directory of yours."
        ) from None
    if stat.S_ISLNK(status.st_mode) or not stat.S_ISDIR(status.st_mode):
        _refuse(path, "is a symbolic link or no directory")
    _make_private(path, status, lambda: path.chmod(0o700), notice)


def read_private(path: Path, notice: Notice = warn) -> bytes | None:
    """Return a file's content, None when there is none; a link, a pipe or somebody else's file is a StorageError."""
    try:
        handle = os.open(path, os.O_RDONLY | NOFOLLOW | _CLOEXEC | _NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        linked = error.errno in (errno.ELOOP, errno.EMLINK)
        _refuse(path, "is a symbolic link" if linked else f"cannot be read: {error.strerror}")
    with os.fdopen(handle, "rb") as file:
        tighten(handle, path, notice)
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:  # a cut file would be read as a shorter one, and then written over
        _refuse(path, "is too large to be ours")
    return data


def tighten(handle: int, path: Path, notice: Notice = warn) -> None:
    """Take everybody else's permissions away from an open file of ours; what is no such file is a StorageError."""
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        _refuse(path, "is no plain file")
    _make_private(path, status, lambda: os.fchmod(handle, 0o600), notice)


@contextlib.contextmanager
def atomic_file(path: Path, mode: int = 0o600) -> Iterator[IO[bytes]]:
    """Yield a file that takes the name's place, flushed to the disk, when the block ends; never half, else OSError."""
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(8)}.part")
    handle = os.open(part, _CREATE, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(handle)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def write_private(path: Path, data: bytes) -> None:
    """Replace a file as a whole: after a kill at any moment it is the old or the new one; or StorageError."""
    try:
        with atomic_file(path) as file:
            file.write(data)
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written: {error.strerror}.",
            "Free some space, or set PIERRE_DATA_DIR to another directory.",
        ) from None


def sync_directory(path: Path) -> None:
    """Make renames in a directory last; a no-op where directories cannot be opened (Windows)."""
    if os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY | _CLOEXEC)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems cannot flush a directory
            raise
    finally:
        os.close(handle)


def set_aside(path: Path, tails: Sequence[str] = ()) -> Path:
    """Rename a damaged file, and those beside it whose names end in `tails`: nothing is lost; or StorageError.

    FileNotFoundError where another process was faster.
    """
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S%fZ")
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    try:
        path.replace(aside)
        for tail in tails:
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + tail).replace(aside.with_name(aside.name + tail))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise StorageError(f"{path} cannot be set aside: {error.strerror}.", "Rename it by hand.") from None
    return aside


def sweep_parts(directory: Path) -> None:
    """Remove what killed writers left behind more than a day ago."""
    for part in directory.glob(".*.part"):
        with contextlib.suppress(OSError):
            if time.time() - part.lstat().st_mtime > _PART_LIVES_S:
                part.unlink()


def _make_private(path: Path, status: os.stat_result, restrict: Callable[[], None], notice: Notice) -> None:
    """Refuse what is somebody else's, and tighten what others may read."""
    if os.name != "posix":
        return
    if status.st_uid != os.geteuid():
        _refuse(path, "belongs to another user")
    if status.st_mode & 0o077:
        restrict()
        notice(f"{path} could be read by other users; it is private now.")


def _refuse(path: Path, why: str) -> NoReturn:
    raise StorageError(f"{path} {why}.", "Remove or rename it; pierre_data makes a new one.") from None
