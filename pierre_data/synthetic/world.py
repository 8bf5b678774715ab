"""A world: true workouts, and what each virtual provider recorded of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from pierre_data.errors import QueryError
from pierre_data.synthetic import body
from pierre_data.synthetic.draws import Draws
from pierre_data.synthetic.scenarios import SCENARIOS
from pierre_data.synthetic.views import columns, recorded
from pierre_data.synthetic.workouts import Workouts, make

#: Part of every digest: the same seed and version give the same rows.
GENERATOR_VERSION = 1

View = Literal["truth", "watch", "phone"]
Columns = dict[str, Any]


@dataclass(frozen=True)
class World:
    """One athlete's reproducible life.

    Parameters
    ----------
    seed : int
        The same seed gives the same rows.
    scenario : str
        Kind of athlete.
    start, end : str
        First local day, and the day after the last; no clock is read.

    Raises
    ------
    QueryError
        The seed is no integer, the scenario is unknown, or the days make no sense.

    Examples
    --------
    >>> len(World(seed=1).activities()["id"]) > 2000
    True
    """

    seed: int = 1
    scenario: str = "improving-runner"
    start: str = "2016-01-01"
    end: str = "2026-07-01"

    def __post_init__(self) -> None:
        if isinstance(self.seed, bool) or not isinstance(self.seed, int):
            raise QueryError(f"seed={self.seed!r} is no integer.", "Use a number such as 7.")
        if self.scenario not in SCENARIOS:
            raise QueryError(f"{self.scenario!r} is no scenario.", f"Choose one of: {', '.join(SCENARIOS)}.")
        try:
            days = self._days
        except ValueError:
            days = 0
        if days < 1:
            raise QueryError(f"{self.start} to {self.end} are no days.", "Write them as 2016-01-01 and 2026-07-01.")

    @property
    def _days(self) -> int:
        return int((np.datetime64(self.end, "D") - np.datetime64(self.start, "D")).astype("int64"))

    @cached_property
    def _draws(self) -> Draws:
        return Draws(self.seed, self.scenario)

    @cached_property
    def workouts(self) -> Workouts:
        """What really happened."""
        return make(self._draws, self.scenario, np.datetime64(self.start, "D"), self._days)

    def activities(
        self, view: View = "truth", after: np.datetime64 | None = None, before: np.datetime64 | None = None
    ) -> Columns:
        """Return activities as a provider recorded them, oldest first.

        Parameters
        ----------
        view : {"truth", "watch", "phone"}
            Whose recording.
        after, before : datetime64, optional
            ``[after, before)`` of the recording's own start, UTC.

        Returns
        -------
        dict of str to array
            Columns of the table activities, without provider.
        """
        return _within(columns(self._draws, self.workouts, view), "start_time", after, before)

    def truth(self, view: View) -> np.ndarray:
        """Return the true workout's slot for each recording of a view: what a perfect dedupe would join."""
        return recorded(self._draws, self.workouts, view).slot

    def sleep(self, after: np.datetime64 | None = None, before: np.datetime64 | None = None) -> Columns:
        """Return nights that begin in ``[after, before)``, oldest first."""
        made = body.sleep(self._draws, np.datetime64(self.start, "D"), self._days, self.workouts)
        return _within(made, "start_time", after, before)

    def recovery(self, after: np.datetime64 | None = None, before: np.datetime64 | None = None) -> Columns:
        """Return recovery of the days in ``[after, before)``, oldest first."""
        made = body.recovery(self._draws, np.datetime64(self.start, "D"), self._days, self.workouts)
        return _within(made, "date", after, before)

    def health(self, after: np.datetime64 | None = None, before: np.datetime64 | None = None) -> Columns:
        """Return weekly weighings in ``[after, before)``, oldest first."""
        made = body.health(self._draws, np.datetime64(self.start, "D"), self._days)
        return _within(made, "time", after, before)

    def athlete(self) -> Columns:
        """Return the athlete, one row."""
        return body.athlete(self._draws)

    def digest(self, table: str = "activities", view: View = "truth") -> str:
        """Return a checksum of a table's values, names and order; equal on every machine.

        Raises
        ------
        QueryError
            No such table.
        """
        made = {"sleep": self.sleep, "recovery": self.recovery, "health": self.health}
        if table != "activities" and table not in made:
            raise QueryError(f"{table!r} has no digest.", f"Choose activities, {', '.join(made)}.")
        found = self.activities(view) if table == "activities" else made[table]()
        total = hashlib.sha256(f"pierre synthetic {GENERATOR_VERSION} {table}".encode())
        for name, values in found.items():
            total.update(f"\0{name}\0".encode())
            total.update(_canonical(values))
        return total.hexdigest()


def _canonical(values: Any) -> bytes:
    array = np.asarray(values)
    if array.dtype.kind == "M":
        return array.astype("<M8[us]").tobytes()
    if array.dtype.kind in "fiu":
        return array.astype("<f8").tobytes()
    return "\0".join("" if v is None else str(v) for v in array.tolist()).encode()


def _within(columns: Columns, time: str, after: np.datetime64 | None, before: np.datetime64 | None) -> Columns:
    times = columns[time]
    low = 0 if after is None else int(np.searchsorted(times, after, side="left"))
    high = len(times) if before is None else int(np.searchsorted(times, before, side="left"))
    if low == 0 and high == len(times):
        return columns
    return {name: values[low:high] for name, values in columns.items()}
