"""Tokens that end with the process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pierre_data.auth.tokens import Account, Kept, StoredToken, held


class MemoryTokens:
    """Tokens that end with the process.

    Examples
    --------
    >>> from pierre_data.auth.tokens import utc_now
    >>> from pierre_data.secret import Secret
    >>> store, me = MemoryTokens(), Account("strava")
    >>> store.save(me, StoredToken(Secret("abc"), utc_now()))
    >>> store
    MemoryTokens()
    >>> store.load(me).access.reveal(), store.delete(me), store.load(me)
    ('abc', True, None)
    """

    def __init__(self) -> None:
        self._tokens: dict[Account, StoredToken] = {}
        self._locks: dict[Account, threading.RLock] = {}

    def __repr__(self) -> str:
        return "MemoryTokens()"

    def load(self, account: Account) -> StoredToken | None:
        """Return the account's token, or None."""
        return self._tokens.get(account)

    def save(self, account: Account, token: StoredToken) -> None:
        """Keep a token in place of the old one."""
        self._tokens[account] = token

    def delete(self, account: Account) -> bool:
        """Forget the account's token; returns whether there was one."""
        return self._tokens.pop(account, None) is not None

    @contextmanager
    def lock(self, account: Account, timeout_s: float = 60.0) -> Iterator[None]:
        """Hold the account alone among the threads of this process; raises Timeout."""
        lock = self._locks.setdefault(account, threading.RLock())
        if not lock.acquire(timeout=timeout_s):
            raise held(account, timeout_s)
        try:
            yield
        finally:
            lock.release()

    def list(self) -> list[Account]:
        """Return every account that has a token, in order."""
        return sorted(self._tokens)

    def describe(self) -> Kept:
        """Return that they are in memory."""
        return Kept("memory", encrypted=True, lasting=False)
