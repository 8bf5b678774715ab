"""What happened during a fetch, for people and for `client.last_report`."""

from __future__ import annotations

import datetime as dt
import math
import shutil
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import pyarrow as pa

from pierre_data.errors import Cancelled, PierreError
from pierre_data.reprs import shown

_SILENT_S = 1.0
_EVERY_S = 0.1


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
    """What happened at one provider."""

    provider: str
    table: str
    pages: int = 0  # that came over the network
    rows: int = 0  # delivered
    files: int = 0  # read, of `files_in_all`, by a source that reads files
    files_in_all: int = 0
    rejected: list[Rejected] = field(default_factory=list)  # rows set aside
    notes: list[Rejected] = field(default_factory=list)  # what was odd and read all the same, such as a damaged file
    retries: int = 0  # requests that were repeated
    waited_s: float = 0.0  # for the vendor's limits
    wait_ends: float = 0.0  # of the last such wait, seconds since 1970 UTC; 0 when there was none
    wait_reason: str = ""
    cached_rows: int = 0
    cache_age_s: float = float("nan")  # of the oldest cached part; NaN when nothing was cached
    cut_at: dt.datetime | None = None  # the question goes further back than the vendor answers, which is to here; UTC
    stale_because: PierreError | None = None  # why expired cache entries were served
    good_until: float = float("inf")  # until when the same question has the same answer, seconds since 1970 UTC
    unknown_sports: Counter[str] = field(default_factory=Counter)  # vendor words in no table -> rows
    # Wire paths that were in no row that came while unknown ones were: a renamed vendor field looks like that.
    always_null: tuple[str, ...] = ()
    missing: str = ""  # what is missing and why; empty when complete
    error: PierreError | None = None

    @property
    def complete(self) -> bool:
        """Whether every row the vendor has for the question is there."""
        return not (self.missing or self.rejected or self.error)

    def lines(self) -> list[str]:
        """Return what people should know, one sentence each; empty when there is nothing."""
        out: list[str] = [] if self.error is None else [str(self.error)]
        if self.missing:
            out.append(self.missing)
        if self.cut_at is not None:
            out.append(f"answers for {self.table} since {self.cut_at:%Y-%m-%d} only.")
        if self.rejected:
            at = self.rejected[0]
            count = f"{len(self.rejected)} {self.table} row(s) set aside"
            out.append(f"{count}; the first is row {at.row}, {at.field} = {at.value}.")
        if self.notes:
            at = self.notes[0]
            count = f"{len(self.notes)} oddities, read all the same"
            out.append(f"{count}; the first is in {at.row}: {at.field}, {at.value}.")
        if self.unknown_sports:
            words = ", ".join(f"{word} ({n})" for word, n in self.unknown_sports.most_common(5))
            out.append(f"sports not known yet, kept as 'other': {words}.")
        if self.always_null:
            why = "and fields nobody knows did: the vendor may have renamed it; look for an update of this provider."
            out.append(f"{', '.join(self.always_null)} came in no row of {self.table}, {why}")
        if self.stale_because is not None:
            out.append(f"served from the cache, {self.cache_age_s / 3600:.1f} h old: {self.stale_because.what}")
        return [f"{self.provider}: {line}" for line in out]


@dataclass(frozen=True, slots=True)
class Report:
    """What happened in one call of the client: one part per provider; `id` is also in ``frame.attrs["pierre"]``."""

    id: str
    providers: tuple[ProviderReport, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return not any(p.missing or p.rejected or p.error for p in self.providers)

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
            f"{f', {p.retries} request(s) repeated' if p.retries else ''}"
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
    """What a fetch returns: tables of some of the table's columns, in its order and units, and what happened.

    Rows older than `complete_from` (aware, UTC) may be missing because the question's `limit` stopped the walk.
    `writes` are the versions of the cache's store before and after each write of this fetch.
    """

    tables: list[pa.Table]
    report: ProviderReport
    complete_from: dt.datetime | None = None
    writes: Mapping[tuple[int, ...], tuple[int, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class FetchContext:
    """What a running fetch reports to, and is stopped by.

    `cancel` is set from anywhere to stop it, `progress` called with the report after each page; `max_wait_s` is the
    longest wait for a vendor's limit.
    """

    report: ProviderReport
    cancel: threading.Event | None = None
    progress: Callable[[ProviderReport], None] | None = None
    max_wait_s: float = 60.0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def check(self) -> None:
        """Raise Cancelled where the event is set."""
        if self.cancel is not None and self.cancel.is_set():
            raise Cancelled(
                f"The fetch from {self.report.provider} was cancelled.",
                "Whole periods that had arrived are in the cache; ask again to go on.",
                provider=self.report.provider,
            )

    def arrived(
        self,
        rows: int,
        rejected: Iterable[Rejected],
        unknown: Counter[str] | None = None,
        notes: Iterable[Rejected] = (),
    ) -> None:
        """Count rows that came."""
        with self.lock:
            self.report.rows += rows
            self.report.rejected.extend(rejected)
            self.report.notes.extend(notes)
            self.report.unknown_sports.update(unknown or ())
        if self.progress is not None:
            self.progress(self.report)

    def waiting(self, seconds: float, reason: str) -> None:
        """Note a wait before it begins."""
        with self.lock:
            self.report.waited_s += seconds
            self.report.retries += 1
            self.report.wait_ends, self.report.wait_reason = time.time() + seconds, reason
        if self.progress is not None:
            self.progress(self.report)

    def stepped(self, done: int, total: int) -> None:
        """Note how many files of how many were read."""
        with self.lock:
            self.report.files, self.report.files_in_all = done, total
        if self.progress is not None:
            self.progress(self.report)


@contextmanager
def status_line(show: bool = True) -> Iterator[Callable[[ProviderReport], None] | None]:
    """Rewrite one line on stderr when a fetch takes longer than a second: pages or files, rows and waits.

    Gives what is to be called with a report, from any thread; None where nobody looks: not `show`, or a stderr that is
    neither a terminal nor a notebook's.

    Examples
    --------
    >>> with status_line(show=False) as progress:
    ...     progress is None
    True
    """
    if not show or not (sys.stderr.isatty() or "ipykernel" in sys.modules):
        yield None
        return
    line = _StatusLine()
    try:
        yield line
    finally:
        line.write("")


class _StatusLine:
    def __init__(self) -> None:
        self._lock, self._next, self._width = threading.Lock(), time.monotonic() + _SILENT_S, 0
        self._states: dict[str, str] = {}

    def __call__(self, report: ProviderReport) -> None:
        left = report.wait_ends - time.time()
        wait = f", waiting {left:.0f} s" if left > 0 else ""
        files = f"{report.files} of {report.files_in_all} files" if report.files_in_all else f"{report.pages} pages"
        with self._lock:
            self._states[report.provider] = f"{report.provider}: {files}, {report.rows} rows{wait}"
            if time.monotonic() >= self._next:
                self._next = time.monotonic() + _EVERY_S
                self.write("; ".join(self._states.values()))

    def write(self, text: str) -> None:
        text = text[: shutil.get_terminal_size().columns - 1]
        if text or self._width:
            sys.stderr.write(f"\r{text}{' ' * (self._width - len(text))}{'' if text else chr(13)}")
            sys.stderr.flush()
        self._width = len(text)
