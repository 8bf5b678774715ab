"""One person's accounts: who is connected, who signs, and how to change that."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from getpass import getpass
from typing import TYPE_CHECKING

from pierre_data.auth import (
    Account,
    Connected,
    Dialogue,
    Disconnected,
    FileTokens,
    Identity,
    MemoryTokens,
    StoredToken,
    TokenStore,
    connect,
    disconnect,
    identity,
    open_tokens,
)
from pierre_data.errors import ConfigurationError, PierreError
from pierre_data.forking import ForkSafeLock
from pierre_data.settings import Settings
from pierre_data.spi import ProviderConfig, ProviderDescriptor

if TYPE_CHECKING:
    from pierre_data.registry.catalogue import ProviderCatalogue


class Accounts:
    """One tenant's and user's accounts at the providers of a registry; nothing is opened before it is needed."""

    def __init__(
        self, registry: ProviderCatalogue, settings: Settings, tenant: str, user: str, store: TokenStore | None = None
    ) -> None:
        self._registry, self.settings = registry, settings
        self.tenant, self.user = tenant, user
        self._store = store
        self._lock = ForkSafeLock()

    @property
    def store(self) -> TokenStore:
        """Where tokens are kept."""
        with self._lock:
            if self._store is None:
                directory = self.settings.data_dir / "tokens"
                self._store = open_tokens(directory, store=self.settings.token_store, key=self.settings.token_key)
            return self._store

    @property
    def opened(self) -> TokenStore | None:
        """Where tokens are kept, when somebody said or needed it."""
        return self._store

    def account(self, name: str) -> Account:
        """Return whose account at a provider is meant."""
        return Account(name, self.tenant, self.user)

    def token(self, provider: str | ProviderDescriptor) -> StoredToken | None:
        """Return the stored token of a provider; None when there is none or it cannot be read."""
        try:
            return self.stored(self._registry[provider] if isinstance(provider, str) else provider)
        except PierreError:
            return None

    def stored(self, descriptor: ProviderDescriptor) -> StoredToken | None:
        """Return the stored token of a provider, or None; raises what is wrong with the token or its key."""
        if descriptor.oauth_endpoints is None or not self._maybe_stored():
            return None
        return self.store.load(self.account(descriptor.name))

    def filled(self, descriptor: ProviderDescriptor, config: ProviderConfig) -> Mapping[str, str]:
        """Return the options that nobody set and the account's own id fills."""
        empty = [o for o, option in descriptor.options.items() if option.from_account and not config.options[o]]
        token = self.token(descriptor) if empty else None
        return dict.fromkeys(empty, token.account) if token is not None and token.account else {}

    def identity(self, descriptor: ProviderDescriptor, config: ProviderConfig) -> Identity | None:
        """Return who signs a provider's requests; raises NotConnected."""
        store = self.store if self._maybe_stored() else None
        return identity(descriptor, config, store, Account(descriptor.name, self.tenant, self.user))

    def connect(
        self,
        descriptor: ProviderDescriptor,
        config: ProviderConfig,
        *,
        again: bool = False,
        dialogue: Dialogue | None = None,
        timeout_s: float = 300.0,
        cancel: threading.Event | None = None,
    ) -> Connected:
        """Connect a provider; see `pierre_data.auth.connect`."""
        account, talk = self.account(descriptor.name), dialogue or terminal_dialogue()
        return connect(descriptor, config, self.store, account, talk, again=again, timeout_s=timeout_s, cancel=cancel)

    def disconnect(self, descriptor: ProviderDescriptor, config: ProviderConfig) -> Disconnected:
        """Revoke and forget a provider's token; see `pierre_data.auth.disconnect`."""
        store = self.store if self._maybe_stored() else MemoryTokens()
        return disconnect(descriptor, config, store, self.account(descriptor.name))

    def connected(self, descriptor: ProviderDescriptor, config: ProviderConfig) -> bool:
        """Return whether a provider can be asked now: it has token or keys, and its required options."""
        filled = self.filled(descriptor, config)
        required = [o for o, option in descriptor.options.items() if option.required]
        if any(config.options[o] is None and o not in filled for o in required):
            return False
        if descriptor.key_headers:
            return all(h in config.keys for h in descriptor.key_headers)
        if descriptor.oauth_endpoints is None:
            return True
        return config.access_token is not None or self.token(descriptor) is not None

    def _maybe_stored(self) -> bool:
        """Whether a token can be stored at all: a keyring is not asked for what nobody saved."""
        if self._store is not None and not isinstance(self._store, FileTokens):
            return True
        return any((self.settings.data_dir / "tokens").glob("*.token"))


def terminal_dialogue(browser: bool = True) -> Dialogue:
    """Return how to speak to whoever runs this: the link is printed; a terminal can paste the address."""

    def show(url: str, advice: str) -> None:
        print(f"{advice}\n\n{url}\n", file=sys.stderr, flush=True)  # noqa: T201  the person must see it

    def ask() -> str:
        try:
            return getpass("Address the browser ended at (not shown): ")
        except (EOFError, OSError) as error:
            raise ConfigurationError(
                "Nothing can be typed here.", "Use pierre-data connect in a terminal, or the widget."
            ) from error

    asks = ask if sys.stdin is not None and sys.stdin.isatty() else None
    return Dialogue(show, ask=asks) if browser else Dialogue(show, open_browser=None, ask=asks)
