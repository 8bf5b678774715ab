"""A provider's settings: from its descriptor, the environment, providers.toml and the caller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pierre_data.errors import ConfigurationError
from pierre_data.http import ResilienceConfig
from pierre_data.settings import Settings, variable
from pierre_data.spi import OAuthEndpoints, ProviderConfig, ProviderDescriptor, check_url


def provider_config(
    descriptor: ProviderDescriptor, settings: Settings, options: Mapping[str, Any] | None = None
) -> ProviderConfig:
    """Return a provider's settings.

    Parameters
    ----------
    descriptor : ProviderDescriptor
        Gives the defaults.
    settings : Settings
        Gives what the environment says.
    options : mapping, optional
        Values of the descriptor's options; they win over the environment.

    Raises
    ------
    ConfigurationError
        A variable or option cannot be used; the message names it and the fix.
    """
    name = descriptor.name
    keys = {h: s for h, n in descriptor.key_headers.items() if (s := settings.secret(name, n)) is not None}
    return ProviderConfig(
        name=name,
        **_addresses(descriptor, settings),
        redirect_uri=settings.text(name, "REDIRECT_URI"),
        client_id=settings.text(name, "CLIENT_ID"),
        client_secret=settings.secret(name, "CLIENT_SECRET"),
        access_token=settings.secret(name, "ACCESS_TOKEN"),
        scopes=settings.scopes(name) or descriptor.default_scopes,
        keys=keys,
        options=_options(descriptor, settings, options or {}),
    )


def resilience(settings: Settings, name: str) -> ResilienceConfig:
    """Return a provider's retries and times: the defaults with its section of providers.toml on top.

    Raises
    ------
    ConfigurationError
        The section has an unknown name or a value that makes no sense.
    """
    part = settings.provider_file().get(name, {})
    try:
        return ResilienceConfig(**dict(_seconds(key, value) for key, value in part.items()))
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"[{name}] in providers.toml cannot be used: {error}.", "Correct that section.", provider=name
        ) from None


def _seconds(key: str, value: Any) -> tuple[str, Any]:
    """Read the seed's spellings, ``base_delay_ms`` and ``timeout_secs``."""
    if key.endswith("_ms"):
        return f"{key.removesuffix('_ms')}_s", value / 1000
    return (f"{key.removesuffix('_secs')}_s", value) if key.endswith("_secs") else (key, value)


def _addresses(descriptor: ProviderDescriptor, settings: Settings) -> dict[str, str]:
    urls = descriptor.oauth_endpoints or OAuthEndpoints("", "")
    given = {
        "api_base_url": descriptor.api_base_url,
        "auth_url": urls.auth_url,
        "token_url": urls.token_url,
        "revoke_url": urls.revoke_url or "",
    }
    for key in given:
        if value := settings.text(descriptor.name, key.upper()):
            check_url(value, variable(descriptor.name, key))
            given[key] = value
    return given


def _options(descriptor: ProviderDescriptor, settings: Settings, given: Mapping[str, Any]) -> dict[str, Any]:
    declared, name = descriptor.options, descriptor.name
    unknown = [option for option in given if option not in declared]
    if unknown:
        listed = ", ".join(declared) or "it has none"
        raise ConfigurationError(f"{name} has no option {unknown[0]!r}.", f"Its options: {listed}.", provider=name)
    texts = {option: settings.text(name, option.upper()) for option in declared}
    values = {option: item.default for option, item in declared.items()}
    for option, value in ({o: t for o, t in texts.items() if t} | dict(given)).items():
        try:
            values[option] = declared[option].kind(value) if isinstance(value, str) else value
        except (ValueError, TypeError) as error:
            raise ConfigurationError(
                f"{value!r} is no value for {name}'s option {option!r}: {error}.",
                f"Pass {option}=... or set {variable(name, option)}.",
                provider=name,
            ) from None
    return values
