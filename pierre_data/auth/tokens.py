"""What a token is, whose it is, how it is written down, and what keeps it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from pierre_data.errors import Timeout
from pierre_data.secret import Secret

#: Says what time it is: aware, UTC.
Clock = Callable[[], dt.datetime]

_EARLY = dt.timedelta(minutes=5)


def utc_now() -> dt.datetime:
    """Return this computer's time, aware UTC."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True, order=True)
class Account:
    """Whose token: separate by provider (its registry name), tenant and user (any text)."""

    provider: str
    tenant: str = "default"
    user: str = "default"

    @property
    def digest(self) -> str:
        """SHA-256 of the length-prefixed parts, in hexadecimal: an id is never part of a path."""
        parts = [part.encode("utf-8", "surrogatepass") for part in (self.tenant, self.user, self.provider)]
        return hashlib.sha256(b"".join(b"%d:%b" % (len(part), part) for part in parts)).hexdigest()


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A token as it is kept; times are by our own clock, aware UTC.

    Examples
    --------
    >>> at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    >>> token = StoredToken(Secret("a"), at, at + dt.timedelta(hours=6))
    >>> token.stale_at(at + dt.timedelta(hours=5.95)), token.expired_at(at + dt.timedelta(hours=5.95))
    (True, False)
    """

    access: Secret
    obtained_at: dt.datetime
    expires_at: dt.datetime | None = None  # None when the vendor names no end
    refresh: Secret | None = None
    scopes: tuple[str, ...] = ()  # as granted
    account: str = ""  # the vendor's id of the account
    issued_host: str = ""  # host (and unusual port) of the API it is for ...
    token_host: str = ""  # ... and of the endpoint that issued it

    def stale_at(self, now: dt.datetime) -> bool:
        """Whether it is time for a new one: the last five minutes, or the second half of a life shorter than ten."""
        if self.expires_at is None:
            return False
        return now >= self.expires_at - min(_EARLY, (self.expires_at - self.obtained_at) / 2)

    def expired_at(self, now: dt.datetime) -> bool:
        """Whether the vendor should refuse it, by our own clock."""
        return self.expires_at is not None and now >= self.expires_at


def to_json(account: Account, token: StoredToken) -> bytes:
    """Return account and token as JSON, the secrets in clear: only for what seals or writes it."""
    record = {
        "account": [account.provider, account.tenant, account.user],
        "access": token.access.reveal(),
        "refresh": token.refresh.reveal() if token.refresh else None,
        "obtained_at": token.obtained_at.isoformat(),
        "expires_at": token.expires_at.isoformat() if token.expires_at else None,
        "scopes": list(token.scopes),
        "vendor_account": token.account,
        "issued_host": token.issued_host,
        "token_host": token.token_host,
    }
    return json.dumps(record).encode()


def from_json(data: bytes) -> tuple[Account, StoredToken]:
    """Return what `to_json` wrote; a ValueError for anything else never quotes the data."""
    try:
        record = json.loads(data)
        provider, tenant, user = (_text(part) for part in record["account"])
        refresh, expires = record["refresh"], record["expires_at"]
        return Account(provider, tenant, user), StoredToken(
            access=Secret(_text(record["access"])),
            refresh=None if refresh is None else Secret(_text(refresh)),
            obtained_at=_instant(record["obtained_at"]),
            expires_at=None if expires is None else _instant(expires),
            scopes=tuple(_text(scope) for scope in record["scopes"]),
            account=_text(record["vendor_account"]),
            issued_host=_text(record["issued_host"]),
            token_host=_text(record["token_host"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        record = None
    raise ValueError("this is no stored token")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _instant(value: object) -> dt.datetime:
    instant = dt.datetime.fromisoformat(_text(value))
    if instant.tzinfo is None:
        raise ValueError
    return instant.astimezone(dt.UTC)


@dataclass(frozen=True, slots=True)
class StorageInfo:
    """Where tokens are kept, for people."""

    where: str  # a directory, or "memory"
    encrypted: bool  # at rest; memory counts as such
    lasting: bool  # beyond the process
    key: str = ""  # "keyring" or "PIERRE_TOKEN_KEY"


class TokenStore(Protocol):
    """Keeps tokens by account; safe to use from several threads.  What cannot be read or written: StorageError."""

    def load(self, account: Account) -> StoredToken | None:
        """Return the account's token, or None."""

    def save(self, account: Account, token: StoredToken) -> None:
        """Keep a token in place of the old one; when this returns, it is on disk; if it raises, the old one is."""

    def delete(self, account: Account) -> bool:
        """Forget the account's token; returns whether there was one."""

    def lock(self, account: Account, timeout_s: float = 60.0) -> AbstractContextManager[None]:
        """Hold the account alone among all threads and processes, or raise Timeout; a thread may enter twice."""

    def list(self) -> list[Account]:
        """Return every account that has a readable token, in order."""

    def describe(self) -> StorageInfo:
        """Return where tokens are kept."""


def lock_timeout(account: Account, timeout_s: float) -> Timeout:
    """Return the error for a lock that somebody else holds."""
    return Timeout(
        f"The token of {account.provider} was in use elsewhere for {timeout_s:g} s.",
        "Try again; if it stays so, end the other notebook or process.",
        provider=account.provider,
    )


class MemoryTokens:
    """Tokens that end with the process; a `TokenStore`."""

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
            raise lock_timeout(account, timeout_s)
        try:
            yield
        finally:
            lock.release()

    def list(self) -> list[Account]:
        """Return every account that has a token, in order."""
        return sorted(self._tokens)

    def describe(self) -> StorageInfo:
        """Return that they are in memory."""
        return StorageInfo("memory", encrypted=True, lasting=False)
