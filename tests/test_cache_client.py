"""What a client asks a vendor for, counted: widening limits, daily refreshes, cancelled requests, Redis between."""

from __future__ import annotations

import datetime as dt
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd
import pytest
import redis

from pierre_data import Cancelled, Client, ProviderRegistry
from pierre_data.cache import CachingProvider, MemoryStore
from pierre_data.errors import StorageNotice
from pierre_data.fetch import DescriptorProvider
from pierre_data.schema import ACTIVITIES
from pierre_data.secret import Secret
from pierre_data.settings import Settings
from pierre_data.spi import Credentials, ProviderConfig, Query
from tests.benchmarks.strava_pages import activities
from tests.fault_server import FaultServer, Line, hang
from tests.nursery import Child
from tests.redis_server import redis_server
from tests.strava_server import TOKEN, Answer, StravaServer
from tests.test_client import settings

NOW = dt.datetime(2026, 11, 25, 9, tzinfo=dt.UTC)


class Blocking(StravaServer):
    """Answers every page but one, which waits until it is let go."""

    def __init__(self, items: list[dict[str, object]], page: int) -> None:
        super().__init__(items)
        self.page, self.reached, self.go = page, threading.Event(), threading.Event()

    def answer(self, target: str, authorization: str) -> Answer:
        if f"page={self.page}&" in f"{urlsplit(target).query}&":
            self.reached.set()
            self.go.wait(60)
        return super().answer(target, authorization)


def test_a_daily_refresh_of_ten_years_costs_at_most_three_requests() -> None:
    clock = [NOW.timestamp()]
    with StravaServer(activities(2500, end=NOW)) as server:
        registry = ProviderRegistry()
        inside = DescriptorProvider(registry["strava"], ProviderConfig("strava", api_base_url=server.url))
        inside.set_credentials(Credentials(access_token=Secret(TOKEN)))
        provider = CachingProvider(inside, MemoryStore(), registry["strava"], now=lambda: clock[0])
        assert len(provider.frame(Query(ACTIVITIES))) == 2500
        assert len(server.asked) >= 14
        for day in range(1, 4):  # settled years and months are good for half the week that Strava allows, at least
            clock[0] += 86_400
            fresh = {**server.items[0], "id": day, "start_date": f"{NOW + dt.timedelta(days=day, hours=-1):%FT%TZ}"}
            server.items.insert(0, fresh)
            server.asked.clear()
            assert len(provider.frame(Query(ACTIVITIES))) == 2500 + day
            assert 1 <= len(server.asked) <= 3
        inside.close()


def test_a_small_limit_costs_what_it_needs(tmp_path: Path) -> None:
    rows = activities(2500)
    ids = [str(row["id"]) for row in rows]
    with StravaServer(rows) as server, Client(["strava"], settings=settings(server, tmp_path)) as client:
        assert client.activities(limit=10)["id"].tolist() == ids[:10]
        assert len(server.asked) == 1
        assert client.report(client.activities(limit=10)).complete
        assert client.activities(limit=7, dedupe=False)["id"].tolist() == ids[:7]
        assert len(server.asked) <= 2
        client.invalidate()
        server.asked.clear()
        runs = client.activities(limit=100, sport="run")  # one in eight rows
        assert 2 <= len(server.asked) < 13
        assert runs["id"].tolist() == client.activities(sport="run")["id"].tolist()[:100]
        assert len(client.activities(limit=10_000, dedupe=False)) == 2500
        assert len(client.activities("2024-01-01", limit=5, dedupe=False)) == 5


def test_windows_of_merged_rows_add_up_wherever_they_are_cut() -> None:
    client = Client(["synthetic-watch", "synthetic-phone"], cache="memory")
    every = client.activities("2026-02-01", "2026-03-01", dedupe=False)
    whole = client.activities("2026-02-01", "2026-03-01")
    pairs = whole[whole.n_sources == 2]
    assert len(pairs) > 3
    for row in pairs.head(4).itertuples():
        near = every[(every.start_time - row.start_time).abs() < pd.Timedelta("30min")].start_time
        middle = near.min() + (near.max() - near.min()) / 2  # between the two recordings of one workout
        parts = [client.activities(middle, "2026-03-01"), client.activities("2026-02-01", middle)]
        pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole)


def test_cancelled_in_the_middle_of_a_request_keeps_what_arrived(tmp_path: Path) -> None:
    rows = activities(600, years=6.0)
    stop = threading.Event()
    with Blocking(rows, page=2) as server, Client(["strava"], settings=settings(server, tmp_path)) as client:
        stopper = threading.Thread(target=lambda: server.reached.wait(60) and stop.set())
        stopper.start()
        with pytest.raises(Cancelled):
            client.activities(cancel=stop, dedupe=False)
        stopper.join()
        assert not server.go.is_set()  # it did not wait for the answer
        server.go.set()
        server.asked.clear()
        assert len(client.activities(dedupe=False)) == 600
        [report] = client.last_report.providers
        assert 90 <= report.cached_rows < 200  # the first page, without the year it ends in
        assert all("before=" in path for path in server.asked)


