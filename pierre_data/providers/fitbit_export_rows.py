"""What a Fitbit archive says: Takeout's tables, and the JSON of the Web API that ended (facts of November 2026)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pierre_data.providers.fitbit_rows import EXERCISE
from pierre_data.schema import Unit
from pierre_data.spi import Field, Moment, Sports, fields, moment, number

Row = Mapping[str, Any]

# Names first: the numbers are a catalogue of thousands.  90001, 90009, 90013, 90024, 1071, 2131 and 2040 were seen.
_NAMES = """run=run,outdoor+run,90009 walk=walk,outdoor+walk,90013 ride=bike,outdoor+bike,90001,1071 swim=swim,90024
hike=hike,90012 treadmill_run=treadmill,treadmill+run,90019,20049 indoor_ride=spinning,55001 other=sport,15000,15200
strength=weights,weight+machines,2131 workout=workout,aerobic+workout,circuit+training,bootcamp,structured+workout
workout=2040,3000,3001 hiit=interval+workout yoga=yoga,52000,52001 pilates=pilates,53000 elliptical=elliptical,20047
golf tennis=tennis,15675 skateboard=skateboarding,15580 martial_arts=kickboxing,martial+arts stair=stairclimber"""
_GOOGLE: Any = EXERCISE["sport"].via
_OURS = Sports.grouped(_NAMES).known
_KNOWN = {word.replace("_", " "): sport for word, sport in _GOOGLE.known.items()} | dict(_OURS)
_LEISURE = {word.replace("_", " "): sport for word, sport in _GOOGLE.leisure.items()}
_LEVELS = {"wake": "awake", "restless": "awake", "awake": "awake"} | {w: w for w in ("light", "deep", "rem", "asleep")}
WEIGHTS = {"kg": Unit.KILOGRAM, "lb": Unit.POUND, "st": Unit.STONE}
_LENGTHS = {"kilometer": Unit.KILOMETRE, "mile": Unit.MILE}


def _word(*words: Any) -> str | None:
    texts = [str(word).casefold() for word in words if word is not None]
    return next((text for text in texts if text in _KNOWN or text in _LEISURE), texts[0] if texts else None)


SPORTS = Sports(_KNOWN, _LEISURE, _word)


def read_time(text: Any, zone: dt.tzinfo | None = None) -> tuple[dt.datetime | None, float | None]:
    """Return instant and offset of ISO text or ``MM/DD/YY HH:MM:SS``; without offset or zone it is taken for UTC."""
    american = re.fullmatch(r"(\d\d)/(\d\d)/(\d\d)(?: (.+))?", str(text))
    if american:
        text = f"20{american[3]}-{american[1]}-{american[2]}T{american[4] or '00:00:00'}"
    time = moment(text, zone=zone)
    return (time.instant, time.offset_s) if isinstance(time.instant, dt.datetime) else (None, None)


def offset_s(text: str | None) -> float | None:
    """Return the seconds of an offset such as ``+05:30``."""
    return (read_time(f"2000-01-01T00:00:00{text}")[1] or 0.0) if text else None


def _length(start: dt.datetime | None, end: dt.datetime | None, millis: float | None) -> float | None:
    if millis is not None:
        return float(millis) / 1000
    return (end - start).total_seconds() if start and end else None


def _metres(tracked: Any, typed: Any, length: Any, unit: str | None) -> float | None:
    """A log names its unit; one that does not is in the athlete's own, which nothing says."""
    millimetres = tracked or typed
    if millimetres is not None:
        return float(millimetres) / 1000
    known = _LENGTHS.get(str(unit).casefold())
    return None if length is None or known is None else float(known.to(Unit.METRE)(float(length)))


def _kilograms(weight: Any, unit: str) -> float | None:
    return None if weight is None else float(WEIGHTS[unit].to(Unit.KILOGRAM)(number(weight)))


def _speed(tracked: Any, speed: Any, unit: str | None) -> float | None:
    if tracked is not None:
        return float(tracked) / 1000
    metres = _metres(None, None, speed, unit)
    return None if metres is None else metres / 3600


def _spent(*names: str) -> Callable[[Any], float | None]:
    def minutes(summary: Mapping[str, Row]) -> float | None:
        known = [summary[name]["minutes"] for name in names if name in summary]
        return float(sum(known)) * 60 if known else None

    return minutes


def _first(*values: Any) -> float | None:
    return next((float(v) for v in values if v is not None and float(v) > 0), None)  # 0 and -1 stand for missing


def _oxygen(*values: Any) -> float | None:
    low, _, high = str(next((v for v in values if v is not None), "")).partition("-")  # without GPS a range, "44-48"
    return (float(low) + float(high or low)) / 2 if low else None


