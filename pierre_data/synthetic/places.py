"""Where workouts start and end."""

from __future__ import annotations

import numpy as np

from pierre_data.synthetic.draws import Floats, Ints, normal
from pierre_data.synthetic.ids import CELLS
from pierre_data.synthetic.kinds import CODE
from pierre_data.synthetic.people import Person

#: Metres per degree of latitude, on the mean meridian.
DEGREE_M = 111_195.0
#: How far each place lies from the town's centre, in metres (one standard deviation per axis).
_SPREAD = {"home": 2200.0, "office": 4500.0, "track": 2500.0, "trailhead": 9000.0, "lake": 7000.0}
_AWAY = {"track": ("track_run",), "trailhead": ("trail_run", "hike", "race_run"), "lake": ("open_water_swim",)}


def _place(who: Person, name: str) -> tuple[float, float]:
    """Return metres east and north of the town's centre."""
    east, north = (normal(who.key, "place_" + name, np.arange(2)) * _SPREAD[name]).tolist()
    return east, north


def start_and_end(who: Person, view: str, kind: Ints, cell: Ints) -> tuple[Floats, Floats, Floats, Floats]:
    """Return latitude and longitude of start and end, in degrees, as a view's GPS saw them.

    Loops end where they began; a commute goes to the office in the morning and home in the evening.
    """
    home, office = _place(who, "home"), _place(who, "office")
    start = np.tile(np.array(home), (len(kind), 1))
    for name, kinds in _AWAY.items():
        start[np.isin(kind, [CODE[k] for k in kinds])] = _place(who, name)
    end = start.copy()
    commute, evening = kind == CODE["commute_ride"], cell % CELLS == 2
    start[commute & evening], end[commute & evening] = office, home
    end[commute & ~evening] = office
    out: list[Floats] = []
    for stage, place, width in (("start", start, 14.0), ("end", end, 22.0)):
        jitter = np.stack([normal(who.key, f"{view}_{stage}_{axis}", cell) for axis in ("east", "north")], axis=1)
        out.extend(degrees(who, *(place + width * jitter).T))
    return out[0], out[1], out[2], out[3]


def degrees(who: Person, east: Floats, north: Floats) -> tuple[Floats, Floats]:
    """Return latitude and longitude of metres from the town's centre, to a tenth of a metre."""
    town = who.town
    latitude = np.round(town.latitude + north / DEGREE_M, 6)
    return latitude, np.round(town.longitude + east / (DEGREE_M * town.cosine), 6)
