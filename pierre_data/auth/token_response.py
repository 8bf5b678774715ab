"""What a vendor's token endpoint says: a token (granted what, to whom, until when by our own clock), or its refusal."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from pierre_data.auth.tokens import StoredToken
from pierre_data.errors import AuthenticationFailed, PayloadError
from pierre_data.http import excerpt
from pierre_data.secret import Secret
from pierre_data.settings import words
from pierre_data.spi import OAuthParams, ProviderDescriptor, Response

_LONGEST_S = 100 * 366 * 86_400.0


class TokenRefused(AuthenticationFailed):
    """The token endpoint said no; `code` is the vendor's word, such as "invalid_grant"."""

    def __init__(self, what: str, fix: str = "", *, provider: str | None = None, code: str = "") -> None:
        super().__init__(what, fix, provider=provider)
        self.code = code


def read_token(
    descriptor: ProviderDescriptor, body: Mapping[str, Any], date: str, now: dt.datetime, old: StoredToken
) -> StoredToken | PayloadError:
    """Return the token that a body in the standard spelling grants; what it does not repeat is as in the old one.

    `date` is the Date header: an absolute end is read against the vendor's own clock.

    Examples
    --------
    >>> now, acme = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), ProviderDescriptor(name="acme", display_name="Acme")
    >>> body = {"access_token": "a", "expires_in": 3600, "scope": "read,write"}
    >>> token = read_token(acme, body, "", now, StoredToken(Secret(""), now))
    >>> token.scopes, token.expires_at.isoformat()
    (('read', 'write'), '2026-01-01T01:00:00+00:00')
    """
    access, refresh, scope = _text(body.get("access_token")), _text(body.get("refresh_token")), body.get("scope")
    life = _number(body.get("expires_in"))
    if life is None and (end := _instant(body.get("expires_at"))) is not None:
        life = end - (date_of(date) or now).timestamp()
    if not access and (life is None or not old.access):
        return no_token(descriptor)
    if isinstance(scope, list | tuple):
        scopes = tuple(part for part in scope if isinstance(part, str))
    else:
        scopes = words(scope) if isinstance(scope, str) else ()
    account: Any = body
    for name in (oauth_params(descriptor).account or "account").split("."):
        account = account.get(name) if isinstance(account, Mapping) else None
    return replace(
        old,
        access=Secret(access) if access else old.access,
        obtained_at=now,
        expires_at=None if life is None else now + dt.timedelta(seconds=min(max(life, 0.0), _LONGEST_S)),
        refresh=Secret(refresh) if refresh else old.refresh,
        scopes=scopes or old.scopes,
        account=_text(account) or old.account,
    )


def no_token(descriptor: ProviderDescriptor) -> PayloadError:
    """Return the error for an answer that holds neither a token nor a new end of the old one."""
    return PayloadError(
        f"{descriptor.display_name}'s token endpoint answered without a token.",
        "Try again later; report it if it stays so.",
        provider=descriptor.name,
    )


def missing_scopes(descriptor: ProviderDescriptor, granted: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the tables that lack a scope: table -> the scopes that were not granted."""
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


def refusal(
    response: Response, provider: str, place: str, read_error: Callable[[Mapping[str, Any]], str] | None
) -> TokenRefused | None:
    """Return the vendor's no, in any spelling; None for a yes, for 429 and for a fault of its servers."""
    if response.status >= 500 or response.status in (408, 410, 429):
        return None
    body = json_object(response)
    code = body.get("error")
    if response.status < 400 and not isinstance(code, str):
        return None
    if not isinstance(code, str):
        try:
            code = read_error(body) if read_error else ""
        except (ValueError, TypeError, LookupError, AttributeError):  # a body the vendor's own reader does not know
            code = ""
    return refused(provider, place, code or f"HTTP {response.status}", body.get("error_description"))


def refused(provider: str, place: str, code: str, description: object = None) -> TokenRefused:
    """Return the error for a token endpoint's no."""
    text = excerpt(" ".join(part for part in (code, description) if isinstance(part, str)))
    fix = f'Connect again: client.connect("{provider}").'
    if code in ("invalid_client", "unauthorized_client"):
        fix = "Check the client id and secret of your application: they must be copied whole and belong together."
    return TokenRefused(f"{place} refused: {text}.", fix, provider=provider, code=code)


def json_object(response: Response) -> Mapping[str, Any]:
    """Return the JSON object in an answer; empty when there is none."""
    try:
        body = json.loads(response.body.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _text(value: object) -> str:
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