def test_cancelled_before_it_began_asks_nothing(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    with StravaServer() as server, Client(["strava"], settings=settings(server, tmp_path)) as client:
        with pytest.raises(Cancelled, match="was cancelled"):
            client.activities(cancel=stop)
        assert server.asked == []


@pytest.mark.skipif(sys.platform == "win32", reason="a signal is sent to one thread")
def test_ctrl_c_ends_every_provider_that_is_asked(tmp_path: Path) -> None:
    names = ("one", "two")
    asked = threading.Barrier(3, action=lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT))

    def vendor(line: Line) -> bool:
        asked.wait(20)
        return hang(line)

    def press() -> None:
        asked.wait(20)

    with FaultServer(vendor) as server:
        environ = {"PIERRE_PROGRESS": "0", "PIERRE_DATA_DIR": str(tmp_path)}
        for name in names:
            environ |= {f"PIERRE_{name.upper()}_API_BASE_URL": server.url, f"PIERRE_{name.upper()}_ACCESS_TOKEN": TOKEN}
        registry = ProviderRegistry(Settings.read(environ))
        for name in names:
            registry.register(replace(registry["strava"], name=name))
        client = Client(names, registry=registry, cache="memory")
        user = threading.Thread(target=press)
        user.start()
        began = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            client.activities()
        assert time.monotonic() - began < 20  # of the 120 s and more of each provider's patience
        user.join()


BAR = """
import sys, time
from pierre_data.fetch import ProviderReport
from pierre_data.fetch.report import status_line
with status_line(sys.argv[1] == "1") as line:
    progress = line or (lambda report: None)
    for pages in (1, 2):
        progress(ProviderReport("strava", "activities", pages=pages, rows=200 * pages))
    print("| a second later |", file=sys.stderr, flush=True)
    time.sleep(1.05)
    progress(ProviderReport("strava", "activities", pages=3, rows=600))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal is asked for")
@pytest.mark.parametrize(("show", "terminal"), [("1", True), ("0", True), ("1", False)])
def test_a_status_line_appears_after_a_second_where_somebody_looks(show: str, terminal: bool) -> None:
    ours, theirs = os.openpty() if terminal else os.pipe()
    with os.fdopen(ours, "rb", buffering=0) as seen:
        process = Child(BAR, [show], files=(None, None, theirs))
        process.communicate(timeout=60)
        text = os.read(seen.fileno(), 10_000).decode()
        os.close(theirs)
    before, _, after = text.partition("| a second later |")
    assert (before, process.returncode) == ("", 0)
    assert ("strava: 3 pages, 600 rows" in after) == (show == "1" and terminal)
    assert show == "1" or after.strip() == ""


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with redis_server(tmp_path_factory.mktemp("redis"), password="sesame") as url:
        yield url


@pytest.mark.redis
def test_two_clients_share_a_cache_in_redis(redis_url: str, tmp_path: Path) -> None:
    with StravaServer() as server:
        first, second = (
            Client(["strava"], settings=settings(server, tmp_path / n, REDIS_URL=redis_url)) for n in ("a", "b")
        )
        whole = first.activities()
        asked = len(server.asked)
        began = time.perf_counter()
        first.activities()
        assert time.perf_counter() - began < 0.005  # remembered, though the store was empty
        pd.testing.assert_frame_equal(second.activities(), whole)
        assert second.activities("2017-01-01", "2018-01-01").start_time.dt.year.eq(2017).all()
        assert len(server.asked) == asked
        assert not list(tmp_path.rglob("*.sqlite"))
        server.items = server.items[1:]
        time.sleep(0.002)  # the deletion is later than the fetch
        assert first.invalidate(provider="strava") > 0
        assert len(second.activities()) == 49  # what one forgets, the other's memory does not know any more
        other = Client(["strava"], settings=settings(server, tmp_path / "c", REDIS_URL=redis_url), user="bob")
        assert len(other.activities()) == 49
        assert "sesame" not in repr(first) + repr(first.settings)
        for client in (first, second, other):
            client.close()


@pytest.mark.redis
def test_a_redis_that_goes_away_costs_a_fetch_and_one_notice(tmp_path: Path) -> None:
    with StravaServer() as server, redis_server(tmp_path) as url:
        client = Client(["strava"], settings=settings(server, tmp_path, REDIS_URL=url))
        whole = client.activities()
        away = Client(["strava"], settings=settings(server, tmp_path, REDIS_URL=url))
        away.athlete()
        asked = len(server.asked)
        redis.Redis.from_url(url).shutdown(nosave=True)
        with pytest.warns(StorageNotice) as caught:
            frames = [away.activities() for _ in range(2)]
        assert all(frame.equals(whole) for frame in frames)
        assert len(caught) == 1
        assert len(server.asked) > asked
        away.close()
        client.close()
