"""Who asks: a stored token that renews itself, a token or keys from the environment, or nobody."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from pierre_data.auth.connection import Connection
from pierre_data.auth.log_filter import FILTER, redact_logs
from pierre_data.auth.token_response import TokenRefused
from pierre_data.auth.tokens import Account, StoredToken, TokenStore
from pierre_data.errors import (
    AuthenticationFailed,
    ConfigurationError,
    NotConnected,
    PierreError,
    StorageError,
    Timeout,
    TokenRefreshFailed,
)
from pierre_data.secret import Secret
from pierre_data.settings import variable
from pierre_data.spi import ProviderConfig, ProviderDescriptor

_LOG = logging.getLogger("pierre_data.auth")
_YOUNG = dt.timedelta(seconds=60)
#: After an early refresh failed, the old token serves so long before the next attempt, in seconds.
_PAUSE_S = 60.0
_OUR_FAULT = ("invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_request", "invalid_scope")


class Identity(Protocol):
    """Gives a secret before each request, and perhaps another one after a refusal."""

    def __call__(self) -> Secret:
        """Return what signs a request now."""

    def refreshed_after(self, refused: Secret) -> Secret:
        """Return another one after HTTP 401, or raise AuthenticationFailed."""


@dataclass(frozen=True, slots=True)
class FixedToken:
    """A token or key from outside, such as the variable `source`: used as it is, never refreshed."""

    secret: Secret
    provider: str
    source: str

    def __call__(self) -> Secret:
        """Return it."""
        return self.secret

    def refreshed_after(self, refused: Secret) -> Secret:
        """Raise AuthenticationFailed, which names the variable: nothing here can be renewed."""
        raise AuthenticationFailed(
            f"{self.provider} refuses the value of {self.source}.",
            f'Set {self.source} to a new one, or unset it and use client.connect("{self.provider}").',
            provider=self.provider,
        )


def key_identities(descriptor: ProviderDescriptor, config: ProviderConfig) -> Mapping[str, FixedToken]:
    """Return a provider's API keys, header -> what fills it; a missing one is a ConfigurationError that names it."""
    names = {header: variable(descriptor.name, setting) for header, setting in descriptor.key_headers.items()}
    missing = [name for header, name in names.items() if not config.keys.get(header)]
    if missing:
        where = f"Get keys at {descriptor.register_url}, then set" if descriptor.register_url else "Set"
        raise ConfigurationError(
            f"{descriptor.display_name} needs {' and '.join(missing)}.",
            f"{where} {' and '.join(missing)}.",
            provider=descriptor.name,
        )
    return {header: FixedToken(config.keys[header], descriptor.name, name) for header, name in names.items()}


def identity(
    descriptor: ProviderDescriptor, config: ProviderConfig, store: TokenStore | None, account: Account
) -> Identity | None:
    """Return who asks: the stored token (if there is a store at all), else the one from the environment.

    None when the provider needs no token (keys travel as headers: `key_identities`).  NotConnected when it needs one
    and there is none, ConfigurationError when a key is missing, StorageError when the token cannot be read.
    """
    if descriptor.oauth_endpoints is not None and store is not None and store.load(account) is not None:
        return TokenSource(Connection(descriptor, config, store, account))
    source = variable(descriptor.name, "ACCESS_TOKEN")
    if config.access_token:
        return FixedToken(config.access_token, descriptor.name, source)
    if descriptor.key_headers:
        key_identities(descriptor, config)
        return None
    if descriptor.oauth_endpoints is None:
        return None
    raise NotConnected(
        f"{descriptor.display_name} is not connected.",
        f'Connect it: client.connect("{descriptor.name}"), or set {source}.',
        provider=descriptor.name,
    )


