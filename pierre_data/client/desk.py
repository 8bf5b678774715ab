"""Asks providers for one tenant and user, and puts what they say into frames."""

from __future__ import annotations

import datetime as dt
import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from pierre_data import schema
from pierre_data.cache import CachePolicy, CachingProvider, MemoryStore, Store
from pierre_data.client.accounts import Accounts
from pierre_data.client.choice import ConfiguredProvider, chosen
from pierre_data.client.gather import Errors, gather, newest_first, settle
from pierre_data.client.keys import Sources
from pierre_data.client.overrides import Marks
from pierre_data.client.question import Question
from pierre_data.dedupe import deduplicate
from pierre_data.errors import UnsupportedFeature
from pierre_data.fetch import ProviderReport, Report
from pierre_data.fetch.progress import Progress
from pierre_data.registry import ProviderRegistry
from pierre_data.schema import Table
from pierre_data.settings import Settings
from pierre_data.spi import Query

#: A bar or none, or called with a provider's report whenever there is news, from any thread.
Show = bool | Callable[[ProviderReport], None]
OnRateLimit = Literal["wait", "raise", "schedule"]
Providers = str | ConfiguredProvider | Sequence[str | ConfiguredProvider]

#: Dedupe looks a day past both ends, so that [a, b) and [b, c) together are [a, c).
_MARGIN = dt.timedelta(days=1)
_PATIENCE_S: dict[str | None, float] = {None: 60.0, "wait": 86_400.0, "raise": 0.0}
#: With a limit, one window for all providers grows until enough rows are there; then the whole history is asked.
_MONTHS = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True, slots=True)
class How:
    """How one call asks; see `Client.activities`."""

    policy: CachePolicy = CachePolicy.USE_CACHE
    errors: Errors = "raise"
    on_rate_limit: OnRateLimit | None = None
    progress: Show | None = None
    cancel: threading.Event | None = None

    def patience_s(self) -> float:
        """Return the longest wait for a vendor's limit.

        Raises
        ------
        UnsupportedFeature
            That way of waiting does not exist yet.
        """
        if self.on_rate_limit not in _PATIENCE_S:
            raise UnsupportedFeature(
                f"on_rate_limit={self.on_rate_limit!r} is not available yet.", "Use 'wait' or 'raise', or leave it out."
            )
        return _PATIENCE_S[self.on_rate_limit]


