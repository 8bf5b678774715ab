"""Several notebooks, a script and a job at once: one refresh, no reuse; and nothing lost when one is killed."""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import signal
import time
from pathlib import Path

import pytest

from pierre_data.auth import StoredToken, new_key
from pierre_data.auth.identities import TokenSource
from pierre_data.secret import Secret
from tests.nursery import Child
from tests.oauth_kit import ME, environment, files, link, provider, token_for
from tests.oauth_server import OAuthServer


def start(role: str, url: str, directory: Path, key: str, *rest: str) -> Child:
    words = (role, url, directory, *rest)
    return Child("tests.oauth_kit", words, module=True, env=environment(key), files=(None, None, 2))


def said(process: Child) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def finish(process: Child, text: str = "") -> str:
    out, _ = process.communicate(text, timeout=60)
    assert process.returncode == 0
    return out.strip()


def test_six_processes_of_four_threads_make_one_refresh(tmp_path: Path) -> None:
    key = new_key()
    with OAuthServer() as server:
        server.rules.delay_s = 0.2  # everybody arrives while the first one refreshes
        store = files(tmp_path / "tokens", key)
        store.save(ME, token_for(server))
        crowd = [start("ask", server.url, tmp_path / "tokens", key, "4") for _ in range(6)]
        assert [said(process) for process in crowd] == ["ready"] * 6
        for process in crowd:  # all at once, before the first one is waited for
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        found = [token for process in crowd for token in json.loads(finish(process))]
        kept = store.load(ME)
        assert kept is not None
        assert found == [kept.access.reveal()] * 24
        assert server.counts == {"code": 0, "refresh": 1, "reuse": 0, "refused": 0, "revoke": 0}
        assert server.valid(kept.access.reveal())


def test_after_a_killed_holder_the_next_goes_on_within_a_second(tmp_path: Path) -> None:
    key = new_key()
    with OAuthServer() as server:
        store = files(tmp_path / "tokens", key)
        store.save(ME, token_for(server))
        holder = start("hold", server.url, tmp_path / "tokens", key)
        assert said(holder) == "held"
        waiting = start("ask", server.url, tmp_path / "tokens", key, "1")
        assert said(waiting) == "ready"
        assert waiting.stdin is not None
        waiting.stdin.write("go\n")
        waiting.stdin.flush()
        time.sleep(0.3)
        assert server.counts["refresh"] == 0
        holder.kill()
        killed = time.monotonic()
        holder.communicate()
        assert json.loads(said(waiting))[0].startswith("access-")
        print(f"\nnext proceeded {1000 * (time.monotonic() - killed):.0f} ms after kill -9")
        finish(waiting)
        assert server.counts["refresh"] == 1
        assert server.counts["reuse"] == 0


def kill_and_read(tmp_path: Path, times: int) -> None:
    """Kill a writer at random moments; what is read is always one token, whole."""
    key, chance = new_key(), random.Random(7)
    store = files(tmp_path / "tokens", key)
    first = StoredToken(
        Secret("access-first"), dt.datetime(2026, 1, 1, tzinfo=dt.UTC), None, Secret("refresh-first" * 40)
    )
    store.save(ME, first)
    breeder = start("write", "-", tmp_path / "tokens", key)
    assert said(breeder) == "ready"
    assert breeder.stdin is not None
    for _ in range(times):
        breeder.stdin.write("one\n")
        breeder.stdin.flush()
        writer = int(said(breeder))
        time.sleep(chance.random() * 0.03)
        os.kill(writer, signal.SIGKILL)
        token = store.load(ME)
        assert token is not None
        assert token.refresh is not None
        word = token.access.reveal().removeprefix("access-")
        assert token.refresh.reveal() == f"refresh-{word}" * 40
        assert word != "first"  # it was really writing
    finish(breeder)
    assert list((tmp_path / "tokens").glob("*.corrupt-*")) == []


def test_killed_at_any_of_ten_moments_the_store_reads_old_or_new(tmp_path: Path) -> None:
    kill_and_read(tmp_path, 10)


@pytest.mark.slow
def test_killed_at_any_of_a_hundred_moments_the_store_reads_old_or_new(tmp_path: Path) -> None:
    kill_and_read(tmp_path, 100)


@pytest.mark.slow
def test_killed_while_refreshing_the_token_is_the_old_or_the_new_one(tmp_path: Path) -> None:
    """The vendor may have rotated already: then the connection is lost, but never the file."""
    key, chance = new_key(), random.Random(8)
    with OAuthServer() as server:
        store = files(tmp_path / "tokens", key)
        for _ in range(10):
            old = token_for(server)
            store.save(ME, old)
            asking = start("ask", server.url, tmp_path / "tokens", key, "2")
            assert said(asking) == "ready"
            assert asking.stdin is not None
            asking.stdin.write("go\n")
            asking.stdin.flush()
            time.sleep(chance.random() * 0.08)
            asking.kill()
            asking.communicate()
            kept = store.load(ME)
            assert kept is not None
            assert kept == old or server.valid(kept.access.reveal())
            with store.lock(ME, 1.0):
                assert store.load(ME) == kept
        assert server.counts["reuse"] == 0


def test_a_second_process_sees_what_the_first_one_refreshed(tmp_path: Path) -> None:
    key = new_key()
    with OAuthServer() as server:
        store = files(tmp_path / "tokens", key)
        store.save(ME, token_for(server))
        other = start("ask", server.url, tmp_path / "tokens", key, "1")
        assert said(other) == "ready"
        mine = TokenSource(link(*provider(server.url), store))()
        assert json.loads(finish(other, "go\n")) == [mine.reveal()]
        assert server.counts["refresh"] == 1