class TokenSource:
    """Gives the access token of a connection whenever it is called; safe from threads and among processes.

    Five minutes before its end a token is refreshed under the account's lock, after another look at the store: whoever
    comes second finds the new one, saved before it is used.  A refresh is sent once: when it fails, all who waited for
    it get that failure.  While the old token lasts nobody waits for somebody else's refresh, and one that failed is not
    tried again for a minute.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection, self._store, self._account = connection, connection.store, connection.account
        self._provider, self._title = connection.account.provider, connection.descriptor.display_name
        self._now = connection.now
        redact_logs()
        self._failure: tuple[float, PierreError] | None = None
        self._dead: Secret | None = None
        self._unsaved: tuple[StoredToken, StoredToken] | None = None

    def __repr__(self) -> str:
        return f"TokenSource({self._provider!r})"

    def __call__(self) -> Secret:
        """Return an access token that is valid now, or raise.

        NotConnected: there is none.  TokenRefreshFailed: the athlete must consent again.  ConfigurationError: it was
        issued for another host, or the application is not set.  StorageError, network errors: no renewal for now.
        """
        token = self._stored()
        if not token.stale_at(self._now()):
            return token.access
        lasts = not token.expired_at(self._now())
        if lasts and self._failure is not None and time.monotonic() - self._failure[0] < _PAUSE_S:
            return token.access
        try:
            return self._renewed(lambda t: t.stale_at(self._now()), lasts=lasts)
        except Timeout:
            if not lasts:
                raise
            return token.access

    def refreshed_after(self, refused: Secret) -> Secret:
        """Return another token after the API refused this one (HTTP 401); refreshes at most once.

        AuthenticationFailed when a new one would not help: the refused one is younger than a minute, or came again.
        """
        token = self._stored()
        if token.access != refused:
            return self()
        young = dt.timedelta(0) <= self._now() - token.obtained_at < _YOUNG
        renewed = refused if young else self._renewed(lambda t: t.access == refused, lasts=False)
        if renewed == refused:
            raise AuthenticationFailed(
                f"{self._title} refuses a token it has just issued.",
                "Check the granted scopes in client.status(), or connect again.",
                provider=self._provider,
            )
        return renewed

    def _stored(self) -> StoredToken:
        token, connection = self._store.load(self._account), self._connection
        if token is None:
            raise NotConnected(
                f"{self._title} is not connected.",
                f'Connect it: client.connect("{self._provider}").',
                provider=self._provider,
            )
        url = connection.config.api_base_url or connection.descriptor.api_base_url
        connection.check_host(token.issued_host, url, "API_BASE_URL")
        return token

    def _renewed(self, needed: Callable[[StoredToken], bool], *, lasts: bool) -> Secret:
        """Refresh if it is still needed once we are alone; `lasts`: the old token may serve, nobody is waited for."""
        asked = time.monotonic()
        with self._store.lock(self._account, 0.0 if lasts else 60.0):
            token = self._saved()
            if not needed(token):
                return token.access
            if self._failure is not None and self._failure[0] >= asked:  # they waited for the same attempt
                outcome: StoredToken | PierreError = self._failure[1]
            else:
                outcome = self._refresh(token)
                self._failure = (time.monotonic(), outcome) if isinstance(outcome, PierreError) else None
        if isinstance(outcome, StoredToken):
            return outcome.access
        if not lasts or token.expired_at(self._now()):
            raise outcome.with_traceback(None)
        _LOG.warning("%s: refresh failed, the old token is used while it lasts: %s", self._provider, outcome)
        return token.access

    def _refresh(self, token: StoredToken) -> StoredToken | PierreError:
        if token.refresh is None:
            return self._over(f"{self._title} gave no refresh token")
        if token.refresh == self._dead:
            return self._over("the refresh token was refused before")
        try:
            self._store.save(self._account, token)  # a full or read-only disk is noticed while it costs nothing
            new = self._connection.refresh(token, token.refresh)
        except TokenRefused as error:
            return self._refused(token, error)
        except PierreError as error:
            return error
        try:
            self._store.save(self._account, new)
        except StorageError as error:
            self._unsaved = token, new  # the only copy there is: the next call tries again
            return error
        FILTER.know(new.access, new.refresh)
        _LOG.info("%s: token refreshed", self._provider)
        return new

    def _saved(self) -> StoredToken:
        """The stored token; one that could not be saved first, but only over the one it was bought with."""
        token = self._stored()
        if self._unsaved is not None:
            old, new = self._unsaved
            if token == old:
                self._store.save(self._account, new)
                token = new
            self._unsaved = None
        return token

    def _refused(self, token: StoredToken, error: TokenRefused) -> StoredToken | PierreError:
        """The vendor's no is final only if nobody else has a newer token."""
        latest = self._store.load(self._account)
        if latest is not None and latest.refresh != token.refresh and not latest.expired_at(self._now()):
            return latest
        if error.code in _OUR_FAULT:
            return error
        self._dead = token.refresh
        return self._over(error.what.rstrip("."))

    def _over(self, why: str) -> TokenRefreshFailed:
        return TokenRefreshFailed(
            f"The connection to {self._title} is over: {why}.",
            f'Connect again: client.connect("{self._provider}").',
            provider=self._provider,
        )
