"""Connect and disconnect an account."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from pierre_data.auth.connection import Connection
from pierre_data.auth.consent import Dialogue, ask_consent, redirect_address
from pierre_data.auth.environment import Environment, detect_environment
from pierre_data.auth.identities import key_identities
from pierre_data.auth.log_filter import FILTER, redact_logs
from pierre_data.auth.token_response import missing_scopes
from pierre_data.auth.tokens import Account, StoredToken, TokenStore
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
    here: Environment | None = None,
) -> Connected:
    """Connect an account: stored token, environment, consent in a browser, pasted address; in this order.

    Parameters
    ----------
    descriptor, config, store, account
        As for `Connection`.
    dialogue : Dialogue
        How the person is spoken to.
    again : bool
        Ask for consent even if there is a token.
    timeout_s : float
        Longest wait for the consent, in seconds.
    cancel : threading.Event, optional
        Ends the wait within a tenth of a second.
    here : Environment, optional
        Where this kernel runs; found out by default.

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
    redact_logs()
    connection = Connection(descriptor, config, store, account, cancel=cancel)
    if not again and (already := _already(connection)) is not None:
        return already
    connection.endpoint.check_application()
    consent, redirected = ask_consent(
        connection.authorize,
        redirect_address(descriptor, config),
        dialogue,
        here or detect_environment(os.environ),
        timeout_s=timeout_s,
        cancel=cancel,
        provider=descriptor.name,
    )
    token = connection.exchange(consent, redirected)
    FILTER.know(token.access, token.refresh, config.client_secret)
    with store.lock(account):
        store.save(account, token)
    return Connected(descriptor.name, "consent", token, missing_scopes(descriptor, token.scopes))


def disconnect(
    descriptor: ProviderDescriptor, config: ProviderConfig, store: TokenStore, account: Account
) -> Disconnected:
    """Revoke an account's token at the vendor and forget it; it is forgotten whatever the vendor says.

    StorageError or Timeout when the token cannot be removed.
    """
    left = []
    with store.lock(account):
        token = store.load(account)
        if token is not None and (unrevoked := Connection(descriptor, config, store, account).revoke(token)):
            left.append(unrevoked)
        forgotten = store.delete(account)
    given = {variable(descriptor.name, "ACCESS_TOKEN"): config.access_token}
    given |= {variable(descriptor.name, name): config.keys.get(h) for h, name in descriptor.key_headers.items()}
    left += [f"{name} is still set: unset it." for name, value in given.items() if value]
    return Disconnected(descriptor.name, forgotten, tuple(left))


def _already(connection: Connection) -> Connected | None:
    """What needs no consent."""
    descriptor, name = connection.descriptor, connection.descriptor.name
    if descriptor.oauth_endpoints is None:
        if descriptor.key_headers:
            key_identities(descriptor, connection.config)
        return Connected(name, "keys" if descriptor.key_headers else "nothing needed")
    token = connection.store.load(connection.account)
    if token is not None and (token.refresh is not None or not token.expired_at(connection.now())):
        return Connected(name, "stored", token, missing_scopes(descriptor, token.scopes))
    return Connected(name, "environment") if connection.config.access_token else None
