"""A view's activities as columns of the table activities."""

from __future__ import annotations

from functools import cache

import numpy as np

from pierre_data.synthetic import gear, ids
from pierre_data.synthetic.draws import Columns, Floats, Texts, datetimes, drift, normal, uniform
from pierre_data.synthetic.kinds import KINDS, kind_texts, measure, moves
from pierre_data.synthetic.people import Person, start_and_end
from pierre_data.synthetic.recordings import DeviceRecording, local_hour
from pierre_data.synthetic.zone import TIMEZONE, offset_at

#: Registry name of the provider of the view "watch", for links to its rows.
WATCH_PROVIDER = "synthetic-watch"
_PHONE = "Waypost for phones"

_PARTS = np.array(["Night", "Morning", "Lunch", "Afternoon", "Evening"], dtype=object)
_PART_STARTS = np.array([5.0, 11.0, 14.0, 17.0])


def activity_columns(who: Person, view: ids.View, rows: DeviceRecording) -> Columns:
    """Return all columns, without provider; floats are NaN and texts None where nothing is known."""
    count = len(rows.number)
    return {
        "id": ids.texts(rows.number),
        "athlete_id": [str(who.accounts[view])] * count,
        **_what_and_when(who, view, rows),
        **_how_far(who, rows),
        **_heart_and_power(who, rows),
        **_legs(who, rows),
        **_outside(who, view, rows),
        **_flags(who, rows),
        **_records(who, view, rows),
    }


def _what_and_when(who: Person, view: ids.View, rows: DeviceRecording) -> Columns:
    seen, kind, offset = rows.seen, rows.seen.kind, offset_at(rows.seen.start)
    exact, family = kind_texts("sport")[kind], kind_texts("family")[kind]
    sport = np.where(rows.label == 0, exact, np.where(rows.label == 1, _plain()[kind], "workout"))
    families = np.where(rows.label == 2, "other", family)
    hour = np.searchsorted(_PART_STARTS, local_hour(seen.start), side="right")
    part = np.where(hour == 0, "Night", _PARTS[hour])
    names = part + " " + kind_texts("noun")[kind] if view != "watch" else who.town.name + " " + kind_texts("raw")[kind]
    return {
        "name": names.tolist(),
        "sport": sport.tolist(),
        "sport_family": families.tolist(),
        "sport_raw": np.where(rows.label == 0, kind_texts("raw")[kind], sport).tolist(),
        "workout_kind": kind_texts("workout_kind")[kind].tolist(),
        "is_exercise": np.ones(len(kind), dtype=bool),
        "start_time": datetimes(seen.start),
        "start_time_local": datetimes(seen.start + offset),
        "utc_offset_s": offset.astype(np.float64),
        "timezone": [TIMEZONE] * len(offset),
        "start_hidden": np.zeros(len(offset), dtype=bool),
        "elapsed_s": seen.elapsed.astype(np.float64),
        "moving_s": seen.moving.astype(np.float64),
    }


@cache
def _plain() -> Texts:
    """Return the family's own sport of each kind where there is one of that name, else the sport."""
    own = ("run", "ride", "swim", "walk")
    return np.array([k.family if k.family in own else k.sport for k in KINDS.values()], dtype=object)


def _how_far(who: Person, rows: DeviceRecording) -> Columns:
    seen = rows.seen
    speed = np.round(seen.distance / seen.moving, 3)
    ride = moves("ride")[seen.kind]
    peak = np.where(ride, 1.35, 1.10) + np.where(ride, 0.6, 0.28) * uniform(who.key, "peak_speed", seen.cell)
    lost = np.rint(seen.climb * (1.0 + 0.02 * normal(who.key, "descent", seen.cell)))
    return {
        "distance_m": seen.distance,
        "elevation_gain_m": seen.climb,
        "elevation_loss_m": lost,
        "energy_kcal": _energy(rows),
        "average_speed_mps": speed,
        "max_speed_mps": np.where(rows.typed, np.nan, np.round(speed * peak, 3)),
    }


def _energy(rows: DeviceRecording) -> Floats:
    """Return kcal: 1.03 per kg and km of running, 1.04 per kJ of pedalling, else metabolic equivalents."""
    seen = rows.seen
    run = moves("run")[seen.kind] & ~np.isnan(seen.distance)
    rest = measure("met")[seen.kind] * seen.mass * seen.moving / 3600.0
    work = seen.power * seen.moving / 1000.0 * 1.04
    kcal = np.where(run, 1.03 * seen.mass * seen.distance / 1000.0, np.where(np.isnan(work), rest, work))
    return np.rint(kcal)


