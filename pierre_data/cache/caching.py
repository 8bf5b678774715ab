"""A provider whose answers are kept: lists by period, single objects one by one."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pandas as pd
import pyarrow as pa

from pierre_data.cache.estimate import Estimate, estimate
from pierre_data.cache.feed import Feed, coalesced
from pierre_data.cache.listing import Listing
from pierre_data.cache.pieces import latest
from pierre_data.cache.policy import CachePolicy, CacheTtl
from pierre_data.cache.pushed import Handled, apply, concerns, forget_list, is_feed, owner
from pierre_data.cache.shelf import UNLIMITED, Shelf, scope
from pierre_data.cache.store import Store
from pierre_data.cache.words import LISTS, SINGLES
from pierre_data.errors import Cancelled, PierreError, StorageError
from pierre_data.fetch import Batch, FetchContext, ProviderReport, cut
from pierre_data.spi import (
    Credentials,
    Event,
    FitnessProvider,
    Page,
    ProviderConfig,
    ProviderDescriptor,
    Query,
)


class CachingProvider(FitnessProvider):
    """Wraps any provider and keeps what it answers.

    Parameters
    ----------
    provider : FitnessProvider
        Who answers.
    store : Store
        Where answers are kept.
    descriptor : ProviderDescriptor
        What it offers, and how long its terms allow to keep it.
    tenant, user : str
        Whose entries; they never mix.
    ttl : CacheTtl, optional
        Lifetimes; the descriptor's terms cap them.
    offline : bool
        Serve only what is kept.
    now : callable, optional
        Clock, seconds since 1970 UTC.
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
        self.provider = provider
        self.descriptor = descriptor
        keep: dt.timedelta = (descriptor.terms.keep if descriptor.terms else None) or UNLIMITED
        owner = (tenant, user, scope(provider.config))
        self._shelf = Shelf(store, owner, (ttl or CacheTtl()).capped(keep), keep, now)
        self._offline = offline

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
        close = getattr(self.provider, "close", None)
        if close is not None:
            close()

    def health_check(self) -> None:
        """Ask the provider inside, past the cache."""
        self.provider.health_check()

    def disconnect(self) -> None:
        """Forget the credentials and everything kept for this account."""
        self.invalidate_user()
        self.provider.disconnect()

    def invalidate_user(self) -> int:
        """Remove everything kept for this account; returns how many entries went."""
        return self._shelf.forget()

    def invalidate_activity_list(self) -> int:
        """Remove the kept activity lists; returns how many entries went."""
        return self.invalidate("activity_list")

    def invalidate(self, resource: str | None = None) -> int:
        """Remove one resource, such as ``"sleep_list"``, or everything; returns how many entries went."""
        if resource in LISTS.values():
            return forget_list(str(resource), self._shelf)
        return self._shelf.forget(resource)

    def apply_event(self, event: Event, *, account: str | None = None) -> Handled:
        """Forget what an event makes untrue, and keep the rows it brings; repeats and disorder do no harm.

        Parameters
        ----------
        event : Event
            What the vendor says.
        account : str, optional
            The vendor's id of the athlete whose entries these are; `account` of this provider when omitted.

        Returns
        -------
        Handled
            Whether the event was ignored: another athlete's changes nothing here.
        """
        if not concerns(event, account or self.account):
            return Handled(ignored=True)
        return apply(event, self._shelf, self.descriptor, self.name)

    @property
    def account(self) -> str | None:
        """The vendor's id of the athlete, from the option that names it or the profile that is kept."""
        named = [self.config.options.get(o) for o, option in self.descriptor.options.items() if option.from_account]
        return next((str(id) for id in named if id), None) or owner(self._shelf)

    def frame(self, query: Query, policy: CachePolicy = CachePolicy.USE_CACHE) -> pd.DataFrame:
        """Return the rows a query asks for.

        Raises
        ------
        PierreError
            What went wrong at the vendor; what had arrived is kept.
        """
        context = FetchContext(ProviderReport(self.name, query.table.name))
        pieces = self.tables(query, context, policy)
        if context.report.error is not None:
            raise context.report.error
        return query.table.from_arrow(pieces)

    def tables(
        self, query: Query, context: FetchContext, policy: CachePolicy = CachePolicy.USE_CACHE
    ) -> list[pa.Table]:
        """Return what there is; a failure is in ``context.report.error``, and what had arrived is returned and kept.

        Parameters
        ----------
        query : Query
            What is asked.
        context : FetchContext
            Is told what happens, and may cancel.
        policy : CachePolicy
            How the cache is used.

        Returns
        -------
        list of pyarrow.Table
            Each with some of the table's columns.
        """
        context.report.searched_from = query.after
        endpoint = self.descriptor.endpoints.get(query.table)
        if endpoint is not None and query.id is None:
            now = dt.datetime.fromtimestamp(self._shelf.now(), dt.UTC)
            context.report.note_reach(query.after, endpoint.reaches(now))
        if self._is_local() or (policy is CachePolicy.BYPASS and not self._offline):
            pieces = self._straight(query, context)
            context.report.good_until = float("inf") if self.descriptor.synthetic else 0.0
        elif query.id is None and query.table.name in LISTS:
            pieces = self._listed(query, context, policy)
        else:
            pieces = self._single(query, context, policy)
        context.report.rows = sum(p.num_rows for p in pieces)
        return pieces

    def estimate(self, query: Query, policy: CachePolicy = CachePolicy.USE_CACHE) -> Estimate:
        """Return what a windowed question would cost; nothing is fetched.

        Raises
        ------
        UnsupportedFeature
            The provider does not offer that table.
        """
        endpoint = self.descriptor.endpoint(query.table)
        if self._is_local():
            return Estimate(self.name)
        listing = self.listing(query, FetchContext(ProviderReport(self.name, query.table.name)))
        now = dt.datetime.fromtimestamp(self._shelf.now(), dt.UTC)
        limits, in_flight = self.descriptor.limits, self.descriptor.in_flight
        missing, fresh = listing.missing(policy), listing.fresh(policy)
        return estimate(self.name, endpoint, missing, fresh, limits, in_flight, now)

    def _is_local(self) -> bool:
        # Files and synthetic worlds are not kept: reading them again costs no request, and a copy could be stale.
        return not self.descriptor.api_base_url

    def listing(self, query: Query, context: FetchContext) -> Listing:
        """Return a windowed question over the kept periods."""
        endpoint = self.descriptor.endpoints.get(query.table)
        return Listing(
            self._shelf,
            LISTS[query.table.name],
            self._fetch,
            query,
            context,
            newest_first=endpoint is not None and endpoint.newest_first,
            page=int(getattr(endpoint.paging, "size", None) or 0) if endpoint else 0,
        )

    def _listed(self, query: Query, context: FetchContext, policy: CachePolicy) -> list[pa.Table]:
        if self._is_feed(query):
            return Feed(self._shelf, LISTS[query.table.name], self._fetch, query, context).tables(
                policy, offline=self._offline
            )
        listing = self.listing(query, context)
        return listing.offline() if self._offline else listing.tables(policy)

    def _single(self, query: Query, context: FetchContext, policy: CachePolicy) -> list[pa.Table]:
        word, lifetime = SINGLES.get(query.table.name, (query.table.name, "activity"))
        shelf, where = self._shelf, self._shelf.key(word, query.id or "")
        kept = shelf.find([where]).get(where)
        if kept is not None and (self._offline or (policy is CachePolicy.USE_CACHE and shelf.now() < kept.expires)):
            return shelf.use([kept], context)
        if self._offline:
            context.report.error = StorageError(
                f"Offline, and {word} of {self.name} is not in the cache.",
                "Unset PIERRE_OFFLINE once to fetch it.",
                provider=self.name,
            )
            return []
        began = shelf.now()
        found = self._straight(query, context)
        error, seconds = context.report.error, getattr(shelf.ttl, lifetime)
        if error is None:
            full = [p.replace_schema_metadata(None) for p in found if p.num_rows]
            joined = pa.concat_tables(full, promote_options="default") if full else pa.table({})
            shelf.put({where: (joined, seconds)}, began)
            context.report.good_until = min(context.report.good_until, began + seconds)
        elif kept is not None and error.retryable and not isinstance(error, Cancelled):
            return shelf.use([kept], context, because=error)
        return found

    def _is_feed(self, query: Query) -> bool:
        return is_feed(self.descriptor, query.table) and query.id is None

    def _straight(self, query: Query, context: FetchContext) -> list[pa.Table]:
        pieces: list[pa.Table] = []
        # What starts in a window is uploaded in it or later.
        asked = replace(query, before=None) if self._is_feed(query) else query
        try:
            pieces.extend(batch.table for batch in self._fetch(asked, context))
        except PierreError as error:
            context.report.error = error
        if query.id is not None:
            return pieces
        found = [cut(piece, query.table, query.after, query.before) for piece in pieces]
        return [coalesced(found, query.table)] if self._is_feed(query) else latest(found, query.table)

    def _fetch(self, query: Query, context: FetchContext) -> Iterator[Batch]:
        batches = getattr(self.provider, "batches", None)
        if batches is not None:
            yield from batches(query, context)
            return
        context.check()
        found = query.table.to_arrow(query.table.conform(self.provider.frame(query)))
        page = Page(found.num_rows)
        found = cut(found, query.table, query.after, query.before)
        context.arrived(found.num_rows, ())
        yield Batch(found, page)
