"""The archive Strava sends an athlete: the table of all activities, and the files they were uploaded as."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from pierre_data import schema
from pierre_data.errors import NotFound
from pierre_data.files import (
    LAP_COLUMNS,
    SECOND,
    STRAVA_COLUMNS,
    STRAVA_IGNORED,
    STRAVA_TABLE,
    STREAM_COLUMNS,
    Archive,
    Recording,
    Session,
    columns_of,
    lap_columns,
    open_archive,
    read_recording,
    read_strava_archive,
    strava_gear,
    stream_columns,
)
from pierre_data.spi import Endpoint, Option, Plan, ProviderDescriptor, Query, Rows, Terms


def _open(query: Query) -> Archive:
    path = Path(query.options["path"])
    return open_archive(path.parent if path.name == STRAVA_TABLE else path)


def _activities(query: Query) -> Plan:
    with closing(_open(query)) as archive:
        found = read_strava_archive(archive)
    read = {row["id"] for row in found.rows}
    lost = tuple(p for p in found.problems if p[0] not in read)
    yield Rows(columns_of(found.rows), lost, tuple(p for p in found.problems if p[0] in read))


def _activity(query: Query) -> Plan:
    with closing(_open(query)) as archive:
        rows = [row for row in read_strava_archive(archive).rows if row["id"] == query.id]
    if not rows:
        raise _unknown(query)
    yield Rows(columns_of(rows))


def _gear(query: Query) -> Plan:
    with closing(_open(query)) as archive:
        rows = strava_gear(archive)
    if rows:
        yield Rows(columns_of(rows))


def _recording(query: Query) -> tuple[Session, tuple[tuple[str, str, str], ...]]:
    with closing(_open(query)) as archive:
        found = read_strava_archive(archive)
        row = next((r for r in found.rows if r["id"] == query.id), None)
        if row is None:
            raise _unknown(query)
        name = found.files.get(row["id"])
        if name is None:
            raise NotFound(f"Activity {query.id} was typed in: it has no recording.", status=404)
        recording = read_recording(archive.read(name))
    session = _nearest(recording, row["start_time"])
    if session is None:
        raise NotFound(f"{name} holds no samples.", "Strava itself shows none either.", status=404)
    return session, tuple((name, field, value) for field, value in recording.problems)


def _nearest(recording: Recording, start: int) -> Session | None:
    """Return the session of a file that is the activity: the one that began when it did."""
    legs = [s for s in recording.sessions if not s.container]
    return min(legs, key=lambda s: abs(s.row["start_time"] - start) // SECOND, default=None)


def _streams(query: Query) -> Plan:
    session, problems = _recording(query)
    yield Rows(stream_columns(session, query.id or ""), notes=problems)


def _laps(query: Query) -> Plan:
    session, problems = _recording(query)
    yield Rows(lap_columns(session, query.id or ""), notes=problems)


def _unknown(query: Query) -> NotFound:
    return NotFound(f"The archive has no activity {query.id!r}.", "Take the id from a fresh list.", status=404)


descriptor = ProviderDescriptor(
    name="strava-export",
    display_name="Strava export",
    options={"path": Option(Path, meaning="The archive Strava sent, as zip or folder.", required=True)},
    endpoints={
        schema.ACTIVITIES: Endpoint(plan_with=_activities, columns=STRAVA_COLUMNS, ignored=STRAVA_IGNORED),
        schema.GEAR: Endpoint(plan_with=_gear, columns=("id", "kind", "name", "brand", "model")),
    },
    details={
        schema.ACTIVITIES: Endpoint(plan_with=_activity, columns=STRAVA_COLUMNS, ignored=STRAVA_IGNORED),
        schema.STREAMS: Endpoint(plan_with=_streams, columns=STREAM_COLUMNS),
        schema.LAPS: Endpoint(plan_with=_laps, columns=LAP_COLUMNS),
    },
    terms=Terms("https://www.strava.com/legal/terms", note="The archive belongs to the athlete who asked for it."),
    register_url="https://www.strava.com/athlete/delete_your_account",
    access="Free, for the athlete's own account: Settings, My Account, Download or Delete Your Account "
    "(November 2026).",
)
