"""Connect and disconnect an account."""

from __future__ import annotations

import asyncio
import functools
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from pierre_data.auth.dialogue import Dialogue, consented
from pierre_data.auth.flow import finish
from pierre_data.auth.granted import missing_scopes
from pierre_data.auth.identities import key_identities
from pierre_data.auth.redact import FILTER, guard_logs
from pierre_data.auth.remote import Place, place
from pierre_data.auth.revocation import revoke
from pierre_data.auth.session import check_application
from pierre_data.auth.tokens import Account, Clock, StoredToken, TokenStore, utc_now
from pierre_data.auth.wire import Wire
from pierre_data.settings import variable
from pierre_data.spi import ProviderConfig, ProviderDescriptor


@dataclass(frozen=True, slots=True)
class Connected:
    """How an account is connected.

    Parameters
    ----------
    provider : str
        Registry name.
    how : {"stored", "environment", "keys", "nothing needed", "consent"}
        What signs.
    token : StoredToken, optional
        As stored; None where there is none to store.
    missing : mapping of str to tuple of str
        Table -> the scopes it needs and was not granted.
    """

    provider: str
    how: str
    token: StoredToken | None = None
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Disconnected:
    """What a disconnect did.

    Parameters
    ----------
    provider : str
        Registry name.
    forgotten : bool
        Whether a stored token was deleted.
    left : tuple of str
        What is still there, a sentence each: what the vendor did not revoke, variables that are still set.
    """

    provider: str
    forgotten: bool
    left: tuple[str, ...] = ()


def connect(
    descriptor: ProviderDescriptor,
    config: ProviderConfig,
    store: TokenStore,
    account: Account,
    dialogue: Dialogue,
    *,
    again: bool = False,
    timeout_s: float = 300.0,
    cancel: threading.Event | None = None,
    here: Place | None = None,
    wire: Wire | None = None,
    now: Clock = utc_now,
) -> Connected:
    """Connect an account: stored token, environment, consent in a browser, pasted address; in this order.

    Parameters
    ----------
    descriptor, config
        The provider.
    store : TokenStore
        Where the token goes.
    account : Account
        Whose.
    dialogue : Dialogue
        How the person is spoken to.
    again : bool
        Ask for consent even if there is a token.
    timeout_s : float
        Longest wait for the consent, in seconds.
    cancel : threading.Event, optional
        Ends the wait within a tenth of a second.
    here : Place, optional
        Where this kernel runs; found out by default.
    wire, now
        How the token endpoint is reached; our own clock.

    Returns
    -------
    Connected
        How, and which tables lack a scope.

    Raises
    ------
    ConfigurationError
        A key, the client id, secret or redirect address is missing, or its port is busy; names variables and fix.
    AuthenticationFailed
        Consent was declined, or the answer was not ours.
    Timeout, Cancelled
        Nobody consented.
    StorageError
        The token cannot be saved.
    NetworkError, ApiError, RateLimited
        The token endpoint.
    """
    guard_logs()
    if not again and (there := _already(descriptor, config, store, account, now)) is not None:
        return there
    check_application(descriptor, config)
    consent, answer = consented(
        descriptor, config, dialogue, here or place(os.environ), timeout_s=timeout_s, cancel=cancel
    )
    wire = wire or Wire(descriptor.name, cancel=cancel)
    token = finish(descriptor, config, consent, answer, wire=wire, now=now)
    FILTER.know(token.access, token.refresh, config.client_secret)
    with store.lock(account):
        store.save(account, token)
    return Connected(descriptor.name, "consent", token, missing_scopes(descriptor, token.scopes))


async def connect_async(
    descriptor: ProviderDescriptor,
    config: ProviderConfig,
    store: TokenStore,
    account: Account,
    dialogue: Dialogue,
    *,
    again: bool = False,
    timeout_s: float = 300.0,
    cancel: threading.Event | None = None,
    here: Place | None = None,
    wire: Wire | None = None,
    now: Clock = utc_now,
) -> Connected:
    """Do what `connect` does in a thread, so that the kernel stays free; cancelling the task ends the wait.

    Parameters, result and errors are those of `connect`; `dialogue` is called from that thread.
    """
    stop = cancel or threading.Event()
    work = functools.partial(connect, descriptor, config, store, account, dialogue, again=again, timeout_s=timeout_s)
    try:
        return await asyncio.to_thread(work, cancel=stop, here=here, wire=wire, now=now)
    except asyncio.CancelledError:
        stop.set()
        raise


def disconnect(
    descriptor: ProviderDescriptor,
    config: ProviderConfig,
    store: TokenStore,
    account: Account,
    *,
    wire: Wire | None = None,
) -> Disconnected:
    """Revoke an account's token at the vendor and forget it; it is forgotten whatever the vendor says.

    Returns
    -------
    Disconnected
        What is left, for people.

    Raises
    ------
    StorageError, Timeout
        The token cannot be removed.
    """
    left = []
    with store.lock(account):
        token = store.load(account)
        if token is not None and (kept := revoke(descriptor, config, token, wire=wire)):
            left.append(kept)
        forgotten = store.delete(account)
    given = {variable(descriptor.name, "ACCESS_TOKEN"): config.access_token}
    given |= {variable(descriptor.name, name): config.keys.get(h) for h, name in descriptor.key_headers.items()}
    left += [f"{name} is still set: unset it." for name, value in given.items() if value]
    return Disconnected(descriptor.name, forgotten, tuple(left))


def _already(
    descriptor: ProviderDescriptor, config: ProviderConfig, store: TokenStore, account: Account, now: Clock
) -> Connected | None:
    """What needs no consent."""
    name = descriptor.name
    if descriptor.oauth_endpoints is None:
        if descriptor.key_headers:
            key_identities(descriptor, config)
        return Connected(name, "keys" if descriptor.key_headers else "nothing needed")
    token = store.load(account)
    if token is not None and (token.refresh is not None or not token.expired_at(now())):
        return Connected(name, "stored", token, missing_scopes(descriptor, token.scopes))
    return Connected(name, "environment") if config.access_token else None
