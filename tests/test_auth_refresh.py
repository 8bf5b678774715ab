"""Staying connected: early, once, on disk before use, never blindly again."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pierre_data.auth import FixedToken, MemoryTokens, identity, new_key
from pierre_data.auth.identities import TokenSource
from pierre_data.auth.tokens import utc_now
from pierre_data.errors import (
    AuthenticationFailed,
    ConfigurationError,
    NotConnected,
    TokenRefreshFailed,
)
from pierre_data.secret import Secret
from pierre_data.spi import ProviderDescriptor
from tests.oauth_kit import ME, Unlocked, Watched, at_once, connected, files, link, provider, token_for
from tests.oauth_server import OAuthServer, Rules


def test_a_fresh_token_is_used_as_it_is() -> None:
    with OAuthServer() as server:
        source = connected(server, MemoryTokens(), age_s=60)
        assert server.valid(source().reveal())
        assert server.counts["refresh"] == 0


def test_five_minutes_before_its_end_it_is_refreshed() -> None:
    with OAuthServer() as server:
        store = Watched()
        source = connected(server, store, age_s=3600 - 299)
        old = store.saves[0]
        new = source().reveal()
        assert new != old
        assert source().reveal() == new
        assert server.counts["refresh"] == 1
        assert store.saves == [old, old, new]  # saved before it is used, and rehearsed before it is asked for


def test_a_short_life_is_not_refreshed_at_every_call() -> None:
    with OAuthServer(Rules(expires_in=120)) as server:
        source = connected(server, MemoryTokens())
        assert source() == source()
        assert server.counts["refresh"] == 1


def test_eight_threads_one_refresh() -> None:
    with OAuthServer() as server:
        server.rules.delay_s = 0.1
        found = at_once([connected(server, MemoryTokens())] * 8)
        assert len(set(found)) == 1
        assert (server.counts["refresh"], server.counts["reuse"]) == (1, 0)


def test_without_our_lock_this_server_revokes_the_family() -> None:
    with OAuthServer() as server:
        server.rules.delay_s = 0.1
        source = connected(server, Unlocked())
        at_once([source] * 8)
        assert server.counts["reuse"] > 0
        assert server.families[0].revoked


def test_clients_of_one_process_with_their_own_stores(tmp_path: Path) -> None:
    key = new_key()
    with OAuthServer() as server:
        server.rules.delay_s = 0.1
        files(tmp_path / "t", key).save(ME, token_for(server))
        sources = [TokenSource(link(*provider(server.url), files(tmp_path / "t", key))) for _ in range(4)]
        assert len(set(at_once(sources))) == 1
        assert (server.counts["refresh"], server.counts["reuse"]) == (1, 0)


def test_a_401_refreshes_once_for_all_threads() -> None:
    with OAuthServer() as server:
        source = connected(server, MemoryTokens(), age_s=1000)
        refused = source()
        server.families[0].access.clear()
        new = source.refreshed_after(refused)
        assert server.valid(new.reveal())
        assert source.refreshed_after(refused) == new
        assert server.counts["refresh"] == 1
        with pytest.raises(AuthenticationFailed, match="just issued"):
            source.refreshed_after(new)  # a missing scope: more refreshes would not help
        assert server.counts["refresh"] == 1


def test_a_401_after_which_the_same_token_comes_back() -> None:
    """Strava hands out the same token again while it has more than an hour to live."""
    with OAuthServer(Rules(refresh_answer=lambda _: {"expires_in": 3600})) as server:
        source = connected(server, MemoryTokens(), age_s=1000)
        with pytest.raises(AuthenticationFailed, match="just issued"):
            source.refreshed_after(source())


@pytest.mark.parametrize("skew_s", [-600, 600])
def test_a_clock_off_by_ten_minutes_does_no_harm(skew_s: float) -> None:
    def now() -> dt.datetime:
        return utc_now() + dt.timedelta(seconds=skew_s)

    def absolute(body: dict[str, Any]) -> dict[str, Any]:
        body["expires_at"] = int(utc_now().timestamp() + body.pop("expires_in"))
        return body

    with OAuthServer(Rules(dialect=absolute)) as server:
        store = MemoryTokens()
        store.save(ME, token_for(server, age_s=86_400))
        source = TokenSource(link(*provider(server.url), store, now=now))
        source()
        token = store.load(ME)
        assert token is not None
        assert token.expires_at is not None
        life = token.expires_at - token.obtained_at
        assert abs(life.total_seconds() - 3600) < 5  # by our own clock, whatever it says
        assert source() == token.access
        assert server.counts["refresh"] == 1


def test_a_refresh_that_returns_no_token_extends_the_old_one() -> None:
    def read(body: Any) -> dict[str, Any]:
        good = body.get("result") == "0000"
        return {"expires_in": 2_592_000} if good else {"error": f"result {body.get('result')}"}

    with OAuthServer(Rules(refresh_answer=lambda _: {"result": "0000", "message": "OK"})) as server:
        store = MemoryTokens()
        source = connected(server, store, read_token=read, refresh_path="/token-refresh")
        old = store.load(ME)
        assert old is not None
        assert source() == old.access
        new = store.load(ME)
        assert new is not None
        assert new.refresh == old.refresh
        assert new.expires_at is not None
        assert new.expires_at - utc_now() > dt.timedelta(days=29)
        assert server.log[0][1] == "/token-refresh"


def test_scopes_are_repeated_only_where_the_vendor_wants_them() -> None:
    with OAuthServer() as server:
        connected(server, MemoryTokens(), refresh_sends_scope=True)()
        connected(server, MemoryTokens())()
        assert [form.get("scope") for _, _, form, _ in server.log] == ["read", None]


def test_a_token_goes_to_no_other_host() -> None:
    with OAuthServer() as server, OAuthServer() as other:
        store = MemoryTokens()
        store.save(ME, token_for(server))
        descriptor, config = provider(server.url)
        for moved, name in (
            (replace(config, api_base_url=f"{other.url}/api"), "API_BASE_URL"),
            (replace(config, token_url=f"{other.url}/token"), "TOKEN_URL"),
        ):
            with pytest.raises(ConfigurationError, match=f"PIERRE_ACME_{name}"):
                TokenSource(link(descriptor, moved, store))()
        assert other.log == []
        assert server.log == []
        named = provider(server.url, token_hosts=(other.url.removeprefix("http://"),))[0]
        moved = replace(config, api_base_url=f"{other.url}/api")
        assert server.valid(TokenSource(link(named, moved, store))().reveal())


def test_not_connected_and_disconnected_meanwhile() -> None:
    with OAuthServer() as server:
        store = MemoryTokens()
        source = connected(server, store, age_s=10)
        store.delete(ME)
        with pytest.raises(NotConnected, match=r"client\.connect"):
            source()


def test_no_refresh_token_lasts_to_its_end() -> None:
    with OAuthServer() as server:
        store = MemoryTokens()
        store.save(ME, replace(token_for(server, age_s=3500), refresh=None))
        source = TokenSource(link(*provider(server.url), store))
        assert server.valid(source().reveal())
        store.save(ME, replace(token_for(server), refresh=None))
        with pytest.raises(TokenRefreshFailed, match="no refresh token"):
            source()
        store.save(ME, replace(token_for(server), expires_at=None, refresh=None))
        assert server.valid(source().reveal())


def test_who_asks() -> None:
    with OAuthServer() as server:
        descriptor, config = provider(server.url)
        store = MemoryTokens()
        with pytest.raises(NotConnected, match="PIERRE_ACME_ACCESS_TOKEN"):
            identity(descriptor, config, store, ME)
        given = replace(config, access_token=Secret("from-outside"))
        found = identity(descriptor, given, store, ME)
        assert isinstance(found, FixedToken)
        assert found().reveal() == "from-outside"
        with pytest.raises(AuthenticationFailed, match="PIERRE_ACME_ACCESS_TOKEN"):
            found.refreshed_after(found())
        store.save(ME, token_for(server))
        assert isinstance(identity(descriptor, given, store, ME), TokenSource)  # stored first
    plain = ProviderDescriptor(name="synthetic", display_name="Synthetic")
    assert identity(plain, replace(config, name="synthetic"), store, ME) is None
    terra = ProviderDescriptor(
        name="terra", display_name="Terra", key_headers={"dev-id": "DEV_ID", "x-api-key": "API_KEY"}
    )
    with pytest.raises(ConfigurationError, match="PIERRE_TERRA_DEV_ID and PIERRE_TERRA_API_KEY"):
        identity(terra, replace(config, name="terra"), store, ME)
    keys = {"dev-id": Secret("d"), "x-api-key": Secret("k")}
    assert identity(terra, replace(config, name="terra", keys=keys), store, ME) is None
