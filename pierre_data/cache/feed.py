"""A list whose windows mean upload or change time: rows are put into their periods, and a watermark says how far."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from pierre_data.cache.blob import decode
from pierre_data.cache.listing import Fetch
from pierre_data.cache.periods import Period, periods
from pierre_data.cache.pieces import join, latest, newest_first
from pierre_data.cache.policy import CachePolicy
from pierre_data.cache.shelf import Shelf
from pierre_data.cache.words import walked, watermark
from pierre_data.errors import Cancelled, PierreError
from pierre_data.fetch import FetchContext, cut
from pierre_data.schema import Table
from pierre_data.spi import Query

#: What was uploaded shortly before the last look may not have been listed then.
_OVERLAP = dt.timedelta(days=1)


class Feed:
    """One question to a feed.

    Parameters
    ----------
    shelf : Shelf
        Where rows and watermark are kept.
    word : str
        Resource word of the list.
    fetch : callable
        Asks the vendor for a window of upload time.
    query : Query
        What is asked, by the table's own time.
    context : FetchContext
        Is told what happens.
    """

    def __init__(self, shelf: Shelf, word: str, fetch: Fetch, query: Query, context: FetchContext) -> None:
        self._shelf, self._word, self._fetch, self._query, self._context = shelf, word, fetch, query, context
        self._mark, self._walked = shelf.key(watermark(word)), shelf.key(walked(word))
        self._clock = dt.datetime.fromtimestamp(shelf.now(), dt.UTC)

    def tables(self, policy: CachePolicy, *, offline: bool) -> list[pa.Table]:
        """Return the rows of the question; what was uploaded since the last look is fetched first."""
        found = self._shelf.find([self._mark, self._walked])
        mark, before = found.get(self._mark), found.get(self._walked)
        fresh = mark is not None and policy is CachePolicy.USE_CACHE and self._shelf.now() < mark.expires
        if not fresh and not offline:
            since = None
            if before is not None and policy is CachePolicy.USE_CACHE:
                since = dt.datetime.fromtimestamp(before.fetched, dt.UTC) - _OVERLAP
            self._catch_up(since)
        elif mark is not None:
            self._context.report.good_until = min(self._context.report.good_until, mark.expires)
        # A feed is never complete: it tells what was uploaded since somebody looks.
        wanted = [self._key(p) for p in periods(self._query.after, self._query.before, self._clock)]
        found = self._shelf.find(wanted)
        query, kept = self._query, [found[k] for k in reversed(wanted) if k in found]
        aged = [(piece, e.fetched) for e in kept for piece in self._shelf.use([e], self._context)]
        pieces = [cut(piece, query.table, query.after, query.before) for piece, _ in aged]
        return latest(pieces, query.table, [fetched for _, fetched in aged])

    def _catch_up(self, since: dt.datetime | None) -> None:
        began = self._shelf.now()
        pieces: list[pa.Table] = []
        query = replace(self._query, after=since, before=None, now=self._clock)
        try:
            pieces.extend(batch.table for batch in self._fetch(query, self._context))
        except PierreError as error:
            if error.retryable and not isinstance(error, Cancelled):
                self._context.report.stale_because = error
            else:
                self._context.report.error = error
        put(self._shelf, self._word, self._query, pieces, began, self._clock, feed=True)
        if self._context.report.error is None and self._context.report.stale_because is None:
            # Two entries: an event forgets that we looked lately, and not how far.
            ttl, nothing = self._shelf.ttl, pa.table({})
            self._shelf.put({self._mark: (nothing, ttl.activity_list), self._walked: (nothing, ttl.settled)}, began)

    def _key(self, period: Period) -> str:
        return self._shelf.key(self._word, period.name)


def put(
    shelf: Shelf, word: str, query: Query, pieces: list[pa.Table], began: float, now: dt.datetime, *, feed: bool
) -> None:
    """Put rows into their periods, beside those that are there.

    Parameters
    ----------
    shelf, word
        Where.
    query : Query
        Of which table.
    pieces : list of pyarrow.Table
        Rows in the order they came.
    began : float
        When they were asked for or came, seconds since 1970 UTC.
    now : datetime
        The same as aware UTC.
    feed : bool
        Rows of one key are parts of one row (see `coalesced`), and a period is never complete.  Otherwise a row
        replaces the one before it, and a period that was not asked for yet still will be.
    """
    joined = coalesced(pieces, query.table) if feed else join(latest(pieces, query.table))
    if not joined.num_rows or query.table.time is None:
        return
    oldest, newest = _ends(joined, query.table.time)
    tables = {}
    for period in periods(oldest, newest + dt.timedelta(microseconds=1), max(now, newest)):
        part = cut(joined, query.table, period.start, period.end)
        if not part.num_rows:
            continue
        where = shelf.key(word, period.name)
        old = shelf.find([where]).get(where)
        both = [part] if old is None else [decode(old.value), part]
        whole = coalesced(both, query.table) if feed else join(latest(both, query.table))
        lifetime = shelf.ttl.settled if feed else 0.0
        tables[where] = (newest_first(whole, query.table), old, lifetime)
    shelf.amend(tables, began)


def coalesced(pieces: list[pa.Table], table: Table) -> pa.Table:
    """Return pieces as one table in which each key stands once, with the newest value there is of each column.

    A night's stages come together: those of an earlier piece are dropped.

    Parameters
    ----------
    pieces : list of pyarrow.Table
        Some of the table's columns each, in the order they came.
    table : Table
        Whose rows.

    Examples
    --------
    >>> from pierre_data.schema import RECOVERY
    >>> day = pa.table({"id": ["2026-05-09"], "steps": [900.0], "hrv_rmssd_ms": pa.array([None], pa.float64())})
    >>> coalesced([day, pa.table({"id": ["2026-05-09"], "hrv_rmssd_ms": [44.0]})], RECOVERY).to_pylist()
    [{'id': '2026-05-09', 'steps': 900.0, 'hrv_rmssd_ms': 44.0}]
    """
    pieces = _last_nights(pieces) if "sleep_id" in table.key else pieces
    joined = join(pieces)
    keys = [n for n in table.key if n in joined.schema.names]
    rest = [n for n in joined.schema.names if n not in keys]
    if not joined.num_rows or not rest:
        return joined
    last = pc.ScalarAggregateOptions(skip_nulls=True)
    made = joined.group_by(keys, use_threads=False).aggregate([(n, "last", last) for n in rest])
    return made.rename_columns([*keys, *rest]).select(joined.schema.names)


def _last_nights(pieces: list[pa.Table]) -> list[pa.Table]:
    out: list[pa.Table] = []
    for piece in pieces:
        if piece.num_rows:
            known = pc.unique(piece["sleep_id"])
            out = [p.filter(pc.invert(pc.is_in(p["sleep_id"], value_set=known))) for p in out]
        out.append(piece)
    return out


def _ends(table: pa.Table, time: str) -> tuple[dt.datetime, dt.datetime]:
    ends = pc.min_max(table[time].cast(pa.timestamp("us", tz="UTC"))).as_py()
    return ends["min"], ends["max"]
