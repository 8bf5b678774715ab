"""Which providers exist."""

from __future__ import annotations

import difflib
import importlib.metadata
from collections.abc import Collection, ItemsView, Iterator, Mapping, ValuesView
from dataclasses import dataclass, replace

from pierre_data.errors import (
    ConfigurationError,
    ConfigurationNotice,
    PierreError,
    ProviderBroken,
    ProviderNotFound,
    SchemaError,
)
from pierre_data.forking import ForkSafeLock
from pierre_data.notices import notice
from pierre_data.registry.configuration import provider_config
from pierre_data.registry.python_provider import described
from pierre_data.reprs import shown
from pierre_data.settings import Settings
from pierre_data.spi import (
    ProviderCapabilities,
    ProviderConfig,
    ProviderDescriptor,
    ProviderFactory,
    ProviderPlugin,
)

GROUP = "pierre_data.providers"
_FILE = "providers.toml"


@dataclass(frozen=True, slots=True)
class _Registration:
    """A provider that exists: its descriptor is None until it is first used; without a factory it says it all."""

    owner: str
    descriptor: ProviderDescriptor | None = None
    factory: ProviderFactory | None = None
    config: ProviderConfig | None = None
    entry: importlib.metadata.EntryPoint | None = None
    conflict: PierreError | None = None


class ProviderCatalogue(Mapping[str, ProviderDescriptor]):
    """The lazy mapping of name to descriptor that a `ProviderRegistry` is; a walk sees one moment."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings.read()
        self._lock = ForkSafeLock()
        self._known: dict[str, _Registration] = {}
        self._typos_told: set[str] = set()
        for entry in importlib.metadata.entry_points(group=GROUP):
            owner = f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
            try:
                self.register_entry(entry, owner=owner)
            except ConfigurationError as error:  # two installed packages: the name is broken, the others work
                self._known[entry.name] = _Registration(owner, conflict=error)

    def __getitem__(self, name: str) -> ProviderDescriptor:
        """Return a descriptor, importing its provider; ProviderBroken when that fails, ProviderNotFound if unknown."""
        with self._lock:
            known, allowed = self._known.get(name), self.settings.providers
            if known is None or not (allowed is None or name in allowed):
                raise self._unknown(name)
            if known.conflict is not None:
                raise ProviderBroken(known.conflict.what, known.conflict.fix, provider=name)
            if known.descriptor is None or (known.factory is not None and not known.descriptor.tables()):
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
        return f"<{type(self).__name__}: {', '.join(self)}>"

    def _repr_html_(self) -> str:
        rows: list[tuple[object, ...]] = []
        for name, d in self.survey().items():
            if isinstance(d, ProviderBroken):
                rows.append((name, "broken", None, None, d))
            else:
                rows.append((name, d.display_name, ", ".join(d.tables()), d.needs, d.access))
        return shown("Providers", ("provider", "name", "offers", "needs", "access"), rows)

    def register(self, descriptor: ProviderDescriptor, *, owner: str = "this process") -> None:
        """Add a provider that its descriptor describes fully; a name that is taken is a ConfigurationError."""
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
        factory : callable
            Makes a provider from a `ProviderConfig`: a class, for one; see `FitnessProvider`.
        config : ProviderConfig, optional
            Instead of one from the descriptor and the environment.
        descriptor : ProviderDescriptor, optional
            What it offers and needs; read off its methods when omitted.

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
        """Add an entry point that leads to a `ProviderDescriptor` or a `ProviderPlugin`; it is imported when used."""
        self._add(entry.name, _Registration(owner, entry=entry))

    def unregister(self, name: str) -> None:
        """Remove a provider from this registry; ProviderNotFound when there is none."""
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
        survey: dict[str, ProviderDescriptor | ProviderBroken] = {}
        with self._lock:
            for name in self.supported_providers():
                try:
                    survey[name] = self[name]
                except ProviderBroken as error:
                    survey[name] = error
        return survey

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

    def tell_typos(self, aliases: Collection[str] = ()) -> None:
        """Warn once of names in ``PIERRE_PROVIDERS`` and sections of ``providers.toml`` that no provider has."""
        for where, names in (
            ("PIERRE_PROVIDERS", self.settings.providers or ()),
            (_FILE, self.settings.provider_file()),
        ):
            unknown = [n for n in names if n not in self._known and n not in aliases and (where, n) != (_FILE, "cache")]
            if unknown and where not in self._typos_told:
                self._typos_told.add(where)
                hints = "".join(f" {_suggestion(name, list(self._known))}" for name in unknown)
                notice(f"{where} names {', '.join(unknown)}, which no provider is called.{hints}", ConfigurationNotice)

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
        descriptor, factory = known.descriptor, known.factory
        if known.entry is not None:
            plugin = known.entry.load()
            if isinstance(plugin, ProviderPlugin):
                descriptor, factory = plugin.descriptor, plugin.factory
            elif isinstance(plugin, ProviderDescriptor):
                descriptor = plugin
            else:
                what = f"{known.entry.value} is a {type(plugin).__name__}."
                raise SchemaError(what, "Make it a ProviderDescriptor.")
            if descriptor.name != name:
                raise SchemaError(f"{known.entry.value} describes {descriptor.name!r}.", f"Name it {name!r}.")
        if factory is not None and (descriptor is None or not descriptor.tables()):
            bare = descriptor or ProviderDescriptor(name=name, display_name=name.replace("-", " ").title())
            config = known.config or provider_config(bare, self.settings, {}, name)
            descriptor = described(bare, factory, config)
        return replace(known, descriptor=descriptor, factory=factory)


def _suggestion(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"Did you mean {near[0]!r}?" if near else ""
