"""authlib's transport-free OAuth 2 core on our own wire; the only file that imports authlib."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.client import OAuth2Client

from pierre_data.auth.wire import TokenRefused, Wire, body_of, refused
from pierre_data.errors import ConfigurationError, PayloadError, PierreError
from pierre_data.secret import Secret
from pierre_data.settings import variable
from pierre_data.spi import OAuthParams, ProviderConfig, ProviderDescriptor, Request

_METHODS = {"body": "client_secret_post", "basic": "client_secret_basic", "none": "none"}


@dataclass(frozen=True, slots=True, repr=False)
class TokenAnswer:
    """A token body in the standard spelling.

    Parameters
    ----------
    body : mapping
        access_token, refresh_token, expires_in or expires_at, scope, account; whatever else the vendor sent.
    date : float, optional
        The vendor's own clock when it answered, seconds since 1970 UTC.
    """

    body: Mapping[str, Any]
    date: float | None = None

    def text(self, name: str) -> str:
        """Return a field's text; a whole number counts as one; empty otherwise."""
        value = self.body.get(name)
        return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def oauth_params(descriptor: ProviderDescriptor) -> OAuthParams:
    """Return how the vendor deviates from plain OAuth 2."""
    return descriptor.oauth_params or OAuthParams()


def check_application(descriptor: ProviderDescriptor, config: ProviderConfig) -> None:
    """Refuse to go on without an application.

    Raises
    ------
    ConfigurationError
        The client id or secret is missing or cannot be one; names the variables and where to register.
    """
    name, needs_secret = descriptor.name, oauth_params(descriptor).client_auth != "none"
    names = [variable(name, "CLIENT_ID")] + ([variable(name, "CLIENT_SECRET")] if needs_secret else [])
    missing = [n for n, v in zip(names, (config.client_id, config.client_secret), strict=False) if not v]
    where = f"Register an application at {descriptor.register_url}, then set " if descriptor.register_url else "Set "
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise ConfigurationError(
            f"{descriptor.display_name} needs an application of yours, and {' and '.join(missing)} {verb} not set.",
            f"{where}{' and '.join(names)}.",
            provider=name,
        )
    secret = config.client_secret or Secret("")
    if any(not (text.isascii() and text.isprintable()) for text in (config.client_id, secret.reveal())):
        raise ConfigurationError(
            f"{' or '.join(names)} holds characters no client id or secret has.", "Copy it again.", provider=name
        )


def code_grant(
    descriptor: ProviderDescriptor,
    config: ProviderConfig,
    wire: Wire,
    *,
    code: Secret,
    verifier: Secret | None,
    redirect_uri: str,
) -> TokenAnswer:
    """Exchange a code for a token.

    Raises
    ------
    TokenRefused
        The code is expired, used, not ours, or the application is unknown.
    PierreError
        The network, as `Wire.send`; PayloadError when the answer holds no token.
    """
    fields = {"code": code, **({"code_verifier": verifier} if verifier else {})}
    outcome = _granted(descriptor, config, wire, "authorization_code", fields, redirect_uri)
    if isinstance(outcome, PierreError):
        raise outcome.with_traceback(None)
    if not outcome.text("access_token"):
        raise _no_token(descriptor)
    return outcome


def refresh_grant(
    descriptor: ProviderDescriptor, config: ProviderConfig, wire: Wire, *, refresh: Secret, scopes: tuple[str, ...]
) -> TokenAnswer:
    """Buy a new token; sent once.  The answer may lack an access token (COROS): then the old one lives on.

    Raises
    ------
    TokenRefused, PierreError
        As `code_grant`.
    """
    params = oauth_params(descriptor)
    scope = params.scope_separator.join(scopes) if params.refresh_sends_scope else ""
    outcome = _granted(descriptor, config, wire, "refresh_token", {"refresh_token": refresh}, scope)
    if isinstance(outcome, PierreError):
        raise outcome.with_traceback(None)
    return outcome


