"""Fitbit's data as the athlete holds it: Google Takeout, or stored answers of the Web API (November 2026)."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from pierre_data import schema
from pierre_data.errors import ConfigurationError, NotFound
from pierre_data.files.library import STREAM_COLUMNS, stream_columns
from pierre_data.files.read import read_recording
from pierre_data.providers.fitbit_export_files import Takeout, opened
from pierre_data.providers.fitbit_export_rows import (
    ACTIVITY,
    ATHLETE,
    HEALTH,
    IGNORED,
    RECOVERY,
    SLEEP,
    STAGE,
    ZONE,
    exercises,
    nights,
    read_time,
)
from pierre_data.schema import Table, Unit
from pierre_data.spi import Endpoint, Field, Option, Plan, ProviderDescriptor, Query, Rows, Terms, fields
from pierre_data.spi.reading import dig, read_rows

_WEIGHTS = {"kg": Unit.KILOGRAM, "lb": Unit.POUND, "st": Unit.STONE}
_GUESS = ("times", "taken for UTC: nothing in the archive says in which zone they are")


_STREAM = fields(
    """id elapsed_s time latitude_deg=latitude longitude_deg=longitude altitude_m=altitude
    heart_rate_bpm=bpm"""
)


def _made(takeout: Takeout, items: Any, wanted: Mapping[str, Field], table: Table) -> Rows:
    found = read_rows(items, wanted, table)
    return replace(found, rejected=(*dict.fromkeys(takeout.problems), *found.rejected))


def _logged(takeout: Takeout) -> list[dict[str, Any]]:
    found, guessed = exercises(takeout.rows("exercises"), takeout.rows("activities"), takeout.zone)
    takeout.problems += [("exercises", *_GUESS)] if guessed else []
    return found


def _slept(takeout: Takeout) -> list[dict[str, Any]]:
    found, guessed = nights(takeout.rows("sleeps"), takeout.rows("sleep"), takeout.zone)
    takeout.problems += [("nights", *_GUESS)] if guessed else []
    scores = {str(s.get("sleep_id") or s.get("sleep_log_entry_id")): s for s in takeout.rows("scores")}
    for night in found:
        ids = (str(night["id"]), str(dig(night, "log.logId")))
        score = next((scores[id].get("overall_score") for id in ids if id in scores), None)
        night["score"] = None if str(score).startswith("-") else score  # -1 is none
    return found


def _activities(query: Query) -> Plan:
    takeout = opened(query.options)
    with closing(takeout.archive):
        found = [item for item in _logged(takeout) if query.id in (None, str(item["id"]))]
    if query.id and not found:
        raise _unknown(query)
    yield _made(takeout, found, ACTIVITY, schema.ACTIVITIES)


def _zones(query: Query) -> Plan:
    takeout = opened(query.options)
    with closing(takeout.archive):
        zones = dig(_one(takeout, query), "log.heartRateZones") or []
    row = {"id": query.id, "kind": "heart_rate"}
    yield _made(takeout, [{**z, **row, "zone": n} for n, z in enumerate(zones)], ZONE, schema.ZONES)


def _sleep(query: Query) -> Plan:
    takeout = opened(query.options)
    with closing(takeout.archive):
        found = _slept(takeout)
    yield _made(takeout, found, SLEEP, schema.SLEEP)


def _stages(query: Query) -> Plan:
    takeout, rows = opened(query.options), []
    with closing(takeout.archive):
        tables: dict[Any, list[dict[str, Any]]] = {}
        for row in takeout.rows("stages"):
            ends = [read_time(row.get(f"sleep_stage_{name}"))[0] for name in ("start", "end")]
            length = (ends[1] - ends[0]).total_seconds() if ends[0] and ends[1] else None
            part = {"start": ends[0], "seconds": length, "level": row.get("sleep_stage_type")}
            tables.setdefault(row.get("sleep_id"), []).append(part)
        for night in _slept(takeout):
            shift = dt.timedelta(seconds=night["offset"] or 0)
            logged = dig(night, "log.levels.data") or ()
            parts = tables.get(night["id"]) or [{**p, "start": _less(p.get("dateTime"), shift)} for p in logged]
            rows += [{**part, "sleep_id": night["id"]} for part in parts]
    yield _made(takeout, rows, STAGE, schema.SLEEP_STAGES)


def _less(text: Any, shift: dt.timedelta) -> dt.datetime | None:
    wall, _ = read_time(text)
    return wall and wall - shift


def _recovery(query: Query) -> Plan:
    takeout, days = opened(query.options), dict[str, dict[str, Any]]()
    with closing(takeout.archive):
        for kind in ("resting", "hrv", "breath", "oxygen", "heart", "hrvs", "br", "spo2", "skin"):
            for row in takeout.rows(kind):
                day, _ = read_time(row.get("timestamp") or row.get("dateTime"))
                if day:
                    days.setdefault(f"{day:%Y-%m-%d}", {"date": f"{day:%Y-%m-%d}"})[kind] = row
    yield _made(takeout, days.values(), RECOVERY, schema.RECOVERY)


def _health(query: Query) -> Plan:
    unit = _WEIGHTS.get(query.options.get("weight_unit") or "kg")
    if unit is None:
        raise ConfigurationError("weight_unit is none of kg, lb, st.", "Name the unit of your account.")
    takeout = opened(query.options)
    with closing(takeout.archive):
        rows = [*takeout.rows("weight"), *takeout.rows("vo2")]
    texts = [row.get("dateTime") or f"{row.get('date')} {row.get('time') or '00:00:00'}" for row in rows]
    times = [read_time(text, takeout.zone)[0] for text in texts]
    named = [{**row, "start": t, "id": row.get("logId") or str(t or "")} for row, t in zip(rows, times, strict=True)]
    wanted = HEALTH | {"weight_kg": Field("weight", unit)}
    yield _made(takeout, named, wanted, schema.HEALTH)


def _athlete(query: Query) -> Plan:
    takeout = opened(query.options)
    with closing(takeout.archive):
        users = takeout.rows("user")
    yield _made(takeout, users[:1], ATHLETE, schema.ATHLETE)


def _streams(query: Query) -> Plan:
    takeout = opened(query.options)
    with closing(takeout.archive):
        item = _one(takeout, query)
        track = next((t for id in (dig(item, "log.logId"), item["id"]) if id and (t := takeout.track(str(id)))), None)
        if track is not None:
            session = next((s for s in read_recording(track).sessions if not s.container), None)
            if session is not None:
                yield Rows(stream_columns(session, query.id or ""), tuple(takeout.problems))
                return
        start, length = item["start"], _seconds(item)
        rows = _sampled(takeout, start, start + dt.timedelta(seconds=length)) if start and length else {}
    zero = {t: {"time": t, "elapsed_s": max((t - start).total_seconds(), 0.0)} for t in sorted(rows)}
    timed = [{**rows[time], **own, "id": query.id} for time, own in zero.items()]
    yield _made(takeout, timed, _STREAM, schema.STREAMS)


def _sampled(takeout: Takeout, start: dt.datetime, end: dt.datetime) -> dict[dt.datetime, dict[str, Any]]:
    """Return places and heart rates by second; several devices write places, and the one that wrote most counts."""
    found: dict[dt.datetime, dict[str, Any]] = {}
    places = [(read_time(p.get("timestamp"))[0], p) for p in takeout.rows("places", near=start)]
    inside = [(t.replace(microsecond=0), p) for t, p in places if t and start <= t < end]
    sources = Counter(place.get("data source") for _, place in inside)
    for time, place in inside:
        if place.get("data source") == sources.most_common(1)[0][0]:
            found.setdefault(time, {}).update(place)
    for beat in takeout.rows("beats", near=start):
        beaten, _ = read_time(beat.get("dateTime"))  # 2026-11: likelier UTC than local, sources disagree
        if beaten and start <= beaten < end:
            found.setdefault(beaten.replace(microsecond=0), {})["bpm"] = dig(beat, "value.bpm")
    return found


def _seconds(item: Mapping[str, Any]) -> float | None:
    if item["end"]:
        return float((item["end"] - item["start"]).total_seconds())
    length = dig(item, "log.activeDuration") or dig(item, "log.duration")
    return float(length) / 1000 if isinstance(length, int | float) else None


def _one(takeout: Takeout, query: Query) -> dict[str, Any]:
    found = next((item for item in _logged(takeout) if str(item["id"]) == query.id), None)
    if found is None:
        raise _unknown(query)
    return found


def _unknown(query: Query) -> NotFound:
    return NotFound(f"The archive has no exercise {query.id!r}.", "Take the id from a fresh list.", status=404)


descriptor = ProviderDescriptor(
    name="fitbit-export",
    display_name="Fitbit export",
    options={
        "path": Option(Path, meaning="Takeout's zip or folder, or a folder of stored Web API answers.", required=True),
        "timezone": Option(str, "", "Time zone of the athlete, for times that name none, such as Europe/Zurich."),
        "weight_unit": Option(str, "kg", "Unit of weights, which the archive does not say: kg, lb or st."),
    },
    endpoints={
        schema.ACTIVITIES: Endpoint("", ACTIVITY, plan_with=_activities, ignored=IGNORED),
        schema.SLEEP: Endpoint("", SLEEP, plan_with=_sleep, ignored=IGNORED),
        schema.SLEEP_STAGES: Endpoint("", STAGE, plan_with=_stages),
        schema.RECOVERY: Endpoint("", RECOVERY, plan_with=_recovery),
        schema.HEALTH: Endpoint("", HEALTH, plan_with=_health),
        schema.ATHLETE: Endpoint("", ATHLETE, plan_with=_athlete),
    },
    details={
        schema.ACTIVITIES: Endpoint("", ACTIVITY, plan_with=_activities, ignored=IGNORED),
        schema.ZONES: Endpoint("", ZONE, plan_with=_zones),
        schema.STREAMS: Endpoint("", _STREAM, plan_with=_streams, columns=STREAM_COLUMNS),
    },
    terms=Terms("https://policies.google.com/terms", note="The archive belongs to the athlete who asked for it."),
    register_url="https://takeout.google.com/",
    access="Free, for the athlete's own account: takeout.google.com, Fitbit or Google Health (2026-11).",
)
