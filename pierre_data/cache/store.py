"""What a store of cache entries promises, the one rule of what may be written, and the guard that every store gets."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from pierre_data.errors import StorageError

_T = TypeVar("_T")
Notice = Callable[[str], None]
#: What a store is like at one moment; see `Store.version`.
Version = tuple[int, ...]

#: Clocks of the processes that share a store differ by less, in seconds; what is later was written under a wrong clock.
SKEW = 300.0
#: For so long, in seconds, a deletion keeps out what was asked for before it.
REMEMBER = 86_400.0
#: Before the prefix of a deletion, which is kept as an entry without a value.
DELETED = "deleted:"

# Before each value: what it is and its layout, fetched, expires, keep_until.  Big-endian: such bytes sort as the times
# do.  32 bytes leave Arrow's buffers aligned.
HEADER = struct.Struct(">4s4xddd")
_MAGIC = b"pdc2"
#: After trouble the store is left alone for so many seconds: a locked file costs five at every try.
PAUSE = 30.0


class Packed(bytes):
    """An entry as bytes; for requests-cache it "expires" when it must not be kept any longer."""

    expires_unix: float


@dataclass(frozen=True, slots=True)
class Entry:
    """Some bytes, which are never unpickled, and their times in seconds since 1970 UTC.

    The request that brought it began at `fetched`; it is fresh before `expires`, and from `keep_until` on it must
    neither be served nor kept.

    Examples
    --------
    >>> entry = Entry(b"", fetched=10.0, expires=20.0, keep_until=30.0)
    >>> Entry.unpacked(entry.packed()) == entry
    True
    """

    value: bytes | memoryview
    fetched: float
    expires: float
    keep_until: float

    def packed(self) -> Packed:
        """Return times and value as the bytes that back ends keep."""
        packed = Packed(b"".join((HEADER.pack(_MAGIC, self.fetched, self.expires, self.keep_until), self.value)))
        packed.expires_unix = self.keep_until
        return packed

    @classmethod
    def unpacked(cls, data: object) -> Entry | None:
        """Return the entry of some bytes, without copying them, or None when they were not written by us."""
        if not isinstance(data, bytes) or len(data) < HEADER.size:
            return None
        magic, fetched, expires, keep_until = HEADER.unpack_from(data)
        return cls(memoryview(data)[HEADER.size :], fetched, expires, keep_until) if magic == _MAGIC else None


class Store(Protocol):
    """Keeps entries; safe to use from several threads, and between processes where it is shared.

    An entry whose request began earlier never replaces one whose request began later, and `delete_prefix` also keeps
    out what a request brings that began before it, for a day.  An entry or a deletion that lies more than five minutes
    in the future was written under a wrong clock and stops nothing.  Every method but `close` raises `StorageError`
    when the store cannot be used.  `pierre_data.testing.check_store` asks for all of this.
    """

    def get_many(self, keys: Sequence[str]) -> dict[str, Entry]:
        """Return the entries there are, however old, in one round trip."""

    def put_many(self, entries: Mapping[str, Entry]) -> tuple[Version, Version] | None:
        """Keep entries, all or none; returns the version right before and right after.

        None will do: then an answer that had to be fetched is not remembered by the client before it is asked again.
        """

    def delete_prefix(self, prefix: str, *, at: float) -> int:
        """Remove what a prefix covers, and return how many entries went; `at` is now.

        A prefix ends at a colon; it covers the keys that begin with it, and the one that is it without the colon.
        """

    def version(self) -> Version:
        """Return what differs after any write, also by another process."""

    def close(self) -> None:
        """Let go of files and connections."""


def deletion(prefix: str, at: float) -> dict[str, Entry]:
    """Return what is put into a store so that a deletion is remembered."""
    return {f"{DELETED}{prefix}": Entry(b"", at, at, at + REMEMBER)}


def accepted(entries: Mapping[str, Entry], look: Callable[[list[str]], Mapping[str, Entry | None]]) -> dict[str, Entry]:
    """Return the entries that may be written: the rule of every store.

    `look` returns those of some entries that are there, or their times at least: the entries that would be replaced,
    and the deletions that cover them.
    """
    covering: dict[str, list[str]] = {}
    for key in entries:
        parts = [] if key.startswith(DELETED) else key.split(":")  # nothing covers a deletion
        covering[key] = [f"{DELETED}{':'.join(parts[:n])}:" for n in range(1, len(parts) + 1)]
    there = look(list(dict.fromkeys([*covering, *(name for names in covering.values() for name in names)])))
    fetched = {name: entry.fetched for name, entry in there.items() if entry is not None}
    # Clocks of machines differ a little: now is when the youngest request began, if that is later.
    limit = max([time.time(), *(entry.fetched for entry in entries.values())]) + SKEW
    return {
        key: entry
        for key, entry in entries.items()
        if not entry.fetched < fetched.get(key, float("-inf")) <= limit
        and not any(entry.fetched <= fetched.get(name, float("-inf")) <= limit for name in covering[key])
    }


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


def _trouble(error: Exception) -> StorageError:
    if isinstance(error, StorageError):
        return error
    return StorageError(
        f"The cache cannot be used: {type(error).__name__}: {error}.", "Mend the store given as cache=."
    )
