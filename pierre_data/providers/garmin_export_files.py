"""Which files of Garmin's account export hold what, and the FIT file of an activity (facts of November 2026)."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping
from typing import Any

from pierre_data.files import FIT_EPOCH_S, SECOND, Archive, Session, read_recording
from pierre_data.spi import objects

#: Kind -> end of the name of its files, and the key its rows are under, if any.
FILES = {
    "activities": (r"summarizedActivities\.json", "summarizedActivitiesExport"),
    "sleeps": (r"sleepData\.json", ""),
    "days": (r"UDSFile_[^/]*\.json", ""),
    "gear": (r"_gear\.json", "gearDTOS"),
    "links": (r"_gear\.json", "gearActivityDTOs"),
}
_HEAD, _DAY_S, _TRIES = 512, 86_400, 5


def rows_of(archive: Archive, kind: str) -> list[Mapping[str, Any]]:
    """Return the rows of a kind, of all its files."""
    pattern, key = FILES[kind]
    names = [name for name in archive.members if re.search(f"{pattern}$", name)]
    return [row for name in names for row in _rows(archive.decode(name, json.loads), key)]


def session_at(archive: Archive, start: float, *, container: bool) -> Session | None:
    """Return the recorded session that begins when an activity did, seconds since 1970 UTC.

    A container stands for all legs of a multisport file; it begins when its first leg does.  Garmin does not name
    files by activities, but each says when it was created: those of the day before are read, the nearest first.
    """
    archive.list_zips()  # UploadedFiles_*.zip
    names = [name for name in archive.members if name.lower().endswith(".fit")]
    times = ((archive.decode(name, created, first=_HEAD), name) for name in names)
    near = sorted((abs(at - start), name) for at, name in times if at is not None and -60 <= start - at < _DAY_S)
    for _, name in near[:_TRIES]:
        recording = archive.decode(name, read_recording)
        sessions = recording.sessions if recording else []
        for session in sorted(sessions, key=lambda s: s.container is not container):
            if recording and abs(session.row["start_time"] / SECOND - start) <= 1:
                archive.problems += [(name, *problem) for problem in recording.problems]
                return session
    return None


def created(head: bytes) -> float | None:
    """Return when a FIT file of an activity was created, seconds since 1970 UTC; None for every other file."""
    # Its first message says so (FIT protocol 2.0): kind of file in field 0, 4 for activities, and time in field 4.
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
    return float(seconds + FIT_EPOCH_S)


def _rows(content: Any, key: str) -> list[Mapping[str, Any]]:
    """Return the rows of a file: a list, or a list of objects that hold lists, or maps of lists, under a key."""
    items = objects(content)
    if not key:
        return items
    values = [item.get(key) for item in items]
    lists = [part for value in values for part in (value.values() if isinstance(value, Mapping) else [value])]
    return [row for part in lists for row in objects(part)]
