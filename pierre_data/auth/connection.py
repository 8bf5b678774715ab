"""A connection of an account to a provider: authorize, exchange, refresh, revoke."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass

from pierre_data.auth.consent import Consent, read_redirect
from pierre_data.auth.token_endpoint import TokenEndpoint
from pierre_data.auth.token_response import host_of, new_token, oauth_params, renewed_token, vendor_hosts
from pierre_data.auth.tokens import Account, Clock, StoredToken, TokenStore, utc_now
from pierre_data.errors import ConfigurationError
from pierre_data.secret import Secret
from pierre_data.settings import variable
from pierre_data.spi import ProviderConfig, ProviderDescriptor, check_url


@dataclass(frozen=True, slots=True)
class Connection:
    """An account at a provider, and how its tokens are bought, renewed and given back.

    A request to the token endpoint takes `timeout_s` at most; `offline` refuses it, `cancel` ends it at once.

    Examples
    --------
    >>> from pierre_data.auth.tokens import MemoryTokens
    >>> from pierre_data.spi import OAuthEndpoints, OAuthParams
    >>> urls = OAuthEndpoints("https://acme.example/consent", "https://acme.example/token")
    >>> acme = ProviderDescriptor(name="acme", display_name="Acme", oauth_endpoints=urls,
    ...                           oauth_params=OAuthParams(use_pkce=True))
    >>> config = ProviderConfig("acme", auth_url=urls.auth_url, token_url=urls.token_url, client_id="7",
    ...                         client_secret=Secret("s"), scopes=("read",))
    >>> Connection(acme, config, MemoryTokens(), Account("acme")).authorize("http://127.0.0.1:8123/callback")
    Consent(provider='acme', state=Secret(***), verifier=Secret(***), redirect_uri='http://127.0.0.1:8123/callback')
    """

    descriptor: ProviderDescriptor
    config: ProviderConfig
    store: TokenStore
    account: Account
    timeout_s: float = 30.0
    offline: bool = False
    cancel: threading.Event | None = None
    now: Clock = utc_now

    @property
    def endpoint(self) -> TokenEndpoint:
        """The vendor's token endpoint."""
        return TokenEndpoint(self.descriptor, self.config, self.timeout_s, self.offline, self.cancel)

    def authorize(self, redirect_uri: str) -> Consent:
        """Return the question to show, whose answer goes to `redirect_uri`, exactly as registered, the port filled in.

        ConfigurationError when the client id or secret is missing, an address is neither https nor loopback, or the
        provider knows no OAuth.
        """
        descriptor, config = self.descriptor, self.config
        if not (config.auth_url and config.token_url):
            raise ConfigurationError(
                f"{descriptor.display_name} is not connected by consent.",
                "It needs keys or nothing; see pierre-data providers.",
                provider=descriptor.name,
            )
        self.endpoint.check_application()
        for name in ("auth_url", "token_url", "revoke_url", "redirect_uri"):
            url = redirect_uri if name == "redirect_uri" else getattr(config, name)
            check_url(url, variable(descriptor.name, name))
        state = Secret(secrets.token_urlsafe(32))
        verifier = Secret(secrets.token_urlsafe(64)) if oauth_params(descriptor).use_pkce else None
        url = self.endpoint.consent_url(redirect_uri, state, verifier)
        return Consent(descriptor.name, url, state, verifier, redirect_uri)

    def exchange(self, consent: Consent, redirected: Secret | str) -> StoredToken:
        """Read the whole address the browser was sent to and buy the token, not yet stored; scopes as granted.

        AuthenticationFailed when consent was declined, the answer belongs to another question, or the code is expired
        or used (`TokenRefused`).
        """
        redirected = redirected if isinstance(redirected, Secret) else Secret(redirected)
        code, scopes = read_redirect(consent, redirected)
        began = self.now()
        response = self.endpoint.exchange(code, consent.verifier, consent.redirect_uri)
        return new_token(self.descriptor, self.config, response, began, redirect_scopes=scopes)

    def refresh(self, token: StoredToken, refresh: Secret) -> StoredToken:
        """Buy the next token, sent once and not yet stored; to no other host than issued it."""
        self.check_host(token.token_host, self.config.token_url, "TOKEN_URL")
        self.endpoint.check_application()
        began = self.now()
        response = self.endpoint.refresh(refresh, token.scopes)
        return renewed_token(self.descriptor, response, began, token)

    def revoke(self, token: StoredToken) -> str:
        """Give a token back; empty, or a sentence: what could not be revoked, why, and where to do it by hand."""
        return self.endpoint.revoke(token)

    def check_host(self, issued: str, url: str, name: str) -> None:
        """A token goes where it was issued for, or from one host to another that the vendor itself names."""
        target = host_of(url)
        if target != issued and not {target, issued} <= vendor_hosts(self.descriptor):
            raise ConfigurationError(
                f"The token was issued for {issued or 'no host'} and is not sent to {target or 'no host'}.",
                f"Unset {variable(self.account.provider, name)}, or connect again to use that host.",
                provider=self.account.provider,
            )
