"""Which files of Garmin's account export hold what, and the FIT file of an activity (facts of November 2026)."""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pierre_data import files
from pierre_data.errors import PayloadError
from pierre_data.schema import Table
from pierre_data.spi import Field, Rows, read_rows

#: Kind -> end of the name of its files, and the key its rows are under, if any.
FILES = {
    "activities": (r"summarizedActivities\.json", "summarizedActivitiesExport"),
    "sleeps": (r"sleepData\.json", ""),
    "days": (r"UDSFile_[^/]*\.json", ""),
    "gear": (r"_gear\.json", "gearDTOS"),
    "links": (r"_gear\.json", "gearActivityDTOs"),
}
_HEAD, _DAY_S, _TRIES = 512, 86_400, 5
_DAMAGE = (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError)


@dataclass(slots=True)
class Export:
    """An export that was opened, and (file, field, value) of what could not be read of it so far."""

    archive: files.Archive
    problems: list[tuple[str, str, str]] = field(default_factory=list)

    def __enter__(self) -> Export:
        return self

    def __exit__(self, *_: object) -> None:
        self.archive.close()

    def read(self, items: Iterable[Mapping[str, Any]], wanted: Mapping[str, Field], table: Table) -> Rows:
        """Return rows with all that could not be read."""
        rows = read_rows(items, wanted, table)
        return replace(rows, rejected=(*self.problems, *rows.rejected))

    def rows(self, kind: str) -> list[Mapping[str, Any]]:
        """Return the rows of a kind, of all its files."""
        pattern, key = FILES[kind]
        names = [name for name in self.archive.members if re.search(f"{pattern}$", name)]
        return [row for name in names for row in _rows(self._content(name), key)]

    def session(self, start: float, *, container: bool) -> files.Session | None:
        """Return the recorded session that begins when an activity did, seconds since 1970 UTC.

        A container stands for all legs of a multisport file; it begins when its first leg does.  Garmin does not name
        files by activities, but each says when it was created: those of the day before are read, the nearest first.
        """
        near = [(abs(at - start), name, inner) for at, name, inner in self._created() if -60 <= start - at < _DAY_S]
        for _, name, inner in sorted(near)[:_TRIES]:
            try:
                recording = files.read_recording(self._inner(name, inner) if inner else self.archive.read(name))
            except PayloadError as error:
                self.problems.append((inner or name, error.field or "file", error.what))
                continue
            for session in sorted(recording.sessions, key=lambda s: s.container is not container):
                if abs(session.row["start_time"] / files.SECOND - start) <= 1:
                    self.problems += [(inner or name, *problem) for problem in recording.problems]
                    return session
        return None

    def _content(self, name: str) -> Any:
        try:
            return json.loads(self.archive.read(name))
        except (PayloadError, ValueError, RecursionError) as error:
            self.problems.append((name, "file", str(error)[:80]))
            return None

    def _created(self) -> Iterator[tuple[float, str, str]]:
        for name in self.archive.members:
            if name.lower().endswith(".fit"):
                at = created(self.archive.read(name)[:_HEAD])
                if at is not None:
                    yield at, name, ""
            elif re.search(r"UploadedFiles_[^/]*\.zip$", name):
                yield from self._zipped(name)

    def _zipped(self, name: str) -> Iterator[tuple[float, str, str]]:
        """Look at the heads of the files of a zip inside the export; nothing is unpacked to disk."""
        try:
            with zipfile.ZipFile(io.BytesIO(self.archive.read(name))) as opened:
                for info in opened.infolist():
                    if not info.filename.lower().endswith(".fit"):
                        continue
                    with opened.open(info) as handle:
                        at = created(handle.read(_HEAD))
                    if at is not None:
                        yield at, name, info.filename
        except (PayloadError, *_DAMAGE) as error:
            self.problems.append((name, "file", str(error)[:80]))

    def _inner(self, name: str, inner: str) -> bytes:
        try:
            with zipfile.ZipFile(io.BytesIO(self.archive.read(name))) as opened:
                info = opened.getinfo(inner)
                if info.file_size > max(2**20, info.compress_size * files.MAX_RATIO):
                    raise PayloadError(f"{inner} is a bomb.", "Leave it out.", path=inner, field="size")
                with opened.open(info) as handle:
                    return files.bounded(handle.read(files.MAX_BYTES + 1), inner)
        except _DAMAGE as error:
            raise PayloadError(f"{inner} cannot be read: {error}.", "Export it again.", path=inner) from error


def open_export(path: Any) -> Export:
    """Return the export at a path; ConfigurationError where there is none, PayloadError where a file is no zip."""
    archive = files.open_archive(path)
    return Export(archive, list(archive.refused))


def created(head: bytes) -> float | None:
    """Return when a FIT file of an activity was created, seconds since 1970 UTC; None for every other file.

    Its first message says so (FIT protocol 2.0): kind of file in field 0, 4 for activities, and time in field 4.

    Examples
    --------
    >>> created(b"no FIT file") is None
    True
    """
    at = head[0] if head else 0
    if head[8:12] != b".FIT" or len(head) < at + 6 or not head[at] & 0x40:
        return None
    order = ">" if head[at + 2] else "<"
    (number,) = struct.unpack_from(f"{order}H", head, at + 3)
    shapes = [(head[at + 6 + 3 * n], head[at + 7 + 3 * n]) for n in range(head[at + 5]) if at + 7 + 3 * n < len(head)]
    place, values = at + 7 + 3 * len(shapes), dict[int, bytes]()
    for name, size in shapes:
        values[name] = head[place : place + size]
        place += size
    if number or values.get(0) != b"\x04" or len(values.get(4, b"")) != 4:
        return None
    (seconds,) = struct.unpack(f"{order}I", values[4])
    return float(seconds + files.FIT_EPOCH_S)


def _rows(content: Any, key: str) -> list[Mapping[str, Any]]:
    """Return the rows of a file: a list, or a list of objects that hold lists, or maps of lists, under a key."""
    items = [item for item in content if isinstance(item, Mapping)] if isinstance(content, list) else []
    if not key:
        return items
    values = [item.get(key) for item in items]
    lists = [part for value in values for part in (value.values() if isinstance(value, Mapping) else [value])]
    return [row for part in lists if isinstance(part, list) for row in part if isinstance(row, Mapping)]
