"""What a vendor's pushes do to one account's entries."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from pierre_data import schema
from pierre_data.cache.blob import decode
from pierre_data.cache.feed import put
from pierre_data.cache.periods import SETTLED_AFTER, Period, periods
from pierre_data.cache.shelf import Shelf
from pierre_data.cache.words import LISTS, PARTS, SINGLES, walked, watermark
from pierre_data.errors import StorageError
from pierre_data.fetch import Rejected, parse_rows
from pierre_data.schema import Table
from pierre_data.spi import Event, ProviderDescriptor, Query, Rows


@dataclass(frozen=True, slots=True)
class Handled:
    """What became of an event.

    Parameters
    ----------
    ignored : bool
        It concerns another athlete, brings or ends something without saying whose, or nobody knows whose entries
        these are.
    rejected : tuple of Rejected
        Pushed rows that cannot be read; the others are kept.
    """

    ignored: bool = False
    rejected: tuple[Rejected, ...] = ()


def concerns(event: Event, account: str | None) -> bool:
    """Return whether an event is this account's; what brings or ends something must say whose it is.

    Parameters
    ----------
    event : Event
        What happened.
    account : str, optional
        The vendor's id of the athlete whose entries these are; None when nobody knows.

    Examples
    --------
    >>> concerns(Event("disconnect", athlete_id="7"), "7"), concerns(Event("disconnect", athlete_id="8"), "7")
    (True, False)
    >>> concerns(Event("update"), None), concerns(Event("data"), "7"), concerns(Event("update", athlete_id="7"), None)
    (True, False, False)
    """
    if event.athlete_id is None:
        return event.kind not in ("data", "disconnect")
    return event.athlete_id == account


def owner(shelf: Shelf) -> str | None:
    """Return the vendor's id of the athlete, from the profile that is kept; None when none is."""
    where = shelf.key(SINGLES[schema.ATHLETE.name][0])
    kept = shelf.find([where]).get(where)
    try:
        ids = decode(kept.value)["id"].to_pylist() if kept is not None else []
    except (StorageError, KeyError):
        return None
    return str(ids[0]) if len(ids) == 1 else None


def apply(event: Event, shelf: Shelf, descriptor: ProviderDescriptor, provider: str) -> Handled:
    """Forget what an event makes untrue, and keep the rows it brings.

    Repeats and disorder do no harm: forgetting twice is forgetting once, and of two rows with one key the one that
    came later stays.

    Parameters
    ----------
    event : Event
        Of this account: see `concerns`.
    shelf : Shelf
        The account's entries.
    descriptor, provider
        Whose rows, and the name they carry.

    Returns
    -------
    Handled
        With the pushed rows that cannot be read.
    """
    if event.kind == "disconnect":
        shelf.forget()
        return Handled()
    if event.rows is not None and event.table is not None:
        return Handled(rejected=tuple(_keep(event.table, event.id, event.rows, shelf, descriptor, provider)))
    for table in [event.table] if event.table is not None else list(descriptor.endpoints):
        _forget(table, event, shelf, descriptor)
    return Handled()


def is_feed(descriptor: ProviderDescriptor, table: Table) -> bool:
    """Return whether a list's windows mean time of upload."""
    endpoint = descriptor.endpoints.get(table)
    return endpoint is not None and endpoint.window_kind == "feed"


def _forget(table: Table, event: Event, shelf: Shelf, descriptor: ProviderDescriptor) -> None:
    if event.id is not None and (table.name == schema.ACTIVITIES.name or table.name in PARTS):
        # A feed announces a file whose samples it may have pushed already: they stay until better ones are fetched.
        gone = shelf.expire if is_feed(descriptor, schema.ACTIVITIES) and event.kind != "delete" else shelf.forget
        for word in ("activity", *PARTS) if table.name == schema.ACTIVITIES.name else (table.name,):
            gone(word, event.id)
    elif table.name == schema.ATHLETE.name:
        shelf.expire(SINGLES[table.name][0])  # not forgotten: it says whose events these are
    elif table.name in SINGLES and table.name not in LISTS:
        shelf.forget(SINGLES[table.name][0])
    if table.name not in LISTS:
        return
    word, touched = LISTS[table.name], _periods(event.time, shelf)
    if is_feed(descriptor, table):
        shelf.forget(watermark(word))
        # What a feed listed long ago is not listed again: only what was deleted leaves.
        if event.kind == "delete" and event.id is not None:
            _remove(table, event.id, word, touched, shelf)
        return
    for period in touched:
        shelf.forget(word, period.name)


def _periods(time: dt.datetime | None, shelf: Shelf) -> list[Period]:
    now = dt.datetime.fromtimestamp(shelf.now(), dt.UTC)
    # Without a time, what may still change is meant: the unsettled months.
    start = time or now - SETTLED_AFTER - dt.timedelta(days=31)
    return list(periods(start, (time or now) + dt.timedelta(microseconds=1), max(now, time or now)))


def _remove(table: Table, id: str, word: str, touched: list[Period], shelf: Shelf) -> None:
    keys = [shelf.key(word, period.name) for period in touched]
    column = "sleep_id" if "sleep_id" in table.columns else "id"
    for where, entry in shelf.find(keys).items():
        rows = decode(entry.value)
        if column not in rows.schema.names:
            continue
        kept = rows.filter([value.as_py() != id for value in rows[column]])
        if kept.num_rows < rows.num_rows:
            shelf.amend({where: (kept, entry, 0.0)}, shelf.now())


def _keep(
    table: Table, id: str | None, rows: Rows, shelf: Shelf, descriptor: ProviderDescriptor, provider: str
) -> list[Rejected]:
    now, parsed = shelf.now(), parse_rows(rows, table, provider)
    if table.name in LISTS:
        clock = dt.datetime.fromtimestamp(now, dt.UTC)
        put(shelf, LISTS[table.name], Query(table), [parsed.table], now, clock, feed=is_feed(descriptor, table))
    elif table.name in PARTS and id is not None:
        shelf.put({shelf.key(table.name, id): (parsed.table, shelf.ttl.settled)}, now)
    elif table.name in SINGLES:
        word, lifetime = SINGLES[table.name]
        shelf.put({shelf.key(word): (parsed.table, getattr(shelf.ttl, lifetime))}, now)
    return parsed.rejected


def forget_list(word: str, shelf: Shelf) -> int:
    """Remove a list with what is known of how far it was walked; returns how many entries went."""
    return sum(shelf.forget(one) for one in (word, watermark(word), walked(word)))
