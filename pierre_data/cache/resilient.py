"""The guard that every store gets, so that its trouble never reaches who asks; and how stores are opened."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pierre_data.cache.memory import MemoryStore
from pierre_data.cache.store import Entry, Notice, Store, Version
from pierre_data.errors import StorageError
from pierre_data.secret import Secret

_T = TypeVar("_T")

#: After trouble the store is left alone for so many seconds: a locked file costs five at every try.
PAUSE = 30.0


class ResilientStore:
    """Wraps every store: trouble is a miss or a write left out, and one notice.

    Reads and writes pause on their own: on a full disk what is kept is still served.  `delete_prefix` does raise,
    since what must go would stay.  Whatever a store raises is trouble: it may be somebody's own.  `notice` is told
    once what is wrong; `clock` never goes back.
    """

    def __init__(self, store: Store, notice: Notice, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.store, self._notice, self._clock = store, notice, clock
        self._notified, self._unknown = False, 0
        self._paused_until: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"ResilientStore({self.store!r})"

    def get_many(self, keys: Sequence[str]) -> dict[str, Entry]:
        """Return the entries there are; none when the store cannot be read."""
        return self._tried("read", lambda: self.store.get_many(keys)) or {}

    def put_many(self, entries: Mapping[str, Entry]) -> tuple[Version, Version] | None:
        """Keep entries, unless the store cannot be written."""
        return self._tried("write", lambda: self.store.put_many(entries))

    def delete_prefix(self, prefix: str, *, at: float) -> int:
        """Remove entries; unlike reads this raises StorageError, since what must go would stay."""
        try:
            return self.store.delete_prefix(prefix, at=at)
        except StorageError:
            raise
        except Exception as error:  # of any kind: see the class
            raise _trouble(error) from error

    def version(self) -> Version:
        """Return what differs after any write; a store that cannot be read gives a new answer each time."""
        version = self._tried("read", self.store.version)
        self._unknown += version is None
        return (-1, self._unknown) if version is None else version

    def close(self) -> None:
        """Let go of files and connections."""
        self._tried("close", self.store.close)

    def _tried(self, what: str, work: Callable[[], _T]) -> _T | None:
        if self._clock() < self._paused_until.get(what, float("-inf")):
            return None
        try:
            return work()
        except Exception as error:  # noqa: BLE001  # of any kind: see the class
            self._paused_until[what] = self._clock() + PAUSE
            if not self._notified:
                self._notified, trouble = True, _trouble(error)
                self._notice(f"{trouble.what} {trouble.fix} Going on without the cache.")
            return None


def open_store(
    directory: Path | None, redis_url: Secret | str | None, *, notice: Notice, own: Store | None = None
) -> Store:
    """Return the caller's `own` store, or the shared one: Redis, or a file in the directory; in memory when neither.

    Its reads never raise: in memory there is no trouble, and every other one is behind the guard.  A shared one that
    cannot be opened is told, and replaced by one in memory.

    Examples
    --------
    >>> open_store(None, None, notice=print)
    MemoryStore(0 entries)
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


def _trouble(error: Exception) -> StorageError:
    if isinstance(error, StorageError):
        return error
    return StorageError(
        f"The cache cannot be used: {type(error).__name__}: {error}.", "Mend the store given as cache=."
    )
