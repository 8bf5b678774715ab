"""What a token is, whose it is, and what keeps it."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from pierre_data.errors import Timeout
from pierre_data.secret import Secret

#: Says what time it is: aware, UTC.
Clock = Callable[[], dt.datetime]
#: Tells people something once, in one sentence.
Notice = Callable[[str], None]

_EARLY = dt.timedelta(minutes=5)


def utc_now() -> dt.datetime:
    """Return this computer's time, aware UTC."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True, order=True)
class Account:
    """Whose token: separate by provider, tenant and user.

    Parameters
    ----------
    provider : str
        Registry name.
    tenant, user : str
        Any text.

    Examples
    --------
    >>> Account("strava", "a", "bc").digest == Account("strava", "ab", "c").digest
    False
    """

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
    """A token as it is kept.

    Parameters
    ----------
    access : Secret
        The bearer token.
    obtained_at : datetime
        When it came, by our own clock, aware UTC.
    expires_at : datetime, optional
        When it ends, by our own clock, aware UTC; None when the vendor names no end.
    refresh : Secret, optional
        Buys a new one.
    scopes : tuple of str
        As granted.
    account : str
        The vendor's id of the account; empty when unknown.
    issued_host, token_host : str
        Host (and unusual port) of the API it is for and of the endpoint that issued it.

    Examples
    --------
    >>> at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    >>> token = StoredToken(Secret("a"), at, at + dt.timedelta(hours=6))
    >>> token.stale_at(at + dt.timedelta(hours=5.95)), token.expired_at(at + dt.timedelta(hours=5.95))
    (True, False)
    """

    access: Secret
    obtained_at: dt.datetime
    expires_at: dt.datetime | None = None
    refresh: Secret | None = None
    scopes: tuple[str, ...] = ()
    account: str = ""
    issued_host: str = ""
    token_host: str = ""

    def stale_at(self, now: dt.datetime) -> bool:
        """Whether it is time for a new one: the last five minutes, or the second half of a life shorter than ten."""
        if self.expires_at is None:
            return False
        early = min(_EARLY, (self.expires_at - self.obtained_at) / 2)
        return now >= self.expires_at - early

    def expired_at(self, now: dt.datetime) -> bool:
        """Whether the vendor should refuse it, by our own clock."""
        return self.expires_at is not None and now >= self.expires_at


@dataclass(frozen=True, slots=True)
class Kept:
    """Where tokens are kept, for people.

    Parameters
    ----------
    where : str
        A directory, or "memory".
    encrypted : bool
        Whether they are encrypted at rest (memory counts as such).
    lasting : bool
        Whether they outlive the process.
    key : str
        Where the key is: "keyring", "PIERRE_TOKEN_KEY" or empty.
    """

    where: str
    encrypted: bool
    lasting: bool
    key: str = ""


class TokenStore(Protocol):
    """Keeps tokens by account; safe to use from several threads."""

    def load(self, account: Account) -> StoredToken | None:
        """Return the account's token, or None.

        Raises
        ------
        StorageError
            It cannot be read, or somebody else owns its file.
        """

    def save(self, account: Account, token: StoredToken) -> None:
        """Keep a token in place of the old one; when this returns, it is on disk.

        Raises
        ------
        StorageError
            It cannot be written; the old one is still there.
        """

    def delete(self, account: Account) -> bool:
        """Forget the account's token; returns whether there was one.

        Raises
        ------
        StorageError
            It cannot be removed.
        """

    def lock(self, account: Account, timeout_s: float = 60.0) -> AbstractContextManager[None]:
        """Hold the account alone among all threads and processes; a thread may enter twice.

        Raises
        ------
        Timeout
            Somebody else held it all the time.
        StorageError
            The lock file cannot be made.
        """

    def list(self) -> list[Account]:
        """Return every account that has a readable token, in order."""

    def describe(self) -> Kept:
        """Return where tokens are kept."""


def held(account: Account, timeout_s: float) -> Timeout:
    """The error for a lock that somebody else holds."""
    return Timeout(
        f"The token of {account.provider} was in use elsewhere for {timeout_s:g} s.",
        "Try again; if it stays so, end the other notebook or process.",
        provider=account.provider,
    )
