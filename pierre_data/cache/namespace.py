"""One account's part of a store: its keys, its lifetimes, its tables."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from urllib.parse import quote

import pyarrow as pa

from pierre_data import schema
from pierre_data.cache.arrow_tables import decode, encode
from pierre_data.cache.periods import CacheTtl
from pierre_data.cache.store import Entry, Store, Version
from pierre_data.errors import QueryError, StorageError

#: Percent-encodes a segment of a key; lone surrogates (from undecodable file names) pass: every text has its own key.
_encoded = partial(quote, safe="", errors="surrogatepass")
#: For vendors whose terms name no limit.
UNLIMITED = dt.timedelta(days=3650)
#: Table -> its list's resource, for tables that are kept by period.
LISTS: Mapping[str, str] = {
    schema.ACTIVITIES.name: "activity_list",
    schema.SLEEP.name: "sleep_list",
    schema.SLEEP_STAGES.name: "sleep_stage_list",
    schema.RECOVERY.name: "recovery_list",
    schema.HEALTH.name: "health_list",
}
#: Table -> the resource of a single entry, and its lifetime's name; an activity's parts are named as they are.
SINGLES: Mapping[str, tuple[str, str]] = {
    schema.ATHLETE.name: ("athlete_profile", "profile"),
    schema.GEAR.name: ("gear", "profile"),
    schema.STATS.name: ("stats", "stats"),
    schema.PERSONAL_RECORDS.name: ("personal_records", "stats"),
    schema.ACTIVITIES.name: ("activity", "activity"),
}
#: What hangs on one activity.
PARTS = ("streams", "laps", "zones", "segment_efforts")


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

    def key(self, resource: str | None, qualifier: str = "") -> str:
        """Return the key of one entry: letters, digits and ``:%-._~``; different arguments give different keys.

        Followed by a colon it is what all keys of a resource begin with; without a resource, all keys of the account.
        """
        owned = dict(zip(("tenant", "user", "provider", "resource"), (*self.owner, resource), strict=True))
        for name, value in owned.items():
            if value == "":
                raise QueryError(f"The {name} is empty.", "Give it a name.")
        tenant, user, provider, *rest = (_encoded(text) for text in (*self.owner, resource, qualifier) if text)
        return ":".join(["tenant", tenant, "user", user, "provider", provider, *rest])

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
        return self.store.delete_prefix(f"{self.key(resource, qualifier)}:", at=self.now())


def watermark(resource: str) -> str:
    """Return the resource under which a feed keeps that it was looked at lately."""
    return f"{resource}_watermark"


def walked(resource: str) -> str:
    """Return the resource under which a feed keeps how far it was walked; events leave it alone."""
    return f"{resource}_walked"
