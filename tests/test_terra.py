"""Terra's documented answers become rows; windows, answers without data, pushes and connect sessions are handled."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from pierre_data import errors, schema
from pierre_data.fetch import parse_rows
from pierre_data.providers.terra import descriptor
from pierre_data.providers.terra_rows import SPORTS
from pierre_data.schema import Table
from pierre_data.secret import Secret
from pierre_data.spi import Query, Received
from pierre_data.testing import ReplayServer
from tests.payload_tree import PAYLOADS, asked, fetched, filled, leaves, payload, provider, wire_names
from tests.provider_checks import report

USER = "c7ce2b1e-6c2f-4a4b-9f7e-7a3a0d0f1a11"
NOW = dt.datetime(2026, 5, 12, 15, tzinfo=dt.UTC)
MAY = (dt.datetime(2026, 5, 1, tzinfo=dt.UTC), dt.datetime(2026, 5, 20, tzinfo=dt.UTC))
RUN = "22543294456"


def days(_path: str, params: Mapping[str, str], rows: Sequence[Any]) -> list[Any]:
    """Cut by local date, both ends inclusive; what says no date always comes."""
    start, end = params.get("start_date", ""), params.get("end_date", "9")
    dates = [str((r["metadata"] or {}).get("start_time"))[:10] for r in rows]
    return [r for r, date in zip(rows, dates, strict=True) if not date[:4].isdigit() or start <= date <= end]


def terra() -> ReplayServer:
    return ReplayServer(PAYLOADS / "terra", descriptor, select=days)


def rows(table: Table, query: Query | None = None, **options: Any) -> tuple[pd.DataFrame, Any]:
    with terra() as server:
        made = provider(descriptor, server, **{"user_id": USER} | options)
        frame, report, _ = fetched(made, query or Query(table, *MAY, now=NOW))
    return frame.set_index("id", drop=False) if table.key == ("provider", "id") else frame, report


def test_an_activity_in_our_columns_and_units() -> None:
    frame, _ = rows(schema.ACTIVITIES)
    assert filled(frame.loc[[RUN]], schema.ACTIVITIES) == {
        "provider": "terra",
        "id": RUN,
        "athlete_id": USER,
        "name": "Morning Run",
        "sport": "run",
        "sport_family": "run",
        "sport_raw": "8.0",
        "is_exercise": True,
        "start_time": "2026-05-09T05:00:00+00:00",
        "start_time_local": "2026-05-09T07:00:00",
        "utc_offset_s": 7200.0,
        "elapsed_s": 3630.5,
        "moving_s": 3540.0,
        "distance_m": 12034.7,
        "elevation_gain_m": 120.0,
        "elevation_loss_m": 118.5,
        "energy_kcal": 620.5,
        "work_kj": 850.2,
        "steps": 10120.0,
        "average_speed_mps": 3.4,
        "max_speed_mps": 5.1,
        "average_heart_rate_bpm": 151.0,
        "max_heart_rate_bpm": 178.0,
        "hrv_rmssd_ms": 22.5,
        "average_cadence_spm": 171.0,
        "max_cadence_spm": 188.0,
        "training_stress_score": 71.5,
        "intensity_factor": 0.84,
        "average_altitude_m": 240.1,
        "min_altitude_m": 212.0,
        "max_altitude_m": 290.0,
        "spo2_pct": 96.5,
        "start_latitude_deg": 45.18,
        "start_longitude_deg": 5.72,
        "end_latitude_deg": 45.19,
        "city": "Grenoble",
        "country": "France",
        "manual": False,
        "has_gps": True,
        "device": "Forerunner 965",
    }


def test_every_quirk_of_activities_gives_the_right_row_or_a_report() -> None:
    frame, report = rows(schema.ACTIVITIES)
    assert sorted(frame.index) == [
        "2026-05-12T06:00:00Z", RUN, "drive-1", "manual-1", "no-end", "ride-1", "unknown-1",
    ]  # fmt: skip
    assert frame.sport.to_dict() == {
        RUN: "run", "drive-1": "other", "ride-1": "road_ride", "unknown-1": "other", "manual-1": "strength",
        "no-end": "yoga", "2026-05-12T06:00:00Z": "other",
    }  # fmt: skip
    assert not frame.is_exercise["drive-1"]  # type 0 is a type
    assert frame.drop(index="drive-1").is_exercise.all()
    assert frame.sport_raw["drive-1"] == "0"
    assert frame.energy_kcal[RUN] == 620.5  # the newer payload replaces the older one
    assert (frame.energy_kcal["ride-1"], frame.average_cadence_rpm["ride-1"]) == (500.0, 88.0)
    assert frame.average_cadence_spm.isna()["ride-1"]
    assert frame.manual[["manual-1", "ride-1"]].tolist() == [True, False]
    assert frame.elapsed_s["no-end"] == 1800.0
    assert frame.utc_offset_s.isna()["ride-1"]  # UTC says nothing of the place
    assert frame.utc_offset_s["2026-05-12T06:00:00Z"] == 0.0
    assert report.unknown_sports == {"777": 1}
    assert {(r.row, r.field, r.value) for r in report.rejected} == {
        ("bad-time", "at.start", "'yesterday'"),
        ("bad-number", "distance_data.summary.distance_meters", "True"),
    }


@pytest.mark.parametrize(
    ("zone", "start", "offset"),
    [
        (None, "2026-03-29T02:30:00+00:00", None),
        # 02:30 does not exist that day in Paris: it counts as before the change.
        (ZoneInfo("Europe/Paris"), "2026-03-29T01:30:00+00:00", 3600.0),
        (ZoneInfo("America/New_York"), "2026-03-29T06:30:00+00:00", -14400.0),
    ],
)
def test_a_time_without_zone_is_on_the_wall_of_the_configured_zone(
    zone: ZoneInfo | None, start: str, offset: float | None
) -> None:
    march = dt.datetime(2026, 3, 28, tzinfo=dt.UTC), dt.datetime(2026, 3, 31, tzinfo=dt.UTC)
    frame, report = rows(schema.ACTIVITIES, Query(schema.ACTIVITIES, *march, now=NOW), timezone=zone)
    [walk] = frame.to_dict("records")
    assert (walk["id"], walk["sport"]) == ("gap-1", "walk")
    assert walk["start_time"] == pd.Timestamp(start)
    assert walk["start_time_local"] == pd.Timestamp("2026-03-29T02:30:00")
    assert walk["utc_offset_s"] == offset or pd.isna(walk["utc_offset_s"])
    assert [r.row for r in report.rejected] == ["bad-time"]


def test_windows_have_at_most_28_days_and_always_ask_for_an_answer() -> None:
    with terra() as server:
        query = Query(schema.SLEEP, dt.datetime(2026, 1, 1, 15, tzinfo=dt.UTC), MAY[1], now=NOW)
        fetched(provider(descriptor, server, user_id=USER), query)
        fetched(provider(descriptor, server, user_id=USER), Query(schema.RECOVERY, query.after, query.before, now=NOW))
        requests = asked(server)
        keys = {(seen.headers["dev-id"], seen.headers["x-api-key"]) for seen in server.requests}
    assert {p for p, _ in requests} == {"/sleep", "/daily"}
    covered: dict[str, set[pd.Timestamp]] = {"/sleep": set(), "/daily": set()}
    for path, params in requests:
        assert (params["user_id"], params["to_webhook"], params["with_samples"]) == (USER, "false", "false")
        span = pd.date_range(params["start_date"], params["end_date"])
        assert len(span) <= 28
        covered[path] |= set(span)
    for path in covered:
        assert covered[path] >= set(pd.date_range("2025-12-31", "2026-05-20")), path
    assert keys == {("test-token", "test-token")}


def test_without_a_user_nothing_is_asked() -> None:
    with terra() as server:
        made = provider(descriptor, server)
        with pytest.raises(errors.ConfigurationError, match="PIERRE_TERRA_USER_ID"):
            fetched(made, Query(schema.SLEEP, *MAY, now=NOW))
        assert server.requests == []


def test_sleep_in_our_columns_and_units() -> None:
    frame, report = rows(schema.SLEEP)
    assert filled(frame.loc[["s-1"]], schema.SLEEP) == {
        "provider": "terra",
        "id": "s-1",
        "athlete_id": USER,
        "night": "2026-05-09T00:00:00",
        "start_time": "2026-05-08T21:10:00+00:00",
        "end_time": "2026-05-09T04:40:00+00:00",
        "start_time_local": "2026-05-08T23:10:00",
        "end_time_local": "2026-05-09T06:40:00",
        "utc_offset_s": 7200.0,
        "is_nap": False,
        "in_bed_s": 27000.0,
        "asleep_s": 25200.0,
        "awake_s": 1800.0,
        "light_s": 14400.0,
        "deep_s": 5400.0,
        "rem_s": 5400.0,
        "unscored_s": 0.0,
        "latency_s": 600.0,
        "wake_count": 3.0,
        "efficiency_pct": 93.0,
        "score": 84.0,
        "average_heart_rate_bpm": 52.0,
        "lowest_heart_rate_bpm": 44.0,
        "hrv_rmssd_ms": 61.5,
        "hrv_sdnn_ms": 70.0,
        "respiratory_rate_brpm": 14.2,
        "spo2_pct": 95.0,
        "skin_temperature_deviation_c": -0.2,
        "manual": False,
        "device": "Oura",
    }
    nap, unnamed, odd = (frame.loc[i] for i in ("nap-1", "2026-05-09T23:30:00+02:00", "s-4"))
    assert (nap.is_nap, nap.manual, nap.efficiency_pct) == (True, True, 88.0)
    assert (unnamed.scoring, unnamed.score) == ("tentative", 71.0)
    assert odd.asleep_s != odd.asleep_s
    assert report.rejected == []


def test_stages_hold_until_the_next_one() -> None:
    frame, _ = rows(schema.SLEEP_STAGES)
    assert set(frame.sleep_id) == {"s-1"}
    assert list(zip(frame.stage, frame.elapsed_s / 60, strict=True)) == [
        ("awake", 10), ("light", 70), ("deep", 90), ("rem", 60), ("awake", 5), ("unscored", 25), ("asleep", 30),
        ("unscored", 160),
    ]  # fmt: skip
    assert frame.start_time.iloc[1] == pd.Timestamp("2026-05-08T21:20:00Z")
    assert frame.elapsed_s.sum() == 27000.0


def test_recovery_joins_the_day_and_the_night_that_ended_in_it() -> None:
    frame, report = rows(schema.RECOVERY)
    assert filled(frame.loc[["2026-05-09"]], schema.RECOVERY) == {
        "provider": "terra",
        "id": "2026-05-09",
        "athlete_id": USER,
        "date": "2026-05-09T00:00:00",
        "recovery_score": 72.0,
        "readiness_score": 77.0,
        "sleep_score": 84.0,
        "stress_score": 28.0,
        "resting_heart_rate_bpm": 47.0,
        "average_heart_rate_bpm": 64.0,
        "max_heart_rate_bpm": 178.0,
        "hrv_rmssd_ms": 61.5,
        "hrv_sdnn_ms": 70.0,
        "spo2_pct": 95.0,
        "respiratory_rate_brpm": 14.2,
        "skin_temperature_deviation_c": -0.2,
        "energy_kcal": 2950.0,
        "steps": 18020.0,
        "distance_m": 15200.5,
    }
    assert sorted(frame.index) == ["2026-05-09", "2026-05-10", "2026-05-11", "2026-05-12"]
    assert frame.loc["2026-05-10", ["readiness_score", "sleep_score", "stress_score", "strain"]].tolist() == [
        66.0, 71.0, 31.0, 12.1,
    ]  # fmt: skip
    assert frame.steps["2026-05-12"] == 0.0
    assert report.rejected == []


def test_a_day_at_the_border_of_two_windows_comes_once() -> None:
    for shift in range(28):
        after = dt.datetime(2026, 4, 1, tzinfo=dt.UTC) + dt.timedelta(days=shift, hours=5)
        with terra() as server:
            made = provider(descriptor, server, user_id=USER)
            _, _, batches = fetched(made, Query(schema.RECOVERY, after - dt.timedelta(days=30), MAY[1], now=NOW))
        found = schema.RECOVERY.from_arrow([batch.table for batch in batches])
        assert sorted(found["id"]) == ["2026-05-09", "2026-05-10", "2026-05-11", "2026-05-12"]
        assert found.set_index("id").readiness_score["2026-05-09"] == 77.0


def test_measurements_of_one_moment_are_one_row() -> None:
    frame, report = rows(schema.HEALTH)
    assert filled(frame.loc[["2026-05-09T06:55:00.000000+02:00"]], schema.HEALTH) == {
        "provider": "terra",
        "id": "2026-05-09T06:55:00.000000+02:00",
        "athlete_id": USER,
        "time": "2026-05-09T04:55:00+00:00",
        "time_local": "2026-05-09T06:55:00",
        "weight_kg": 70.5,
        "height_m": 1.78,
        "body_mass_index": 22.3,
        "body_fat_pct": 14.2,
        "body_water_pct": 60.1,
        "muscle_mass_kg": 56.0,
        "lean_mass_kg": pytest.approx(60.489),
        "bone_mass_kg": 3.2,
        "basal_energy_kcal": 1650.0,
        "systolic_mmhg": 121.0,
        "diastolic_mmhg": 79.0,
        "device": "Index S2",
    }
    later = frame.loc["2026-05-09T07:05:00.000000+02:00"]
    assert (later.blood_glucose_mg_dl, later.body_temperature_c) == (92.5, 36.6)
    assert frame.vo2max_ml_kg_min["2026-05-09T00:00:00.000000+02:00"] == 52.0
    assert len(frame) == 3
    assert report.rejected == []


def test_the_athlete_is_one_row() -> None:
    frame, _ = rows(schema.ATHLETE)
    assert filled(frame, schema.ATHLETE) == {
        "provider": "terra", "id": USER, "name": "Ann Lee", "sex": "female", "birth_date": "1990-02-03T00:00:00",
        "city": "Grenoble", "region": "Isère", "country": "FR", "created_at": "2020-01-01T10:00:00+00:00",
    }  # fmt: skip


def test_one_activity_is_looked_for_from_the_newest_on() -> None:
    with terra() as server:
        query = Query(schema.ACTIVITIES, id="gap-1", now=NOW)
        frame, _, _ = fetched(provider(descriptor, server, user_id=USER), query)
        requests = asked(server)
    assert frame[["id", "sport", "is_exercise", "sport_raw"]].to_numpy().tolist() == [["gap-1", "walk", True, "7"]]
    assert [p["end_date"] for _, p in requests] == ["2026-05-13", "2026-04-18"]
    missing = Query(schema.LAPS, dt.datetime(2026, 4, 1, tzinfo=dt.UTC), id="nobody", now=NOW)
    with pytest.raises(errors.NotFound, match="no activity nobody"):
        rows(schema.LAPS, missing)


def test_one_activity_whose_start_is_known_is_looked_for_there() -> None:
    # Laps of a listed activity must not walk back from today: an answer may take half a minute.
    with terra() as server:
        for near, requests in ((dt.datetime(2026, 3, 29, 1, tzinfo=dt.UTC), 1), (NOW, 3)):  # a wrong guess costs one
            query = Query(schema.ACTIVITIES, id="gap-1", near=near, now=NOW)
            frame, _, _ = fetched(provider(descriptor, server, user_id=USER), query)
            assert frame["id"].tolist() == ["gap-1"]
            assert len(server.requests) == requests
            server.requests.clear()


def test_streams_laps_and_zones_of_an_activity() -> None:
    streams, report = rows(schema.STREAMS, Query(schema.STREAMS, id=RUN, now=NOW))
    assert streams.elapsed_s.tolist() == [0.0, 5.0, 10.0]
    assert [filled(streams, schema.STREAMS, at) for at in (1, 2)] == [
        {"provider": "terra", "id": RUN, "elapsed_s": 5.0, "time": "2026-05-09T05:00:05+00:00",
         "distance_m": 15.5},
        {"provider": "terra", "id": RUN, "elapsed_s": 10.0, "time": "2026-05-09T05:00:10+00:00",
         "distance_m": 31.0, "speed_mps": 3.1, "heart_rate_bpm": 110.0, "power_w": 290.0, "cadence_spm": 168.0},
    ]  # fmt: skip
    assert streams.loc[0, ["latitude_deg", "longitude_deg", "altitude_m"]].tolist() == [45.18, 5.72, 212.0]
    assert [(r.field, r.value) for r in report.rejected] == [("time", "'soon'")]
    laps, report = rows(schema.LAPS, Query(schema.LAPS, id=RUN, now=NOW))
    assert filled(laps, schema.LAPS) == {
        "provider": "terra", "id": RUN, "lap": 1.0, "kind": "DISTANCE", "elapsed_s": 1800.0,
        "start_time": "2026-05-09T05:00:00+00:00", "moving_s": 1790.0, "distance_m": 6000.0, "energy_kcal": 310.0,
        "average_speed_mps": 3.33, "average_heart_rate_bpm": 148.0,
    }  # fmt: skip
    assert (laps.lap[1], laps.distance_m[1]) == (2.0, 6034.7)
    zones, _ = rows(schema.ZONES, Query(schema.ZONES, id=RUN, now=NOW))
    wanted = ["kind", "zone", "elapsed_s", "lower_bpm", "upper_bpm"]
    assert zones[wanted].to_numpy().tolist()[:2] == [["heart_rate", 0, 60, 0, 95], ["heart_rate", 1, 600, 95, 114]]
    assert zones.loc[2, ["lower_bpm", "upper_bpm"]].isna().all()


@pytest.mark.parametrize(
    ("status", "body", "kind", "retryable"),
    [
        (200, {"type": "sent_to_webhook", "message": "Data sent to webhook"}, errors.ApiError, False),
        (200, {"type": "processing", "reference": "x"}, errors.ApiError, True),
        (200, {"status": "success", "message": "Large request is being processed"}, errors.ApiError, True),
        (400, {"type": "x", "title": "Bad dates", "detail": "start_date"}, errors.ApiError, False),
        (401, {"status": "error", "message": "Invalid api key"}, errors.AuthenticationFailed, False),
        (404, {"title": "Unknown user"}, errors.NotFound, False),
        (424, {"title": "Provider rate limit"}, errors.ApiError, True),
        (429, {}, errors.RateLimited, True),
    ],
)
def test_answers_without_data(status: int, body: Any, kind: type[errors.PierreError], retryable: bool) -> None:
    with terra() as server:
        server.fail("*", status, body=json.dumps(body).encode(), times=9)
        made = provider(descriptor, server, user_id=USER)
        with pytest.raises(kind) as caught:
            fetched(made, Query(schema.SLEEP, *MAY, now=NOW))
        made.disconnect()
    assert caught.value.retryable is retryable
    assert caught.value.provider == "terra"


@pytest.mark.parametrize(
    "body", [{"message": "No data returned"}, {"type": "NoDataReturned"}, {"data": []}, {"data": None}]
)
def test_no_data_is_no_error(body: Any) -> None:
    for table in (schema.SLEEP, schema.RECOVERY):
        with terra() as server:
            server.fail("*", 200, body=json.dumps(body).encode(), times=9)
            frame, _, _ = fetched(provider(descriptor, server, user_id=USER), Query(table, *MAY, now=NOW))
        assert len(frame) == 0


SECRET = Secret("terra-signing-secret-canary")


def push(body: Mapping[str, Any] | str, *, away_s: int = 0, sign: str = "", name: str = "Terra-Signature") -> Received:
    content = json.dumps(payload(f"terra/pushes/{body}.json") if isinstance(body, str) else body).encode()
    stamp = str(int(NOW.timestamp()) + away_s)
    digest = hmac.new(SECRET.reveal().encode(), f"{stamp}.".encode() + content, hashlib.sha256).hexdigest()
    return descriptor.webhook({name: f"t={stamp},v1={sign or digest}"}, content, SECRET, NOW)


def test_pushed_rows_equal_the_rows_that_are_asked_for() -> None:
    for kind, table in (("sleep", schema.SLEEP), ("sleep", schema.SLEEP_STAGES), ("body", schema.HEALTH)):
        [event] = [e for e in push(kind).events if e.table is table]
        assert (event.kind, event.athlete_id) == ("data", USER)
        assert event.rows is not None
        pushed = table.from_arrow([parse_rows(event.rows, table, "terra").table])
        pulled = rows(table)[0].reset_index(drop=True)
        same = pulled.merge(pushed[list(table.key)], on=list(table.key))[list(table.columns)]
        columns = [c for c in table.columns if pushed[c].notna().any()]
        pd.testing.assert_frame_equal(same[columns], pushed[columns])


def test_pushes_are_read_by_their_type() -> None:
    data, vague, gone = push("activity", name="x-terra-signature").events
    assert (data.kind, data.table, data.rows and data.rows.columns["id"]) == ("data", schema.ACTIVITIES, [RUN])
    assert (vague.kind, vague.table, vague.id) == ("update", schema.ACTIVITIES, "gap-1")
    assert (gone.kind, gone.id, gone.time) == ("delete", "deleted-1", dt.datetime(2026, 5, 10, 17, tzinfo=dt.UTC))
    assert [(e.kind, e.table, e.id) for e in push("daily").events] == [("update", schema.RECOVERY, "2026-05-10")]
    assert [(e.kind, e.table) for e in push("sleep").events] == [
        ("data", schema.SLEEP), ("data", schema.SLEEP_STAGES), ("update", schema.RECOVERY),
    ]  # fmt: skip
    [athlete] = push("athlete").events
    assert athlete.rows is not None
    assert athlete.rows.columns["name"] == ["Ann"]


def test_events_of_a_connection() -> None:
    user = {"user": {"user_id": USER}}
    for kind in ("deauth", "access_revoked"):
        [event] = push({"type": kind, **user}).events
        assert (event.kind, event.athlete_id) == ("disconnect", USER)
    [event] = push({"type": "user_reauth", "old_user": {"user_id": "old"}, "new_user": {"user_id": USER}}).events
    assert (event.kind, event.athlete_id) == ("disconnect", "old")
    [event] = push({"type": "s3_payload", "url": "https://s3.example/x", **user}).events
    assert (event.kind, event.table, event.athlete_id) == ("update", None, USER)
    for kind in ("auth", "healthcheck", "processing", "large_request_sending", "rate_limit_hit", "nutrition", None):
        assert push({"type": kind, "user": None}).events == ()


def test_pushes_that_are_not_the_vendors_are_refused() -> None:
    for wrong in ({"away_s": 301}, {"away_s": -301}, {"sign": "00"}, {"name": "other"}):
        with pytest.raises(errors.AccessDenied) as caught:
            push("daily", **wrong)
        assert SECRET.reveal() not in str(caught.value)
    stamp = str(int(NOW.timestamp()))
    bare = hmac.new(SECRET.reveal().encode(), stamp.encode() + b"{}", hashlib.sha256).hexdigest()
    with pytest.raises(errors.AccessDenied):  # without the "t." prefix it is another signature
        descriptor.webhook({"terra-signature": f"t={stamp},v1={bare}"}, b"{}", SECRET, NOW)
    with pytest.raises(errors.ConfigurationError, match="PIERRE_TERRA_WEBHOOK_SECRET"):
        descriptor.webhook({}, b"{}", None, NOW)


def test_all_146_sports_are_known() -> None:
    numbers = {int(w) for w in {**SPORTS.known, **SPORTS.leisure}}
    assert numbers == set(range(155)) - {2, 6, 72, 107, 109, 110, 111, 112, 121}
    assert SPORTS.sport("0") == ("other", False)


IGNORED = {
    "metadata", "metadata.upload_type", "polyline_map_data.summary_polyline", "cheat_detection",
    "metadata.end_time", "metadata.start_time", "metadata.summary_id", "metadata.timestamp_localization",  # in "at"
    "active_durations_data.rest_seconds", "calories_data.net_activity_calories", "calories_data.BMR_calories",
    "distance_data.summary.floors_climbed", "distance_data.summary.swimming", "distance_data.detailed.step_samples",
    "device_data.manufacturer", "device_data.serial_number", "TSS_data.TSS_samples", "lap_data.laps",
    "heart_rate_data.summary.resting_hr_bpm", "heart_rate_data.summary.min_hr_bpm", "movement_data", "heart_rate_data",
}  # fmt: skip


def test_fields_read_and_fields_ignored_are_all_fields_there_are() -> None:
    read = wire_names(descriptor, schema.ACTIVITIES)
    read |= {name.rpartition(".")[0] for name in read if name[-1].isdigit()}
    seen = leaves(payload("terra/activity.json")["data"])
    parts = ("detailed.", "_samples.", "hr_zone_data.", "user_max_hr_bpm", "lap_data.laps.")  # of streams, laps, zones
    assert {s for s in seen - read - IGNORED if not any(part in s for part in parts)} == set()


ODD = {
    "777",
    "bad-time",
    "bad-number",
    "3",
    "sex",
}  # rows and words that are odd on purpose; one of two names is enough


def test_it_conforms() -> None:
    found = report("terra")
    assert found.findings == ()
    assert any("expected CSV" in line for line in found.verified)


def test_what_it_says_of_itself() -> None:
    assert descriptor.capabilities.value == 30
    assert descriptor.needs_credentials
    assert "GARMIN" not in repr(provider)
