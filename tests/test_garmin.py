"""Garmin's documented summaries become rows, pulled or pushed; its windows, errors and pings are handled."""

from __future__ import annotations

import datetime as dt
import json as jsonlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pandas as pd
import pytest

from pierre_data import errors, schema
from pierre_data.fetch import parse_rows
from pierre_data.providers.garmin import callbacks, descriptor
from pierre_data.secret import Secret
from pierre_data.spi import Event, Query, Single
from tests.fault_server import Answer, FaultServer, Line, json
from tests.payload_tree import PAYLOADS, TOKEN, fetched, filled, leaves, payload, provider, wire_names
from tests.provider_checks import report

NOW = dt.datetime(2026, 5, 12, 12, tzinfo=dt.UTC)
RUN = "22543294456"
USER = "d3315b1072421d0dd7c8f6b8e1de4df8"
LISTS = {
    f"/{kind}": (Single(), "")
    for kind in "activities activityDetails bloodPressures bodyComps dailies hrv sleeps userMetrics".split()
}
#: What the payloads have of odd rows.
ODD = ("UNDERWATER_HOCKEY", "22543294464", "22543294465", "22543294466", "2", f"{USER}-broken")


def day(of_may: int) -> dt.datetime:
    return dt.datetime(2026, 5, of_may, tzinfo=dt.UTC)


def uploaded(item: dict[str, Any]) -> float:
    """Say when an item came: an hour after it began; what is final a day later."""
    start = item.get("startTimeInSeconds") or item.get("measurementTimeInSeconds")
    start = start or (item.get("summary") or {}).get("startTimeInSeconds") if "summary" in item else start
    if not isinstance(start, int):
        start = dt.datetime.fromisoformat(f"{item.get('calendarDate', '2026-05-06')}T06:00:00Z").timestamp()
    return start + 3600 + 86_400 * str(item.get("validation")).endswith("FINAL")


def garmin(line: Line) -> bool:
    target = urlsplit(line.request.target)
    params = dict(parse_qsl(target.query))
    file = PAYLOADS / "garmin" / f"{target.path.strip('/')}.json"
    if not file.is_file():
        return json({"errorMessage": "Not Found"}, 404)(line)
    body = jsonlib.loads(file.read_bytes())
    if isinstance(body, list):
        assert float(params["uploadEndTimeInSeconds"]) - float(params["uploadStartTimeInSeconds"]) <= 86_400
        body = window(target.path, params, body)
    return json(body)(line)


def window(_path: str, params: Mapping[str, str], items: Sequence[Any]) -> Sequence[Any]:
    """Apply the vendor's window of uploads, for a ReplayServer."""
    start, end = float(params["uploadStartTimeInSeconds"]), float(params["uploadEndTimeInSeconds"])
    return [item for item in items if start <= uploaded(item if "summary" not in item else _flat(item)) < end]


def _flat(item: dict[str, Any]) -> dict[str, Any]:
    return item["summary"] if isinstance(item["summary"], dict) else {}


def rows(table: schema.Table, query: Query | None = None, *script: Answer) -> tuple[pd.DataFrame, Any]:
    with FaultServer(*script, garmin) as server:
        frame, report, _ = fetched(provider(descriptor, server, days=10), query or Query(table, now=NOW))
    return frame, report


def test_an_activity_in_our_columns_and_units() -> None:
    frame, _ = rows(schema.ACTIVITIES)
    assert filled(frame[frame["id"] == RUN], schema.ACTIVITIES) == {
        "provider": "garmin",
        "id": RUN,
        "external_id": f"garmin:{RUN}",
        "athlete_id": USER,
        "name": "Geneva Running",
        "sport": "run",
        "sport_family": "run",
        "sport_raw": "RUNNING",
        "is_exercise": True,
        "start_time": "2026-05-09T06:02:33+00:00",
        "start_time_local": "2026-05-09T08:02:33",
        "utc_offset_s": 7200.0,
        "elapsed_s": 2700.0,
        "distance_m": 8042.7,
        "elevation_gain_m": 61.5,
        "elevation_loss_m": 60.0,
        "energy_kcal": 512.0,
        "steps": 6786.0,
        "average_speed_mps": 2.9787,
        "max_speed_mps": 4.1,
        "average_heart_rate_bpm": 148.0,
        "max_heart_rate_bpm": 176.0,
        "average_cadence_spm": 150.8,  # the summary counts both feet
        "max_cadence_spm": 182.0,
        "start_latitude_deg": 46.2,
        "start_longitude_deg": 6.15,
        "manual": False,
        "device": "Garmin Forerunner 965",
    }


