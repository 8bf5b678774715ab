"""Connect and disconnect an account."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import webbrowser
from collections.abc import Mapping
from dataclasses import dataclass, field

from pierre_data.auth.connection import Connection, check_application
from pierre_data.auth.consent import PORT, Consent, Dialogue, Pasted, redirect_address
from pierre_data.auth.environment import Environment, detect_environment
from pierre_data.auth.identities import key_identities
from pierre_data.auth.log_filter import FILTER, redact_logs
from pierre_data.auth.loopback import Receiver, is_local
from pierre_data.auth.token_response import missing_scopes
from pierre_data.auth.tokens import Account, StoredToken, TokenStore
from pierre_data.errors import Cancelled, ConfigurationError, Timeout
from pierre_data.secret import Secret
from pierre_data.settings import variable
from pierre_data.spi import ProviderConfig, ProviderDescriptor


@dataclass(frozen=True, slots=True)
class Connected:
    """How an account is connected."""

    provider: str
    how: str  # what signs: stored, environment, keys, nothing needed or consent
    token: StoredToken | None = None  # as stored
    missing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # table -> scopes it needs and was not granted


@dataclass(frozen=True, slots=True)
class Disconnected:
    """What a disconnect did."""

    provider: str
    forgotten: bool  # whether a stored token was deleted
    left: tuple[str, ...] = ()  # sentences: what the vendor did not revoke, variables that are still set


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

    `again` asks for consent even if there is a token; `timeout_s` is the longest wait for it, which `cancel` ends
    within a tenth of a second; `here` is where this kernel runs, found out by default.  Errors are those of
    `Client.connect`, those of the token endpoint, and StorageError when the token cannot be saved.
    """
    redact_logs()
    connection = Connection(descriptor, config, store, account, cancel=cancel)
    if not again and (already := _already(connection)) is not None:
        return already
    check_application(descriptor, config)
    here = here or detect_environment(os.environ)
    consent, redirected = _ask(connection, dialogue, here, timeout_s)
    token = connection.exchange(consent, redirected)
    FILTER.know(token.access, token.refresh, config.client_secret)
    with store.lock(account):
        store.save(account, token)
    return Connected(descriptor.name, "consent", token, missing_scopes(descriptor, token.scopes))


def disconnect(
    descriptor: ProviderDescriptor, config: ProviderConfig, store: TokenStore, account: Account
) -> Disconnected:
    """Revoke an account's token at the vendor and forget it, whatever the vendor says."""
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


def _ask(connection: Connection, dialogue: Dialogue, here: Environment, timeout_s: float) -> tuple[Consent, Secret]:
    """Show the link and wait: the question, and the address the browser ended at."""
    redirect, name = redirect_address(connection.descriptor, connection.config), connection.descriptor.name
    # Where a browser opens, its redirect arrives; elsewhere a terminal asks at once instead of waiting in vain.
    opens = here.has_browser and dialogue.open_browser is not None
    listens = is_local(redirect) and (dialogue.ask is None or opens)
    with Receiver(redirect, provider=name) if listens else contextlib.nullcontext() as receiver:
        consent = connection.authorize(receiver.redirect_uri if receiver else redirect.replace(":0/", f":{PORT}/"))
        dialogue.on_url(consent.url, here.advice(consent.redirect_uri))
        if here.has_browser and dialogue.open_browser is not None:
            with contextlib.suppress(webbrowser.Error, OSError):  # the link is on the screen
                dialogue.open_browser(consent.url)
        try:
            if receiver is not None:
                pasted, cancel = dialogue.pasted, connection.cancel
                return consent, receiver.wait(consent.state, timeout_s=timeout_s, cancel=cancel, pasted=pasted)
            if dialogue.ask is None:
                return consent, _wait_for_paste(name, dialogue.pasted, timeout_s, connection.cancel)
        except Timeout:
            if dialogue.ask is None:
                raise
    address = dialogue.ask()
    if not address:
        raise Cancelled("No address was pasted.", "Connect again when you like.", provider=name)
    return consent, address if isinstance(address, Secret) else Secret(address)


def _wait_for_paste(name: str, pasted: Pasted | None, timeout_s: float, cancel: threading.Event | None) -> Secret:
    if pasted is None:
        raise ConfigurationError(
            "The answer cannot come back here: the redirect address is not on this computer.",
            "Connect where an address can be pasted, such as pierre-data connect in a terminal.",
            provider=name,
        )
    end, wait = time.monotonic() + timeout_s, cancel or threading.Event()
    while time.monotonic() < end:
        if (address := pasted()) is not None:
            return address
        if wait.wait(0.1):
            raise Cancelled("Connecting was cancelled.", "Connect again when you like.", provider=name)
    raise Timeout(f"No address was pasted within {timeout_s:g} s.", "Connect again.", provider=name)
