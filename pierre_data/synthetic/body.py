"""Sleep, recovery and body of a world, one row per night, day or week."""

from __future__ import annotations

from typing import Any

import numpy as np

from pierre_data.synthetic.draws import Array, Draws
from pierre_data.synthetic.workouts import ZONE, Workouts, offsets

_SECOND = np.timedelta64(1, "s")


def load(workouts: Workouts, days: int) -> Array:
    """Return minutes of training per day, weighted by heart rate; the night after is deeper, the pulse higher."""
    weight = workouts.moving_s / 60 * np.clip((workouts.heart_rate_bpm - 60) / 100, 0.1, 1.3)
    return np.asarray(np.bincount(workouts.slot // 2, weights=weight, minlength=days)[:days], dtype=np.float64)


def sleep(draws: Draws, first: np.datetime64, days: int, workouts: Workouts) -> dict[str, Any]:
    """Return one night per day, from the evening of that day."""
    at = np.arange(days)
    date = first + at.astype("timedelta64[D]")
    strained = np.minimum(load(workouts, days) / 60, 2.0)
    weekend = np.isin((date.view("int64") + 3) % 7, (4, 5))
    offset = offsets(date)
    hours = 22.9 + 0.7 * weekend + 0.5 * draws.normal("bedtime", at)
    local = date.astype("datetime64[s]") + np.round(hours * 3600).astype("int64") * _SECOND
    start = local - offset.astype("int64") * _SECOND
    asleep = np.round((7.0 + 0.5 * weekend + 0.25 * strained + 0.6 * draws.normal("asleep", at)) * 3600)
    asleep = np.clip(asleep, 3 * 3600, 11 * 3600)
    awake = np.round(1200 + 1500 * draws.uniform("awake", at))
    deep = np.round(asleep * (0.17 + 0.02 * strained + 0.02 * draws.normal("deep", at)))
    rem = np.round(asleep * (0.22 + 0.02 * draws.normal("rem", at)))
    end = start + (asleep + awake).astype("int64") * _SECOND
    return {
        "id": [f"n{d}" for d in date.astype(str).tolist()],
        "night": (date + np.timedelta64(1, "D")).astype("datetime64[us]"),
        "start_time": start.astype("datetime64[us]"),
        "end_time": end.astype("datetime64[us]"),
        "start_time_local": local.astype("datetime64[us]"),
        "utc_offset_s": offset,
        "timezone": [ZONE] * days,
        "is_nap": np.zeros(days, dtype=bool),
        "in_bed_s": asleep + awake,
        "asleep_s": asleep,
        "awake_s": awake,
        "light_s": asleep - deep - rem,
        "deep_s": deep,
        "rem_s": rem,
        "efficiency_pct": np.round(100 * asleep / (asleep + awake), 1),
        "lowest_heart_rate_bpm": np.round(resting(draws, days, workouts) - 2 + draws.normal("low", at)),
        "hrv_rmssd_ms": _hrv(draws, days, workouts),
        "scoring": ["scored"] * days,
    }


def resting(draws: Draws, days: int, workouts: Workouts) -> Array:
    """Return the resting heart rate of each day: it falls with the months, and rises after a hard day."""
    at = np.arange(days)
    before = np.append(0.0, load(workouts, days)[:-1]) / 60
    return np.round(56 - 7 * np.minimum(at / 1500, 1.0) + 1.5 * before + 1.2 * draws.normal("resting", at))


def recovery(draws: Draws, first: np.datetime64, days: int, workouts: Workouts) -> dict[str, Any]:
    """Return one row per day."""
    at = np.arange(days)
    date = first + at.astype("timedelta64[D]")
    before = np.append(0.0, load(workouts, days)[:-1]) / 60
    score = np.clip(np.round(72 - 14 * before + 9 * draws.normal("score", at)), 5, 99)
    return {
        "id": date.astype(str).tolist(),
        "date": date.astype("datetime64[us]"),
        "recovery_score": score,
        "resting_heart_rate_bpm": resting(draws, days, workouts),
        "hrv_rmssd_ms": _hrv(draws, days, workouts),
        "respiratory_rate_brpm": np.round(14.6 + 0.5 * draws.normal("breath", at), 1),
        "spo2_pct": np.clip(np.round(96.5 + 0.8 * draws.normal("oxygen", at), 1), 90, 100),
        "scoring": ["scored"] * days,
    }


def health(draws: Draws, first: np.datetime64, days: int) -> dict[str, Any]:
    """Return one weighing a week, on Monday at 6:30 UTC."""
    date = first + np.arange(days).astype("timedelta64[D]")
    at = np.flatnonzero((date.view("int64") + 3) % 7 == 0)
    weight = 72.5 - 3.5 * at / max(days, 1) + 0.5 * draws.normal("weight", at)
    return {
        "id": [f"w{d}" for d in date[at].astype(str).tolist()],
        "time": (date[at].astype("datetime64[s]") + 23_400 * _SECOND).astype("datetime64[us]"),
        "weight_kg": np.round(weight, 1),
        "body_fat_pct": np.round(16 + 0.9 * (weight - 70) / 3 + 0.4 * draws.normal("fat", at), 1),
    }


def athlete(draws: Draws) -> dict[str, Any]:
    """Return the athlete."""
    height = 1.62 + 0.25 * float(draws.uniform("height", np.arange(1))[0])
    return {
        "id": ["1"],
        "name": ["Synthetic Athlete"],
        "timezone": [ZONE],
        "weight_kg": [71.0],
        "height_m": [round(height, 2)],
        "max_heart_rate_bpm": [188.0],
    }


def _hrv(draws: Draws, days: int, workouts: Workouts) -> Array:
    before = np.append(0.0, load(workouts, days)[:-1]) / 60
    return np.clip(np.round(62 - 6 * before + 7 * draws.normal("hrv", np.arange(days)), 1), 15, 160)
