"""One account's part of a store: its keys, its lifetimes, its tables."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import quote

import pyarrow as pa

from pierre_data.cache.policy import CacheTtl
from pierre_data.cache.serialization import decode, encode
from pierre_data.cache.store import Entry, Store, Version
from pierre_data.errors import QueryError, StorageError
from pierre_data.spi import ProviderConfig

#: Percent-encodes a segment of a key; lone surrogates (from undecodable file names) pass: every text has its own key.
_encoded = partial(quote, safe="", errors="surrogatepass")
#: For vendors whose terms name no limit.
UNLIMITED = dt.timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class CachedTable:
    """A table that may be served, fresh or not; times as of `Entry`."""

    table: pa.Table
    fetched: float
    expires: float
    keep_until: float


@dataclass(frozen=True, slots=True)
class CacheNamespace:
    """Where one account's answers are kept.

    `owner` is tenant, user and provider; `ttl` are lifetimes, capped by the terms; nothing older than `keep` is served
    or kept; `now` is the clock, seconds since 1970 UTC; `revision` is that of the code that parses.
    """

    store: Store
    owner: tuple[str, str, str]
    ttl: CacheTtl
    keep: dt.timedelta
    now: Callable[[], float]
    revision: int

    @property
    def provider(self) -> str:
        """Return the provider's name, for people."""
        return self.owner[2].partition("~")[0]

    def key(self, resource: str, qualifier: str = "") -> str:
        """Return the key of one entry: letters, digits and ``:%-._~``; different arguments give different keys."""
        return f"{prefix(*self.owner, resource)}{_encoded(qualifier)}".removesuffix(":")

    def find(self, keys: Iterable[str], *, any_revision: bool = False) -> dict[str, CachedTable]:
        """Return the tables that may be served; what is damaged or of another revision is as good as none."""
        now, tables = self.now(), {}
        for name, e in self.store.get_many(list(keys)).items():
            # An entry from the future was written under a wrong clock: it counts as expired and is not served either.
            if e.fetched <= now < e.keep_until:
                try:
                    table = decode(e.value, None if any_revision else self.revision)
                except StorageError:
                    continue
                tables[name] = CachedTable(table, e.fetched, e.expires, e.keep_until)
        return tables

    def find_one(self, resource: str, qualifier: str = "") -> CachedTable | None:
        """Return one table that may be served."""
        where = self.key(resource, qualifier)
        return self.find([where]).get(where)

    def put(
        self,
        tables: Mapping[str, tuple[pa.Table, float]],
        began: float,
        beside: Mapping[str, CachedTable] | None = None,
    ) -> dict[Version, Version]:
        """Keep tables, each with its lifetime in seconds; `began` is when their request began.

        What is written `beside` rows that stay must go when they must, and expires when they do.  Returns the store's
        version before the write -> after it, if there was one and the store can tell.
        """
        entries = {}
        for where, (table, lifetime) in tables.items():
            expires, until = began + lifetime, began + self.keep.total_seconds()
            if beside and where in beside:
                expires, until = beside[where].expires, min(until, beside[where].keep_until)
            entries[where] = Entry(encode(table, self.revision), began, min(expires, until), until)
        versions = self.store.put_many(entries) if entries else None
        return dict([versions]) if versions else {}

    def expire(self, resource: str, qualifier: str = "") -> None:
        """Ask for one entry anew at the next question; it stays known until then."""
        where = self.key(resource, qualifier)
        old = self.store.get_many([where]).get(where)
        if old is not None:
            self.store.put_many({where: replace(old, expires=old.fetched)})

    def forget(self, resource: str | None = None, qualifier: str = "") -> int:
        """Remove one entry, one resource or everything of this account; returns how many entries went."""
        whole = f"{self.key(resource, qualifier)}:" if resource and qualifier else prefix(*self.owner, resource)
        return self.store.delete_prefix(whole, at=self.now())


def scope(config: ProviderConfig) -> str:
    """Return the provider segment of keys: differently configured providers share no entries.

    Examples
    --------
    >>> scope(ProviderConfig("strava"))
    'strava'
    """
    if not config.options:
        return config.name
    text = json.dumps({name: str(value) for name, value in sorted(config.options.items())})
    return f"{config.name}~{hashlib.blake2b(text.encode(), digest_size=6).hexdigest()}"


def prefix(tenant: str, user: str | None = None, provider: str | None = None, resource: str | None = None) -> str:
    """Return what the keys of a tenant, a user, a provider of the user, or a resource begin with.

    It ends at a colon, so that tenant ``a`` never covers tenant ``ab``.  QueryError when a segment is empty, or one is
    given although one to its left is not.

    Examples
    --------
    >>> prefix("acme", "ann", "strava", "stats")
    'tenant:acme:user:ann:provider:strava:stats:'
    """
    segments, whole, gap = {"tenant": tenant, "user": user, "provider": provider, "resource": resource}, "", False
    for name, value in segments.items():
        if value is not None and gap:
            raise QueryError(f"A prefix names a {name}, but not what stands before it.", "Name that too.")
        if value == "":
            raise QueryError(f"The {name} is empty.", "Give it a name.")
        gap = value is None
        if value is not None:
            whole += f"{_encoded(value)}:" if name == "resource" else f"{name}:{_encoded(value)}:"
    return whole