class Desk:
    """What a client works with.

    Parameters
    ----------
    registry, settings, accounts, store, marks
        Which providers exist, how they are set up, who is connected, where answers are kept, what was marked.
    choice : sequence of ConfiguredProvider
        Whom the client asks, best first.
    tenant, user : str
        Whose data.
    """

    def __init__(
        self,
        registry: ProviderRegistry,
        settings: Settings,
        accounts: Accounts,
        store: Store,
        marks: Marks,
        choice: Sequence[ConfiguredProvider],
        tenant: str,
        user: str,
    ) -> None:
        self.registry, self.settings, self.accounts, self.store = registry, settings, accounts, store
        self.marks, self.choice, self.tenant, self.user = marks, tuple(choice), tenant, user
        self.report = Report(id="")
        self._made: dict[str, CachingProvider] = {}
        self._sources = Sources()
        self._lock = threading.RLock()

    def close(self) -> None:
        """Close connections and files."""
        for made in self._made.values():
            made.close()
        self.store.close()

    def forget(self, name: str) -> None:
        """Close a provider; it is made anew when it is next asked."""
        with self._lock:
            made = self._made.pop(name, None)
        if made is not None:
            made.close()

    def asked(self, providers: Providers | None) -> tuple[str, ...]:
        """Return the names of the providers a call means: the client's, or those it names."""
        choice = self.choice if providers is None else chosen(providers, self.registry, self.accounts.connected)
        return tuple(c.name for c in choice)

    def provider(self, name: str) -> CachingProvider:
        """Return a provider, made once."""
        with self._lock:
            if name not in self._made:
                self._made[name] = self.caching(name, self.user)
            return self._made[name]

    def caching(self, name: str, user: str) -> CachingProvider:
        """Make a provider for one of the tenant's users."""
        options = next((c.options for c in self.choice if c.name == name), {})
        options = {**options, **self.accounts.filled(name, options)}
        signer = self.accounts.signer(name)
        cache_dir = None if isinstance(self.store, MemoryStore) else self.settings.cache_dir
        return self.registry.create_caching_provider(
            name, self.store, tenant=self.tenant, user=user, identity=signer, cache_dir=cache_dir, **options
        )

    def able(self, table: Table, names: Sequence[str], *, named: bool) -> tuple[str, ...]:
        """Return those that have a table.

        Raises
        ------
        UnsupportedFeature
            None has it, or one that was `named` has not.
        """
        able = [n for n in names if table in self.registry[n].endpoints]
        if not able or (named and len(able) < len(names)):
            lacking = [n for n in names if n not in able]
            raise UnsupportedFeature(
                f"{', '.join(lacking)} {'does' if len(lacking) == 1 else 'do'} not offer {table.name}.",
                "Ask other providers; client.status() lists what each offers.",
            )
        return tuple(able)

    def merged(self, question: Question, names: Sequence[str], dedupe: bool, how: How) -> pd.DataFrame:
        """Return the activities of a window, merged or as they came."""
        names = self.able(schema.ACTIVITIES, names, named=False)
        after, before = question.utc
        if dedupe:
            after, before = after and after - _MARGIN, before and before + _MARGIN
        query = Query(schema.ACTIVITIES, after, before)
        frame = self.answer(query, names, how)
        if dedupe:
            attrs = frame.attrs
            frame = deduplicate(frame, priority=names)
            frame.attrs = attrs
            self._sources.note(frame)
        if dedupe or question.local:
            frame = _within(frame, question)
        return frame

    def limited(self, question: Question, limit: int, ask: Callable[[Question], pd.DataFrame]) -> pd.DataFrame:
        """Return the newest rows of a question, asking for more and more time until there are enough."""
        end = question.before or dt.datetime.now(dt.UTC).replace(tzinfo=None if question.local else dt.UTC)
        for months in _MONTHS:
            after = end - dt.timedelta(days=31 * months)
            if question.after is not None and after <= question.after:
                break
            frame = ask(replace(question, after=after))
            if len(frame) >= limit:
                return frame.head(limit)
        return ask(question).head(limit)

    def answer(self, query: Query, names: Sequence[str], how: How) -> pd.DataFrame:
        """Return what the providers say, newest first; failures are raised or warned about at the end."""
        patience_s = how.patience_s()
        shown = self.settings.progress if how.progress is None else how.progress is True
        with Progress(shown) as bar:
            found = gather(
                [self.provider(name) for name in names],
                query,
                how.policy,
                cancel=how.cancel,
                progress=how.progress if callable(how.progress) else bar,
                max_wait_s=patience_s,
            )
        self.report = report = Report(uuid.uuid4().hex[:12], found.reports)
        frame = newest_first(query.table.from_arrow(found.pieces), query.table)
        frame.attrs["pierre"] = {
            "table": query.table.name,
            "report": report.id,
            "complete": report.complete,
            "providers": " ".join(names),
        } | self._terms(names)
        if query.table == schema.ACTIVITIES and (marks := self.marks.read()):
            frame.attrs["pierre"]["overrides"] = "\n".join(map(str, marks))
        settle(report, how.errors)
        return frame

    def _terms(self, names: Sequence[str]) -> dict[str, str]:
        notes = [
            f"{self.registry[n].display_name}: {t.note}" for n in names if (t := self.registry[n].terms) and t.note
        ]
        return {"terms": " ".join(notes)} if notes else {}

    def one(self, table: Table, key: str, policy: CachePolicy) -> pd.DataFrame:
        """Return one activity, or what hangs on it; its best source is asked."""
        name, id = self._sources.of(key)
        _ = self.registry[name].endpoint(table, single=True)
        return self.answer(Query(table, id=id), [name], How(policy))


def _within(frame: pd.DataFrame, question: Question) -> pd.DataFrame:
    times = frame["start_time_local" if question.local else "start_time"]
    keep = times.notna()
    if question.after is not None:
        keep &= times >= question.after
    if question.before is not None:
        keep &= times < question.before
    return frame if keep.all() else frame[keep].reset_index(drop=True)
