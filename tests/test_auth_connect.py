"""Connect and disconnect an account."""

from __future__ import annotations

import datetime as dt
import socket
import threading
import urllib.request
import webbrowser
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from pierre_data.auth import Account, Dialogue, MemoryTokens, StoredToken, connect, disconnect
from pierre_data.auth.environment import Environment
from pierre_data.auth.tokens import utc_now
from pierre_data.errors import AuthenticationFailed, Cancelled, ConfigurationError, Timeout
from pierre_data.secret import Secret
from pierre_data.spi import ProviderConfig, ProviderDescriptor
from tests.oauth_kit import ME, provider, token_for
from tests.oauth_server import OAuthServer, Rules

HERE, HUB = Environment("local", "this computer"), Environment("jupyterhub", "a JupyterHub server")


def browser(server: OAuthServer, **how: Any) -> Callable[[str], None]:
    """A browser whose athlete consents at once."""

    def visit(url: str) -> None:
        back = server.consent(url, **how)
        threading.Thread(target=lambda: urllib.request.urlopen(back, timeout=60).read()).start()

    return visit


class Screen:
    """What people see: the link and the advice."""

    def __init__(self) -> None:
        self.url, self.advice = "", ""

    def __call__(self, url: str, advice: str) -> None:
        self.url, self.advice = url, advice


def test_consent_through_the_loopback_then_stored() -> None:
    with OAuthServer() as server:
        descriptor, config = provider(server.url)
        store, screen = MemoryTokens(), Screen()
        talk = Dialogue(screen, open_browser=browser(server))
        first = connect(descriptor, config, store, ME, talk, here=HERE)
        assert first.how == "consent"
        assert store.load(ME) == first.token
        assert screen.url.startswith(f"{server.url}/consent?")
        assert "paste" in screen.advice  # both ways are shown, always
        again = connect(descriptor, config, store, ME, talk, here=HERE)
        assert (again.how, again.token) == ("stored", first.token)
        assert server.counts["code"] == 1
        other = connect(descriptor, config, store, ME, talk, here=HERE, again=True)
        assert other.token != first.token


def test_no_browser_opens_on_a_hub_and_the_address_is_pasted() -> None:
    with OAuthServer() as server:
        descriptor, config = provider(server.url)
        store, screen = MemoryTokens(), Screen()
        opened: list[str] = []
        talk = Dialogue(screen, open_browser=opened.append, ask=lambda: server.consent(screen.url))
        done = connect(descriptor, config, store, ME, talk, here=HUB)
        assert done.how == "consent"
        assert opened == []
        assert "a JupyterHub server" in screen.advice
        assert "http://127.0.0.1:35535/callback" in screen.advice


def test_a_widget_may_be_given_the_address_while_the_receiver_waits() -> None:
    with OAuthServer() as server:
        descriptor, config = provider(server.url)
        screen = Screen()
        talk = Dialogue(screen, open_browser=None, pasted=lambda: Secret(server.consent(screen.url)))
        assert connect(descriptor, config, MemoryTokens(), ME, talk, here=HUB).how == "consent"
        hub = replace(config, redirect_uri="https://hub.example/callback")
        assert connect(descriptor, hub, MemoryTokens(), ME, talk, here=HUB).how == "consent"


def test_after_a_wait_in_vain_the_terminal_asks() -> None:
    with OAuthServer() as server:
        descriptor, config = provider(server.url)
        screen = Screen()
        talk = Dialogue(screen, open_browser=None, ask=lambda: server.consent(screen.url))
        assert connect(descriptor, config, MemoryTokens(), ME, talk, here=HERE, timeout_s=0.1).how == "consent"
        with pytest.raises(Cancelled):
            connect(descriptor, config, MemoryTokens(), ME, replace(talk, ask=lambda: ""), here=HUB)
        with pytest.raises(Timeout):
            connect(descriptor, config, MemoryTokens(), ME, replace(talk, ask=None), here=HERE, timeout_s=0.1)
        hub = replace(config, redirect_uri="https://hub.example/callback")
        with pytest.raises(ConfigurationError, match="cannot come back"):
            connect(descriptor, hub, MemoryTokens(), ME, replace(talk, ask=None), here=HERE, timeout_s=0.1)


