"""From a vendor's token body to a token: what was granted, to whom, until when by our own clock."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from pierre_data.auth.tokens import StoredToken
from pierre_data.errors import PayloadError
from pierre_data.secret import Secret
from pierre_data.settings import words
from pierre_data.spi import OAuthParams, ProviderConfig, ProviderDescriptor

_LONGEST_S = 100 * 366 * 86_400.0


@dataclass(frozen=True, slots=True, repr=False)
class TokenResponse:
    """A token body in the standard spelling, and the vendor's own clock when it answered (a Date header).

    Examples
    --------
    >>> response = TokenResponse({"access_token": "a", "expires_in": 3600, "scope": "read,write"})
    >>> response.scopes, response.expires_at(dt.datetime(2026, 1, 1, tzinfo=dt.UTC)).isoformat()
    (('read', 'write'), '2026-01-01T01:00:00+00:00')
    """

    body: Mapping[str, Any]
    date: str = ""

    def text(self, name: str) -> str:
        """Return a field's text; a whole number counts as one; empty otherwise."""
        return _plain(self.body.get(name))

    @property
    def scopes(self) -> tuple[str, ...]:
        """As granted; empty when the body names none."""
        scope = self.body.get("scope")
        if isinstance(scope, list | tuple):
            return tuple(part for part in scope if isinstance(part, str))
        return words(scope) if isinstance(scope, str) else ()

    def account(self, path: str) -> str:
        """Return the vendor's id of the account at a dotted path; empty when it is not told."""
        value: Any = self.body
        for name in (path or "account").split("."):
            value = value.get(name) if isinstance(value, Mapping) else None
        return _plain(value)

    def expires_at(self, now: dt.datetime) -> dt.datetime | None:
        """Return the end by our own clock: the vendor's absolute time is read against the vendor's clock."""
        life = _number(self.body.get("expires_in"))
        if life is None:
            end = _instant(self.body.get("expires_at"))
            life = None if end is None else end - (date_of(self.date) or now).timestamp()
        return None if life is None else now + dt.timedelta(seconds=min(max(life, 0.0), _LONGEST_S))


def new_token(
    descriptor: ProviderDescriptor,
    config: ProviderConfig,
    response: TokenResponse,
    now: dt.datetime,
    *,
    redirect_scopes: tuple[str, ...] = (),
) -> StoredToken:
    """Return the token of a code exchange; scopes named in the redirect count when the body names none."""
    return StoredToken(
        access=Secret(response.text("access_token")),
        obtained_at=now,
        expires_at=response.expires_at(now),
        refresh=Secret(response.text("refresh_token")) if response.text("refresh_token") else None,
        scopes=response.scopes or redirect_scopes or config.scopes,
        account=response.account(oauth_params(descriptor).account),
        issued_host=host_of(config.api_base_url),
        token_host=host_of(config.token_url),
    )


def renewed_token(
    descriptor: ProviderDescriptor, response: TokenResponse, now: dt.datetime, old: StoredToken
) -> StoredToken:
    """Return the token of a refresh; what the vendor does not repeat stays as it was."""
    access, refresh, expires = response.text("access_token"), response.text("refresh_token"), response.expires_at(now)
    if not access and expires is None:
        raise no_token(descriptor)
    return StoredToken(
        access=Secret(access) if access else old.access,
        obtained_at=now,
        expires_at=expires,
        refresh=Secret(refresh) if refresh else old.refresh,
        scopes=response.scopes or old.scopes,
        account=response.account(oauth_params(descriptor).account) or old.account,
        issued_host=old.issued_host,
        token_host=old.token_host,
    )


def no_token(descriptor: ProviderDescriptor) -> PayloadError:
    """Return the error for an answer that holds neither a token nor a new end of the old one."""
    return PayloadError(
        f"{descriptor.display_name}'s token endpoint answered without a token.",
        "Try again later; report it if it stays so.",
        provider=descriptor.name,
    )


def missing_scopes(descriptor: ProviderDescriptor, granted: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the tables that lack a scope: table -> the scopes that were not granted.

    Examples
    --------
    >>> missing_scopes(ProviderDescriptor(name="acme", display_name="Acme"), ())
    {}
    """
    has = set(granted)
    has |= {smaller for larger, smaller in oauth_params(descriptor).implied_scopes if larger in has}
    lacking: dict[str, tuple[str, ...]] = {}
    for endpoints in (descriptor.endpoints, descriptor.details):
        for table, endpoint in endpoints.items():
            lost = tuple(scope for scope in endpoint.scopes if scope not in has)
            if lost:
                lacking[table.name] = tuple(dict.fromkeys((*lacking.get(table.name, ()), *lost)))
    return lacking


def oauth_params(descriptor: ProviderDescriptor) -> OAuthParams:
    """Return how the vendor deviates from plain OAuth 2."""
    return descriptor.oauth_params or OAuthParams()


def vendor_hosts(descriptor: ProviderDescriptor) -> set[str]:
    """Return every host the vendor itself names: its tokens may go there and nowhere else."""
    urls = descriptor.oauth_endpoints
    named = [descriptor.api_base_url, *((urls.token_url, urls.revoke_url or "") if urls else ())]
    return {host_of(url) for url in named if url} | set(oauth_params(descriptor).token_hosts)


def host_of(url: str) -> str:
    """Return host and unusual port of an address.

    Examples
    --------
    >>> host_of("https://API.acme.example/v3"), host_of("http://127.0.0.1:8000/x")
    ('api.acme.example', '127.0.0.1:8000')
    """
    parts = urlsplit(url)
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    return f"{parts.hostname or ''}{f':{parts.port}' if parts.port and parts.port != usual else ''}"


def date_of(header: str) -> dt.datetime | None:
    """Return the time in a Date header, None when it is none."""
    try:
        date = parsedate_to_datetime(header)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=dt.UTC)


def _plain(value: object) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _instant(value: object) -> float | None:
    if (number := _number(value)) is not None:
        return number
    try:
        instant = dt.datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return (instant if instant.tzinfo else instant.replace(tzinfo=dt.UTC)).timestamp()


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
