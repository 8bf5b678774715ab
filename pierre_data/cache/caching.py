"""A provider whose answers are kept: lists by period, single objects one by one."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pandas as pd
import pyarrow as pa

from pierre_data.cache.arrow_tables import coalesced, join, revision
from pierre_data.cache.cost import Estimate, expected_cost
from pierre_data.cache.memory import MemoryStore
from pierre_data.cache.namespace import LISTS, SINGLES, UNLIMITED, CacheNamespace
from pierre_data.cache.period_cache import PeriodCache, Served
from pierre_data.cache.periods import CachePolicy, CacheTtl
from pierre_data.cache.store import Store
from pierre_data.cache.upload_feed import UploadFeed
from pierre_data.cache.webhooks import Handled, account_of, apply, concerns, forget_list, is_feed
from pierre_data.errors import Cancelled, PierreError, StorageError
from pierre_data.fetch import Batch, FetchContext, Fetched, ProviderReport, cut
from pierre_data.fetch.provider import provider_broken
from pierre_data.spi import Credentials, Event, FitnessProvider, Page, ProviderConfig, ProviderDescriptor, Query

#: So often who waits for another's fetch looks at the own cancel event, in seconds.
_LOOK_S = 0.1


class CachingProvider(FitnessProvider):
    """Wraps any provider and keeps what it answers.

    Parameters
    ----------
    provider, store
        Who answers, and where answers are kept.
    descriptor : ProviderDescriptor
        What it offers, and how long its terms allow to keep it.
    tenant, user : str
        Whose entries; they never mix.
    ttl : CacheTtl, optional
        Lifetimes; the descriptor's terms cap them.
    offline : bool
        Serve only what is kept.
    now : callable
        Clock, seconds since 1970 UTC.

    Examples
    --------
    >>> import pierre_data as pierre
    >>> registry = pierre.ProviderRegistry()
    >>> watch = registry.create_provider("synthetic-watch")
    >>> provider = CachingProvider(watch, MemoryStore(), registry["synthetic-watch"])
    >>> provider.name, provider.invalidate()
    ('synthetic-watch', 0)
    """

    def __init__(
        self,
        provider: FitnessProvider,
        store: Store,
        descriptor: ProviderDescriptor,
        *,
        tenant: str = "default",
        user: str = "default",
        ttl: CacheTtl | None = None,
        offline: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.provider, self.descriptor = provider, descriptor
        keep: dt.timedelta = (descriptor.terms.keep if descriptor.terms else None) or UNLIMITED
        scope, config = provider.config.name, provider.config
        # Providers that are configured otherwise share no entries: another server, a token of somebody else.
        given = {name: str(value) for name, value in sorted(config.options.items())}
        if config.api_base_url not in ("", descriptor.api_base_url):
            given["api_base_url"] = config.api_base_url
        if config.access_token is not None:
            given["access_token"] = hashlib.blake2b(config.access_token.reveal().encode()).hexdigest()
        if given:
            scope += f"~{hashlib.blake2b(json.dumps(given).encode(), digest_size=6).hexdigest()}"
        ttl = (ttl or CacheTtl()).capped(keep)
        self._namespace = CacheNamespace(
            store, (tenant, user, scope), ttl, keep, now, revision(descriptor, provider.revision)
        )
        self._offline, self._in_flight = offline, InFlight()

    @property
    def name(self) -> str:
        """Registry name."""
        return self.provider.name

    @property
    def config(self) -> ProviderConfig:
        """Settings of the provider inside."""
        return self.provider.config

    def __repr__(self) -> str:
        return f"<cached {self.provider!r}>"

    def set_credentials(self, credentials: Credentials) -> None:
        """Hand credentials to the provider inside."""
        self.provider.set_credentials(credentials)

    def is_authenticated(self) -> bool:
        """Return whether the provider inside can sign requests."""
        return self.provider.is_authenticated()

    def close(self) -> None:
        """Close the connections of the provider inside."""
        self.provider.close()

    def health_check(self) -> None:
        """Ask the provider inside, past the cache."""
        self.provider.health_check()

    def disconnect(self) -> None:
        """Forget the credentials and everything kept for this account."""
        self.invalidate_user()
        self.provider.disconnect()

    def invalidate_user(self) -> int:
        """Remove everything kept for this account; returns how many entries went."""
        return self._namespace.forget()

    def invalidate(self, resource: str | None = None) -> int:
        """Remove one resource, such as ``"sleep_list"``, or everything; returns how many entries went."""
        if resource in LISTS.values():
            return forget_list(str(resource), self._namespace)
        return self._namespace.forget(resource)

    def apply_event(self, event: Event, *, account: str | None = None) -> Handled:
        """Forget what an event makes untrue, and keep the rows it brings; repeats and disorder do no harm.

        The event of another athlete than `account` (this provider's when omitted) changes nothing, and is ignored.
        """
        if not concerns(event, account or self.account):
            return Handled(ignored=True)
        return apply(event, self._namespace, self.descriptor, self.name)

    @property
    def account(self) -> str | None:
        """The vendor's id of the athlete, from the option that names it or the profile that is kept."""
        named = [self.config.options.get(o) for o, option in self.descriptor.options.items() if option.from_account]
        return next((str(id) for id in named if id), None) or account_of(self._namespace)

    def frame(self, query: Query, policy: CachePolicy = CachePolicy.USE_CACHE) -> pd.DataFrame:
        """Return the rows a query asks for; raises what went wrong at the vendor, and what had arrived is kept."""
        fetched = self.fetch(query, FetchContext(ProviderReport(self.name, query.table.name)), policy)
        if fetched.report.error is not None:
            raise fetched.report.error
        return query.table.from_arrow(fetched.tables)

    def fetch(self, query: Query, context: FetchContext, policy: CachePolicy = CachePolicy.USE_CACHE) -> Fetched:
        """Return what there is; a failure is in the report, and what had arrived is returned and kept.

        With a `limit`, a list that comes newest first is walked no further than needed: `complete_from` says how far.
        """
        endpoint = self.descriptor.endpoints.get(query.table)
        if endpoint is not None and query.id is None:
            now = dt.datetime.fromtimestamp(self._namespace.now(), dt.UTC)
            context.report.cut_at = endpoint.cut_at(query.after, now)
        # Files and synthetic worlds are not kept: reading them again costs no request, and a copy could be stale.
        local = self.provider.is_local
        bypass = policy is CachePolicy.BYPASS and not self._offline
        listed = query.id is None and query.table.name in LISTS
        try:
            if local or (bypass and (not listed or query.limit is None or is_feed(self.descriptor, query.table))):
                served = self._past_the_cache(query, context)
            else:
                served = (self._list if listed else self._single)(query, context, policy)
        except Cancelled as error:  # while another's fetch was waited for
            served = Served(error=error)
        if local or bypass:
            served.good_until = float("inf") if self.descriptor.synthetic else 0.0
        tables = [piece for piece, _ in served.pieces] if query.id is not None else served.tables(query)
        report = replace(
            context.report,
            rows=sum(table.num_rows for table in tables),
            cached_rows=served.cached_rows,
            cache_age_s=self._namespace.now() - served.oldest if served.oldest < float("inf") else float("nan"),
            good_until=served.good_until,
            stale_because=served.stale_because,
            missing=served.missing or context.report.missing,
            error=served.error,
        )
        return Fetched(tables, report, served.complete_from, served.writes)

    def estimate(self, query: Query, policy: CachePolicy = CachePolicy.USE_CACHE) -> Estimate:
        """Return what a windowed question would cost; UnsupportedFeature when the table is not offered."""
        endpoint = self.descriptor.endpoint(query.table)
        if self.provider.is_local:
            return Estimate(self.name)
        periods = PeriodCache(self._namespace, LISTS[query.table.name], endpoint, query)
        estimate = expected_cost(
            self.descriptor, query.table, periods.missing(policy), periods.fresh(policy), periods.clock
        )
        return replace(estimate, provider=self.name)

    def _list(self, query: Query, context: FetchContext, policy: CachePolicy) -> Served:
        resource, endpoint = LISTS[query.table.name], self.descriptor.endpoints.get(query.table)
        if policy is CachePolicy.BYPASS and not self._offline:
            # A limit stops the walk of a cache of this question alone.
            alone = replace(self._namespace, store=MemoryStore())
            cache = PeriodCache(alone, resource, endpoint, query)
            return cache.fetch(cache.missing(policy), self._batches, context)
        if endpoint is not None and endpoint.window_kind == "feed":
            if self._offline:
                return UploadFeed(self._namespace, resource, endpoint, query).offline()
            with self._in_flight.claim({resource}, context):
                return UploadFeed(self._namespace, resource, endpoint, query).catch_up(policy, self._batches, context)
        cache = PeriodCache(self._namespace, resource, endpoint, query)
        if self._offline:
            return cache.offline()
        missing = cache.missing(policy)
        with self._in_flight.claim({f"{resource}:{p.name}" for w in missing for p in w.periods}, context) as waited:
            if waited and policy is CachePolicy.USE_CACHE:  # somebody has just fetched it
                cache = PeriodCache(self._namespace, resource, endpoint, query)
                missing = cache.missing(policy)
            return cache.fetch(missing, self._batches, context)

    def _single(self, query: Query, context: FetchContext, policy: CachePolicy) -> Served:
        resource, lifetime = SINGLES.get(query.table.name, (query.table.name, "activity"))
        namespace, qualifier = self._namespace, query.id or ""
        kept = namespace.find_one(resource, qualifier)
        if kept is not None and (self._offline or (policy is CachePolicy.USE_CACHE and namespace.now() < kept.expires)):
            return Served().use(kept)
        if self._offline:
            what = f"Offline, and {resource} of {self.name} is not in the cache."
            return Served(error=StorageError(what, "Unset PIERRE_OFFLINE once to fetch it.", provider=self.name))
        where, seconds = namespace.key(resource, qualifier), getattr(namespace.ttl, lifetime)
        with self._in_flight.claim({where}, context) as waited:
            if waited and policy is CachePolicy.USE_CACHE:  # somebody has just fetched it
                kept = namespace.find_one(resource, qualifier)
                if kept is not None and namespace.now() < kept.expires:
                    return Served().use(kept)
            began, served = namespace.now(), self._past_the_cache(query, context)
            if served.error is None:
                served.writes |= namespace.put({where: (join([piece for piece, _ in served.pieces]), seconds)}, began)
                served.good_until = began + seconds
            elif kept is not None and served.error.retryable and not isinstance(served.error, Cancelled):
                return Served(stale_because=served.error).use(kept)
            return served

    def _batches(self, query: Query, context: FetchContext) -> Generator[Batch, None, None]:
        """Yield rows page by page, of a provider with `frame` alone all at once; its own code's errors are broken."""
        try:
            if (pages := getattr(self.provider, "batches", None)) is not None:
                yield from pages(query, context)
                return
            context.check()
            table = query.table.to_arrow(query.table.conform(self.provider.frame(query)))
            rows = cut(table, query.table, query.after, query.before)
            context.arrived(rows.num_rows, ())
            yield Batch(rows, Page(table.num_rows))
        except PierreError:
            raise
        except Exception as error:  # of third-party code
            raise provider_broken(context.report.provider, error) from error

    def _past_the_cache(self, query: Query, context: FetchContext) -> Served:
        served, began, pieces = Served(), self._namespace.now(), list[pa.Table]()
        feed = query.id is None and is_feed(self.descriptor, query.table)
        try:
            # What starts in a window of a feed is uploaded in it or later.
            for batch in self._batches(replace(query, before=None) if feed else query, context):
                pieces.append(batch.table)
        except PierreError as error:
            served.error = error
        if feed:
            pieces = [coalesced([cut(piece, query.table, query.after, query.before) for piece in pieces], query.table)]
        served.pieces = [(piece, began) for piece in pieces]
        return served


@dataclass(slots=True)
class InFlight:
    """What is being fetched by threads of this process."""

    _process: int = field(default_factory=os.getpid)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _claims: dict[object, tuple[int, set[str]]] = field(default_factory=dict)

    @contextmanager
    def claim(self, names: set[str], context: FetchContext) -> Iterator[bool]:
        """Wait for whoever fetches some of the same, then fetch them; gives whether there was a wait.

        Nobody waits twice, nor longer than for a vendor's limit: when the other has failed or hangs, the rest go on
        side by side.  Who asks from inside a fetch of its own does not wait for itself.
        """
        if self._process != os.getpid():  # forked: the threads of the parent fetch nothing here
            self._process, self._changed, self._claims = os.getpid(), threading.Condition(), {}
        mine, thread, until = object(), threading.get_ident(), time.monotonic() + max(context.max_wait_s, 60.0)
        with self._changed:
            others = {c for c, (who, theirs) in self._claims.items() if theirs & names and who != thread}
            while others & self._claims.keys() and time.monotonic() < until:
                context.check()
                self._changed.wait(_LOOK_S)
            self._claims[mine] = (thread, names)
        try:
            yield bool(others)
        finally:
            with self._changed:
                self._claims.pop(mine, None)
                self._changed.notify_all()
