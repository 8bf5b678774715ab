"""A store in this process's memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from pierre_data.cache.keys import closed, covers
from pierre_data.cache.store import REMEMBER, SKEW, Entry, Times, admitted, latest


class MemoryStore:
    """Keeps entries in memory; the least recently used go when there are too many bytes.

    Parameters
    ----------
    max_bytes : int
        Most bytes of values kept.

    Examples
    --------
    >>> store = MemoryStore()
    >>> store.put_many({"a:1": Entry(b"x", fetched=1.0, expires=2.0, keep_until=3.0)})
    >>> store.get("a:1").value
    b'x'
    >>> store.delete_prefix("a:", at=5.0)
    1
    """

    def __init__(self, max_bytes: int = 256 * 2**20) -> None:
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._gone: dict[str, float] = {}
        self._bytes = 0
        self._max_bytes = max_bytes
        self._writes = 0
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"MemoryStore({len(self._entries)} entries)"

    def get(self, key: str) -> Entry | None:
        """Return an entry, however old, or None."""
        return self.get_many([key]).get(key)

    def get_many(self, keys: Sequence[str]) -> dict[str, Entry]:
        """Return the entries there are, however old."""
        with self._lock:
            found = {key: self._entries[key] for key in keys if key in self._entries}
            for key in found:
                self._entries.move_to_end(key)
            return found

    def put_many(self, entries: Mapping[str, Entry]) -> None:
        """Keep entries; one that alone is larger than the store is not kept."""
        now = latest(entries)
        with self._lock:
            self._writes += 1
            for key, entry in admitted(entries, self._gone, now).items():
                old = self._entries.get(key)
                if old is not None and entry.fetched < old.fetched <= now + SKEW:
                    continue
                self._drop(key)
                if len(entry.value) <= self._max_bytes:
                    self._entries[key] = entry
                    self._bytes += len(entry.value)
            while self._bytes > self._max_bytes:
                self._drop(next(iter(self._entries)))

    def range(self, prefix: str) -> list[Times]:
        """Return the times of the entries a prefix covers, sorted by key."""
        with self._lock:
            found = [(key, entry) for key, entry in self._entries.items() if covers(prefix, key)]
        return sorted((key, e.fetched, e.expires, e.keep_until) for key, e in found)

    def delete_prefix(self, prefix: str, *, at: float) -> int:
        """Remove the entries a prefix covers, and return how many."""
        start = closed(prefix)
        with self._lock:
            self._writes += 1
            old = self._gone.get(start, at)
            self._gone[start] = at if old > at + SKEW else max(at, old)
            return self._drop_all([key for key in self._entries if covers(start, key)])

    def purge(self, now: float) -> int:
        """Remove what must not be kept any longer, and return how many entries went."""
        with self._lock:
            self._writes += 1
            self._gone = {start: at for start, at in self._gone.items() if now - REMEMBER < at <= now + SKEW}
            return self._drop_all(
                [key for key, e in self._entries.items() if e.keep_until <= now or e.fetched > now + SKEW]
            )

    def version(self) -> tuple[int, ...]:
        """Return the number of writes."""
        return (self._writes,)

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._writes += 1
            self._entries.clear()
            self._bytes = 0

    def _drop_all(self, keys: Sequence[str]) -> int:
        for key in keys:
            self._drop(key)
        return len(keys)

    def _drop(self, key: str) -> None:
        old = self._entries.pop(key, None)
        if old is not None:
            self._bytes -= len(old.value)
