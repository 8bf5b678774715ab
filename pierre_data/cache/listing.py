"""A windowed question over periods: what is kept, what must be fetched, what is kept afterwards."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from pierre_data.cache.blob import decode
from pierre_data.cache.periods import Period, Window, passed, periods, windows, yearly
from pierre_data.cache.policy import CachePolicy, spread
from pierre_data.cache.shelf import Shelf
from pierre_data.errors import Cancelled, PierreError, StorageError
from pierre_data.fetch import Batch, Watch, cut
from pierre_data.schema import Table
from pierre_data.spi import Query

Fetch = Callable[[Query, Watch], Iterator[Batch]]


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
    watch : Watch
        Is told what happens.
    newest_first : bool
        The vendor lists newest first, so a period can be kept as soon as paging has passed it.
    page : int
        Rows on one page of the vendor.
    """

    def __init__(
        self, shelf: Shelf, word: str, fetch: Fetch, query: Query, watch: Watch, *, newest_first: bool, page: int
    ) -> None:
        self._shelf, self._fetch, self._query, self._watch = shelf, fetch, query, watch
        self._newest_first, self._page = newest_first, page
        self._clock = dt.datetime.fromtimestamp(shelf.now(), dt.UTC)
        self._wanted = periods(query.after, query.before, self._clock)
        self._keys = {p: shelf.key(word, p.name) for p in self._wanted}
        found = shelf.find(self._keys.values())
        self._entries = {p: found[k] for p, k in self._keys.items() if k in found}
        self._counts: dict[Period, int] = {}

    def offline(self) -> list[pa.Table]:
        """Return what is kept, however old the terms allow."""
        absent = [p.name for p in self._wanted if p not in self._entries]
        if absent and not self._entries:
            self._watch.report.error = StorageError(
                f"Offline, and {self._query.table.name} of {self._watch.report.provider} is not in the cache.",
                "Unset PIERRE_OFFLINE once to fetch it.",
                provider=self._watch.report.provider,
            )
        elif absent:
            self._watch.report.missing = f"offline, and not in the cache: {_span(absent)}"
        return self._cut(self._shelf.use(reversed(self._entries.values()), self._watch))

    def tables(self, policy: CachePolicy) -> list[pa.Table]:
        """Return the rows of the question; fetch what is not fresh, and keep it."""
        missing = self.missing(policy)
        fetched = {p for window in missing for p in window.periods}
        kept = [e for p, e in reversed(self._entries.items()) if p not in fetched]  # newest first, as rows will be
        pieces = self._shelf.use(kept, self._watch)
        for window in missing:
            # A vendor that promises no order is asked year by year, so that an interrupted fetch resumes.
            for part in [window] if self._newest_first else yearly(window):
                pieces += self._window(part)
                if self._watch.report.error is not None:
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
        return int(decode(self._entries[period].value).num_rows)

    def _window(self, window: Window) -> list[pa.Table]:
        began = self._shelf.now()
        pieces: list[pa.Table] = []
        oldest: dt.datetime | None = None
        query = replace(self._query, after=window.after, before=window.before, now=self._clock)
        try:
            for batch in self._fetch(query, self._watch):
                pieces.append(batch.table)
                oldest = min(filter(None, (oldest, batch.page.oldest)), default=None)
                if self._newest_first:
                    done = [p for p in passed(window.periods, oldest) if p not in self._counts]
                    self._keep(pieces, done, began)
        except PierreError as error:
            return self._after(error, window, pieces)
        self._keep(pieces, window.periods, began)
        return pieces

    def _after(self, error: PierreError, window: Window, pieces: list[pa.Table]) -> list[pa.Table]:
        """Go on after a failure: what arrived, and for the rest what is kept, however stale."""
        report = self._watch.report
        lost = [p for p in window.periods if p not in self._counts]
        kept = [self._entries[p] for p in lost if p in self._entries]
        report.error = error
        if lost and len(kept) == len(lost) and error.retryable and not isinstance(error, Cancelled):
            return [*self._shelf.use(kept, self._watch, because=error), *pieces]
        if lost:
            report.missing = f"{_span([p.name for p in lost])} did not arrive completely"
        return [*self._shelf.use(kept, self._watch), *pieces]

    def _keep(self, pieces: Sequence[pa.Table], which: Sequence[Period], began: float) -> None:
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
            tables[where] = (part, lifetime)
            self._watch.report.good_until = min(self._watch.report.good_until, began + lifetime)
        self._shelf.put(tables, began)

    def _cut(self, pieces: Sequence[pa.Table]) -> list[pa.Table]:
        query = self._query
        return latest([cut(piece, query.table, query.after, query.before) for piece in pieces], query.table)


def latest(pieces: list[pa.Table], table: Table) -> list[pa.Table]:
    """Return pieces in which each key stands once: in the last piece that has it."""
    pieces = [p for p in pieces if p.num_rows]
    names = [n for n in table.key if n != "provider"]
    if not pieces:
        return pieces
    joined = pa.concat_tables([p.select(names).replace_schema_metadata(None) for p in pieces])
    if len(names) == 1 and pc.count_distinct(joined[names[0]]).as_py() == joined.num_rows:
        return pieces
    repeated = joined.to_pandas().duplicated(keep="last").to_numpy()
    if not repeated.any():
        return pieces
    out, at = [], 0
    for piece in pieces:
        out.append(piece.filter(pa.array(~repeated[at : at + piece.num_rows])))
        at += piece.num_rows
    return out


def newest_first(part: pa.Table, table: Table) -> pa.Table:
    """Return rows newest first, ties by key."""
    names = [table.time, *(n for n in table.key if n not in ("provider", table.time))]
    keys = [(n, "ascending" if at else "descending") for at, n in enumerate(names) if n in part.schema.names]
    return part.sort_by(keys) if part.num_rows > 1 and keys else part


def join(pieces: Sequence[pa.Table]) -> pa.Table:
    """Return pieces with different columns as one table."""
    full = [p.replace_schema_metadata(None) for p in pieces if p.num_rows]
    return pa.concat_tables(full, promote_options="default") if full else pa.table({})


def _span(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}"
