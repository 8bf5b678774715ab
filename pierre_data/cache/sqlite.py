"""A store in one SQLite file, through requests-cache's SQLiteDict, safe for threads, processes, forks and damage."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sqlite3
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from requests_cache.backends.sqlite import SQLiteDict

from pierre_data.cache.private import TAILS, prepare, set_damaged_aside
from pierre_data.cache.store import HEADER, SKEW, Entry, Notice, Version, accepted, deletion
from pierre_data.errors import StorageError

_T = TypeVar("_T")

#: In the file name, so that no version of this package meets another's layout.
LAYOUT = 2
_SWEEP_EVERY = 3_600.0
_CHUNK = 500
_PRAGMAS = (
    "PRAGMA page_size=65536",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=NORMAL",
    "PRAGMA secure_delete=ON",
    "PRAGMA wal_autocheckpoint=16",  # large pages: the log stays at a megabyte
    # And no mmap_size: a file that another program truncates would end the process.
)

_OPEN: WeakValueDictionary[int, Database] = WeakValueDictionary()


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
        versions = self._database.run(lambda con: self._write(con, entries), commit=True)
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
        # The two counters belong to the connection and start anew with it.
        return self._database.run(
            lambda con: (self._database.opened, *con.execute("PRAGMA data_version").fetchone(), con.total_changes)
        )

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._database.close()

    def _write(self, con: sqlite3.Connection, entries: Mapping[str, Entry]) -> tuple[Version, Version]:
        """Write inside a transaction, so that nobody else's write lies between the versions."""
        before, header = self.version(), f"key, substr(value, 1, {HEADER.size})"
        rows = partial(_selected, con, header)
        for key, entry in accepted(entries, lambda names: {k: Entry.unpacked(v) for k, v in rows(names)}).items():
            self._database[key] = entry.packed()
        return before, self.version()

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