def test_every_quirk_of_activities_gives_the_right_row_or_a_report() -> None:
    frame, report = rows(schema.ACTIVITIES)
    short = frame.set_index(frame["id"].str[-2:])
    assert short.sport.to_dict() == {
        "62": "other", "63": "mobility", "60": "multisport", "61": "open_water_swim", "58": "row", "59": "alpine_ski",
        "56": "run", "57": "road_ride",
    }  # fmt: skip
    assert short.sport_raw["58"] == "ROWING_V2"
    assert report.unknown_sports == {"UNDERWATER_HOCKEY": 1}  # once, though a day at a time was asked for
    assert short.is_exercise.to_dict() == {k: k != "63" for k in short.index}
    assert (short.average_cadence_rpm["57"], short.max_cadence_rpm["57"]) == (88.0, 110.0)
    assert short.workout_kind.dropna().to_dict() == {"61": "multisport_leg"}
    assert short.utc_offset_s.isna()["59"]
    assert {(r.row[-2:], r.field) for r in report.rejected} == {
        ("64", "distance_m"), ("65", "elapsed_s"), ("2", "id"), ("66", "startTimeInSeconds"),
    }  # fmt: skip


def test_uploads_are_walked_a_day_at_a_time_oldest_first() -> None:
    with FaultServer(garmin) as server:
        frame, _, _ = fetched(provider(descriptor, server, days=2), Query(schema.ACTIVITIES, day(9), day(10), now=NOW))
        windows = [dict(parse_qsl(urlsplit(seen.target).query)) for seen in server.seen]
    assert sorted(frame["id"].str[-2:]) == ["56", "57"]
    first, last = int(day(9).timestamp()), int(NOW.timestamp())
    edges = [first, first + 86_400, first + 172_800, first + 259_200]
    assert [int(w["uploadStartTimeInSeconds"]) for w in windows] == edges[:3]  # two days later than the question ends
    assert [int(w["uploadEndTimeInSeconds"]) for w in windows] == edges[1:]
    assert edges[-1] < last
    assert server.seen[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_a_final_night_replaces_the_tentative_one() -> None:
    frame, report = rows(schema.SLEEP)
    night = frame.set_index("id", drop=False).loc[[f"{USER}-6a0e5e9a-6f54"]]
    assert filled(night, schema.SLEEP) == {
        "provider": "garmin",
        "id": f"{USER}-6a0e5e9a-6f54",
        "athlete_id": USER,
        "night": "2026-05-09T00:00:00",
        "start_time": "2026-05-08T20:40:10+00:00",
        "end_time": "2026-05-09T04:40:10+00:00",
        "start_time_local": "2026-05-08T22:40:10",
        "end_time_local": "2026-05-09T06:40:10",
        "utc_offset_s": 7200.0,
        "is_nap": False,
        "in_bed_s": 28800.0,
        "asleep_s": 26940.0,
        "awake_s": 1800.0,
        "light_s": 14400.0,
        "deep_s": 6000.0,
        "rem_s": 6540.0,
        "unscored_s": 60.0,
        "score": 87.0,
        "respiratory_rate_brpm": 15.5,
        "spo2_pct": 96.0,
        "scoring": "scored",
        "manual": False,
    }
    short = frame.set_index(frame["id"].str.rpartition("-")[2])
    [nap] = [k for k in short.index if short.is_nap[k]]
    assert (short.asleep_s[nap], short.manual[nap], short.end_time[nap].hour) == (1500.0, True, 12)
    corrected = short.loc["6a0e5e9b"]
    assert (corrected.unscored_s, corrected.manual, corrected.in_bed_s) == (300.0, True, 26400.0)
    assert [r.row.rpartition("-")[2] for r in report.rejected] == ["broken"]
    with FaultServer(garmin) as server:
        tentative, _, _ = fetched(provider(descriptor, server), Query(schema.SLEEP, day(8), day(9), now=day(9)))
    assert tentative.scoring.tolist() == ["tentative"]


def test_stages_of_sleep() -> None:
    frame, _ = rows(schema.SLEEP_STAGES)
    assert sorted(zip(frame.stage, frame.elapsed_s, strict=True)) == [
        ("awake", 600.0), ("deep", 3600.0), ("light", 4200.0), ("rem", 20400.0), ("unscored", 60.0),
    ]  # fmt: skip
    assert frame.sleep_id.nunique() == 1


def test_recovery_joins_the_parts_of_a_day() -> None:
    frame, _ = rows(schema.RECOVERY)
    short = frame.set_index("id", drop=False)
    assert filled(short.loc[["2026-05-09"]], schema.RECOVERY) == {
        "provider": "garmin",
        "id": "2026-05-09",
        "athlete_id": USER,
        "date": "2026-05-09T00:00:00",
        "sleep_score": 87.0,
        "stress_score": 31.0,
        "resting_heart_rate_bpm": 52.0,
        "average_heart_rate_bpm": 68.0,
        "max_heart_rate_bpm": 176.0,
        "hrv_rmssd_ms": 44.0,
        "spo2_pct": 96.0,
        "respiratory_rate_brpm": 15.5,
        "energy_kcal": 2500.0,
        "steps": 12345.0,
        "distance_m": 11800.0,
    }
    assert short.loc["2026-05-10", ["stress_score", "energy_kcal"]].isna().all()
    assert short.steps["2026-05-10"] == 900.0


def test_body_blood_and_oxygen() -> None:
    frame, report = rows(schema.HEALTH)
    short = frame.set_index(frame["id"].str[-2:])
    assert filled(short.loc[["b1"]], schema.HEALTH) == {
        "provider": "garmin", "id": f"{USER}-b1", "athlete_id": USER, "time": "2026-05-09T05:30:00+00:00",
        "time_local": "2026-05-09T07:30:00", "weight_kg": 90.718, "body_mass_index": 27.1, "body_fat_pct": 21.5,
        "body_water_pct": 55.5, "muscle_mass_kg": 35.5, "bone_mass_kg": 3.2,
    }  # fmt: skip
    assert short.time_local.isna()["b2"]
    assert list(short.loc["u1", ["time", "vo2max_ml_kg_min"]]) == [pd.Timestamp("2026-05-09", tz="UTC"), 47.3]
    assert list(short.loc["p1", ["systolic_mmhg", "diastolic_mmhg"]]) == [121.0, 79.0]
    assert report.rejected == []


def test_single_activities_are_found_by_walking_uploads_back() -> None:
    one, _ = rows(schema.ACTIVITIES, Query(schema.ACTIVITIES, id=RUN, now=NOW))
    assert (one["id"].tolist(), one.name.tolist()) == ([RUN], ["Geneva Running (edited)"])
    laps, _ = rows(schema.LAPS, Query(schema.LAPS, id=RUN, now=NOW))
    assert laps[["lap", "elapsed_s"]].to_numpy().tolist() == [[1.0, 1350.0], [2.0, 1350.0]]
    samples, report = rows(schema.STREAMS, Query(schema.STREAMS, id=RUN, now=NOW))
    assert samples.elapsed_s.tolist() == [0.0, 1.0, 15.0]  # irregular, and one sample could not be read
    assert samples.cadence_spm.tolist()[0] == 158.0  # samples count one leg
    assert list(samples.loc[1, ["stride_length_m", "ground_contact_time_ms", "vertical_oscillation_cm"]]) == [
        1.147, 248.5, 8.3,
    ]  # fmt: skip
    assert (samples.temperature_c[0], samples.altitude_m[0], samples.power_w[2]) == (14.0, 375.2, 255.0)
    assert [(r.field, r.value) for r in report.rejected] == [("heart_rate_bpm", "'lost'")]
    with pytest.raises(errors.NotFound, match="PIERRE_GARMIN_DAYS"):
        rows(schema.STREAMS, Query(schema.STREAMS, id="1", now=NOW))


def test_the_athlete() -> None:
    frame, _ = rows(schema.ATHLETE)
    assert filled(frame, schema.ATHLETE) == {"provider": "garmin", "id": USER}


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (
            json({"errorMessage": "User lacks HISTORICAL_DATA_EXPORT"}, 403),
            errors.AccessDenied,
            "HISTORICAL_DATA_EXPORT",
        ),
        (json({}, 412), errors.AccessDenied, "historical data"),
        (json({"errorMessage": "min start time: 2024-01-01"}, 400), errors.ApiError, "min start time"),
        (json({"errorMessage": "invalid token"}, 401), errors.AuthenticationFailed, "garmin"),
        (json({"errorMessage": "too many"}, 429), errors.RateLimited, "429"),
        (json({"error": "gone"}, 410), errors.ProviderRetired, "410"),
        (json(["x"], 400), errors.ApiError, "400"),
        (json({"errorMessage": "down"}, 503), errors.ApiError, "down"),
        (json({"items": []}), errors.PayloadError, "without a list"),
    ],
)
def test_errors_say_what_to_do(answer: Answer, kind: type[errors.PierreError], words: str) -> None:
    with FaultServer(answer) as server, pytest.raises(errors.PierreError) as caught:
        fetched(provider(descriptor, server), Query(schema.ACTIVITIES, now=NOW))
    assert type(caught.value) is kind
    assert words in str(caught.value)
    assert TOKEN not in repr(caught.value)


