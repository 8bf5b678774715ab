"""What a person asks, validated once."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

from pierre_data.client.options import unknown_word
from pierre_data.dedupe import Override
from pierre_data.errors import QueryError
from pierre_data.schema import TABLES, Table, sport_filter

#: What a bound may be: ISO text, date, datetime, pandas Timestamp or numpy datetime64.
When = str | dt.date | dt.datetime | np.datetime64

#: No place is further from UTC.
_WIDEST = dt.timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class TimeRange:
    """``[after, before)``, aware UTC; or naive local wall-clock when `local`: the athlete's own local days."""

    after: dt.datetime | None = None
    before: dt.datetime | None = None
    local: bool = False

    @property
    def utc(self) -> tuple[dt.datetime | None, dt.datetime | None]:
        """The window in UTC; for local days, wide enough for every place on earth."""
        if not self.local:
            return self.after, self.before
        after = self.after and self.after.replace(tzinfo=dt.UTC) - _WIDEST
        return after, self.before and self.before.replace(tzinfo=dt.UTC) + _WIDEST


@dataclass(frozen=True, slots=True)
class ActivityQuery:
    """Rows of a table that a person asks for; a value, so that the same question is known again."""

    table: Table
    window: TimeRange = TimeRange()
    sports: frozenset[str] | None = None
    limit: int | None = None
    dedupe: bool = False
    overrides: tuple[Override, ...] = ()


def read_table(table: Table | str) -> Table:
    """Return a table, also by its name."""
    if isinstance(table, Table):
        return table
    if table not in TABLES:
        raise unknown_word("table", table, TABLES)
    return TABLES[table]


def read_limit(limit: int | None) -> int | None:
    """Return a limit that makes sense."""
    if limit is None:
        return None
    if isinstance(limit, bool) or not isinstance(limit, int | np.integer) or limit < 1:
        raise QueryError(f"limit={limit} makes no sense.", "Ask for at least one row, or leave it out.")
    return int(limit)


def read_sports(sport: str | None) -> frozenset[str] | None:
    """Return the sports a word means; None is all."""
    return None if sport is None else sport_filter(sport)


def read_range(after: When | None, before: When | None, tz: str = "UTC") -> TimeRange:
    """Return a window; naive bounds are in the zone `tz`, or the athlete's local days with ``"local"``.

    Raises QueryError: a date cannot be read, the zone is unknown, or `after` is not before `before`.

    Examples
    --------
    >>> read_range("2026-01-01", "2026-02-01").after.isoformat()
    '2026-01-01T00:00:00+00:00'
    """
    zone = None if tz == "local" else _zone(tz)
    start, end = (_moment(value, name, zone) for value, name in ((after, "after"), (before, "before")))
    if start is not None and end is not None and start >= end:
        raise QueryError(
            f"after ({after}) is not earlier than before ({before}).", "Swap them, or move before to a later day."
        )
    return TimeRange(start, end, local=tz == "local")


def _moment(value: When | None, name: str, zone: ZoneInfo | None) -> dt.datetime | None:
    if value is None:
        return None
    given = value
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value.strip())
        except ValueError:
            raise QueryError(
                f"{name}={value!r} is no date.", "Write it as 2026-01-31 or 2026-01-31T08:00:00+01:00."
            ) from None
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day)
    if not isinstance(value, dt.datetime) or value != value:
        raise QueryError(f"{name}={given!r} is no date.", "Pass text, a date, a datetime or a Timestamp.")
    # A pandas Timestamp is a datetime with nanoseconds; they are cut.
    value = dt.datetime.combine(value.date(), value.time(), value.tzinfo)
    if zone is None:
        if value.tzinfo is not None:
            raise QueryError(
                f"{name} has a time zone, but tz='local' asks for local days.", "Drop the zone, or drop tz='local'."
            )
        return value
    aware = value if value.tzinfo is not None else value.replace(tzinfo=zone)
    try:
        return aware.astimezone(dt.UTC)
    except OverflowError:
        raise QueryError(f"{name}={given!r} is too far away.", "Name a day people live in.") from None


def _zone(tz: str) -> ZoneInfo:
    try:
        return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        raise QueryError(f"{tz!r} is no time zone.", "Use a name such as 'Europe/Paris', 'UTC' or 'local'.") from None
