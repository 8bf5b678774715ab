"""Ask a person for consent, and take the answer from whichever way it comes back."""

from __future__ import annotations

import contextlib
import threading
import time
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass

from pierre_data.auth.flow import Consent, begin
from pierre_data.auth.loopback import Pasted, Receiver, is_local
from pierre_data.auth.remote import Place
from pierre_data.auth.session import check_application, oauth_params
from pierre_data.errors import Cancelled, ConfigurationError, Timeout
from pierre_data.secret import Secret
from pierre_data.settings import variable
from pierre_data.spi import ProviderConfig, ProviderDescriptor

#: Asks a person for the address the browser ended at (a terminal, without echo); None or empty gives up.
Ask = Callable[[], Secret | str | None]

_PORT = 35535  # of the original system; only a name when nothing listens there


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
        Asks for the address and waits (a terminal): used where no redirect can arrive, and after the wait was in
        vain.
    """

    on_url: Callable[[str, str], None]
    open_browser: Callable[[str], object] | None = webbrowser.open
    pasted: Pasted | None = None
    ask: Ask | None = None


def consented(
    descriptor: ProviderDescriptor,
    config: ProviderConfig,
    dialogue: Dialogue,
    here: Place,
    *,
    timeout_s: float = 300.0,
    cancel: threading.Event | None = None,
) -> tuple[Consent, Secret]:
    """Show the link and wait for the answer.

    Parameters
    ----------
    descriptor, config, dialogue, here, timeout_s, cancel
        As for `connect`.

    Returns
    -------
    (Consent, Secret)
        The question, and the address the browser ended at.

    Raises
    ------
    ConfigurationError
        The application or redirect address is not set, or its port is busy.
    Timeout, Cancelled
        No answer came, or the person gave up.
    """
    check_application(descriptor, config)
    redirect = redirect_address(descriptor, config)
    # Where a browser opens, its redirect arrives; elsewhere a terminal asks at once instead of waiting in vain.
    listens = is_local(redirect) and (dialogue.ask is None or (here.has_browser and dialogue.open_browser is not None))
    with Receiver(redirect, provider=descriptor.name) if listens else contextlib.nullcontext() as receiver:
        consent = begin(
            descriptor, config, receiver.redirect_uri if receiver else redirect.replace(":0/", f":{_PORT}/")
        )
        dialogue.on_url(consent.url, here.advice(consent.redirect_uri))
        if here.has_browser and dialogue.open_browser is not None:
            with contextlib.suppress(webbrowser.Error, OSError):  # the link is on the screen
                dialogue.open_browser(consent.url)
        return consent, _answer(consent, receiver, dialogue, timeout_s, cancel)


def _answer(
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
        return _pasted(name, dialogue.pasted, timeout_s, cancel)
    if dialogue.ask is None:
        raise late or Timeout("Nobody consented.", "Connect again.", provider=name)
    given = dialogue.ask()
    if not given:
        raise Cancelled("No address was pasted.", "Connect again when you like.", provider=name)
    return given if isinstance(given, Secret) else Secret(given)


def _pasted(name: str, pasted: Pasted | None, timeout_s: float, cancel: threading.Event | None) -> Secret:
    if pasted is None:
        raise ConfigurationError(
            "The answer cannot come back here: the redirect address is not on this computer.",
            "Connect where an address can be pasted, such as pierre-data connect in a terminal.",
            provider=name,
        )
    end, wait = time.monotonic() + timeout_s, cancel or threading.Event()
    while time.monotonic() < end:
        if (given := pasted()) is not None:
            return given
        if wait.wait(0.1):
            raise Cancelled("Connecting was cancelled.", "Connect again when you like.", provider=name)
    raise Timeout(f"No address was pasted within {timeout_s:g} s.", "Connect again.", provider=name)


def redirect_address(descriptor: ProviderDescriptor, config: ProviderConfig) -> str:
    """Return where the vendor sends the browser: as configured, else any port where the vendor allows that.

    Raises
    ------
    ConfigurationError
        The vendor wants a registered address and none is set; names the variable.
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
