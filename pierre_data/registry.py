"""Which providers exist, and how to make one."""

from __future__ import annotations

import difflib
import importlib.metadata
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pierre_data.auth import Identity
from pierre_data.cache import CacheTtl, CachingProvider, Store
from pierre_data.configuration import provider_config, resilience
from pierre_data.errors import ConfigurationError, PierreError, ProviderBroken, ProviderNotFound, SchemaError
from pierre_data.fetch import DescriptorProvider
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
class _Known:
    """A provider that exists, loaded or not."""

    owner: str
    plugin: ProviderPlugin | None = None
    entry: importlib.metadata.EntryPoint | None = None
    config: ProviderConfig | None = None
    conflict: PierreError | None = None


class _Described:
    """Makes the provider of a descriptor."""

    def __init__(self, descriptor: ProviderDescriptor, settings: Settings) -> None:
        self._descriptor, self._settings = descriptor, settings

    def __call__(
        self,
        config: ProviderConfig,
        /,
        *,
        identity: Callable[[], Identity | None] | None = None,
        cache_dir: Path | None = None,
    ) -> FitnessProvider:
        patience, offline = resilience(self._settings, self._descriptor.name), self._settings.offline
        return DescriptorProvider(
            self._descriptor, config, identity=identity, resilience=patience, offline=offline, cache_dir=cache_dir
        )


