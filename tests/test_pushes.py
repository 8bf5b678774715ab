"""Pushes and what is kept: feeds go on where they stopped, parts join, strangers change nothing."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from pierre_data import Client, schema
from pierre_data.cache import CachePolicy, CachingProvider
from pierre_data.cache.memory import MemoryStore
from pierre_data.fetch import FetchContext, ProviderReport
from pierre_data.providers import garmin, terra
from pierre_data.settings import Settings
from pierre_data.spi import Event, Query, Rows
from tests.fault_server import FaultServer
from tests.payload_tree import TOKEN, payload, provider
from tests.test_garmin import CLIENT, HEADERS, NOW, RUN, USER
from tests.test_garmin import garmin as answers

DAY = dt.datetime(2026, 5, 9, tzinfo=dt.UTC)


class Clock:
    """Seconds since 1970 that a test moves."""

    def __init__(self, at: dt.datetime) -> None:
        self.now = at.timestamp()

    def __call__(self) -> float:
        self.now += 1.0  # nothing happens at the same time
        return self.now


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer(answers) as running:
        yield running


def kept(server: FaultServer, clock: Clock) -> CachingProvider:
    inside = provider(garmin.descriptor, server, days=10)
    return CachingProvider(inside, MemoryStore(), garmin.descriptor, now=clock)


def ids(made: CachingProvider, table: schema.Table = schema.ACTIVITIES) -> list[str]:
    frame = made.frame(Query(table, DAY - dt.timedelta(days=8), NOW, now=NOW))
    made.close()
    return sorted(frame["id"].str[-2:])


def test_an_event_makes_a_feed_look_again_from_where_it_stopped(server: FaultServer) -> None:
    clock = Clock(NOW)
    made = kept(server, clock)
    first = ids(made)
    asked = len(server.seen)
    assert ids(made) == first
    assert (len(first), len(server.seen)) == (8, asked)
    kinds: tuple[Literal["create", "update"], ...] = ("create", "update")
    for kind in kinds:
        event = Event(kind, schema.ACTIVITIES, RUN, dt.datetime(2026, 5, 9, 6, tzinfo=dt.UTC), USER)
        assert not made.apply_event(event, account=USER).ignored
        assert ids(made) == first  # what was uploaded long ago is still there
        assert asked < len(server.seen) <= asked + 3  # and is not walked again
        asked = len(server.seen)
    ids(made)
    assert len(server.seen) == asked


def test_what_is_deleted_leaves_a_feed(server: FaultServer) -> None:
    made = kept(server, Clock(NOW))
    first = ids(made)
    gone = Event("delete", schema.ACTIVITIES, RUN, dt.datetime(2026, 5, 9, 6, tzinfo=dt.UTC), USER)
    made.apply_event(gone, account=USER)
    offline = CachingProvider(
        made.provider, made._namespace.store, garmin.descriptor, offline=True, now=Clock(NOW + dt.timedelta(hours=1))
    )
    assert ids(offline) == sorted(set(first) - {RUN[-2:]})


def test_a_list_that_is_forgotten_is_walked_again_from_the_beginning(server: FaultServer) -> None:
    made = kept(server, Clock(NOW))
    first, asked = ids(made), len(server.seen)
    assert made.invalidate("activity_list") > 2
    assert ids(made) == first
    assert len(server.seen) == 2 * asked


def pushed(made: CachingProvider, body: Any, account: str | None = USER) -> list[bool]:
    events = garmin.descriptor.webhook(HEADERS, json.dumps(body).encode(), CLIENT, NOW).events
    return [made.apply_event(event, account=account).ignored for event in events]


def recovered(made: CachingProvider) -> dict[str, float]:
    watch = FetchContext(ProviderReport("garmin", "recovery"))
    offline = CachingProvider(
        made.provider, made._namespace.store, garmin.descriptor, offline=True, now=Clock(NOW + dt.timedelta(hours=1))
    )
    frame = schema.RECOVERY.from_arrow(offline.fetch(Query(schema.RECOVERY, DAY, DAY + dt.timedelta(1)), watch).tables)
    assert len(frame) == 1
    row = frame.iloc[0]
    return {name: float(row[name]) for name in ("steps", "hrv_rmssd_ms", "stress_score")}


@pytest.mark.parametrize("order", [("dailies", "hrv"), ("hrv", "dailies"), ("hrv", "dailies", "hrv")])
def test_the_parts_of_a_day_join_in_any_order(server: FaultServer, order: tuple[str, ...]) -> None:
    made = kept(server, Clock(NOW))
    for kind in order:
        assert not any(pushed(made, {kind: payload(f"garmin/{kind}.json")[:1]}))
    assert recovered(made) == {"steps": 12345.0, "hrv_rmssd_ms": 44.0, "stress_score": 31.0}
    newer = payload("garmin/dailies.json")[0] | {"steps": 13000, "averageStressLevel": None}
    pushed(made, {"dailies": [newer]})
    assert recovered(made) == {"steps": 13000.0, "hrv_rmssd_ms": 44.0, "stress_score": 31.0}
    assert server.seen == []


def test_pushed_samples_and_laps_are_kept(server: FaultServer) -> None:
    made = kept(server, Clock(NOW))
    pushed(made, payload("garmin/push/mixed.json"))
    streams = made.frame(Query(schema.STREAMS, id=RUN, now=NOW), CachePolicy.USE_CACHE)
    made.close()
    assert len(server.seen) > 0  # a file was announced: it is looked for, and what was pushed is there if it fails
    assert not streams.empty
    details = {"activityDetails": payload("garmin/push/mixed.json")["activityDetails"]}
    pushed(made, details)
    asked = len(server.seen)
    assert made.frame(Query(schema.STREAMS, id=RUN)).heart_rate_bpm.tolist() == [98.0]
    assert len(made.frame(Query(schema.LAPS, id=RUN))) == 1
    assert len(server.seen) == asked


def test_strangers_change_nothing(server: FaultServer) -> None:
    made = kept(server, Clock(NOW))
    first, mixed = ids(made), payload("garmin/push/mixed.json")
    ignored = pushed(made, mixed)
    assert sum(ignored) == 2  # someone else's walk, and somebody's farewell
    assert ids(made) == first
    assert "31" not in {row[-2:] for row in ids(made)}


def test_without_a_known_athlete_nothing_is_kept_or_wiped(server: FaultServer) -> None:
    made = kept(server, Clock(NOW))
    mine = payload("garmin/push/mixed.json")["activities"][:1]
    assert made.account is None
    assert pushed(made, {"activities": mine}, account=None) == [True]
    made.frame(Query(schema.ATHLETE))
    made.close()
    assert made.account == USER
    assert pushed(made, {"activities": mine}, account=None) == [False]
    # An id that is told wins over the one that is kept.
    assert pushed(made, {"activities": mine}, account="someone-else") == [True]
    assert pushed(made, {"deregistrations": [{"userId": USER}]}, account=None) == [False]
    assert made.account is None


def test_nobodys_rows_and_farewells_are_ignored(server: FaultServer) -> None:
    made = kept(server, Clock(NOW))
    rows = Rows({"id": ["1"], "sport": ["run"], "start_time": [DAY]})
    assert made.apply_event(Event("data", schema.ACTIVITIES, rows=rows), account=USER).ignored
    assert made.apply_event(Event("disconnect"), account=USER).ignored
    assert not made.apply_event(Event("update", schema.ACTIVITIES), account=USER).ignored


def test_rows_that_cannot_be_read_are_counted(server: FaultServer) -> None:
    made = kept(server, Clock(NOW))
    rows = Rows({"id": ["1", "2"], "sport": ["run", "run"], "elapsed_s": [60.0, 60.0], "start_time": [DAY, "soon"]})
    done = made.apply_event(Event("data", schema.ACTIVITIES, athlete_id=USER, rows=rows), account=USER)
    assert [(bad.row, bad.field) for bad in done.rejected] == [("2", "start_time")]


def activities(*items: tuple[str, float | None]) -> Event:
    columns = {
        "id": [id for id, _ in items],
        "sport": ["run"] * len(items),
        "elapsed_s": [60.0] * len(items),
        "start_time": [DAY] * len(items),
        "distance_m": [distance for _, distance in items],
    }
    return Event("data", schema.ACTIVITIES, athlete_id="me", rows=Rows(columns))


def test_a_push_does_not_pretend_that_its_month_is_complete() -> None:
    clock = Clock(DAY + dt.timedelta(hours=2))
    with FaultServer() as nobody:
        inside = provider(terra.descriptor, nobody, user_id="me")
        made = CachingProvider(inside, MemoryStore(), terra.descriptor, now=clock)
        assert not made.apply_event(activities(("1", 5000.0), ("2", 800.0))).ignored  # the option says who it is
        made.apply_event(activities(("1", None)))  # an update replaces
        query = Query(schema.ACTIVITIES, DAY, DAY + dt.timedelta(days=1), now=DAY)
        assert made.estimate(query).missing_periods == 1
        offline = CachingProvider(inside, made._namespace.store, terra.descriptor, offline=True, now=clock)
        frame = offline.frame(query).set_index("id")
    assert frame.distance_m.isna().to_dict() == {"1": True, "2": False}


def test_one_push_for_several_athletes_reaches_each_ones_client(server: FaultServer, tmp_path: Path) -> None:
    settings = Settings.read(
        {
            "PIERRE_GARMIN_API_BASE_URL": server.url,
            "PIERRE_GARMIN_ACCESS_TOKEN": TOKEN,
            "PIERRE_GARMIN_WEBHOOK_SECRET": CLIENT.reveal(),
            "PIERRE_GARMIN_DAYS": "2",
            "PIERRE_PROGRESS": "0",
            **{f"PIERRE_{name}_DIR": str(tmp_path / name.lower()) for name in ("CACHE", "CONFIG", "DATA")},
        }
    )
    mixed = payload("garmin/push/mixed.json")
    mixed["activities"].append(mixed["activities"][1] | {"activityId": 32, "distanceInMeters": True})
    found = {}
    for user, athlete in (("ann", USER), ("bob", "someone-else"), ("eve", None)):
        client = Client(["garmin"], settings=settings, user=user)
        received = client.receive_webhook("garmin", HEADERS, json.dumps(mixed).encode(), athlete=athlete)
        frame = client.activities("2026-05-01", "2026-06-01")
        found[user] = (received.ignored, received.set_aside, frame["id"].tolist())
        client.close()
    everything = len(received.events)
    assert found == {
        "ann": (2, 0, [RUN]),
        "bob": (everything - 1, 1, ["31"]),
        "eve": (everything, 0, []),  # nobody said who that is
    }
