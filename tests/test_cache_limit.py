"""A limit costs what it needs, and says from when on rows are complete; one fetch for one period however many ask."""

from __future__ import annotations

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import pytest

from pierre_data import ProviderRegistry
from pierre_data.cache import CachePolicy, CachingProvider, MemoryStore
from pierre_data.errors import Cancelled, NetworkError, ProviderBroken
from pierre_data.fetch import DescriptorProvider, FetchContext, Fetched, ProviderReport
from pierre_data.schema import ACTIVITIES
from pierre_data.secret import Secret
from pierre_data.spi import Credentials, FitnessProvider, ProviderConfig, Query
from tests.benchmarks.strava_pages import activities
from tests.cache_vendor import UTC, Clock, Vendor, described, instant, kept, monthly
from tests.strava_server import TOKEN, StravaServer


def ask(provider: CachingProvider, limit: int | None, after: str | None = None, **how: CachePolicy) -> Fetched:
    query = Query(ACTIVITIES, instant(after) if after else None, limit=limit)
    fetched = provider.fetch(query, FetchContext(ProviderReport("acme", "activities")), **how)
    assert fetched.report.error is None
    return fetched


def ids(fetched: Fetched) -> list[str]:
    frame = ACTIVITIES.from_arrow(fetched.tables).sort_values("start_time", ascending=False)
    complete = frame if fetched.complete_from is None else frame[frame.start_time >= fetched.complete_from]
    return complete["id"].tolist()


def test_the_newest_few_cost_one_page() -> None:
    vendor = Vendor(monthly(40, each=5), size=10)
    newest = sorted(vendor.items, key=lambda i: vendor.items[i][0], reverse=True)
    provider = kept(vendor, Clock())
    few = ask(provider, 7)
    assert len(vendor.asked) == 1
    assert few.complete_from is not None
    assert ids(few)[:7] == newest[:7]
    # November had passed and is kept, October had not: asked again for twice as many, only the rest is fetched.
    more = ask(provider, 20)
    assert ids(more)[:20] == newest[:20]
    assert {before for _, before in vendor.asked[1:]} == {instant("2026-11-01")}
    assert len(vendor.asked) == 3
    # Without a limit nothing is left out afterwards, and then a limit costs nothing.
    assert ids(ask(provider, None)) == newest
    asked = len(vendor.asked)
    assert ids(ask(provider, 12))[:12] == newest[:12]
    assert len(vendor.asked) == asked


def test_a_limit_that_is_not_reached_means_everything() -> None:
    vendor = Vendor(monthly(5))
    fetched = ask(kept(vendor, Clock()), 100)
    assert fetched.complete_from is None
    assert len(ids(fetched)) == 5
    bounded = ask(kept(vendor, Clock()), 2, after="2026-11-01")
    assert (ids(bounded), bounded.complete_from) == (["20261100"], None)


def test_rows_of_one_instant_are_never_torn_apart() -> None:
    vendor = Vendor({f"{n:02d}": ("2026-11-20T06:00:00", "Relay") for n in range(25)}, size=10)
    fetched = ask(kept(vendor, Clock()), 3)
    assert len(ids(fetched)) == 25


def test_what_a_limit_left_out_is_no_empty_period() -> None:
    vendor, clock = Vendor(monthly(30), size=10), Clock()
    provider = kept(vendor, clock)
    ask(provider, 3)
    assert ids(ask(provider, None, after="2025-01-01")) == [i for i in vendor.items if i >= "2025"]


def test_refresh_with_a_limit_walks_no_further_either() -> None:
    vendor = Vendor(monthly(40), size=10)
    provider = kept(vendor, Clock())
    ask(provider, None)
    vendor.asked.clear()
    ask(provider, 5, policy=CachePolicy.REFRESH)
    assert len(vendor.asked) == 1


def test_past_the_cache_a_limit_walks_no_further_and_leaves_nothing() -> None:
    vendor, store = Vendor(monthly(40), size=10), MemoryStore()
    fetched = ask(kept(vendor, Clock(), store), 5, policy=CachePolicy.BYPASS)
    assert (len(vendor.asked), ids(fetched)[:5], repr(store)) == (1, list(vendor.items)[:5], "MemoryStore(0 entries)")
    assert fetched.report.good_until == 0.0


def test_a_limited_answer_is_good_for_as_long_as_a_list() -> None:
    vendor, clock = Vendor({f"{n:02d}": (f"2026-11-{n:02d}T06:00:00", "Run") for n in range(1, 25)}, size=10), Clock()
    assert ask(kept(vendor, clock), 5).report.good_until == clock() + 900


def test_a_vendor_without_order_is_asked_for_no_more_years_than_needed() -> None:
    vendor = Vendor(monthly(60), order=lambda found: sorted(found, key=lambda i: i[::-1]))
    fetched = ask(kept(vendor, Clock(), newest_first=False), 14, after="2022-01-01")
    assert fetched.complete_from == instant("2025-01-01")
    assert {after.year for after, _ in vendor.asked if after} == {2026, 2025}
    assert len(ids(fetched)) == 23


