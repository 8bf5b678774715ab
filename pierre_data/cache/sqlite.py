"""A store in one SQLite file."""

from __future__ import annotations

import contextlib
import sqlite3
import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pierre_data.cache.database import Database
from pierre_data.cache.private import TAILS
from pierre_data.cache.store import HEADER, SKEW, Entry, Notice, Version, accepted, deletion, rivals

#: In the file name, so that no version of this package meets another's layout.
LAYOUT = 2
_SWEEP_EVERY = 3_600.0
_CHUNK = 500


class SQLiteStore:
    """Keeps entries in ``cache-v2.sqlite``.

    Every method but `close` raises `StorageError` when the file cannot be used; a damaged one is set aside as
    ``cache-v2.sqlite.corrupt-<seconds since 1970>``, and a new one begins.

    The directory is made with mode 0700, the file and what SQLite keeps beside it with 0600; a file that is a link,
    belongs to somebody else or can be written by others is refused.  `notice` is told when a damaged one was set
    aside; `wait` is the longest wait for another thread or process, in seconds.
    """

    def __init__(self, directory: Path, *, notice: Notice, wait: float = 5.0) -> None:
        path = directory / f"cache-v{LAYOUT}.sqlite"
        self._database = Database(path, notice=notice, wait=wait)
        self._swept = 0.0
        self.sweep(time.time())
        for tail in TAILS:  # nobody would sweep the file of an earlier version, and terms limit how long rows are kept
            with contextlib.suppress(OSError):
                (directory / f"cache-v{LAYOUT - 1}.sqlite{tail}").unlink()

    def __repr__(self) -> str:
        return f"SQLiteStore({str(self._database.db_path)!r})"

    def get_many(self, keys: Sequence[str]) -> dict[str, Entry]:
        """Return the entries there are, however old."""
        rows = self._database.run(lambda con: list(_selected(con, "key, value", keys)))
        return {key: entry for key, value in rows if (entry := Entry.unpacked(value)) is not None}

    def put_many(self, entries: Mapping[str, Entry]) -> tuple[Version, Version]:
        """Keep entries, all or none."""

        def write(con: sqlite3.Connection) -> tuple[Version, Version]:
            before = self._version(con)  # nobody else writes until the commit
            self._write(con, entries)
            return before, self._version(con)

        versions = self._database.run(write, commit=True)
        if time.time() - self._swept > _SWEEP_EVERY:
            self.sweep(time.time())
        return versions

    def delete_prefix(self, prefix: str, *, at: float) -> int:
        """Remove what a prefix covers, and return how many entries went."""

        def covered(con: sqlite3.Connection) -> list[tuple[str]]:
            self._write(con, deletion(prefix, at))
            # A semicolon follows the colon.
            sql = "SELECT key FROM entries WHERE key = ? OR (key >= ? AND key < ?)"
            return con.execute(sql, (prefix[:-1], prefix, f"{prefix[:-1]};")).fetchall()

        return self._remove(covered)

    def sweep(self, now: float) -> int:
        """Remove what must not be kept any longer or was written under a wrong clock, and return how many went."""
        ahead = struct.pack(">d", now + SKEW)

        def doomed(con: sqlite3.Connection) -> list[tuple[str]]:
            sql = "SELECT key FROM entries WHERE"
            return con.execute(f"{sql} expires <= ? UNION {sql} substr(value, 9, 8) > ?", (now, ahead)).fetchall()

        self._swept = now
        return self._remove(doomed)

    def version(self) -> Version:
        """Return what differs after any write of this or another process."""
        return self._database.run(self._version)

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._database.close()

    def _version(self, con: sqlite3.Connection) -> Version:
        # The two counters belong to the connection and start anew with it.
        return (self._database.opened, *con.execute("PRAGMA data_version").fetchone(), con.total_changes)

    def _write(self, con: sqlite3.Connection, entries: Mapping[str, Entry]) -> None:
        rows = _selected(con, f"key, substr(value, 1, {HEADER.size})", rivals(entries))
        fetched = {key: old.fetched for key, value in rows if (old := Entry.unpacked(value)) is not None}
        for key, entry in accepted(entries, fetched).items():
            self._database[key] = entry.packed()

    def _remove(self, which: Callable[[sqlite3.Connection], list[tuple[str]]]) -> int:
        def write(con: sqlite3.Connection) -> int:
            keys = [key for (key,) in which(con)]
            self._database.bulk_delete(keys)  # type: ignore[no-untyped-call]
            return len(keys)

        removed = self._database.run(write, commit=True)
        if removed:
            self._database.empty_log()
        return removed


def _selected(con: sqlite3.Connection, columns: str, keys: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of some keys, few enough at a time for SQLite; the stock class reads one by one."""
    for at in range(0, len(keys), _CHUNK):
        part = keys[at : at + _CHUNK]
        yield from con.execute(f"SELECT {columns} FROM entries WHERE key IN ({','.join('?' * len(part))})", part)
