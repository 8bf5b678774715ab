"""The archive Strava sends an athlete: the table of all activities, and the files they were uploaded as."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from pierre_data import files, schema
from pierre_data.errors import NotFound
from pierre_data.spi import Endpoint, Option, Plan, ProviderDescriptor, Query, Rows, Terms, read_rows


def _open(query: Query) -> files.Archive:
    path = Path(query.options["path"])
    return files.open_archive(path.parent if path.name == files.STRAVA_TABLE else path)


def _rows(archive: files.Archive, query: Query) -> list[dict[str, Any]]:
    rows = [row for row in files.read_strava_archive(archive) if query.id in (None, row["Activity ID"])]
    if query.id is not None and not rows:
        raise NotFound(f"The archive has no activity {query.id!r}.", "Take the id from a fresh list.", status=404)
    return rows


def _activities(query: Query) -> Plan:
    with _open(query) as archive:
        rows = read_rows(_rows(archive, query), files.STRAVA_ACTIVITY, schema.ACTIVITIES)
    yield archive.report(rows) if query.id is None else rows


def _gear(query: Query) -> Plan:
    with _open(query) as archive:
        rows = files.strava_gear(archive)
    if rows:
        yield Rows(files.columns_of(rows))


def _recorded(columns: Callable[[files.Session, str], dict[str, Any]], query: Query) -> Plan:
    with _open(query) as archive:
        read = read_rows(_rows(archive, query), files.STRAVA_ACTIVITY, schema.ACTIVITIES).columns
        name, start = next(zip(read["source_file"], read["start_time"], strict=True), (None, None))
        if name is None or start is None:
            raise NotFound(f"Activity {query.id} was typed in: it has no recording.", status=404)
        recording = files.read_recording(archive.read(name))
    # Of several sessions in a file, the activity is the one that began when it did.
    legs = [leg for leg in recording.sessions if not leg.container]
    begun = int(start.timestamp())
    session = min(legs, key=lambda leg: abs(leg.row["start_time"] // files.SECOND - begun), default=None)
    if session is None:
        raise NotFound(f"{name} holds no samples.", "Strava itself shows none either.", status=404)
    problems = tuple((name, field, value) for field, value in recording.problems)
    yield Rows(columns(session, query.id or ""), notes=problems)


_LIST = Endpoint("", files.STRAVA_ACTIVITY, plan_with=_activities, ignored=files.STRAVA_IGNORED)

descriptor = ProviderDescriptor(
    name="strava-export",
    display_name="Strava export",
    id_space="strava",
    options={"path": Option(Path, meaning="The archive Strava sent, as zip or folder.", required=True)},
    endpoints={
        schema.ACTIVITIES: _LIST,
        schema.GEAR: Endpoint(plan_with=_gear, columns=("id", "kind", "name", "brand", "model")),
    },
    details={
        schema.ACTIVITIES: _LIST,
        schema.STREAMS: Endpoint(plan_with=partial(_recorded, files.stream_columns), columns=files.STREAM_COLUMNS),
        schema.LAPS: Endpoint(plan_with=partial(_recorded, files.lap_columns), columns=files.LAP_COLUMNS),
    },
    terms=Terms("https://www.strava.com/legal/terms", note="The archive belongs to the athlete who asked for it."),
    register_url="https://www.strava.com/athlete/delete_your_account",
    access="Free, for the athlete's own account: Settings, My Account, Download or Delete Your Account "
    "(November 2026).",
)
