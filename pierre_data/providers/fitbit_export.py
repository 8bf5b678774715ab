"""Fitbit's data as the athlete holds it: Google Takeout, or stored answers of the Web API (November 2026)."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pierre_data.providers.fitbit_export_rows as wire
from pierre_data import schema
from pierre_data.errors import ConfigurationError, NotFound
from pierre_data.files import STREAM_COLUMNS, Archive, open_archive, read_recording, rows_endpoint, stream_columns
from pierre_data.providers.fitbit_export_files import rows_of, track_of, zone_of
from pierre_data.spi import Endpoint, Option, Plan, ProviderDescriptor, Query, Rows, Terms, get_path, read_rows

Row = Mapping[str, Any]
_GUESS = ("times", "taken for UTC: nothing in the archive says in which zone they are")


def _exercises(archive: Archive, query: Query) -> list[dict[str, Any]]:
    zone = zone_of(archive, query)
    rows, guessed = wire.join_exercises(rows_of(archive, "exercises"), rows_of(archive, "activities"), zone)
    archive.problems += [("exercises", *_GUESS)] if guessed else []
    chosen = [row for row in rows if query.id in (None, str(row["id"]))]
    if query.id and not chosen:
        raise NotFound(f"The archive has no exercise {query.id!r}.", "Take the id from a fresh list.", status=404)
    return chosen


def _nights(archive: Archive, query: Query) -> list[dict[str, Any]]:
    zone = zone_of(archive, query)
    nights, guessed = wire.join_nights(rows_of(archive, "sleeps"), rows_of(archive, "sleep"), zone)
    archive.problems += [("nights", *_GUESS)] if guessed else []
    scores = {str(s.get("sleep_id") or s.get("sleep_log_entry_id")): s for s in rows_of(archive, "scores")}
    for night in nights:
        ids = (str(night["id"]), str(get_path(night, "log.logId")))
        score = next((scores[id].get("overall_score") for id in ids if id in scores), None)
        night["score"] = None if str(score).startswith("-") else score  # -1 is none
    return nights


def _zones(archive: Archive, query: Query) -> list[Row]:
    zones = get_path(_exercises(archive, query)[0], "log.heartRateZones") or []
    return [{**zone, "id": query.id, "kind": "heart_rate", "zone": at} for at, zone in enumerate(zones)]


def _stages(archive: Archive, query: Query) -> list[Row]:
    tables: dict[Any, list[Row]] = {}
    for row in rows_of(archive, "stages"):
        start, end = (wire.read_time(row.get(f"sleep_stage_{name}"))[0] for name in ("start", "end"))
        length = (end - start).total_seconds() if start and end else None
        part = {"start": start, "seconds": length, "level": row.get("sleep_stage_type")}
        tables.setdefault(row.get("sleep_id"), []).append(part)
    rows: list[Row] = []
    for night in _nights(archive, query):
        shift = dt.timedelta(seconds=night["offset"] or 0)
        logged = [(part, wire.read_time(part.get("dateTime"))[0]) for part in get_path(night, "log.levels.data") or ()]
        parts = tables.get(night["id"]) or [{**part, "start": wall and wall - shift} for part, wall in logged]
        rows += [{**part, "sleep_id": night["id"]} for part in parts]
    return rows


def _recovery(archive: Archive, _query: Query) -> Iterable[Row]:
    days: dict[str, dict[str, Any]] = {}
    for kind in ("resting", "hrv", "breath", "oxygen", "heart", "hrvs", "br", "spo2", "skin"):
        for row in rows_of(archive, kind):
            day, _ = wire.read_time(row.get("timestamp") or row.get("dateTime"))
            if day:
                days.setdefault(f"{day:%Y-%m-%d}", {"date": f"{day:%Y-%m-%d}"})[kind] = row
    return days.values()


def _health(archive: Archive, query: Query) -> Iterable[Row]:
    unit, zone = query.options.get("weight_unit") or "kg", zone_of(archive, query)
    if unit not in wire.WEIGHTS:
        raise ConfigurationError("weight_unit is none of kg, lb, st.", "Name the unit of your account.")
    for row in rows_of(archive, "weight", "vo2"):
        time, _ = wire.read_time(row.get("dateTime") or f"{row.get('date')} {row.get('time') or '00:00:00'}", zone)
        yield {**row, "start": time, "id": row.get("logId") or str(time or ""), "unit": unit}


def _streams(query: Query) -> Plan:
    with open_archive(query.options["path"]) as archive:
        item = _exercises(archive, query)[0]
        ids = [str(id) for id in (get_path(item, "log.logId"), item["id"]) if id]
        track = next((t for id in ids if (t := track_of(archive, id))), None)
        sessions = read_recording(track).sessions if track is not None else ()
        session = next((s for s in sessions if not s.container), None)
        start, length = item["start"], _seconds(item)
        end = start + dt.timedelta(seconds=length) if start and length and session is None else None
        rows = _samples(archive, start, end) if end else {}
    if session is not None:
        yield archive.report(Rows(stream_columns(session, query.id or "")))
        return
    passed = {time: max((time - start).total_seconds(), 0.0) for time in sorted(rows)}
    timed = [{**rows[t], "time": t, "elapsed_s": seconds, "id": query.id} for t, seconds in passed.items()]
    yield archive.report(read_rows(timed, wire.STREAM, schema.STREAMS))


def _samples(archive: Archive, start: dt.datetime, end: dt.datetime) -> dict[dt.datetime, dict[str, Any]]:
    """Return places and heart rates by second; several devices write places, and the one that wrote most counts."""
    samples: dict[dt.datetime, dict[str, Any]] = {}
    places = [(wire.read_time(p.get("timestamp"))[0], p) for p in rows_of(archive, "places", near=start)]
    inside = [(t.replace(microsecond=0), p) for t, p in places if t and start <= t < end]
    sources = Counter(place.get("data source") for _, place in inside)
    for time, place in inside:
        if place.get("data source") == sources.most_common(1)[0][0]:
            samples.setdefault(time, {}).update(place)
    for beat in rows_of(archive, "beats", near=start):
        beaten, _ = wire.read_time(beat.get("dateTime"))  # 2026-11: likelier UTC than local, sources disagree
        if beaten and start <= beaten < end:
            samples.setdefault(beaten.replace(microsecond=0), {})["bpm"] = get_path(beat, "value.bpm")
    return samples


def _seconds(item: Row) -> float | None:
    if item["end"]:
        return float((item["end"] - item["start"]).total_seconds())
    length = get_path(item, "log.activeDuration") or get_path(item, "log.duration")
    return float(length) / 1000 if isinstance(length, int | float) else None


descriptor = ProviderDescriptor(
    name="fitbit-export",
    display_name="Fitbit export",
    options={
        "path": Option(Path, meaning="Takeout's zip or folder, or a folder of stored Web API answers.", required=True),
        "timezone": Option(str, "", "Time zone of the athlete, for times that name none, such as Europe/Zurich."),
        "weight_unit": Option(str, "kg", "Unit of weights, which the archive does not say: kg, lb or st."),
    },
    endpoints={
        schema.ACTIVITIES: rows_endpoint(_exercises, wire.ACTIVITY, schema.ACTIVITIES, wire.IGNORED),
        schema.SLEEP: rows_endpoint(_nights, wire.SLEEP, schema.SLEEP, wire.IGNORED),
        schema.SLEEP_STAGES: rows_endpoint(_stages, wire.STAGE, schema.SLEEP_STAGES),
        schema.RECOVERY: rows_endpoint(_recovery, wire.RECOVERY, schema.RECOVERY),
        schema.HEALTH: rows_endpoint(_health, wire.HEALTH, schema.HEALTH),
        schema.ATHLETE: rows_endpoint(lambda archive, _: rows_of(archive, "user")[:1], wire.ATHLETE, schema.ATHLETE),
    },
    details={
        schema.ACTIVITIES: rows_endpoint(_exercises, wire.ACTIVITY, schema.ACTIVITIES, wire.IGNORED),
        schema.ZONES: rows_endpoint(_zones, wire.ZONE, schema.ZONES),
        schema.STREAMS: Endpoint("", wire.STREAM, plan_with=_streams, columns=STREAM_COLUMNS),
    },
    terms=Terms("https://policies.google.com/terms", note="The archive belongs to the athlete who asked for it."),
    register_url="https://takeout.google.com/",
    access="Free, for the athlete's own account: takeout.google.com, Fitbit or Google Health (2026-11).",
)
