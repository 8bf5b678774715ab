"""Asks several providers at once, and puts what they answer into one frame."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections.abc import Hashable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd

from pierre_data.cache import CachingProvider, Store
from pierre_data.cache.store import Version
from pierre_data.client.query import ActivityQuery, FetchOptions, TimeRange, utc_bounds
from pierre_data.client.results import ActivityKey, Result
from pierre_data.dedupe import REACH, deduplicate
from pierre_data.errors import PierreError, UnsupportedFeature
from pierre_data.fetch import FetchContext, Fetched, ProviderReport, Report
from pierre_data.fetch.report import AnyEvent, status_line
from pierre_data.forking import ForkSafeLock
from pierre_data.registry import Accounts, ConfiguredProvider, ProviderRegistry
from pierre_data.schema import Table
from pierre_data.settings import Settings
from pierre_data.spi import Query

#: With a limit: so many months are asked of a source that does not stop by itself, then twice as many ...
_MONTHS = (1, 2, 4, 8, 16, 32, 64)
#: A question to one provider; with a limit it may go back only so far.
_Asked = tuple[ConfiguredProvider, Query, dt.datetime | None]


class Fetcher:
    """The providers of one client, made when they are first asked."""

    def __init__(self, registry: ProviderRegistry, settings: Settings, accounts: Accounts, store: Store) -> None:
        self.registry, self.settings, self.accounts, self.store = registry, settings, accounts, store
        self._providers: dict[Hashable, CachingProvider] = {}
        self._lock = ForkSafeLock()

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
            provider = self._providers.get(chosen.identity)
            if provider is None:
                provider = self._providers[chosen.identity] = self.registry.open(chosen, self.store, self.accounts)
            return provider

    def offering(
        self, table: Table, chosen: Sequence[ConfiguredProvider], *, named: bool
    ) -> tuple[ConfiguredProvider, ...]:
        """Return those that have a table; raises UnsupportedFeature when none has it, or one that was `named`."""
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
        writes: dict[Version, Version] = {}
        for attempt in range(len(_MONTHS) + 1):
            parts = self._gather([self._asked(c, query, attempt) for c in chosen], options)
            writes |= {before: after for part in parts for before, after in part.writes.items()}
            if not named:  # a class with `frame` alone says only when asked that it lacks a table
                parts = [p for p in parts if not isinstance(p.report.error, UnsupportedFeature)] or parts
            reach = max((p.complete_from for p in parts if p.complete_from is not None), default=None)
            frame = self._assembled(query, chosen, parts, reach)
            enough = query.limit is not None and len(frame) >= query.limit
            if enough or reach is None or any(part.report.error is not None for part in parts):
                break
        return self._labelled(frame.head(query.limit) if query.limit else frame, query.table, parts, chosen, writes)

    def ask_one(self, table: Table, key: ActivityKey, chosen: ConfiguredProvider, options: FetchOptions) -> Result:
        """Return one activity, or what hangs on it."""
        _ = self.registry.describe(chosen).endpoint(table, single=True)
        parts = self._gather([(chosen, Query(table, id=key.id, near=key.start), None)], options)
        frame = table.from_arrow(parts[0].tables)
        if key.activity_id is not None and "activity_id" in frame.columns:
            frame["activity_id"] = pd.Series(key.activity_id, index=frame.index, dtype=frame["activity_id"].dtype)
        return self._labelled(frame, table, parts, [chosen], parts[0].writes)

    def _asked(self, chosen: ConfiguredProvider, query: ActivityQuery, attempt: int) -> _Asked:
        """Return what one provider is asked at an attempt: all of it, its newest rows, or the last months."""
        after, before = utc_bounds(query)
        if query.limit is None or attempt == len(_MONTHS) or query.table.time is None:
            return chosen, Query(query.table, after, before), None
        descriptor = self.registry[chosen.name]
        if descriptor.api_base_url and descriptor.endpoints[query.table].window_kind != "feed":
            return chosen, Query(query.table, after, before, limit=(query.limit + 20) * 4**attempt), None
        recent = (before or dt.datetime.now(dt.UTC)) - dt.timedelta(days=31 * _MONTHS[attempt])
        if after is not None and recent <= after:
            return chosen, Query(query.table, after, before), None
        return chosen, Query(query.table, recent, before), recent

    def _gather(self, asked: Sequence[_Asked], options: FetchOptions) -> list[Fetched]:
        """Ask every provider, each in a thread of its own; failures are in the reports, and the others finish."""
        providers = {chosen.identity: self.provider(chosen) for chosen, _, _ in asked}
        interrupted = threading.Event()
        cancel = AnyEvent(options.cancel, interrupted) if len(asked) > 1 else options.cancel

        def ask(one: _Asked) -> Fetched:
            chosen, query, reach = one
            progress = options.progress if callable(options.progress) else bar
            report = ProviderReport(chosen.alias, query.table.name)
            try:
                context = FetchContext(report, cancel, progress, options.patience_s)
                fetched = providers[chosen.identity].fetch(query, context, options.policy)
            except PierreError as error:  # an unsupported table, a provider of a third party
                fetched = Fetched([], replace(report, error=error))
            return fetched if reach is None else replace(fetched, complete_from=reach)

        with status_line(self.settings.progress if options.progress is None else options.progress is True) as bar:
            if len(asked) == 1:
                return [ask(asked[0])]
            with ThreadPoolExecutor(len(asked), thread_name_prefix="pierre") as pool:
                try:
                    return list(pool.map(ask, asked))
                except BaseException:  # Ctrl-C reaches this thread alone
                    interrupted.set()
                    raise

    def _assembled(
        self,
        query: ActivityQuery,
        chosen: Sequence[ConfiguredProvider],
        parts: Sequence[Fetched],
        reach: dt.datetime | None,
    ) -> pd.DataFrame:
        """Return one frame, newest first: merged if asked for, of the sports asked for, within the window."""
        frame = by_time_descending(query.table.from_arrow(t for part in parts for t in part.tables), query.table)
        if query.dedupe:
            frame = deduplicate(
                frame,
                priority=[c.alias for c in chosen],
                overrides=query.overrides,
                id_spaces=self.id_spaces(chosen),
                reach=REACH,
            )
            reach = reach and reach + REACH
        if query.dedupe or query.window.local or reach is not None:
            frame = rows_within(frame, query.table, query.window, reach)
        if query.sports is not None:
            frame = frame[frame["sport"].isin(query.sports)].reset_index(drop=True)
        return frame

    def id_spaces(self, chosen: Sequence[ConfiguredProvider]) -> dict[str, str]:
        """Return whose ids each provider's are, where they are not its own."""
        descriptors = {c.alias: self.registry[c.name] for c in chosen}
        return {alias: d.id_space or d.name for alias, d in descriptors.items() if (d.id_space or d.name) != alias}

    def _labelled(
        self,
        frame: pd.DataFrame,
        table: Table,
        parts: Sequence[Fetched],
        chosen: Sequence[ConfiguredProvider],
        writes: Mapping[Version, Version],
    ) -> Result:
        report = Report(uuid.uuid4().hex[:12], tuple(part.report for part in parts))
        frame.attrs["pierre"] = {"table": table.name, "report": report.id, "complete": report.complete}
        descriptors = [self.registry[c.name] for c in chosen]
        if notes := [f"{d.display_name}: {d.terms.note}" for d in descriptors if d.terms and d.terms.note]:
            frame.attrs["pierre"]["terms"] = " ".join(notes)
        return Result(frame, report, writes)


def by_time_descending(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
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


def rows_within(frame: pd.DataFrame, table: Table, window: TimeRange, reach: dt.datetime | None = None) -> pd.DataFrame:
    """Return the rows of a window; before `reach` some may be missing, so that none of those count."""
    if table.time is None:
        return frame
    utc = frame[table.time].dt.tz_localize(None)
    local = f"{table.time}_local"
    times = frame[local].fillna(utc) if window.local and local in frame.columns else utc
    keep = pd.Series(True, index=frame.index)
    if window.after is not None:
        keep &= times >= window.after.replace(tzinfo=None)
    if window.before is not None:
        keep &= times < window.before.replace(tzinfo=None)
    if reach is not None:
        keep &= utc >= reach.replace(tzinfo=None)
    return frame if keep.all() else frame[keep].reset_index(drop=True)
