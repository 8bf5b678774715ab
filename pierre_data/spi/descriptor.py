"""A provider as a value."""

from __future__ import annotations

import datetime as dt
import enum
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from pierre_data.errors import ConfigurationError, PierreError, SchemaError, UnsupportedFeature
from pierre_data.reprs import shown
from pierre_data.schema import ACTIVITIES, HEALTH, RECOVERY, SLEEP, Table
from pierre_data.spi.endpoint import Endpoint
from pierre_data.spi.limits import LimitHeaders, RateLimit
from pierre_data.spi.messages import Response
from pierre_data.spi.oauth import OAuthEndpoints, OAuthParams
from pierre_data.spi.webhook import Webhook


class ProviderCapabilities(enum.Flag):
    """What a provider can deliver, as flags, derived from what a descriptor declares.

    Examples
    --------
    >>> ProviderCapabilities.ACTIVITIES in ProviderCapabilities.full_fitness()
    True
    >>> ProviderCapabilities.full_health().value
    31
    """

    OAUTH = 1
    ACTIVITIES = 2
    SLEEP_TRACKING = 4
    RECOVERY_METRICS = 8
    HEALTH_METRICS = 16

    @classmethod
    def full_fitness(cls) -> ProviderCapabilities:
        """OAuth and activities."""
        return cls.OAUTH | cls.ACTIVITIES

    @classmethod
    def full_health(cls) -> ProviderCapabilities:
        """Everything."""
        return cls.OAUTH | cls.ACTIVITIES | cls.SLEEP_TRACKING | cls.RECOVERY_METRICS | cls.HEALTH_METRICS


_FLAGS: Mapping[str, ProviderCapabilities] = {
    ACTIVITIES.name: ProviderCapabilities.ACTIVITIES,
    SLEEP.name: ProviderCapabilities.SLEEP_TRACKING,
    RECOVERY.name: ProviderCapabilities.RECOVERY_METRICS,
    HEALTH.name: ProviderCapabilities.HEALTH_METRICS,
}


