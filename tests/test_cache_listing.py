"""Lists kept by period, over a vendor whose every page is counted, under a clock that goes where it is told."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from pierre_data import schema
from pierre_data.cache import CachePolicy, CacheTtl, CachingProvider, MemoryStore, Store
from pierre_data.cache.arrow_tables import decode, encode, latest, revision
from pierre_data.cache.sqlite import SQLiteStore
from pierre_data.cache.store import Entry
from pierre_data.errors import AccessDenied, Cancelled, NetworkError, StorageError
from pierre_data.fetch import FetchContext, ProviderReport
from pierre_data.schema import Table
from pierre_data.spi import Event, Field, Query
from tests.cache_vendor import Clock, Vendor, described, instant, kept, monthly

NOW = "2026-11-25T09:00:00"
ALL = Query(schema.ACTIVITIES)


def ids(
    provider: CachingProvider, after: str | None = None, before: str | None = None, **how: CachePolicy
) -> list[str]:
    table = next(iter(provider.descriptor.endpoints))
    query = Query(table, instant(after) if after else None, instant(before) if before else None)
    frame = provider.frame(query, **how).sort_values(table.time or "", ascending=False)
    return frame[table.required[1]].tolist()


def covers(after: dt.datetime | None, before: dt.datetime | None, at: str) -> bool:
    return (after is None or after <= instant(at)) and (before is None or instant(at) < before)


def stop_at(nth: int, error: Exception) -> Callable[[int], None]:
    def on_page(number: int) -> None:
        if number == nth:
            raise error

    return on_page


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


# -- what is fetched once ------------------------------------------------------------------------------------------


def test_every_later_question_inside_the_first_costs_nothing(clock: Clock) -> None:
    vendor = Vendor(monthly(40))
    provider = kept(vendor, clock)
    whole = ids(provider)
    assert len(vendor.asked) == 5  # four full pages, and the empty one that ends the list
    assert whole == list(vendor.items)
    for after, before in [("2024-02-10", "2026-03-05"), ("1980-01-01", "1999-01-01"), (None, "2025-06-01")]:
        part = ids(provider, after, before)
        want = [i for i, (at, _) in vendor.items.items() if (after or "") <= at < (before or "9")]
        assert part == want
    assert len(vendor.asked) == 5


def test_an_empty_account_is_known_to_be_empty(clock: Clock) -> None:
    vendor = Vendor({})
    provider = kept(vendor, clock)
    assert ids(provider) == ids(provider, "2020-01-01") == []
    assert len(vendor.asked) == 1


def test_only_what_may_still_change_is_asked_for_again(clock: Clock) -> None:
    vendor = Vendor(monthly(30))
    provider = kept(vendor, clock)
    ids(provider)
    vendor.asked.clear()
    clock.forward(seconds=899)
    ids(provider)
    assert vendor.asked == []
    clock.forward(seconds=1)
    vendor.items["new"] = ("2026-11-25T08:00:00", "Evening")
    assert ids(provider)[0] == "new"
    assert vendor.asked == [(instant("2026-10-01"), instant("2026-12-01"))] * 2


def test_a_wider_question_asks_only_for_the_rest(clock: Clock) -> None:
    vendor = Vendor(monthly(40))
    provider = kept(vendor, clock)
    ids(provider, "2026-01-01")
    vendor.asked.clear()
    assert ids(provider, "2024-01-01") == [i for i in vendor.items if i >= "2024"]
    assert set(vendor.asked) == {(instant("2024-01-01"), instant("2026-01-01"))}


def test_refresh_asks_for_everything_and_bypass_leaves_the_cache_alone(clock: Clock) -> None:
    vendor = Vendor(monthly(5))
    provider = kept(vendor, clock)
    ids(provider)
    del vendor.items["20261100"]
    assert len(ids(provider)) == 5
    assert len(ids(provider, policy=CachePolicy.BYPASS)) == 4
    assert len(ids(provider)) == 5
    assert len(ids(provider, policy=CachePolicy.REFRESH)) == len(ids(provider)) == 4


# -- interrupted fetches --------------------------------------------------------------------------------------------


def test_a_month_is_kept_as_soon_as_paging_has_passed_it(clock: Clock) -> None:
    vendor = Vendor(monthly(11, each=10), on_page=stop_at(4, AccessDenied("No.", "Pay.")))
    provider = kept(vendor, clock)
    with pytest.raises(AccessDenied):
        ids(provider, "2026-01-01")
    vendor.on_page, vendor.asked = (lambda _: None), []
    assert len(ids(provider, "2026-01-01")) == 110
    # Three pages are three months; the third may go on, so that the walk goes on from its end.
    assert vendor.asked[0] == (instant("2026-01-01"), instant("2026-10-01"))
    assert len(vendor.asked) == 10


def test_a_row_that_comes_late_opens_its_month_again(clock: Clock) -> None:
    def disorderly(found: list[str]) -> list[str]:
        late = [i for i in found if i == "20261109"]
        return [i for i in found if i not in late][:25] + late + [i for i in found if i not in late][25:]

    vendor = Vendor(monthly(6, each=10), order=disorderly, on_page=stop_at(4, AccessDenied("No.", "Pay.")))
    provider = kept(vendor, clock)
    with pytest.raises(AccessDenied):
        ids(provider, "2026-01-01")
    vendor.on_page, vendor.asked = (lambda _: None), []
    assert sorted(ids(provider, "2026-01-01")) == sorted(vendor.items)
    assert vendor.asked[0][1] == instant("2026-12-01")  # November, kept after page 2, is not trusted after page 3
    assert len(ids(provider, "2026-11-01")) == 10


def test_a_vendor_without_order_is_asked_year_by_year_and_goes_on_with_the_year_that_failed(clock: Clock) -> None:
    vendor = Vendor(monthly(60), order=lambda found: sorted(found, key=lambda i: i[::-1]))
    provider = kept(vendor, clock, newest_first=False)
    vendor.on_page = stop_at(6, NetworkError("Gone.", "Wait."))
    with pytest.raises(NetworkError):
        ids(provider, "2022-01-01")
    years = list(dict.fromkeys(before.year - 1 if before.month == 1 else before.year for _, before in vendor.asked))  # type: ignore[union-attr]
    assert years == [2026, 2025]
    vendor.on_page, vendor.asked = (lambda _: None), []
    assert sorted(ids(provider, "2022-01-01")) == sorted(i for i in vendor.items if i >= "2022")
    assert {before for _, before in vendor.asked} == {instant(f"{year}-01-01") for year in (2026, 2025, 2024, 2023)}


def test_cancelled_between_pages_keeps_what_arrived(clock: Clock) -> None:
    stop = threading.Event()
    vendor = Vendor(monthly(11, each=10), on_page=lambda n: stop.set() if n == 3 else None)
    provider = kept(vendor, clock)
    watch = FetchContext(ProviderReport("acme", "activities"), cancel=stop)
    fetched = provider.fetch(Query(schema.ACTIVITIES, instant("2026-01-01")), watch)
    assert isinstance(fetched.report.error, Cancelled)
    assert sum(p.num_rows for p in fetched.tables) == 30
    assert "did not arrive" in fetched.report.missing
    vendor.on_page, vendor.asked = (lambda _: None), []
    assert len(ids(provider, "2026-01-01")) == 110
    assert vendor.asked[0] == (instant("2026-01-01"), instant("2026-10-01"))


# -- what windows mean ----------------------------------------------------------------------------------------------


def test_a_vendor_that_ignores_windows_fills_only_the_months_that_were_asked(clock: Clock) -> None:
    vendor = Vendor(monthly(30), ignores_windows=True)
    provider = kept(vendor, clock, window_kind="none")
    assert ids(provider, "2026-03-01", "2026-05-01") == ["20260400", "20260300"]
    vendor.asked.clear()
    assert ids(provider, "2026-03-15", "2026-04-15") == ["20260400"]
    assert vendor.asked == []
    assert ids(provider, "2026-02-01", "2026-05-01") == ["20260400", "20260300", "20260200"]


def test_a_feed_says_what_was_uploaded_since_the_last_look(clock: Clock) -> None:
    vendor = Vendor(monthly(3), ignores_windows=True)
    provider = kept(vendor, clock, window_kind="feed")
    assert ids(provider) == ["20261100", "20261000", "20260900"]
    assert vendor.asked[0] == (None, None)
    vendor.asked.clear()
    assert ids(provider, "2026-10-01") == ["20261100", "20261000"]
    assert vendor.asked == []
    # Three days later somebody uploads a workout of the year before: its own settled year has it.
    clock.forward(days=3)
    vendor.items = {"late": ("2025-05-05T06:00:00", "Found on the old watch")}
    assert ids(provider, "2025-01-01", "2026-01-01") == ["late"]
    assert vendor.asked[0] == (instant("2026-11-24T09:00:00"), None)  # a day of overlap
    assert ids(provider) == ["20261100", "20261000", "20260900", "late"]


# -- what must not come back ----------------------------------------------------------------------------------------


def test_what_is_invalidated_during_a_fetch_is_not_kept_by_it(clock: Clock) -> None:
    vendor = Vendor(monthly(20))
    provider = kept(vendor, clock)

    def meanwhile(number: int) -> None:
        if number == 2:
            clock.forward(seconds=1)
            provider.invalidate("activity_list")

    vendor.on_page = meanwhile
    assert len(ids(provider)) == 20
    vendor.on_page, vendor.asked = (lambda _: None), []
    del vendor.items["20261000"]
    clock.forward(seconds=1)
    assert "20261000" not in ids(provider)
    assert vendor.asked[0] == (None, instant("2026-12-01"))


def test_a_webhook_during_a_fetch_keeps_out_exactly_its_month(clock: Clock) -> None:
    vendor = Vendor(monthly(20, each=10))
    provider = kept(vendor, clock)
    event = Event("delete", schema.ACTIVITIES, "2026080000", instant("2026-08-01T06:00:00"))

    def meanwhile(number: int) -> None:
        if number == 7:  # August came with page 4
            clock.forward(seconds=1)
            provider.apply_event(event)

    vendor.on_page = meanwhile
    ids(provider)
    vendor.on_page, vendor.asked = (lambda _: None), []
    del vendor.items["20260800"]
    clock.forward(seconds=1)
    assert len(ids(provider)) == 199
    assert set(vendor.asked) == {(instant("2026-08-01"), instant("2026-09-01"))}


# -- how long -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offline", [False, True])
def test_nothing_older_than_the_terms_allow_is_served_however_it_is_asked(clock: Clock, offline: bool) -> None:
    store = MemoryStore()
    vendor = Vendor(monthly(30))
    ids(kept(vendor, clock, store, keep_days=7))
    vendor.on_page = lambda _: stop_at(_, NetworkError("No way.", "Wait."))(_)
    later = kept(vendor, clock, store, keep_days=7, offline=offline)
    clock.forward(days=7, seconds=-1)
    assert len(ids(later)) == 30  # stale, and said so
    clock.forward(seconds=1)
    with pytest.raises(StorageError if offline else NetworkError):
        ids(later)


def test_what_the_terms_allow_for_a_week_is_read_again_weekly_on_different_days(clock: Clock) -> None:
    vendor = Vendor(monthly(120, each=2), size=1)  # ten years; every fresh month is worth asking around
    provider = kept(vendor, clock, keep_days=7)
    ids(provider)
    started, read, busiest = clock(), Counter[str](), 0
    for _ in range(28):
        clock.forward(days=1)
        vendor.asked.clear()
        watch = FetchContext(ProviderReport("acme", "activities"))
        fetched = provider.fetch(ALL, watch)
        assert not fetched.report.cache_age_s > 7 * 86_400
        settled = {i for i in vendor.items if i < "202610"}
        today = {i for i in settled for a, b in vendor.asked if covers(a, b, vendor.items[i][0])}
        read.update(today)
        busiest = max(busiest, len(today))
    weeks = (clock() - started) / (7 * 86_400)
    assert weeks == 4
    assert set(read) == {i for i in vendor.items if i < "202610"}
    assert all(weeks <= times <= 2 * weeks + 1 for times in read.values())
    assert busiest < 0.6 * len(read)


def test_an_entry_from_the_future_is_neither_served_nor_in_the_way(clock: Clock) -> None:
    vendor = Vendor(monthly(3))
    store = MemoryStore()
    provider = kept(vendor, clock, store)
    clock.forward(days=36_500)
    ids(provider)
    vendor.items["20261100"] = ("2026-11-01T06:00:00", "Renamed")
    vendor.asked.clear()
    clock.forward(days=-36_500)  # the battery was empty
    frame = provider.frame(ALL)
    assert vendor.asked
    assert "Renamed" in set(frame["name"])
    away = kept(vendor, clock, store, offline=True)
    assert "Renamed" in set(away.frame(ALL)["name"])


def test_lifetimes_can_only_be_shortened(clock: Clock) -> None:
    vendor = Vendor(monthly(3))
    provider = kept(vendor, clock, ttl=CacheTtl(activity_list=10.0))
    ids(provider)
    vendor.asked.clear()
    clock.forward(seconds=10)
    ids(provider)
    assert vendor.asked


# -- one row, several versions --------------------------------------------------------------------------------------


def test_of_equal_ids_on_two_pages_the_later_stays(clock: Clock) -> None:
    vendor = Vendor(monthly(3))
    provider = kept(vendor, clock)

    def renamed(number: int) -> None:
        vendor.items["20260900"] = ("2026-09-01T06:00:00", f"page {number}")

    vendor.size, vendor.on_page = 2, renamed
    vendor.order = lambda found: [*found, "20260900"]  # a workout that arrives meanwhile pushes rows to the next page
    for _ in range(2):
        frame = provider.frame(ALL)
        assert frame["id"].tolist() == ["20261100", "20261000", "20260900"]
        assert frame["name"].tolist()[2] == "page 2"


def test_of_equal_ids_in_two_months_the_one_fetched_last_stays(clock: Clock) -> None:
    vendor = Vendor(monthly(10))
    provider = kept(vendor, clock)
    ids(provider)
    # The athlete mends a start that a broken watch had set to May: May is settled and fresh, November is asked again.
    clock.forward(hours=1)
    vendor.items["20260500"] = ("2026-11-20T06:00:00", "Mended")
    asked_now, from_cache = provider.frame(ALL), provider.frame(ALL)
    for frame in (asked_now, from_cache):
        assert frame.set_index("id").name["20260500"] == "Mended"
        assert len(frame) == 10
    # And the other way: what is fetched in May afterwards is the truth.
    clock.forward(hours=1)
    vendor.items["20260500"] = ("2026-05-02T06:00:00", "Mended twice")
    provider.apply_event(Event("update", schema.ACTIVITIES, "20260500", instant("2026-05-02T06:00:00")))
    clock.forward(seconds=1)
    provider.frame(Query(schema.ACTIVITIES, instant("2026-05-01"), instant("2026-06-01")))
    away = kept(vendor, clock, provider._namespace.store, offline=True)
    assert away.frame(ALL).set_index("id").name["20260500"] == "Mended twice"


def test_an_entry_an_older_version_wrote_is_read_by_name(clock: Clock) -> None:
    vendor, store = Vendor(monthly(2)), MemoryStore()
    provider = kept(vendor, clock, store)
    ids(provider)
    where = provider._namespace.key("activity_list", "2026-11")
    [entry] = store.get_many([where]).values()
    old = decode(entry.value, None).drop_columns(["name"]).append_column("mood", pa.array(["good"]))
    store.put_many(
        {where: Entry(encode(old, provider._namespace.revision), entry.fetched, entry.expires, entry.keep_until)}
    )
    frame = provider.frame(ALL)
    assert list(frame.columns) == list(schema.ACTIVITIES.columns)
    assert frame["id"].tolist() == ["20261100", "20261000"]
    assert frame["name"].isna().tolist() == [True, False]


def cut_short(value: bytes) -> bytes:
    """Cut where the rows begin: Arrow reads such a stream as an empty table."""
    second = value.find(b"\xff\xff\xff\xff", value.find(b"\xff\xff\xff\xff") + 4)
    assert second > 0
    return value[:second]


def flipped(value: bytes) -> bytes:
    at = len(value) * 2 // 3
    return value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]


def older(value: bytes) -> bytes:
    return encode(decode(value, None), 1)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda value: b"",
    "foreign": lambda value: b"not arrow",
    "pickle": lambda value: b"\x80\x04K\x01.",
    "cut short": cut_short,
    "one bit": flipped,
    "of an older revision": older,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("single", [False, True])
def test_what_is_not_what_was_stored_is_fetched_again(
    clock: Clock, damage: Callable[[bytes], bytes], single: bool
) -> None:
    vendor, store = Vendor(monthly(3)), MemoryStore()
    provider = kept(vendor, clock, store)
    query = Query(schema.ACTIVITIES, id="20260900") if single else ALL
    whole = provider.frame(query)
    where = provider._namespace.key(*(("activity", "20260900") if single else ("activity_list", "2026-09")))
    [entry] = store.get_many([where]).values()
    damaged = Entry(damage(bytes(entry.value)), entry.fetched, entry.expires, entry.keep_until)
    store.put_many({where: damaged})
    asked = len(vendor.asked)
    fetched = provider.fetch(query, FetchContext(ProviderReport("acme", "activities")))
    rows = schema.ACTIVITIES.from_arrow(fetched.tables).sort_values("start_time", ascending=False, ignore_index=True)
    assert rows.equals(whole.sort_values("start_time", ascending=False, ignore_index=True))
    assert fetched.report.complete
    assert len(vendor.asked) > asked
    store.put_many({where: damaged})
    away = kept(vendor, clock, store, offline=True)
    assert "20260900" not in ([] if single else ids(away))


def test_rows_that_a_feed_will_not_list_again_outlive_a_new_parser_and_the_rest_is_walked_again(clock: Clock) -> None:
    vendor, store = Vendor(monthly(2), ignores_windows=True), MemoryStore()
    provider = kept(vendor, clock, store, window_kind="feed")
    ids(provider)
    namespace = provider._namespace
    keys = [namespace.key("activity_list", name) for name in ("2026-10", "2026-11")]
    keys += [namespace.key(f"activity_list_{word}") for word in ("watermark", "walked")]
    entries = store.get_many(keys)
    assert len(entries) == 4
    store.put_many({k: Entry(older(bytes(e.value)), e.fetched, e.expires, e.keep_until) for k, e in entries.items()})
    vendor.asked.clear()
    vendor.items = {"20261100": ("2026-11-01T06:00:00", "Read anew")}
    frame = provider.frame(ALL).set_index("id")
    assert vendor.asked[0] == (None, None)
    assert frame.name.to_dict() == {"20261100": "Read anew", "20261000": "Morning"}


def test_a_revision_changes_with_what_is_read() -> None:
    base = described()
    moved = described(fields={n: Field("a", "b") for n in ("id", "sport", "start_time", "elapsed_s")})
    assert revision(base) == revision(described())
    assert revision(base) != revision(moved)


def test_two_clients_fill_one_period_at_once(clock: Clock, tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path, notice=print)
    meet = threading.Barrier(2)
    clock.seconds = time.time()
    vendors = [Vendor(monthly(12), on_page=lambda n: meet.wait(60) if n == 1 else None) for _ in range(2)]
    found: dict[int, list[str]] = {}

    def ask(nth: int) -> None:
        found[nth] = ids(kept(vendors[nth], clock, store))

    threads = [threading.Thread(target=ask, args=(nth,)) for nth in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found[0] == found[1] == list(vendors[0].items)
    third = Vendor({})
    assert ids(kept(third, clock, store)) == found[0]
    assert third.asked == []
    store.close()


# -- the other tables -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "table", [schema.SLEEP, schema.SLEEP_STAGES, schema.RECOVERY, schema.HEALTH], ids=lambda t: t.name
)
def test_the_other_lists_likewise(clock: Clock, table: Table) -> None:
    vendor, store = Vendor(monthly(30), table=table), MemoryStore()
    provider = kept(vendor, clock, store)
    whole = ids(provider)
    assert sorted(whole) == sorted(vendor.items)
    asked = len(vendor.asked)
    assert sorted(ids(provider, "2026-01-01", "2026-06-01")) == [f"2026{m:02d}00" for m in range(1, 6)]
    assert len(vendor.asked) == asked
    clock.forward(seconds=900)
    ids(provider)
    assert {a for a, _ in vendor.asked[asked:]} == {instant("2026-10-01")}
    provider.invalidate(f"{table.name if table.name != 'sleep_stages' else 'sleep_stage'}_list")
    asked = len(vendor.asked)
    clock.forward(seconds=1)
    ids(provider)
    assert len(vendor.asked) - asked == 4


def test_single_entries_live_as_long_as_their_kind_and_go_stale_alike(clock: Clock) -> None:
    vendor = Vendor(monthly(3))
    provider = kept(vendor, clock, keep_days=7)
    one = Query(schema.ACTIVITIES, id="20261100")
    assert provider.frame(one)["name"].tolist() == ["Morning"]
    vendor.items["20261100"] = ("2026-11-01T06:00:00", "Renamed")
    asked = len(vendor.asked)
    clock.forward(seconds=3599)
    assert provider.frame(one)["name"].tolist() == ["Morning"]
    assert len(vendor.asked) == asked
    vendor.on_page = lambda n: stop_at(n, NetworkError("No way.", "Wait."))(n)
    clock.forward(seconds=1)
    watch = FetchContext(ProviderReport("acme", "activities"))
    assert isinstance(provider.fetch(one, watch).report.stale_because, NetworkError)
    clock.forward(days=7)
    with pytest.raises(NetworkError):
        provider.frame(one)
    vendor.on_page = lambda _: None
    assert provider.frame(one)["name"].tolist() == ["Renamed"]
    provider.invalidate("activity")
    vendor.items["20261100"] = ("2026-11-01T06:00:00", "Again")
    clock.forward(seconds=1)
    assert provider.frame(one)["name"].tolist() == ["Again"]


def test_tenants_and_users_share_nothing(clock: Clock) -> None:
    store: Store = MemoryStore()
    vendor = Vendor(monthly(3))
    ids(kept(vendor, clock, store, user="ann"))
    asked = len(vendor.asked)
    ids(kept(vendor, clock, store, user="bob"))
    assert len(vendor.asked) == 2 * asked
    assert kept(vendor, clock, store, user="bob").invalidate_user() > 0
    ids(kept(vendor, clock, store, user="ann"))
    assert len(vendor.asked) == 2 * asked


def test_a_disconnect_leaves_nothing(clock: Clock) -> None:
    store = MemoryStore()
    provider = kept(Vendor(monthly(3)), clock, store)
    ids(provider)
    assert "0 entries" not in repr(store)
    provider.disconnect()
    assert repr(store) == "MemoryStore(0 entries)"


@pytest.mark.parametrize(
    ("first", "second", "left"),
    [
        (["1", "2"], ["2", "3"], ["1", "2", "3"]),
        (["a", "b"], ["b", "c"], ["a", "b", "c"]),
        (["7", "07"], ["007", "x"], ["7", "07", "007", "x"]),
        (["7", "07"], ["007"], ["7", "07", "007"]),
        (["1", None], ["2"], ["1", None, "2"]),
    ],
)
def test_each_id_stands_once_in_the_piece_fetched_last(
    first: list[str | None], second: list[str | None], left: list[str | None]
) -> None:
    pieces = [
        pa.table({"id": pa.array(part, pa.string()), "n": [nth] * len(part)}) for nth, part in ((1, first), (2, second))
    ]
    for ages, winner in (([1.0, 2.0], 2), ([2.0, 1.0], 1), (None, 2)):
        rows = [r for piece in latest(pieces, schema.ACTIVITIES, ages) for r in piece.to_pylist()]
        assert sorted(map(str, (r["id"] for r in rows))) == sorted(map(str, left))
        both = set(first) & set(second)
        assert {r["n"] for r in rows if r["id"] in both} == ({winner} if both else set())