class ProviderRegistry(Mapping[str, ProviderDescriptor]):
    """The providers of this process: a lazy, read-only mapping of name to descriptor.

    Names come from the entry-point group ``pierre_data.providers``; a provider is imported when it is first used.
    ``PIERRE_PROVIDERS`` restricts which exist.  Safe to use from several threads.

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
        self._known: dict[str, _Known] = {}
        for entry in importlib.metadata.entry_points(group=GROUP):
            try:
                self.register_entry(entry, owner=_owner(entry))
            except ConfigurationError as error:  # two installed packages: the name is broken, the others work
                self._known[entry.name] = _Known(_owner(entry), conflict=error)

    def __getitem__(self, name: str) -> ProviderDescriptor:
        """Return a descriptor, importing its provider.

        Raises
        ------
        ProviderNotFound
            No such provider.
        ProviderBroken
            Its import failed; the cause is chained.
        """
        return self._plugin(name).descriptor

    def __iter__(self) -> Iterator[str]:
        return iter(self.supported_providers())

    def __len__(self) -> int:
        return len(self.supported_providers())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.is_supported(name)

    def __repr__(self) -> str:
        return f"<ProviderRegistry: {', '.join(self)}>"

    def _repr_html_(self) -> str:
        broken = self.broken()
        rows: list[tuple[object, ...]] = []
        for name in self:
            if name in broken:
                rows.append((name, "broken", None, None, broken[name]))
            else:
                d = self[name]
                rows.append((name, d.display_name, ", ".join(d.tables()), d.needs, d.access))
        return shown("Providers", ("provider", "name", "offers", "needs", "access"), rows)

    def register(self, descriptor: ProviderDescriptor, *, owner: str = "this process") -> None:
        """Add a provider that its descriptor describes fully.

        Raises
        ------
        ConfigurationError
            The name is taken; the message names both owners.
        """
        self._add(descriptor.name, _Known(owner, ProviderPlugin(descriptor, self._described(descriptor))))

    def register_factory(
        self,
        name: str,
        factory: ProviderFactory,
        *,
        config: ProviderConfig | None = None,
        descriptor: ProviderDescriptor | None = None,
        owner: str = "this process",
    ) -> None:
        """Add a provider that a factory makes.

        Parameters
        ----------
        name : str
            Registry name.
        factory : callable
            Makes a `FitnessProvider` from a `ProviderConfig`.
        config : ProviderConfig, optional
            Instead of one from the descriptor and the environment.
        descriptor : ProviderDescriptor, optional
            What it offers; an empty one when omitted.
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
        described = descriptor or ProviderDescriptor(name=name, display_name=name)
        self._add(name, _Known(owner, ProviderPlugin(described, factory), config=config))

    def register_entry(self, entry: importlib.metadata.EntryPoint, *, owner: str) -> None:
        """Add an entry point that leads to a `ProviderDescriptor` or a `ProviderPlugin`; it is imported when used.

        Raises
        ------
        ConfigurationError
            The name is taken.
        """
        self._add(entry.name, _Known(owner, entry=entry))

    def unregister(self, name: str) -> None:
        """Remove a provider from this registry.

        Raises
        ------
        ProviderNotFound
            No such provider.
        """
        with self._lock:
            self._find(name)
            del self._known[name]

    def is_supported(self, name: str) -> bool:
        """Return whether a provider of that name exists (it may still be broken)."""
        allowed = self.settings.providers
        return name in self._known and (allowed is None or name in allowed)

    def supported_providers(self) -> list[str]:
        """Return the names, sorted; nothing is imported."""
        with self._lock:
            return sorted(name for name in self._known if self.is_supported(name))

    def broken(self) -> dict[str, PierreError]:
        """Return the providers that cannot be imported, with their causes; imports all."""
        found: dict[str, PierreError] = {}
        for name in self:
            try:
                self._plugin(name)
            except ProviderBroken as error:
                found[name] = error
        return found

    def with_capability(self, wanted: ProviderCapabilities) -> list[str]:
        """Return the names of the working providers that have all the wanted capabilities; imports all."""
        broken = self.broken()
        return [n for n in self if n not in broken and wanted in self[n].capabilities]

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
        self,
        name: str,
        *,
        identity: Callable[[], Identity | None] | None = None,
        cache_dir: Path | None = None,
        **options: Any,
    ) -> FitnessProvider:
        """Make a provider.

        Parameters
        ----------
        name : str
            Registry name.
        **options
            Values of the descriptor's options; the environment gives what is missing.

        Raises
        ------
        ProviderNotFound, ProviderBroken
            It does not exist, or cannot be imported.
        ConfigurationError
            An option is unknown or its value cannot be read.
        """
        known = self._find(name)
        config = known.config or self.config(name, **options)
        factory = self._plugin(name).factory
        if isinstance(factory, _Described):
            return factory(config, identity=identity, cache_dir=cache_dir)
        return factory(config)

    def create_caching_provider(
        self,
        name: str,
        store: Store,
        *,
        tenant: str = "default",
        user: str = "default",
        identity: Callable[[], Identity | None] | None = None,
        cache_dir: Path | None = None,
        **options: Any,
    ) -> CachingProvider:
        """Make a provider whose answers are kept in a store.

        Parameters
        ----------
        name : str
            Registry name.
        store : Store
            Where answers are kept; entries are separate by tenant, user and provider.
        tenant, user : str
            Whose they are.
        **options
            As for `create_provider`.
        """
        provider = self.create_provider(name, identity=identity, cache_dir=cache_dir, **options)
        ttl = CacheTtl.read(self.settings.provider_file().get("cache", {}))
        offline = self.settings.offline
        return CachingProvider(provider, store, self[name], tenant=tenant, user=user, ttl=ttl, offline=offline)

    def config(self, name: str, **options: Any) -> ProviderConfig:
        """Return a provider's settings from its descriptor, the environment and the options given.

        Raises
        ------
        ConfigurationError
            A variable or option cannot be used; the message names it.
        """
        return provider_config(self[name], self.settings, options)

    def _described(self, descriptor: ProviderDescriptor) -> ProviderFactory:
        return _Described(descriptor, self.settings)

    def _add(self, name: str, known: _Known) -> None:
        with self._lock:
            if name in self._known:
                first = self._known[name].owner
                raise ConfigurationError(
                    f"The provider name {name!r} is taken by {first}, and {known.owner} wants it too.",
                    "Uninstall one of them, or unregister the first.",
                    provider=name,
                )
            self._known[name] = known

    def _find(self, name: str) -> _Known:
        if self.is_supported(name):
            return self._known[name]
        names = self.supported_providers()
        near = difflib.get_close_matches(name, names, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        raise ProviderNotFound(
            f"Provider {name!r} is not supported.", f"Supported providers: {', '.join(names)}.{hint}", provider=name
        )

    def _plugin(self, name: str) -> ProviderPlugin:
        with self._lock:
            known = self._find(name)
            if known.conflict is not None:
                raise ProviderBroken(known.conflict.what, known.conflict.fix, provider=name)
            plugin = known.plugin or self._load(name, known.entry, known.owner)
            self._known[name] = replace(known, plugin=plugin)
            return plugin

    def _load(self, name: str, entry: importlib.metadata.EntryPoint | None, owner: str) -> ProviderPlugin:
        try:
            if entry is None:
                raise SchemaError(f"{name!r} was registered without a plug-in.", "Register a descriptor or factory.")
            found = entry.load()
            if isinstance(found, ProviderPlugin):
                return found
            if not isinstance(found, ProviderDescriptor):
                raise SchemaError(f"{entry.value} is a {type(found).__name__}.", "Make it a ProviderDescriptor.")
            if found.name != name:
                raise SchemaError(f"{entry.value} describes {found.name!r}.", f"Name it {name!r}.")
            return ProviderPlugin(found, self._described(found))
        except Exception as error:  # whatever a plug-in's import raises, the others must work
            raise ProviderBroken(
                f"Provider {name!r} is broken: {type(error).__name__}: {error} (from {owner}).",
                "Reinstall or update that package.",
                provider=name,
            ) from error


def _owner(entry: importlib.metadata.EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
