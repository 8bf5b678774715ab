"""A question over kept periods: what is kept, what must be fetched, what is kept afterwards."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

import pyarrow as pa

from pierre_data.cache.arrow_tables import coalesced, join, latest, newest_first, time_range
from pierre_data.cache.namespace import CachedTable, CacheNamespace
from pierre_data.cache.periods import CachePolicy, Period, Window, periods, spread, windows, yearly
from pierre_data.cache.store import Version
from pierre_data.errors import Cancelled, PierreError, StorageError
from pierre_data.fetch import Batch, FetchContext, cut
from pierre_data.schema import Table
from pierre_data.spi import Endpoint, Query

Batches = Callable[[Query, FetchContext], Generator[Batch, None, None]]
_INSTANT = dt.timedelta(microseconds=1)


@dataclass(slots=True)
class Served:
    """What one question gets: pieces with when they were fetched, and what there is to report of the cache.

    `good_until` is until when the same question has the same answer; rows older than `complete_from` may be missing;
    `writes` are the store's versions before and after each write for this question.
    """

    pieces: list[tuple[pa.Table, float]] = field(default_factory=list)
    cached_rows: int = 0
    oldest: float = float("inf")
    good_until: float = float("inf")
    stale_because: PierreError | None = None
    missing: str = ""
    error: PierreError | None = None
    complete_from: dt.datetime | None = None
    writes: dict[Version, Version] = field(default_factory=dict)

    def use(self, cached: CachedTable) -> Served:
        """Serve a kept table as it is."""
        self.pieces.append((cached.table, cached.fetched))
        self.cached_rows += cached.table.num_rows
        self.oldest, self.good_until = min(self.oldest, cached.fetched), min(self.good_until, cached.expires)
        return self

    def tables(self, query: Query) -> list[pa.Table]:
        """Return the rows inside the question, each key once."""
        parts = [cut(piece, query.table, query.after, query.before) for piece, _ in self.pieces]
        return latest(parts, query.table, [fetched for _, fetched in self.pieces])


class PeriodCache:
    """One account's periods of one list, for one question whose windows mean when things happened."""

    #: Whether periods another revision of the parser has read may be served.
    any_revision = False

    def __init__(self, namespace: CacheNamespace, resource: str, endpoint: Endpoint | None, query: Query) -> None:
        self.namespace, self.query, self.clock = namespace, query, dt.datetime.fromtimestamp(namespace.now(), dt.UTC)
        self._newest_first = endpoint is not None and endpoint.newest_first
        self._page = int(getattr(endpoint.paging, "size", None) or 0) if endpoint else 0
        self._wanted = periods(query.after, query.before, self.clock)
        whole = namespace.key(resource)  # encoded once: names of periods need no encoding
        self._keys = {p: f"{whole}:{p.name}" for p in self._wanted}
        self._counts: dict[Period, int] = {}
        self._reopened: set[Period] = set()
        self.served = Served()
        found = namespace.find(self._keys.values(), any_revision=self.any_revision)
        self._cached = {p: found[where] for p, where in self._keys.items() if where in found}

    def offline(self) -> Served:
        """Return what is kept, however old the terms allow."""
        absent = [p.name for p in self._wanted if p not in self._cached]
        if absent and not self._cached:
            self.served.error = StorageError(
                f"Offline, and {self.query.table.name} of {self.namespace.provider} is not in the cache.",
                "Unset PIERRE_OFFLINE once to fetch it.",
                provider=self.namespace.provider,
            )
        elif absent:
            self.served.missing = f"offline, and not in the cache: {_span(absent)}"
        return self._use(reversed(self._cached))

    def missing(self, policy: CachePolicy) -> list[Window]:
        """Return the windows that must be fetched, newest first."""
        now = self.namespace.now()
        fresh = {p for p, cached in self._cached.items() if now < cached.expires and policy is not CachePolicy.REFRESH}
        return windows(self._wanted, fresh.__contains__, lambda p: self._cached[p].table.num_rows, self._page)

    def fresh(self, policy: CachePolicy) -> dict[Period, int]:
        """Return the periods that need not be fetched, and their rows."""
        fetched = {p for window in self.missing(policy) for p in window.periods}
        return {p: cached.table.num_rows for p, cached in self._cached.items() if p not in fetched}

    def fetch(self, missing: Sequence[Window], batches: Batches, context: FetchContext) -> Served:
        """Return the rows of the question, newest first; what is missing is fetched, and kept.

        With a limit, older periods are neither fetched nor served when enough rows have passed.
        """
        # A vendor that promises no order is asked year by year, so that an interrupted fetch resumes.
        parts = [part for window in missing for part in ([window] if self._newest_first else yearly(window))]
        walks = {part.periods[-1]: part for part in parts}
        fetched = {p for part in parts for p in part.periods}
        for period in reversed(self._wanted):
            if period in fetched and (period not in walks or self.served.error is not None):
                continue
            if self.query.limit is not None and self._enough(period.end, self.query.limit):
                break
            if period not in walks:
                self._use([period])
            elif self._walk(walks[period], batches, context):
                break
        return self.served

    def _walk(self, window: Window, batches: Batches, context: FetchContext) -> bool:
        """Fetch a window, and return whether that was enough for the question's limit."""
        began, pieces = self.namespace.now(), list[pa.Table]()
        before = len(self.served.pieces)
        oldest: dt.datetime | None = None
        query = replace(self.query, after=window.after, before=window.before, now=self.clock)
        try:
            with closing(batches(query, context)) as pages:
                for batch in pages:
                    pieces.append(batch.table)
                    self.served.pieces.append((batch.table, began))
                    oldest = min(filter(None, (oldest, batch.page.oldest)), default=None)
                    if self._newest_first:
                        newest = batch.page.newest
                        if late := [p for p in self._counts if newest is not None and newest >= p.start]:
                            self._reopen(pieces, late, began)
                        passed = [p for p in window.periods if oldest is not None and p.start > oldest]
                        unknown = [p for p in passed if p not in self._counts and p not in self._reopened]
                        self._keep(pieces, unknown, began)
                        if (
                            oldest is not None
                            and query.limit is not None
                            and self._enough(oldest + _INSTANT, query.limit)
                        ):
                            good_until = began + self.namespace.ttl.activity_list
                            self.served.good_until = min(self.served.good_until, good_until)
                            return True
        except PierreError as error:
            came = self.served.pieces[before:]
            del self.served.pieces[before:]
            self._fall_back(error, window)
            self.served.pieces += came
            return False
        self._keep(pieces, window.periods, began)
        return False

    def _enough(self, start: dt.datetime, limit: int) -> bool:
        """Return whether the rows since an instant, all of which have passed, are as many as the question asks for."""
        if self.served.error is not None or (self.query.after is not None and start <= self.query.after):
            return False
        enough: bool = sum(t.num_rows for t in self.served.tables(replace(self.query, after=start))) >= limit
        self.served.complete_from = start if enough else None
        return enough

    def _fall_back(self, error: PierreError, window: Window) -> None:
        """Serve what is kept of what did not arrive, however stale."""
        lost = [p for p in window.periods if p not in self._counts]
        kept = [p for p in reversed(lost) if p in self._cached]
        # What had not begun when somebody last looked is as well known as the rest of a stale list.
        looked = max((self._cached[p].fetched for p in kept), default=0.0)
        unknown = [p.name for p in lost if p not in self._cached and p.start.timestamp() <= looked]
        if kept and not unknown and error.retryable and not isinstance(error, Cancelled):
            self.served.stale_because = error
        else:
            self.served.error = error
            if lost:
                self.served.missing = f"{_span([p.name for p in lost])} did not arrive completely"
        self._use(kept)

    def _use(self, which: Iterable[Period]) -> Served:
        for period in which:
            if period in self._cached:
                self.served.use(self._cached[period])
        return self.served

    def _reopen(self, pieces: Sequence[pa.Table], late: Sequence[Period], began: float) -> None:
        """Let periods that were kept too early expire: a vendor that does not keep its order may have more rows."""
        before = dict(self._counts)
        self._keep(pieces, late, began, expired=True)
        for period in late:
            if self._counts[period] != before[period]:
                self._reopened.add(period)
                del self._counts[period]

    def _keep(
        self, pieces: Sequence[pa.Table], which: Sequence[Period], began: float, *, expired: bool = False
    ) -> None:
        """Keep periods; one that was kept before is kept anew only when a later row belongs to it."""
        tables, table, ttl = {}, self.query.table, self.namespace.ttl
        joined = join(pieces) if which else pa.table({})
        for period in which:
            part = cut(joined, table, period.start, period.end)
            if self._counts.get(period) == part.num_rows:
                continue
            self._counts[period] = part.num_rows
            where = self._keys[period]
            lifetime = spread(where, ttl.settled) if period.settled else ttl.activity_list
            tables[where] = (newest_first(join(latest([part], table)), table), 0.0 if expired else lifetime)
            if not expired:
                self.served.good_until = min(self.served.good_until, began + lifetime)
        self.served.writes |= self.namespace.put(tables, began)


