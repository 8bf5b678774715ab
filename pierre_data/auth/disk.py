"""Files nobody else can read: made private, never through a link, replaced as a whole."""

from __future__ import annotations

import contextlib
import datetime as dt
import errno
import os
import secrets
import stat
import time
from pathlib import Path
from typing import NoReturn

from pierre_data.auth.tokens import Notice
from pierre_data.errors import StorageError

# Windows has none of these; there a user's profile directory is private by its access list.
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_NONBLOCK = getattr(os, "O_NONBLOCK", 0)  # a planted pipe must not make us wait
_LARGEST = 1_000_000
_PART_LIVES_S = 86_400


def private_directory(path: Path, notice: Notice) -> None:
    """Make a directory, and its missing parents, for the owner alone; tighten it if it is loose.

    Raises
    ------
    StorageError
        It cannot be made, is a symbolic link, or belongs to somebody else.
    """
    try:
        for part in [*reversed(path.parents), path]:
            if not part.exists():
                with contextlib.suppress(FileExistsError):
                    part.mkdir(mode=0o700)
        found = path.lstat()
    except OSError as error:
        raise StorageError(
            f"{path} cannot be made: {error.strerror}.", "Set PIERRE_DATA_DIR to a directory of yours."
        ) from None
    if stat.S_ISLNK(found.st_mode) or not stat.S_ISDIR(found.st_mode):
        _refuse(path, "is a symbolic link or no directory")
    _check_owner(path, found)
    if os.name == "posix" and found.st_mode & 0o077:
        path.chmod(0o700)
        notice(f"{path} could be read by other users; it is private now.")


def read_private(path: Path, notice: Notice) -> bytes | None:
    """Return a file's content, None when there is none; tighten it if it is loose.

    Raises
    ------
    StorageError
        It is a symbolic link, no plain file, somebody else's, or cannot be read.
    """
    try:
        handle = os.open(path, os.O_RDONLY | _NOFOLLOW | _CLOEXEC | _NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        _refuse(
            path,
            "is a symbolic link" if error.errno in (errno.ELOOP, errno.EMLINK) else f"cannot be read: {error.strerror}",
        )
    with os.fdopen(handle, "rb") as file:
        tighten(handle, path, notice)
        return file.read(_LARGEST)


def tighten(handle: int, path: Path, notice: Notice) -> None:
    """Check an open file's kind and owner, and take everybody else's permissions away.

    Raises
    ------
    StorageError
        It is no plain file, or somebody else's.
    """
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        _refuse(path, "is no plain file")
    _check_owner(path, found)
    if os.name == "posix" and found.st_mode & 0o077:
        os.fchmod(handle, 0o600)
        notice(f"{path} could be read by other users; it is private now.")


def write_private(path: Path, data: bytes) -> None:
    """Replace a file as a whole: after a kill at any moment it is the old or the new one.

    Raises
    ------
    StorageError
        It cannot be written; the old file is still there.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(8)}.part")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOFOLLOW | _CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                if os.name == "posix":
                    os.fchmod(handle, 0o600)
                file.write(data)
                file.flush()
                os.fsync(handle)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        sync_directory(path.parent)
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
    finally:
        os.close(handle)


def set_aside(path: Path) -> Path:
    """Rename a file that cannot be used, so that it is never lost; returns its new name.

    Raises
    ------
    StorageError
        It cannot be renamed.
    """
    stamp = dt.datetime.now(dt.UTC).strftime("%Y%m%dT%H%M%S%fZ")
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    try:
        path.replace(aside)
    except OSError as error:
        raise StorageError(f"{path} cannot be set aside: {error.strerror}.", "Rename it by hand.") from None
    return aside


def sweep_parts(directory: Path) -> None:
    """Remove what killed writers left behind more than a day ago."""
    for part in directory.glob(".*.part"):
        with contextlib.suppress(OSError):
            if time.time() - part.lstat().st_mtime > _PART_LIVES_S:
                part.unlink()


def _check_owner(path: Path, found: os.stat_result) -> None:
    if os.name == "posix" and found.st_uid != os.geteuid():
        _refuse(path, "belongs to another user")


def _refuse(path: Path, why: str) -> NoReturn:
    raise StorageError(f"{path} {why}.", "Remove or rename it; pierre_data makes a new one.") from None
