"""A store whose trouble never reaches who asks."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from pierre_data.cache.store import Entry, Notice, Store, Times
from pierre_data.errors import StorageError

_T = TypeVar("_T")

#: After trouble the store is left alone for so many seconds: a locked file costs five at every try.
PAUSE = 30.0


class Resilient:
    """A store that never breaks a read: trouble is a miss or a write left out, and one notice.

    Reads and writes pause on their own: on a full disk what is kept is still served.  `delete_prefix` and `purge`
    do raise, since what must go would stay.

    Parameters
    ----------
    store : Store
        Where entries are.
    notice : callable
        Told once what is wrong.
    clock : callable
        Seconds that never go back.
    """

    def __init__(self, store: Store, notice: Notice, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._notice = notice
        self._clock = clock
        self._told = False
        self._unknown = 0
        self._no_reads_until = self._no_writes_until = float("-inf")

    def __repr__(self) -> str:
        return f"Resilient({self._store!r})"

    def get(self, key: str) -> Entry | None:
        """Return an entry, or None, also when the store cannot be read."""
        return self.get_many([key]).get(key)

    def get_many(self, keys: Sequence[str]) -> dict[str, Entry]:
        """Return the entries there are; none when the store cannot be read."""
        return self._read(lambda: self._store.get_many(keys)) or {}

    def range(self, prefix: str) -> list[Times]:
        """Return the times of the entries a prefix covers; none when the store cannot be read."""
        return self._read(lambda: self._store.range(prefix)) or []

    def put_many(self, entries: Mapping[str, Entry]) -> None:
        """Keep entries, unless the store cannot be written."""
        if self._clock() < self._no_writes_until:
            return
        try:
            self._store.put_many(entries)
        except StorageError as error:
            self._no_writes_until = self._clock() + PAUSE
            self._tell(error)

    def delete_prefix(self, prefix: str, *, at: float) -> int:
        """Remove entries; unlike reads this raises, since what must go would stay.

        Raises
        ------
        StorageError
            The store cannot be written.
        """
        return self._store.delete_prefix(prefix, at=at)

    def purge(self, now: float) -> int:
        """Remove what must not be kept.

        Raises
        ------
        StorageError
            The store cannot be written.
        """
        return self._store.purge(now)

    def version(self) -> tuple[int, ...]:
        """Return what differs after any write; a store that cannot be read gives a new answer each time."""
        found = self._read(self._store.version)
        if found is not None:
            return found
        self._unknown += 1
        return (-1, self._unknown)

    def close(self) -> None:
        """Let go of files and connections."""
        self._store.close()

    def _read(self, read: Callable[[], _T]) -> _T | None:
        if self._clock() < self._no_reads_until:
            return None
        try:
            return read()
        except StorageError as error:
            self._no_reads_until = self._clock() + PAUSE
            self._tell(error)
            return None

    def _tell(self, error: StorageError) -> None:
        if not self._told:
            self._told = True
            self._notice(f"{error.what} {error.fix} Going on without the cache.")
