"""A provider's settings: from its descriptor, the environment, providers.toml and the caller."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from pierre_data.errors import ConfigurationError
from pierre_data.http import ResilienceConfig
from pierre_data.settings import Settings, variable, words
from pierre_data.spi import OAuthEndpoints, ProviderConfig, ProviderDescriptor, check_url


@dataclass(frozen=True, slots=True)
class ConfiguredProvider:
    """A provider with options, to be given to a client.

    Parameters
    ----------
    options : mapping
        Values of its options.
    alias : str
        What it goes by in columns, tokens, cache and marks; its name when omitted.

    Raises
    ------
    ConfigurationError
        The alias is no provider name.

    Examples
    --------
    >>> ConfiguredProvider("files", {"path": "/data/garmin"}, alias="garmin-files").alias
    'garmin-files'
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    alias: str = ""
    #: What makes two of them the same; options that cannot be hashed are the same when they are one object.
    identity: Hashable = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.alias and not re.fullmatch(r"[a-z][a-z0-9-]*", self.alias):
            raise ConfigurationError(
                f"{self.alias!r} is no alias.", "Use lower-case letters, digits and hyphens, a letter first."
            )
        object.__setattr__(self, "alias", self.alias or self.name)

        def hashable(value: Any) -> Hashable:
            try:
                hash(value)
            except TypeError:
                return ("object", id(value))
            return (type(value), value)

        options = tuple(sorted((o, hashable(v)) for o, v in self.options.items()))
        object.__setattr__(self, "identity", (self.name, self.alias, options))


def provider(name: str, *, alias: str = "", **options: Any) -> ConfiguredProvider:
    """Configure a provider for a client; under an alias, one provider can be used several times.

    ``pierre-data providers`` lists the options.  A ConfigurationError says when the alias is no provider name.

    Examples
    --------
    >>> import pierre_data as pierre
    >>> client = pierre.Client([pierre.provider("synthetic", seed=7)], cache="memory")
    >>> len(client.activities("2026-01-01", "2026-02-01")) > 0
    True
    """
    return ConfiguredProvider(name, options, alias)


def provider_config(
    descriptor: ProviderDescriptor, settings: Settings, options: Mapping[str, Any], alias: str
) -> ProviderConfig:
    """Return a provider's settings; variables are looked up under its alias, then under its name."""
    names = (alias, descriptor.name)
    keys = {h: s for h, n in descriptor.key_headers.items() if (s := settings.secret(names, n)) is not None}
    urls = descriptor.oauth_endpoints or OAuthEndpoints("", "")
    addresses = {
        "api_base_url": descriptor.api_base_url,
        "auth_url": urls.auth_url,
        "token_url": urls.token_url,
        "revoke_url": urls.revoke_url or "",
    }
    for key in addresses:
        if value := settings.text(names, key.upper()):
            check_url(value, variable(descriptor.name, key))
            addresses[key] = value
    return ProviderConfig(
        name=alias,
        **addresses,
        redirect_uri=settings.text(names, "REDIRECT_URI"),
        client_id=settings.text(names, "CLIENT_ID"),
        client_secret=settings.secret(names, "CLIENT_SECRET"),
        access_token=settings.secret(names, "ACCESS_TOKEN"),
        scopes=words(scopes) if (scopes := settings.text(names, "SCOPES")) else descriptor.default_scopes,
        keys=keys,
        options=_option_values(descriptor, settings, options, names),
    )


def resilience(section: Mapping[str, Any], name: str) -> ResilienceConfig:
    """Return a provider's retries and times: the defaults with its section of providers.toml on top."""
    values: dict[str, Any] = {}
    for key, value in section.items():  # the original's spellings, base_delay_ms and timeout_secs, are read too
        ours = re.sub("_ms$|_secs$", "_s", key)
        kinds = {f.name: f.type for f in fields(ResilienceConfig)}
        if ours not in kinds:
            near = difflib.get_close_matches(ours, kinds, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"It may hold: {', '.join(kinds)}."
            raise ConfigurationError(f"[{name}] {key} in providers.toml is unknown.", hint, provider=name)
        try:
            number = _adapter(int if kinds[ours] in ("int", int) else float).validate_python(value)
        except ValidationError as error:
            raise ConfigurationError(
                f"[{name}] {key} = {value!r} in providers.toml cannot be used: {reason(error)}.",
                "Correct that section.",
                provider=name,
            ) from None
        values[ours] = number / 1000 if key.endswith("_ms") else number
    return ResilienceConfig(**values)


def reason(error: ValidationError) -> str:
    """Return what pydantic says of the first thing that is wrong, without its full stop."""
    return str(error.errors(include_url=False)[0]["msg"]).rstrip(".")


@lru_cache(maxsize=64)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind, config=ConfigDict(coerce_numbers_to_str=True))


def _option_values(
    descriptor: ProviderDescriptor, settings: Settings, given: Mapping[str, Any], names: tuple[str, str]
) -> dict[str, Any]:
    declared, name = descriptor.options, names[0]
    if unknown := [option for option in given if option not in declared]:
        near = difflib.get_close_matches(unknown[0], declared, n=1)
        listed = ", ".join(declared) or "it has none"
        hint = f"Its options: {listed}.{f' Did you mean {near[0]!r}?' if near else ''}"
        raise ConfigurationError(f"{name} has no option {unknown[0]!r}.", hint, provider=name)
    texts = {option: text for option in declared if (text := settings.text(names, option.upper()))}
    values = {option: item.default for option, item in declared.items()}
    for option, value in (texts | dict(given)).items():
        try:
            values[option] = _option_value(declared[option].kind, value)
        except (ValueError, TypeError, KeyError) as error:  # a kind of the provider's own may raise what it likes
            what = reason(error) if isinstance(error, ValidationError) else str(error)
            raise ConfigurationError(
                f"{value!r} is no value for {name}'s option {option!r}: {what}.",
                f"Pass {option}=... or set {variable(names[1], option)}.",
                provider=name,
            ) from None
    return values


def _option_value(kind: Callable[[str], Any], value: Any) -> Any:
    if value is None:
        return None
    if kind in (str, int, float, bool, Path):
        item = getattr(value, "item", None)  # a number of numpy
        return _adapter(kind).validate_python(item() if callable(item) else value)
    return kind(value) if isinstance(value, str) else value