CLIENT = Secret("client-id-of-ours")
HEADERS = {"Garmin-Client-Id": CLIENT.reveal()}


def pushed(body: Any = None) -> tuple[Event, ...]:
    sent = payload("garmin/push/mixed.json") if body is None else body
    return descriptor.webhook(HEADERS, jsonlib.dumps(sent).encode(), CLIENT, NOW).events


def test_what_is_pushed_comes_as_rows_of_its_athlete() -> None:
    data = [e for e in pushed() if e.kind == "data"]
    assert [(e.table and e.table.name, e.id, e.athlete_id) for e in data] == [
        ("activities", None, USER),
        ("activities", None, "someone-else"),
        ("activities", None, USER),  # the details of the same activity
        ("streams", RUN, USER),
        ("laps", RUN, USER),
        ("sleep", None, USER),
        ("sleep_stages", None, USER),
        ("recovery", None, USER),
    ]
    for event in data:
        assert event.table is not None
        assert event.rows is not None
        parsed = parse_rows(event.rows, event.table, "garmin")
        assert parsed.rejected == []
    activities = parse_rows(data[0].rows, schema.ACTIVITIES, "garmin").table  # type: ignore[arg-type]
    assert activities["distance_m"].to_pylist() == [8042.7]
    recovery = parse_rows(data[-1].rows, schema.RECOVERY, "garmin").table  # type: ignore[arg-type]
    assert recovery["hrv_rmssd_ms"].to_pylist() == [44.0]


