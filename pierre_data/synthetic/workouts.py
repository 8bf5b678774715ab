"""The true workouts of a world, vectorised: one slot per morning and evening."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from pierre_data.synthetic.draws import Array, Draws
from pierre_data.synthetic.scenarios import SCENARIOS, SESSIONS

ZONE = "Europe/Paris"
_HOME = (45.19, 5.72)
_KINDS = tuple(SESSIONS)
_SECOND = np.timedelta64(1, "s")


@dataclass(frozen=True, slots=True)
class Workouts:
    """What really happened, oldest first; one array per field.

    Parameters
    ----------
    slot : ndarray of int
        Number of the slot: two per day since the start of the world.
    kind : ndarray of int
        Position in the session kinds.
    start : ndarray of datetime64[s]
        UTC.
    offset_s : ndarray of float
        Local time minus UTC.
    elapsed_s, moving_s, distance_m : ndarray of float
        Durations; distance NaN where none.
    heart_rate_bpm, max_heart_rate_bpm, power_w, climb_m, temperature_c : ndarray of float
        NaN where not measured.
    """

    slot: np.ndarray
    kind: np.ndarray
    start: np.ndarray
    offset_s: Array
    elapsed_s: Array
    moving_s: Array
    distance_m: Array
    heart_rate_bpm: Array
    max_heart_rate_bpm: Array
    power_w: Array
    climb_m: Array
    temperature_c: Array


def offsets(days: np.ndarray) -> Array:
    """Return local time minus UTC at noon of each day, seconds."""
    zone, noon = ZoneInfo(ZONE), dt.time(12)
    found = [dt.datetime.combine(d, noon, zone).utcoffset() for d in days.astype("datetime64[D]").tolist()]
    return np.array([o.total_seconds() if o else 0.0 for o in found])


def make(draws: Draws, scenario: str, first: np.datetime64, days: int) -> Workouts:
    """Return the workouts of a world.

    Parameters
    ----------
    draws : Draws
        Where chance comes from.
    scenario : str
        Name of the scenario.
    first : datetime64[D]
        First local day.
    days : int
        How many days.
    """
    plan = SCENARIOS[scenario]
    slot = np.arange(2 * days)
    day, evening = slot // 2, slot % 2
    date = first + day.astype("timedelta64[D]")
    weekday = (date.astype("datetime64[D]").view("int64") + 3) % 7  # 1970-01-01 was a Thursday
    kinds = np.array([[_KINDS.index(name) if name else 0 for name, _ in pair] for pair in plan.week])
    odds = np.array([[chance for _, chance in pair] for pair in plan.week])
    done = draws.uniform("done", slot) < odds[weekday, evening]
    for start, end in plan.gaps:
        done &= (day < start) | (day >= end)
    slot, day, evening, date, weekday = (x[done] for x in (slot, day, evening, date, weekday))
    kind = kinds[weekday, evening]
    share = day / max(days - 1, 1)
    fields = [[getattr(SESSIONS[k], f) for k in _KINDS] for f in ("minutes", "effort", "speed")]
    minutes, effort, speed = (np.array(f)[kind] for f in fields)
    moving = np.round(minutes * 60 * (1 + 0.16 * draws.normal("minutes", slot)))
    moving = np.maximum(moving, 600.0)
    form = 1 + 0.03 * draws.normal("form", slot)
    metres_per_second = _speed(plan.pace_first, plan.pace_last, share, kind, speed) * form
    distance = np.where(speed > 0, np.round(moving * metres_per_second), np.nan)
    paused = draws.uniform("paused", slot)
    elapsed = moving + np.round(np.where(paused < 0.35, 0.0, 400.0 * (paused - 0.35) ** 2 * minutes / 40))
    hour = np.where(evening == 1, 18.2, np.where(weekday >= 5, 9.4, 7.1)) + 0.55 * draws.normal("hour", slot)
    offset = offsets(date)
    local = date.astype("datetime64[s]") + np.round(hour * 3600).astype("int64") * _SECOND
    heart = np.round(48 + 140 * effort * (1.05 - 0.06 * share) + 4 * draws.normal("heart", slot), 1)
    power = _power(plan.power_first, plan.power_last, share, kind, effort, form)
    return Workouts(
        slot=slot,
        kind=kind,
        start=local - offset.astype("int64") * _SECOND,
        offset_s=offset,
        elapsed_s=elapsed,
        moving_s=moving,
        distance_m=distance,
        heart_rate_bpm=heart,
        max_heart_rate_bpm=np.round(heart + 14 + 10 * draws.uniform("peak", slot)),
        power_w=power,
        climb_m=np.where(_outdoor(kind), np.round(distance / 1000 * (6 + 8 * draws.uniform("climb", slot))), np.nan),
        temperature_c=np.where(_outdoor(kind), np.round(_season(date) + 4 * draws.normal("weather", slot)), np.nan),
    )


def positions(draws: Draws, workouts: Workouts) -> tuple[Array, Array]:
    """Return latitude and longitude of each start, NaN indoors."""
    outdoor = _outdoor(workouts.kind)
    jitter = [0.002 * draws.normal(f"place-{axis}", workouts.slot) for axis in ("north", "east")]
    return tuple(np.where(outdoor, np.round(home + j, 5), np.nan) for home, j in zip(_HOME, jitter, strict=True))  # type: ignore[return-value]


def session(field: str, kind: np.ndarray) -> list[Any]:
    """Return a field of each kind of session."""
    values = [getattr(SESSIONS[k], field) for k in _KINDS]
    return [values[k] for k in kind.tolist()]


def _outdoor(kind: np.ndarray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.array([not indoor for indoor in session("indoor", kind)], dtype=bool)


def _speed(first: float, last: float, share: Array, kind: np.ndarray, speed: Array) -> Array:
    runs = np.array([SESSIONS[k].sport == "run" for k in _KINDS])[kind]
    # Gains come early: most of the way in the first half.
    pace = first - (first - last) * share * (2 - share)
    return np.where(runs, 1000.0 / pace * speed, speed)


def _power(first: float, last: float, share: Array, kind: np.ndarray, effort: Array, form: Array) -> Array:
    rides = np.array(["ride" in SESSIONS[k].sport for k in _KINDS])[kind]
    watts = (first + (last - first) * share) * (0.35 + 0.72 * effort) * form
    return np.where(rides & (first > 0), np.round(watts), np.nan)


def _season(date: np.ndarray) -> Array:
    """A triangle over the year, 2 degrees in mid January and 22 in mid July: no sine, so the same everywhere."""
    day = (date.astype("datetime64[D]") - date.astype("datetime64[Y]").astype("datetime64[D]")).astype("int64")
    return np.asarray(22 - 20 * np.abs((day - 14) % 365 - 182.5) / 182.5, dtype=np.float64)
