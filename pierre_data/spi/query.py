"""A question, and a request: plain values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pierre_data.schema import Table
from pierre_data.spi.messages import Headers, Request


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """What is asked of one provider.

    Parameters
    ----------
    after, before : aware, UTC; ``[after, before)``.  None is unbounded.
    id : one object instead of a list
    now : the clock, for vendors that need a bound where the question has none
    limit : the newest so many rows are enough
    near : when the object asked for by `id` began, aware UTC, where that is known
    cache_dir : where a provider may keep between processes what it read of files
    progress : called with how many of how many steps are done, by a provider that can count them
    """

    table: Table
    after: dt.datetime | None = None
    before: dt.datetime | None = None
    id: str | None = None
    in_flight: int = 1
    now: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))
    options: Mapping[str, Any] = field(default_factory=dict)
    limit: int | None = None
    near: dt.datetime | None = None
    cache_dir: Path | None = None
    progress: Callable[[int, int], None] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Prefetch:
    """Requests that need no answer of one another: so many are in flight as the vendor stands.

    `requests`: in order, endless where the vendor does not say how many pages there are; taken one by one. `ends`:
    whether a page is the last; what was asked for behind it is dropped.
    """

    requests: Iterator[Request]
    ends: Callable[[Page], bool]


@dataclass(frozen=True, slots=True, eq=False)
class ParallelPlans:
    """Plans that need no answer of one another: as many run side by side as the vendor stands requests.

    `plans`: plans; their rows are handed out in this order, taken one by one.
    """

    plans: Iterator[Generator[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Page:
    """What a plan is sent back for a request.

    Parameters
    ----------
    rows : rows on the page as the vendor counts them, rejected ones included
    cursor : what the endpoint's paging names as its cursor, or None
    oldest, newest : range of the table's time column on the page; UTC
    headers : of the response, looked up without regard to case
    url : absolute address that was asked, without credentials
    digest : of the body: a list whose next page has the same one goes round
    """

    rows: int = 0
    cursor: Any = None
    oldest: dt.datetime | None = None
    newest: dt.datetime | None = None
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=Headers)
    status: int = 200
    url: str = ""
    digest: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows a plan made itself: column name -> values, in the units of the table.

    Parameters
    ----------
    columns : columns of equal length; ``provider`` is filled in
    rejected : what could not be read, for the report: rows are missing
    notes : what was odd and read all the same, for the report
    unknown : sport words in no table -> rows, for the report
    """

    columns: Mapping[str, Any]
    rejected: tuple[tuple[str, str, str], ...] = ()
    notes: tuple[tuple[str, str, str], ...] = ()
    unknown: Mapping[str, int] = field(default_factory=dict)