def test_ten_of_stravas_list_are_one_request() -> None:
    now = dt.datetime(2026, 11, 25, 9, tzinfo=UTC)
    with StravaServer(activities(2500, end=now)) as server:
        descriptor = ProviderRegistry()["strava"]
        inside = DescriptorProvider(descriptor, ProviderConfig("strava", api_base_url=server.url))
        inside.set_credentials(Credentials(access_token=Secret(TOKEN)))
        provider = CachingProvider(inside, MemoryStore(), descriptor, now=now.timestamp)
        for after in (None, "2020-01-01"):
            provider.invalidate_user()
            server.asked.clear()
            assert ids(ask(provider, 10, after))[:10] == [str(item["id"]) for item in server.items[:10]]
            assert len(server.asked) == 1
        inside.close()


# -- many askers ----------------------------------------------------------------------------------------------------


def test_eight_threads_that_ask_the_same_cost_one_fetch() -> None:
    ready = threading.Barrier(8)
    vendor = Vendor(monthly(40), on_page=lambda n: threading.Event().wait(0.02))
    provider = kept(vendor, Clock())

    def asked(_: int) -> list[str]:
        ready.wait(60)
        return ids(ask(provider, None))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(asked, range(8)))
    assert answers == [list(vendor.items)] * 8
    assert len(vendor.asked) == 5


@pytest.mark.parametrize("kind", ["one object", "a feed"])
def test_one_object_and_a_feed_likewise(kind: str) -> None:
    ready = threading.Barrier(8)
    vendor = Vendor(monthly(3), on_page=lambda n: threading.Event().wait(0.02), ignores_windows=True)
    provider = kept(vendor, Clock(), window_kind="feed" if kind == "a feed" else "none")
    query = Query(ACTIVITIES) if kind == "a feed" else Query(ACTIVITIES, id="20261000")

    def asked(_: int) -> list[str]:
        ready.wait(60)
        return sorted(provider.frame(query)["id"])

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(asked, range(8)))
    assert answers == [sorted(vendor.items) if kind == "a feed" else ["20261000"]] * 8
    assert len(vendor.asked) == 2


def test_who_asks_from_inside_a_fetch_does_not_wait_for_itself() -> None:
    vendor = Vendor(monthly(12))
    provider = kept(vendor, Clock())
    inner: list[list[str]] = []
    vendor.on_page = lambda n: inner.append(ids(ask(provider, None))) if n == 1 else None
    assert ids(ask(provider, None)) == inner[0] == list(vendor.items)


def test_who_asks_for_something_else_does_not_wait_and_who_waits_can_be_cancelled() -> None:
    go, inside = threading.Event(), threading.Event()
    vendor = Vendor(monthly(40))
    provider = kept(vendor, Clock())

    def hold(number: int) -> None:
        if number == 1:
            inside.set()
            go.wait(60)

    vendor.on_page = hold
    slow = threading.Thread(target=lambda: ask(provider, None, "2026-01-01"))
    slow.start()
    assert inside.wait(60)
    other = Query(ACTIVITIES, instant("2024-01-01"), instant("2025-01-01"))
    assert provider.frame(other)["id"].tolist() == [i for i in vendor.items if i.startswith("2024")]
    stop = threading.Event()
    stop.set()
    context = FetchContext(ProviderReport("acme", "activities"), cancel=stop)
    assert isinstance(provider.fetch(Query(ACTIVITIES, instant("2026-03-01")), context).report.error, Cancelled)
    go.set()
    slow.join()


def test_who_waited_for_a_fetch_that_failed_asks_itself() -> None:
    inside = threading.Event()
    vendor = Vendor(monthly(12))
    provider = kept(vendor, Clock())

    def fail_once(number: int) -> None:
        if number == 1:
            inside.set()
            threading.Event().wait(0.1)
            raise NetworkError("Gone.", "Wait.")

    vendor.on_page = fail_once
    query = Query(ACTIVITIES)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(provider.frame, query)
        assert inside.wait(60)
        second = pool.submit(provider.frame, query)
        assert isinstance(first.exception(60), NetworkError)
        assert len(second.result(60)) == 12


# -- any provider ---------------------------------------------------------------------------------------------------


class Diary(FitnessProvider):
    """A provider of one method."""

    name = "acme"
    config = ProviderConfig("acme")

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.asked = error, 0

    def frame(self, query: Query) -> pd.DataFrame:
        self.asked += 1
        if self.error is not None:
            raise self.error
        start = pd.Timestamp("2026-11-20T07:00Z")
        return pd.DataFrame(
            {"provider": ["acme"], "id": ["1"], "sport": ["run"], "start_time": [start], "elapsed_s": [1800.0]}
        )


def test_a_provider_of_one_method_is_kept_like_any_other() -> None:
    diary = Diary()
    provider = CachingProvider(diary, MemoryStore(), described(), now=Clock())
    for _ in range(2):
        assert provider.frame(Query(ACTIVITIES))["id"].tolist() == ["1"]
        assert len(provider.frame(Query(ACTIVITIES, instant("2026-11-21")))) == 0
    assert diary.asked == 1
    provider.close()  # though it has nothing to close


def test_what_a_providers_own_code_raises_becomes_its_error() -> None:
    provider = CachingProvider(Diary(ValueError("oops")), MemoryStore(), described(), now=Clock())
    with pytest.raises(ProviderBroken, match="oops") as broken:
        provider.frame(Query(ACTIVITIES))
    assert isinstance(broken.value.__cause__, ValueError)
    assert broken.value.provider == "acme"
