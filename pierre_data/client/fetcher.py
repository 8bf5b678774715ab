"""Asks several providers at once, and puts what they answer into one frame."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from pierre_data.cache import CachingProvider, Store
from pierre_data.client.options import ErrorMode, FetchOptions
from pierre_data.client.query import ActivityQuery, TimeRange
from pierre_data.client.results import ActivityKey, Result
from pierre_data.dedupe import deduplicate
from pierre_data.errors import PartialResultWarning, PierreError, ProviderBroken, ProviderErrors, UnsupportedFeature
from pierre_data.fetch import FetchContext, ProviderReport, Report
from pierre_data.fetch.progress import Progress
from pierre_data.notices import notice
from pierre_data.registry import Accounts, ConfiguredProvider, ProviderRegistry
from pierre_data.schema import Table
from pierre_data.settings import Settings
from pierre_data.spi import Query

#: Dedupe looks a day past both ends, so that [a, b) and [b, c) together are [a, c).
_MARGIN = dt.timedelta(days=1)
#: With a limit: so many months are asked of a vendor that cannot list its newest rows first, then twice as many ...
_MONTHS = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question to one provider; with a limit it may go back only so far."""

    query: Query
    complete_from: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class _Part:
    """What one provider answered; rows older than `complete_from` may be missing, since a limit stopped it."""

    tables: list[pa.Table]
    report: ProviderReport
    complete_from: dt.datetime | None = None


class Fetcher:
    """The providers of one client, made when they are first asked."""

    def __init__(self, registry: ProviderRegistry, settings: Settings, accounts: Accounts, store: Store) -> None:
        self.registry, self.settings, self.accounts, self.store = registry, settings, accounts, store
        self._providers: dict[Hashable, CachingProvider] = {}
        self._lock = threading.RLock()

    def close(self) -> None:
        """Close connections and files."""
        for provider in list(self._providers.values()):
            provider.close()
        self.store.close()

    def forget(self, alias: str) -> None:
        """Close a provider; it is made anew when it is next asked."""
        with self._lock:
            gone = [identity for identity, provider in self._providers.items() if provider.name == alias]
            closing = [self._providers.pop(identity) for identity in gone]
        for provider in closing:
            provider.close()

    def provider(self, chosen: ConfiguredProvider) -> CachingProvider:
        """Return a provider, made once."""
        with self._lock:
            made = self._providers.get(chosen.identity)
            if made is None:
                made = self._providers[chosen.identity] = self.registry.open(chosen, self.store, self.accounts)
            return made

    def offering(
        self, table: Table, chosen: Sequence[ConfiguredProvider], *, named: bool
    ) -> tuple[ConfiguredProvider, ...]:
        """Return those that have a table.

        Raises
        ------
        UnsupportedFeature
            None has it, or one that was `named` has not.
        """
        lacking = [c.alias for c in chosen if table not in self.registry[c.name].endpoints]
        if len(lacking) == len(chosen) or (named and lacking):
            raise UnsupportedFeature(
                f"{', '.join(lacking)} {'does' if len(lacking) == 1 else 'do'} not offer {table.name}.",
                "Ask other providers; client.status() lists what each offers.",
            )
        return tuple(c for c in chosen if c.alias not in lacking)

    def ask(
        self, query: ActivityQuery, chosen: Sequence[ConfiguredProvider], options: FetchOptions, *, named: bool
    ) -> Result:
        """Return the rows of a table in a window, newest first; with a limit as few are fetched as will do."""
        with self._progress(options) as bar:
            for attempt in range(len(_MONTHS) + 1):
                asked = [self._query(c, query, attempt) for c in chosen]
                parts = self._gather(chosen, asked, options, bar)
                if not named:  # a class with `frame` alone says only when asked that it lacks a table
                    parts = [p for p in parts if not isinstance(p.report.error, UnsupportedFeature)] or parts
                report = Report(uuid.uuid4().hex[:12], tuple(part.report for part in parts))
                reach = max((p.complete_from for p in parts if p.complete_from is not None), default=None)
                frame = self._assembled(query, chosen, parts, reach)
                enough = query.limit is not None and len(frame) >= query.limit
                if enough or reach is None or any(part.report.error is not None for part in parts):
                    break
        return self._labelled(frame.head(query.limit) if query.limit else frame, query.table, report, chosen)

    def ask_one(self, table: Table, key: ActivityKey, chosen: ConfiguredProvider, options: FetchOptions) -> Result:
        """Return one activity, or what hangs on it."""
        _ = self.registry.describe(chosen).endpoint(table, single=True)
        with self._progress(options) as bar:
            [part] = self._gather([chosen], [_Asked(Query(table, id=key.id, near=key.start))], options, bar)
        frame = table.from_arrow(part.tables)
        if key.activity_id is not None and "activity_id" in frame.columns:
            frame["activity_id"] = pd.Series(key.activity_id, index=frame.index, dtype=frame["activity_id"].dtype)
        return self._labelled(frame, table, Report(uuid.uuid4().hex[:12], (part.report,)), [chosen])

    def _progress(self, options: FetchOptions) -> Progress:
        return Progress(self.settings.progress if options.progress is None else options.progress is True)

    def _query(self, chosen: ConfiguredProvider, query: ActivityQuery, attempt: int) -> _Asked:
        """Return what one provider is asked at an attempt: all of it, its newest rows, or the last months."""
        after, before = query.window.utc
        if query.dedupe:
            after, before = after and after - _MARGIN, before and before + _MARGIN
        if query.limit is None or attempt == len(_MONTHS) or query.table.time is None:
            return _Asked(Query(query.table, after, before))
        if self.registry[chosen.name].endpoints[query.table].newest_first:
            return _Asked(Query(query.table, after, before, limit=(query.limit + 20) * 4**attempt))
        recent = (before or dt.datetime.now(dt.UTC)) - dt.timedelta(days=31 * _MONTHS[attempt])
        if after is not None and recent <= after:
            return _Asked(Query(query.table, after, before))
        return _Asked(Query(query.table, recent, before), recent)

    def _gather(
        self, chosen: Sequence[ConfiguredProvider], asked: Sequence[_Asked], options: FetchOptions, bar: Progress
    ) -> list[_Part]:
        """Ask every provider, each in a thread of its own; failures are in the reports, and the others finish."""
        providers = [self.provider(c) for c in chosen]
        progress = options.progress if callable(options.progress) else bar

        def ask(provider: CachingProvider, asked: _Asked) -> _Part:
            report = ProviderReport(provider.name, asked.query.table.name)
            context = FetchContext(report, options.cancel, progress, options.patience_s)
            try:
                return _Part(provider.tables(asked.query, context, options.cache_policy), report, asked.complete_from)
            except PierreError as error:  # an unsupported table, a provider of a third party
                report.error = error
            except Exception as error:  # noqa: BLE001  code of somebody else's must not take the others' rows along
                report.error = ProviderBroken(
                    f"Provider {provider.name!r} raised {type(error).__name__}: {error}.",
                    "Mend that provider, or look for an update.",
                    provider=provider.name,
                )
                report.error.__cause__ = error
            return _Part([], report)

        if len(providers) == 1:
            return [ask(providers[0], asked[0])]
        with ThreadPoolExecutor(len(providers), thread_name_prefix="pierre") as pool:
            return list(pool.map(ask, providers, asked))

    def _assembled(
        self,
        query: ActivityQuery,
        chosen: Sequence[ConfiguredProvider],
        parts: Sequence[_Part],
        reach: dt.datetime | None,
    ) -> pd.DataFrame:
        """Return one frame, newest first: merged if asked for, of the sports asked for, within the window."""
        frame = newest_first(query.table.from_arrow(t for part in parts for t in part.tables), query.table)
        if query.dedupe:
            frame = deduplicate(frame, priority=[c.alias for c in chosen], overrides=query.overrides)
            reach = reach and reach + _MARGIN
        if query.dedupe or query.window.local or reach is not None:
            frame = _within(frame, query.table, query.window, reach)
        if query.sports is not None:
            frame = frame[frame["sport"].isin(query.sports)].reset_index(drop=True)
        return frame

    def _labelled(
        self, frame: pd.DataFrame, table: Table, report: Report, chosen: Sequence[ConfiguredProvider]
    ) -> Result:
        frame.attrs["pierre"] = {"table": table.name, "report": report.id, "complete": report.complete}
        descriptors = [self.registry[c.name] for c in chosen]
        if notes := [f"{d.display_name}: {d.terms.note}" for d in descriptors if d.terms and d.terms.note]:
            frame.attrs["pierre"]["terms"] = " ".join(notes)
        return Result(frame, report)


