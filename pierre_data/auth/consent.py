"""A question to the athlete: how it is shown, and how its answer is taken and read, whichever way it comes back."""

from __future__ import annotations

import contextlib
import threading
import time
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass, field

from pierre_data.auth.environment import Environment
from pierre_data.auth.loopback import Pasted, Receiver, is_local, redirect_params, same_state
from pierre_data.auth.token_response import oauth_params
from pierre_data.errors import AuthenticationFailed, Cancelled, ConfigurationError, Timeout
from pierre_data.http import excerpt
from pierre_data.secret import Secret
from pierre_data.settings import variable, words
from pierre_data.spi import ProviderConfig, ProviderDescriptor

_PORT = 35535  # of the original system; only a name when nothing listens there
_DENIED = {
    "access_denied": "the consent was declined",
    "temporarily_unavailable": "the provider is unavailable for the moment",
    "invalid_scope": "the provider does not know a scope that was asked for",
}


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


@dataclass(frozen=True, slots=True)
class Dialogue:
    """How a person is spoken to while he connects.

    Parameters
    ----------
    on_url : callable
        Given the consent link and what to do with it; show both.
    open_browser : callable, optional
        Opens the link where the person sees it; tried only on his own computer.  None opens nothing.
    pasted : callable, optional
        Asked ten times a second for an address that was pasted while the receiver waits (a widget's field).
    ask : callable, optional
        Asks for the address and waits (a terminal, without echo): used where no redirect can arrive, and after the
        wait was in vain.  None or empty gives up.
    """

    on_url: Callable[[str, str], None]
    open_browser: Callable[[str], object] | None = webbrowser.open
    pasted: Pasted | None = None
    ask: Callable[[], Secret | str | None] | None = None


def ask_consent(
    authorize: Callable[[str], Consent],
    redirect: str,
    dialogue: Dialogue,
    here: Environment,
    *,
    timeout_s: float,
    cancel: threading.Event | None,
    provider: str,
) -> tuple[Consent, Secret]:
    """Show the link that `authorize` makes and wait: the question, and the address the browser ended at."""
    # Where a browser opens, its redirect arrives; elsewhere a terminal asks at once instead of waiting in vain.
    listens = is_local(redirect) and (dialogue.ask is None or (here.has_browser and dialogue.open_browser is not None))
    with Receiver(redirect, provider=provider) if listens else contextlib.nullcontext() as receiver:
        consent = authorize(receiver.redirect_uri if receiver else redirect.replace(":0/", f":{_PORT}/"))
        dialogue.on_url(consent.url, here.advice(consent.redirect_uri))
        if here.has_browser and dialogue.open_browser is not None:
            with contextlib.suppress(webbrowser.Error, OSError):  # the link is on the screen
                dialogue.open_browser(consent.url)
        return consent, _wait(consent, receiver, dialogue, timeout_s, cancel)


def _wait(
    consent: Consent,
    receiver: Receiver | None,
    dialogue: Dialogue,
    timeout_s: float,
    cancel: threading.Event | None,
) -> Secret:
    name, late = consent.provider, None
    if receiver is not None:
        try:
            return receiver.wait(consent.state, timeout_s=timeout_s, cancel=cancel, pasted=dialogue.pasted)
        except Timeout as error:
            late = error
    elif dialogue.ask is None:
        return _wait_for_paste(name, dialogue.pasted, timeout_s, cancel)
    if dialogue.ask is None:
        raise late or Timeout("Nobody consented.", "Connect again.", provider=name)
    address = dialogue.ask()
    if not address:
        raise Cancelled("No address was pasted.", "Connect again when you like.", provider=name)
    return address if isinstance(address, Secret) else Secret(address)


def _wait_for_paste(name: str, pasted: Pasted | None, timeout_s: float, cancel: threading.Event | None) -> Secret:
    if pasted is None:
        raise ConfigurationError(
            "The answer cannot come back here: the redirect address is not on this computer.",
            "Connect where an address can be pasted, such as pierre-data connect in a terminal.",
            provider=name,
        )
    end, wait = time.monotonic() + timeout_s, cancel or threading.Event()
    while time.monotonic() < end:
        if (address := pasted()) is not None:
            return address
        if wait.wait(0.1):
            raise Cancelled("Connecting was cancelled.", "Connect again when you like.", provider=name)
    raise Timeout(f"No address was pasted within {timeout_s:g} s.", "Connect again.", provider=name)


def redirect_address(descriptor: ProviderDescriptor, config: ProviderConfig) -> str:
    """Return where the vendor sends the browser: as configured, else any port where the vendor allows that.

    A vendor that wants a registered address, and none is set, is a ConfigurationError that names the variable.
    """
    if config.redirect_uri:
        return config.redirect_uri
    if oauth_params(descriptor).any_port:
        return "http://127.0.0.1:0/callback"
    name = variable(descriptor.name, "REDIRECT_URI")
    raise ConfigurationError(
        f"{descriptor.display_name} answers only to the address registered with it, and {name} is not set.",
        f"Register http://localhost:{_PORT}/callback (or another) with your application, and set {name} to it.",
        provider=descriptor.name,
    )


def read_redirect(consent: Consent, redirected: Secret) -> tuple[Secret, tuple[str, ...]]:
    """Return the code and the scopes named in a redirect.

    AuthenticationFailed for an error, another state, a repeated parameter, or no code; in that order.
    """
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
