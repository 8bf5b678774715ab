"""A token that is always valid: refreshed early, once for everybody, and on disk before it is used."""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable

from pierre_data.auth.granted import host_of, renewed_token, vendor_hosts
from pierre_data.auth.redact import FILTER, guard_logs
from pierre_data.auth.session import check_application, refresh_grant
from pierre_data.auth.tokens import Account, Clock, StoredToken, TokenStore, utc_now
from pierre_data.auth.wire import TokenRefused, Wire
from pierre_data.errors import (
    AuthenticationFailed,
    ConfigurationError,
    NotConnected,
    PierreError,
    StorageError,
    TokenRefreshFailed,
)
from pierre_data.secret import Secret
from pierre_data.settings import variable
from pierre_data.spi import Credentials, ProviderConfig, ProviderDescriptor

_LOG = logging.getLogger("pierre_data.auth")
_YOUNG = dt.timedelta(seconds=60)
_OUR_FAULT = ("invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_request", "invalid_scope")


class TokenSource:
    """Gives the access token of an account whenever it is called; safe from threads and among processes.

    Five minutes before its end (by our own clock) a token is refreshed under the account's lock, after another look
    at the store: whoever comes second finds the new one.  The old token is saved once more before the refresh is
    sent, so that a full or read-only disk is noticed while it costs nothing; the new one is saved before it is
    used.  A refresh is sent once: when it fails, everybody who was waiting for it gets that failure.

    Parameters
    ----------
    descriptor, config
        The provider.
    store : TokenStore
        Where the token is.
    account : Account
        Whose.
    wire : Wire, optional
        How the token endpoint is reached.
    now : callable
        Our own clock.
    timeout_s : float
        Longest wait for somebody else's refresh, in seconds.
    """

    def __init__(
        self,
        descriptor: ProviderDescriptor,
        config: ProviderConfig,
        store: TokenStore,
        account: Account,
        *,
        wire: Wire | None = None,
        now: Clock = utc_now,
        timeout_s: float = 60.0,
    ) -> None:
        self._descriptor, self._config, self._store, self._account = descriptor, config, store, account
        self._wire, self._now, self._timeout_s = wire or Wire(descriptor.name), now, timeout_s
        guard_logs()
        self._failure: tuple[float, PierreError] | None = None
        self._dead: Secret | None = None
        self._unsaved: StoredToken | None = None

    def __repr__(self) -> str:
        return f"TokenSource({self._account.provider!r})"

    def __call__(self) -> Secret:
        """Return an access token that is valid now.

        Raises
        ------
        NotConnected
            There is none.
        TokenRefreshFailed
            It is over and cannot be renewed: the athlete must consent again.
        ConfigurationError
            It was issued for another host than the configured one, or the application is not set.
        StorageError, NetworkError, ApiError, RateLimited, Timeout
            It is over and could not be renewed for now.
        """
        token = self._stored()
        if not token.stale_at(self._now()):
            return token.access
        return self._renewed(lambda t: t.stale_at(self._now()), lasts=True)

    def refreshed_after(self, refused: Secret) -> Secret:
        """Return another token after the API refused this one (HTTP 401); refreshes at most once.

        Raises
        ------
        AuthenticationFailed
            The refused token was younger than a minute, or the vendor gave the same one again: a new one would not
            help (a missing scope, a withdrawn consent).
        TokenRefreshFailed, NotConnected, ConfigurationError, StorageError, NetworkError, ApiError, RateLimited, Timeout
            As for a call.
        """
        token = self._stored()
        if token.access != refused:
            return self()
        if dt.timedelta(0) <= self._now() - token.obtained_at < _YOUNG:
            raise self._useless()
        renewed = self._renewed(lambda t: t.access == refused, lasts=False)
        if renewed == refused:
            raise self._useless()
        return renewed

    def credentials(self) -> Credentials:
        """Return the stored token as credentials, without refreshing; raises NotConnected."""
        token = self._stored()
        return Credentials(token.access, token.refresh, token.expires_at, token.scopes, token.account)

    def _stored(self) -> StoredToken:
        token = self._store.load(self._account)
        if token is None:
            raise NotConnected(
                f"{self._descriptor.display_name} is not connected.",
                f'Connect it: client.connect("{self._account.provider}").',
                provider=self._account.provider,
            )
        self._check_host(token.issued_host, self._config.api_base_url or self._descriptor.api_base_url, "API_BASE_URL")
        return token

    def _check_host(self, issued: str, url: str, name: str) -> None:
        """A token goes where it was issued for, or from one host to another that the vendor itself names."""
        target = host_of(url)
        if target != issued and not {target, issued} <= vendor_hosts(self._descriptor):
            raise ConfigurationError(
                f"The token was issued for {issued or 'no host'} and is not sent to {target or 'no host'}.",
                f"Unset {variable(self._account.provider, name)}, or connect again to use that host.",
                provider=self._account.provider,
            )

    def _renewed(self, needed: Callable[[StoredToken], bool], *, lasts: bool) -> Secret:
        """Refresh if it is still needed once we are alone; `lasts` says that a stale token may serve to its end."""
        asked = time.monotonic()
        with self._store.lock(self._account, self._timeout_s):
            self._save_unsaved()
            token = self._stored()
            if not needed(token):
                return token.access
            outcome = self._attempt(token, asked)
        if isinstance(outcome, StoredToken):
            return outcome.access
        if not lasts or token.expired_at(self._now()):
            raise outcome.with_traceback(None)
        _LOG.warning("%s: refresh failed, the old token is used while it lasts: %s", self._account.provider, outcome)
        return token.access

    def _attempt(self, token: StoredToken, asked: float) -> StoredToken | PierreError:
        """Refresh once; waiters of a failed attempt share its failure."""
        if self._failure is not None and self._failure[0] >= asked:
            return self._failure[1]
        outcome = self._refresh(token)
        if isinstance(outcome, PierreError):
            self._failure = (time.monotonic(), outcome)
        return outcome

    def _refresh(self, token: StoredToken) -> StoredToken | PierreError:
        if token.refresh is None:
            return self._over(f"{self._descriptor.display_name} gave no refresh token")
        if token.refresh == self._dead:
            return self._over("the refresh token was refused before")
        try:
            self._check_host(token.token_host, self._config.token_url, "TOKEN_URL")
            check_application(self._descriptor, self._config)
            self._store.save(self._account, token)
            began = self._now()
            answer = refresh_grant(
                self._descriptor, self._config, self._wire, refresh=token.refresh, scopes=token.scopes
            )
            new = renewed_token(self._descriptor, answer, began, token)
        except TokenRefused as error:
            return self._refused(token, error)
        except PierreError as error:
            return error
        return self._kept(new)

    def _kept(self, new: StoredToken) -> StoredToken | PierreError:
        try:
            self._store.save(self._account, new)
        except StorageError as error:
            self._unsaved = new  # the only copy there is: the next call tries again
            return error
        self._unsaved = None
        FILTER.know(new.access, new.refresh)
        _LOG.info("%s: token refreshed", self._account.provider)
        return new

    def _save_unsaved(self) -> None:
        if self._unsaved is not None:
            self._store.save(self._account, self._unsaved)
            self._unsaved = None

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
        name = self._account.provider
        return TokenRefreshFailed(
            f"The connection to {self._descriptor.display_name} is over: {why}.",
            f'Connect again: client.connect("{name}").',
            provider=name,
        )

    def _useless(self) -> AuthenticationFailed:
        return AuthenticationFailed(
            f"{self._descriptor.display_name} refuses a token it has just issued.",
            "Check the granted scopes in client.status(), or connect again.",
            provider=self._account.provider,
        )
