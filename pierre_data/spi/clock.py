"""Times as vendors write them: with an offset, in UTC, or on the wall of a place they do not name."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Moment:
    """A time that was read.

    `instant`: aware, UTC; what the vendor wrote where it cannot be read, so that its row is set aside and reported.
    `wall`: what the clock on the wall showed, naive; None where nothing says so. `offset_s`: wall minus UTC, seconds;
    None where nothing says so.
    """

    instant: Any
    wall: dt.datetime | None = None
    offset_s: float | None = None

    @classmethod
    def of(cls, instant: dt.datetime | None, offset_s: float | None) -> Moment:
        """Return the moment of an instant (aware) at a place whose clock is so many seconds ahead of UTC.

        Examples
        --------
        >>> Moment.of(dt.datetime(2026, 5, 1, 22, 30, tzinfo=dt.UTC), 7200.0).wall.isoformat()
        '2026-05-02T00:30:00'
        """
        if instant is None or offset_s is None:
            return cls(instant)
        return cls(instant, instant.replace(tzinfo=None) + dt.timedelta(seconds=offset_s), offset_s)

    @property
    def date(self) -> dt.datetime | None:
        """Local calendar day, as its midnight, naive; None where the wall clock is not known."""
        return self.wall and dt.datetime.combine(self.wall, dt.time())

    def until(self, end: Moment) -> float | None:
        """Return the seconds to another moment; None when one of them was not read."""
        times = (self.instant, end.instant)
        return (times[1] - times[0]).total_seconds() if all(isinstance(t, dt.datetime) for t in times) else None


def moment(text: object, *, zone: dt.tzinfo | None = None, local: bool | None = None) -> Moment:
    """Read an ISO 8601 time.

    `text`: with or without an offset. `zone`: where the wall of times without an offset is; an hour that does not exist
    there counts as before the change.  Without a zone the wall clock is taken for UTC, and no offset is claimed.
    `local`: what else the vendor says of the time: True, its offset is the place's own, even when it is zero; False, it
    is UTC.  When omitted, an offset other than zero is the place's own, and no offset means local.

    Examples
    --------
    >>> moment("2026-05-01T07:00:00+02:00").instant.isoformat(), moment("2026-05-01T07:00:00+02:00").offset_s
    ('2026-05-01T05:00:00+00:00', 7200.0)
    >>> moment("2026-05-01T07:00:00Z").wall is None, moment("2026-05-01T07:00:00Z", local=True).offset_s
    (True, 0.0)
    >>> moment("2026-05-01T07:00:00").wall.hour, moment("soon").instant
    (7, 'soon')
    """
    try:
        time = dt.datetime.fromisoformat(str(text))
    except ValueError:
        return Moment(text)
    wall, shift = time.replace(tzinfo=None), time.utcoffset()
    if shift is None and local is not False:
        shift = wall.replace(tzinfo=zone or dt.UTC).utcoffset() or dt.timedelta()
        return Moment((wall - shift).replace(tzinfo=dt.UTC), wall, shift.total_seconds() if zone else None)
    shift = shift or dt.timedelta()
    instant = (wall - shift).replace(tzinfo=dt.UTC)
    return Moment(instant, wall, shift.total_seconds()) if shift or local else Moment(instant)
