"""A store in one SQLite file, on requests-cache's SQLiteDict made safe.

What the stock class of requests-cache 1.3.3 does and this one does not (2026-11): it pastes keys into SQL, waits for
ever for a lock, swallows failed writes, gives wrong answers to threads on Python 3.12 and later, reads the expiry
behind the blob, leaves the file readable by everybody, and shares its connection with forked children.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from requests_cache.backends.sqlite import SQLiteDict

from pierre_data.cache.store import Entry, Notice
from pierre_data.errors import StorageError

#: In the file name, so that versions of this package with other layouts live side by side.
LAYOUT = 1
_BUSY_MS = 5_000
_DAY = 86_400.0
_CHUNK = 500


class SQLiteStore(SQLiteDict):
    """Keeps entries in ``cache-v1.sqlite``.

    Parameters
    ----------
    directory : Path
        Made with mode 0700; the file gets 0600.
    notice : callable
        Told when a damaged file was set aside.

    Raises
    ------
    StorageError
        The file belongs to somebody else, is a link, can be written by others, or cannot be opened.
    """

    def __init__(self, directory: Path, *, notice: Notice) -> None:
        self._path = directory / f"cache-v{LAYOUT}.sqlite"
        self._pid = os.getpid()
        _prepare(directory, self._path)
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and "malformed" not in str(error):
                raise _trouble(self._path, error) from error
            aside = self._path.with_name(f"{self._path.name}.corrupt-{int(time.time())}")
            self._set_aside(aside)
            notice(f"The cache {self._path} was damaged; it is kept as {aside.name} and a new one begins.")
            _prepare(directory, self._path)
            self._open()
        self.purge(time.time())

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def __repr__(self) -> str:
        return f"SQLiteStore({str(self._path)!r})"

    def _open(self) -> None:
        super().__init__(self._path, table_name="entries", serializer=None, wal=True, busy_timeout=_BUSY_MS)

    def init_db(self) -> None:
        """Make the tables; times stand before the blob, so that reading them does not read it."""
        self.close()
        with self.connection(commit=True) as con:
            con.execute(
                "CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, fetched REAL NOT NULL DEFAULT 0,"
                " expires REAL NOT NULL DEFAULT 0, keep_until REAL NOT NULL DEFAULT 0, value BLOB)"
            )
            con.execute("CREATE TABLE IF NOT EXISTS gone (prefix TEXT PRIMARY KEY, at REAL NOT NULL)")

    @contextmanager
    def connection(self, commit: bool = False) -> Iterator[sqlite3.Connection]:
        """Give the connection, locked; with `commit` inside one transaction that waits a bounded time."""
        if self._pid != os.getpid():
            # After a fork the lock may be held by a thread that does not exist here, and SQLite forbids the old
            # connection: both are left behind, not closed.
            self._lock, self._connection, self._pid = threading.RLock(), None, os.getpid()
        with self._lock:
            if self._connection is None:
                self._connection = self._connected()
            con = self._connection
            if not commit:
                yield con
                return
            con.execute("BEGIN IMMEDIATE")
            try:
                yield con
                con.execute("COMMIT")
            except BaseException:
                if con.in_transaction:
                    con.execute("ROLLBACK")
                raise

    def _connected(self) -> sqlite3.Connection:
        con = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=_BUSY_MS / 1000)
        try:
            for pragma in (
                f"busy_timeout={_BUSY_MS}",
                "page_size=65536",
                "journal_mode=WAL",
                "synchronous=NORMAL",
                "secure_delete=ON",
                f"mmap_size={256 * 2**20}",
            ):
                con.execute(f"PRAGMA {pragma}")
        except BaseException:
            con.close()
            raise
        return con

    def get_many(self, keys: Sequence[str]) -> dict[str, Entry]:
        """Return the entries there are."""
        found: dict[str, Entry] = {}
        with self._safely(), self.connection() as con:
            for at in range(0, len(keys), _CHUNK):
                part = list(keys[at : at + _CHUNK])
                marks = ",".join("?" * len(part))
                rows = con.execute(
                    f"SELECT key, fetched, expires, keep_until, value FROM entries WHERE key IN ({marks})", part
                )
                found |= {key: Entry(bytes(value), *times) for key, *times, value in rows}
        return found

    def put_many(self, entries: Mapping[str, Entry]) -> None:
        """Keep entries, all or none."""
        with self._safely(), self.connection(commit=True) as con:
            con.executemany(
                "INSERT INTO entries (key, fetched, expires, keep_until, value) SELECT ?1, ?2, ?3, ?4, ?5"
                " WHERE NOT EXISTS (SELECT 1 FROM gone WHERE at >= ?2 AND (?1 = prefix"
                "  OR substr(?1, 1, length(prefix)) = prefix"
                "  AND (substr(prefix, -1) = ':' OR substr(?1, length(prefix) + 1, 1) = ':')))"
                " ON CONFLICT (key) DO UPDATE SET fetched = excluded.fetched, expires = excluded.expires,"
                " keep_until = excluded.keep_until, value = excluded.value WHERE excluded.fetched >= entries.fetched",
                [(key, e.fetched, e.expires, e.keep_until, e.value) for key, e in entries.items()],
            )

    def delete_prefix(self, prefix: str, *, at: float) -> int:
        """Remove entries whose key begins so."""
        low, high = (prefix, _after(prefix)) if prefix.endswith(":") else (f"{prefix}:", f"{prefix};")
        with self._safely(), self.connection(commit=True) as con:
            con.execute(
                "INSERT INTO gone (prefix, at) VALUES (?, ?) ON CONFLICT (prefix) DO UPDATE SET at = max(at, ?2)",
                (prefix, at),
            )
            done = con.execute("DELETE FROM entries WHERE key = ? OR (key >= ? AND key < ?)", (prefix, low, high))
            return int(done.rowcount)

    def purge(self, now: float) -> int:
        """Remove what must not be kept any longer."""
        with self._safely(), self.connection(commit=True) as con:
            con.execute("DELETE FROM gone WHERE at < ?", (now - _DAY,))
            return int(con.execute("DELETE FROM entries WHERE keep_until <= ?", (now,)).rowcount)

    def version(self) -> tuple[int, ...]:
        """Return what differs after any write of this or another process."""
        with self._safely(), self.connection() as con:
            return (int(con.execute("PRAGMA data_version").fetchone()[0]), con.total_changes)

    def __getitem__(self, key: str) -> bytes:
        """Return the bytes of a key."""
        found = self.get_many([key])
        if key not in found:
            raise KeyError(key)
        return found[key].value

    @contextmanager
    def _safely(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise _trouble(self._path, error) from error

    def _set_aside(self, aside: Path) -> None:
        self.close()
        os.replace(self._path, aside)
        for tail in ("-wal", "-shm"):
            self._path.with_name(self._path.name + tail).unlink(missing_ok=True)


def _after(prefix: str) -> str:
    """Return the first text behind all that begin with a prefix ending in a colon."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def _trouble(path: Path, error: sqlite3.Error) -> StorageError:
    return StorageError(
        f"The cache {path} cannot be used: {error}.",
        "Free some space, close what locks it, or set PIERRE_CACHE_DIR to another folder.",
    )


def _prepare(directory: Path, path: Path) -> None:
    """Make the folder and the file for this user alone; refuse what others could have planted.

    Raises
    ------
    StorageError
        It cannot be made, or is not ours.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in (path, *(path.with_name(path.name + tail) for tail in ("-wal", "-shm"))):
            _check(name)
        # SQLite gives -wal and -shm the mode of the file itself.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StorageError(
            f"The cache {path} cannot be opened: {error.strerror}.", "Set PIERRE_CACHE_DIR to a folder of your own."
        ) from error


def _check(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISLNK(found.st_mode) or not stat.S_ISREG(found.st_mode):
        raise StorageError(f"The cache {path} is a link or no file.", "Remove it, or set PIERRE_CACHE_DIR.")
    if found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise StorageError(
            f"The cache {path} belongs to somebody else or can be written by others.",
            "Remove it, or set PIERRE_CACHE_DIR to a folder of your own.",
        )
    if found.st_mode & 0o077:
        path.chmod(0o600)