@dataclass(frozen=True, slots=True)
class Terms:
    """What the vendor allows.

    `keep`: longest time data may be kept; the cache never keeps or serves anything older.
    """

    url: str
    keep: dt.timedelta | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Option:
    """A setting of a configured provider, ``pierre.provider(name, option=...)`` or ``PIERRE_<P>_<OPTION>``.

    `kind`: reads the value from text: str, int, float, bool (1 or 0), pathlib.Path ... `required`: the provider cannot
    be asked without it. `from_account`: the account id that came with the consent fills it.
    """

    kind: Callable[[str], Any] = str
    default: Any = None
    meaning: str = ""
    required: bool = False
    from_account: bool = False

    def __post_init__(self) -> None:
        if self.kind is bool:  # bool("0") is True
            object.__setattr__(self, "kind", _switch)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ProviderDescriptor:
    """All that is known of a provider.

    Parameters
    ----------
    name : registry name, ``[a-z][a-z0-9-]*``
    api_base_url : prefix of every path; https, or http on loopback; empty for providers without network
    details : where single objects come from (one activity, its streams, laps, zones)
    key_headers : for API keys: header -> the setting that holds its value, such as ``{"x-api-key": "API_KEY"}``
    default_scopes : asked for at consent
    limit_headers : where the vendor says how much of them is used
    in_flight : requests the vendor stands at once
    faults : reads a `Response` of any status and returns a better error than its status alone would give, or None.
        ``response.object`` is the JSON object in its body, decoded once for faults and rows together.
    access : who gets access, with the date of the fact
    id_space : whose ids the activities carry, where several providers share one service's ("garmin"); by default the
        name

    Raises SchemaError: a name, a column, a unit or a required column is wrong.

    Examples
    --------
    >>> ProviderDescriptor(name="acme", display_name="Acme").capabilities
    <ProviderCapabilities: 0>
    """

    name: str
    display_name: str
    api_base_url: str = ""
    endpoints: Mapping[Table, Endpoint] = field(default_factory=dict)
    details: Mapping[Table, Endpoint] = field(default_factory=dict)
    oauth_endpoints: OAuthEndpoints | None = None
    oauth_params: OAuthParams | None = None
    key_headers: Mapping[str, str] = field(default_factory=dict)
    default_scopes: tuple[str, ...] = ()
    limits: tuple[RateLimit, ...] = ()
    limit_headers: LimitHeaders | None = None
    in_flight: int = 4
    terms: Terms | None = None
    options: Mapping[str, Option] = field(default_factory=dict)
    faults: Callable[[Response], PierreError | None] | None = None
    webhook: Webhook | None = None
    register_url: str = ""
    access: str = ""
    synthetic: bool = False
    id_space: str = ""
    #: Whether a token or key is needed.
    needs_credentials: bool = field(init=False)

    def __repr__(self) -> str:
        offers, needs = ", ".join(self.tables()) or "nothing", self.needs or "nothing"
        return f"<ProviderDescriptor {self.name}: {self.display_name}; offers {offers}; needs {needs}>"

    def _repr_html_(self) -> str:
        limits = ", ".join(f"{limit.requests:,} requests in {limit.seconds / 60:g} min" for limit in self.limits)
        options = ", ".join(f"{name} ({option.meaning})" for name, option in self.options.items())
        facts = (
            ("name", self.name),
            ("offers", ", ".join(self.tables())),
            ("needs", self.needs),
            ("options", options),
            ("access", self.access),
            ("register at", self.register_url),
            ("limits", limits),
            ("terms", f"{self.terms.url} {self.terms.note}" if self.terms else ""),
        )
        return shown(self.display_name, (), [fact for fact in facts if fact[1]])

    @property
    def needs(self) -> str:
        """What a person must give: "consent", "key", the names of required options, or nothing."""
        if self.oauth_endpoints is not None:
            return "consent"
        return "key" if self.key_headers else ", ".join(n for n, option in self.options.items() if option.required)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9-]*", self.name):
            raise SchemaError(f"{self.name!r} is no provider name.", "Use lower-case letters, digits and hyphens.")
        oauth = self.oauth_endpoints
        urls = (oauth.auth_url, oauth.token_url, oauth.revoke_url or "") if oauth else ()
        for url in (self.api_base_url, *urls):
            check_url(url, f"{self.name} descriptor")
        for part in (self.endpoints, self.details):
            for table, endpoint in part.items():
                endpoint.verify(table, self.name)
        object.__setattr__(self, "needs_credentials", oauth is not None or bool(self.key_headers))

    @property
    def capabilities(self) -> ProviderCapabilities:
        """What the provider can deliver, read off its endpoints."""
        flags = ProviderCapabilities.OAUTH if self.oauth_endpoints else ProviderCapabilities(0)
        for table in self.endpoints:
            flags |= _FLAGS.get(table.name, ProviderCapabilities(0))
        return flags

    def tables(self) -> tuple[str, ...]:
        """Return the names of the tables it delivers, in the order of the schema."""
        from pierre_data.schema import TABLES

        return tuple(n for n, t in TABLES.items() if t in self.endpoints or t in self.details)

    def endpoint(self, table: Table, *, single: bool = False) -> Endpoint:
        """Return where a table comes from.

        Raises UnsupportedFeature: the provider does not declare it.
        """
        endpoint = (self.details if single else self.endpoints).get(table)
        if endpoint is None:
            what = f"single {table.name}" if single and table in self.endpoints else table.name
            raise UnsupportedFeature(
                f"{self.display_name} does not offer {what}.",
                f"It offers: {', '.join(self.tables()) or 'nothing yet'}.",
                provider=self.name,
            )
        return endpoint

    def fault(self, response: Response) -> PierreError | None:
        """Return the error a response stands for where the vendor says more than its status, or None."""
        error = self.faults(response) if self.faults is not None else None
        if error is None and response.status == 429 and self.limit_headers is not None:
            return self.limit_headers.fault(response, self.display_name, self.limits)
        return error


def _switch(text: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    if text.strip().lower() in words:
        return words[text.strip().lower()]
    raise ValueError("neither 1 nor 0")


def check_url(url: str, where: str) -> None:
    """Refuse an address that is neither https nor loopback; empty is fine.

    Raises ConfigurationError: names where the address comes from.

    Examples
    --------
    >>> check_url("https://www.strava.com/api/v3", "here")
    >>> check_url("http://example.org", "PIERRE_ACME_API_BASE_URL")
    Traceback (most recent call last):
    pierre_data.errors.ConfigurationError: PIERRE_ACME_API_BASE_URL is neither https nor loopback. ...
    """
    if not url:
        return
    parts = urlsplit(url)
    loopback = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if not parts.hostname or parts.scheme not in ("https", "http") or (parts.scheme == "http" and not loopback):
        raise ConfigurationError(
            f"{where} is neither https nor loopback.", "Use an https address, or http://127.0.0.1 for a local server."
        )
