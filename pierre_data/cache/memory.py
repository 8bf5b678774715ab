"""A store in this process's memory; and how the shared ones are opened."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path

from pierre_data.cache.store import DELETED, Entry, Notice, ResilientStore, Store, Version, accepted, deletion
from pierre_data.errors import StorageError
from pierre_data.forking import ForkSafeLock
from pierre_data.secret import Secret


class MemoryStore:
    """Keeps entries in memory; the least recently used go when there are too many bytes.

    Parameters
    ----------
    max_bytes : int
        Most bytes of values kept.

    Examples
    --------
    >>> store = MemoryStore()
    >>> versions = store.put_many({"a:1": Entry(b"x", fetched=1.0, expires=2.0, keep_until=3.0)})
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
            for key, entry in accepted(entries, lambda names: {n: self._entries.get(n) for n in names}).items():
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


def open_store(
    directory: Path | None, redis_url: Secret | str | None, *, notice: Notice, own: Store | None = None
) -> Store:
    """Return the caller's `own` store, or the shared one: Redis, or a file in the directory; in memory when neither.

    Its reads never raise: in memory there is no trouble, and every other one is behind the guard.  A shared one that
    cannot be opened is told, and replaced by one in memory.
    """
    try:
        store = own if own is not None else _shared(directory, redis_url, notice)
    except StorageError as error:
        notice(f"{error.what} {error.fix} Keeping answers in memory only.")
        store = MemoryStore()
    return store if isinstance(store, MemoryStore | ResilientStore) else ResilientStore(store, notice)


def _shared(directory: Path | None, redis_url: Secret | str | None, notice: Notice) -> Store:
    # Imported here: requests-cache costs 0.4 times the import of pandas, and redis is an extra.
    if redis_url is not None:
        try:
            from pierre_data.cache.redisdb import RedisStore
        except ImportError as error:
            raise StorageError(
                "REDIS_URL is set, but the redis package is not installed.", "Run: pip install redis."
            ) from error
        return RedisStore(redis_url)
    if directory is None:
        return MemoryStore()
    from pierre_data.cache.sqlite import SQLiteStore

    return SQLiteStore(directory, notice=notice)
