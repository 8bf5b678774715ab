"""A folder or a zip as one thing: names, stamps and bounded bytes.  Nothing is ever unpacked to disk."""

from __future__ import annotations

import gzip
import io
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from pierre_data.errors import ConfigurationError, PayloadError

#: Largest file that is read, decompressed.  A 24-hour FIT file with every sensor has about 20 MB.
MAX_BYTES = 256 * 2**20
#: Most files of one folder or archive.
MAX_MEMBERS = 200_000
#: Largest honest compression: XML tracks reach about 30.  Only what is larger than a MB is judged.
MAX_RATIO = 200
_JUDGED = 2**20


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive: its path inside with ``/``, its size as stored or claimed, and what changes with it."""

    name: str
    size: int
    stamp: int  # mtime in ns of a folder's file, CRC-32 of a zip's member


@dataclass(slots=True)
class Archive:
    """A folder or zip: its members by name, sorted, and (name, reason, value) of those that nobody will read."""

    path: Path
    members: dict[str, Member] = field(default_factory=dict)
    refused: list[tuple[str, str, str]] = field(default_factory=list)
    _zip: zipfile.ZipFile | None = field(default=None, repr=False)

    def read(self, name: str) -> bytes:
        """Return the content of a member, gunzipped; raise PayloadError if it is absent, damaged or too large."""
        member = self.members.get(name)
        if member is None:
            raise PayloadError(f"{self.path.name} has no file {name!r}.", "Check the archive is complete.", path=name)
        try:
            return bounded(self._stored(member), name)
        # zipfile raises RuntimeError for a password and NotImplementedError for a method it does not know.
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError) as error:
            raise PayloadError(f"{name} cannot be read: {error}.", "Export it again.", path=name) from error

    def close(self) -> None:
        """Close the zip; a folder has nothing to close."""
        if self._zip is not None:
            self._zip.close()

    def _stored(self, member: Member) -> bytes:
        if member.size > MAX_BYTES:
            raise _too_large(member.name)
        if self._zip is None:
            return (self.path / member.name).read_bytes()
        with self._zip.open(member.name) as handle:
            # A zip may lie about its sizes: what counts is what comes.
            return handle.read(MAX_BYTES + 1)


def bounded(data: bytes, name: str) -> bytes:
    """Return bytes, gunzipped if they are gzip; PayloadError beyond `MAX_BYTES` or `MAX_RATIO`.

    >>> bounded(gzip.compress(b"<gpx/>"), "a.gpx.gz")
    b'<gpx/>'
    """
    if data[:2] == b"\x1f\x8b":
        limit = min(MAX_BYTES, max(_JUDGED, len(data) * MAX_RATIO))
        with gzip.open(io.BytesIO(data)) as handle:
            data = handle.read(limit + 1)
        if len(data) > limit:
            raise _too_large(name)
    if len(data) > MAX_BYTES:
        raise _too_large(name)
    return data


def open_archive(path: Path | str) -> Archive:
    """Return a folder, with everything below it, or a zip; links that lead out and macOS's own files are left out.

    Raises ConfigurationError where nothing is, PayloadError for what is no zip or holds more than `MAX_MEMBERS`.

    >>> open_archive("/no/such/folder")
    Traceback (most recent call last):
    pierre_data.errors.ConfigurationError: There is no folder or zip at /no/such/folder. ...
    """
    path = Path(path).expanduser()
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise ConfigurationError(f"There is no folder or zip at {path}.", "Correct the option path.")
    try:
        return _zip(path)
    except (zipfile.BadZipFile, OSError) as error:
        raise PayloadError(f"{path} is no zip that can be read: {error}.", "Download it again.") from error


def _folder(path: Path) -> Archive:
    archive, root = Archive(path), path.resolve()
    for place in sorted(_walk(path)):
        name = place.relative_to(path).as_posix()
        try:
            status = place.stat()
        except OSError as error:
            archive.refused.append((name, "file", error.strerror or "unreadable"))
            continue
        if not stat.S_ISREG(status.st_mode):
            continue  # a pipe would block for ever
        if place.is_symlink() and not place.resolve().is_relative_to(root):
            archive.refused.append((name, "path", "a link that leads out of the folder"))
            continue
        archive.members[name] = Member(name, status.st_size, status.st_mtime_ns)
        _count(archive, len(archive.members))
    return archive


def _walk(path: Path) -> Iterator[Path]:
    for folder, below, names in os.walk(path):  # links to folders are not followed: they may go round
        below[:] = [b for b in below if b != "__MACOSX" and not b.startswith(".")]
        yield from (Path(folder, n) for n in names if not n.startswith("."))


def _zip(path: Path) -> Archive:
    handle = zipfile.ZipFile(path)
    archive = Archive(path, _zip=handle)
    _count(archive, len(handle.infolist()))
    for info in sorted(handle.infolist(), key=lambda i: i.filename):
        parts = PurePosixPath(info.filename.replace("\\", "/")).parts
        if info.is_dir() or "__MACOSX" in parts or not parts or parts[-1].startswith("."):
            continue
        if ".." in parts or parts[0] == "/" or parts[0].endswith(":"):
            archive.refused.append((info.filename, "path", "leads out of the archive"))
        elif info.file_size > max(_JUDGED, info.compress_size * MAX_RATIO):
            archive.refused.append((info.filename, "size", f"{info.compress_size} bytes claim to be {info.file_size}"))
        else:
            archive.members[info.filename] = Member(info.filename, info.file_size, info.CRC)
    return archive


def _count(archive: Archive, members: int) -> None:
    if members > MAX_MEMBERS:
        archive.close()
        fix = "Point path at the folder with your activities."
        raise PayloadError(f"{archive.path} holds more than {MAX_MEMBERS} files.", fix)


def _too_large(name: str) -> PayloadError:
    what = f"{name} expands to more than an activity can be."
    return PayloadError(what, "Leave it out, or split it.", path=name, field="size")
