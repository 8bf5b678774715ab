"""From a vendor's token body to a token: what was granted, to whom, until when by our own clock."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from pierre_data.auth.session import TokenAnswer, oauth_params
from pierre_data.auth.tokens import StoredToken
from pierre_data.errors import PayloadError
from pierre_data.secret import Secret
from pierre_data.settings import words
from pierre_data.spi import ProviderConfig, ProviderDescriptor

_LONGEST_S = 100 * 366 * 86_400.0


def new_token(
    descriptor: ProviderDescriptor,
    config: ProviderConfig,
    answer: TokenAnswer,
    now: dt.datetime,
    *,
    said: Iterable[str] = (),
) -> StoredToken:
    """Return the token of a code exchange.

    Parameters
    ----------
    descriptor, config
        The provider.
    answer : TokenAnswer
        Holds an access token.
    now : datetime
        When it was asked for, by our own clock, aware UTC.
    said : iterable of str
        Scopes named in the redirect: granted, when the body names none (Strava).

    Examples
    --------
    >>> me = ProviderDescriptor(name="acme", display_name="Acme")
    >>> at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    >>> answer = TokenAnswer({"access_token": "a", "expires_in": 3600, "scope": "read,write"})
    >>> token = new_token(me, ProviderConfig("acme", api_base_url="https://api.acme.example"), answer, at)
    >>> token.scopes, token.expires_at.isoformat(), token.issued_host
    (('read', 'write'), '2026-01-01T01:00:00+00:00', 'api.acme.example')
    """
    refresh = answer.text("refresh_token")
    return StoredToken(
        access=Secret(answer.text("access_token")),
        obtained_at=now,
        expires_at=_expiry(answer, now),
        refresh=Secret(refresh) if refresh else None,
        scopes=_scopes(answer) or tuple(said) or config.scopes,
        account=_account(descriptor, answer),
        issued_host=host_of(config.api_base_url),
        token_host=host_of(config.token_url),
    )


def renewed_token(
    descriptor: ProviderDescriptor, answer: TokenAnswer, now: dt.datetime, old: StoredToken
) -> StoredToken:
    """Return the token of a refresh; what the vendor does not repeat stays as it was.

    Raises
    ------
    PayloadError
        The answer holds neither a token nor a new end of the old one.
    """
    access, refresh, expires = answer.text("access_token"), answer.text("refresh_token"), _expiry(answer, now)
    if not access and expires is None:
        raise PayloadError(
            f"{descriptor.display_name} answered a refresh without a token.",
            "Try again later; report it if it stays so.",
            provider=descriptor.name,
        )
    return StoredToken(
        access=Secret(access) if access else old.access,
        obtained_at=now,
        expires_at=expires,
        refresh=Secret(refresh) if refresh else old.refresh,
        scopes=_scopes(answer) or old.scopes,
        account=_account(descriptor, answer) or old.account,
        issued_host=old.issued_host,
        token_host=old.token_host,
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


def _expiry(answer: TokenAnswer, now: dt.datetime) -> dt.datetime | None:
    """Relative when the vendor says so; else its absolute time against its own clock, so that ours may be wrong."""
    life = _number(answer.body.get("expires_in"))
    if life is None:
        end = _instant(answer.body.get("expires_at"))
        life = None if end is None else end - (now.timestamp() if answer.date is None else answer.date)
    return None if life is None else now + dt.timedelta(seconds=min(max(life, 0.0), _LONGEST_S))


def _instant(value: object) -> float | None:
    if (number := _number(value)) is not None:
        return number
    try:
        moment = dt.datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _scopes(answer: TokenAnswer) -> tuple[str, ...]:
    found = answer.body.get("scope")
    if isinstance(found, list | tuple):
        return tuple(scope for scope in found if isinstance(scope, str))
    return words(found) if isinstance(found, str) else ()


def _account(descriptor: ProviderDescriptor, answer: TokenAnswer) -> str:
    found: Any = answer.body
    for name in (oauth_params(descriptor).account or "account").split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""
