"""What a person asks, validated once."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pierre_data.errors import QueryError
from pierre_data.schema import sport_filter

#: What a bound may be: ISO text, date, datetime or pandas Timestamp.
Moment = str | dt.date | dt.datetime

#: No place is further from UTC.
_WIDEST = dt.timedelta(hours=14)


@dataclass(frozen=True, slots=True)
class Question:
    """A window, and how it is meant.

    Parameters
    ----------
    after, before : datetime, optional
        ``[after, before)``; aware UTC, or naive local wall-clock when `local`.
    sports : frozenset of str, optional
        Sports to keep.
    local : bool
        The bounds are the athlete's own local days.
    """

    after: dt.datetime | None = None
    before: dt.datetime | None = None
    sports: frozenset[str] | None = None
    local: bool = False

    @property
    def utc(self) -> tuple[dt.datetime | None, dt.datetime | None]:
        """The window in UTC; for local days, wide enough for every place on earth."""
        if not self.local:
            return self.after, self.before
        after = self.after and self.after.replace(tzinfo=dt.UTC) - _WIDEST
        return after, self.before and self.before.replace(tzinfo=dt.UTC) + _WIDEST


def read_question(
    after: Moment | None, before: Moment | None, *, sport: str | None = None, tz: str = "UTC"
) -> Question:
    """Validate a question.

    Parameters
    ----------
    after, before : str, date, datetime or Timestamp, optional
        ``[after, before)``.
    sport : str, optional
        A family, a sport, or ``"=sport"``.
    tz : str
        Zone of naive bounds: an IANA name, or ``"local"`` for the athlete's local days.

    Raises
    ------
    QueryError
        A date cannot be read, the zone or sport is unknown, or `after` is not before `before`.

    Examples
    --------
    >>> read_question("2026-01-01", "2026-02-01").after.isoformat()
    '2026-01-01T00:00:00+00:00'
    """
    sports = sport_filter(sport) if sport is not None else None
    zone = None if tz == "local" else _zone(tz)
    start, end = (_moment(value, name, zone) for value, name in ((after, "after"), (before, "before")))
    if start is not None and end is not None and start >= end:
        raise QueryError(
            f"after ({after}) is not earlier than before ({before}).", "Swap them, or move before to a later day."
        )
    return Question(start, end, sports, local=tz == "local")


def _moment(value: Moment | None, name: str, zone: ZoneInfo | None) -> dt.datetime | None:
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value.strip())
        except ValueError:
            raise QueryError(
                f"{name}={value!r} is no date.", "Write it as 2026-01-31 or 2026-01-31T08:00:00+01:00."
            ) from None
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        value = dt.datetime(value.year, value.month, value.day)
    if not isinstance(value, dt.datetime) or value != value:
        raise QueryError(f"{name}={value!r} is no date.", "Pass text, a date, a datetime or a Timestamp.")
    # A pandas Timestamp is a datetime with nanoseconds; they are cut.
    value = dt.datetime.combine(value.date(), value.time(), value.tzinfo)
    if zone is None:
        if value.tzinfo is not None:
            raise QueryError(
                f"{name} has a time zone, but tz='local' asks for local days.", "Drop the zone, or drop tz='local'."
            )
        return value
    aware = value if value.tzinfo is not None else value.replace(tzinfo=zone)
    return aware.astimezone(dt.UTC)


def _zone(tz: str) -> ZoneInfo:
    try:
        return ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise QueryError(f"{tz!r} is no time zone.", "Use a name such as 'Europe/Paris', 'UTC' or 'local'.") from None
