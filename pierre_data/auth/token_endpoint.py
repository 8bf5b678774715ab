"""OAuth 2 spoken to a vendor: authlib's messages in requests of ours, sent once; the only file that imports authlib."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from pierre_data.auth.token_response import TokenResponse, host_of, no_token, oauth_params, vendor_hosts
from pierre_data.auth.tokens import StoredToken
from pierre_data.errors import AuthenticationFailed, ConfigurationError, PierreError
from pierre_data.http import HttpClient, ResilienceConfig, excerpt
from pierre_data.http.redaction import scrub
from pierre_data.secret import Secret
from pierre_data.settings import variable
from pierre_data.spi import ProviderConfig, ProviderDescriptor, Request, Response

_LARGEST = 1_000_000
_METHODS = {"body": "client_secret_post", "basic": "client_secret_basic", "none": "none"}


class TokenRefused(AuthenticationFailed):
    """The token endpoint said no; `code` is the vendor's word, such as "invalid_grant"."""

    def __init__(self, what: str, fix: str = "", *, provider: str | None = None, code: str = "") -> None:
        super().__init__(what, fix, provider=provider)
        self.code = code


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """A vendor's authorisation, token and revoke endpoints.

    Methods raise `TokenRefused` when the vendor answers 400 to 499 (but 429) or an OAuth error, and the errors of
    `HttpClient.send`; nothing of what was sent is left in a traceback.
    """

    descriptor: ProviderDescriptor
    config: ProviderConfig
    timeout_s: float = 30.0
    offline: bool = False
    cancel: threading.Event | None = None

    def check_application(self) -> None:
        """Refuse to go on without an application: a ConfigurationError names the variables and where to register."""
        descriptor, config = self.descriptor, self.config
        name, needs_secret = descriptor.name, oauth_params(descriptor).client_auth != "none"
        names = [variable(name, "CLIENT_ID")] + ([variable(name, "CLIENT_SECRET")] if needs_secret else [])
        missing = [n for n, v in zip(names, (config.client_id, config.client_secret), strict=False) if not v]
        if missing:
            verb, page = "is" if len(missing) == 1 else "are", descriptor.register_url
            where = f"Register an application at {page}, then set " if page else "Set "
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

    def consent_url(self, redirect_uri: str, state: Secret, verifier: Secret | None) -> str:
        """Return where people consent; the S256 challenge is in it whenever a verifier is given."""
        params, extra = oauth_params(self.descriptor), {}
        if verifier is not None:
            challenge = create_s256_code_challenge(verifier.reveal())
            extra = {"code_challenge": challenge, "code_challenge_method": "S256"}
        return str(
            prepare_grant_uri(
                self.config.auth_url,
                self.config.client_id,
                "code",
                redirect_uri=redirect_uri,
                scope=params.scope_separator.join(self.config.scopes) or None,
                state=state.reveal(),
                **extra,
                **dict(params.additional_auth_params),
            )
        )

    def exchange(self, code: Secret, verifier: Secret | None, redirect_uri: str) -> TokenResponse:
        """Exchange a code for a token."""
        fields = {"code": code, "code_verifier": verifier, "redirect_uri": Secret(redirect_uri)}
        outcome = self._grant("authorization_code", self.config.token_url, fields)
        if isinstance(outcome, PierreError):
            raise outcome.with_traceback(None)
        if not outcome.text("access_token"):
            raise no_token(self.descriptor)
        return outcome

    def refresh(self, refresh: Secret, scopes: tuple[str, ...]) -> TokenResponse:
        """Buy a new token.  The answer may lack an access token: then the old one lives on."""
        params, url = oauth_params(self.descriptor), self.config.token_url
        if params.refresh_path:
            parts = urlsplit(url)
            url = urlunsplit((parts.scheme, parts.netloc, params.refresh_path, "", ""))
        scope = Secret(params.scope_separator.join(scopes)) if params.refresh_sends_scope else None
        outcome = self._grant("refresh_token", url, {"refresh_token": refresh, "scope": scope})
        if isinstance(outcome, PierreError):
            raise outcome.with_traceback(None)
        return outcome

    def revoke(self, token: StoredToken) -> str:
        """Give a token back the vendor's way; a sentence that says what could not be revoked, or nothing."""
        params, name, url = oauth_params(self.descriptor), self.descriptor.display_name, self.config.revoke_url
        page = f": {params.manage_url}" if params.manage_url else ""
        by_hand = f"; remove the application in your account there{page}."
        if params.revoke == "none" or not url:
            return f"{name} has no way to revoke a token from here{by_hand}"
        issued, known = {token.issued_host, token.token_host} - {""}, vendor_hosts(self.descriptor)
        if host_of(url) not in issued and not (host_of(url) in known and issued & known):
            return f"The token was not sent to {host_of(url)}: that is no host of {name}{by_hand}"
        outcome = self._send(self._revocation(token), token.access, token.refresh)
        if isinstance(outcome, PierreError):
            return f"{name} did not confirm that the token is revoked ({outcome.what}){by_hand}"
        return ""

    def _grant(self, grant: str, url: str, fields: Mapping[str, Secret | None]) -> TokenResponse | PierreError:
        """The answer or the error, so that no traceback leads through frames that hold what was sent."""
        params = oauth_params(self.descriptor)
        named = {name: secret.reveal() for name, secret in fields.items() if secret}
        named |= dict(params.additional_token_params)
        request = self._signed_form(params.client_auth, url, prepare_token_request(grant, **named))
        response = self._send(request, *fields.values())
        if isinstance(response, PierreError):
            return response
        try:
            body = json_object(response)
            if params.read_token is not None:
                body = params.read_token(body)
            if isinstance(code := body.get("error"), str):
                return refused(self.descriptor.name, request.place, code, body.get("error_description"))
        except (ValueError, TypeError, KeyError, AttributeError):  # a body `read_token` cannot read
            return no_token(self.descriptor)
        return TokenResponse(body, response.headers.get("date", ""))

    def _signed_form(self, method: str, url: str, body: str) -> Request:
        """A POST with the application's id and secret where the vendor wants them."""
        secret = self.config.client_secret.reveal() if self.config.client_secret else None
        auth = ClientAuth(self.config.client_id, secret, _METHODS[method])
        url, headers, body = auth.prepare("POST", url, {}, body)
        return Request(url, method="POST", headers=headers, form=dict(parse_qsl(body, keep_blank_values=True)))

    def _revocation(self, token: StoredToken) -> Request:
        params = oauth_params(self.descriptor)
        url = self.config.revoke_url.replace("{account}", quote(token.account, safe=""))
        if params.revoke in ("form", "basic"):
            # Most vendors drop the whole grant with the refresh token, only the access token with the access token.
            field = {params.revoke_param: (token.refresh or token.access).reveal()}
            method = "basic" if params.revoke == "basic" else "body" if self.config.client_secret else "none"
            return self._signed_form(method, url, urlencode(field))
        if params.revoke == "query":
            return Request(url, method="POST", params={params.revoke_param: token.access.reveal()})
        method = {"bearer": "POST", "delete": "DELETE", "get": "GET"}[params.revoke]
        query = {"client_id": self.config.client_id} if method == "GET" else {}
        return Request(url, method=method, headers={"Authorization": f"Bearer {token.access.reveal()}"}, params=query)

    def _send(self, request: Request, *secrets: Secret | None) -> Response | PierreError:
        """Send a request once, never again: its successful answer, or the error with no secret in it."""
        config = ResilienceConfig(max_retries=0, timeout_s=self.timeout_s, max_body_bytes=_LARGEST)
        known = [secret.reveal() for secret in (*secrets, self.config.client_secret) if secret]
        provider, read_error = self.descriptor.name, oauth_params(self.descriptor).read_error
        try:
            with HttpClient(
                config,
                base_url=request.path,
                provider=provider,
                faults=lambda response: refusal(response, provider, request.place, read_error),
                cancel=self.cancel,
                offline=self.offline,
            ) as client:
                return client.send(request, retry=False)
        except PierreError as error:
            return scrub(error, known).with_traceback(None)


def refusal(
    response: Response,
    provider: str,
    place: str,
    read_error: Callable[[Mapping[str, Any]], str] | None = None,
) -> TokenRefused | None:
    """The vendor's no, in any spelling; None for a yes, for 429 and for a fault of its servers.

    Examples
    --------
    >>> from pierre_data.spi import Headers
    >>> body = b'{"error":"invalid_grant","error_description":"expired"}'
    >>> refusal(Response(400, Headers(), body), "acme", "acme.example/token").code
    'invalid_grant'
    """
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
    """The error for a token endpoint's no."""
    text = excerpt(" ".join(part for part in (code, description) if isinstance(part, str)))
    fix = f'Connect again: client.connect("{provider}").'
    if code in ("invalid_client", "unauthorized_client"):
        fix = "Check the client id and secret of your application: they must be copied whole and belong together."
    return TokenRefused(f"{place} refused: {text}.", fix, provider=provider, code=code)


def json_object(response: Response) -> Mapping[str, Any]:
    """The JSON object in an answer; empty when there is none."""
    try:
        body = json.loads(response.body.removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
