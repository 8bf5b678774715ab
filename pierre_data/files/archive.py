"""A folder or a zip as one thing: names, stamps and bounded bytes.  Nothing is ever unpacked to disk."""

from __future__ import annotations

import csv
import gzip
import io
import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import IO, Any, TypeVar

from pierre_data.errors import ConfigurationError, PayloadError
from pierre_data.schema import Table
from pierre_data.spi import Endpoint, Field, Plan, Query, Rows, read_rows

T = TypeVar("T")

#: Largest file that is read, decompressed.  A 24-hour FIT file with every sensor has about 20 MB.
MAX_BYTES = 256 * 2**20
#: Most files of one folder or archive.
MAX_MEMBERS = 200_000
#: Largest honest compression: XML tracks reach about 30.  Only what is larger than a MB is judged.
MAX_RATIO = 200
_JUDGED = 2**20
# zipfile raises RuntimeError for a password and NotImplementedError, a kind of it, for a method it does not know.
_DAMAGE = (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError)


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive: its path inside with ``/``, its size as stored or claimed, and what changes with it."""

    name: str
    size: int
    stamp: int  # mtime in ns of a folder's file, CRC-32 of a zip's member
    within: str = ""  # the zip inside the archive that holds it


@dataclass(slots=True)
class Archive:
    """A folder or zip: its members by name, sorted, and (name, field, value) of what could not be read so far.

    Zips inside are listed as folders are: those of a folder at once, those of a zip by `list_zips`.
    """

    path: Path
    members: dict[str, Member] = field(default_factory=dict)
    problems: list[tuple[str, str, str]] = field(default_factory=list)
    _zip: zipfile.ZipFile | None = field(default=None, repr=False)
    _zips: dict[str, Member] = field(default_factory=dict, repr=False)
    _last: tuple[str, zipfile.ZipFile] | None = field(default=None, repr=False)

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, name: str, first: int = 0) -> bytes:
        """Return a member, gunzipped, or its first bytes as they are; PayloadError if absent, damaged or too large."""
        if name not in self.members:
            self.list_zips()
        member = self.members.get(name)
        if member is None:
            raise PayloadError(f"{self.path.name} has no file {name!r}.", "Check the archive is complete.", path=name)
        if member.size > MAX_BYTES:
            raise _too_large(name)
        try:
            with self._open(member) as handle:
                # A zip may lie about its sizes: what counts is what comes.
                return handle.read(first) if first else bounded(handle.read(MAX_BYTES + 1), name)
        except _DAMAGE as error:
            raise PayloadError(f"{name} cannot be read: {error}.", "Export it again.", path=name) from error

    def decode(self, name: str, reader: Callable[[bytes], T], first: int = 0) -> T | None:
        """Return what a reader makes of a member, or of its first bytes; None, and a problem, where it cannot."""
        try:
            return reader(self.read(name, first))
        except PayloadError as error:
            self.problems.append((name, error.field or "file", error.what[:80]))
        except (ValueError, csv.Error, RecursionError) as error:
            self.problems.append((name, "file", str(error)[:80]))
        return None

    def report(self, rows: Rows) -> Rows:
        """Return rows with all that could not be read."""
        return replace(rows, rejected=(*dict.fromkeys(self.problems), *rows.rejected))

    def list_zips(self) -> None:
        """List the content of the zips inside as if they were folders; each call goes one level down."""
        for name in [name for name in self.members if name.lower().endswith(".zip")]:
            self._zips[name] = self.members.pop(name)
            try:
                _list_zip(self, self._opened(name), name)
            except (PayloadError, *_DAMAGE) as error:
                self.problems.append((name, "file", str(error)[:80]))

    def close(self) -> None:
        """Close the zip; a folder has nothing to close."""
        for handle in (self._zip, self._last and self._last[1]):
            if handle is not None:
                handle.close()

    def _open(self, member: Member) -> IO[bytes]:
        if member.within:
            return self._opened(member.within).open(member.name.removeprefix(f"{member.within}/"))
        return (self.path / member.name).open("rb") if self._zip is None else self._zip.open(member.name)

    def _opened(self, name: str) -> zipfile.ZipFile:
        """Return a zip inside; the last one stays open, for members are read in its order."""
        if self._last is not None and self._last[0] == name:
            return self._last[1]
        source: Any = self.path / name
        if self._zip is not None or self._zips[name].within:
            with self._open(self._zips[name]) as handle:
                source = io.BytesIO(handle.read(MAX_BYTES + 1))
        if self._last is not None:
            self._last[1].close()
            self._last = None
        self._last = (name, zipfile.ZipFile(source))
        return self._last[1]


def bounded(data: bytes, name: str) -> bytes:
    """Return bytes, gunzipped if they are gzip; PayloadError beyond `MAX_BYTES` or `MAX_RATIO`."""
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
    """Return a folder, with all below it, or a zip, without links that lead out; ConfigurationError: nothing there."""
    path = Path(path).expanduser()
    archive = Archive(path)
    if path.is_dir():
        _list_folder(archive)
        archive.list_zips()
        return archive
    if not path.is_file():
        raise ConfigurationError(f"There is no folder or zip at {path}.", "Correct the option path.")
    try:
        archive._zip = zipfile.ZipFile(path)
        _list_zip(archive, archive._zip)
    except (zipfile.BadZipFile, OSError) as error:
        raise PayloadError(f"{path} is no zip that can be read: {error}.", "Download it again.") from error
    except PayloadError:
        archive.close()
        raise
    return archive


def rows_endpoint(
    rows: Callable[[Archive, Query], Iterable[Mapping[str, Any]]],
    wanted: Mapping[str, Field],
    table: Table,
    ignored: tuple[str, ...] = (),
) -> Endpoint:
    """Return an endpoint of rows taken out of the archive at the option ``path``, with what could not be read."""

    def plan(query: Query) -> Plan:
        with open_archive(query.options["path"]) as archive:
            items = list(rows(archive, query))
        yield archive.report(read_rows(items, wanted, table))

    return Endpoint("", wanted, plan_with=plan, ignored=ignored)


def _list_folder(archive: Archive) -> None:
    root = archive.path.resolve()
    for place in sorted(_walk(archive.path)):
        name = place.relative_to(archive.path).as_posix()
        try:
            status = place.stat()
        except OSError as error:
            archive.problems.append((name, "file", error.strerror or "unreadable"))
            continue
        if not stat.S_ISREG(status.st_mode):
            continue  # a pipe would block for ever
        if place.is_symlink() and not place.resolve().is_relative_to(root):
            archive.problems.append((name, "path", "a link that leads out of the folder"))
            continue
        archive.members[name] = Member(name, status.st_size, status.st_mtime_ns)
        _check_count(archive, 0)


def _walk(path: Path) -> Iterator[Path]:
    for folder, below, names in os.walk(path):  # links to folders are not followed: they may go round
        below[:] = [b for b in below if b != "__MACOSX" and not b.startswith(".")]
        yield from (Path(folder, n) for n in names if not n.startswith("."))


def _list_zip(archive: Archive, handle: zipfile.ZipFile, within: str = "") -> None:
    _check_count(archive, len(handle.infolist()))
    for info in sorted(handle.infolist(), key=lambda i: i.filename):
        parts = PurePosixPath(info.filename.replace("\\", "/")).parts
        if info.is_dir() or "__MACOSX" in parts or not parts or parts[-1].startswith("."):
            continue
        name = f"{within}/{info.filename}" if within else info.filename
        if ".." in parts or parts[0] == "/" or parts[0].endswith(":"):
            archive.problems.append((name, "path", "leads out of the archive"))
        elif info.file_size > max(_JUDGED, info.compress_size * MAX_RATIO):
            archive.problems.append((name, "size", f"{info.compress_size} bytes claim to be {info.file_size}"))
        else:
            archive.members[name] = Member(name, info.file_size, info.CRC, within)


def _check_count(archive: Archive, more: int) -> None:
    if len(archive.members) + more > MAX_MEMBERS:
        fix = "Point path at the folder with your activities."
        raise PayloadError(f"{archive.path} holds more than {MAX_MEMBERS} files.", fix)


def _too_large(name: str) -> PayloadError:
    what = f"{name} expands to more than an activity can be."
    return PayloadError(what, "Leave it out, or split it.", path=name, field="size")
