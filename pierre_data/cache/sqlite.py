"""A store in one SQLite file."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pierre_data.cache.database import Database
from pierre_data.cache.keys import ancestors, closed
from pierre_data.cache.store import REMEMBER, SKEW, Entry, Notice, Times, admitted, latest

#: In the file name, so that versions of this package with other layouts live side by side.
LAYOUT = 1
_SWEEP_EVERY = 3_600.0
_CHUNK = 500
# Times stand before the blob: behind 3 MB, reading them takes 111 times as long.
_TABLES = (
    "CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, fetched REAL NOT NULL DEFAULT 0,"
    " expires REAL NOT NULL DEFAULT 0, keep_until REAL NOT NULL DEFAULT 0, value BLOB)",
    "CREATE INDEX IF NOT EXISTS entries_keep_until ON entries (keep_until)",
    "CREATE INDEX IF NOT EXISTS entries_fetched ON entries (fetched)",
    "CREATE TABLE IF NOT EXISTS gone (prefix TEXT PRIMARY KEY, at REAL NOT NULL)",
)
_CHECK = "SELECT fetched, expires, keep_until, value, prefix, at FROM entries, gone LIMIT 0"
_PUT = (
    "INSERT INTO entries (key, fetched, expires, keep_until, value) VALUES (?1, ?2, ?3, ?4, ?5)"
    " ON CONFLICT (key) DO UPDATE SET fetched = ?2, expires = ?3, keep_until = ?4, value = ?5"
    " WHERE entries.fetched <= ?2 OR entries.fetched > ?6"
)
_FORGET = (
    "INSERT INTO gone (prefix, at) VALUES (?1, ?2)"
    " ON CONFLICT (prefix) DO UPDATE SET at = ?2 WHERE gone.at < ?2 OR gone.at > ?3"
)
_COVERED = "key = ?1 OR (key >= ?2 AND key < ?3)"


class SQLiteStore:
    """Keeps entries in ``cache-v1.sqlite``.

    Every method but `close` raises `StorageError` when the file cannot be used; a damaged one is set aside as
    ``cache-v1.sqlite.corrupt-<seconds since 1970>``, and a new one begins.

    Parameters
    ----------
    directory : Path
        Made with mode 0700; the file and what SQLite keeps beside it get 0600.
    notice : callable
        Told when a damaged file was set aside.
    wait : float
        Longest wait for another thread or process, in seconds.

    Raises
    ------
    StorageError
        The file is a link, belongs to somebody else, can be written by others, or cannot be opened.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     store = SQLiteStore(Path(folder), notice=print)
    ...     store.put_many({"a:1": Entry(b"x", fetched=1.0, expires=2.0, keep_until=3.0)})
    ...     store.range("a:")
    ...     store.close()
    [('a:1', 1.0, 2.0, 3.0)]
    """

    def __init__(self, directory: Path, *, notice: Notice, wait: float = 5.0) -> None:
        self._path = directory / f"cache-v{LAYOUT}.sqlite"
        self._database = Database(self._path, _TABLES, _CHECK, notice=notice, wait=wait)
        self._swept = 0.0
        self.purge(time.time())

    def __repr__(self) -> str:
        return f"SQLiteStore({str(self._path)!r})"

    def get(self, key: str) -> Entry | None:
        """Return an entry, however old, or None."""
        return self.get_many([key]).get(key)

    def get_many(self, keys: Sequence[str]) -> dict[str, Entry]:
        """Return the entries there are, however old."""

        def read(con: sqlite3.Connection) -> dict[str, Entry]:
            rows = _selected(con, "SELECT key, fetched, expires, keep_until, value FROM entries WHERE key IN", keys)
            # A value that is no blob was not written by us.
            return {key: Entry(value, *times) for key, *times, value in rows if isinstance(value, bytes)}

        return self._database.run(read)

    def put_many(self, entries: Mapping[str, Entry]) -> None:
        """Keep entries, all or none."""
        now = latest(entries)

        def write(con: sqlite3.Connection) -> None:
            starts = sorted({start for key in entries for start in ancestors(key)})
            gone = dict(_selected(con, "SELECT prefix, at FROM gone WHERE prefix IN", starts))
            fit = admitted(entries, gone, now)
            con.executemany(
                _PUT, [(k, e.fetched, e.expires, e.keep_until, e.value, now + SKEW) for k, e in fit.items()]
            )

        self._database.run(write, commit=True)
        if time.time() - self._swept > _SWEEP_EVERY:
            self.purge(time.time())

    def range(self, prefix: str) -> list[Times]:
        """Return the times of the entries a prefix covers, sorted by key, without reading their values."""
        sql = f"SELECT key, fetched, expires, keep_until FROM entries WHERE {_COVERED} ORDER BY key"
        return self._database.run(lambda con: con.execute(sql, _bounds(prefix)).fetchall())

    def delete_prefix(self, prefix: str, *, at: float) -> int:
        """Remove the entries a prefix covers, and return how many."""

        def write(con: sqlite3.Connection) -> int:
            con.execute(_FORGET, (closed(prefix), at, at + SKEW))
            return int(con.execute(f"DELETE FROM entries WHERE {_COVERED}", _bounds(prefix)).rowcount)

        return self._remove(write)

    def purge(self, now: float) -> int:
        """Remove what must not be kept any longer, and return how many entries went."""

        def write(con: sqlite3.Connection) -> int:
            con.execute("DELETE FROM gone WHERE at <= ? OR at > ?", (now - REMEMBER, now + SKEW))
            sql = "DELETE FROM entries WHERE keep_until <= ? OR fetched > ?"
            return int(con.execute(sql, (now, now + SKEW)).rowcount)

        removed = self._remove(write)
        self._swept = now
        return removed

    def version(self) -> tuple[int, ...]:
        """Return what differs after any write of this or another process."""

        def read(con: sqlite3.Connection) -> tuple[int, ...]:
            # The two counters belong to the connection and start anew with it.
            data_version = con.execute("PRAGMA data_version").fetchone()[0]
            return (self._database.opened, int(data_version), con.total_changes)

        return self._database.run(read)

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._database.close()

    def _remove(self, write: Callable[[sqlite3.Connection], int]) -> int:
        removed = self._database.run(write, commit=True)
        if removed:
            self._database.forget_log()
        return removed


def _selected(con: sqlite3.Connection, sql: str, names: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of some names, few enough at a time for SQLite."""
    for at in range(0, len(names), _CHUNK):
        part = names[at : at + _CHUNK]
        yield from con.execute(f"{sql} ({','.join('?' * len(part))})", tuple(part))


def _bounds(prefix: str) -> tuple[str, str, str]:
    """Return what `_COVERED` is filled with; a semicolon follows the colon."""
    start = closed(prefix)
    return start[:-1], start, f"{start[:-1]};"
