"""The main job over real HTTP: Strava's recorded activities, its errors, the cache between."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest

import pierre_data as pierre
from pierre_data import CachePolicy, Client, ProviderRegistry
from pierre_data.cache import Entry
from pierre_data.cache.sqlite import SQLiteStore
from pierre_data.schema import ACTIVITIES, MERGED_ACTIVITIES
from pierre_data.settings import Settings
from tests.strava_server import TOKEN, Answer, StravaServer, fault, recorded


@pytest.fixture
def strava() -> Iterator[StravaServer]:
    with StravaServer() as server:
        yield server


def settings(server: StravaServer, tmp_path: Path, **more: str) -> Settings:
    given = {"PIERRE_STRAVA_API_BASE_URL": server.url, "PIERRE_STRAVA_ACCESS_TOKEN": TOKEN, "PIERRE_PROGRESS": "0"}
    given |= {f"PIERRE_{n}_DIR": str(tmp_path / n.lower()) for n in ("CACHE", "CONFIG", "DATA")}
    return Settings.read(given | more)


@pytest.fixture
def client(strava: StravaServer, tmp_path: Path) -> Client:
    return Client(["strava"], settings=settings(strava, tmp_path))


def test_fifty_real_activities(client: Client, strava: StravaServer) -> None:
    frame = client.activities()
    assert list(frame.columns) == list(MERGED_ACTIVITIES.columns)
    assert frame.dtypes.astype(str).to_dict() == dict(MERGED_ACTIVITIES.dtypes)
    assert len(frame) == 50
    assert frame.start_time.is_monotonic_decreasing
    assert set(frame["id"]) == {str(i["id"]) for i in recorded()}
    assert frame.sport.value_counts().to_dict() == {
        "ride": 35, "run": 6, "inline_skate": 4, "hike": 3, "virtual_ride": 1, "indoor_ride": 1,
    }  # fmt: skip
    assert strava.counts == {"/athlete/activities": 2}
    assert set(strava.tokens) == {f"Bearer {TOKEN}"}
    assert client.last_report.complete
    assert frame.attrs["pierre"]["complete"] is True


def test_one_real_activity_field_by_field(client: Client) -> None:
    row = client.activities().set_index("id").loc["2208815246"]
    want = {
        "sources": "strava:2208815246",
        "sport": "ride",
        "sport_family": "ride",
        "sport_raw": "Ride",
        "start_time": pd.Timestamp("2019-03-12T16:39:48Z"),
        "start_time_local": pd.Timestamp("2019-03-12T17:39:48"),
        "utc_offset_s": 3600.0,
        "timezone": "Europe/Paris",
        "elapsed_s": 3768.0,
        "moving_s": 3589.0,
        "distance_m": 27189.0,
        "average_speed_mps": 7.576,
        "average_cadence_rpm": 72.6,
        "work_kj": 454.9,
        "external_id": "garmin:3456780973",
        "start_latitude_deg": 45.2,
    }
    assert {name: row[name] for name in want} == want
    assert np.isnan(row.average_cadence_spm)


def test_cadence_of_a_run_counts_both_feet(client: Client) -> None:
    items = {str(i["id"]): i for i in recorded()}
    runs = client.activities(sport="run", dedupe=False).dropna(subset=["average_cadence_spm"])
    assert len(runs) > 0
    for row in runs.itertuples():
        assert row.average_cadence_spm == 2 * items[row.id]["average_cadence"]


def test_a_second_overlapping_question_costs_nothing(client: Client, strava: StravaServer) -> None:
    client.activities()
    asked = len(strava.asked)
    part = client.activities("2017-03-01", "2018-02-01")
    assert len(strava.asked) == asked
    starts = part.start_time
    assert starts.min() >= pd.Timestamp("2017-03-01", tz="UTC")
    assert starts.max() < pd.Timestamp("2018-02-01", tz="UTC")


@pytest.mark.parametrize("cut", ["2017-01-01", "2018-06-24T14:49:39Z", "2019-01-01"])
def test_windows_are_half_open_and_add_up(client: Client, cut: str) -> None:
    whole = client.activities("2016-01-01", "2020-01-01")
    first, second = client.activities("2016-01-01", cut), client.activities(cut, "2020-01-01")
    pd.testing.assert_frame_equal(pd.concat([second, first], ignore_index=True), whole, check_like=False)


def test_another_client_reads_the_same_cache(client: Client, strava: StravaServer, tmp_path: Path) -> None:
    frame = client.activities()
    asked = len(strava.asked)
    again = Client(["strava"], settings=settings(strava, tmp_path))
    pd.testing.assert_frame_equal(again.activities(), frame)
    assert len(strava.asked) == asked
    other = Client(["strava"], settings=settings(strava, tmp_path), user="bob")
    other.activities()
    assert len(strava.asked) > asked


def test_policies(client: Client, strava: StravaServer) -> None:
    client.activities()
    strava.items = strava.items[1:]
    assert len(client.activities()) == 50
    assert len(client.activities(policy=CachePolicy.BYPASS)) == 49
    assert len(client.activities()) == 50
    assert len(client.activities(policy=CachePolicy.REFRESH)) == 49
    assert len(client.activities()) == 49


def test_limit_counts_the_newest(client: Client) -> None:
    whole = client.activities()
    pd.testing.assert_frame_equal(client.activities(limit=7), whole.head(7))
    assert len(client.activities(limit=500)) == 50


def test_local_days(client: Client) -> None:
    # 23:30 in Paris is the same day there and, in summer, half past nine in the evening in UTC.
    frame = client.activities("2018-06-24", "2018-06-25", tz="local")
    assert set(frame.start_time_local.dt.strftime("%Y-%m-%d")) == {"2018-06-24"}


def test_athlete_stats_and_detail(client: Client, strava: StravaServer) -> None:
    [athlete] = client.athlete().to_dict("records")
    assert (athlete["name"], athlete["sex"], athlete["weight_kg"], athlete["measurement_system"]) == (
        "Ann Lee", "f", 61.5, "metric",
    )  # fmt: skip
    stats = client.stats()
    assert len(stats) == 9
    whole = stats.set_index(["period", "sport_family"]).loc[("all", "ride")]
    assert (whole.activity_count, whole.distance_m, whole.longest_distance_m) == (3.0, 12000.5, 180000.0)
    merged = client.activities(limit=1)
    [detail] = client.activity(merged.activity_id[0]).to_dict("records")
    assert (detail["energy_kcal"], detail["device"]) == (412.5, "Garmin Edge 530")
    assert strava.counts[f"/activities/{detail['id']}"] == 1
    client.activity(f"strava:{detail['id']}")
    assert strava.counts[f"/activities/{detail['id']}"] == 1


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (fault(401, "Authorization Error"), pierre.AuthenticationFailed, "401.*Set PIERRE_STRAVA_ACCESS_TOKEN"),
        (fault(403, "Forbidden", {"resource": "Application", "field": "Status", "code": "Inactive"}),
         pierre.AccessDenied, "needs a paid subscription"),
        (fault(403, "Forbidden"), pierre.AccessDenied, "403"),
        (fault(410, "Gone"), pierre.ProviderRetired, "410"),
        (fault(429, "Too Many Requests", headers={"X-ReadRateLimit-Limit": "100,1000",
         "X-ReadRateLimit-Usage": "101,1001"}), pierre.QuotaExceeded, "daily limit"),
        (Answer(429, b'{"message":"Too Many Requests","errors":"Rate Limit Exceeded","status":429}',
         {"X-ReadRateLimit-Usage": ","}), pierre.RateLimited, "15-minute limit"),
        (Answer(200, b"<html>maintenance</html>", {"Content-Type": "text/html"}), pierre.PayloadError, "web page"),
        (Answer(200, b'[{"id": 1, '), pierre.PierreError, "activities"),
        (Answer(200, b'"surprise"'), pierre.PayloadError, "without the expected list"),
    ],
)  # fmt: skip
def test_each_error_has_its_class_and_says_what_to_do(
    client: Client, strava: StravaServer, answer: Answer, kind: type[pierre.PierreError], words: str
) -> None:
    strava.script.extend([answer] * 8)
    with pytest.raises(kind, match=words) as caught:
        client.activities(on_rate_limit="raise")
    assert caught.value.provider == "strava"
    assert caught.value.fix
    assert TOKEN not in str(caught.value) + repr(caught.value)
    assert client.last_report.providers[0].error is caught.value


def test_transient_failures_are_tried_again(client: Client, strava: StravaServer) -> None:
    strava.script.extend([Answer(503, b""), Answer(502, b"bad gateway")])
    assert len(client.activities()) == 50
    assert client.last_report.providers[0].retries == 2


def test_three_retries_and_no_more(client: Client, strava: StravaServer) -> None:
    strava.script.extend([Answer(500, b"")] * 20)
    with pytest.raises(pierre.ApiError) as caught:
        client.activities()
    assert caught.value.status == 500
    assert len(strava.asked) == 4


def test_a_bad_row_is_reported_and_the_others_come(strava: StravaServer, tmp_path: Path) -> None:
    strava.items[3] = strava.items[3] | {"start_date": "the other day"}
    strava.items = [i | {"start_date": i["start_date"]} for i in strava.items]
    with StravaServer(items=[]) as clean:
        clean._page = lambda query: strava.items if query["page"] == "1" else []  # type: ignore[method-assign]
        client = Client(["strava"], settings=settings(clean, tmp_path))
        with pytest.warns(pierre.PartialResultWarning, match=r"1 activities row\(s\) set aside"):
            frame = client.activities()
    assert len(frame) == 49
    [rejected] = client.last_report.rejected
    assert (rejected.row, rejected.field, rejected.value) == (
        str(strava.items[3]["id"]),
        "start_date",
        "'the other day'",
    )


def test_what_had_arrived_is_kept(strava: StravaServer, tmp_path: Path) -> None:
    # Two pages of history, then the vendor breaks; the next call goes on where it stopped.
    items = [
        recorded()[0] | {"id": n, "start_date": f"{2020 - n // 100}-06-01T00:00:{n % 60:02d}Z"} for n in range(600)
    ]
    strava.items = sorted(items, key=lambda i: i["start_date"], reverse=True)
    client = Client(["strava"], settings=settings(strava, tmp_path))
    strava.script.extend([None, fault(401, "Authorization Error"), *[None] * 8])
    with pytest.warns(pierre.PartialResultWarning, match="did not arrive completely"):
        part = client.activities(errors="warn", dedupe=False)
    assert 0 < len(part) < 600
    strava.script.clear()
    kept = client.last_report
    assert kept.providers[0].error is not None
    assert len(client.activities(dedupe=False)) == 600
    assert client.last_report.providers[0].cached_rows > 0


def test_stale_rows_are_better_than_none_and_say_so(strava: StravaServer, tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "providers.toml").write_text("[cache]\nactivity_list = 0\nsettled = 0\n")
    client = Client(["strava"], settings=settings(strava, tmp_path))
    whole = client.activities()
    strava.script.extend([Answer(503, b"")] * 8)
    stale = client.activities()
    pd.testing.assert_frame_equal(stale, whole)
    [report] = client.last_report.providers
    assert isinstance(report.stale_because, pierre.ApiError)
    assert any("served from the cache" in line for line in report.lines())


def test_no_token_and_no_network(strava: StravaServer, tmp_path: Path) -> None:
    bare = Settings.read({"PIERRE_CACHE_DIR": str(tmp_path), "PIERRE_STRAVA_API_BASE_URL": strava.url})
    with pytest.raises(pierre.NotConnected, match="PIERRE_STRAVA_ACCESS_TOKEN"):
        Client(["strava"], settings=bare).activities()
    assert strava.asked == []
    gone = settings(strava, tmp_path, PIERRE_STRAVA_API_BASE_URL="http://127.0.0.1:9")
    with pytest.raises(pierre.NetworkError, match=r"127\.0\.0\.1"):
        Client(["strava"], settings=gone).activities()


def test_offline_serves_the_cache_and_opens_no_socket(client: Client, strava: StravaServer, tmp_path: Path) -> None:
    whole = client.activities()
    asked = len(strava.asked)
    away = Client(["strava"], settings=settings(strava, tmp_path, PIERRE_OFFLINE="1"))
    pd.testing.assert_frame_equal(away.activities(), whole)
    with pytest.raises(pierre.StorageError, match="Offline, and athlete_profile of strava is not in the cache"):
        away.athlete()
    assert len(strava.asked) == asked


def test_one_failure_does_not_spoil_the_others(strava: StravaServer, tmp_path: Path) -> None:
    bare = Settings.read({"PIERRE_CACHE_DIR": str(tmp_path), "PIERRE_STRAVA_API_BASE_URL": strava.url})
    client = Client(["strava", "synthetic"], settings=bare)
    with pytest.raises(pierre.NotConnected):
        client.activities("2026-01-01", "2026-02-01")
    with pytest.warns(pierre.PartialResultWarning, match="strava: Strava is not connected"):
        frame = client.activities("2026-01-01", "2026-02-01", errors="warn")
    assert set(frame.provider) == {"synthetic"}
    assert frame.attrs["pierre"]["complete"] is False


def test_several_failures_come_together(strava: StravaServer, tmp_path: Path) -> None:
    made = ProviderRegistry(settings(strava, tmp_path))
    made.register(dataclasses.replace(made["strava"], name="strava-two", display_name="Strava two"))
    client = Client(["strava", "strava-two"], registry=made)
    strava.script.append(fault(401, "no"))
    with pytest.raises(pierre.ProviderErrors) as caught:
        client.activities()
    kinds = {type(error) for error in caught.value.exceptions}
    assert kinds == {pierre.AuthenticationFailed, pierre.NotConnected}


def test_first_available(strava: StravaServer, tmp_path: Path) -> None:
    client = Client(["strava", "synthetic"], settings=settings(strava, tmp_path))
    strava.script.extend([fault(401, "no")] * 4)
    frame = client.first_available(["strava", "synthetic"], "2026-01-01", "2026-02-01")
    assert set(frame.provider) == {"synthetic"}
    with pytest.raises(pierre.NoProvidersAvailable, match="No provider was named"):
        client.first_available([])
    strava.script.extend([fault(401, "no")] * 4)
    with pytest.raises(pierre.NoProvidersAvailable, match="None of strava answered") as caught:
        client.first_available(["strava"])
    assert isinstance(caught.value.__cause__, ExceptionGroup)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        ({"after": "tomorrow"}, "after='tomorrow' is no date"),
        ({"after": "2026-02-01", "before": "2026-01-01"}, "is not earlier than"),
        ({"after": "2026-01-01", "before": dt.date(2026, 1, 1)}, "is not earlier than"),
        ({"sport": "quidditch"}, "'quidditch' is not a sport"),
        ({"limit": 0}, "limit=0 makes no sense"),
        ({"tz": "Mars/Olympus"}, "no time zone"),
        ({"after": "2026-01-01T00:00Z", "tz": "local"}, "Drop the zone"),
        ({"after": pd.NaT}, "is no date"),
    ],
)
def test_questions_that_make_no_sense(client: Client, call: dict[str, object], words: str) -> None:
    with pytest.raises(pierre.QueryError, match=words) as caught:
        client.activities(**call)  # type: ignore[arg-type]
    assert isinstance(caught.value, ValueError)
    assert caught.value.fix


def test_what_is_not_offered(client: Client) -> None:
    with pytest.raises(pierre.UnsupportedFeature, match="strava does not offer sleep"):
        client.sleep()
    with pytest.raises(pierre.UnsupportedFeature, match="on_rate_limit='schedule'"):
        client.activities(on_rate_limit="schedule")
    with pytest.raises(pierre.QueryError, match="no activity this client knows"):
        client.streams("abc")


def test_status_and_health(client: Client, strava: StravaServer) -> None:
    status = client.status().set_index("provider")
    assert status.loc["strava", ["connected", "status"]].tolist() == [True, "connected"]
    assert bool(status.loc["synthetic", "connected"])
    [health] = client.check_health().to_dict("records")
    assert (health["provider"], health["is_healthy"], health["consecutive_failures"]) == ("strava", True, 0)
    strava.script.extend([fault(401, "no")] * 2)
    client.check_health()
    [health] = client.check_health().to_dict("records")
    assert (health["is_healthy"], health["consecutive_failures"]) == (False, 2)
    assert "PIERRE_STRAVA_ACCESS_TOKEN" in health["detail"]


def test_default_providers(strava: StravaServer, tmp_path: Path) -> None:
    assert Client(settings=settings(strava, tmp_path)).providers == ("strava",)
    assert Client(settings=settings(strava, tmp_path, PIERRE_DEFAULT_PROVIDER="synthetic")).providers == ("synthetic",)
    bare = Settings.read({"PIERRE_CACHE_DIR": str(tmp_path)})
    with pytest.warns(pierre.SyntheticDataNotice, match="the rows are synthetic"):
        assert Client(settings=bare).providers == ("synthetic",)
    none = Settings.read({"PIERRE_CACHE_DIR": str(tmp_path), "PIERRE_PROVIDERS": "strava"})
    with pytest.raises(pierre.NoProvidersAvailable, match="leaves out the synthetic provider"):
        Client(settings=none)
    with pytest.raises(pierre.NoProvidersAvailable, match="No provider was named"):
        Client([], settings=bare)
    with pytest.raises(pierre.ConfigurationError, match="named twice"):
        Client(["strava", "strava"], settings=bare)


def test_an_answer_handed_out_cannot_spoil_the_next(client: Client) -> None:
    frame = client.activities()
    frame.loc[0, "distance_m"] = -1.0
    assert client.activities().distance_m[0] != -1.0


class CountingStore(SQLiteStore):
    """A store that knows how often it was read."""

    reads = 0

    def get_many(self, keys: Sequence[str]) -> dict[str, Entry]:
        self.reads += 1
        return super().get_many(keys)


def test_the_second_asking_reads_nothing(strava: StravaServer, tmp_path: Path) -> None:
    store = CountingStore(tmp_path, notice=print)
    client = Client(["strava"], settings=settings(strava, tmp_path), cache=store)
    for ask in (client.activities, client.athlete, client.stats, lambda: client.activity("strava:2208815246")):
        first, reads, asked = ask(), store.reads, len(strava.asked)
        pd.testing.assert_frame_equal(ask(), first)
        assert (store.reads, len(strava.asked)) == (reads, asked)
        store.put_many({"tenant:other": Entry(b"", time.time(), time.time(), time.time() + 60)})
        ask()  # somebody wrote, so that the store is looked at again
        assert store.reads > reads


def test_a_store_that_says_nothing_of_its_versions_will_do(strava: StravaServer, tmp_path: Path) -> None:
    class SilentStore(CountingStore):
        def put_many(self, entries: Mapping[str, Entry]) -> None:  # type: ignore[override]
            super().put_many(entries)

    store = SilentStore(tmp_path, notice=print)
    client = Client(["strava"], settings=settings(strava, tmp_path), cache=store)
    first = client.activities()
    pd.testing.assert_frame_equal(client.activities(), first)
    reads = store.reads
    pd.testing.assert_frame_equal(client.activities(), first)
    assert store.reads == reads


@pytest.mark.parametrize("cache", ["memory", None])
@pytest.mark.parametrize("same_client", [True, False])
def test_what_is_forgotten_while_it_is_fetched_is_not_remembered(
    strava: StravaServer, tmp_path: Path, cache: Literal["memory"] | None, same_client: bool
) -> None:
    client = Client(["strava"], settings=settings(strava, tmp_path), cache=cache)
    other = client if same_client or cache else Client(["strava"], settings=settings(strava, tmp_path))

    def forget(_: object) -> None:  # the vendor's answer is here, and not yet kept
        strava.items[0]["name"] = "Renamed"
        other.invalidate()

    client.activities(progress=forget)
    assert client.activities()["name"][0] == "Renamed"


def test_many_threads_on_one_client(client: Client, strava: StravaServer) -> None:
    frames: list[pd.DataFrame] = []
    threads = [threading.Thread(target=lambda: frames.append(client.activities(dedupe=False))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(frames) == 8
    for frame in frames:
        pd.testing.assert_frame_equal(frame, frames[0])


def test_no_secret_is_kept_or_shown(client: Client, tmp_path: Path) -> None:
    client.activities()
    for file in (tmp_path / "cache").iterdir():
        assert TOKEN.encode() not in file.read_bytes()
        assert file.stat().st_mode & 0o077 == 0
    shown = json.dumps([repr(client), repr(client.last_report), repr(client.registry.config("strava"))])
    assert TOKEN not in shown


def test_an_empty_answer_has_the_dtypes_of_a_full_one(client: Client) -> None:
    empty = client.activities("2031-01-01", "2031-02-01", dedupe=False)
    assert len(empty) == 0
    assert empty.dtypes.astype(str).to_dict() == dict(ACTIVITIES.dtypes)
    assert len(client.activities("2031-01-01", "2031-02-01")) == 0


def test_estimate_says_what_it_would_cost(client: Client, strava: StravaServer) -> None:
    before = client.estimate().iloc[0]
    assert (before.provider, before.cached_rows, before.missing_periods > 10) == ("strava", 0, True)
    assert before.requests >= 2
    assert strava.asked == []
    client.activities()
    after = client.estimate().iloc[0]
    assert (after.requests, after.missing_periods, after.cached_rows, after.seconds) == (0, 0, 50, 0.0)
    again = client.estimate(policy=CachePolicy.REFRESH).iloc[0]
    assert again.requests >= 2
    assert Client("synthetic", cache="memory").estimate().requests.tolist() == [0]
    with pytest.raises(pierre.UnsupportedFeature):
        client.estimate(table=pierre.schema.SLEEP)


def test_invalidate_forgets_one_thing_or_all(client: Client, strava: StravaServer) -> None:
    client.activities()
    client.athlete()
    asked = len(strava.asked)
    assert client.invalidate(resource="athlete_profile") == 1
    client.activities()
    assert len(strava.asked) == asked
    client.athlete()
    assert len(strava.asked) == asked + 1
    assert client.invalidate(provider="strava", user="bob") == 0
    assert client.invalidate() > 1
    client.activities()
    assert len(strava.asked) == asked + 3


def test_duplicates_know_the_order_of_the_clients_providers() -> None:
    for names in (["synthetic-phone", "synthetic-watch"], ["synthetic-watch", "synthetic-phone"]):
        client = Client(names, cache="memory")
        every = client.activities("2026-01-01", "2026-03-01", dedupe=False)
        merged, why = pierre.deduplicate(every, priority=names), client.duplicates("2026-01-01", "2026-03-01")
        pd.testing.assert_frame_equal(why, pierre.duplicates(every, priority=names))
        pd.testing.assert_frame_equal(merged, client.activities("2026-01-01", "2026-03-01"))
        both = why[why.rule == "overlap"]
        assert len(both) > 5
        assert set(both.kept.str.split(":").str[0]) == {names[0]}


def test_duplicates_are_the_merges_of_activities_wherever_a_window_is_cut() -> None:
    client = Client(["synthetic-watch", "synthetic-phone"], cache="memory")
    every = client.activities("2026-02-01", "2026-03-01", dedupe=False)
    whole = client.duplicates("2026-02-01", "2026-03-01", errors="keep", on_rate_limit="wait", progress=False)
    for row in whole[whole.rule == "overlap"].head(4).itertuples():
        near = every[(every.start_time - row.kept_start_time).abs() < pd.Timedelta("30min")].start_time
        middle = near.min() + (near.max() - near.min()) / 2  # between the two recordings of one workout
        windows = ((middle, "2026-03-01"), ("2026-02-01", middle))
        parts = [client.duplicates(*window) for window in windows]
        pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole)
        for part, window in zip(parts, windows, strict=True):
            merged = client.activities(*window)
            assert set(part.activity_id) == set(merged[merged.n_sources > 1].activity_id)
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(pierre.Cancelled):
        client.duplicates("2020-02-01", "2020-03-01", providers="synthetic-watch", cancel=cancel)


def test_a_push_forgets_exactly_what_it_concerns(client: Client, strava: StravaServer, tmp_path: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    strava.items = [
        recorded()[0] | {"id": 99, "start_date": f"{now - dt.timedelta(hours=3):%Y-%m-%dT%H:%M:%SZ}"},
        *strava.items,
    ]
    client.activities()
    client.activity("strava:99")
    asked = len(strava.asked)
    event = {"object_type": "activity", "object_id": 99, "aspect_type": "update", "updates": {"title": "New"},
             "owner_id": 1, "subscription_id": 7, "event_time": int(now.timestamp())}  # fmt: skip
    for _ in range(2):  # vendors repeat themselves
        received = client.receive_webhook("strava", {}, json.dumps(event).encode(), athlete="1")
    assert (received.status, received.ignored) == (200, 0)
    assert [e.id for e in received.events] == ["99"]
    client.activity("strava:99")
    assert strava.counts["/activities/99"] == 2
    client.activities()
    listed = [path for path in strava.asked[asked:] if path.startswith("/athlete/activities")]
    assert all("after=" in path for path in listed)  # the settled years are still there
    assert len(listed) == 2
    with pytest.raises(pierre.UnsupportedFeature, match="pushes nothing"):
        client.receive_webhook("synthetic", {}, b"")


def test_a_push_about_somebody_else_changes_nothing(client: Client, strava: StravaServer) -> None:
    client.activities("2026-01-01")
    me = client.athlete()["id"].iloc[0]
    asked = len(strava.asked)

    def pushed(owner: str) -> int:
        body = {"object_type": "athlete", "object_id": owner, "aspect_type": "update", "owner_id": owner,
                "updates": {"authorized": "false"}}  # fmt: skip
        return client.receive_webhook("strava", {}, json.dumps(body).encode()).ignored

    assert pushed("someone-else") == 1
    client.activities("2026-01-01")
    assert client.athlete()["id"].tolist() == [me]
    assert len(strava.asked) == asked  # a stranger's farewell wiped nothing
    assert pushed(me) == 0
    assert pushed(me) == 1  # nobody knows any more whose entries these are
    client.athlete()
    assert len(strava.asked) == asked + 1
