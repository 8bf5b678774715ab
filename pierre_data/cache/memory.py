"""A store in this process's memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

from pierre_data.cache.store import DELETED, Entry, Version, accepted, deletion, rivals
from pierre_data.forking import ForkSafeLock


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
    >>> store.get_many(["a:1", "a:2"])
    {'a:1': Entry(value=b'x', fetched=1.0, expires=2.0, keep_until=3.0)}
    >>> store.delete_prefix("a:", at=5.0)
    1
    """

    def __init__(self, max_bytes: int = 256 * 2**20) -> None:
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._bytes, self._max_bytes, self._writes = 0, max_bytes, 0
        self._lock = ForkSafeLock()

    def __repr__(self) -> str:
        return f"MemoryStore({sum(not key.startswith(DELETED) for key in self._entries)} entries)"

    def get_many(self, keys: Sequence[str]) -> dict[str, Entry]:
        """Return the entries there are, however old."""
        with self._lock:
            entries = {key: self._entries[key] for key in keys if key in self._entries}
            for key in entries:
                self._entries.move_to_end(key)
            return entries

    def put_many(self, entries: Mapping[str, Entry]) -> tuple[Version, Version]:
        """Keep entries; one that alone is larger than the store is not kept."""
        with self._lock:
            self._writes += 1
            fetched = {key: self._entries[key].fetched for key in rivals(entries) if key in self._entries}
            for key, entry in accepted(entries, fetched).items():
                self._drop(key)
                if len(entry.value) <= self._max_bytes:
                    self._entries[key] = entry
                    self._bytes += len(entry.value)
            while self._bytes > self._max_bytes:
                self._drop(next(key for key, entry in self._entries.items() if entry.value))
            return (self._writes - 1,), (self._writes,)

    def delete_prefix(self, prefix: str, *, at: float) -> int:
        """Remove what a prefix covers, and return how many entries went."""
        with self._lock:
            forgotten = [k for k, e in self._entries.items() if k.startswith(DELETED) and e.keep_until <= at]
            covered = [key for key in self._entries if f"{key}:".startswith(prefix)]
            for key in (*forgotten, *covered):
                self._drop(key)
            self.put_many(deletion(prefix, at))
            return len(covered)

    def version(self) -> Version:
        """Return the number of writes."""
        return (self._writes,)

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            self._writes += 1
            self._entries.clear()
            self._bytes = 0

    def _drop(self, key: str) -> None:
        old = self._entries.pop(key, None)
        self._bytes -= len(old.value) if old is not None else 0
