"""Open the store that the settings name, behind the guard that every store gets."""

from __future__ import annotations

from pathlib import Path

from pierre_data.cache.memory import MemoryStore
from pierre_data.cache.resilient import ResilientStore
from pierre_data.cache.store import Notice, Store
from pierre_data.errors import StorageError
from pierre_data.secret import Secret


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