def settle(report: Report, errors: ErrorMode) -> None:
    """Raise or warn about what went wrong: the one provider's own error, or `ProviderErrors` for several."""
    failed = [p.error for p in report.providers if p.error is not None]
    if failed and errors == "raise":
        if len(failed) == 1:
            raise failed[0]
        raise ProviderErrors(f"{len(failed)} providers failed", failed)
    if errors != "keep" and not report.complete:
        notice(" ".join(report.lines()), PartialResultWarning)


def newest_first(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """Return rows newest first, ties by provider and id; rows that stand so already cost next to nothing."""
    if table.time is None or len(frame) < 2:
        return frame
    times = frame[table.time].to_numpy(dtype="datetime64[us]").view("int64")
    falling = times[1:] < times[:-1]
    if falling.all():
        return frame
    names = [n for n in table.key if n != table.time]
    tied = np.flatnonzero(~falling)
    if (times[1:] <= times[:-1]).all():
        first, second = (frame[names].iloc[at].itertuples(index=False, name=None) for at in (tied, tied + 1))
        if all(a <= b for a, b in zip(first, second, strict=True)):
            return frame
    order = frame[[table.time, *names]].sort_values(
        [table.time, *names], ascending=[False] + [True] * len(names), kind="stable"
    )
    return frame.take(order.index.to_numpy()).reset_index(drop=True)


def _within(frame: pd.DataFrame, table: Table, window: TimeRange, reach: dt.datetime | None) -> pd.DataFrame:
    """Return the rows of a window; before `reach` some may be missing, so that none of those count."""
    if table.time is None:
        return frame
    times = frame[table.time].dt.tz_localize(None)
    if window.local and f"{table.time}_local" in frame.columns:
        times = frame[f"{table.time}_local"].fillna(times)
    keep = pd.Series(True, index=frame.index)
    if window.after is not None:
        keep &= times >= window.after.replace(tzinfo=None)
    if window.before is not None:
        keep &= times < window.before.replace(tzinfo=None)
    if reach is not None:
        keep &= frame[table.time].dt.tz_localize(None) >= reach.replace(tzinfo=None)
    return frame if keep.all() else frame[keep].reset_index(drop=True)
