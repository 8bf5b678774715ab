"""Which providers a client asks."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pierre_data.errors import ConfigurationError, NoProvidersAvailable, SyntheticDataNotice
from pierre_data.registry import ProviderRegistry

SYNTHETIC = "synthetic"


@dataclass(frozen=True, slots=True)
class ConfiguredProvider:
    """A provider with options, to be given to a client.

    Parameters
    ----------
    name : str
        Registry name.
    options : mapping
        Values of its options.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


def provider(name: str, **options: Any) -> ConfiguredProvider:
    """Configure a provider for a client.

    Parameters
    ----------
    name : str
        Registry name.
    **options
        Values of the provider's options; ``pierre-data providers`` lists them.

    Returns
    -------
    ConfiguredProvider

    Examples
    --------
    >>> import pierre_data as pierre
    >>> client = pierre.Client([pierre.provider("synthetic", seed=7)], cache="memory")
    >>> len(client.activities("2026-01-01", "2026-02-01")) > 0
    True
    """
    return ConfiguredProvider(name, options)


def chosen(
    wanted: str | ConfiguredProvider | Sequence[str | ConfiguredProvider] | None,
    registry: ProviderRegistry,
    connected: Callable[[str], bool],
) -> list[ConfiguredProvider]:
    """Return the providers a client asks, in order of priority.

    Parameters
    ----------
    wanted : names or configured providers, optional
        None: the default provider, else every connected real one, else synthetic with one notice.
    registry : ProviderRegistry
        Where they are looked up.
    connected : callable
        Whether a provider can be asked now.

    Raises
    ------
    ProviderNotFound, ProviderBroken
        One of them does not exist or cannot be imported.
    ConfigurationError
        One is named twice.
    NoProvidersAvailable
        None is named, and there is nothing to fall back to.
    """
    if wanted is None:
        return _fallback(registry, connected)
    items = [wanted] if isinstance(wanted, str | ConfiguredProvider) else list(wanted)
    if not items:
        raise NoProvidersAvailable("No provider was named.", f"Name some of: {', '.join(registry)}.")
    out = [item if isinstance(item, ConfiguredProvider) else ConfiguredProvider(item) for item in items]
    names = [item.name for item in out]
    for name in names:
        _ = registry[name]
        if names.count(name) > 1:
            raise ConfigurationError(f"{name} is named twice.", "Name each provider once.", provider=name)
    return out


def _fallback(registry: ProviderRegistry, connected: Callable[[str], bool]) -> list[ConfiguredProvider]:
    default = registry.settings.default_provider
    if default is not None:
        _ = registry[default]
        return [ConfiguredProvider(default)]
    real = [n for n in registry if connected(n) and not registry[n].synthetic]
    if real:
        return [ConfiguredProvider(name) for name in real]
    if not registry.is_supported(SYNTHETIC):
        raise NoProvidersAvailable(
            "Nothing is connected, and PIERRE_PROVIDERS leaves out the synthetic provider.",
            f"Name a provider and connect it; supported: {', '.join(registry)}.",
        )
    warnings.warn(
        "Nothing is connected, so the rows are synthetic. Name providers, as in Client(['strava']), for real ones.",
        SyntheticDataNotice,
        stacklevel=4,
    )
    return [ConfiguredProvider(SYNTHETIC)]
