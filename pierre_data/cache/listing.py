"""A windowed question over periods: what is kept, what must be fetched, what is kept afterwards."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import pyarrow as pa

from pierre_data.cache.blob import decode
from pierre_data.cache.periods import Period, Window, passed, periods, windows, yearly
from pierre_data.cache.pieces import join, latest, newest_first
from pierre_data.cache.policy import CachePolicy, spread
from pierre_data.cache.shelf import Shelf
from pierre_data.cache.store import Entry
from pierre_data.errors import Cancelled, PierreError, StorageError
from pierre_data.fetch import Batch, FetchContext, cut
from pierre_data.spi import Query

Fetch = Callable[[Query, FetchContext], Iterator[Batch]]
#: Rows, and when the request began that brought them.
Aged = tuple[pa.Table, float]


class Listing:
    """One question of one account.

    Parameters
    ----------
    shelf : Shelf
        Where periods are kept.
    word : str
        Resource word of the list.
    fetch : callable
        Asks the vendor.
    query : Query
        What is asked.
    context : FetchContext
        Is told what happens.
    newest_first : bool
        The vendor lists newest first, so a period can be kept as soon as paging has passed it.
    page : int
        Rows on one page of the vendor.
    """

    def __init__(
        self,
        shelf: Shelf,
        word: str,
        fetch: Fetch,
        query: Query,
        context: FetchContext,
        *,
        newest_first: bool,
        page: int,
    ) -> None:
        self._shelf, self._fetch, self._query, self._context = shelf, fetch, query, context
        self._newest_first, self._page = newest_first, page
        self._clock = dt.datetime.fromtimestamp(shelf.now(), dt.UTC)
        self._wanted = periods(query.after, query.before, self._clock)
        whole = shelf.key(word)  # encoded once: names of periods need no encoding
        self._keys = {p: f"{whole}:{p.name}" for p in self._wanted}
        found = shelf.find(self._keys.values())
        self._entries: dict[Period, Entry] = {}
        self._tables: dict[Period, pa.Table] = {}
        for period, where in self._keys.items():
            with contextlib.suppress(StorageError):  # a damaged entry is as good as none: it is fetched again
                if where in found:
                    self._tables[period] = decode(found[where].value)
                    self._entries[period] = found[where]
        self._counts: dict[Period, int] = {}
        self._reopened: set[Period] = set()

    def offline(self) -> list[pa.Table]:
        """Return what is kept, however old the terms allow."""
        absent = [p.name for p in self._wanted if p not in self._entries]
        if absent and not self._entries:
            self._context.report.error = StorageError(
                f"Offline, and {self._query.table.name} of {self._context.report.provider} is not in the cache.",
                "Unset PIERRE_OFFLINE once to fetch it.",
                provider=self._context.report.provider,
            )
        elif absent:
            self._context.report.missing = f"offline, and not in the cache: {_span(absent)}"
        return self._cut(self._used(reversed(self._entries)))

    def tables(self, policy: CachePolicy) -> list[pa.Table]:
        """Return the rows of the question; fetch what is not fresh, and keep it."""
        missing = self.missing(policy)
        fetched = {p for window in missing for p in window.periods}
        kept = [p for p in reversed(self._entries) if p not in fetched]  # newest first, as rows will be
        pieces = self._used(kept)
        for window in missing:
            # A vendor that promises no order is asked year by year, so that an interrupted fetch resumes.
            for part in [window] if self._newest_first else yearly(window):
                pieces += self._window(part)
                if self._context.report.error is not None:
                    return self._cut(pieces)
        return self._cut(pieces)

    def missing(self, policy: CachePolicy) -> list[Window]:
        """Return the windows that must be fetched, newest first."""
        fresh = set() if policy is CachePolicy.REFRESH else self._fresh()
        return windows(self._wanted, fresh.__contains__, self._rows, self._page)

    def fresh(self, policy: CachePolicy) -> dict[Period, int]:
        """Return the periods that need not be fetched, and their rows."""
        fetched = {p for window in self.missing(policy) for p in window.periods}
        return {p: self._rows(p) for p in self._entries if p not in fetched}

    def _fresh(self) -> set[Period]:
        now = self._shelf.now()
        return {p for p, entry in self._entries.items() if now < entry.expires}

    def _rows(self, period: Period) -> int:
        return int(self._tables[period].num_rows)

    def _used(self, which: Iterable[Period]) -> list[Aged]:
        found = [(self._tables[p], self._entries[p]) for p in which]
        for table, entry in found:
            self._shelf.note(entry, table.num_rows, self._context.report)
        return [(table, entry.fetched) for table, entry in found]

    def _window(self, window: Window) -> list[Aged]:
        began = self._shelf.now()
        pieces: list[pa.Table] = []
        oldest: dt.datetime | None = None
        query = replace(self._query, after=window.after, before=window.before, now=self._clock)
        try:
            for batch in self._fetch(query, self._context):
                pieces.append(batch.table)
                oldest = min(filter(None, (oldest, batch.page.oldest)), default=None)
                if self._newest_first:
                    self._reopen(pieces, batch.page.newest, began)
                    done = [p for p in passed(window.periods, oldest) if p not in self._counts]
                    self._keep(pieces, [p for p in done if p not in self._reopened], began)
        except PierreError as error:
            return [*self._after(error, window), *((piece, began) for piece in pieces)]
        self._keep(pieces, window.periods, began)
        return [(piece, began) for piece in pieces]

    def _after(self, error: PierreError, window: Window) -> list[Aged]:
        """Return what is kept of what did not arrive, however stale."""
        report = self._context.report
        lost = [p for p in window.periods if p not in self._counts]
        kept = [p for p in reversed(lost) if p in self._entries]
        # What had not begun when somebody last looked is as well known as the rest of a stale list.
        looked = max((self._entries[p].fetched for p in kept), default=0.0)
        unknown = [p.name for p in lost if p not in self._entries and p.start.timestamp() <= looked]
        if kept and not unknown and error.retryable and not isinstance(error, Cancelled):
            report.stale_because = error
            return self._used(kept)
        report.error = error
        if lost:
            report.missing = f"{_span([p.name for p in lost])} did not arrive completely"
        return self._used(kept)

    def _reopen(self, pieces: Sequence[pa.Table], newest: dt.datetime | None, began: float) -> None:
        """Let periods that were kept too early expire: a vendor that does not keep its order may have more rows."""
        late = [p for p in self._counts if newest is not None and newest >= p.start]
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
        tables, table = {}, self._query.table
        joined = join(pieces) if which else pa.table({})
        for period in which:
            part = cut(joined, table, period.start, period.end)
            if self._counts.get(period) == part.num_rows:
                continue
            self._counts[period] = part.num_rows
            part = newest_first(join(latest([part], table)), table)
            where = self._keys[period]
            lifetime = spread(where, self._shelf.ttl.settled) if period.settled else self._shelf.ttl.activity_list
            if expired:
                tables[where] = (part, 0.0)
                continue
            tables[where] = (part, lifetime)
            self._context.report.good_until = min(self._context.report.good_until, began + lifetime)
        self._shelf.put(tables, began)

    def _cut(self, pieces: Sequence[Aged]) -> list[pa.Table]:
        query = self._query
        parts = [cut(piece, query.table, query.after, query.before) for piece, _ in pieces]
        return latest(parts, query.table, [fetched for _, fetched in pieces])


def _span(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
