"""One holder per account: a lock between threads around a file lock between processes."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from pierre_data.auth.tokens import Account, Notice, held
from pierre_data.errors import StorageError
from pierre_data.private_files import private_directory, tighten

_POLL_S = 0.02


class AccountLocks:
    """Locks of the accounts of one directory; the kernel frees the lock of a process that dies.

    Lock files are never removed: unlinking one that somebody waits for would let two in.

    Parameters
    ----------
    directory : Path
        Where the lock files are.
    notice : callable
        Told when a loose lock file was tightened.
    """

    def __init__(self, directory: Path, notice: Notice) -> None:
        self._directory, self._notice = directory, notice
        self._pid, self._guard = os.getpid(), threading.Lock()
        self._threads: dict[str, threading.RLock] = {}
        self._depth: dict[str, int] = {}

    @contextmanager
    def hold(self, account: Account, timeout_s: float) -> Iterator[None]:
        """Hold the account alone; the same thread may enter again.

        Raises
        ------
        Timeout
            Somebody else held it all the time.
        StorageError
            The lock file cannot be made.
        """
        name, started = account.digest, time.monotonic()
        thread = self._thread_lock(name)
        if not thread.acquire(timeout=timeout_s):
            raise held(account, timeout_s)
        try:
            if self._depth.get(name, 0):
                yield
                return
            lock = self._file_lock(name)
            left = max(0.0, timeout_s - (time.monotonic() - started))
            if not _acquired(lock, left):
                raise held(account, timeout_s)
            self._depth[name] = 1
            try:
                yield
            finally:
                self._depth[name] = 0
                lock.release()
        finally:
            thread.release()

    def _thread_lock(self, name: str) -> threading.RLock:
        # After a fork the child gets new locks: a thread that held one does not exist there.
        if os.getpid() != self._pid:
            self._pid, self._guard, self._threads, self._depth = os.getpid(), threading.Lock(), {}, {}
        with self._guard:
            return self._threads.setdefault(name, threading.RLock())

    def _file_lock(self, name: str) -> filelock.FileLock:
        private_directory(self._directory, self._notice)
        path = self._directory / f"{name}.lock"
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
            try:
                tighten(handle, path, self._notice)
            finally:
                os.close(handle)
        except OSError as error:
            raise StorageError(
                f"{path} cannot be made: {error.strerror}.", "Check the permissions of its directory."
            ) from None
        return filelock.FileLock(path, mode=0o600, poll_interval=_POLL_S)


def _acquired(lock: filelock.FileLock, timeout_s: float) -> bool:
    try:
        lock.acquire(timeout=timeout_s)
    except filelock.Timeout:
        return False
    except OSError as error:
        raise StorageError(
            f"{lock.lock_file} cannot be locked: {error.strerror}.",
            "Set PIERRE_DATA_DIR to a local directory.",
        ) from None
    return True
