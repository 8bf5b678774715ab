"""What a person asks and how, validated once."""

from __future__ import annotations

import datetime as dt
import difflib
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pandas as pd

from pierre_data.cache import CachePolicy
from pierre_data.dedupe import REACH, Override
from pierre_data.errors import QueryError, UnsupportedFeature
from pierre_data.fetch import ProviderReport
from pierre_data.schema import TABLES, Table

#: What a bound may be: ISO text, date, datetime, pandas Timestamp or numpy datetime64.
When = str | dt.date | dt.datetime | np.datetime64
#: A bar or none, or called with a provider's report whenever there is news, from any thread.
ProgressCallback = bool | Callable[[ProviderReport], None]
Policy = CachePolicy | Literal["use_cache", "refresh", "bypass"]
ErrorMode = Literal["raise", "warn", "keep"]
OnRateLimit = Literal["wait", "raise", "schedule"]

#: No place is further from UTC.
_WIDEST = dt.timedelta(hours=14)
_PATIENCE_S: dict[str | None, float] = {None: 60.0, "wait": 86_400.0, "raise": 0.0}


@dataclass(frozen=True, slots=True)
class TimeRange:
    """``[after, before)``: aware UTC, or the athlete's naive wall-clock when `local`."""

    after: dt.datetime | None = None
    before: dt.datetime | None = None
    local: bool = False


@dataclass(frozen=True, slots=True)
class ActivityQuery:
    """Rows of a table that a person asks for; a value, so that the same question is known again."""

    table: Table
    window: TimeRange = TimeRange()
    sports: frozenset[str] | None = None
    limit: int | None = None
    dedupe: bool = False
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True, slots=True)
class FetchOptions:
    """How one call asks; see `Client.activities`."""

    policy: CachePolicy = CachePolicy.USE_CACHE
    errors: ErrorMode = "raise"
    patience_s: float = 60.0
    progress: ProgressCallback | None = None
    cancel: threading.Event | None = None


def read_options(
    policy: Policy = CachePolicy.USE_CACHE,
    errors: ErrorMode = "raise",
    on_rate_limit: OnRateLimit | None = None,
    progress: ProgressCallback | None = None,
    cancel: threading.Event | None = None,
) -> FetchOptions:
    """Return how a call asks; raises QueryError for a word that is none of its vocabulary."""
    if not isinstance(policy, CachePolicy):
        policies = {known.value: known for known in CachePolicy}
        if policy not in policies:
            raise unknown_word("policy", policy, policies)
        policy = policies[policy]
    if errors not in ("raise", "warn", "keep"):
        raise unknown_word("errors", errors, ("raise", "warn", "keep"))
    if on_rate_limit == "schedule":
        raise UnsupportedFeature(
            "on_rate_limit='schedule' is not available yet.", "Use 'wait' or 'raise', or leave it out."
        )
    if on_rate_limit not in _PATIENCE_S:
        raise unknown_word("on_rate_limit", on_rate_limit, ("wait", "raise"))
    return FetchOptions(policy, errors, _PATIENCE_S[on_rate_limit], progress, cancel)


def unknown_word(what: str, word: object, words: Iterable[str]) -> QueryError:
    """Return the error for a word that is none of a closed vocabulary."""
    listed = list(words)
    near = difflib.get_close_matches(str(word).lower(), listed, n=1)
    hint = f"Did you mean {near[0]!r}? " if near else ""
    return QueryError(f"{what}={word!r} is unknown.", f"{hint}Use one of: {', '.join(map(repr, listed))}.")


def read_table(table: Table | str) -> Table:
    """Return a table, also by its name."""
    if isinstance(table, Table):
        return table
    if table not in TABLES:
        raise unknown_word("table", table, TABLES)
    return TABLES[table]


def read_limit(limit: int) -> int:
    """Return a limit that makes sense."""
    if isinstance(limit, bool) or not isinstance(limit, int | np.integer) or limit < 1:
        raise QueryError(f"limit={limit} makes no sense.", "Ask for at least one row, or leave it out.")
    return int(limit)


def read_range(after: When | None, before: When | None, tz: str = "UTC") -> TimeRange:
    """Return a window; naive bounds are in the zone `tz`, or the athlete's local days with ``"local"``.

    Raises QueryError: a date cannot be read, the zone is unknown, or `after` is not before `before`.
    """
    try:
        zone = None if tz == "local" else ZoneInfo(tz)
    except (ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        raise QueryError(f"{tz!r} is no time zone.", "Use a name such as 'Europe/Paris', 'UTC' or 'local'.") from None
    start, end = (_moment(value, name, zone) for value, name in ((after, "after"), (before, "before")))
    if start is not None and end is not None and start >= end:
        raise QueryError(
            f"after ({after}) is not earlier than before ({before}).", "Swap them, or move before to a later day."
        )
    return TimeRange(start, end, local=tz == "local")


def utc_bounds(query: ActivityQuery) -> tuple[dt.datetime | None, dt.datetime | None]:
    """Return what is asked of providers: for local days wide enough for every place on earth, more for dedupe."""
    window, margin = query.window, REACH if query.dedupe else dt.timedelta()
    # Dedupe sees what is past both ends, so that [a, b) and [b, c) together are [a, c).
    margin += _WIDEST if window.local else dt.timedelta()
    after, before = (bound and bound.replace(tzinfo=dt.UTC) for bound in (window.after, window.before))
    return after and after - margin, before and before + margin


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
    try:
        return (value if value.tzinfo is not None else value.replace(tzinfo=zone)).astimezone(dt.UTC)
    except OverflowError:
        raise QueryError(f"{name}={given!r} is too far away.", "Name a day people live in.") from None
