"""Who asks: a stored token, a token or keys from the environment, or nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from pierre_data.auth.refresh import TokenSource
from pierre_data.auth.tokens import Account, Clock, TokenStore, utc_now
from pierre_data.auth.wire import Wire
from pierre_data.errors import AuthenticationFailed, ConfigurationError, NotConnected
from pierre_data.secret import Secret
from pierre_data.settings import variable
from pierre_data.spi import ProviderConfig, ProviderDescriptor


class Identity(Protocol):
    """Gives a secret before each request, and perhaps another one after a refusal."""

    def __call__(self) -> Secret:
        """Return what signs a request now."""

    def refreshed_after(self, refused: Secret) -> Secret:
        """Return another one after HTTP 401, or raise AuthenticationFailed."""


@dataclass(frozen=True, slots=True)
class FixedToken:
    """A token or key from outside: used as it is, never refreshed.

    Parameters
    ----------
    secret : Secret
        What signs.
    provider : str
        Registry name.
    source : str
        Where it came from, such as "PIERRE_STRAVA_ACCESS_TOKEN".

    Examples
    --------
    >>> token = FixedToken(Secret("abc"), "acme", "PIERRE_ACME_ACCESS_TOKEN")
    >>> token().reveal()
    'abc'
    >>> token.refreshed_after(token())
    Traceback (most recent call last):
    pierre_data.errors.AuthenticationFailed: acme refuses the value of PIERRE_ACME_ACCESS_TOKEN. Set ...
    """

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
    """Return a provider's API keys: header -> what fills it.

    Raises
    ------
    ConfigurationError
        A key is missing; names the variables and where keys come from.

    Examples
    --------
    >>> terra = ProviderDescriptor(name="terra", display_name="Terra", key_headers={"x-api-key": "API_KEY"})
    >>> key_identities(terra, ProviderConfig("terra", keys={"x-api-key": Secret("abc")}))["x-api-key"]
    FixedToken(secret=Secret(***), provider='terra', source='PIERRE_TERRA_API_KEY')
    """
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
    descriptor: ProviderDescriptor,
    config: ProviderConfig,
    store: TokenStore,
    account: Account,
    *,
    wire: Wire | None = None,
    now: Clock = utc_now,
) -> Identity | None:
    """Return who asks: the stored token, else the one from the environment.

    Returns
    -------
    Identity or None
        None when the provider needs no token (keys travel as headers: `key_identities`).

    Raises
    ------
    NotConnected
        It needs a token and there is none.
    ConfigurationError
        A key is missing.
    StorageError
        The token cannot be read.
    """
    source = variable(descriptor.name, "ACCESS_TOKEN")
    if descriptor.oauth_endpoints is not None and store.load(account) is not None:
        return TokenSource(descriptor, config, store, account, wire=wire, now=now)
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
