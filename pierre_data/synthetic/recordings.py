"""What a watch and a phone made of the same workouts.

The shares and widths follow what people report of two services fed by one athlete: most workouts are on both, as a
synced copy or as a second recording; the rest are on one only.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from pierre_data.synthetic.draws import Bools, Floats, Ints, RowArrays, normal, uniform
from pierre_data.synthetic.ids import View, numbers
from pierre_data.synthetic.kinds import measure
from pierre_data.synthetic.people import Person
from pierre_data.synthetic.workouts import Workouts
from pierre_data.synthetic.zone import DAY, HOUR, offset_at, utc_of

#: How a workout reached the phone.
WATCH_ONLY, SYNCED, DUAL, TYPED, PHONE_ONLY = range(5)
_SHARES = np.array([0.24, 0.54, 0.88, 0.90])
_QUARTER = 900
#: Largest distance between a recording's start and the true one, in days: a typed row may sit at local midnight.
REACH = 2


@dataclass(frozen=True, slots=True)
class DeviceRecording(RowArrays):
    """RowArrays of a view, ordered by their own start, then by id."""

    seen: Workouts  # as this view has them; NaN where it measured nothing
    number: Ints  # of the id
    copy: Ints  # 1 for a second upload of the same row
    label: Ints  # 0 the exact sport, 1 only its family, 2 just "workout"
    typed: Bools  # by hand
    tracked: Bools  # has a GPS track
    synced: Bools  # copied from the watch
    linked: Bools  # and says so in `external_id`


def recorded(who: Person, true: Workouts, view: View) -> DeviceRecording:
    """Return what a view has of true workouts, which are ordered by start."""
    if view == "truth":
        records = _plain(true)
    else:
        mode = np.searchsorted(_SHARES, uniform(who.key, "mode", true.cell), side="right").astype(np.int64)
        left_home = (measure("phone")[true.kind] == 0) & ((mode == DUAL) | (mode == PHONE_ONLY))
        mode = np.where(left_home, WATCH_ONLY, mode)
        watch = _watch(who, true)
        records = watch.take(mode != PHONE_ONLY) if view == "watch" else _phone(who, true, watch, mode)
        records = _uploaded_again(who, records, view)
    number = numbers(records.seen.cell, records.copy, who.accounts[view])
    order = np.lexsort((number, records.seen.start))
    return dataclasses.replace(records, number=number).take(order)


def _plain(true: Workouts) -> DeviceRecording:
    none = np.zeros(len(true.cell), dtype=np.int64)
    no = np.zeros(len(true.cell), dtype=bool)
    return DeviceRecording(true, none, none, none, no, measure("indoor")[true.kind] == 0, no, no)


def _watch(who: Person, true: Workouts) -> DeviceRecording:
    """Return all workouts as the watch has them: a clock some seconds off, now and then no heart rate."""
    clock = np.rint(1.6 * normal(who.key, "watch_clock", true.day)).astype(np.int64)
    strap = uniform(who.key, "watch_strap", true.cell) < 0.04
    odometer = np.where(measure("indoor")[true.kind] > 0, 0.0, 0.006 * normal(who.key, "watch_gps", true.cell))
    seen = dataclasses.replace(
        true,
        start=true.start + clock,
        distance=np.round(true.distance * (1.0 + odometer), 1),
        heart=np.where(strap, np.nan, true.heart + 0.6 * normal(who.key, "watch_heart", true.cell)),
    )
    return dataclasses.replace(_plain(true), seen=seen)


def _phone(who: Person, true: Workouts, watch: DeviceRecording, mode: Ints) -> DeviceRecording:
    have = mode != WATCH_ONLY
    mode, true, watch = mode[have], true.take(have), watch.take(have)
    synced, typed = mode == SYNCED, mode == TYPED
    variants = (_copied(who, watch.seen), _by_hand(who, true), _own(who, true))
    columns = ([getattr(rows, f.name) for rows in variants] for f in dataclasses.fields(Workouts))
    seen = Workouts(*(np.where(synced, copied, np.where(typed, hand, own)) for copied, hand, own in columns))
    u = uniform(who.key, "phone_label", true.cell)
    label = np.where(synced, u > 0.86, (u > 0.72) * 1 + (u > 0.92)).astype(np.int64)
    return dataclasses.replace(
        _plain(true),
        seen=seen,
        label=label,
        typed=typed,
        tracked=watch.tracked & ~typed,
        synced=synced,
        linked=synced & (uniform(who.key, "phone_link", true.cell) < 0.6),
    )


def _copied(who: Person, watch: Workouts) -> Workouts:
    """Return the watch's rows after a sync: the same start, durations and distance computed again."""
    late = (uniform(who.key, "sync_seconds", watch.cell) > 0.7).astype(np.int64)
    still = (watch.elapsed - watch.moving) * (0.8 + 0.4 * uniform(who.key, "sync_pauses", watch.cell))
    elapsed = watch.elapsed + late
    return dataclasses.replace(
        watch,
        elapsed=elapsed,
        moving=elapsed - np.minimum(np.rint(still).astype(np.int64), elapsed // 2),
        distance=np.round(watch.distance * (1.0 + 0.001 * normal(who.key, "sync_distance", watch.cell)), 1),
    )


def _own(who: Person, true: Workouts) -> Workouts:
    """Return the phone's own recordings: started and stopped by another thumb, no sensors, its own GPS and pauses."""
    shift = [_thumb(who, f"phone_{end}", true.cell) for end in ("start", "stop")]
    shift = [np.clip(s, -true.elapsed // 4, true.elapsed // 4) for s in shift]
    elapsed = true.elapsed + shift[1] - shift[0]
    still = (true.elapsed - true.moving) * (0.5 + uniform(who.key, "phone_pauses", true.cell))
    gps = 1.0 + 0.025 * normal(who.key, "phone_gps", true.cell)
    nothing = np.full(len(true.cell), np.nan)
    return dataclasses.replace(
        true,
        start=true.start + shift[0],
        elapsed=elapsed,
        moving=elapsed - np.minimum(np.rint(still).astype(np.int64), elapsed // 2),
        distance=np.round(true.distance * gps, 1),
        climb=np.rint(true.climb * (1.0 + 0.12 * normal(who.key, "phone_climb", true.cell))),
        **dict.fromkeys(("heart", "power", "normalized", "ftp"), nothing),
    )


def _thumb(who: Person, stream: str, cell: Ints) -> Ints:
    """Return seconds off: mostly within half a minute, now and then a minute or three late."""
    u = uniform(who.key, stream + "_how", cell)
    late = 40.0 + 140.0 * ((u - 0.72) / 0.28) ** 2
    return np.rint(np.where(u < 0.72, 14.0 * normal(who.key, stream, cell), late)).astype(np.int64)


def _by_hand(who: Person, true: Workouts) -> Workouts:
    """Return rows as people type them: quarter hours, or local midnight; five minutes; half kilometres."""
    about = true.start + np.rint(900.0 * normal(who.key, "typed_start", true.cell)).astype(np.int64)
    midnight = uniform(who.key, "typed_midnight", true.cell) < 0.35
    start = np.where(midnight, utc_of(true.day * DAY), (about + _QUARTER // 2) // _QUARTER * _QUARTER)
    spent = np.maximum((true.elapsed + 150) // 300 * 300, 300)
    nothing = np.full(len(true.cell), np.nan)
    rounded = np.where(true.distance < 250.0, np.nan, np.rint(true.distance / 500.0) * 500.0)
    return dataclasses.replace(
        true,
        start=start,
        elapsed=spent,
        moving=spent,
        distance=rounded,
        **dict.fromkeys(("heart", "power", "normalized", "ftp", "temperature", "climb"), nothing),
    )


def _uploaded_again(who: Person, records: DeviceRecording, view: View) -> DeviceRecording:
    """Return the rows and, rarely, one of them a second time; what is linked stays single, else the link lies."""
    again = (uniform(who.key, f"{view}_again", records.seen.cell) < 0.007) & ~records.linked & ~records.typed
    rows = np.concatenate([np.arange(len(again)), np.flatnonzero(again)])
    twice = records.take(rows)
    copy = (np.arange(len(rows)) >= len(again)).astype(np.int64)
    return dataclasses.replace(twice, copy=copy)


def local_hour(start: Ints) -> Floats:
    """Return the hour on the wall clock, with its fraction."""
    return ((start + offset_at(start)) % DAY) / HOUR
