"""The authorisation-code flow: a question to the athlete, and the token his answer buys."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from pierre_data.auth.granted import new_token
from pierre_data.auth.session import authorization_url, check_application, code_grant, oauth_params
from pierre_data.auth.tokens import Clock, StoredToken, utc_now
from pierre_data.auth.wire import Wire
from pierre_data.errors import AuthenticationFailed, ConfigurationError
from pierre_data.http import excerpt
from pierre_data.secret import Secret
from pierre_data.settings import variable, words
from pierre_data.spi import ProviderConfig, ProviderDescriptor, check_url

_DENIED = {
    "access_denied": "the consent was declined",
    "temporarily_unavailable": "the provider is unavailable for the moment",
    "invalid_scope": "the provider does not know a scope that was asked for",
}
#: Most parameters and longest address a redirect may have.
_MOST, _LONGEST = 50, 8_192


@dataclass(frozen=True, slots=True)
class Consent:
    """A question that waits for its answer; used once.

    Parameters
    ----------
    provider : str
        Registry name.
    url : str
        Where people consent; for their eyes, so not in the repr (the state is in it).
    state : Secret
        Comes back with the answer and ties it to this question.
    verifier : Secret, optional
        The PKCE proof, where the vendor knows PKCE.
    redirect_uri : str
        Where the answer goes.
    """

    provider: str
    url: str = field(repr=False)
    state: Secret
    verifier: Secret | None
    redirect_uri: str


def begin(descriptor: ProviderDescriptor, config: ProviderConfig, redirect_uri: str) -> Consent:
    """Make the question.

    Parameters
    ----------
    descriptor, config
        The provider, its addresses and your application.
    redirect_uri : str
        Exactly as registered, the port filled in.

    Raises
    ------
    ConfigurationError
        The client id or secret is missing (the message names the variables and where to register), an address is
        neither https nor loopback, or the provider knows no OAuth.

    Examples
    --------
    >>> from pierre_data.spi import OAuthEndpoints, OAuthParams
    >>> urls = OAuthEndpoints("https://acme.example/consent", "https://acme.example/token")
    >>> acme = ProviderDescriptor(name="acme", display_name="Acme", oauth_endpoints=urls,
    ...                           oauth_params=OAuthParams(use_pkce=True))
    >>> config = ProviderConfig("acme", auth_url=urls.auth_url, token_url=urls.token_url, client_id="7",
    ...                         client_secret=Secret("s"), scopes=("read",))
    >>> consent = begin(acme, config, "http://127.0.0.1:8123/callback")
    >>> consent
    Consent(provider='acme', state=Secret(***), verifier=Secret(***), redirect_uri='http://127.0.0.1:8123/callback')
    >>> sorted(name for name, _ in parse_qsl(urlsplit(consent.url).query))
    ['client_id', 'code_challenge', 'code_challenge_method', 'redirect_uri', 'response_type', 'scope', 'state']
    """
    if not (config.auth_url and config.token_url):
        raise ConfigurationError(
            f"{descriptor.display_name} is not connected by consent.",
            "It needs keys or nothing; see pierre-data providers.",
            provider=descriptor.name,
        )
    check_application(descriptor, config)
    for name in ("auth_url", "token_url", "revoke_url", "redirect_uri"):
        check_url(redirect_uri if name == "redirect_uri" else getattr(config, name), variable(descriptor.name, name))
    state = Secret(secrets.token_urlsafe(32))
    verifier = Secret(secrets.token_urlsafe(64)) if oauth_params(descriptor).use_pkce else None
    url = authorization_url(descriptor, config, redirect_uri=redirect_uri, state=state, verifier=verifier)
    return Consent(descriptor.name, url, state, verifier, redirect_uri)


def finish(
    descriptor: ProviderDescriptor,
    config: ProviderConfig,
    consent: Consent,
    redirected: Secret | str,
    *,
    wire: Wire | None = None,
    now: Clock = utc_now,
) -> StoredToken:
    """Read the answer and buy the token.

    Parameters
    ----------
    descriptor, config
        As for `begin`.
    consent : Consent
        The question.
    redirected : Secret or str
        The whole address the browser was sent to.
    wire : Wire, optional
        How the token endpoint is reached.
    now : callable
        Our own clock.

    Returns
    -------
    StoredToken
        Not yet stored; scopes as granted, not as asked.

    Raises
    ------
    AuthenticationFailed
        Consent was declined, the answer belongs to another question, or the code is expired or used
        (`TokenRefused`).
    PierreError
        The network, as `Wire.send`.
    """
    redirected = redirected if isinstance(redirected, Secret) else Secret(redirected)
    code, scopes = read_answer(consent, redirected)
    began = now()
    answer = code_grant(
        descriptor,
        config,
        wire or Wire(descriptor.name),
        code=code,
        verifier=consent.verifier,
        redirect_uri=consent.redirect_uri,
    )
    return new_token(descriptor, config, answer, began, said=scopes)


def read_answer(consent: Consent, redirected: Secret) -> tuple[Secret, tuple[str, ...]]:
    """Return the code and the scopes named in a redirect.

    Raises
    ------
    AuthenticationFailed
        An error, another state, a repeated parameter, or no code; in that order.
    """
    outcome = _answer(consent, redirected)
    if isinstance(outcome, AuthenticationFailed):
        raise outcome
    return outcome


def parameters(address: str) -> dict[str, str] | None:
    """Return a redirect's parameters, None when one is repeated or there are too many; its fragment is dropped.

    Examples
    --------
    >>> parameters("http://127.0.0.1/callback?code=a&state=b#access_token=c")
    {'code': 'a', 'state': 'b'}
    >>> parameters("http://127.0.0.1/callback?code=a&code=b") is None
    True
    """
    try:
        query = urlsplit(address[:_LONGEST].strip()).query
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST)
    except ValueError:
        return None
    found = dict(pairs)
    return found if len(found) == len(pairs) else None


def same_state(consent_state: Secret, found: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(consent_state.reveal().encode(), found.encode("utf-8", "surrogatepass"))


def _answer(consent: Consent, redirected: Secret) -> tuple[Secret, tuple[str, ...]] | AuthenticationFailed:
    found = parameters(redirected.reveal())
    if found is None:
        return _failed(consent, "The address names something twice, or is no address.")
    if error := found.get("error"):
        said = _DENIED.get(error, f"the provider answered {excerpt(error, limit=60)!r}")
        detail = excerpt(found.get("error_description", ""))
        return _failed(consent, f"Not connected: {said}{f' ({detail})' if detail and error not in _DENIED else ''}.")
    if not same_state(consent.state, found.get("state", "")):
        return _failed(consent, "The address answers another question than the one just asked.")
    if not found.get("code"):
        return _failed(consent, "The address holds no code.")
    return Secret(found["code"]), words(found.get("scope", ""))


def _failed(consent: Consent, what: str) -> AuthenticationFailed:
    fix = "Connect again, consent, and use the whole address the browser ends at."
    return AuthenticationFailed(what, fix, provider=consent.provider)