ACTIVITY = fields("id start_time=start utc_offset_s=offset") | {
    "name": Field("csv.activity_name", "log.activityName"),
    "sport": Field("csv.activity_name", "log.activityName", "log.activityTypeId", via=SPORTS),
    "elapsed_s": Field("start", "end", "log.duration", via=_length),
    "moving_s": Field("log.activeDuration", Unit.MILLISECOND),
    "distance_m": Field("csv.tracker_total_distance_mm", "csv.manually_logged_total_distance_mm", "log.distance",
                        "log.distanceUnit", via=_metres),
    "elevation_gain_m": Field("csv.tracker_total_altitude_mm", Unit.MILLIMETRE),
    "energy_kcal": Field("csv.tracker_total_calories", "csv.manually_logged_total_calories", "log.calories"),
    "steps": Field("csv.tracker_total_steps", "csv.manually_logged_total_steps", "log.steps"),
    "average_speed_mps": Field("csv.tracker_avg_speed_mm_per_second", "log.speed", "log.distanceUnit", via=_speed),
    "max_speed_mps": Field("csv.tracker_peak_speed_mm_per_second", Unit.MILLIMETRE_PER_SECOND),
    "average_heart_rate_bpm": Field("csv.tracker_avg_heart_rate", "log.averageHeartRate"),
    "max_heart_rate_bpm": Field("csv.tracker_peak_heart_rate"),
    "manual": Field("csv.log_type", "log.logType", via=lambda *how: "manual" in (str(h).casefold() for h in how)),
    "has_gps": Field("log.hasGps"),
    "device": Field("log.source.name"),
    "external_id": Field("csv.exercise_id", "log.logId", via=lambda id, log: log if id and log else None),
    "updated_at": Field("csv.exercise_last_updated", "log.lastModified", via=lambda *t: read_time(t[0] or t[1])[0]),
}  # fmt: skip
ZONE = fields("id kind zone name elapsed_s=minutes@min lower_bpm=min upper_bpm=max")
SLEEP = fields("id start_time=start end_time=end utc_offset_s=offset score=score") | {
    "night": Field("end", "offset_end", "log.dateOfSleep", via=lambda end, s, day: day or Moment.of(end, s or 0).date),
    "is_nap": Field("log.isMainSleep", via=lambda main: not main),
    "in_bed_s": Field("csv.minutes_in_sleep_period", "log.timeInBed", unit=Unit.MINUTE),
    "asleep_s": Field("csv.minutes_asleep", "log.minutesAsleep", unit=Unit.MINUTE),
    "awake_s": Field("csv.minutes_awake", "log.minutesAwake", unit=Unit.MINUTE),
    "latency_s": Field("csv.minutes_to_fall_asleep", "log.minutesToFallAsleep", unit=Unit.MINUTE),
    **{f"{n}_s": Field("log.levels.summary", via=_spent(n)) for n in ("light", "deep", "rem")},
    "wake_count": Field("log.levels.summary.wake.count"),
    "efficiency_pct": Field("log.efficiency"),
    "scoring": Field("log.infoCode", via={0: "scored", 1: "unscorable", 2: "unscorable", 3: "pending"}.get),
    "manual": Field("csv.data_source", "log.logType", via=lambda *how: "manual" in (str(h).casefold() for h in how)),
    "external_id": Field(
        "csv.sleep_id", "log.logId", via=lambda id, log: log if id and log and id != str(log) else None
    ),
    "updated_at": Field("csv.sleep_last_updated", via=lambda text: read_time(text)[0]),
}
STAGE = fields("sleep_id start_time=start elapsed_s=seconds") | {
    "stage": Field("level", via=lambda word: _LEVELS.get(word.casefold(), "unscored"))
}
STREAM = fields(
    "id elapsed_s time latitude_deg=latitude longitude_deg=longitude altitude_m=altitude heart_rate_bpm=bpm"
)
RECOVERY = fields("id=date date") | {
    "resting_heart_rate_bpm": Field("resting.value.value", "heart.value.restingHeartRate", via=_first),
    "hrv_rmssd_ms": Field("hrv.rmssd", "hrvs.value.dailyRmssd"),
    "respiratory_rate_brpm": Field("breath.daily_respiratory_rate", "br.value.breathingRate", via=_first),
    "spo2_pct": Field("oxygen.average_value", "spo2.value.avg", via=_first),
    "skin_temperature_deviation_c": Field("skin.value.nightlyRelative"),
}
HEALTH = fields("id time=start body_mass_index=bmi body_fat_pct=fat") | {
    "weight_kg": Field("weight", "unit", via=_kilograms),
    "vo2max_ml_kg_min": Field(
        "value.vo2Max", "value.filteredDemographicVO2Max", "value.demographicVO2Max", via=_oxygen
    ),
}
ATHLETE = fields("id=encodedId timezone name=fullName")
#: Fields of tables and logs knowingly not read.
IGNORED = tuple(
    """activityLevel activeZoneMinutes activityLinks caloriesLink heartRateLink detailsLink tcxLink elevationGain
    exercise_created intervals pool_length pool_length_unit distance_units tracker_avg_pace_mm_per_second
    tracker_swim_lengths tracker_cardio_load events activity_type_probabilities hasActiveZoneMinutes inProgress
    heartRateZones intervalWorkoutSummaries lastModified manualValuesSpecified originalDuration originalStartTime pace
    poolLength poolLengthUnit shouldFetchDetails source swimLengths vo2Max sleep_type minutes_after_wake_up
    minutes_longest_awakening minutes_to_persistent_sleep sleep_created algorithm_version levels minutesAfterWakeup
    type mainSleep""".split()
)


