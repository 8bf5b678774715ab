"""What happened during a fetch, for people and for `client.last_report`."""

from __future__ import annotations

import datetime as dt
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pyarrow as pa

from pierre_data.errors import Cancelled, PierreError
from pierre_data.reprs import shown


@dataclass(frozen=True, slots=True)
class Rejected:
    """One row that was set aside."""

    provider: str
    table: str
    row: str
    field: str
    value: str


@dataclass(slots=True)
class ProviderReport:
    """What happened at one provider.

    Parameters
    ----------
    provider, table : str
        Who was asked for what.
    pages, rows : int
        Pages that came over the network; rows delivered.
    files, files_in_all : int
        Files read, of a source that reads files.
    rejected : list of Rejected
        Rows set aside.
    notes : list of Rejected
        What was odd and read all the same, such as a damaged file.
    retries : int
        Requests that were repeated.
    waited_s : float
        Time spent waiting for the vendor's limits.
    wait_ends : float
        When the last such wait ends, seconds since 1970 UTC; 0 when there was none.
    wait_reason : str
        What it is for.
    cached_rows : int
        Rows that came from the cache.
    cache_age_s : float
        Age of the oldest cached part used; NaN when nothing was cached.
    searched_from : datetime, optional
        How far back was searched; None is the beginning.
    cut_at : datetime, optional
        The question goes further back than the vendor answers, which is to here; UTC.
    stale_because : PierreError, optional
        Expired cache entries were served because of this.
    good_until : float
        Until when the same question has the same answer, seconds since 1970 UTC.
    unknown_sports : Counter
        Vendor words that are in no table -> rows.
    always_null : tuple of str
        Wire paths that were in no row that came while unknown ones were: a renamed vendor field looks like that.
    missing : str
        What is missing and why; empty when complete.
    error : PierreError, optional
        What the provider failed with.
    """

    provider: str
    table: str
    pages: int = 0
    rows: int = 0
    files: int = 0
    files_in_all: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    notes: list[Rejected] = field(default_factory=list)
    retries: int = 0
    waited_s: float = 0.0
    wait_ends: float = 0.0
    wait_reason: str = ""
    cached_rows: int = 0
    cache_age_s: float = float("nan")
    searched_from: dt.datetime | None = None
    cut_at: dt.datetime | None = None
    stale_because: PierreError | None = None
    good_until: float = float("inf")
    unknown_sports: Counter[str] = field(default_factory=Counter)
    always_null: tuple[str, ...] = ()
    missing: str = ""
    error: PierreError | None = None

    @property
    def complete(self) -> bool:
        """Whether every row the vendor has for the question is there."""
        return not (self.missing or self.rejected or self.error)

    def note_reach(self, after: dt.datetime | None, reach: dt.datetime | None) -> None:
        """Note that a question without a start, or with an earlier one than the vendor's reach, is cut there."""
        if reach is not None and (after is None or after < reach):
            self.cut_at = reach

    def note_age(self, seconds: float) -> None:
        """Note the age of a cached part; the oldest counts."""
        self.cache_age_s = seconds if math.isnan(self.cache_age_s) else max(self.cache_age_s, seconds)

    def lines(self) -> list[str]:
        """Return what people should know, one sentence each; empty when there is nothing."""
        out = []
        if self.error is not None:
            out.append(f"{self.provider}: {self.error}")
        if self.missing:
            out.append(f"{self.provider}: {self.missing}")
        if self.cut_at is not None:
            out.append(f"{self.provider}: answers for {self.table} since {self.cut_at:%Y-%m-%d} only.")
        if self.rejected:
            first = self.rejected[0]
            out.append(
                f"{self.provider}: {len(self.rejected)} {self.table} row(s) set aside; the first is row {first.row}, "
                f"{first.field} = {first.value}."
            )
        if self.notes:
            first = self.notes[0]
            out.append(
                f"{self.provider}: {len(self.notes)} oddities, read all the same; the first is in {first.row}: "
                f"{first.field}, {first.value}."
            )
        if self.unknown_sports:
            words = ", ".join(f"{w} ({n})" for w, n in self.unknown_sports.most_common(5))
            out.append(f"{self.provider}: sports not known yet, kept as 'other': {words}.")
        if self.always_null:
            names = ", ".join(self.always_null)
            out.append(
                f"{self.provider}: {names} came in no row of {self.table}, and fields nobody knows did: the vendor may "
                "have renamed it; look for an update of this provider."
            )
        if self.stale_because is not None:
            age = self.cache_age_s / 3600
            out.append(f"{self.provider}: served from the cache, {age:.1f} h old: {self.stale_because.what}")
        return out


