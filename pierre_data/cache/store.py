"""What a store of cache entries is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pierre_data.errors import StorageError

Notice = Callable[[str], None]


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
        Until when it is fresh.
    keep_until : float
        From when on it must neither be served nor kept.
    """

    value: bytes
    fetched: float
    expires: float
    keep_until: float


class Store(Protocol):
    """Keeps entries; safe to use from several threads, and between processes where it is shared.

    An entry whose request began earlier never replaces one whose request began later, and `delete_prefix` also keeps
    out what a request brings that began before it.  Every method raises `StorageError` when the store cannot be used.
    """

    def get_many(self, keys: Sequence[str]) -> dict[str, Entry]:
        """Return the entries there are."""

    def put_many(self, entries: Mapping[str, Entry]) -> None:
        """Keep entries, all or none."""

    def delete_prefix(self, prefix: str, *, at: float) -> int:
        """Remove the entries whose key begins so, and return how many; `at` is now."""

    def purge(self, now: float) -> int:
        """Remove what must not be kept any longer, and return how many entries went."""

    def version(self) -> tuple[int, ...]:
        """Return what differs after any write, also by another process."""

    def close(self) -> None:
        """Let go of files and connections."""


class Resilient:
    """A store that never breaks a read: trouble is a miss, and one notice.

    Parameters
    ----------
    store : Store
        Where entries are.
    notice : callable
        Told once what is wrong.
    """

    def __init__(self, store: Store, notice: Notice) -> None:
        self._store = store
        self._notice = notice
        self._told = False
        self._unknown = 0

    def __repr__(self) -> str:
        return f"Resilient({self._store!r})"

    def get_many(self, keys: Sequence[str]) -> dict[str, Entry]:
        """Return the entries there are; none when the store cannot be read."""
        try:
            return self._store.get_many(keys)
        except StorageError as error:
            self._tell(error)
            return {}

    def put_many(self, entries: Mapping[str, Entry]) -> None:
        """Keep entries, unless the store cannot be written."""
        try:
            self._store.put_many(entries)
        except StorageError as error:
            self._tell(error)

    def delete_prefix(self, prefix: str, *, at: float) -> int:
        """Remove entries; unlike reads this raises, since what must go would stay."""
        return self._store.delete_prefix(prefix, at=at)

    def purge(self, now: float) -> int:
        """Remove what must not be kept; raises when it cannot."""
        return self._store.purge(now)

    def version(self) -> tuple[int, ...]:
        """Return what differs after any write; a store that cannot be read gives a new answer each time."""
        try:
            return self._store.version()
        except StorageError as error:
            self._tell(error)
            self._unknown += 1
            return (-1, self._unknown)

    def close(self) -> None:
        """Let go of files and connections."""
        self._store.close()

    def _tell(self, error: StorageError) -> None:
        if not self._told:
            self._told = True
            self._notice(f"{error.what} {error.fix} Going on without the cache.")


def open_store(directory: Path, redis_url: str | None, *, notice: Notice) -> Store:
    """Open the shared store, or one in memory when it cannot be opened.

    Parameters
    ----------
    directory : Path
        Where the SQLite file is, or will be.
    redis_url : str, optional
        Redis instead.
    notice : callable
        Told what is wrong, once.
    """
    from pierre_data.cache.memory import MemoryStore

    try:
        return Resilient(_shared(directory, redis_url, notice), notice)
    except StorageError as error:
        notice(f"{error.what} {error.fix} Keeping answers in memory only.")
        return MemoryStore()


def _shared(directory: Path, redis_url: str | None, notice: Notice) -> Store:
    if redis_url is not None:
        raise StorageError("A cache in Redis is not available yet.", "Unset REDIS_URL to use the SQLite file.")
    from pierre_data.cache.sqlite import SQLiteStore

    return SQLiteStore(directory, notice=notice)
