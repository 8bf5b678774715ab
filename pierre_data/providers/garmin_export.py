"""What Garmin sends an athlete who asks for the data of the account (facts of November 2026)."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pierre_data.providers.garmin_export_rows as wire
from pierre_data import files, schema
from pierre_data.errors import NotFound
from pierre_data.providers.garmin_export_rows import Row
from pierre_data.spi import Endpoint, Option, Plan, ProviderDescriptor, Query, Rows, Terms, get_path, objects

#: Kind -> end of the name of its files, and the key its rows are under, if any.
FILES = {
    "activities": (r"summarizedActivities\.json", "summarizedActivitiesExport"),
    "sleeps": (r"sleepData\.json", ""),
    "days": (r"UDSFile_[^/]*\.json", ""),
    "gear": (r"_gear\.json", "gearDTOS"),
    "links": (r"_gear\.json", "gearActivityDTOs"),
}
_HEAD, _DAY_S, _TRIES = 512, 86_400, 5


def _rows_of(archive: files.Archive, kind: str) -> list[Mapping[str, Any]]:
    """Return the rows of a kind, of all its files: lists of them, or of objects with lists, or maps of lists."""
    pattern, key = FILES[kind]
    names = [name for name in archive.members if re.search(f"{pattern}$", name)]
    items = [item for name in names for item in objects(archive.decode(name, json.loads))]
    if not key:
        return items
    values = [item.get(key) for item in items]
    lists = [part for value in values for part in (value.values() if isinstance(value, Mapping) else [value])]
    return [row for part in lists for row in objects(part)]


def _session(archive: files.Archive, row: Row) -> files.Session | None:
    """Return the recorded session that begins when an activity did; a container begins when its first leg does."""
    # Garmin does not name files by activities, but each says when it was created: those of the day before are read,
    # the nearest first.
    begun = wire.begun(row.get("beginTimestamp"), row.get("startTimeGmt"))
    if not begun:
        return None
    start, container = begun.timestamp(), row.get("parent") is True
    archive.list_zips()  # UploadedFiles_*.zip
    names = [name for name in archive.members if name.lower().endswith(".fit")]
    times = ((archive.decode(name, created, first=_HEAD), name) for name in names)
    near = sorted((abs(at - start), name) for at, name in times if at is not None and -60 <= start - at < _DAY_S)
    for _, name in near[:_TRIES]:
        recording = archive.decode(name, files.read_recording)
        sessions = recording.sessions if recording else []
        for session in sorted(sessions, key=lambda s: s.container is not container):
            if recording and abs(session.row["start_time"] / files.SECOND - start) <= 1:
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
    return float(seconds + files.FIT_EPOCH_S)


def _activities(archive: files.Archive, _query: Query) -> list[dict[str, Any]]:
    rows = _rows_of(archive, "activities")
    unit = wire.calorie(rows)
    worn = {str(link.get("activityId")): link.get("gearPk") for link in _rows_of(archive, "links")}
    activities = []
    for row in rows:
        kind, spent = row.get("activityType"), row.get("calories")
        energy = spent * unit if unit and isinstance(spent, int | float) else None
        own = {"type": get_path(kind, "typeKey") if isinstance(kind, Mapping) else kind, "energy_kcal": energy}
        activities.append({**row, **own, "gear_id": worn.get(str(row.get("activityId")))})
    return activities


def _one(archive: files.Archive, query: Query) -> dict[str, Any]:
    row = next((row for row in _activities(archive, query) if str(row.get("activityId")) == query.id), None)
    if row is None:
        raise NotFound(f"The export has no activity {query.id!r}.", "Take the id from a fresh list.", status=404)
    return row


def _activity(archive: files.Archive, query: Query) -> list[Row]:
    row = _one(archive, query)
    session = _session(archive, row)
    # The recording says kcal, the summary does not say what it means.
    recorded = session.row.get("energy_kcal") if session else None
    return [row if recorded is None else {**row, "energy_kcal": recorded}]


def _recorded(columns: Callable[[files.Session, str], dict[str, Any]], query: Query) -> Plan:
    with files.open_archive(query.options["path"]) as archive:
        session = _session(archive, _one(archive, query))
    if session is None:
        fix = "Manual activities have none; keep UploadedFiles_*.zip beside the summaries."
        raise NotFound(f"The export has no recording of activity {query.id!r}.", fix, status=404)
    yield archive.report(Rows(columns(session, query.id or "")))


def _zones(archive: files.Archive, query: Query) -> list[Row]:
    row = _one(archive, query)
    spent = [
        {"id": query.id, "kind": kind, "zone": at, "time": row.get(f"{word}TimeInZone_{at}")}
        for kind, word in (("heart_rate", "hr"), ("power", "power"))
        for at in range(8)  # 0 is below the first zone
    ]
    return [zone for zone in spent if zone["time"] is not None]


def _nights(archive: files.Archive, _query: Query) -> list[Row]:
    # A day on which nothing was worn is a row without times.
    rows = [{**row, "id": row.get("sleepStartTimestampGMT")} for row in _rows_of(archive, "sleeps")]
    return [row for row in rows if row["id"]]


def _fitness(archive: files.Archive, _query: Query) -> list[Row]:
    return [row for row in _rows_of(archive, "activities") if row.get("vO2MaxValue")]


def _gear(archive: files.Archive, query: Query) -> list[Row]:
    covered: dict[str, float] = {}
    for activity in _activities(archive, query):
        length = activity.get("distance")
        if activity["gear_id"] is not None and isinstance(length, int | float) and not isinstance(length, bool):
            covered[str(activity["gear_id"])] = covered.get(str(activity["gear_id"]), 0.0) + length
    return [{**row, "centimetres": covered.get(str(row.get("gearPk")))} for row in _rows_of(archive, "gear")]


descriptor = ProviderDescriptor(
    name="garmin-export",
    display_name="Garmin export",
    options={"path": Option(Path, meaning="The archive Garmin sent, as zip or folder.", required=True)},
    id_space="garmin",
    endpoints={
        schema.ACTIVITIES: files.rows_endpoint(_activities, wire.ACTIVITY, schema.ACTIVITIES, wire.IGNORED),
        schema.SLEEP: files.rows_endpoint(_nights, wire.SLEEP, schema.SLEEP),
        schema.RECOVERY: files.rows_endpoint(
            lambda archive, _: _rows_of(archive, "days"), wire.RECOVERY, schema.RECOVERY
        ),
        schema.HEALTH: files.rows_endpoint(_fitness, wire.HEALTH, schema.HEALTH),
        schema.GEAR: files.rows_endpoint(_gear, wire.GEAR, schema.GEAR),
    },
    details={
        schema.ACTIVITIES: files.rows_endpoint(_activity, wire.ACTIVITY, schema.ACTIVITIES, wire.IGNORED),
        schema.STREAMS: Endpoint(plan_with=partial(_recorded, files.stream_columns), columns=files.STREAM_COLUMNS),
        schema.LAPS: Endpoint(plan_with=partial(_recorded, files.lap_columns), columns=files.LAP_COLUMNS),
        schema.ZONES: files.rows_endpoint(_zones, wire.ZONE, schema.ZONES),
    },
    terms=Terms("https://www.garmin.com/account/terms/", note="The archive belongs to the athlete who asked for it."),
    register_url="https://www.garmin.com/account/datamanagement/exportdata/",
    access="Free, for the athlete's own account: Garmin account, Data Management, Export Your Data (2026-11).",
)
