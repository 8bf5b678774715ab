"""Any folder or zip of FIT, TCX and GPX files, and what the readers of `pierre_data.files` find in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

from pierre_data import schema
from pierre_data.errors import NotFound
from pierre_data.files import (
    ACTIVITY_COLUMNS,
    GEAR_COLUMNS,
    LAP_COLUMNS,
    SECOND,
    STREAM_COLUMNS,
    Archive,
    Index,
    Session,
    activity_row,
    columns_of,
    index_of,
    lap_columns,
    locate,
    open_archive,
    read_recording,
    session_of,
    stream_columns,
    survey,
)
from pierre_data.spi import Endpoint, Option, Plan, ProviderDescriptor, Query, Rows

#: Files per batch of rows.
BATCH = 256


Problems = list[tuple[str, str, str]]


def _open(query: Query) -> tuple[Archive, Index]:
    archive = open_archive(query.options["path"])
    archive.list_zips()  # those in a zip; those in a folder are listed
    return archive, index_of(archive, query.cache_dir)


def _batches(query: Query) -> Iterator[tuple[list[dict[str, Any]], Problems, Problems]]:
    """Yield digests, what could not be read and what was odd, `BATCH` files at a time."""
    archive, index = _open(query)
    workers = query.options.get("workers") or 0
    digests, lost, odd = list[dict[str, Any]](), list(archive.problems), Problems()
    with closing(archive), closing(survey(archive, index, workers=workers, progress=query.progress)) as walk:
        for name, digest in walk:
            digests.append(digest)
            # A file that gave an activity was read all the same.
            problems = odd if digest["activities"] else lost
            problems += [(name, field, value) for field, value in digest["problems"]]
            if len(digests) == BATCH:
                yield digests, lost, odd
                digests, lost, odd = [], [], []
        yield digests, lost, odd


def _activities(query: Query) -> Plan:
    after, before = ((t.timestamp() * SECOND) if t else None for t in (query.after, query.before))
    for digests, lost, odd in _batches(query):
        rows = [
            row
            for digest in digests
            for row in digest["activities"]
            if (after is None or row["start_time"] >= after) and (before is None or row["start_time"] < before)
        ]
        if rows or lost or odd:
            yield Rows(columns_of(rows), tuple(lost), tuple(odd))


def _gear(query: Query) -> Plan:
    devices: dict[str, dict[str, Any]] = {}
    for digests, _, _ in _batches(query):
        for device in (device for digest in digests for device in digest["devices"]):
            devices[device["id"]] = devices.get(device["id"], {}) | device
    if devices:
        yield Rows(columns_of(devices.values()))


def _one(query: Query) -> tuple[Session, dict[str, Any], tuple[tuple[str, str, str], ...]]:
    """Return the session an id means, its row, and what to report of its file."""
    archive, index = _open(query)
    with closing(archive):
        name = locate(archive, index, query.id or "")
        data = archive.read(name)
    recording = read_recording(data)
    session = session_of(recording, query.id or "")
    if session is None:
        raise NotFound(f"{name} has no session {query.id!r}.", "Take the id from a fresh list.", status=404)
    row = activity_row(session, recording, sha256(data).hexdigest()) | {"source_file": name}
    return session, row, tuple((name, field, value) for field, value in recording.problems)


def _detail(columns: Callable[[Session, dict[str, Any]], dict[str, Any]], names: tuple[str, ...]) -> Endpoint:
    """Return an endpoint that answers with columns of one session and its row."""

    def plan(query: Query) -> Plan:
        session, row, problems = _one(query)
        yield Rows(columns(session, row), notes=problems)

    return Endpoint(plan_with=plan, columns=names)


descriptor = ProviderDescriptor(
    name="files",
    display_name="Files",
    options={
        "path": Option(Path, meaning="Folder or zip of FIT, TCX and GPX files, .gz or not.", required=True),
        "workers": Option(int, 0, "Processes that read; 0 is one per processor, 1 reads in this one."),
    },
    endpoints={
        schema.ACTIVITIES: Endpoint(plan_with=_activities, columns=ACTIVITY_COLUMNS),
        schema.GEAR: Endpoint(plan_with=_gear, columns=GEAR_COLUMNS),
    },
    details={
        schema.ACTIVITIES: _detail(lambda _, row: columns_of([row]), ACTIVITY_COLUMNS),
        schema.STREAMS: _detail(lambda session, row: stream_columns(session, row["id"]), STREAM_COLUMNS),
        schema.LAPS: _detail(lambda session, row: lap_columns(session, row["id"]), LAP_COLUMNS),
    },
    access="No account: your own files (November 2026).",
)
