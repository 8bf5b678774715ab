"""A refresh that fails: sent once, nothing lost, and said what is over and what is not."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from pierre_data.auth import MemoryTokens
from pierre_data.auth.identities import TokenSource
from pierre_data.errors import (
    ApiError,
    AuthenticationFailed,
    NetworkError,
    PierreError,
    StorageError,
    TokenRefreshFailed,
)
from tests.oauth_kit import ME, Watched, at_once, connected, link, provider, token_for
from tests.oauth_server import OAuthServer, Rules


def test_everybody_who_waited_shares_one_failure_and_the_token_is_kept() -> None:
    with OAuthServer() as server:
        server.rules.delay_s, server.rules.fail_with = 0.2, 503
        store = MemoryTokens()
        source = connected(server, store)
        before = store.load(ME)
        assert at_once([source] * 8) == ["ApiError"] * 8
        assert len(server.log) == 1  # sent once, not retried, not repeated by those who waited
        assert store.load(ME) == before
        server.rules.fail_with = 0
        assert server.valid(source().reveal())


def test_a_token_that_still_lasts_survives_a_failing_refresh(caplog: pytest.LogCaptureFixture) -> None:
    with OAuthServer(Rules(fail_with=500)) as server:
        source = connected(server, MemoryTokens(), age_s=3600 - 100)
        assert server.valid(source().reveal())
        assert "refresh failed" in caplog.text


def test_a_slow_token_endpoint_ends_at_the_deadline() -> None:
    with OAuthServer(Rules(delay_s=2.0)) as server:
        store = MemoryTokens()
        store.save(ME, token_for(server))
        source = TokenSource(link(*provider(server.url), store, timeout_s=0.2))
        with pytest.raises(NetworkError, match="No complete answer"):
            source()


def test_a_withdrawn_consent_is_final_and_asked_once() -> None:
    with OAuthServer() as server:
        store = MemoryTokens()
        source = connected(server, store)
        server.families[0].revoked = True
        for _ in range(3):
            with pytest.raises(TokenRefreshFailed, match="Connect again"):
                source()
        assert len(server.log) == 1
        assert store.load(ME) is not None


def test_invalid_grant_looks_at_the_store_before_it_gives_up() -> None:
    """Another computer without our lock won: its token is in the store by the time we are refused."""
    with OAuthServer() as server:
        store = MemoryTokens()
        source = connected(server, store)
        server.families[0].revoked = True
        winner = token_for(server, age_s=10)
        server.rules.delay_s = 0.3
        timer = threading.Timer(0.1, store.save, (ME, winner))
        timer.start()
        assert source() == winner.access
        timer.join()


def test_a_wrong_secret_is_our_fault_and_not_the_end() -> None:
    with OAuthServer() as server:
        store = MemoryTokens()
        store.save(ME, token_for(server))
        bad = TokenSource(link(*provider(server.url, client_secret="wrong-secret"), store))
        with pytest.raises(AuthenticationFailed, match="client id and secret") as caught:
            bad()
        assert not isinstance(caught.value, TokenRefreshFailed)
        assert "wrong-secret" not in str(caught.value)
        assert server.valid(TokenSource(link(*provider(server.url), store))().reveal())


def test_a_store_that_cannot_be_written_costs_no_refresh_token() -> None:
    with OAuthServer() as server:
        store = Watched()
        source = connected(server, store)
        store.broken_from = 1
        with pytest.raises(StorageError):
            source()
        assert server.log == []


def test_a_disk_that_fills_up_during_the_refresh_loses_nothing() -> None:
    with OAuthServer() as server:
        store = Watched()
        source = connected(server, store)
        store.broken_from = 2  # the rehearsal works, the new token does not
        with pytest.raises(StorageError):
            source()
        store.broken_from = 10**9
        assert server.valid(source().reveal())
        assert (server.counts["refresh"], server.counts["reuse"]) == (1, 0)


def test_what_could_not_be_saved_is_not_saved_over_a_newer_consent() -> None:
    with OAuthServer() as server:
        store = Watched()
        source = connected(server, store)
        store.broken_from = 2
        with pytest.raises(StorageError):
            source()
        store.broken_from = 10**9
        newer = token_for(server, age_s=10)
        store.save(ME, newer)  # the person connected again elsewhere
        assert source() == newer.access
        assert store.load(ME) == newer
        assert server.counts["refresh"] == 1


def test_an_early_refresh_that_failed_is_paid_for_once() -> None:
    with OAuthServer(Rules(fail_with=503)) as server:
        source = connected(server, MemoryTokens(), age_s=3600 - 100)
        assert server.valid(source().reveal())
        assert source() == source()
        assert len(server.log) == 1


def test_while_the_old_token_lasts_nobody_waits_for_a_refresh() -> None:
    with OAuthServer() as server:
        store, held, end = MemoryTokens(), threading.Event(), threading.Event()
        source = connected(server, store, age_s=3600 - 100)

        def hold() -> None:
            with store.lock(ME):
                held.set()
                end.wait(60)

        holder = threading.Thread(target=hold)
        holder.start()
        held.wait(60)
        old = store.load(ME)
        assert old is not None
        assert source() == old.access
        assert server.log == []
        end.set()
        holder.join()
        assert source() != old.access


@pytest.mark.parametrize(
    "body", [{}, {"access_token": ""}, {"access_token": 5.5}, {"access_token": None, "expires_in": "x"}]
)
def test_an_answer_without_token_or_expiry_is_no_success(body: dict[str, Any]) -> None:
    with OAuthServer(Rules(refresh_answer=lambda _: body)) as server:
        store = MemoryTokens()
        source = connected(server, store)
        before = store.load(ME)
        with pytest.raises(PierreError, match="without a token"):
            source()
        assert store.load(ME) == before


def test_offline_opens_no_socket() -> None:
    with OAuthServer() as server:
        store = MemoryTokens()
        store.save(ME, token_for(server))
        with pytest.raises(NetworkError, match="offline"):
            TokenSource(link(*provider(server.url), store, offline=True))()
        assert server.log == []


def test_errors_of_the_endpoint_keep_their_kind() -> None:
    with OAuthServer(Rules(fail_with=503)) as server, pytest.raises(ApiError) as caught:
        connected(server, MemoryTokens())()
    assert caught.value.retryable
