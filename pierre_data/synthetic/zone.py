"""The wall clock of Europe/Berlin, by rule.

The rule (Directive 2000/84/EC: summer time from the last Sunday of March to the last Sunday of October, both at
01:00 UTC) holds since 1996 and gives what the time zone database gives, without depending on its version or presence.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from pierre_data.synthetic.draws import Ints

TIMEZONE = "Europe/Berlin"
FIRST_YEAR, LAST_YEAR = 1996, 2099
HOUR, DAY = 3600, 86400


def day_number(text: str) -> int:
    """Return the days of a date since 1970-01-01."""
    return int(np.datetime64(text, "D").astype(np.int64))


def weekday(days: Ints) -> Ints:
    """Return 0 for Monday to 6 for Sunday."""
    return (days + 3) % 7


@cache
def _changes() -> Ints:
    """Return the UTC seconds of all changes: to summer time at even positions, back at odd ones."""
    years = range(FIRST_YEAR, LAST_YEAR + 1)
    last = np.array([day_number(f"{year}-{day}") for year in years for day in ("03-31", "10-31")], dtype=np.int64)
    return (last - (last + 4) % 7) * DAY + HOUR


def offset_at(utc_s: Ints) -> Ints:
    """Return local time minus UTC in seconds, at seconds since 1970 UTC."""
    summer = np.searchsorted(_changes(), utc_s, side="right") % 2
    return HOUR + HOUR * summer.astype(np.int64)


def utc_of(local_s: Ints) -> Ints:
    """Return the UTC seconds of a wall clock, given as seconds since 1970 on that clock.

    A time that the spring change leaves out is read in winter time, one that the autumn change repeats in summer time.
    """
    summer = local_s - 2 * HOUR
    is_summer = offset_at(summer) == 2 * HOUR
    return np.where(is_summer, summer, local_s - HOUR)
