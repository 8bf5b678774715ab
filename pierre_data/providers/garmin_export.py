"""What Garmin sends an athlete who asks for the data of the account (facts of November 2026)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pierre_data.providers.garmin_export_rows as wire
from pierre_data import schema
from pierre_data.errors import NotFound
from pierre_data.files import LAP_COLUMNS, STREAM_COLUMNS, Session, lap_columns, stream_columns
from pierre_data.providers.garmin_export_files import Export, open_export
from pierre_data.providers.garmin_export_rows import Row
from pierre_data.schema import Table
from pierre_data.spi import Endpoint, Field, Option, Plan, ProviderDescriptor, Query, Rows, Terms, get_path


def _plan(rows: Callable[[Export, Query], Iterable[Row]], wanted: Mapping[str, Field], table: Table) -> Endpoint:
    def plan(query: Query) -> Plan:
        with open_export(query.options["path"]) as export:
            items = list(rows(export, query))
        yield export.read(items, wanted, table)

    ignored = wire.IGNORED if table is schema.ACTIVITIES else ()
    return Endpoint("", wanted, plan_with=plan, ignored=ignored)


def _activities(export: Export, _query: Query) -> list[dict[str, Any]]:
    rows = export.rows("activities")
    unit = wire.calorie(rows)
    worn = {str(link.get("activityId")): link.get("gearPk") for link in export.rows("links")}
    activities = []
    for row in rows:
        kind, spent = row.get("activityType"), row.get("calories")
        energy = spent * unit if unit and isinstance(spent, int | float) else None
        own = {"type": get_path(kind, "typeKey") if isinstance(kind, Mapping) else kind, "energy_kcal": energy}
        activities.append({**row, **own, "gear_id": worn.get(str(row.get("activityId")))})
    return activities


def _one(export: Export, query: Query) -> dict[str, Any]:
    row = next((row for row in _activities(export, query) if str(row.get("activityId")) == query.id), None)
    if row is None:
        raise NotFound(f"The export has no activity {query.id!r}.", "Take the id from a fresh list.", status=404)
    return row


def _session(export: Export, row: Row) -> Session | None:
    start = wire.begun(row.get("beginTimestamp"), row.get("startTimeGmt"))
    return export.session(start.timestamp(), container=row.get("parent") is True) if start else None


def _activity(export: Export, query: Query) -> list[Row]:
    row = _one(export, query)
    session = _session(export, row)
    # The recording says kcal, the summary does not say what it means.
    recorded = session.row.get("energy_kcal") if session else None
    return [row if recorded is None else {**row, "energy_kcal": recorded}]


def _recorded(columns: Callable[[Session, str], dict[str, Any]], query: Query) -> Plan:
    with open_export(query.options["path"]) as export:
        session = _session(export, _one(export, query))
    if session is None:
        fix = "Manual activities have none; keep UploadedFiles_*.zip beside the summaries."
        raise NotFound(f"The export has no recording of activity {query.id!r}.", fix, status=404)
    yield Rows(columns(session, query.id or ""), tuple(export.problems))


def _zones(export: Export, query: Query) -> list[Row]:
    row = _one(export, query)
    spent = [
        {"id": query.id, "kind": kind, "zone": at, "time": row.get(f"{word}TimeInZone_{at}")}
        for kind, word in (("heart_rate", "hr"), ("power", "power"))
        for at in range(8)  # 0 is below the first zone
    ]
    return [zone for zone in spent if zone["time"] is not None]


def _nights(export: Export, _query: Query) -> list[Row]:
    # A day on which nothing was worn is a row without times.
    rows = [{**row, "id": row.get("sleepStartTimestampGMT")} for row in export.rows("sleeps")]
    return [row for row in rows if row["id"]]


def _days(export: Export, _query: Query) -> list[Row]:
    return export.rows("days")


def _fitness(export: Export, _query: Query) -> list[Row]:
    return [row for row in export.rows("activities") if row.get("vO2MaxValue")]


def _gear(export: Export, query: Query) -> list[Row]:
    covered: dict[str, float] = {}
    for activity in _activities(export, query):
        length = activity.get("distance")
        if activity["gear_id"] is not None and isinstance(length, int | float) and not isinstance(length, bool):
            covered[str(activity["gear_id"])] = covered.get(str(activity["gear_id"]), 0.0) + length
    return [{**row, "centimetres": covered.get(str(row.get("gearPk")))} for row in export.rows("gear")]


descriptor = ProviderDescriptor(
    name="garmin-export",
    display_name="Garmin export",
    options={"path": Option(Path, meaning="The archive Garmin sent, as zip or folder.", required=True)},
    id_space="garmin",
    endpoints={
        schema.ACTIVITIES: _plan(_activities, wire.ACTIVITY, schema.ACTIVITIES),
        schema.SLEEP: _plan(_nights, wire.SLEEP, schema.SLEEP),
        schema.RECOVERY: _plan(_days, wire.RECOVERY, schema.RECOVERY),
        schema.HEALTH: _plan(_fitness, wire.HEALTH, schema.HEALTH),
        schema.GEAR: _plan(_gear, wire.GEAR, schema.GEAR),
    },
    details={
        schema.ACTIVITIES: _plan(_activity, wire.ACTIVITY, schema.ACTIVITIES),
        schema.STREAMS: Endpoint(plan_with=partial(_recorded, stream_columns), columns=STREAM_COLUMNS),
        schema.LAPS: Endpoint(plan_with=partial(_recorded, lap_columns), columns=LAP_COLUMNS),
        schema.ZONES: _plan(_zones, wire.ZONE, schema.ZONES),
    },
    terms=Terms("https://www.garmin.com/account/terms/", note="The archive belongs to the athlete who asked for it."),
    register_url="https://www.garmin.com/account/datamanagement/exportdata/",
    access="Free, for the athlete's own account: Garmin account, Data Management, Export Your Data (2026-11).",
)
