"""Which providers exist, and how to make one."""

from __future__ import annotations

import difflib
import importlib.metadata
import threading
from collections.abc import ItemsView, Iterator, Mapping, ValuesView
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

from pierre_data.cache import CacheTtl, CachingProvider, MemoryStore, Store, open_store
from pierre_data.errors import (
    ConfigurationError,
    ConfigurationNotice,
    PierreError,
    ProviderBroken,
    ProviderNotFound,
    SchemaError,
    StorageNotice,
)
from pierre_data.fetch import DescriptorProvider
from pierre_data.notices import notice
from pierre_data.registry.accounts import Accounts
from pierre_data.registry.configuration import ConfiguredProvider, provider_config, resilience
from pierre_data.registry.python_provider import described, from_factory
from pierre_data.reprs import shown
from pierre_data.settings import Settings
from pierre_data.spi import (
    FitnessProvider,
    ProviderCapabilities,
    ProviderConfig,
    ProviderDescriptor,
    ProviderFactory,
    ProviderPlugin,
)

GROUP = "pierre_data.providers"


@dataclass(frozen=True, slots=True)
class _Registration:
    """A provider that exists: its descriptor is None until it is first used; without a factory it says it all."""

    owner: str
    descriptor: ProviderDescriptor | None = None
    factory: ProviderFactory | None = None
    config: ProviderConfig | None = None
    entry: importlib.metadata.EntryPoint | None = None
    conflict: PierreError | None = None


