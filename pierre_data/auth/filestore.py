"""Tokens in files: sealed, private, replaced as a whole, one per account, one holder at a time."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import filelock

from pierre_data.auth.encryption import Cipher, DamagedFile, UnknownKey, pack, unpack
from pierre_data.auth.tokens import Account, StorageInfo, StoredToken, from_json, lock_timeout, to_json
from pierre_data.errors import PierreError, StorageError
from pierre_data.private_files import (
    NOFOLLOW,
    Notice,
    private_directory,
    read_private,
    set_aside,
    sweep_parts,
    sync_directory,
    tighten,
    warn,
    write_private,
)

_POLL_S = 0.02


class FileTokens:
    """Tokens in files of mode 0600 in a directory of mode 0700; a `TokenStore`.

    Every read goes to the disk (about 0.25 ms), so a refresh, a connect or a disconnect of another process is seen
    at once.  The directory is made when it is missing; one that is a link or somebody else's is a StorageError.
    Without a cipher files are in clear; `key` says where the key came from; `notice` is told once about each file
    that is loose, corrupt or sealed with another key.
    """

    def __init__(self, directory: Path, cipher: Cipher | None, *, key: str = "", notice: Notice = warn) -> None:
        self._directory, self._cipher, self._key = directory, cipher, key
        self._noticed: set[str] = set()
        self._notice_to = notice
        private_directory(directory, self._notice)
        sweep_parts(directory)
        self._locks = _AccountLocks(directory, self._notice)

    def __repr__(self) -> str:
        return f"FileTokens({self.describe()})"

    def load(self, account: Account) -> StoredToken | None:
        """Return the account's token, or None.

        A corrupt file is set aside, one of another key stays, one in clear or of an older key or format is sealed anew.
        """
        try:
            token, current = self._read(account)
        except UnknownKey:
            self._notice(
                f"The token of {account.provider} is sealed with a key that is not here: unlock the keyring or set the "
                "right PIERRE_TOKEN_KEY, or connect again."
            )
            return None
        except DamagedFile:
            return self._set_damaged_aside(account)
        if not current and self._cipher is not None:
            self._seal_anew(account)
        return token

    def save(self, account: Account, token: StoredToken) -> None:
        """Keep a token in place of the old one; when this returns, it is on disk."""
        private_directory(self._directory, self._notice)
        path = self._path(account)
        try:
            self._read(account)
        except (UnknownKey, DamagedFile):
            set_aside(path)
        write_private(path, pack(to_json(account, token), self._cipher, account.digest.encode()))

    def delete(self, account: Account) -> bool:
        """Forget the account's token; returns whether there was one."""
        path = self._path(account)
        try:
            path.unlink()
            sync_directory(self._directory)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StorageError(f"{path} cannot be removed: {error.strerror}.", "Remove it by hand.") from None
        return True

    def lock(self, account: Account, timeout_s: float = 60.0) -> AbstractContextManager[None]:
        """Hold the account alone among all threads and processes; see `TokenStore.lock`."""
        return self._locks.hold(account, timeout_s)

    def list(self) -> list[Account]:
        """Return every account that has a token this key opens, in order."""
        accounts = []
        for path in self._directory.glob("*.token"):
            content = read_private(path, self._notice)
            with contextlib.suppress(ValueError):
                accounts.append(from_json(unpack(content or b"", self._cipher, path.stem.encode())[0])[0])
        return sorted(accounts)

    def describe(self) -> StorageInfo:
        """Return directory, encryption and where the key is."""
        return StorageInfo(str(self._directory), encrypted=self._cipher is not None, lasting=True, key=self._key)

    def _path(self, account: Account) -> Path:
        return self._directory / f"{account.digest}.token"

    def _read(self, account: Account) -> tuple[StoredToken | None, bool]:
        """The token, and whether its file is as we would write it today."""
        content = read_private(self._path(account), self._notice)
        if content is None:
            return None, True
        plain, current = unpack(content, self._cipher, account.digest.encode())
        try:
            owner, token = from_json(plain)
        except ValueError:
            raise DamagedFile("this is no token") from None
        if owner != account:
            raise DamagedFile("this is another account's token")
        return token, current

    def _set_damaged_aside(self, account: Account) -> StoredToken | None:
        """Look again alone: what was corrupt may have been replaced since."""
        with self.lock(account):
            try:
                return self._read(account)[0]
            except UnknownKey:
                return None
            except DamagedFile:
                aside = set_aside(self._path(account))
        self._notice(f"The token of {account.provider} was corrupt and is set aside as {aside.name}: connect again.")
        return None

    def _seal_anew(self, account: Account) -> None:
        # A disk that cannot be written, or somebody who holds the account, must not stop a read.
        with contextlib.suppress(PierreError, ValueError), self.lock(account, 1.0):
            token, current = self._read(account)
            if token is not None and not current:
                self.save(account, token)
                self._notice(f"The token of {account.provider} is sealed with the present key now.")

    def _notice(self, text: str) -> None:
        if text not in self._noticed:
            self._noticed.add(text)
            self._notice_to(text)


class _AccountLocks:
    """A lock between threads around a file lock between processes, whose file stays: unlinking it would let two in."""

    def __init__(self, directory: Path, notice: Notice) -> None:
        self._directory, self._notice = directory, notice
        self._pid, self._guard = os.getpid(), threading.Lock()
        self._threads: dict[str, threading.RLock] = {}
        self._depth: dict[str, int] = {}

    @contextmanager
    def hold(self, account: Account, timeout_s: float) -> Iterator[None]:
        name, began = account.digest, time.monotonic()
        thread = self._thread_lock(name)
        if not thread.acquire(timeout=timeout_s):
            raise lock_timeout(account, timeout_s)
        try:
            if self._depth.get(name, 0):
                yield
                return
            lock = self._file_lock(name)
            try:
                lock.acquire(timeout=max(0.0, timeout_s - (time.monotonic() - began)))
            except filelock.Timeout:
                raise lock_timeout(account, timeout_s) from None
            except OSError as error:
                raise StorageError(
                    f"{lock.lock_file} cannot be locked: {error.strerror}.",
                    "Set PIERRE_DATA_DIR to a local directory.",
                ) from None
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
            handle = os.open(path, os.O_RDWR | os.O_CREAT | NOFOLLOW, 0o600)
            try:
                tighten(handle, path, self._notice)
            finally:
                os.close(handle)
        except OSError as error:
            raise StorageError(
                f"{path} cannot be made: {error.strerror}.", "Check the permissions of its directory."
            ) from None
        return filelock.FileLock(path, mode=0o600, poll_interval=_POLL_S)