@dataclass(frozen=True, slots=True)
class Report:
    """What happened in one call of the client.

    Parameters
    ----------
    id : str
        Also in ``frame.attrs["pierre"]``.
    providers : tuple of ProviderReport
        One per provider asked.
    """

    id: str
    providers: tuple[ProviderReport, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return all(p.complete for p in self.providers)

    @property
    def rejected(self) -> tuple[Rejected, ...]:
        """Rows set aside, of all providers."""
        return tuple(r for p in self.providers for r in p.rejected)

    def lines(self) -> list[str]:
        """Return what people should know, one sentence each."""
        return [line for p in self.providers for line in p.lines()]

    def __str__(self) -> str:
        lines = [
            f"{p.provider}: {p.rows} {p.table} rows, {p.pages} page(s) from the network, {p.cached_rows} rows cached"
            for p in self.providers
        ]
        return "\n".join([*lines, *self.lines()]) or "nothing was fetched yet"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        heads = ("provider", "table", "rows", "pages", "cached rows", "cache age", "waited", "complete")
        rows = [
            (
                p.provider,
                p.table,
                f"{p.rows:,}",
                p.pages,
                f"{p.cached_rows:,}",
                None if math.isnan(p.cache_age_s) else f"{p.cache_age_s / 60:.0f} min",
                f"{p.waited_s:.0f} s" if p.waited_s else None,
                "yes" if p.complete else "no",
            )
            for p in self.providers
        ]
        return shown("Last report", heads, rows, self.lines() if self.providers else ["nothing was fetched yet"])


class AnyEvent(threading.Event):
    """Set when one of several events is; those that are None never are."""

    def __init__(self, *events: threading.Event | None) -> None:
        super().__init__()
        self._events = tuple(event for event in events if event is not None)

    def is_set(self) -> bool:
        """Return whether one is set."""
        return super().is_set() or any(event.is_set() for event in self._events)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until one is set, looking every 0.05 s; returns whether one is."""
        end = float("inf") if timeout is None else time.monotonic() + timeout
        while not self.is_set() and (left := end - time.monotonic()) > 0:
            super().wait(min(left, 0.05))
        return self.is_set()


@dataclass(frozen=True, slots=True, eq=False)
class Fetched:
    """What a fetch returns.

    Parameters
    ----------
    tables : list of pyarrow.Table
        Some of the table's columns each, in its order and units.
    report : ProviderReport
        What happened.
    complete_from : datetime, optional
        Rows older than this may be missing because the question's `limit` stopped the walk; aware, UTC.
    """

    tables: list[pa.Table]
    report: ProviderReport
    complete_from: dt.datetime | None = None


@dataclass(slots=True)
class FetchContext:
    """What a running fetch reports to, and is stopped by.

    Parameters
    ----------
    report : ProviderReport
        Filled while it runs.
    cancel : threading.Event, optional
        Set from anywhere to stop it.
    progress : callable, optional
        Called with the report after each page.
    max_wait_s : float
        Longest wait for a vendor's limit.
    """

    report: ProviderReport
    cancel: threading.Event | None = None
    progress: Callable[[ProviderReport], None] | None = None
    max_wait_s: float = 60.0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def check(self) -> None:
        """Stop here when cancelled.

        Raises
        ------
        Cancelled
            The event is set.
        """
        if self.cancel is not None and self.cancel.is_set():
            raise Cancelled(
                f"The fetch from {self.report.provider} was cancelled.",
                "Whole periods that had arrived are in the cache; ask again to go on.",
                provider=self.report.provider,
            )

    def waiting(self, seconds: float, reason: str) -> None:
        """Note a wait before it begins."""
        with self._lock:
            self.report.waited_s += seconds
            self.report.retries += 1
            self.report.wait_ends, self.report.wait_reason = time.time() + seconds, reason
        self.tell()

    def page(self) -> None:
        """Count a page that came over the network."""
        with self._lock:
            self.report.pages += 1

    def stepped(self, done: int, total: int) -> None:
        """Note how many files of how many were read."""
        with self._lock:
            self.report.files, self.report.files_in_all = done, total
        self.tell()

    def arrived(
        self,
        rows: int,
        rejected: Iterable[Rejected],
        unknown: Counter[str] | None = None,
        notes: Iterable[Rejected] = (),
    ) -> None:
        """Count rows that came."""
        with self._lock:
            self.report.rows += rows
            self.report.rejected.extend(rejected)
            self.report.notes.extend(notes)
            self.report.unknown_sports.update(unknown or ())
        self.tell()

    def tell(self) -> None:
        """Show the report to whoever follows it."""
        if self.progress is not None:
            self.progress(self.report)