class ProviderRegistry(Mapping[str, ProviderDescriptor]):
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

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings.read()
        self._lock = threading.RLock()
        self._known: dict[str, _Registration] = {}
        self._typos_told = False
        for entry in importlib.metadata.entry_points(group=GROUP):
            owner = f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
            try:
                self.register_entry(entry, owner=owner)
            except ConfigurationError as error:  # two installed packages: the name is broken, the others work
                self._known[entry.name] = _Registration(owner, conflict=error)

    def __getitem__(self, name: str) -> ProviderDescriptor:
        """Return a descriptor, importing its provider.

        Raises
        ------
        ProviderNotFound
            No such provider.
        ProviderBroken
            Its import failed; the cause is chained.
        """
        with self._lock:
            known, allowed = self._known.get(name), self.settings.providers
            if known is None or not (allowed is None or name in allowed):
                raise self._unknown(name)
            if known.conflict is not None:
                raise ProviderBroken(known.conflict.what, known.conflict.fix, provider=name)
            if known.descriptor is None:
                try:
                    known = self._known[name] = self._import(name, known)
                except Exception as error:  # whatever a plug-in's import raises, the others must work
                    raise ProviderBroken(
                        f"Provider {name!r} is broken: {type(error).__name__}: {error} (from {known.owner}).",
                        "Reinstall or update that package.",
                        provider=name,
                    ) from error
            assert known.descriptor is not None
            return known.descriptor

    def __iter__(self) -> Iterator[str]:
        return iter(self.supported_providers())

    def __len__(self) -> int:
        return len(self.supported_providers())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.is_supported(name)

    def items(self) -> ItemsView[str, ProviderDescriptor]:
        """Return names and descriptors of one moment; one that is broken raises its `ProviderBroken`."""
        with self._lock:
            return {name: self[name] for name in self.supported_providers()}.items()

    def values(self) -> ValuesView[ProviderDescriptor]:
        """Return the descriptors of one moment; as `items`."""
        return dict(self.items()).values()

    def __repr__(self) -> str:
        return f"<ProviderRegistry: {', '.join(self)}>"

    def _repr_html_(self) -> str:
        rows: list[tuple[object, ...]] = []
        for name, d in self.survey().items():
            if isinstance(d, ProviderBroken):
                rows.append((name, "broken", None, None, d))
            else:
                rows.append((name, d.display_name, ", ".join(d.tables()), d.needs, d.access))
        return shown("Providers", ("provider", "name", "offers", "needs", "access"), rows)

    def register(self, descriptor: ProviderDescriptor, *, owner: str = "this process") -> None:
        """Add a provider that its descriptor describes fully.

        Raises
        ------
        ConfigurationError
            The name is taken; the message names both owners.
        """
        self._add(descriptor.name, _Registration(owner, descriptor))

    def register_factory(
        self,
        name: str,
        factory: ProviderFactory,
        *,
        config: ProviderConfig | None = None,
        descriptor: ProviderDescriptor | None = None,
        owner: str = "this process",
    ) -> None:
        """Add a provider that a factory makes; name and factory are enough.

        Parameters
        ----------
        name : str
            Registry name.
        factory : callable
            Makes a provider from a `ProviderConfig`: a class, for one; see `FitnessProvider`.
        config : ProviderConfig, optional
            Instead of one from the descriptor and the environment.
        descriptor : ProviderDescriptor, optional
            What it offers and needs; read off its methods when omitted.
        owner : str
            Who adds it, for messages.

        Raises
        ------
        ConfigurationError
            The name is taken, or is none of the factory's ``supported_providers``.
        """
        serves = getattr(factory, "supported_providers", None)
        if serves is not None and name not in serves:
            raise ConfigurationError(
                f"That factory makes {', '.join(serves)}, and no {name!r}.", "Register it under one of its names."
            )
        self._add(name, _Registration(owner, descriptor, factory, config))

    def register_entry(self, entry: importlib.metadata.EntryPoint, *, owner: str) -> None:
        """Add an entry point that leads to a `ProviderDescriptor` or a `ProviderPlugin`; it is imported when used.

        Raises
        ------
        ConfigurationError
            The name is taken.
        """
        self._add(entry.name, _Registration(owner, entry=entry))

    def unregister(self, name: str) -> None:
        """Remove a provider from this registry.

        Raises
        ------
        ProviderNotFound
            No such provider.
        """
        with self._lock:
            if not self.is_supported(name):
                raise self._unknown(name)
            del self._known[name]

    def is_supported(self, name: str) -> bool:
        """Return whether a provider of that name exists (it may still be broken)."""
        allowed = self.settings.providers
        return name in self._known and (allowed is None or name in allowed)

    def supported_providers(self) -> list[str]:
        """Return the names, sorted; nothing is imported."""
        with self._lock:
            return sorted(name for name in self._known if self.is_supported(name))

    def survey(self) -> dict[str, ProviderDescriptor | ProviderBroken]:
        """Return every provider of one moment, sorted: its descriptor, or why it is broken; imports all."""
        found: dict[str, ProviderDescriptor | ProviderBroken] = {}
        with self._lock:
            for name in self.supported_providers():
                try:
                    found[name] = self[name]
                except ProviderBroken as error:
                    found[name] = error
        return found

    def broken(self) -> dict[str, PierreError]:
        """Return the providers that cannot be imported, with their causes; imports all."""
        return {name: d for name, d in self.survey().items() if isinstance(d, ProviderBroken)}

    def with_capability(self, wanted: ProviderCapabilities) -> list[str]:
        """Return the names of the working providers that have all the wanted capabilities; imports all."""
        survey = self.survey().items()
        return [n for n, d in survey if not isinstance(d, ProviderBroken) and wanted in d.capabilities]

    def oauth_providers(self) -> list[str]:
        """Return the providers that need consent."""
        return self.with_capability(ProviderCapabilities.OAUTH)

    def activity_providers(self) -> list[str]:
        """Return the providers with activities."""
        return self.with_capability(ProviderCapabilities.ACTIVITIES)

    def sleep_providers(self) -> list[str]:
        """Return the providers with sleep."""
        return self.with_capability(ProviderCapabilities.SLEEP_TRACKING)

    def recovery_providers(self) -> list[str]:
        """Return the providers with recovery metrics."""
        return self.with_capability(ProviderCapabilities.RECOVERY_METRICS)

    def health_providers(self) -> list[str]:
        """Return the providers with body metrics."""
        return self.with_capability(ProviderCapabilities.HEALTH_METRICS)

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

    def tell_typos(self) -> None:
        """Warn once of names in ``PIERRE_PROVIDERS`` that no provider has."""
        unknown = [name for name in self.settings.providers or () if name not in self._known]
        if unknown and not self._typos_told:
            self._typos_told = True
            hints = "".join(f" {_suggestion(name, list(self._known))}" for name in unknown)
            notice(
                f"PIERRE_PROVIDERS names {', '.join(unknown)}, which no provider is called.{hints}", ConfigurationNotice
            )

    def _add(self, name: str, known: _Registration) -> None:
        with self._lock:
            if name in self._known:
                first = self._known[name].owner
                raise ConfigurationError(
                    f"The provider name {name!r} is taken by {first}, and {known.owner} wants it too.",
                    "Uninstall one of them, or unregister the first.",
                    provider=name,
                )
            self._known[name] = known

    def _unknown(self, name: str) -> ProviderNotFound:
        names = self.supported_providers()
        hint = f"Supported providers: {', '.join(names)}. {_suggestion(name, names)}".strip()
        return ProviderNotFound(f"Provider {name!r} is not supported.", hint, provider=name)

    def _import(self, name: str, known: _Registration) -> _Registration:
        if known.entry is None:
            assert known.factory is not None
            bare = ProviderDescriptor(name=name, display_name=name)
            config = known.config or provider_config(bare, self.settings, {}, name)
            return replace(known, descriptor=described(name, known.factory, config))
        found = known.entry.load()
        if isinstance(found, ProviderPlugin):
            return replace(known, descriptor=found.descriptor, factory=found.factory)
        if not isinstance(found, ProviderDescriptor):
            raise SchemaError(f"{known.entry.value} is a {type(found).__name__}.", "Make it a ProviderDescriptor.")
        if found.name != name:
            raise SchemaError(f"{known.entry.value} describes {found.name!r}.", f"Name it {name!r}.")
        return replace(known, descriptor=found)


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


def _suggestion(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"Did you mean {near[0]!r}?" if near else ""
