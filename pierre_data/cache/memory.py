"""A store in this process's memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from pierre_data.cache.keys import covers
from pierre_data.cache.store import Entry

_DAY = 86_400.0


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
    >>> store.delete_prefix("a", at=5.0)
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

    def get_many(self, keys: Sequence[str]) -> dict[str, Entry]:
        """Return the entries there are."""
        with self._lock:
            found = {key: self._entries[key] for key in keys if key in self._entries}
            for key in found:
                self._entries.move_to_end(key)
            return found

    def put_many(self, entries: Mapping[str, Entry]) -> None:
        """Keep entries."""
        with self._lock:
            self._writes += 1
            for key, entry in entries.items():
                old = self._entries.get(key)
                if old is not None and old.fetched > entry.fetched:
                    continue
                if any(entry.fetched <= at and covers(prefix, key) for prefix, at in self._gone.items()):
                    continue
                self._drop(key)
                self._entries[key] = entry
                self._bytes += len(entry.value)
            while self._bytes > self._max_bytes:
                self._drop(next(iter(self._entries)))

    def delete_prefix(self, prefix: str, *, at: float) -> int:
        """Remove entries whose key begins so."""
        with self._lock:
            self._writes += 1
            self._gone[prefix] = max(at, self._gone.get(prefix, at))
            doomed = [key for key in self._entries if covers(prefix, key)]
            for key in doomed:
                self._drop(key)
            return len(doomed)

    def purge(self, now: float) -> int:
        """Remove what must not be kept any longer."""
        with self._lock:
            self._writes += 1
            self._gone = {prefix: at for prefix, at in self._gone.items() if at > now - _DAY}
            doomed = [key for key, entry in self._entries.items() if entry.keep_until <= now]
            for key in doomed:
                self._drop(key)
            return len(doomed)

    def version(self) -> tuple[int, ...]:
        """Return the number of writes."""
        return (self._writes,)

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._bytes = 0

    def _drop(self, key: str) -> None:
        old = self._entries.pop(key, None)
        if old is not None:
            self._bytes -= len(old.value)
