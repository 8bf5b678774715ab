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
from pierre_data.errors import Cancelled, PierreError
from pierre_data.fetch import Watch, cut
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
    watch : Watch
        Is told what happens.
    """

    def __init__(self, shelf: Shelf, word: str, fetch: Fetch, query: Query, watch: Watch) -> None:
        self._shelf, self._word, self._fetch, self._query, self._watch = shelf, word, fetch, query, watch
        self._mark = shelf.key(f"{word}_watermark")
        self._clock = dt.datetime.fromtimestamp(shelf.now(), dt.UTC)

    def tables(self, policy: CachePolicy, *, offline: bool) -> list[pa.Table]:
        """Return the rows of the question; what was uploaded since the last look is fetched first."""
        mark = self._shelf.find([self._mark]).get(self._mark)
        fresh = mark is not None and policy is CachePolicy.USE_CACHE and self._shelf.now() < mark.expires
        if not fresh and not offline:
            since = None
            if mark is not None and policy is CachePolicy.USE_CACHE:
                since = dt.datetime.fromtimestamp(mark.fetched, dt.UTC) - _OVERLAP
            self._catch_up(since)
        elif mark is not None:
            self._watch.report.good_until = min(self._watch.report.good_until, mark.expires)
        # A feed is never complete: it tells what was uploaded since somebody looks.
        wanted = [self._key(p) for p in periods(self._query.after, self._query.before, self._clock)]
        found = self._shelf.find(wanted)
        query, kept = self._query, [found[k] for k in reversed(wanted) if k in found]
        aged = [(piece, e.fetched) for e in kept for piece in self._shelf.use([e], self._watch)]
        pieces = [cut(piece, query.table, query.after, query.before) for piece, _ in aged]
        return latest(pieces, query.table, [fetched for _, fetched in aged])

    def _catch_up(self, since: dt.datetime | None) -> None:
        began = self._shelf.now()
        pieces: list[pa.Table] = []
        query = replace(self._query, after=since, before=None, now=self._clock)
        try:
            pieces.extend(batch.table for batch in self._fetch(query, self._watch))
        except PierreError as error:
            if error.retryable and not isinstance(error, Cancelled):
                self._watch.report.stale_because = error
            else:
                self._watch.report.error = error
        put(self._shelf, self._word, self._query, pieces, began, self._clock)
        if self._watch.report.error is None and self._watch.report.stale_because is None:
            self._shelf.put({self._mark: (pa.table({}), self._shelf.ttl.activity_list)}, began)

    def _key(self, period: Period) -> str:
        return self._shelf.key(self._word, period.name)


def put(shelf: Shelf, word: str, query: Query, pieces: list[pa.Table], began: float, now: dt.datetime) -> None:
    """Put rows into their periods; a row with a known key replaces the older one."""
    joined = join(pieces)
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
        tables[where] = (newest_first(join(latest(both, query.table)), query.table), shelf.ttl.settled)
    shelf.put(tables, began)


def _ends(table: pa.Table, time: str) -> tuple[dt.datetime, dt.datetime]:
    ends = pc.min_max(table[time].cast(pa.timestamp("us", tz="UTC"))).as_py()
    return ends["min"], ends["max"]