class Database(SQLiteDict):
    """Its table ``entries`` of bytes, in a file of this user alone; see `SQLiteStore` for path, notice and wait."""

    def __init__(self, path: Path, *, notice: Notice, wait: float = 5.0) -> None:
        # Before anything can fail: the class above closes in its finalizer.
        self._lock, self._connection = threading.RLock(), None
        self._notice, self._wait, self._inode = notice, wait, 0
        self._forking = self._stuck = self._orphan = self._making = False
        #: How often the file was opened.
        self.opened = 0
        prepare(path)
        _OPEN[id(self)] = self
        super().__init__(path, table_name="entries", serializer=None)

    def run(self, work: Callable[[sqlite3.Connection], _T], *, commit: bool = False) -> _T:
        """Do some work on the connection; a file that turns out to be damaged is replaced once, and the work done anew.

        Raises StorageError when the file cannot be used, or was locked for too long.
        """
        for again in (True, False):
            try:
                with self.connection(commit=commit) as con:
                    return work(con)
            except (sqlite3.Error, OSError) as error:
                if not (again and _damaged(error)):
                    raise StorageError(
                        f"The cache {self.db_path} cannot be used: {error}.",
                        "Free some space, close what locks it, or set PIERRE_CACHE_DIR to another folder.",
                    ) from error
                self._replace(error)
        raise AssertionError("unreachable")

    def empty_log(self) -> None:
        """Write the log into the file and empty it: nothing removed stays there, unless others read just now."""

        def empty(con: sqlite3.Connection) -> None:
            con.execute("PRAGMA busy_timeout=0")
            try:
                con.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                    raise
            finally:
                con.execute(f"PRAGMA busy_timeout={int(self._wait * 1000)}")

        self.run(empty)

    def close(self) -> None:
        """Close the connection; the next use opens it again."""
        if self._making:  # the stock class closes before it makes its table
            return
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    # What requests-cache's own methods stand on.

    def init_db(self) -> None:
        """Open the file; a damaged one is replaced."""
        self.close()
        self.run(lambda con: None)

    @contextmanager
    def connection(self, commit: bool = False) -> Iterator[sqlite3.Connection]:
        """Give the connection to one thread; with `commit` inside a transaction, begun after a bounded wait."""
        lock = self._lock
        if self._orphan:
            raise sqlite3.OperationalError("this process was forked while another thread was using it")
        if not lock.acquire(timeout=self._wait):
            raise sqlite3.OperationalError("another thread has been using it for too long")
        try:
            if self._connection is None:
                self._connection = self._connected()
                self._make_table(self._connection)
            con = self._connection
            if not commit or con.in_transaction:
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
        finally:
            lock.release()
            if self._forking:
                time.sleep(0.001)  # locks are not fair: a busy thread would keep this one from who wants to fork

    @contextmanager
    def _acquire_sqlite_lock(self) -> Iterator[None]:
        """The stock one tries for ever and swallows what fails."""
        with self.connection(commit=True):
            yield

    def __getitem__(self, key: str) -> bytes:
        """Return the bytes of a key; the stock one pastes it into the statement."""
        sql = "SELECT value FROM entries WHERE key = ?"
        rows: list[tuple[bytes]] = self.run(lambda con: con.execute(sql, (key,)).fetchall())
        if not rows:
            raise KeyError(key)
        return rows[0][0]

    # Private.

    def _connected(self) -> sqlite3.Connection:
        con = sqlite3.connect(self.db_path, isolation_level=None, check_same_thread=False, timeout=self._wait)
        try:
            until = time.monotonic() + self._wait
            while True:
                try:
                    for pragma in _PRAGMAS:
                        con.execute(pragma).fetchall()
                    break
                except sqlite3.OperationalError as error:
                    # Switching a new file to WAL does not wait for another process that does the same.
                    if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                        raise
                    time.sleep(0.01)
            self._inode = os.stat(self.db_path).st_ino
        except BaseException:
            con.close()
            raise
        self.opened += 1
        return con

    def _make_table(self, con: sqlite3.Connection) -> None:
        """Let the stock class make its table if it is missing, and an index of when entries were fetched."""
        try:
            if not con.execute("SELECT 1 FROM sqlite_master WHERE name = 'entries_fetched'").fetchall():
                self._making = True
                con.execute("BEGIN IMMEDIATE")  # what is not ours is left as it is
                super().init_db()  # type: ignore[no-untyped-call]
                con.execute("CREATE INDEX IF NOT EXISTS entries_fetched ON entries (substr(value, 9, 8))")
                con.execute("COMMIT")
            con.execute("SELECT key, value, expires FROM entries LIMIT 0").fetchall()
        except BaseException:
            con.close()
            self._connection = None
            raise
        finally:
            self._making = False

    def _replace(self, error: Exception) -> None:
        path = Path(self.db_path)
        with self._lock:
            self.close()
            aside = set_damaged_aside(path, self._inode)
            prepare(path)
        if aside is not None:
            self._notice(f"The cache {path} was damaged ({error}); it is kept as {aside.name}, a new one begins.")

    # SQLite keeps what it knows about a file's locks in the memory of the process.  A child that inherits it from an
    # open connection reads without a lock and can never write, even through a connection of its own (tried 2026-11
    # with 3.40.1), so the file is closed before a fork, and both sides open it again.

    def _before_fork(self) -> None:
        self._forking = True
        self._stuck = not self._lock.acquire(timeout=self._wait)
        self._forking = False
        if not self._stuck:
            self.close()

    def _after_fork(self) -> None:
        with contextlib.suppress(RuntimeError):  # it was not acquired
            self._lock.release()

    def _after_fork_in_child(self) -> None:
        # The old lock may be held by a thread that does not exist here.
        self._lock = threading.RLock()
        self._orphan = self._orphan or self._stuck
        if self._orphan and self._connection is not None:
            # A child must not even close a connection of its parent, so this one is never collected.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._connection))
            self._connection = None


def _each(step: Callable[[Database], None]) -> None:
    for database in list(_OPEN.values()):
        step(database)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=partial(_each, Database._before_fork),
        after_in_parent=partial(_each, Database._after_fork),
        after_in_child=partial(_each, Database._after_fork_in_child),
    )


def _damaged(error: Exception) -> bool:
    """Return whether the file is none of ours, or no longer one."""
    code = getattr(error, "sqlite_errorcode", None)
    strange = str(error).startswith(("no such column", "no such table", "table entries has"))
    return code is not None and (code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or strange)
