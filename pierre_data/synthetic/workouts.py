"""The true workouts of an athlete: when, what, how far, how hard."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from pierre_data.synthetic.draws import Bools, Floats, Ints, RowArrays, drift, normal, uniform, wave
from pierre_data.synthetic.ids import CELLS
from pierre_data.synthetic.kinds import CODE, measure, moves
from pierre_data.synthetic.people import Person, Shape, shape, thresholds, weight
from pierre_data.synthetic.scenarios import SCENARIOS, SLOTS
from pierre_data.synthetic.zone import DAY, HOUR, utc_of, weekday

_EARLIEST = 5.8 * HOUR
_RACES = np.array([5000.0, 10000.0, 21097.5])
_RACE_EFFORT = np.array([1.04, 1.00, 0.955])


@dataclass(frozen=True, slots=True)
class Workouts(RowArrays):
    """RowArrays, one array per column, ordered by start."""

    cell: Ints  # ``day * CELLS + slot``: who they are
    kind: Ints  # code of the kind of session
    start: Ints  # seconds since 1970 UTC
    elapsed: Ints
    moving: Ints
    distance: Floats  # metres, NaN where there is none
    effort: Floats  # share of heart rate reserve
    heart: Floats  # mean bpm, unrounded; NaN where it was not measured
    power: Floats  # watts, NaN without a power meter
    normalized: Floats
    ftp: Floats
    temperature: Floats
    climb: Floats
    mass: Floats

    @property
    def day(self) -> Ints:
        """Local day of the plan, since 1970."""
        return self.cell // CELLS


def true_workouts(who: Person, first: int, last: int) -> Workouts:
    """Return the true workouts planned for local days ``[first, last)``.

    A day's workouts depend on the day alone, so the rows of a day are the same in every window.
    """
    days = np.arange(first, max(first, last), dtype=np.int64)
    at = shape(who, days)
    cell, code = _planned(who, days, at)
    row = cell // CELLS - first
    kind = _swapped(who, cell, code, at.injured[row])
    race = kind == CODE["race_run"]
    distance_of_race = (uniform(who.key, "race_distance", cell) * 3.0).astype(np.int64)
    temperature = _temperature(who, cell, kind)
    minutes = measure("minutes")[kind] * at.volume[row] * (1.0 + measure("spread")[kind] * _n(who, "minutes", cell))
    moving_wish = np.clip(minutes, 8.0, 300.0) * 60.0
    relative = measure("effort")[kind] * (1.0 + 0.028 * _n(who, "effort", cell))
    relative = np.where(race, _RACE_EFFORT[distance_of_race] * (1.0 + 0.012 * _n(who, "effort", cell)), relative)
    climb_rate = measure("climb")[kind] * who.town.hills * (1.0 + 0.25 * _n(who, "climb", cell))
    run, swim, ftp = (values[row] for values in thresholds(who, at))
    speed, power = _speed(who, cell, kind, relative, (run, swim, ftp), temperature, climb_rate)
    course = _RACES[distance_of_race] * (1.004 + 0.002 * _n(who, "course", cell))
    moving = np.rint(np.where(race, course / np.where(race, speed, 1.0), moving_wish)).astype(np.int64)
    distance = np.where(race, course, _distance(kind, speed, moving))
    mass = weight(who, days)[row]
    effort = _effort(who, cell, kind, relative, temperature)
    metered = power if who.scenario.power else np.full(len(cell), np.nan)
    metered = np.where(kind == CODE["commute_ride"], np.nan, metered)
    hard = 0.03 + 0.05 * uniform(who.key, "variability", cell) + 0.06 * (kind == CODE["interval_ride"])
    elapsed = moving + _paused(who, cell, kind, moving)
    return Workouts(
        cell=cell,
        kind=kind,
        start=utc_of(_start(who, cell, kind, elapsed)),
        elapsed=elapsed,
        moving=moving,
        distance=np.asarray(np.round(distance, 1), dtype=np.float64),
        effort=effort,
        heart=who.rest_hr + (who.max_hr - who.rest_hr) * effort,
        power=np.rint(metered),
        normalized=np.rint(metered * (1.0 + hard)),
        ftp=np.where(np.isnan(metered), np.nan, np.rint(ftp / 5.0) * 5.0),
        temperature=np.round(temperature, 1),
        climb=np.rint(np.where(np.isnan(distance), np.nan, distance / 1000.0 * np.maximum(climb_rate, 0.0))),
        mass=mass,
    )


def _n(who: Person, stream: str, cell: Ints) -> Floats:
    return normal(who.key, stream, cell)


@cache
def _week(scenario: str) -> tuple[Ints, Floats, Floats, Ints, Bools]:
    """Return kind, chance, hour, deciding slot and follows-flag per weekday and slot; -1 is no session."""
    week = SCENARIOS[scenario].week
    kind = np.full((7, SLOTS), -1, dtype=np.int64)
    chance, hour = np.zeros((7, SLOTS)), np.full((7, SLOTS), 12.0)
    decides = np.tile(np.arange(SLOTS, dtype=np.int64), (7, 1))
    follows = np.zeros((7, SLOTS), dtype=bool)
    for d, day in enumerate(week):
        for s, session in enumerate(day):
            if session is not None:
                kind[d, s], chance[d, s], hour[d, s] = CODE[session.kind], session.chance, session.hour
                decides[d, s] = s if session.with_slot is None else session.with_slot
                follows[d, s] = session.follows
    return kind, chance, hour, decides, follows


def _planned(who: Person, days: Ints, at: Shape) -> tuple[Ints, Ints]:
    """Return the cells that happen, in order, and the kind their week plans."""
    kinds, chances, _, decides, _ = _week(who.scenario.name)
    of_week = weekday(days)
    kind = kinds[of_week]
    foot = (moves("run") | moves("walk"))[kind]
    factor = np.where(foot, 0.0, 1.7) * at.injured[:, None] + ~at.injured[:, None]
    chance = chances[of_week] * factor * at.readiness[:, None] * (0.82 + 0.18 * at.progress)[:, None]
    draw = uniform(who.key, "happens", days[:, None] * CELLS + decides[of_week])
    day, slot = np.nonzero((kind >= 0) & (draw < chance))
    return days[day] * CELLS + slot, kind[day, slot]


def _swapped(who: Person, cell: Ints, kind: Ints, injured: Bools) -> Ints:
    """Return the kinds after winter, races and summer had their say."""
    day = cell // CELLS
    cold = wave((day - 320) / 365.25)  # 1 in the middle of February, -1 in August
    u = uniform(who.key, "swap", cell)
    out = kind
    for source, target, share in (
        ("easy_run", "treadmill_run", 0.14 + 0.14 * cold),
        ("road_ride", "virtual_ride", 0.35 + 0.45 * cold),
        ("interval_ride", "virtual_ride", 0.40 + 0.45 * cold),
        ("gravel_ride", "virtual_ride", 0.12 + 0.20 * cold),
        ("open_water_swim", "pool_swim", 0.55 + 0.60 * cold),
        ("walk", "hike", 0.16 - 0.10 * cold),
        ("long_run", "race_run", 0.07 - 0.05 * cold),
    ):
        out = np.where((kind == CODE[source]) & (u < share) & ~injured, CODE[target], out)
    return out


def _temperature(who: Person, cell: Ints, kind: Ints) -> Floats:
    """Return degC: season, the week's weather, the time of day; halls are heated."""
    day, slot = cell // CELLS, cell % CELLS
    season = 10.0 + 9.5 * wave((day - 115) / 365.25) - 0.004 * (who.town.altitude - 100.0)
    outside = season + 3.2 * drift(who.key, "weather", day, 3.0) + np.array([-2.5, 2.5, 1.5])[slot]
    return np.where(measure("indoor")[kind] > 0, 20.5 + 1.0 * _n(who, "hall", cell), outside)


