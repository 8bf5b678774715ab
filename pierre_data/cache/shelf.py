"""One account's part of a store: its keys, its lifetimes, its entries."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from pierre_data.cache.blob import decode, encode
from pierre_data.cache.keys import key, prefix
from pierre_data.cache.policy import CacheTtl
from pierre_data.cache.store import Entry, Store
from pierre_data.errors import PierreError, StorageError
from pierre_data.fetch import FetchContext, ProviderReport
from pierre_data.spi import ProviderConfig

#: For vendors whose terms name no limit.
UNLIMITED = dt.timedelta(days=3650)


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where one account's answers are kept.

    Parameters
    ----------
    store : Store
        Holds the entries.
    owner : tuple of str
        Tenant, user and provider.
    ttl : CacheTtl
        Lifetimes, capped by the terms.
    keep : timedelta
        Nothing older is served or kept.
    now : callable
        Clock, seconds since 1970 UTC.
    """

    store: Store
    owner: tuple[str, str, str]
    ttl: CacheTtl
    keep: dt.timedelta
    now: Callable[[], float]

    def key(self, resource: str, qualifier: str = "") -> str:
        """Return the key of one entry."""
        return key(*self.owner, resource, qualifier)

    def find(self, keys: Iterable[str]) -> dict[str, Entry]:
        """Return the entries that may be served, fresh or not."""
        now = self.now()
        found = self.store.get_many(list(keys))
        # An entry from the future was written under a wrong clock: it counts as expired and is not served either.
        return {k: e for k, e in found.items() if e.fetched <= now < e.keep_until}

    def put(self, tables: Mapping[str, tuple[pa.Table, float]], began: float) -> None:
        """Keep tables, each with its lifetime in seconds; `began` is when their request began."""
        until = began + self.keep.total_seconds()
        entries = {
            where: Entry(value=encode(table), fetched=began, expires=min(began + lifetime, until), keep_until=until)
            for where, (table, lifetime) in tables.items()
        }
        if entries:
            self.store.put_many(entries)

    def amend(self, tables: Mapping[str, tuple[pa.Table, Entry | None, float]], began: float) -> None:
        """Keep tables that hold an entry's rows too: it ends when that entry does; the seconds count without one."""
        until = began + self.keep.total_seconds()
        entries = {}
        for where, (table, old, lifetime) in tables.items():
            expires, keep_until = (began + lifetime, until) if old is None else (old.expires, old.keep_until)
            entries[where] = Entry(
                value=encode(table), fetched=began, expires=min(expires, until), keep_until=min(keep_until, until)
            )
        if entries:
            self.store.put_many(entries)

    def expire(self, resource: str, qualifier: str = "") -> None:
        """Ask for one entry anew at the next question; it stays known until then."""
        where = self.key(resource, qualifier)
        old = self.find([where]).get(where)
        if old is not None:
            self.store.put_many({where: replace(old, expires=old.fetched)})

    def forget(self, resource: str | None = None, qualifier: str = "") -> int:
        """Remove one entry, one resource or everything of this account; returns how many entries went."""
        whole = f"{self.key(resource, qualifier)}:" if resource and qualifier else prefix(*self.owner, resource)
        return self.store.delete_prefix(whole, at=self.now())

    def use(
        self, entries: Iterable[Entry], context: FetchContext, *, because: PierreError | None = None
    ) -> list[pa.Table]:
        """Return the tables of entries and note their age; `because` is what made stale ones necessary."""
        pieces, report = [], context.report
        for entry in entries:
            try:
                table = decode(entry.value)
            except StorageError as error:
                report.missing = str(error)
                continue
            pieces.append(table)
            self.note(entry, table.num_rows, report)
        if because is not None:
            report.stale_because, report.error = because, None
        return pieces

    def note(self, entry: Entry, rows: int, report: ProviderReport) -> None:
        """Note that an entry is served: its rows, its age, and until when that is good."""
        report.cached_rows += rows
        report.note_age(self.now() - entry.fetched)
        report.good_until = min(report.good_until, entry.expires)


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
