"""Any folder or zip of FIT, TCX and GPX files, and what the readers of `pierre_data.files` find in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from pierre_data import files, schema
from pierre_data.spi import Endpoint, Option, Plan, ProviderDescriptor, Query, Rows

#: Files per batch of rows.
BATCH = 256
Problems = list[tuple[str, str, str]]


def _batches(query: Query) -> Iterator[tuple[list[dict[str, Any]], Problems, Problems]]:
    """Yield digests, what could not be read and what was odd, `BATCH` files at a time."""
    with files.open_archive(query.options["path"]) as archive:
        archive.list_zips()  # those in a zip; those in a folder are listed
        index, workers = files.index_of(archive, query.cache_dir), query.options.get("workers") or 0
        digests, lost, odd = list[dict[str, Any]](), list(archive.problems), Problems()
        with closing(files.survey(archive, index, workers=workers, progress=query.progress)) as walk:
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
    after, before = ((t.timestamp() * files.SECOND) if t else None for t in (query.after, query.before))
    for digests, lost, odd in _batches(query):
        rows = [
            row
            for digest in digests
            for row in digest["activities"]
            if (after is None or row["start_time"] >= after) and (before is None or row["start_time"] < before)
        ]
        if rows or lost or odd:
            yield Rows(files.columns_of(rows), tuple(lost), tuple(odd))


def _gear(query: Query) -> Plan:
    devices: dict[str, dict[str, Any]] = {}
    for digests, _, _ in _batches(query):
        for device in (device for digest in digests for device in digest["devices"]):
            devices[device["id"]] = devices.get(device["id"], {}) | device
    if devices:
        yield Rows(files.columns_of(devices.values()))


def _detail(columns: Callable[[files.Session, dict[str, Any]], dict[str, Any]], names: tuple[str, ...]) -> Endpoint:
    """Return an endpoint that answers with columns of the session an id means, and of its row."""

    def plan(query: Query) -> Plan:
        with files.open_archive(query.options["path"]) as archive:
            archive.list_zips()
            index = files.index_of(archive, query.cache_dir)
            session, row, problems = files.find_session(archive, index, query.id or "")
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
        schema.ACTIVITIES: Endpoint(plan_with=_activities, columns=files.ACTIVITY_COLUMNS),
        schema.GEAR: Endpoint(plan_with=_gear, columns=files.GEAR_COLUMNS),
    },
    details={
        schema.ACTIVITIES: _detail(lambda _, row: files.columns_of([row]), files.ACTIVITY_COLUMNS),
        schema.STREAMS: _detail(lambda session, row: files.stream_columns(session, row["id"]), files.STREAM_COLUMNS),
        schema.LAPS: _detail(lambda session, row: files.lap_columns(session, row["id"]), files.LAP_COLUMNS),
    },
    access="No account: your own files (November 2026).",
)
