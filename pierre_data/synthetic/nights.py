"""Nights and naps, and their stages."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from pierre_data.synthetic import ids
from pierre_data.synthetic.days import MEMORY, Training, mornings, training, worn
from pierre_data.synthetic.draws import Bools, Columns, Floats, Ints, RowArrays, datetimes, normal, uniform
from pierre_data.synthetic.people import Person
from pierre_data.synthetic.zone import DAY, HOUR, TIMEZONE, offset_at, utc_of, weekday

#: Sleep is scored in epochs of 30 s.
EPOCH = 30
STAGES = ("awake", "light", "deep", "rem")
_AWAKE, _LIGHT, _DEEP, _REM = range(4)
#: A cycle of sleep, five times a night; deep sleep comes early, REM late.
_CYCLE = np.array([_LIGHT, _DEEP, _LIGHT, _REM, _AWAKE])
_SHARE = np.array(
    [
        [0.12, 0.36, 0.08, 0.08, 0.20],
        [0.12, 0.28, 0.08, 0.16, 0.20],
        [0.12, 0.20, 0.08, 0.22, 0.20],
        [0.12, 0.11, 0.08, 0.26, 0.20],
        [0.12, 0.05, 0.08, 0.28, 0.20],
    ]
)


@dataclass(frozen=True, slots=True)
class Nights(RowArrays):
    """Sleeps, one value each, ordered by start."""

    day: Ints  # local day on whose evening (or afternoon) it begins, since 1970
    nap: Bools
    start: Ints  # UTC seconds
    epochs: Ints  # awake, light, deep and REM; shape (rows, 4)
    load: Floats  # of the day before the sleep

    @property
    def end(self) -> Ints:
        """UTC seconds of waking up."""
        return np.asarray(self.start + self.epochs.sum(axis=1) * EPOCH)

    @property
    def cell(self) -> Ints:
        """Who they are."""
        return self.day * ids.CELLS + np.where(self.nap, ids.NAP, ids.NIGHT)


def every_night(who: Person, first: int, last: int) -> tuple[Nights, Training]:
    """Return the nights that begin on local days ``[first, last)``, whether measured or not."""
    days = np.arange(first, max(first, last), dtype=np.int64)
    done = training(who, first - MEMORY, last + 2)
    place = days - done.first
    free = np.isin(weekday(days), (4, 5))
    bed = 22.4 * HOUR + 2400.0 * free + 1500.0 * normal(who.key, "bed", days)
    local = days * DAY + np.rint(np.clip(bed, 20.5 * HOUR, 24.6 * HOUR)).astype(np.int64)
    start = np.maximum(utc_of(local), done.ends[place] + 2700)
    load = done.load[place]
    length = 7.9 + 0.5 * free + 0.0028 * np.minimum(load, 200.0) + 0.65 * normal(who.key, "slept", days)
    alarm = np.minimum(length * HOUR, done.begins[place + 1] - start - 1800)
    epochs = np.maximum(np.rint(alarm / EPOCH), 240.0).astype(np.int64)
    late = np.maximum(done.ends[place] - utc_of(days * DAY + 20 * HOUR), 0) / HOUR
    awake = 0.05 + 0.03 * uniform(who.key, "restless", days) + 0.012 * late
    deep = 0.17 + 0.0005 * np.minimum(load, 150.0) + 0.02 * normal(who.key, "deep", days)
    rem = 0.22 - 0.006 * late + 0.02 * normal(who.key, "rem", days)
    parts = [np.rint(epochs * np.clip(p, 0.02, 0.4)).astype(np.int64) for p in (awake, deep, rem)]
    stages = np.stack([parts[0], epochs - parts[0] - parts[1] - parts[2], parts[1], parts[2]], axis=1)
    return Nights(days, np.zeros(len(days), dtype=bool), start, stages, load), done


def measured(who: Person, first: int, last: int) -> tuple[Nights, Training]:
    """Return the measured nights and naps of local days ``[first, last)``, by start, and the training around."""
    nights, done = every_night(who, first, last)
    nights = nights.take(worn(who, nights.day))
    days = np.arange(first, max(first, last), dtype=np.int64)
    place = days - done.first
    begin = utc_of(days * DAY + 50_400) + np.rint(1500.0 * normal(who.key, "nap_start", days)).astype(np.int64)
    rest = (done.ends[place] < begin - 1800) & (uniform(who.key, "nap", days) < 0.06)
    rest &= (done.begins[place] > begin + 7200) | (done.ends[place] < begin)
    length = 40 + np.rint(50.0 * uniform(who.key, "nap_length", days)).astype(np.int64)
    none = np.zeros_like(length)
    epochs = np.stack([np.full_like(length, 6), length, none, none], axis=1)
    naps = Nights(days, np.ones(len(days), dtype=bool), begin, epochs, done.load[place]).take(rest)
    names = [f.name for f in dataclasses.fields(Nights)]
    both = Nights(*(np.concatenate([getattr(nights, name), getattr(naps, name)]) for name in names))
    return both.take(np.argsort(both.start, kind="stable")), done


def sleep_columns(who: Person, slept: Nights, done: Training) -> Columns:
    """Return columns of the table sleep."""
    seconds = slept.epochs * float(EPOCH)
    in_bed, asleep = seconds.sum(axis=1), seconds[:, 1:].sum(axis=1)
    offset, end = offset_at(slept.start), slept.end
    end_offset = offset_at(end)
    heart = mornings(who, done, slept.day + 1)
    lowest = np.where(slept.nap, np.nan, heart.resting - 1.0 - np.rint(2.0 * uniform(who.key, "lowest", slept.day)))
    score = 84.0 + 9.0 * (asleep / 27_000.0 - 1.0) * 4.0 + 5.0 * heart.fresh
    night = (end + end_offset) // DAY
    return {
        "id": _ids(who, slept),
        "athlete_id": [str(who.accounts["truth"])] * len(offset),
        "night": datetimes(night * DAY),
        "start_time": datetimes(slept.start),
        "end_time": datetimes(end),
        "start_time_local": datetimes(slept.start + offset),
        "end_time_local": datetimes(end + end_offset),
        "utc_offset_s": offset.astype(np.float64),
        "timezone": [TIMEZONE] * len(offset),
        "is_nap": slept.nap,
        "in_bed_s": in_bed,
        "asleep_s": asleep,
        **{f"{stage}_s": seconds[:, at] for at, stage in enumerate(STAGES)},
        "efficiency_pct": np.round(100.0 * asleep / in_bed, 1),
        "score": np.where(slept.nap, np.nan, np.rint(np.clip(score, 15.0, 99.0))),
        "average_heart_rate_bpm": lowest + 5.0 + np.rint(3.0 * uniform(who.key, "night_heart", slept.day)),
        "lowest_heart_rate_bpm": lowest,
        "hrv_rmssd_ms": np.where(slept.nap, np.nan, heart.variability),
        "respiratory_rate_brpm": np.round(14.6 + 0.5 * normal(who.key, "breaths", slept.day + 1), 1),
        "scoring": ["scored"] * len(offset),
    }


def stage_columns(who: Person, slept: Nights) -> Columns:
    """Return columns of the table sleep_stages; each stage's stretches add up to the sleep's totals."""
    plan = np.tile(_CYCLE, len(_SHARE))
    wish = np.tile(_SHARE.reshape(-1), (len(slept.day), 1))
    pieces = slept.cell[:, None] * 32 + np.arange(len(plan))
    wish = wish * (0.75 + 0.5 * uniform(who.key, "stage", pieces))
    length = np.zeros(wish.shape, dtype=np.int64)
    for stage in range(len(STAGES)):
        mine = np.flatnonzero(plan == stage)
        edges = np.cumsum(wish[:, mine], axis=1)
        whole = np.floor(edges / edges[:, -1:] * slept.epochs[:, stage : stage + 1] + 1e-9).astype(np.int64)
        length[:, mine] = np.diff(whole, axis=1, prepend=0)
    begin = slept.start[:, None] + EPOCH * (np.cumsum(length, axis=1) - length)
    row, piece = np.nonzero(length)
    names = np.array(STAGES, dtype=object)
    return {
        "sleep_id": np.array(_ids(who, slept), dtype=object)[row].tolist(),
        "start_time": datetimes(begin[row, piece]),
        "elapsed_s": length[row, piece] * float(EPOCH),
        "stage": names[plan[piece]].tolist(),
    }


def _ids(who: Person, slept: Nights) -> list[str]:
    return ids.texts(ids.numbers(slept.cell, 0, who.accounts["truth"]))
