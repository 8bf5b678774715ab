"""Kinds of session: what an athlete may do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import numpy as np

from pierre_data.synthetic.draws import Texts

Motion = Literal["run", "ride", "swim", "walk", "still"]


@dataclass(frozen=True, slots=True)
class WorkoutKind:
    """One kind of session: what it is called, how long and how hard it is, and who can record it."""

    sport: str
    family: str
    raw: str  # what a watch calls it
    noun: str  # what people call it: "Morning *Run*"
    motion: Motion  # which model of speed and cadence applies
    minutes: float  # typical moving time
    spread: float  # its relative standard deviation
    effort: float  # speed or power over threshold; of "walk" and "still" the share of heart rate reserve
    workout_kind: str = ""
    indoor: bool = False
    commute: bool = False
    race: bool = False
    phone: bool = True  # a phone comes along and can record it too
    pauses: float = 0.03  # mean share of the elapsed time that is standing still
    climb: float = 8.0  # metres per kilometre in a place that is not hilly
    met: float = 8.0  # metabolic equivalent, for energy where neither distance nor power gives it


_INSIDE: dict[str, Any] = {"indoor": True, "phone": False, "pauses": 0.0}
_RUN = WorkoutKind("run", "run", "Running", "Run", "run", 46, 0.16, 0.80)
_RIDE = WorkoutKind("road_ride", "ride", "Road Cycling", "Ride", "ride", 82, 0.18, 0.68, pauses=0.08)
_SWIM = WorkoutKind("pool_swim", "swim", "Pool Swimming", "Swim", "swim", 42, 0.14, 0.90, phone=False, pauses=0.12)
_HALL = WorkoutKind(
    "strength", "strength", "Strength Training", "Strength Session", "still", 38, 0.20, 0.42, **_INSIDE, met=4.5
)
_WALK = WorkoutKind("walk", "walk", "Walking", "Walk", "walk", 46, 0.25, 0.26, pauses=0.08, met=3.5)


def _like(kind: WorkoutKind, sport: str, raw: str, noun: str, **changes: Any) -> WorkoutKind:
    return replace(kind, sport=sport, raw=raw, noun=noun, **changes)


KINDS: dict[str, WorkoutKind] = {
    "easy_run": _RUN,
    "long_run": replace(_RUN, noun="Long Run", minutes=92, effort=0.79, workout_kind="long_run", pauses=0.04),
    "tempo_run": replace(_RUN, noun="Tempo Run", minutes=48, effort=0.90, workout_kind="workout"),
    "track_run": _like(
        _RUN, "track_run", "Track Running", "Track Session", minutes=52, effort=0.86, climb=0.0, workout_kind="workout"
    ),
    "trail_run": _like(
        _RUN, "trail_run", "Trail Running", "Trail Run", minutes=68, effort=0.76, climb=28.0, pauses=0.06
    ),
    "treadmill_run": _like(
        _RUN, "treadmill_run", "Treadmill Running", "Treadmill Run", minutes=42, climb=0.0, **_INSIDE
    ),
    "brick_run": replace(_RUN, noun="Brick Run", minutes=24, effort=0.90, pauses=0.0),
    "race_run": replace(_RUN, noun="Race", effort=0.99, workout_kind="race", race=True, pauses=0.0, climb=4.0),
    "road_ride": _RIDE,
    "long_ride": replace(_RIDE, noun="Long Ride", minutes=185, effort=0.65, workout_kind="long_ride", climb=11.0),
    "gravel_ride": _like(_RIDE, "gravel_ride", "Gravel Cycling", "Gravel Ride", minutes=110, effort=0.66, climb=12.0),
    "virtual_ride": _like(_RIDE, "virtual_ride", "Virtual Cycling", "Trainer Ride", minutes=62, effort=0.76, **_INSIDE),
    "interval_ride": replace(_RIDE, noun="Interval Ride", minutes=72, effort=0.78, workout_kind="workout"),
    "commute_ride": _like(
        _RIDE, "ride", "Cycling", "Commute", minutes=24, effort=0.55, pauses=0.12, climb=4.0, commute=True
    ),
    "pool_swim": replace(_SWIM, indoor=True),
    "open_water_swim": _like(
        _SWIM, "open_water_swim", "Open Water Swimming", "Open Water Swim", minutes=36, spread=0.18
    ),
    "strength": _HALL,
    "yoga": _like(_HALL, "yoga", "Yoga", "Yoga", family="mind", minutes=32, effort=0.22, met=2.5),
    "walk": _WALK,
    "hike": _like(_WALK, "hike", "Hiking", "Hike", minutes=135, effort=0.34, pauses=0.10, climb=38.0, met=5.5),
}
NAMES: tuple[str, ...] = tuple(KINDS)
CODE: dict[str, int] = {name: code for code, name in enumerate(NAMES)}


@cache
def measure(field: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return a numeric or boolean field of all kinds, by code."""
    return np.array([float(getattr(kind, field)) for kind in KINDS.values()])


@cache
def kind_texts(field: str) -> Texts:
    """Return a text field of all kinds, by code; empty is None."""
    return np.array([getattr(kind, field) or None for kind in KINDS.values()], dtype=object)


@cache
def moves(motion: Motion) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return whether each kind, by code, is that motion."""
    return np.array([kind.motion == motion for kind in KINDS.values()])
