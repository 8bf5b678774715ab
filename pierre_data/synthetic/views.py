"""What a watch and a phone make of the same workouts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pierre_data.synthetic.draws import Array, Draws
from pierre_data.synthetic.workouts import ZONE, Workouts, positions, session

_SECOND = np.timedelta64(1, "s")
_PART_OF_DAY = ("Night", "Morning", "Lunch", "Afternoon", "Evening")
_SPOKEN = {"pool_swim": "Swim", "indoor_ride": "Ride", "strength": "WeightTraining"}
#: How the phone came by a workout: a synced copy of the watch's, its own recording, or not at all.
_COPIED, _OWN = 0, 1


@dataclass(frozen=True, slots=True)
class Recorded:
    """Which workouts a view has: positions in the workouts, their slots, and how they came."""

    at: np.ndarray
    slot: np.ndarray
    how: np.ndarray


def recorded(draws: Draws, workouts: Workouts, view: str) -> Recorded:
    """Return which workouts a view has, in the order of its own starts."""
    slot = workouts.slot
    how = draws.pick("phone", slot, (0.35, 0.30, 0.35))
    on_watch = draws.uniform("watch", slot) < 0.95
    if view == "watch":
        have = on_watch
    elif view == "phone":
        # What the watch missed, the phone mostly has.
        how = np.where(on_watch, how, np.where(draws.uniform("rescue", slot) < 0.8, _OWN, 2))
        have = how < 2
    else:
        have = np.ones(len(slot), dtype=bool)
    at = np.flatnonzero(have)
    at = at[np.argsort(_starts(draws, workouts, view, how)[at], kind="stable")]
    return Recorded(at, slot[at], how[at])


def columns(draws: Draws, workouts: Workouts, view: str) -> dict[str, Any]:
    """Return a view's activities as columns, oldest first."""
    found = recorded(draws, workouts, view)
    at, slot, how = found.at, found.slot, found.how
    every = {n: getattr(workouts, n)[at] for n in workouts.__slots__}
    own = (view == "phone") & (how == _OWN)
    start = _starts(draws, workouts, view, np.where(view == "phone", _all(how, at, len(workouts.slot)), 2))[at]
    elapsed, moving, distance = (every[n] for n in ("elapsed_s", "moving_s", "distance_m"))
    elapsed = np.where(own, np.maximum(elapsed + np.round(25 * draws.normal("stop", slot)), 300), elapsed)
    moving = np.where(
        own, np.minimum(np.round(moving * (1 - 0.02 * draws.uniform("auto-pause", slot))), elapsed), moving
    )
    distance = np.where(own, np.round(distance * (1 + 0.02 * draws.normal("gps", slot))), distance)
    latitude, longitude = (p[at] for p in positions(draws, workouts))
    kind = every["kind"]
    indoor = np.array(session("indoor", kind), dtype=bool)
    heart = [np.where(own, np.nan, every[n]) for n in ("heart_rate_bpm", "max_heart_rate_bpm")]
    sports = session("sport", kind)
    with np.errstate(invalid="ignore"):
        speed = np.round(distance / moving, 3)
    ids = _ids(draws, view, slot)
    watch_ids = _ids(draws, "watch", slot)
    return {
        "id": ids,
        "athlete_id": ["1"] * len(at),
        "name": _names(kind, start, every["offset_s"]),
        "sport": sports,
        "sport_raw": [_SPOKEN.get(str(s), str(s).title().replace("_", "")) for s in sports],
        "workout_kind": [k or None for k in session("kind", kind)],
        "is_exercise": np.ones(len(at), dtype=bool),
        "start_time": start.astype("datetime64[us]"),
        "start_time_local": (start + every["offset_s"].astype("int64") * _SECOND).astype("datetime64[us]"),
        "utc_offset_s": every["offset_s"],
        "timezone": [ZONE] * len(at),
        "elapsed_s": elapsed,
        "moving_s": moving,
        "distance_m": distance,
        "elevation_gain_m": every["climb_m"],
        "average_speed_mps": speed,
        "average_heart_rate_bpm": heart[0],
        "max_heart_rate_bpm": heart[1],
        "average_power_w": np.where(own, np.nan, every["power_w"]),
        "temperature_c": np.where(own, np.nan, every["temperature_c"]),
        "start_latitude_deg": latitude,
        "start_longitude_deg": longitude,
        "manual": np.zeros(len(at), dtype=bool),
        "indoor": indoor,
        "commute": np.array([n == "Commute" for n in session("name", kind)], dtype=bool),
        "has_gps": ~indoor,
        "device": ["Phone" if o else "Watch" for o in own.tolist()],
        "external_id": [
            f"synthetic-watch:{w}" if view == "phone" and h == _COPIED else None
            for w, h in zip(watch_ids, how.tolist(), strict=True)
        ],
    }


def _all(how: np.ndarray, at: np.ndarray, size: int) -> np.ndarray:
    out = np.full(size, 2)
    out[at] = how
    return out


def _starts(draws: Draws, workouts: Workouts, view: str, how: np.ndarray) -> np.ndarray:
    """Return when a view says each workout began: the watch is a few seconds off, a phone is started later."""
    late = np.zeros(len(workouts.slot), dtype="int64")
    if view != "truth":
        late += np.round(2 * draws.uniform("clock", workouts.slot)).astype("int64")
    if view == "phone":
        own = np.round(20 + 45 * np.abs(draws.normal("late", workouts.slot))).astype("int64")
        late += np.where(how == _OWN, own, 0)
    return workouts.start + late * _SECOND


def _ids(draws: Draws, view: str, slot: np.ndarray) -> list[str]:
    base = {"truth": 1_000_000_000, "watch": 7_000_000_000, "phone": 4_000_000_000}[view]
    noise = (draws.words(f"id-{view}", slot) % np.uint64(991)).astype("int64")
    return [str(n) for n in (base + 1000 * slot + noise).tolist()]


def _names(kind: np.ndarray, start: np.ndarray, offset: Array) -> list[str]:
    local = start + offset.astype("int64") * _SECOND
    hour = (local - local.astype("datetime64[D]")).astype("int64") // 3600
    part = np.searchsorted([5, 11, 14, 17], hour, side="right")
    return [f"{_PART_OF_DAY[p]} {n}" for p, n in zip(part.tolist(), session("name", kind), strict=True)]
