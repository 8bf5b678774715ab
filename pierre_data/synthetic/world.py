"""A world: one athlete, what they did, and what two devices made of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_args

import numpy as np

from pierre_data.errors import QueryError
from pierre_data.synthetic import activities, days, gear, ids, nights, recordings, streams
from pierre_data.synthetic.digests import table_digest
from pierre_data.synthetic.draws import Bools, Columns, Ints, datetimes, uniform
from pierre_data.synthetic.ids import View
from pierre_data.synthetic.people import Person, person, shape, thresholds
from pierre_data.synthetic.scenarios import SCENARIOS
from pierre_data.synthetic.workouts import Workouts, true_workouts
from pierre_data.synthetic.zone import DAY, FIRST_YEAR, LAST_YEAR, TIMEZONE, day_number

Moment = np.datetime64 | None
_SEEDS = 1 << 28
_TABLES = ("activities", "sleep", "sleep_stages", "recovery", "health", "athlete", "gear")


@dataclass(frozen=True)
class World:
    """One athlete's reproducible life; no clock is read, nothing is stored.

    Parameters
    ----------
    seed : int, default 1
        Which athlete, from 0 to 268,435,455.
    scenario : str
        How they train: a name of `SCENARIOS`.
    start, end : str
        Dates; only rows in ``[start, end)`` UTC exist.  They cut and change nothing else: the rows of a day are the
        same in every world of that seed and scenario.

    Raises
    ------
    QueryError
        The seed, the scenario or the dates cannot be used.

    Examples
    --------
    >>> world = World(seed=7, scenario="triathlete")
    >>> watch = world.activities("watch", np.datetime64("2026-05-01"), np.datetime64("2026-06-01"))
    >>> len(watch["id"]), watch["sport"][-1], watch["distance_m"][-1].item()
    (29, 'run', 11426.6)
    """

    seed: int = 1
    scenario: str = "improving-runner"
    start: str = "2016-01-01"
    end: str = "2026-07-01"

    def __post_init__(self) -> None:
        """Check everything once."""
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < _SEEDS:
            raise QueryError(f"The seed {self.seed!r} cannot be used.", f"Take a whole number from 0 to {_SEEDS - 1}.")
        if self.scenario not in SCENARIOS:
            raise QueryError(f"There is no scenario {self.scenario!r}.", f"Choose one of: {', '.join(SCENARIOS)}.")
        low, high = day_number(f"{FIRST_YEAR}-01-08"), day_number(f"{LAST_YEAR}-12-24")
        try:
            fits = low <= day_number(self.start) < day_number(self.end) <= high
        except ValueError:
            fits = False
        if not fits:
            raise QueryError(
                f"A world cannot last from {self.start!r} to {self.end!r}.",
                f"Take two dates such as 2016-01-01, the first one earlier, within {FIRST_YEAR} to {LAST_YEAR}.",
            )

    @cached_property
    def _person(self) -> Person:
        return person(self.seed, self.scenario)

    def activities(self, view: View = "truth", after: Moment = None, before: Moment = None) -> Columns:
        """Return activities as a view recorded them, oldest first.

        Parameters
        ----------
        view : {"truth", "watch", "phone"}
            What really happened, or what a device has of it.
        after, before : datetime64, optional
            ``[after, before)`` UTC, by the view's own start time.

        Returns
        -------
        dict of str to array or list
            Columns of the table activities without `provider`: float64 with NaN, bool, datetime64[us] (``*_local``
            naive local, the others UTC), and lists of str or None.

        Raises
        ------
        QueryError
            There is no such view.
        """
        return activities.activity_columns(self._person, view, self._recording(view, after, before))

    def truth(self, view: View = "truth") -> Ints:
        """Return for each row of ``activities(view)`` the position of its workout in ``activities("truth")``.

        -1 where the true workout lies outside the world by the few seconds a clock was off.
        """
        true = self._recording("truth", None, None).seen.cell
        cells = self._recording(view, None, None).seen.cell
        place = np.minimum(np.searchsorted(true, cells), max(len(true) - 1, 0))
        return np.where(true[place] == cells, place, -1) if len(true) else np.full(len(cells), -1)

    def sleep(self, after: Moment = None, before: Moment = None) -> Columns:
        """Return nights and naps that begin in ``[after, before)`` UTC, oldest first."""
        records, done = self._nights(*self._bounds(after, before))
        return nights.sleep_columns(self._person, records, done)

    def sleep_stages(self, after: Moment = None, before: Moment = None) -> Columns:
        """Return the stages that begin in ``[after, before)`` UTC, oldest first."""
        low, high = self._bounds(after, before)
        records, _ = self._nights(low - _DAY_US, high)
        stages = nights.stage_columns(self._person, records)
        place = np.flatnonzero(_within(stages["start_time"].astype(np.int64) // 1_000_000, low, high))
        inside = slice(int(place[0]), int(place[-1]) + 1) if len(place) else slice(0)
        return {name: values[inside] for name, values in stages.items()}

    def recovery(self, after: Moment = None, before: Moment = None) -> Columns:
        """Return one row per local date in ``[after, before)``; the bounds are read as wall-clock times."""
        low, high = self._bounds(after, before)
        return days.recovery_columns(self._person, _ceil(low), _ceil(high))

    def health(self, after: Moment = None, before: Moment = None) -> Columns:
        """Return weighings at times in ``[after, before)`` UTC, oldest first; some minutes after getting up."""
        low, high = self._bounds(after, before)
        slept, _ = nights.every_night(self._person, low // _DAY_US - 3, high // _DAY_US + 2)
        morning = slept.day + 1
        time = slept.end + 300 + (600.0 * uniform(self._person.key, "weighed", morning)).astype(np.int64)
        keep = days.weighs(self._person, morning) & _within(time, low, high)
        return days.health_columns(self._person, morning[keep], time[keep])

    def streams(self, activity_id: str) -> Columns:
        """Return the samples of one activity: every second, every five on the phone; NotFound for an unknown id."""
        view, row = self._row(activity_id)
        return streams.sample_columns(self._person, row, 5 if view == "phone" else 1)

    def laps(self, activity_id: str) -> Columns:
        """Return the automatic laps of one activity, none for a typed row; NotFound for an unknown id."""
        view, row = self._row(activity_id)
        return streams.lap_rows(self._person, row, 5 if view == "phone" else 1)

    def athlete(self, view: View = "truth") -> Columns:
        """Return the athlete at the end of the world, one row."""
        who, last = self._person, np.array([day_number(self.end) - 1], dtype=np.int64)
        power = float(np.rint(thresholds(who, shape(who, last))[2][0] / 5.0) * 5.0)
        return {
            "id": [str(self._person.accounts[view])],
            "username": [who.name.lower().replace(" ", ".")],
            "name": [who.name],
            "sex": [who.sex],
            "birth_date": datetimes(np.array([who.birth_day * DAY])),
            "city": [who.town.name],
            "region": [who.town.region],
            "country": ["Germany"],
            "timezone": [TIMEZONE],
            "weight_kg": np.array([who.weight_kg]),
            "height_m": np.array([who.height_m]),
            "ftp_w": np.array([power if who.scenario.power else np.nan]),
            "max_heart_rate_bpm": np.array([float(who.max_hr)]),
            "resting_heart_rate_bpm": np.array([float(who.rest_hr)]),
            "measurement_system": ["metric"],
            "created_at": datetimes(np.array([day_number(self.start) * DAY])),
        }

    def gear(self) -> Columns:
        """Return shoes and bikes with the distance of the world's true workouts."""
        rows = self._recording("truth", None, None)
        return gear.gear_columns(self._person, rows.seen)

    def digest(self, table: str = "activities", view: View = "truth") -> str:
        """Return the SHA-256 of a table: names, types and little-endian values of all its columns.

        QueryError for a table that has none.
        """
        if table not in _TABLES:
            raise QueryError(f"{table!r} has no digest.", f"Choose one of: {', '.join(_TABLES)}.")
        rows = getattr(self, table)(view) if table in ("activities", "athlete") else getattr(self, table)()
        return table_digest(table, rows)

    def _bounds(self, after: Moment, before: Moment) -> tuple[int, int]:
        """Return the window within the world, microseconds since 1970; never reversed."""
        low, high = (day_number(d) * _DAY_US for d in (self.start, self.end))
        low = low if after is None else max(low, _microseconds(after))
        high = high if before is None else min(high, _microseconds(before))
        return low, max(low, high)

    def _recording(self, view: View, after: Moment, before: Moment) -> recordings.DeviceRecording:
        if view not in get_args(View):
            raise QueryError(f"There is no view {view!r}.", f"Choose one of: {', '.join(ids.VIEWS)}.")
        low, high = self._bounds(after, before)
        true = self._workouts(low, high)
        records = recordings.recorded(self._person, true, view)
        return records.take(_within(records.seen.start, low, high))

    def _workouts(self, low: int, high: int) -> Workouts:
        reach = recordings.REACH
        return true_workouts(self._person, low // _DAY_US - reach, high // _DAY_US + reach)

    def _nights(self, low: int, high: int) -> tuple[nights.Nights, days.Training]:
        records, done = nights.measured(self._person, low // _DAY_US - 2, high // _DAY_US + 2)
        return records.take(_within(records.start, low, high)), done

    def _row(self, activity_id: str) -> tuple[View, dict[str, Any]]:
        view, cell, number = ids.parse_id(activity_id, self._person.accounts)
        low, high = self._bounds(None, None)
        day = cell // ids.CELLS * _DAY_US
        inside = max(low, day - 2 * _DAY_US), min(high, day + 3 * _DAY_US)
        if inside[0] >= inside[1]:
            raise ids.missing(activity_id)
        records = recordings.recorded(self._person, self._workouts(*inside), view)
        records = records.take((records.number == number) & _within(records.seen.start, low, high))
        if not len(records.number):
            raise ids.missing(activity_id)
        rows = activities.activity_columns(self._person, view, records)
        return view, {name: values[0] for name, values in rows.items()}


_DAY_US = DAY * 1_000_000


def _ceil(microseconds: int) -> int:
    return -(-microseconds // _DAY_US)


def _microseconds(time: np.datetime64) -> int:
    return int(time.astype("datetime64[us]").astype(np.int64))


def _within(seconds: Ints, low: int, high: int) -> Bools:
    return (seconds * 1_000_000 >= low) & (seconds * 1_000_000 < high)
