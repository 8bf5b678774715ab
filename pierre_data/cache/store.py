"""What a store of cache entries is, and how the right one is opened."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pierre_data.cache.keys import ancestors

Notice = Callable[[str], None]
#: Key, fetched, expires, keep_until.
Times = tuple[str, float, float, float]

#: Clocks of the processes that share a store differ by less, in seconds; what is later was written under a wrong clock.
SKEW = 300.0
#: For so long, in seconds, a deletion keeps out what was asked for before it.
REMEMBER = 86_400.0


@dataclass(frozen=True, slots=True)
class Entry:
    """Some bytes and their times, in seconds since 1970 UTC.

    Parameters
    ----------
    value : bytes
        Never unpickled.
    fetched : float
        When the request began that brought it.
    expires : float
        Until when it is fresh, exclusive.
    keep_until : float
        From when on it must neither be served nor kept.

    Examples
    --------
    >>> entry = Entry(b"", fetched=10.0, expires=20.0, keep_until=30.0)
    >>> [entry.fresh(now) for now in (9.0, 10.0, 20.0)]
    [False, True, False]
    """

    value: bytes
    fetched: float
    expires: float
    keep_until: float

    def fresh(self, now: float) -> bool:
        """Return whether it can be served as it is; one from the future, written under a wrong clock, cannot."""
        return self.fetched <= now < min(self.expires, self.keep_until)


class Store(Protocol):
    """Keeps entries; safe to use from several threads, and between processes where it is shared.

    An entry whose request began earlier never replaces one whose request began later, and `delete_prefix` also keeps
    out what a request brings that began before it, for a day.  An entry or a deletion that lies more than five minutes
    in the future was written under a wrong clock and stops nothing.  A prefix comes from `keys.prefix`.  Every method
    but `close` raises `StorageError` when the store cannot be used.
    """

    def get(self, key: str) -> Entry | None:
        """Return an entry, however old, or None."""

    def get_many(self, keys: Sequence[str]) -> dict[str, Entry]:
        """Return the entries there are, however old, in one round trip."""

    def put_many(self, entries: Mapping[str, Entry]) -> None:
        """Keep entries, all or none."""

    def range(self, prefix: str) -> list[Times]:
        """Return the times of the entries a prefix covers, sorted by key, without reading their values."""

    def delete_prefix(self, prefix: str, *, at: float) -> int:
        """Remove the entries a prefix covers, and return how many; `at` is now."""

    def purge(self, now: float) -> int:
        """Remove what must not be kept any longer, and return how many entries went."""

    def version(self) -> tuple[int, ...]:
        """Return what differs after any write, also by another process."""

    def close(self) -> None:
        """Let go of files and connections."""


def admitted(entries: Mapping[str, Entry], gone: Mapping[str, float], now: float) -> dict[str, Entry]:
    """Return the entries that no deletion keeps out.

    Parameters
    ----------
    entries : mapping
        What is to be kept, by key.
    gone : mapping
        Prefix, as from `keys.ancestors`, to when it was deleted.
    now : float
        The later of the clock and the entries' own `fetched`.

    Examples
    --------
    >>> early, late = Entry(b"", 1.0, 9.0, 9.0), Entry(b"", 3.0, 9.0, 9.0)
    >>> list(admitted({"a:1": early, "a:2": late, "b:1": early}, {"a:": 2.0}, now=4.0))
    ['a:2', 'b:1']
    """
    kept = {}
    for key, entry in entries.items():
        times = (gone[start] for start in ancestors(key) if start in gone)
        if not any(entry.fetched <= at <= now + SKEW for at in times):
            kept[key] = entry
    return kept


def latest(entries: Mapping[str, Entry]) -> float:
    """Return now, or when the youngest entry's request began if that is later: clocks of machines differ a little."""
    return max(time.time(), *(entry.fetched for entry in entries.values())) if entries else time.time()