def _heart_and_power(who: Person, rows: DeviceRecording) -> Columns:
    seen = rows.seen
    above = 8.0 + 10.0 * uniform(who.key, "peak_heart", seen.cell)
    rated = uniform(who.key, "rated", seen.cell) < 0.35
    feeling = np.clip(np.rint(1.0 + 10.0 * (seen.effort - 0.2)), 1.0, 10.0)
    factor = np.round(seen.normalized / seen.ftp, 3)
    cadence = np.rint(86.0 + 3.0 * normal(who.key, "cadence", seen.cell))
    return {
        "average_heart_rate_bpm": np.rint(seen.heart),
        "max_heart_rate_bpm": np.minimum(np.rint(seen.heart + above), who.max_hr + 1.0),
        "perceived_exertion": np.where(rated, feeling, np.nan),
        "work_kj": np.rint(seen.power * seen.moving / 1000.0),
        "average_power_w": seen.power,
        "max_power_w": np.rint(seen.power * (1.9 + 1.3 * uniform(who.key, "peak_power", seen.cell))),
        "normalized_power_w": seen.normalized,
        "ftp_w": seen.ftp,
        "average_cadence_rpm": np.where(np.isnan(seen.power), np.nan, cadence),
        "training_stress_score": np.round(seen.moving / 36.0 * factor * factor, 1),
        "intensity_factor": factor,
    }


def _legs(who: Person, rows: DeviceRecording) -> Columns:
    """Return steps, cadence and stride, for what goes on foot and is measured."""
    seen = rows.seen
    foot = (moves("run") | moves("walk"))[seen.kind] & ~rows.typed
    speed = np.where(foot, seen.distance / seen.moving, np.nan)
    running = 166.0 + 7.0 * (speed - 3.0)
    cadence = np.where(moves("run")[seen.kind], running, 106.0) + 2.0 * normal(who.key, "cadence", seen.cell)
    cadence = np.where(foot, np.rint(cadence), np.nan)
    return {
        "steps": np.rint(cadence * seen.moving / 60.0),
        "average_cadence_spm": cadence,
        "stride_length_m": np.round(speed * 60.0 / cadence, 2),
    }


def _outside(who: Person, view: ids.View, rows: DeviceRecording) -> Columns:
    seen = rows.seen
    indoor = measure("indoor")[seen.kind] > 0
    out = ~indoor & ~rows.typed
    day = seen.day
    moist = 72.0 - 0.9 * (seen.temperature - 10.0) + 8.0 * normal(who.key, "humidity", day)
    wind = np.maximum(3.2 + 1.5 * drift(who.key, "wind_speed", day, 2.0), 0.2)
    where = start_and_end(who, view, seen.kind, seen.cell)
    names = ("start_latitude_deg", "start_longitude_deg", "end_latitude_deg", "end_longitude_deg")
    return {
        "temperature_c": seen.temperature,
        "humidity_pct": np.where(out, np.rint(np.clip(moist, 20.0, 100.0)), np.nan),
        "wind_speed_mps": np.where(out, np.round(wind, 1), np.nan),
        "average_altitude_m": np.where(rows.tracked, np.rint(who.town.altitude + 0.25 * seen.climb), np.nan),
        **{name: np.where(rows.tracked, value, np.nan) for name, value in zip(names, where, strict=True)},
        "city": [who.town.name] * len(day),
        "region": [who.town.region] * len(day),
        "country": ["Germany"] * len(day),
    }


def _flags(who: Person, rows: DeviceRecording) -> Columns:
    return {
        "manual": rows.typed,
        **{name: measure(name)[rows.seen.kind] > 0 for name in ("indoor", "commute", "race")},
        "private": uniform(who.key, "private", rows.seen.cell) < 0.01,
        "has_gps": rows.tracked,
    }


def _records(who: Person, view: ids.View, rows: DeviceRecording) -> Columns:
    """Return device, gear, links and the time of upload; the truth has no device and was never uploaded."""
    seen = rows.seen
    late = uniform(who.key, f"{view}_upload", seen.cell)
    delay = 20 + np.rint(400.0 * late * late).astype(np.int64) + 86_400 * rows.copy
    twin = ids.texts(ids.numbers(seen.cell, 0, who.accounts["watch"])) if view == "phone" else ids.texts(rows.number)
    link = [f"{WATCH_PROVIDER}:{s}" if have else None for s, have in zip(twin, rows.linked.tolist(), strict=True)]
    watch = gear.watch_worn(seen.day)
    device = watch if view == "watch" else np.where(rows.synced, watch, np.array(_PHONE, dtype=object))
    upload = ids.texts(rows.number // 7 + 1_000_000)
    recorded = ~rows.typed if view != "truth" else np.zeros(len(seen.cell), dtype=bool)
    carried = gear.carried(who, seen.kind, seen.day)
    return {
        "device": [d if have else None for d, have in zip(device.tolist(), recorded.tolist(), strict=True)],
        "gear_id": [None] * len(carried) if view == "phone" else carried,
        "external_id": link,
        "upload_id": [u if have else None for u, have in zip(upload, recorded.tolist(), strict=True)],
        "updated_at": datetimes(seen.start + seen.elapsed + delay),
    }
