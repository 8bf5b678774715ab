"""How the cache is used, how long what it keeps is good, and in which periods it is kept: pure rules."""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pierre_data.errors import ConfigurationError

#: A month or year that ended so long ago is settled.
SETTLED_AFTER = dt.timedelta(days=30)
_FIRST_YEAR = 2000
_BEGINNING = dt.datetime.min.replace(tzinfo=dt.UTC)


class CachePolicy(enum.Enum):
    """How one call uses the cache.

    Examples
    --------
    >>> CachePolicy("refresh")
    <CachePolicy.REFRESH: 'refresh'>
    """

    #: Fresh entries are served, the rest is fetched and kept.
    USE_CACHE = "use_cache"
    #: Nothing is read from the cache and nothing is written to it.
    BYPASS = "bypass"
    #: Everything is fetched and replaces what was kept.
    REFRESH = "refresh"


@dataclass(frozen=True, slots=True)
class CacheTtl:
    """How long entries are fresh, in seconds.

    Parameters
    ----------
    profile, activity_list, activity, stats : float
        The athlete's profile (and gear), a month that may still change, one activity (and its parts), the vendor's
        totals and records.
    settled : float
        A month or year that ended more than 30 days ago.

    Examples
    --------
    >>> CacheTtl().activity_list
    900.0
    """

    profile: float = 86_400.0
    activity_list: float = 900.0
    activity: float = 3_600.0
    stats: float = 21_600.0
    settled: float = 30 * 86_400.0

    @classmethod
    def read(cls, part: Mapping[str, Any]) -> CacheTtl:
        """Return the defaults with the ``[cache]`` section of providers.toml on top; only shorter times count."""
        ttl = cls()
        for name, value in part.items():
            known = name in cls.__dataclass_fields__
            if not known or isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise ConfigurationError(
                    f"[cache] {name} = {value!r} in providers.toml cannot be used.",
                    f"Names: {', '.join(cls.__dataclass_fields__)}; values: seconds.",
                )
            ttl = replace(ttl, **{name: min(float(value), getattr(ttl, name))})
        return ttl

    def capped(self, keep: dt.timedelta) -> CacheTtl:
        """Return lifetimes that never exceed what the vendor's terms allow."""
        limit = keep.total_seconds()
        return CacheTtl(*(min(getattr(self, n), limit) for n in self.__dataclass_fields__))


def spread(key: str, lifetime: float) -> float:
    """Return a lifetime between half and all of the one given, by key, so that not all entries expire on one day."""
    share = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=4).digest(), "big") / 2**32
    return lifetime * (0.5 + 0.5 * share)


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A part of time that is kept as one entry: ``[start, end)``, aware UTC; the first starts at year 1.

    Its name is ``2026-01`` (a month), ``2019`` (a settled year) or ``before-2000``.
    """

    start: dt.datetime
    end: dt.datetime
    name: str
    settled: bool


@dataclass(frozen=True, slots=True)
class Window:
    """A contiguous run of periods to fetch, oldest first; it starts at None when it reaches back to the beginning."""

    periods: tuple[Period, ...]

    @property
    def after(self) -> dt.datetime | None:
        """Where it starts."""
        return None if self.periods[0].start == _BEGINNING else self.periods[0].start

    @property
    def before(self) -> dt.datetime:
        """Where it ends, exclusive."""
        return self.periods[-1].end


def periods(after: dt.datetime | None, before: dt.datetime | None, now: dt.datetime) -> list[Period]:
    """Return the periods that ``[after, before)`` touches, oldest first, without gaps; aware UTC, None is unbounded.

    Nothing happens later than a day from now.
    """
    end = min(now + dt.timedelta(days=1), before or dt.datetime.max.replace(tzinfo=dt.UTC))
    out: list[Period] = []
    at = after or _BEGINNING
    while at < end:
        year = dt.datetime(max(at.year, _FIRST_YEAR), 1, 1, tzinfo=dt.UTC)
        if at < year:
            period = Period(_BEGINNING, year, f"before-{_FIRST_YEAR}", True)
        elif year.replace(year=at.year + 1) + SETTLED_AFTER < now:
            period = Period(year, year.replace(year=at.year + 1), str(at.year), True)
        else:
            start = year.replace(month=at.month)
            until = year.replace(year=at.year + at.month // 12, month=at.month % 12 + 1)
            period = Period(start, until, f"{start:%Y-%m}", until + SETTLED_AFTER < now)
        out.append(period)
        at = period.end
    return out


def windows(
    wanted: Sequence[Period], fresh: Callable[[Period], bool], rows: Callable[[Period], int], page: int
) -> list[Window]:
    """Return the contiguous runs of wanted periods (oldest first) that are not fresh, newest first.

    A fresh gap with fewer `rows` than one `page` is fetched again rather than asked around.
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
    parts: dict[int, list[Period]] = {}
    for period in window.periods:
        parts.setdefault(period.start.year, []).append(period)
    return [Window(tuple(part)) for part in reversed(parts.values())]