def upsert(
    namespace: CacheNamespace, resource: str, table: Table, pieces: Sequence[pa.Table], began: float, *, feed: bool
) -> dict[Version, Version]:
    """Put rows into their periods, beside those that are there; returns what `CacheNamespace.put` does.

    Rows of one key of a `feed` are parts of one row (see `coalesced`); otherwise a row replaces the one before it.
    """
    joined = coalesced(pieces, table) if feed else join(latest(pieces, table))
    if not joined.num_rows or table.time is None:
        return {}
    oldest, newest = time_range(joined, table)
    clock = dt.datetime.fromtimestamp(began, dt.UTC)
    touched = {namespace.key(resource, p.name): p for p in periods(oldest, newest + _INSTANT, max(clock, newest))}
    parts = {where: cut(joined, table, p.start, p.end) for where, p in touched.items()}
    kept: Mapping[str, CachedTable] = namespace.find(touched, any_revision=feed)
    tables = {}
    for where, part in parts.items():
        if part.num_rows:
            both = [kept[where].table, part] if where in kept else [part]
            whole = coalesced(both, table) if feed else join(latest(both, table))
            tables[where] = (newest_first(whole, table), namespace.ttl.settled if feed else 0.0)
    return namespace.put(tables, began, beside=kept)


def _span(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
