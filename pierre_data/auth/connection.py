"""A connection of an account to a provider: authorize, exchange, refresh, revoke.

OAuth 2 as authlib writes it, in requests of ours, each sent once; the only file that imports authlib.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from pierre_data.auth.consent import Consent, read_redirect
from pierre_data.auth.token_response import (
    host_of,
    json_object,
    no_token,
    oauth_params,
    read_token,
    refusal,
    refused,
    vendor_hosts,
)
from pierre_data.auth.tokens import Account, Clock, StoredToken, TokenStore, utc_now
from pierre_data.errors import ConfigurationError, PierreError
from pierre_data.http import HttpClient, ResilienceConfig
from pierre_data.http.redaction import scrub
from pierre_data.secret import Secret
from pierre_data.settings import variable
from pierre_data.spi import ProviderConfig, ProviderDescriptor, Request, Response, check_url

_LARGEST = 1_000_000
_METHODS = {"body": "client_secret_post", "basic": "client_secret_basic", "none": "none"}


def check_application(descriptor: ProviderDescriptor, config: ProviderConfig) -> None:
    """Refuse to go on without an application: a ConfigurationError names the variables and where to register."""
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


@dataclass(frozen=True, slots=True)
class Connection:
    """An account at a provider, and how its tokens are bought, renewed and given back.

    A request takes `timeout_s` at most; `offline` refuses it, `cancel` ends it at once.  `TokenRefused` when the vendor
    answers 400 to 499 (but 429) or an OAuth error, else the errors of `HttpClient.send`; nothing of what was sent is
    left in a traceback.
    """

    descriptor: ProviderDescriptor
    config: ProviderConfig
    store: TokenStore
    account: Account
    timeout_s: float = 30.0
    offline: bool = False
    cancel: threading.Event | None = None
    now: Clock = utc_now

    def authorize(self, redirect_uri: str) -> Consent:
        """Return the question to show, whose answer goes to `redirect_uri`, exactly as registered, the port filled in.

        ConfigurationError when the client id or secret is missing, an address is neither https nor loopback, or the
        provider knows no OAuth.
        """
        descriptor, config, params = self.descriptor, self.config, oauth_params(self.descriptor)
        if not (config.auth_url and config.token_url):
            raise ConfigurationError(
                f"{descriptor.display_name} is not connected by consent.",
                "It needs keys or nothing; see pierre-data providers.",
                provider=descriptor.name,
            )
        check_application(descriptor, config)
        for name in ("auth_url", "token_url", "revoke_url", "redirect_uri"):
            url = redirect_uri if name == "redirect_uri" else getattr(config, name)
            check_url(url, variable(descriptor.name, name))
        state, verifier, extra = Secret(secrets.token_urlsafe(32)), None, dict(params.additional_auth_params)
        if params.use_pkce:
            verifier = Secret(secrets.token_urlsafe(64))
            challenge = create_s256_code_challenge(verifier.reveal())
            extra |= {"code_challenge": challenge, "code_challenge_method": "S256"}
        url = prepare_grant_uri(
            config.auth_url,
            config.client_id,
            "code",
            redirect_uri=redirect_uri,
            scope=params.scope_separator.join(config.scopes) or None,
            state=state.reveal(),
            **extra,
        )
        return Consent(descriptor.name, str(url), state, verifier, redirect_uri)

    def exchange(self, consent: Consent, redirected: Secret | str) -> StoredToken:
        """Read the whole address the browser was sent to and buy the token, not yet stored; scopes as granted.

        AuthenticationFailed when consent was declined, the answer belongs to another question, or the code is expired
        or used (`TokenRefused`).
        """
        redirected = redirected if isinstance(redirected, Secret) else Secret(redirected)
        code, scopes = read_redirect(consent, redirected)
        hosts = host_of(self.config.api_base_url), host_of(self.config.token_url)
        blank = StoredToken(Secret(""), self.now(), None, None, scopes or self.config.scopes, "", *hosts)
        fields = {"code": code, "code_verifier": consent.verifier, "redirect_uri": Secret(consent.redirect_uri)}
        outcome = self._grant("authorization_code", self.config.token_url, fields, blank)
        if isinstance(outcome, PierreError):
            raise outcome.with_traceback(None)
        return outcome

    def refresh(self, token: StoredToken, refresh: Secret) -> StoredToken:
        """Buy the next token, sent once and not yet stored; to no other host than issued it.

        The vendor's answer may lack an access token: then the old one lives on.
        """
        params, url = oauth_params(self.descriptor), self.config.token_url
        self.check_host(token.token_host, url, "TOKEN_URL")
        check_application(self.descriptor, self.config)
        if params.refresh_path:
            parts = urlsplit(url)
            url = urlunsplit((parts.scheme, parts.netloc, params.refresh_path, "", ""))
        scope = Secret(params.scope_separator.join(token.scopes)) if params.refresh_sends_scope else None
        outcome = self._grant("refresh_token", url, {"refresh_token": refresh, "scope": scope}, token)
        if isinstance(outcome, PierreError):
            raise outcome.with_traceback(None)
        return outcome

    def revoke(self, token: StoredToken) -> str:
        """Give a token back; empty, or a sentence: what could not be revoked, why, and where to do it by hand."""
        params, name, url = oauth_params(self.descriptor), self.descriptor.display_name, self.config.revoke_url
        page = f": {params.manage_url}" if params.manage_url else ""
        by_hand = f"; remove the application in your account there{page}."
        if params.revoke == "none" or not url:
            return f"{name} has no way to revoke a token from here{by_hand}"
        if not any(self._trusts(host, url) for host in (token.issued_host, token.token_host) if host):
            return f"The token was not sent to {host_of(url)}: that is no host of {name}{by_hand}"
        outcome = self._send(self._revocation(token), token.access, token.refresh)
        if isinstance(outcome, PierreError):
            return f"{name} did not confirm that the token is revoked ({outcome.what}){by_hand}"
        return ""

    def check_host(self, issued: str, url: str, name: str) -> None:
        """Refuse to send a token where it may not go: a ConfigurationError names the variable `name` to unset."""
        if not self._trusts(issued, url):
            raise ConfigurationError(
                f"The token was issued for {issued or 'no host'} and is not sent to {host_of(url) or 'no host'}.",
                f"Unset {variable(self.account.provider, name)}, or connect again to use that host.",
                provider=self.account.provider,
            )

    def _trusts(self, issued: str, url: str) -> bool:
        """A token goes where it was issued for, or from one host to another that the vendor itself names."""
        return host_of(url) == issued or {host_of(url), issued} <= vendor_hosts(self.descriptor)

    def _grant(
        self, grant: str, url: str, fields: Mapping[str, Secret | None], old: StoredToken
    ) -> StoredToken | PierreError:
        """The token or the error, so that no traceback leads through frames that hold what was sent."""
        params, began = oauth_params(self.descriptor), self.now()
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
        return read_token(self.descriptor, body, response.headers.get("date", ""), began, old)

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
