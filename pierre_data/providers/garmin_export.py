"""What Garmin sends an athlete who asks for the data of the account (facts of November 2026)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from pierre_data import schema
from pierre_data.errors import NotFound
from pierre_data.files.library import LAP_COLUMNS, STREAM_COLUMNS, lap_columns, stream_columns
from pierre_data.files.recording import Session
from pierre_data.providers.garmin_export_files import Export, opened
from pierre_data.providers.garmin_export_rows import (
    ACTIVITY,
    GEAR,
    HEALTH,
    IGNORED,
    RECOVERY,
    SLEEP,
    ZONE,
    Row,
    begun,
    calorie,
)
from pierre_data.schema import Table
from pierre_data.spi import Endpoint, Field, Option, Plan, ProviderDescriptor, Query, Rows, Terms
from pierre_data.spi.reading import dig, read_rows


def _activities(export: Export) -> list[dict[str, Any]]:
    rows = export.rows("activities")
    unit = calorie(rows)
    worn = {str(link.get("activityId")): link.get("gearPk") for link in export.rows("links")}
    found = []
    for row in rows:
        kind, spent = row.get("activityType"), row.get("calories")
        energy = spent * unit if unit and isinstance(spent, int | float) else None
        own = {"type": dig(kind, "typeKey") if isinstance(kind, Mapping) else kind, "energy_kcal": energy}
        found.append({**row, **own, "gear_id": worn.get(str(row.get("activityId")))})
    return found


def _read(export: Export, items: Iterable[Row], wanted: Mapping[str, Field], table: Table) -> Rows:
    found = read_rows(items, wanted, table)
    return replace(found, rejected=(*export.problems, *found.rejected))


def _list(query: Query) -> Plan:
    export = opened(query.options["path"])
    with closing(export.archive):
        rows = _activities(export)
    yield _read(export, rows, ACTIVITY, schema.ACTIVITIES)


def _one(export: Export, query: Query) -> dict[str, Any]:
    found = next((row for row in _activities(export) if str(row.get("activityId")) == query.id), None)
    if found is None:
        raise NotFound(f"The export has no activity {query.id!r}.", "Take the id from a fresh list.", status=404)
    return found


def _session(export: Export, row: Row) -> Session | None:
    start = begun(row.get("beginTimestamp"), row.get("startTimeGmt"))
    found = export.recording(start.timestamp(), container=row.get("parent") is True) if start else None
    return found[0] if found else None


def _activity(query: Query) -> Plan:
    export = opened(query.options["path"])
    with closing(export.archive):
        row = _one(export, query)
        session = _session(export, row)
    # The recording says kcal, the summary does not say what it means.
    recorded = session.row.get("energy_kcal") if session else None
    yield _read(export, [row if recorded is None else {**row, "energy_kcal": recorded}], ACTIVITY, schema.ACTIVITIES)


def _recorded(query: Query) -> tuple[Session, tuple[tuple[str, str, str], ...]]:
    export = opened(query.options["path"])
    with closing(export.archive):
        session = _session(export, _one(export, query))
    if session is None:
        fix = "Manual activities have none; keep UploadedFiles_*.zip beside the summaries."
        raise NotFound(f"The export has no recording of activity {query.id!r}.", fix, status=404)
    return session, tuple(export.problems)


def _streams(query: Query) -> Plan:
    session, problems = _recorded(query)
    yield Rows(stream_columns(session, query.id or ""), problems)


def _laps(query: Query) -> Plan:
    session, problems = _recorded(query)
    yield Rows(lap_columns(session, query.id or ""), problems)


def _zones(query: Query) -> Plan:
    export = opened(query.options["path"])
    with closing(export.archive):
        row = _one(export, query)
    spent = [
        {"id": query.id, "kind": kind, "zone": at, "time": row.get(f"{word}TimeInZone_{at}")}
        for kind, word in (("heart_rate", "hr"), ("power", "power"))
        for at in range(8)  # 0 is below the first zone
    ]
    yield _read(export, [zone for zone in spent if zone["time"] is not None], ZONE, schema.ZONES)


def _sleep(query: Query) -> Plan:
    export = opened(query.options["path"])
    with closing(export.archive):
        rows = [{**row, "id": row.get("sleepStartTimestampGMT")} for row in export.rows("sleeps")]
    # A day on which nothing was worn is a row without times.
    yield _read(export, [row for row in rows if row["id"]], SLEEP, schema.SLEEP)


def _recovery(query: Query) -> Plan:
    export = opened(query.options["path"])
    with closing(export.archive):
        rows = export.rows("days")
    yield _read(export, rows, RECOVERY, schema.RECOVERY)


def _health(query: Query) -> Plan:
    export = opened(query.options["path"])
    with closing(export.archive):
        rows = [row for row in export.rows("activities") if row.get("vO2MaxValue")]
    yield _read(export, rows, HEALTH, schema.HEALTH)


def _gear(query: Query) -> Plan:
    export = opened(query.options["path"])
    with closing(export.archive):
        rows, covered = export.rows("gear"), dict[str, float]()
        for activity in _activities(export):
            length = activity.get("distance")
            if activity["gear_id"] is not None and isinstance(length, int | float) and not isinstance(length, bool):
                covered[str(activity["gear_id"])] = covered.get(str(activity["gear_id"]), 0.0) + length
    worn = [{**row, "centimetres": covered.get(str(row.get("gearPk")))} for row in rows]
    yield _read(export, worn, GEAR, schema.GEAR)


descriptor = ProviderDescriptor(
    name="garmin-export",
    display_name="Garmin export",
    options={"path": Option(Path, meaning="The archive Garmin sent, as zip or folder.", required=True)},
    endpoints={
        schema.ACTIVITIES: Endpoint("", ACTIVITY, plan_with=_list, ignored=IGNORED),
        schema.SLEEP: Endpoint("", SLEEP, plan_with=_sleep),
        schema.RECOVERY: Endpoint("", RECOVERY, plan_with=_recovery),
        schema.HEALTH: Endpoint("", HEALTH, plan_with=_health),
        schema.GEAR: Endpoint("", GEAR, plan_with=_gear),
    },
    details={
        schema.ACTIVITIES: Endpoint("", ACTIVITY, plan_with=_activity, ignored=IGNORED),
        schema.STREAMS: Endpoint(plan_with=_streams, columns=STREAM_COLUMNS),
        schema.LAPS: Endpoint(plan_with=_laps, columns=LAP_COLUMNS),
        schema.ZONES: Endpoint("", ZONE, plan_with=_zones),
    },
    terms=Terms("https://www.garmin.com/account/terms/", note="The archive belongs to the athlete who asked for it."),
    register_url="https://www.garmin.com/account/datamanagement/exportdata/",
    access="Free, for the athlete's own account: Garmin account, Data Management, Export Your Data (2026-11).",
)
