"""Which providers a client asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pierre_data.errors import ConfigurationError, NoProvidersAvailable, ProviderBroken, SyntheticDataNotice
from pierre_data.notices import notice
from pierre_data.registry import ConfiguredProvider, ProviderRegistry

Providers = str | ConfiguredProvider | Sequence[str | ConfiguredProvider]

SYNTHETIC = "synthetic"


def selected(
    wanted: Providers, registry: ProviderRegistry, own: Sequence[ConfiguredProvider] = ()
) -> tuple[ConfiguredProvider, ...]:
    """Return the providers that are meant; a name that is one of the client's own keeps its options."""
    known = {one.alias: one for one in own}
    items = [wanted] if isinstance(wanted, str | ConfiguredProvider) else list(wanted)
    if not items:
        raise NoProvidersAvailable("No provider was named.", f"Name some of: {', '.join(registry)}.")
    odd = [item for item in items if not isinstance(item, str | ConfiguredProvider)]
    if odd:
        raise ConfigurationError(f"{odd[0]!r} is no provider.", 'Name one, or use pierre.provider("name", ...).')
    out = tuple(i if isinstance(i, ConfiguredProvider) else known.get(i) or ConfiguredProvider(i) for i in items)
    aliases = [item.alias for item in out]
    for item in out:
        _ = registry[item.name]
        if aliases.count(item.alias) > 1:
            raise ConfigurationError(
                f"{item.alias} is named twice.",
                f'Name each provider once, or tell them apart: pierre.provider("{item.name}", alias="...", ...).',
                provider=item.name,
            )
        if item.alias != item.name and item.alias in registry:
            raise ConfigurationError(
                f"The alias {item.alias!r} is another provider's name.",
                "Choose another alias.",
                provider=item.name,
            )
    return out


def default_providers(
    registry: ProviderRegistry, connected: Callable[[ConfiguredProvider], bool]
) -> tuple[ConfiguredProvider, ...]:
    """Return whom a client asks that names nobody: the default provider, else who is connected, else synthetic."""
    if (default := registry.settings.default_provider) is not None:
        return selected(default, registry)
    survey = {name: d for name, d in registry.survey().items() if not isinstance(d, ProviderBroken)}
    real = [ConfiguredProvider(name) for name, d in survey.items() if not d.synthetic]
    if there := tuple(one for one in real if connected(one)):
        return there
    if SYNTHETIC not in survey:
        raise NoProvidersAvailable(
            "Nothing is connected, and PIERRE_PROVIDERS leaves out the synthetic provider.",
            f"Name a provider and connect it; supported: {', '.join(registry)}.",
        )
    notice(
        "Nothing is connected, so the rows are synthetic. Name providers, as in Client(['strava']), for real ones.",
        SyntheticDataNotice,
    )
    return (ConfiguredProvider(SYNTHETIC),)
