"""What a client remembers of its answers: frames that are still true, reports, and which activity is which."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

import pandas as pd

from pierre_data.cache import CachePolicy, Store
from pierre_data.cache.store import Version
from pierre_data.errors import QueryError
from pierre_data.fetch import Report
from pierre_data.forking import ForkSafeLock

_FRAMES, _REPORTS = 32, 256
_YIELD_S = 1e-6  # the system makes about 60 microseconds of it
#: So many answers wait before their keys are read; reading 10,000 keys takes longer than the rest of a warm answer.
_UNREAD = 16


@dataclass(frozen=True, slots=True)
class Result:
    """A frame and what happened on the way to it."""

    frame: pd.DataFrame
    report: Report
    #: The store's versions before and after each write that it took.
    writes: Mapping[Version, Version] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _CachedResult:
    version: Version
    good_until: float
    result: Result


@dataclass(frozen=True, slots=True)
class ActivityKey:
    """One activity of one provider: its alias and id; the merged row's id and start where it was asked by that."""

    provider: str
    id: str
    activity_id: str | None = None
    start: dt.datetime | None = None


class Results:
    """Remembers a client's complete answers, the reports of its last calls, and which sources its activities have.

    An answer is good while nobody wrote to the store and nothing in it expired.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cached: OrderedDict[Hashable, _CachedResult] = OrderedDict()
        self._reports: OrderedDict[str, Report] = OrderedDict()
        self._last, self._mine = Report(id=""), threading.local()
        self._activities: dict[str, tuple[str, pd.Timestamp]] = {}
        self._unread: list[pd.DataFrame] = []
        self._lock = ForkSafeLock()

    def get(self, query: Hashable, policy: CachePolicy) -> tuple[pd.DataFrame | None, Version]:
        """Return a frame that is still true, sharing memory until written to; and the store's version for `put`."""
        with self._lock:
            cached = self._cached.get(query) if policy is CachePolicy.USE_CACHE else None
        version = self._store.version()
        if cached is None or time.time() >= cached.good_until or version != cached.version:
            return None, version
        self._note(cached.result.report)
        # A loop over answers from memory would keep the interpreter from a thread that fetches (a hundred times).
        time.sleep(_YIELD_S)
        return cached.result.frame.copy(deep=False), version

    def _note(self, report: Report) -> None:
        """Remember what this thread was told."""
        with self._lock:
            self._reports[report.id] = self._last = self._mine.report = report
            self._reports.move_to_end(report.id)
            while len(self._reports) > _REPORTS:
                self._reports.popitem(last=False)

    def put(self, query: Hashable, result: Result, version: Version) -> None:
        """Remember what an answer says; all of it if it is complete, and nobody but itself wrote since `version`."""
        self._note(result.report)
        own = dict(result.writes)
        while version in own:
            version = own.pop(version)
        good_until = min((p.good_until for p in result.report.providers), default=0.0)
        good = result.report.complete and good_until > time.time() and self._store.version() == version
        with self._lock:
            if "sources" in result.frame.columns:
                self._unread.append(result.frame[["activity_id", "sources", "start_time"]])
                if len(self._unread) > _UNREAD:
                    self._read()
            if good:
                copy = Result(result.frame.copy(deep=False), result.report)
                self._cached[query] = _CachedResult(version, good_until, copy)
                self._cached.move_to_end(query)
                while len(self._cached) > _FRAMES:
                    self._cached.popitem(last=False)

    def clear(self) -> None:
        """Forget the answers, and nothing else."""
        with self._lock:
            self._cached.clear()

    @property
    def last_report(self) -> Report:
        """The report of this thread's last call; of the last one at all in a thread that made none."""
        mine: Report = getattr(self._mine, "report", self._last)
        return mine

    def report(self, frame: pd.DataFrame) -> Report:
        """Return the report a frame came with; raises QueryError when it is none of this client's last frames."""
        note = frame.attrs.get("pierre")
        id = str(note.get("report", "")) if isinstance(note, dict) else ""
        with self._lock:
            report = self._reports.get(id)
        if report is None:
            raise QueryError(
                "That frame is none of the last this client returned.",
                "Pass one as it came: what is computed from several frames has no report.",
            )
        return report

    def find(self, key: str) -> ActivityKey:
        """Return whom to ask for what: ``"strava:123"`` as in ``sources``, or the best source of an activity_id."""
        with self._lock:
            self._read()
            sources, start = self._activities.get(key, ("", None)) if isinstance(key, str) else ("", None)
        best = key if isinstance(key, str) and ":" in key else sources.split(" ")[0]
        provider, _, id = best.partition(":")
        if not provider or not id:
            raise QueryError(
                f"{key!r} is no activity this client knows.",
                "Use 'provider:id' as in the column sources, or an activity_id of a frame this client returned.",
            )
        begun = start.to_pydatetime() if start is not None and not pd.isna(start) else None
        return ActivityKey(provider, unquote(id), key if sources else None, begun)

    def _read(self) -> None:
        for frame in self._unread:
            self._activities |= {i: (s, t) for i, s, t in frame.itertuples(index=False, name=None)}
        self._unread.clear()
