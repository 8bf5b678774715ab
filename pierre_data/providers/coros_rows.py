"""What COROS' Open API V2.0.6 says of a workout, a day and a night (facts of November 2026)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from pierre_data import schema, spi
from pierre_data.spi import Field, Query, fields, number

Row = dict[str, Any]

# mode.subMode; 13.4 is seen in tests of others only (2026-11).  Numbers without a dot are the Training Hub's, another
# (unofficial) numbering that shows up in exports.
SPORTS = spi.Sports.grouped(
    """run=8.1,100 treadmill_run=8.2,101 ride=9.1,299 indoor_ride=9.2,201 open_water_swim=10.1,301 pool_swim=10.2,300
    triathlon=13.1,10000 multisport=13.2,10001 backcountry_ski=13.3,29.1,503,10002 rock_climb=13.4,33.2,106,10003
    mountaineering=14.1,105 trail_run=15.1,102 hike=16.1,104 workout=18.1,401,98 cardio_gym=18.2,34.2,400,901
    nordic_ski=19.1,502 track_run=20.1,103 alpine_ski=21.1,500 snowboard=21.2,501 other=22.1 strength=23.2,402
    row=24.1,700 indoor_row=24.2,701 kayak=25.1,26.1,702,704 windsurf=27.1,28.1,705,706 walk=31.1,900 road_ride=200
    ebike=202 gravel_ride=203 mountain_bike=204 emtb=205 indoor_climb=800,801 stair=902"""
)


def _positive(value: Any) -> float | None:
    return number(value) or None  # 0 means none


def _offset(quarters: Any) -> float:
    return number(quarters) * 900


def _local(seconds: Any, quarters: Any) -> spi.Moment:
    if seconds is None or quarters is None:
        return spi.Moment(None)
    return spi.Moment.of(spi.epoch_seconds(number(seconds)), _offset(quarters))


def _steps(frequency: Any, sport: str | None) -> float | None:
    # 2026-11: documented as steps a minute; what it means on a bike is not known, so it counts on foot only.
    known = SPORTS.sport(sport or "")
    return _positive(frequency or 0) if known and schema.FAMILY[known[0]] in ("run", "walk") else None


def _day_energy(value: Any) -> float | None:
    # 2026-11: workouts count calories; the unit of days is not verified, but nobody spends 20 kcal, or 20,000, a day.
    energy = number(value)
    return (energy / 1000 if energy > 20_000 else energy) or None


def _data(body: Any) -> list[Row]:
    data = body.get("data") if isinstance(body, dict) else None
    if isinstance(data, dict):  # 2026-11: whether the list is named inside is not verified
        data = next((part for part in data.values() if isinstance(part, list)), None)
    return [dict(row) for row in spi.objects(data)]


def workout(row: Mapping[str, Any], whose: str | None) -> Row:
    """Return a workout with its sport as one word, and whose it is unless it says so."""
    mode, sub = (str(row.get(name)).removesuffix(".0") for name in ("mode", "subMode"))
    sport = mode if row.get("subMode") is None else f"{mode}.{sub}"
    return {"openId": whose, **row, "sport": sport if row.get("mode") is not None else None}


def workouts(body: Any, query: Query) -> list[Row]:
    """Return the workouts of an answer."""
    return [workout(row, query.options.get("open_id")) for row in _data(body)]


def days(body: Any, query: Query) -> list[Row]:
    """Return the days of an answer; one without the watch is a row of zeros, or of nothing."""
    worn = [row for row in _data(body) if any(row.get(k) for k in ("rhr", "ppgHrv", "step", "calorie"))]
    return [{"openId": query.options.get("open_id"), **row} for row in worn]


def nights(body: Any, query: Query) -> list[Row]:
    """Return the days of an answer that have a night."""
    slept = [row for row in _data(body) if row.get("sleepStartTime") and row.get("sleepEndTime")]
    return [{"openId": query.options.get("open_id"), **row} for row in slept]


_OWN = fields("athlete_id=openId") | fields("utc_offset_s=startTimezone", via=_offset)
WORKOUT = _OWN | fields(
    "id=labelId device=deviceName steps=step moving_s=duration elevation_gain_m=elevGain energy_kcal=calorie@cal"
)
# avgHeartRate and elevGain are not documented, but were seen in a push.
WORKOUT |= fields("distance_m=distance average_heart_rate_bpm=avgHeartRate", via=_positive)
WORKOUT |= {
    "sport": Field("sport", via=SPORTS),
    "start_time": Field("startTime", via=spi.epoch_seconds),
    "elapsed_s": Field("startTime", "endTime", "duration", via=lambda a, b, s: number(b) - number(a) if a and b else s),
    "average_speed_mps": Field("avgSpeed", via=lambda s_per_km: 1000 / number(s_per_km) if number(s_per_km) else None),
    "average_cadence_spm": Field("avgFrequency", "sport", via=_steps),
}
LAP = fields("id lap kind distance_m=distance elapsed_s=duration name=sport")
# 2026-11: that ppgHrv is RMSSD is not verified.
RECOVERY = fields("id=happenDay athlete_id=openId") | fields(
    "date=happenDay", via=lambda day: dt.datetime.strptime(str(day), "%Y%m%d")
)
RECOVERY |= fields("resting_heart_rate_bpm=rhr hrv_rmssd_ms=ppgHrv steps=step", via=_positive)
RECOVERY |= fields("energy_kcal=calorie", via=_day_energy)
SLEEP = _OWN | fields("id=happenDay") | fields("average_heart_rate_bpm=sleepAvgHr hrv_rmssd_ms=ppgHrv", via=_positive)
SLEEP |= fields("start_time=sleepStartTime end_time=sleepEndTime", via=spi.epoch_seconds)
SLEEP |= {
    "night": Field("sleepEndTime", "endTimezone", via=lambda *end: _local(*end).date),
    "end_time_local": Field("sleepEndTime", "endTimezone", via=lambda *end: _local(*end).wall),
}
