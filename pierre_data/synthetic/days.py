"""What the training of a day does to the body: load, resting pulse, heart rate variability; and the tables of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pierre_data.synthetic import ids
from pierre_data.synthetic.draws import Columns, Floats, Ints, datetimes, normal, uniform
from pierre_data.synthetic.people import Person, shape, weight
from pierre_data.synthetic.workouts import Workouts, true_workouts
from pierre_data.synthetic.zone import DAY, offset_at

#: Days of training that a morning remembers.
MEMORY = 7


@dataclass(frozen=True, slots=True)
class Training:
    """Local days ``[first, first + len(load))``, one value each.

    `load` is hours at threshold times 100, a multiple of 0.1; `begins` and `ends` are the UTC seconds of the first
    start and the last end, far in the future and the past on days of rest.
    """

    first: int
    load: Floats
    begins: Ints
    ends: Ints

    def on(self, days: Ints) -> Floats:
        """Return the load of days within."""
        return self.load[days - self.first]


def training(who: Person, first: int, last: int) -> Training:
    """Return the training of local days ``[first, last)``."""
    true = true_workouts(who, first, last)
    place, size = true.day - first, max(last - first, 0)
    far = np.iinfo(np.int64).max // 4
    begins, ends = np.full(size, far), np.full(size, -far)
    np.minimum.at(begins, place, true.start)
    np.maximum.at(ends, place, true.start + true.elapsed)
    # Integers as floats: their sum does not depend on its order.
    tenths = np.bincount(place, weights=np.rint(10.0 * stress(true)), minlength=size)
    return Training(first, tenths / 10.0, begins, ends)


def stress(true: Workouts) -> Floats:
    """Return the load of workouts: 100 for an hour at threshold, quadratic in effort, as TSS is in power."""
    share = true.effort / 0.88
    return true.moving / 36.0 * share * share


@dataclass(frozen=True, slots=True)
class Mornings:
    """How the heart is on certain mornings: bpm, ms, and the deviation of readiness from its mean."""

    resting: Floats
    variability: Floats
    fresh: Floats


def mornings(who: Person, done: Training, days: Ints) -> Mornings:
    """Return the mornings of days; `done` must begin `MEMORY` days before the first."""
    yesterday = done.on(days - 1)
    acute = np.zeros(len(days))
    for back in range(1, MEMORY + 1):
        acute = acute + done.on(days - back)
    acute = acute / MEMORY
    at = shape(who, days)
    base = who.rest_hr - 4.0 * at.progress - 45.0 * (at.form - 1.0)
    tired = 0.030 * (yesterday - 45.0) + 0.035 * (acute - 45.0) + (at.readiness < 1.0) * 3.0
    noise = normal(who.key, "resting", days)
    resting = base + tired + 1.3 * noise
    usual = 62.0 + 11.0 * normal(who.key, "variability_base", np.zeros(1, dtype=np.int64))[0]
    variability = usual - 2.6 * tired - 2.0 * noise + 5.0 * normal(who.key, "variability_day", days)
    fresh = -0.55 * tired - 0.35 * noise + 0.5 * normal(who.key, "fresh", days)
    return Mornings(np.rint(np.clip(resting, 33.0, 95.0)), np.rint(np.clip(variability, 14.0, 160.0)), fresh)


def worn(who: Person, nights: Ints) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return whether the watch was on in the night that begins on each day."""
    return uniform(who.key, "worn", nights) >= 0.06


def recovery_columns(who: Person, first: int, last: int) -> Columns:
    """Return the recovery of local days ``[first, last)``; a day after a night without the watch has none."""
    days = np.arange(first, max(first, last), dtype=np.int64)
    days = days[worn(who, days - 1)]
    done = training(who, first - MEMORY, last)
    heart = mornings(who, done, days)
    load = done.on(days)
    tired = heart.fresh < -1.6
    return {
        "id": ids.texts(ids.numbers(days * ids.CELLS + ids.MORNING, 0, who.accounts["truth"])),
        "athlete_id": [str(who.accounts["truth"])] * len(days),
        "date": datetimes(days * DAY),
        "recovery_score": np.rint(np.clip(66.0 + 15.0 * heart.fresh, 3.0, 99.0)),
        "readiness_score": np.rint(np.clip(74.0 + 9.0 * heart.fresh, 20.0, 99.0)),
        "stress_score": np.rint(np.clip(34.0 - 8.0 * heart.fresh, 5.0, 95.0)),
        # A saturating curve: 0 for a day in bed, below 21 for any day.
        "strain": np.round(21.0 * (load + 8.0) / (load + 90.0), 1),
        "resting_heart_rate_bpm": heart.resting,
        "hrv_rmssd_ms": heart.variability,
        "hrv_status": np.where(tired, "low", "balanced").tolist(),
        "spo2_pct": np.round(np.clip(96.4 + 0.7 * normal(who.key, "oxygen", days), 91.0, 100.0), 1),
        "respiratory_rate_brpm": np.round(14.6 + 0.5 * normal(who.key, "breaths", days), 1),
        "skin_temperature_c": np.round(34.4 + 0.3 * normal(who.key, "skin", days) + 0.5 * tired, 1),
        "scoring": ["scored"] * len(days),
    }


def health_columns(who: Person, days: Ints, times: Ints) -> Columns:
    """Return weighings on days at UTC seconds."""
    true = weight(who, days)
    shown = true + 0.35 * normal(who.key, "scale", days)
    usual = (23.5 if who.sex == "female" else 15.5) + 2.0 * normal(who.key, "fat", np.zeros(1, dtype=np.int64))[0]
    fat = np.clip(usual + 1.1 * (true - who.weight_kg) + 0.5 * normal(who.key, "fat_day", days), 6.0, 40.0)
    lean = shown * (1.0 - fat / 100.0)
    return {
        "id": ids.texts(ids.numbers(days * ids.CELLS + ids.SCALE, 0, who.accounts["truth"])),
        "athlete_id": [str(who.accounts["truth"])] * len(days),
        "time": datetimes(times),
        "time_local": datetimes(times + offset_at(times)),
        "weight_kg": np.round(shown, 1),
        "height_m": np.full(len(days), who.height_m),
        "body_mass_index": np.round(shown / (who.height_m * who.height_m), 1),
        "body_fat_pct": np.round(fat, 1),
        "body_water_pct": np.round(100.0 * 0.73 * lean / shown, 1),
        "muscle_mass_kg": np.round(lean * 0.94, 1),
        "lean_mass_kg": np.round(lean, 1),
        "device": ["Waage One"] * len(days),
    }


def weighs(who: Person, days: Ints) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return whether the athlete steps on the scale on each day: about three times a week."""
    return uniform(who.key, "weighs", days) < 0.42