def authorization_url(
    descriptor: ProviderDescriptor, config: ProviderConfig, *, redirect_uri: str, state: Secret, verifier: Secret | None
) -> str:
    """Return where people consent; the S256 challenge is in it whenever a verifier is given."""
    params = oauth_params(descriptor)
    url, _ = OAuth2Client(
        session=None,
        client_id=config.client_id,
        redirect_uri=redirect_uri,
        scope=params.scope_separator.join(config.scopes) or None,
        code_challenge_method="S256",  # authlib sends no challenge at all without it, and says nothing
    ).create_authorization_url(
        config.auth_url,
        state=state.reveal(),
        code_verifier=verifier.reveal() if verifier else None,
        **dict(params.additional_auth_params),
    )
    return str(url)


class _Session:
    """What authlib calls a session: turns its calls into requests of ours and keeps the answer."""

    def __init__(self, descriptor: ProviderDescriptor, wire: Wire) -> None:
        self._provider, self._params, self._wire = descriptor.name, oauth_params(descriptor), wire
        self.answer = TokenAnswer({})
        self.status_code = 200

    def post(self, url: str, *, data: dict[str, str], headers: dict[str, str], auth: ClientAuth) -> _Session:
        url, headers, body = auth.prepare("POST", url, dict(headers), urlencode(data))
        form = dict(parse_qsl(body, keep_blank_values=True)) | dict(self._params.additional_token_params)
        headers.pop("Content-Type", None)
        request = Request(url, method="POST", headers=headers, form=form)
        response = self._wire.send(request, secrets=(auth.client_secret or "",))
        found: Mapping[str, Any] = body_of(response)
        if self._params.read_token is not None:
            found = self._params.read_token(found)
        if isinstance(code := found.get("error"), str):
            raise refused(self._provider, request.place, code, found.get("error_description"))
        self.answer = TokenAnswer(found, _seconds(response.headers.get("date", "")))
        return self

    def json(self) -> dict[str, Any]:
        """Only what authlib looks at: it would convert expiries by its own clock."""
        return {"access_token": self.answer.text("access_token")}


def _granted(
    descriptor: ProviderDescriptor,
    config: ProviderConfig,
    wire: Wire,
    grant: str,
    fields: Mapping[str, Secret],
    extra: str,
) -> TokenAnswer | PierreError:
    """The answer or the error, so that no traceback leads through frames that hold what was sent."""
    params, session = oauth_params(descriptor), _Session(descriptor, wire)
    client = OAuth2Client(
        session=session,
        client_id=config.client_id,
        client_secret=config.client_secret.reveal() if config.client_secret else None,
        token_endpoint_auth_method=_METHODS[params.client_auth],
        redirect_uri=extra or None,
    )
    shown = {name: secret.reveal() for name, secret in fields.items()}
    try:
        if grant == "authorization_code":
            client.fetch_token(config.token_url, grant_type=grant, **shown)
        else:
            client.refresh_token(_refresh_url(config, params), **shown, **({"scope": extra} if extra else {}))
    except PierreError as error:
        return error
    except (ValueError, TypeError, KeyError, AttributeError):  # a body `read_token` cannot read
        return _no_token(descriptor)
    return session.answer


def _refresh_url(config: ProviderConfig, params: OAuthParams) -> str:
    if not params.refresh_path:
        return config.token_url
    parts = urlsplit(config.token_url)
    return urlunsplit((parts.scheme, parts.netloc, params.refresh_path, "", ""))


def _no_token(descriptor: ProviderDescriptor) -> PayloadError:
    return PayloadError(
        f"{descriptor.display_name}'s token endpoint answered without a token.",
        "Try again later; report it if it stays so.",
        provider=descriptor.name,
    )


def _seconds(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


__all__ = ["TokenAnswer", "TokenRefused", "authorization_url", "check_application", "code_grant", "refresh_grant"]
