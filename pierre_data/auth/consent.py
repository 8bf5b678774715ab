"""A question to the athlete, how it is shown, and how its answer is read."""

from __future__ import annotations

import hmac
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from pierre_data.auth.token_response import oauth_params
from pierre_data.errors import AuthenticationFailed, ConfigurationError
from pierre_data.http import excerpt
from pierre_data.secret import Secret
from pierre_data.settings import variable, words
from pierre_data.spi import ProviderConfig, ProviderDescriptor

#: What people pasted in the meantime, or None.
Pasted = Callable[[], Secret | None]
#: Of the original system; only a name when nothing listens there.
PORT = 35535
#: Most parameters and longest address a redirect may have.
_MOST_PARAMS, _LONGEST = 50, 8_192
_DENIED = {
    "access_denied": "the consent was declined",
    "temporarily_unavailable": "the provider is unavailable for the moment",
    "invalid_scope": "the provider does not know a scope that was asked for",
}


@dataclass(frozen=True, slots=True)
class Consent:
    """A question that waits for its answer; used once."""

    provider: str
    url: str = field(repr=False)  # where people consent; for their eyes only, as the state is in it
    state: Secret  # comes back with the answer and ties it to this question
    verifier: Secret | None  # the PKCE proof, where the vendor knows PKCE
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class Dialogue:
    """How a person is spoken to while he connects."""

    on_url: Callable[[str, str], None]  # shows the consent link and what to do with it
    open_browser: Callable[[str], object] | None = webbrowser.open  # tried only on the person's own computer
    pasted: Pasted | None = None  # asked ten times a second while the receiver waits (a widget's field)
    #: Waits for the address (a terminal) where no redirect can arrive, or after the wait was in vain; empty gives up.
    ask: Callable[[], Secret | str | None] | None = None


def redirect_address(descriptor: ProviderDescriptor, config: ProviderConfig) -> str:
    """Return where the vendor sends the browser: as configured, else any port where it allows that, else an error."""
    if config.redirect_uri:
        return config.redirect_uri
    if oauth_params(descriptor).any_port:
        return "http://127.0.0.1:0/callback"
    name = variable(descriptor.name, "REDIRECT_URI")
    raise ConfigurationError(
        f"{descriptor.display_name} answers only to the address registered with it, and {name} is not set.",
        f"Register http://localhost:{PORT}/callback (or another) with your application, and set {name} to it.",
        provider=descriptor.name,
    )


def redirect_params(address: str) -> dict[str, str] | None:
    """Return a redirect's parameters, None when one is repeated or there are too many; its fragment is dropped."""
    try:
        query = urlsplit(address[:_LONGEST].strip()).query
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_PARAMS)
    except ValueError:
        return None
    params = dict(pairs)
    return params if len(params) == len(pairs) else None


def same_state(state: Secret, text: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(state.reveal().encode(), text.encode("utf-8", "surrogatepass"))


def read_redirect(consent: Consent, redirected: Secret) -> tuple[Secret, tuple[str, ...]]:
    """Return the code and the scopes named in a redirect; AuthenticationFailed for anything but our answer."""
    outcome = _redirected(consent, redirected)
    if isinstance(outcome, AuthenticationFailed):
        raise outcome
    return outcome


def _redirected(consent: Consent, redirected: Secret) -> tuple[Secret, tuple[str, ...]] | AuthenticationFailed:
    """The answer or the error, so that no traceback leads through a frame that holds the code."""
    params = redirect_params(redirected.reveal())
    if params is None:
        return _failed(consent, "The address names something twice, or is no address.")
    if error := params.get("error"):
        text = _DENIED.get(error, f"the provider answered {excerpt(error, limit=60)!r}")
        detail = excerpt(params.get("error_description", ""))
        return _failed(consent, f"Not connected: {text}{f' ({detail})' if detail and error not in _DENIED else ''}.")
    if not same_state(consent.state, params.get("state", "")):
        return _failed(consent, "The address answers another question than the one just asked.")
    if not params.get("code"):
        return _failed(consent, "The address holds no code.")
    return Secret(params["code"]), words(params.get("scope", ""))


def _failed(consent: Consent, what: str) -> AuthenticationFailed:
    fix = "Connect again, consent, and use the whole address the browser ends at."
    return AuthenticationFailed(what, fix, provider=consent.provider)
