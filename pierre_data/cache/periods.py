"""Which periods a question covers, and which windows must be fetched: pure functions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

#: A month or year that ended so long ago is settled.
SETTLED_AFTER = dt.timedelta(days=30)
_FIRST_YEAR = 2000


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A part of time that is kept as one entry.

    Parameters
    ----------
    start, end : datetime
        Aware, UTC, ``[start, end)``; the first period starts at year 1.
    name : str
        ``2026-01`` (a month), ``2019`` (a settled year) or ``before-2000``.
    settled : bool
        It ended more than 30 days ago.
    """

    start: dt.datetime
    end: dt.datetime
    name: str
    settled: bool


@dataclass(frozen=True, slots=True)
class Window:
    """A contiguous run of periods to fetch.

    Parameters
    ----------
    periods : tuple of Period
        Oldest first.
    """

    periods: tuple[Period, ...]

    @property
    def after(self) -> dt.datetime | None:
        """Where it starts; None when it reaches back to the beginning."""
        first = self.periods[0]
        return None if first.name == "before-2000" else first.start

    @property
    def before(self) -> dt.datetime:
        """Where it ends, exclusive."""
        return self.periods[-1].end


def periods(after: dt.datetime | None, before: dt.datetime | None, now: dt.datetime) -> list[Period]:
    """Return the periods that ``[after, before)`` touches, oldest first.

    Parameters
    ----------
    after, before : datetime, optional
        Aware, UTC; None is unbounded.  Nothing happens later than a day from now.
    now : datetime
        Aware, UTC.

    Returns
    -------
    list of Period
        Disjoint and without gaps.

    Examples
    --------
    >>> utc = dt.UTC
    >>> now = dt.datetime(2026, 2, 10, tzinfo=utc)
    >>> [p.name for p in periods(dt.datetime(2024, 5, 1, tzinfo=utc), None, now)]
    ['2024', '2025', '2026-01', '2026-02']
    """
    end = now + dt.timedelta(days=1)
    if before is not None:
        end = min(end, before)
    out: list[Period] = []
    at = after or dt.datetime.min.replace(tzinfo=dt.UTC)
    while at < end:
        period = _containing(at, now)
        out.append(period)
        at = period.end
    return out


def windows(
    wanted: Sequence[Period], fresh: Callable[[Period], bool], rows: Callable[[Period], int], page: int
) -> list[Window]:
    """Return the contiguous runs of periods that are not fresh, newest first.

    Parameters
    ----------
    wanted : sequence of Period
        Oldest first, without gaps.
    fresh : callable
        Whether a period can be served from the cache.
    rows : callable
        Rows the cache has for a fresh period.
    page : int
        Rows on one page: a fresh gap with fewer rows is fetched again rather than asked around.

    Returns
    -------
    list of Window
    """
    runs: list[list[Period]] = []
    gap: list[Period] = []
    for period in wanted:
        if fresh(period):
            gap.append(period)
            continue
        if runs and (not gap or sum(rows(p) for p in gap) < page):
            runs[-1] += [*gap, period]
        else:
            runs.append([period])
        gap = []
    return [Window(tuple(run)) for run in reversed(runs)]


def yearly(window: Window) -> list[Window]:
    """Cut a bounded window at years, newest first, for vendors that promise no order."""
    if window.after is None:
        return [window]
    parts: list[list[Period]] = []
    for period in window.periods:
        if parts and parts[-1][-1].start.year == period.start.year:
            parts[-1].append(period)
        else:
            parts.append([period])
    return [Window(tuple(part)) for part in reversed(parts)]


def passed(wanted: Iterable[Period], oldest: dt.datetime | None) -> list[Period]:
    """Return the periods that lie wholly after the oldest row of a newest-first walk."""
    return [p for p in wanted if oldest is not None and p.start > oldest]


def _containing(at: dt.datetime, now: dt.datetime) -> Period:
    if at.year < _FIRST_YEAR:
        start, end = dt.datetime.min.replace(tzinfo=dt.UTC), dt.datetime(_FIRST_YEAR, 1, 1, tzinfo=dt.UTC)
        return Period(start, end, f"before-{_FIRST_YEAR}", True)
    start, end = dt.datetime(at.year, 1, 1, tzinfo=dt.UTC), dt.datetime(at.year + 1, 1, 1, tzinfo=dt.UTC)
    if end + SETTLED_AFTER < now:
        return Period(start, end, str(at.year), True)
    start = start.replace(month=at.month)
    end = start.replace(month=at.month + 1) if at.month < 12 else end
    return Period(start, end, f"{start:%Y-%m}", end + SETTLED_AFTER < now)
