"""What a vendor's events do to one account's entries."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pyarrow.compute as pc

from pierre_data import schema
from pierre_data.cache.namespace import LISTS, PARTS, SINGLES, CacheNamespace, walked, watermark
from pierre_data.cache.period_cache import upsert
from pierre_data.cache.periods import SETTLED_AFTER, periods
from pierre_data.fetch import Rejected, parse_rows
from pierre_data.schema import Table
from pierre_data.spi import Event, ProviderDescriptor


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of an event: ignored when it is not known to be this account's; pushed rows that cannot be read."""

    ignored: bool = False
    rejected: tuple[Rejected, ...] = ()


def concerns(event: Event, account: str | None) -> bool:
    """Return whether an event is this account's; what brings or ends something must say whose it is."""
    if event.athlete_id is None:
        return event.kind not in ("data", "disconnect")
    return event.athlete_id == account


def account_of(namespace: CacheNamespace) -> str | None:
    """Return the vendor's id of the athlete, from the profile that is kept; None when none is."""
    kept = namespace.find_one(SINGLES[schema.ATHLETE.name][0])
    ids = kept.table["id"].to_pylist() if kept is not None and "id" in kept.table.schema.names else []
    return str(ids[0]) if len(ids) == 1 else None


def apply(event: Event, namespace: CacheNamespace, descriptor: ProviderDescriptor, provider: str) -> Handled:
    """Forget what an event of this account makes untrue, and keep the rows it brings: of two with one key the later."""
    table, now, ttl = event.table, namespace.now(), namespace.ttl
    if event.kind == "disconnect":
        namespace.forget()
        return Handled()
    if event.rows is None or table is None:
        for touched in [table] if table is not None else list(descriptor.endpoints):
            _forget(touched, event, namespace, descriptor)
        return Handled()
    parsed = parse_rows(event.rows, table, provider)
    if table.name in LISTS:
        upsert(namespace, LISTS[table.name], table, [parsed.table], now, feed=is_feed(descriptor, table))
    elif table.name in PARTS and event.id is not None:
        namespace.put({namespace.key(table.name, event.id): (parsed.table, ttl.settled)}, now)
    elif table.name in SINGLES:
        resource, lifetime = SINGLES[table.name]
        namespace.put({namespace.key(resource): (parsed.table, getattr(ttl, lifetime))}, now)
    return Handled(rejected=tuple(parsed.rejected))


def forget_list(resource: str, namespace: CacheNamespace) -> int:
    """Remove a list with what is known of how far it was walked; returns how many entries went."""
    return sum(namespace.forget(one) for one in (resource, watermark(resource), walked(resource)))


def is_feed(descriptor: ProviderDescriptor, table: Table) -> bool:
    """Return whether a list's windows mean time of upload."""
    endpoint = descriptor.endpoints.get(table)
    return endpoint is not None and endpoint.window_kind == "feed"


def _forget(table: Table, event: Event, namespace: CacheNamespace, descriptor: ProviderDescriptor) -> None:
    if event.id is not None and (table.name == schema.ACTIVITIES.name or table.name in PARTS):
        # A feed announces a file whose samples it may have pushed already: they stay until better ones are fetched.
        stays = is_feed(descriptor, schema.ACTIVITIES) and event.kind != "delete"
        for resource in ("activity", *PARTS) if table.name == schema.ACTIVITIES.name else (table.name,):
            (namespace.expire if stays else namespace.forget)(resource, event.id)
    elif table.name == schema.ATHLETE.name:
        namespace.expire(SINGLES[table.name][0])  # not forgotten: it says whose events these are
    elif table.name in SINGLES and table.name not in LISTS:
        namespace.forget(SINGLES[table.name][0])
    if table.name not in LISTS:
        return
    resource, clock = LISTS[table.name], dt.datetime.fromtimestamp(namespace.now(), dt.UTC)
    # Without a time, what may still change is meant: the unsettled months.
    start, end = event.time or clock - SETTLED_AFTER - dt.timedelta(days=31), event.time or clock
    touched = [p.name for p in periods(start, end + dt.timedelta(microseconds=1), max(clock, end))]
    if not is_feed(descriptor, table):
        for name in touched:
            namespace.forget(resource, name)
        return
    namespace.forget(watermark(resource))
    # What a feed listed long ago is not listed again: only what was deleted leaves.
    if event.kind == "delete" and event.id is not None:
        _remove(table, event.id, [namespace.key(resource, name) for name in touched], namespace)


def _remove(table: Table, id: str, keys: list[str], namespace: CacheNamespace) -> None:
    column = "sleep_id" if "sleep_id" in table.columns else "id"
    kept = namespace.find(keys, any_revision=True)
    left = {
        where: cached.table.filter(pc.fill_null(pc.not_equal(cached.table[column], id), True))
        for where, cached in kept.items()
        if column in cached.table.schema.names
    }
    fewer = {where: (rows, 0.0) for where, rows in left.items() if rows.num_rows < kept[where].table.num_rows}
    namespace.put(fewer, namespace.now(), beside=kept)
