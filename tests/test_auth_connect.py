"""Connect, disconnect, carry elsewhere, and the doctor."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import re
import socket
import threading
import urllib.request
import webbrowser
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pierre_data.auth import (
    Account,
    Dialogue,
    MemoryTokens,
    Place,
    StoredToken,
    connect,
    connect_async,
    diagnose,
    disconnect,
    export_token,
    import_token,
    new_key,
    new_passphrase,
    place,
    report,
    shareable,
)
from pierre_data.auth.doctor import clock_offset_s
from pierre_data.auth.tokens import utc_now
from pierre_data.errors import AuthenticationFailed, Cancelled, ConfigurationError, Timeout
from pierre_data.secret import Secret
from pierre_data.settings import Settings
from pierre_data.spi import ProviderConfig, ProviderDescriptor
from tests.oauth_kit import ME, files, provider, token_for
from tests.oauth_server import OAuthServer, Rules

HERE, HUB = Place("local", "this computer"), Place("jupyterhub", "a JupyterHub server")


def browser(server: OAuthServer, **how: Any) -> Callable[[str], None]:
    """A browser whose athlete consents at once."""

    def visit(url: str) -> None:
        back = server.consent(url, **how)
        threading.Thread(target=lambda: urllib.request.urlopen(back, timeout=10).read()).start()

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


def test_async_leaves_the_kernel_free_and_can_be_cancelled() -> None:
    async def cell(server: OAuthServer) -> tuple[str, int]:
        descriptor, config = provider(server.url)
        ticks = 0
        opened = asyncio.Event()
        loop = asyncio.get_running_loop()

        def later(url: str) -> None:
            loop.call_soon_threadsafe(opened.set)

        screen = Screen()
        waiting = asyncio.create_task(
            connect_async(descriptor, config, MemoryTokens(), ME, Dialogue(screen, later), here=HERE)
        )
        await opened.wait()
        for _ in range(5):  # other cells run meanwhile
            await asyncio.sleep(0)
            ticks += not waiting.done()
        browser(server)(screen.url)
        how = (await waiting).how
        stopped = asyncio.create_task(
            connect_async(descriptor, config, MemoryTokens(), ME, Dialogue(screen, None), here=HERE)
        )
        await asyncio.sleep(0.05)
        stopped.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stopped
        return how, ticks

    with OAuthServer() as server:
        assert asyncio.run(cell(server)) == ("consent", 5)
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("asyncio")] == []


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


def test_carry_a_token_to_another_computer(tmp_path: Path) -> None:
    with OAuthServer() as server:
        token, phrase = token_for(server), new_passphrase()
    text = export_token(ME, token, phrase)
    assert token.access.reveal() not in text
    account, found = import_token(f"  {text[:50]}\n{text[50:]}\n", phrase)
    assert (account, found) == (ME, token)
    changed = text[:-3] + ("AAA" if text[-3:] != "AAA" else "BBB")
    for wrong, with_phrase in (
        (text, Secret("another phrase")),
        (changed, phrase),
        (text.replace(":15:", ":14:"), phrase),
    ):
        with pytest.raises(ConfigurationError, match="hold no token"):
            import_token(wrong, with_phrase)
    for junk in (
        "",
        "pierre-token:1:15:",
        "pierre-token:1:99:AAAA",
        "pierre-token:1:15:AAAA",
        "pierre-token:2:15:AAAA",
    ):
        with pytest.raises(ConfigurationError, match="hold no token"):
            import_token(junk, phrase)
    with pytest.raises(ConfigurationError, match="fewer than 12"):
        export_token(ME, token, Secret("short"))


@pytest.mark.parametrize(
    ("environ", "kind"),
    [
        ({"JUPYTERHUB_SERVICE_PREFIX": "/user/ann/", "DISPLAY": ":0"}, "jupyterhub"),
        ({"COLAB_RELEASE_TAG": "release", "DISPLAY": ":0"}, "colab"),
        ({"CODESPACES": "true"}, "codespaces"),
        ({"SSH_CONNECTION": "10.0.0.1 1 10.0.0.2 22", "DISPLAY": "localhost:10.0"}, "ssh"),
        ({}, "headless"),
        ({"DISPLAY": ""}, "headless"),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "local"),
    ],
)
def test_where_the_kernel_runs(environ: dict[str, str], kind: str) -> None:
    assert place(environ, platform="linux", modules={}).kind == kind
    advice = place(environ, platform="linux", modules={}).advice("http://127.0.0.1:1/callback")
    assert "paste" in advice


def test_a_desktop_and_a_colab_module() -> None:
    assert place({}, platform="darwin", modules={}).has_browser
    assert place({}, platform="win32", modules={}).has_browser
    assert place({}, platform="linux", modules={"google.colab": object()}).kind == "colab"


def levels(settings: Settings, store: Any, *pairs: Any, **more: Any) -> dict[str, str]:
    findings = diagnose(settings, store, pairs, tenant="lab", user="ann", **more)
    return {finding.what: finding.level for finding in findings}


def test_the_doctor_finds_nothing_wrong(tmp_path: Path) -> None:
    key = new_key()
    settings = Settings.read({f"PIERRE_{n}_DIR": str(tmp_path / n) for n in ("DATA", "CONFIG", "CACHE")})
    with OAuthServer() as server:
        store = files(tmp_path / "DATA" / "tokens", key)
        store.save(ME, token_for(server, age_s=10))
        found = levels(settings, store, provider(server.url), online=True)
    assert set(found.values()) == {"ok"}
    assert any("clock agrees" in what for what in found)


def test_the_doctor_names_each_trouble(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = Settings.read(
        {
            "PIERRE_DATA_DIR": str(tmp_path / "data"),
            "PIERRE_CONFIG_DIR": str(tmp_path / "file" / "x"),
            "PIERRE_CACHE_DIR": str(tmp_path),
        }
    )
    files(tmp_path / "data" / "tokens", new_key())
    tokens = tmp_path / "data" / "tokens"
    (tokens / "a.token").write_text("")
    (tokens / "a.token").chmod(0o644)
    (tokens / "b.token").symlink_to(tmp_path / "file")
    (tokens / "c.token.corrupt-1").write_text("")
    (tokens / "c.token.corrupt-1").chmod(0o600)
    with OAuthServer(Rules(clock_offset_s=600)) as server:
        descriptor, config = provider(server.url)
        store = MemoryTokens()
        future = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=10)
        store.save(ME, replace(token_for(server), obtained_at=future, expires_at=None))
        busy = replace(config, redirect_uri=f"{server.url}/callback")
        far = replace(config, name="other", client_id="")
        other = ProviderDescriptor(name="other", display_name="Other", oauth_endpoints=descriptor.oauth_endpoints)
        found = levels(settings, store, (descriptor, busy), (other, far), online=True)
    text = "\n".join(f"{level} {what}" for what, level in found.items())
    for pattern in (
        "error The config directory .* cannot be written",
        "error .*a.token can be read by other users",
        "error .*b.token is a symbolic link",
        "note 1 corrupt token file",
        "warning Tokens are kept in memory",
        "error acme: Port .* is in use",
        "warning acme: the token is from the future",
        "note other: .*PIERRE_OTHER_CLIENT_ID",
        "note other: not connected",
        "warning The clock is 10 minutes slow",
    ):
        assert re.search(pattern, text), pattern


def test_the_doctors_text_is_safe_to_share(tmp_path: Path) -> None:
    settings = Settings.read({"PIERRE_DATA_DIR": str(Path.home() / "x"), "PIERRE_CACHE_DIR": "/home/somebody/cache"})
    findings = diagnose(settings, MemoryTokens(), [provider("http://127.0.0.1:9")])
    text = report(findings, share=True)
    assert str(Path.home()) not in text
    assert "somebody" not in text
    assert "server-secret" not in text
    assert "client-7" not in text
    assert shareable(f"{os.uname().nodename} said ann@example.org") == "[host] said [mail]"


def test_a_host_that_does_not_answer_or_say_the_time() -> None:
    assert "Could not reach" in str(clock_offset_s("http://127.0.0.1:1/", provider="acme"))
    with OAuthServer(Rules(clock_offset_s=-600)) as server:
        offset = clock_offset_s(f"{server.url}/api", provider="acme", now=utc_now)
        assert isinstance(offset, float)
        assert round(offset / 60) == -10


def test_an_over_token_without_refresh_asks_again() -> None:
    with OAuthServer() as server:
        descriptor, config = provider(server.url)
        store = MemoryTokens()
        at = utc_now() - dt.timedelta(days=2)
        store.save(ME, StoredToken(Secret("old"), at, at + dt.timedelta(days=1)))
        assert connect(descriptor, config, store, ME, Dialogue(Screen(), browser(server)), here=HERE).how == "consent"
        assert store.list() == [ME]
        assert Account("acme") not in store.list()