def join_exercises(
    tables: Sequence[Row], logs: Sequence[Row], zone: dt.tzinfo | None
) -> tuple[list[dict[str, Any]], bool]:
    """Put tables and logs of the same exercises side by side, by their starts; say whether zones were guessed."""
    items = [_item(row, "exercise_id", "exercise_start", "exercise_end", "utc_offset") for row in tables]
    timed = [(log, *read_time(log.get("startTime") or log.get("originalStartTime"))) for log in logs]
    # Their ids are two schemes.  Takeout's logs have no offset, and sources disagree whether they are local (2026-11):
    # what fits the tables counts, else UTC.
    naive = [start for _, start, offset in timed if start and offset is None]
    votes = [sum(_twin(index, t) is not None for t in naive) for index in (_index(items, w) for w in (False, True))]
    return _pair(items, timed, zone, local=votes[1] > votes[0]), bool(naive) and not any(votes)


def join_nights(
    tables: Sequence[Row], logs: Sequence[Row], zone: dt.tzinfo | None
) -> tuple[list[dict[str, Any]], bool]:
    """Put tables and logs of the same nights side by side, as exercises; logs are local."""
    items = [_item(row, "sleep_id", "sleep_start", "sleep_end", "start_utc_offset") for row in tables]
    for item in items:
        item["offset_end"] = offset_s(item["csv"].get("end_utc_offset"))
    timed = [(log, *read_time(log.get("startTime"))) for log in logs]
    nights = _pair(items, timed, zone, local=True)
    for item in nights[len(items) :]:
        start, length = item["start"], item["log"].get("duration")
        item["end"] = start + dt.timedelta(milliseconds=length) if start and length else None
        item["offset_end"] = _zone_offset(item["end"], zone) or item["offset"]
    return nights, any(item["offset"] is None for item in nights if item["start"])


def _item(row: Row, id: str, start: str, end: str, offset: str) -> dict[str, Any]:
    times = {"start": read_time(row.get(start))[0], "end": read_time(row.get(end))[0]}
    return {"id": row.get(id), "csv": row, **times, "offset": offset_s(row.get(offset))}


def _pair(
    items: list[dict[str, Any]], timed: Sequence[tuple[Row, Any, Any]], zone: dt.tzinfo | None, *, local: bool
) -> list[dict[str, Any]]:
    joined, instants, walls = list(items), _index(items, False), _index(items, local)
    for log, start, offset in timed:
        twin = start and _twin(walls if offset is None else instants, start)
        if twin and "log" not in twin:
            twin["log"] = log
            continue
        if start and offset is None and local:
            offset = _wall_offset(start, zone, items)
            start -= dt.timedelta(seconds=offset or 0)
        elif offset is None:
            offset = _zone_offset(start, zone)
        joined.append({"id": log.get("logId"), "log": log, "start": start, "end": None, "offset": offset})
    return joined


def _index(items: Sequence[dict[str, Any]], wall: bool) -> dict[int, dict[str, Any]]:
    """Return items by the minute in which they begin, on the wall or in UTC."""
    shifts = [(item, (item["offset"] or 0) if wall else 0) for item in items if item["start"]]
    return {int(item["start"].timestamp() + shift) // 60: item for item, shift in shifts}


def _twin(index: Mapping[int, dict[str, Any]], start: dt.datetime) -> dict[str, Any] | None:
    minute = int(start.timestamp()) // 60
    return next((index[at] for at in (minute, minute - 1, minute + 1) if at in index), None)


def _wall_offset(wall: dt.datetime, zone: dt.tzinfo | None, items: Sequence[dict[str, Any]]) -> float | None:
    if zone is not None:
        return read_time(wall.replace(tzinfo=None).isoformat(), zone)[1]
    near = min((item for item in items if item["start"]), key=lambda item: abs(item["start"] - wall), default=None)
    offset: float | None = near["offset"] if near else None
    return offset


def _zone_offset(time: dt.datetime | None, zone: dt.tzinfo | None) -> float | None:
    shift = time.astimezone(zone).utcoffset() if time and zone else None
    return None if shift is None else shift.total_seconds()
