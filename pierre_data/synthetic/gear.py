"""Shoes, bikes and watches."""

from __future__ import annotations

from typing import Any

import numpy as np

from pierre_data.synthetic.draws import Ints, Texts, uniform
from pierre_data.synthetic.kinds import CODE, moves
from pierre_data.synthetic.people import Person
from pierre_data.synthetic.workouts import Workouts
from pierre_data.synthetic.zone import day_number

_DAYS_PER_PAIR = 190
_ZERO = day_number("1995-01-01")
_ROAD, _GRAVEL, _CITY, _TRAINER = 1, 2, 3, 4
_BIKES = {_ROAD: "Road bike", _GRAVEL: "Gravel bike", _CITY: "City bike", _TRAINER: "Trainer"}
_MODELS = ("Feather 1", "Feather 2", "Milestone", "Milestone Plus", "Longway", "Longway 2")
# Invented names: nobody's product is meant.
_WATCHES = np.array(["Meridian 2", "Meridian 4", "Meridian 5 Pro", "Meridian 7"], dtype=object)
_WATCH_DAYS = np.array([day_number(d) for d in ("2018-04-10", "2020-11-24", "2024-03-02")])


def watch_worn(day: Ints) -> Texts:
    """Return the watch worn on each day."""
    return _WATCHES[np.searchsorted(_WATCH_DAYS, day, side="right")]


def _codes(who: Person, kind: Ints, day: Ints) -> Ints:
    """Return a code per row: a bike, 100 and up for a pair of shoes, 0 for nothing."""
    phase = int(uniform(who.key, "shoes", np.arange(1))[0] * _DAYS_PER_PAIR)
    shoes = 100 + (day - _ZERO + phase) // _DAYS_PER_PAIR
    code = np.where(moves("run")[kind], shoes, np.where(moves("ride")[kind], _ROAD, 0))
    for name, bike in (("gravel_ride", _GRAVEL), ("commute_ride", _CITY), ("virtual_ride", _TRAINER)):
        code = np.where(kind == CODE[name], bike, code)
    return code


def _id(who: Person, code: int) -> str:
    return str((code << 32) | who.accounts["truth"])


def carried(who: Person, kind: Ints, day: Ints) -> list[str | None]:
    """Return the gear id of each row, None for swimming, walking and halls."""
    distinct, place = np.unique(_codes(who, kind, day), return_inverse=True)
    names = np.array([_id(who, c) if c else None for c in distinct.tolist()], dtype=object)
    return list(names[place].tolist()) if len(names) else []


def gear_columns(who: Person, true: Workouts) -> dict[str, Any]:
    """Return columns of the table gear, with the distance of true workouts; the last pair of shoes is in use."""
    code = _codes(who, true.kind, true.day)
    distinct, place = np.unique(code, return_inverse=True)
    # Decimetres are integers, so this sum is the same in any order.
    tenths = np.bincount(place, weights=np.rint(np.nan_to_num(true.distance) * 10.0), minlength=len(distinct))
    used = distinct > 0
    codes, metres = distinct[used], tenths[used] / 10.0
    shoes = codes >= 100
    names = [_MODELS[c % len(_MODELS)] if c >= 100 else _BIKES[c] for c in codes.tolist()]
    newest = codes == codes.max(initial=0)
    return {
        "id": [_id(who, c) for c in codes.tolist()],
        "kind": ["shoes" if s else "bike" for s in shoes.tolist()],
        "name": names,
        "brand": ["Fernweh" if s else "Radwerk" for s in shoes.tolist()],
        "model": names,
        "distance_m": metres,
        "retired": shoes & ~newest,
        "is_primary": (shoes & newest) | (codes == _ROAD),
    }