def _speed(
    who: Person, cell: Ints, kind: Ints, relative: Floats, limits: tuple[Floats, Floats, Floats], t: Floats, up: Floats
) -> tuple[Floats, Floats]:
    """Return speed in m/s and mean power of rides in W, NaN where there is none."""
    run, swim, ftp = limits
    heat = 1.0 - 0.0035 * np.maximum(t - 18.0, 0.0)
    slope = 1.0 - 0.0022 * np.maximum(up, 0.0)
    power = np.where(moves("ride")[kind], ftp * relative * (0.98 + 0.02 * heat), np.nan)
    ground = 1.0 + 0.045 * _n(who, "wind", cell)
    loose = np.where(kind == CODE["gravel_ride"], 0.86, np.where(kind == CODE["commute_ride"], 0.84, 1.0))
    riding = (5.5 + 3.3 * power / 250.0) * ground * slope * loose
    walking = 1.42 * (1.0 + 0.05 * _n(who, "wind", cell)) * np.where(kind == CODE["hike"], 0.82, 1.0)
    speed = np.where(moves("run")[kind], run * relative * heat * slope, np.nan)
    speed = np.where(moves("swim")[kind], swim * relative, speed)
    speed = np.where(moves("ride")[kind], riding, speed)
    return np.where(moves("walk")[kind], walking, speed), power


def _distance(kind: Ints, speed: Floats, moving: Ints) -> Floats:
    """Return metres; a pool counts whole lengths of 25 m."""
    metres = speed * moving
    return np.where(kind == CODE["pool_swim"], np.rint(metres / 25.0) * 25.0, metres)


def _effort(who: Person, cell: Ints, kind: Ints, relative: Floats, t: Floats) -> Floats:
    """Return the share of heart rate reserve: 0.88 at threshold, more in the heat, lower in water and on the bike."""
    threshold = np.where(moves("swim")[kind], 0.82, np.where(moves("ride")[kind], 0.85, 0.88))
    steep = np.where(moves("ride")[kind], 0.68, 0.95)
    moved = threshold + steep * (relative - 1.0) + 0.0035 * np.maximum(t - 18.0, 0.0)
    still = moves("still")[kind] | moves("walk")[kind]
    return np.clip(np.where(still, relative, moved) + 0.016 * _n(who, "heart", cell), 0.15, 0.965)


def _paused(who: Person, cell: Ints, kind: Ints, moving: Ints) -> Ints:
    """Return seconds of standing still: mostly few, sometimes a break."""
    u = uniform(who.key, "pauses", cell)
    share = measure("pauses")[kind] * (0.15 + 2.4 * u * u)
    return np.rint(moving * share).astype(np.int64)


def _start(who: Person, cell: Ints, kind: Ints, elapsed: Ints) -> Ints:
    """Return local seconds since 1970; sessions of a day do not overlap, bricks follow at once."""
    day, slot = cell // CELLS, cell % CELLS
    _, _, hours, _, follow = _week(who.scenario.name)
    of_week = weekday(day)
    wish = hours[of_week, slot] * HOUR + 1500.0 * _n(who, "start", cell)
    start = day * DAY + np.maximum(np.rint(wish), _EARLIEST).astype(np.int64)
    gap = 90 + (uniform(who.key, "transition", cell) * 240.0).astype(np.int64)
    brick = follow[of_week, slot]
    for _ in range(SLOTS - 1):
        same = day[1:] == day[:-1]
        after = start[:-1] + elapsed[:-1]
        late = np.maximum(start[1:], after + 900)
        start[1:] = np.where(same, np.where(brick[1:], after + gap[1:], late), start[1:])
    return start
