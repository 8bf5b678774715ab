"""Strava through the client: every table field by field, its refusals, its terms, its two addresses."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd
import pytest

import pierre_data as pierre
from pierre_data import Client, schema, spi
from pierre_data.auth.token_response import vendor_hosts
from pierre_data.providers.strava import BASE_URL, BASE_URLS, descriptor
from pierre_data.schema import Table
from pierre_data.settings import Settings
from pierre_data.testing import ReplayServer
from pierre_data.testing.expected import compare
from tests.test_testing_replay import STRAVA, by_epoch

RUN, RIDE = "887284960", "2208815246"


@pytest.fixture
def server() -> Iterator[ReplayServer]:
    with ReplayServer(STRAVA, descriptor, select=by_epoch) as replay:
        yield replay


@pytest.fixture
def client(server: ReplayServer) -> Client:
    environ = {"PIERRE_STRAVA_API_BASE_URL": server.url, "PIERRE_STRAVA_ACCESS_TOKEN": "test-token"}
    return Client(["strava"], settings=Settings.read({**environ, "PIERRE_PROGRESS": "0"}), cache="memory")


def payload(path: str) -> Any:
    return json.loads((STRAVA / f"{path}.json").read_text(encoding="utf-8"))


def differences(frame: pd.DataFrame, table: Table, name: str = "") -> list[tuple[str, str]]:
    return list(compare(frame, table, STRAVA / f"{name or table.name}.expected.csv"))


@pytest.mark.parametrize("table", descriptor.endpoints, ids=lambda table: table.name)
def test_tables_of_the_account(client: Client, table: Table) -> None:
    frame = client.table(table)
    assert len(frame) > 0
    assert frame.dtypes.astype(str).to_dict() == dict(table.dtypes)
    assert differences(frame, table) == []


@pytest.mark.parametrize("table", [schema.STREAMS, schema.LAPS, schema.ZONES, schema.SEGMENT_EFFORTS], ids=str)
def test_tables_of_an_activity(client: Client, table: Table) -> None:
    method = {"streams": lambda key: client.streams(key).reset_index()}.get(table.name) or getattr(client, table.name)
    with_parts = [RUN, RIDE] if table in (schema.STREAMS, schema.ZONES) else [RUN, RIDE, "707356065", "716901962"]
    pieces = [method(f"strava:{id}") for id in with_parts]
    assert differences(table.conform(pd.concat([p for p in pieces if len(p)], ignore_index=True)), table) == []


def test_an_activitys_detail(client: Client) -> None:
    ids = [path.stem for path in (STRAVA / "activities").glob("*.json")]
    frame = pd.concat([client.activity(f"strava:{id}") for id in ids], ignore_index=True)
    assert differences(schema.ACTIVITIES.conform(frame), schema.ACTIVITIES, "activities.single") == []
    assert frame.set_index("id").loc[RIDE, "energy_kcal"] == payload(f"activities/{RIDE}")["calories"]


def test_streams_of_a_run(client: Client) -> None:
    """Against the payload itself: seconds index the samples, one foot becomes two, a gap is NaN."""
    data = {key: part["data"] for key, part in payload(f"activities/{RUN}/streams").items()}
    frame = client.streams(f"strava:{RUN}")
    assert frame.index.name == "elapsed_s"
    assert list(frame.index) == [float(second) for second in data["time"]]
    start = pd.Timestamp(payload(f"activities/{RUN}")["start_date"])
    assert list(frame["time"]) == [start + pd.Timedelta(seconds=second) for second in data["time"]]
    keys = {
        "distance_m": "distance",
        "heart_rate_bpm": "heartrate",
        "altitude_m": "altitude",
        "speed_mps": "velocity_smooth",
        "grade_pct": "grade_smooth",
        "moving": "moving",
    }
    for column, key in keys.items():
        assert list(frame[column]) == data[key], column
    assert list(frame.cadence_spm) == [2 * one_foot for one_foot in data["cadence"]]
    assert frame.cadence_rpm.isna().all()
    want = [(np.nan, np.nan) if point is None else tuple(point) for point in data["latlng"]]
    np.testing.assert_array_equal(frame[["latitude_deg", "longitude_deg"]].to_numpy(), want)
    assert client.streams(f"strava:{RIDE}").cadence_rpm.notna().any()


def test_laps_and_efforts_of_a_run(client: Client) -> None:
    detail = payload(f"activities/{RUN}")
    laps, efforts = client.laps(f"strava:{RUN}"), client.segment_efforts(f"strava:{RUN}")
    for own, table, items in (("lap_id", laps, detail["laps"]), ("effort_id", efforts, detail["segment_efforts"])):
        frame = table.sort_values("start_time")
        assert list(frame[own]) == [str(item["id"]) for item in items]
        assert list(frame.distance_m) == [item["distance"] for item in items]
        assert list(frame.elapsed_s) == [item["elapsed_time"] for item in items]
        assert list(frame.average_cadence_spm) == [2 * item["average_cadence"] for item in items]
        assert set(frame.id) == {RUN}
    assert list(efforts.sort_values("effort_id").segment_id) == [
        str(e["segment"]["id"]) for e in detail["segment_efforts"]
    ]


def test_personal_records_are_ranked_best_efforts(client: Client, server: ReplayServer) -> None:
    records = client.personal_records()
    details = [payload(f"activities/{path.stem}") for path in (STRAVA / "activities").glob("*.json")]
    best = [effort for detail in details for effort in detail.get("best_efforts", ())]
    ranked = {str(e["id"]): e["pr_rank"] for e in best if e["pr_rank"]}
    assert records.set_index("effort_id")["rank"].to_dict() == ranked
    assert set(records.metric) == {"fastest_400_m", "fastest_1000_m", "fastest_1609_m"}
    opened = {seen.path for seen in server.requests if seen.path.startswith("/activities/")}
    brought = {f"/activities/{a['id']}" for a in payload("athlete/activities") if a["pr_count"] and a["type"] == "Run"}
    assert opened == brought  # rides and runs without a record cost no request


def test_the_last_zone_is_open(client: Client) -> None:
    zones = client.zones(f"strava:{RUN}").set_index(["kind", "zone"]).sort_index()
    assert zones.loc[("heart_rate", 5), "lower_bpm"] == 184
    assert np.isnan(zones.loc[("heart_rate", 5), "upper_bpm"])
    assert zones.loc[("pace", 2), ["elapsed_s", "lower_mps", "upper_mps"]].to_list() == [1404.5, 2.6, 3.1]


def test_an_inactive_application_is_explained(client: Client, server: ReplayServer) -> None:
    body = b'{"message":"Forbidden","errors":[{"resource":"Application","field":"Status","code":"Inactive"}]}'
    server.fail("*", 403, body=body, times=99)
    for ask in (client.activities, client.athlete, client.gear, lambda: client.streams(f"strava:{RUN}")):
        with pytest.raises(pierre.AccessDenied, match=r"2026-06-30 .* subscription.*'strava-export'"):
            ask()
    assert len(server.requests) == 4  # nothing is asked twice


def test_the_terms_travel_with_the_frame(client: Client, tmp_path: Path) -> None:
    frame = client.activities()
    note = frame.attrs["pierre"]["terms"]
    assert note.startswith("Strava: ")
    for word in ("that athlete only", "7 days", "AI"):
        assert word in note
    again = pierre.read_parquet(pierre.to_parquet(frame, tmp_path / "a.parquet"))
    assert again.attrs["pierre"]["terms"] == note
    assert client.streams(f"strava:{RUN}").attrs["pierre"]["terms"] == note
    assert descriptor.terms is not None
    assert descriptor.terms.keep == dt.timedelta(days=7)
    assert note.removeprefix("Strava: ") in (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_token_is_in_the_header_only(client: Client, server: ReplayServer) -> None:
    client.activities()
    client.streams(f"strava:{RUN}")
    assert {seen.headers["authorization"] for seen in server.requests} == {"Bearer test-token"}
    assert not any("test-token" in str(seen.params) + seen.path for seen in server.requests)


def test_two_base_urls_and_a_token_that_may_go_to_both() -> None:
    (old, _, ends), (new, begins, _) = BASE_URLS
    assert (old, new) == ("https://www.strava.com/api/v3", "https://api-v3.strava.com")
    assert begins is not None
    assert ends is not None
    assert begins < ends  # there is time to move
    assert BASE_URL == descriptor.api_base_url == old
    assert {urlsplit(url).hostname for url in (old, new)} <= vendor_hosts(descriptor)
    moved = pierre.ProviderRegistry(Settings.read({"PIERRE_STRAVA_API_BASE_URL": new})).config("strava")
    assert moved.api_base_url == new
    assert {urlsplit(url).hostname for url in (moved.auth_url, moved.token_url, moved.revoke_url)} == {"www.strava.com"}


def test_links_to_other_services_are_tokens() -> None:
    links = [
        ("garmin_push_3456780973", "garmin:3456780973"),
        ("garmin_ping_123456789012", "garmin_ping_123456789012"),  # a number of a notification, not of an activity
        ("fitfiletools (1).fit", "fitfiletools%20(1).fit"),
        (None, None),
    ]
    wanted = {"external_id": descriptor.endpoints[schema.ACTIVITIES].fields["external_id"]}
    rows = spi.read_rows([{"external_id": text} for text, _ in links], wanted, schema.ACTIVITIES)
    assert rows.columns["external_id"] == [token for _, token in links]


def test_providers_of_one_service_share_its_ids() -> None:
    registry = pierre.ProviderRegistry()
    for name in ("strava", "garmin"):
        assert {registry[name].id_space, registry[f"{name}-export"].id_space} == {name}
    spaces = {name: registry[name].id_space for name in ("strava", "garmin-export")}
    row = {"start_time": pd.Timestamp("2026-05-09T06:00:00Z"), "elapsed_s": 60.0, "sport": "run", "sport_family": "run"}
    frame = pd.DataFrame(
        [
            row | {"provider": "strava", "id": "1", "external_id": "garmin:9"},
            # Years away: the id alone says that they are one.
            row | {"provider": "garmin-export", "id": "9", "start_time": pd.Timestamp("2020-05-09T06:00:00Z")},
        ]
    )
    merged = pierre.deduplicate(frame, priority=["strava", "garmin-export"], id_spaces=spaces)
    assert merged["sources"].tolist() == ["strava:1 garmin-export:9"]
