"""A client's accounts: who is connected, and how to change that."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from getpass import getpass
from typing import Any

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
from pierre_data.registry import ProviderRegistry
from pierre_data.settings import Settings


class Accounts:
    """One tenant's and user's accounts at the providers of a registry.

    Parameters
    ----------
    registry : ProviderRegistry
        Which providers exist.
    settings : Settings
        Where tokens are kept.
    tenant, user : str
        Whose accounts.
    store : TokenStore, optional
        Opened from the settings when it is first needed.
    """

    def __init__(
        self, registry: ProviderRegistry, settings: Settings, tenant: str, user: str, store: TokenStore | None = None
    ) -> None:
        self._registry, self._settings, self._tenant, self._user = registry, settings, tenant, user
        self._store = store
        self._lock = threading.Lock()

    @property
    def store(self) -> TokenStore:
        """Where tokens are kept."""
        with self._lock:
            if self._store is None:
                directory = self._settings.data_dir / "tokens"
                # Without stored tokens nothing is made and no keyring is asked.
                self._store = open_tokens(directory, store=self._settings.token_store, key=self._settings.token_key)
            return self._store

    def account(self, name: str) -> Account:
        """Return whose account at a provider is meant."""
        return Account(name, self._tenant, self._user)

    def token(self, name: str) -> StoredToken | None:
        """Return the stored token of a provider; None when there is none or it cannot be read."""
        try:
            return self.stored(name)
        except PierreError:
            return None

    def stored(self, name: str) -> StoredToken | None:
        """Return the stored token of a provider, or None.

        Raises
        ------
        ConfigurationError, StorageError
            The token, or the key it is sealed with, cannot be read.
        """
        if self._registry[name].oauth_endpoints is None or not self._maybe_stored():
            return None
        return self.store.load(self.account(name))

    def filled(self, name: str, options: Mapping[str, Any]) -> dict[str, str]:
        """Return the options that nobody set and the account's own id fills."""
        declared = self._registry[name].options
        wanted = [o for o, option in declared.items() if option.from_account and o not in options]
        config = self._registry.config(name, **options) if wanted else None
        token = self.token(name) if wanted else None
        if config is None or token is None or not token.account:
            return {}
        return {o: token.account for o in wanted if not config.options[o]}

    def signer(self, name: str) -> Callable[[], Identity | None]:
        """Return what finds, once, who signs a provider's requests."""
        found: list[Identity | None] = []

        def resolve() -> Identity | None:
            if not found:
                config, descriptor = self._registry.config(name), self._registry[name]
                store = self.store if self._maybe_stored() else MemoryTokens()
                found.append(identity(descriptor, config, store, self.account(name)))
            return found[0]

        return resolve

    def connect(
        self,
        name: str,
        *,
        again: bool = False,
        dialogue: Dialogue | None = None,
        timeout_s: float = 300.0,
        cancel: threading.Event | None = None,
    ) -> Connected:
        """Connect a provider; see `pierre_data.auth.connect`."""
        return connect(
            self._registry[name],
            self._registry.config(name),
            self.store,
            self.account(name),
            dialogue or speaking(),
            again=again,
            timeout_s=timeout_s,
            cancel=cancel,
        )

    def disconnect(self, name: str) -> Disconnected:
        """Revoke and forget a provider's token; see `pierre_data.auth.disconnect`."""
        store = self.store if self._maybe_stored() else MemoryTokens()
        return disconnect(self._registry[name], self._registry.config(name), store, self.account(name))

    def connected(self, name: str, options: Mapping[str, Any] | None = None) -> bool:
        """Return whether a provider can be asked now: it has token or keys, and its required options."""
        try:
            descriptor = self._registry[name]
            config = self._registry.config(name, **(options or {}))
            filled = self.filled(name, options or {})
        except PierreError:
            return False
        if any(
            option.required and config.options[o] is None and o not in filled
            for o, option in descriptor.options.items()
        ):
            return False
        if descriptor.key_headers:
            return all(h in config.keys for h in descriptor.key_headers)
        if descriptor.oauth_endpoints is None:
            return True
        return config.access_token is not None or self.token(name) is not None

    def _maybe_stored(self) -> bool:
        """Whether a token can be stored at all: a keyring is not asked for what nobody saved."""
        if self._store is not None and not isinstance(self._store, FileTokens):
            return True
        return any((self._settings.data_dir / "tokens").glob("*.token"))


def speaking(browser: bool = True) -> Dialogue:
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
