"""How a provider is made: whole, with its account, its settings and its part of the cache."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

from pierre_data.cache import CacheTtl, CachingProvider, MemoryStore, Store, open_store
from pierre_data.errors import StorageNotice
from pierre_data.fetch import DescriptorProvider
from pierre_data.notices import notice
from pierre_data.registry.accounts import Accounts
from pierre_data.registry.catalogue import ProviderCatalogue
from pierre_data.registry.configuration import ConfiguredProvider, provider_config, resilience
from pierre_data.registry.python_provider import from_factory
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
        name : str
            Registry name.
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
        """Make a provider whose answers are kept in a store, connected if the account is.

        Parameters
        ----------
        name : str
            Registry name.
        store : Store
            Where answers are kept; entries are separate by tenant, user and provider.
        alias, tenant, user, **options
            As for `create_provider`, which has the errors too.
        """
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
        """Return a provider's settings from its descriptor, the environment and the options given.

        Raises
        ------
        ConfigurationError
            A variable or option cannot be used; the message names it.
        """
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

    Parameters
    ----------
    name : str
        Registry name.
    store : Store, optional
        Where answers are kept; the client's own place when omitted.
    alias, tenant, user, **options
        As for `ProviderRegistry.create_provider`, which has the errors too.

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