def test_a_denial_stores_nothing() -> None:
    with OAuthServer() as server:
        descriptor, config = provider(server.url)
        store = MemoryTokens()
        with pytest.raises(AuthenticationFailed, match="declined"):
            connect(descriptor, config, store, ME, Dialogue(Screen(), browser(server, deny=True)), here=HERE)
        assert store.list() == []


def test_a_browser_that_cannot_be_opened_is_no_failure() -> None:
    with OAuthServer() as server:
        descriptor, config = provider(server.url)

        def none(url: str) -> None:
            browser(server)(url)
            raise webbrowser.Error("could not locate runnable browser")

        assert connect(descriptor, config, MemoryTokens(), ME, Dialogue(Screen(), none), here=HERE).how == "consent"


def test_a_registered_port_is_used_as_it_is() -> None:
    with OAuthServer() as server:
        descriptor, config = provider(server.url, any_port=False)
        with pytest.raises(ConfigurationError, match="PIERRE_ACME_REDIRECT_URI"):
            connect(descriptor, config, MemoryTokens(), ME, Dialogue(Screen(), None), here=HERE)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"http://localhost:{free.getsockname()[1]}/callback"
        fixed = replace(config, redirect_uri=address)
        done = connect(descriptor, fixed, MemoryTokens(), ME, Dialogue(Screen(), browser(server)), here=HERE)
        assert done.how == "consent"
        assert server.log[-1][2]["redirect_uri"] == address


def test_what_needs_no_consent() -> None:
    descriptor, config = provider("http://127.0.0.1:9")
    talk, store = Dialogue(Screen(), None), MemoryTokens()
    given = replace(config, access_token=Secret("outside"))
    assert connect(descriptor, given, store, ME, talk).how == "environment"
    plain = ProviderDescriptor(name="synthetic", display_name="Synthetic")
    assert connect(plain, ProviderConfig("synthetic"), store, ME, talk).how == "nothing needed"
    terra = ProviderDescriptor(name="terra", display_name="Terra", key_headers={"x-api-key": "API_KEY"})
    assert connect(terra, ProviderConfig("terra", keys={"x-api-key": Secret("k")}), store, ME, talk).how == "keys"
    with pytest.raises(ConfigurationError, match="PIERRE_TERRA_API_KEY"):
        connect(terra, ProviderConfig("terra"), store, ME, talk)


def test_a_cancelled_connect_ends_at_once() -> None:
    with OAuthServer() as server:
        descriptor, config = provider(server.url)
        stop = threading.Event()
        prompt = Dialogue(lambda url, advice: stop.set(), None)
        with pytest.raises(Cancelled):
            connect(descriptor, config, MemoryTokens(), ME, prompt, here=HERE, cancel=stop)


def test_disconnect_revokes_and_forgets() -> None:
    with OAuthServer() as server:
        descriptor, config = provider(server.url, revoke="basic")
        store = MemoryTokens()
        store.save(ME, token_for(server))
        done = disconnect(descriptor, replace(config, access_token=Secret("outside")), store, ME)
        assert done.forgotten
        assert done.left == ("PIERRE_ACME_ACCESS_TOKEN is still set: unset it.",)
        assert server.families[0].revoked
        assert store.load(ME) is None
        assert not disconnect(descriptor, config, store, ME).forgotten


def test_disconnect_forgets_even_if_the_vendor_fails() -> None:
    with OAuthServer(Rules(revoke_status=500)) as server:
        descriptor, config = provider(server.url, revoke="form")
        store = MemoryTokens()
        store.save(ME, token_for(server))
        done = disconnect(descriptor, config, store, ME)
        assert done.forgotten
        assert "did not confirm" in done.left[0]
        assert store.load(ME) is None


def test_an_over_token_without_refresh_asks_again() -> None:
    with OAuthServer() as server:
        descriptor, config = provider(server.url)
        store = MemoryTokens()
        at = utc_now() - dt.timedelta(days=2)
        store.save(ME, StoredToken(Secret("old"), at, at + dt.timedelta(days=1)))
        assert connect(descriptor, config, store, ME, Dialogue(Screen(), browser(server)), here=HERE).how == "consent"
        assert store.list() == [ME]
        assert Account("acme") not in store.list()
