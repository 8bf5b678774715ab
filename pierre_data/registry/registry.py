"""How a provider is made: whole, with its account, its settings and its part of the cache."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache, partial
from getpass import getpass
from typing import Any

from pierre_data.auth import (
    Account,
    Dialogue,
    Disconnected,
    FileTokens,
    Identity,
    MemoryTokens,
    StoredToken,
    TokenStore,
    disconnect,
    identity,
    open_tokens,
)
from pierre_data.cache import CacheTtl, CachingProvider, MemoryStore, Store, open_store
from pierre_data.errors import ConfigurationError, PierreError, StorageNotice
from pierre_data.fetch import DescriptorProvider
from pierre_data.forking import ForkSafeLock
from pierre_data.notices import notice
from pierre_data.registry.catalogue import ProviderCatalogue
from pierre_data.registry.configuration import ConfiguredProvider, provider_config, resilience
from pierre_data.registry.python_provider import from_factory
from pierre_data.settings import Settings
from pierre_data.spi import FitnessProvider, ProviderConfig, ProviderDescriptor


class ProviderRegistry(ProviderCatalogue):
    """The providers of this process: a lazy, read-only mapping of name to descriptor.

    Names come from the entry-point group ``pierre_data.providers``; a provider is imported when it is first used.
    ``PIERRE_PROVIDERS`` restricts which exist.  Safe to use from several threads: a walk sees one moment.

    Parameters
    ----------
    settings : Settings, optional
        Read from the environment when omitted.

    Examples
    --------
    >>> registry = ProviderRegistry()
    >>> registry.is_supported("strava")
    True
    >>> registry["strva"]
    Traceback (most recent call last):
    pierre_data.errors.ProviderNotFound: Provider 'strva' is not supported. Supported providers: ...
    """

    def create_provider(
        self, name: str, *, alias: str = "", tenant: str = "default", user: str = "default", **options: Any
    ) -> FitnessProvider:
        """Make a provider, connected if the account is.

        Parameters
        ----------
        alias : str, optional
            What it goes by; its name when omitted.
        tenant, user : str
            Whose account.
        **options
            Values of the descriptor's options; the environment gives what is missing.

        Raises
        ------
        ProviderNotFound, ProviderBroken
            It does not exist, cannot be imported, or what its factory makes is no provider.
        ConfigurationError
            An option is unknown or its value cannot be read.
        """
        accounts = Accounts(self, self.settings, tenant, user)
        return self.open(ConfiguredProvider(name, options, alias), MemoryStore(), accounts).provider

    def create_caching_provider(
        self,
        name: str,
        store: Store,
        *,
        alias: str = "",
        tenant: str = "default",
        user: str = "default",
        **options: Any,
    ) -> CachingProvider:
        """Make a provider whose answers are kept in a store, by tenant, user and provider; see `create_provider`."""
        accounts = Accounts(self, self.settings, tenant, user)
        return self.open(ConfiguredProvider(name, options, alias), store, accounts)

    def open(self, chosen: ConfiguredProvider, store: Store, accounts: Accounts) -> CachingProvider:
        """Make a provider whole: with its account, its part of the cache and of ``providers.toml``."""
        descriptor = self.describe(chosen)
        config = self.config(chosen.name, alias=chosen.alias, **chosen.options)
        if any(o.from_account for o in descriptor.options.values()) and (ids := accounts.filled(descriptor, config)):
            config = replace(config, options={**config.options, **ids})
        offline, file = self.settings.offline, self.settings.provider_file()
        known = self._known.get(chosen.name)
        if known is None:  # another thread has just removed it
            raise self._unknown(chosen.name)
        if known.factory is None:
            section = file.get(chosen.alias) or file.get(chosen.name)
            provider: FitnessProvider = DescriptorProvider(
                descriptor,
                config,
                identity=lru_cache(maxsize=1)(partial(accounts.identity, descriptor, config)),
                resilience=resilience(section, chosen.name) if section else None,
                offline=offline,
                cache_dir=None if isinstance(store, MemoryStore) else accounts.settings.cache_dir,
            )
        else:
            provider = from_factory(known.factory, descriptor, config)
        ttl = CacheTtl.read(file["cache"]) if "cache" in file else None
        tenant, user = accounts.tenant, accounts.user
        return CachingProvider(provider, store, descriptor, tenant=tenant, user=user, ttl=ttl, offline=offline)

    def describe(self, chosen: ConfiguredProvider) -> ProviderDescriptor:
        """Return a configured provider's descriptor under its alias; what the provider is stays its own."""
        descriptor = self[chosen.name]
        if chosen.alias == chosen.name:
            return descriptor
        title, ids = f"{descriptor.display_name} ({chosen.alias})", descriptor.id_space or descriptor.name
        return replace(descriptor, name=chosen.alias, display_name=title, id_space=ids)

    def config(self, name: str, *, alias: str = "", **options: Any) -> ProviderConfig:
        """Return a provider's settings from its descriptor, the environment and the options given."""
        descriptor, known = self[name], self._known.get(name)
        if known is not None and (given := known.config) is not None:  # by whoever registered the provider
            return replace(given, name=alias or given.name, options={**given.options, **options})
        return provider_config(descriptor, self.settings, options, alias or name)


def create_caching_provider(
    name: str,
    store: Store | None = None,
    *,
    alias: str = "",
    tenant: str = "default",
    user: str = "default",
    **options: Any,
) -> CachingProvider:
    """Make one of the installed providers, cached and connected as a `Client` of the same person has it.

    Without a store, answers are kept in the client's own place; the rest is as for `ProviderRegistry.create_provider`.

    Examples
    --------
    >>> import pierre_data as pierre
    >>> provider = pierre.create_caching_provider("synthetic", seed=7)
    >>> len(provider.athlete())
    1
    """
    registry = ProviderRegistry()
    settings = registry.settings
    if store is None:
        store = open_store(settings.cache_dir, settings.redis_url, notice=lambda text: notice(text, StorageNotice))
    return registry.create_caching_provider(name, store, alias=alias, tenant=tenant, user=user, **options)


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