def test_pings_files_and_accounts_are_named() -> None:
    named = [(e.kind, e.table and e.table.name, e.id, e.athlete_id) for e in pushed() if e.kind != "data"]
    assert named == [
        ("update", "activities", None, USER),
        ("update", "activities", RUN, USER),
        ("update", "streams", RUN, USER),
        ("update", "laps", RUN, USER),
        ("disconnect", None, None, "gone"),
    ]
    [file] = [e for e in pushed() if e.table is schema.STREAMS and e.kind == "update"]
    assert file.time == dt.datetime(2026, 5, 9, 6, 2, 33, tzinfo=dt.UTC)


def test_repeats_and_nothing_are_fine() -> None:
    assert len(pushed()) == len(pushed())
    assert pushed({}) == ()
    assert pushed({"sleeps": [], "moods": [{}], "activities": [None, 3]}) == ()


@pytest.mark.parametrize(
    "url",
    [
        "https://apis.garmin.com.evil.example/wellness-api/rest/activities",
        "http://apis.garmin.com/wellness-api/rest/activities",
        "https://apis.garmin.com@evil.example/wellness-api/rest/activities",
        "https://user:pass@apis.garmin.com/wellness-api/rest/activities",
        "https://apis.garmin.com:444/wellness-api/rest/activities",
        "https://apis.garmin.com/other/",
        "file:///wellness-api/rest/",
    ],
)
def test_a_callback_leads_to_garmin_or_nothing_happens(url: str) -> None:
    with pytest.raises(errors.AccessDenied):
        pushed({"dailies": [{"userId": USER, "callbackURL": url}]})


def test_callbacks_are_kept_as_they_are() -> None:
    found = callbacks(payload("garmin/push/mixed.json"))
    assert [url.rpartition("&")[2] for url in found] == ["token=XYZ", "token=XYZ"]


def test_a_push_for_another_client_is_refused() -> None:
    for headers in ({}, {"garmin-client-id": "other"}, {"garmin-client-id": "Bär"}):
        with pytest.raises(errors.AccessDenied) as caught:
            descriptor.webhook(headers, b"{}", CLIENT, NOW)
        assert CLIENT.reveal() not in repr(caught.value)
    with pytest.raises(errors.ConfigurationError, match="PIERRE_GARMIN_WEBHOOK_SECRET"):
        descriptor.webhook(HEADERS, b"{}", None, NOW)
    with pytest.raises(errors.PayloadError):
        descriptor.webhook(HEADERS, b"[]", CLIENT, NOW)


@pytest.mark.parametrize(
    ("table", "file", "below"),
    [
        (schema.ACTIVITIES, "activities", ""),
        (schema.STREAMS, "activityDetails", "samples."),
        (schema.SLEEP, "sleeps", ""),
    ],
)
def test_every_wire_field_is_read_or_knowingly_ignored(table: schema.Table, file: str, below: str) -> None:
    single = table is schema.STREAMS
    accounted = wire_names(descriptor, table, single=single) | set(descriptor.endpoint(table, single=single).ignored)
    sent = {leaf.removeprefix(below) for leaf in leaves(payload(f"garmin/{file}.json")) if leaf.startswith(below)} - {
        ""
    }
    assert {s for s in sent if not any(s == a or s.startswith(f"{a}.") for a in accounted)} == set()


def test_consent_uses_pkce_and_no_scope() -> None:
    assert descriptor.oauth_params is not None
    assert descriptor.oauth_params.use_pkce
    assert descriptor.default_scopes == ()
    assert "garmin-export" in descriptor.access


def test_it_keeps_what_its_descriptor_promises() -> None:
    found = report("garmin")
    assert found.findings == ()
    assert "activities: its windows are time of upload; whoever keeps its rows cuts them." in found.notes
