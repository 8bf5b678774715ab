"""The Google Health API's documented answers become rows; its filters, pages, errors and pushes are handled."""

from __future__ import annotations

import datetime as dt
import json as jsonlib
import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pandas as pd
import pytest

from pierre_data import errors, schema
from pierre_data.providers.fitbit import descriptor
from pierre_data.secret import Secret
from pierre_data.spi import Query
from tests.fault_server import Answer, FaultServer, Line, json
from tests.payload_tree import PAYLOADS, TOKEN, fetched, filled, leaves, payload, provider, wire_names
from tests.provider_checks import report

NOW = dt.datetime(2026, 5, 14, 12, tzinfo=dt.UTC)
TYPES = "/users/me/dataTypes"
RUN = "8896720705452138001"
#: Rows of the payloads that are knowingly odd.
ODD = ("SPACE_WALK", "8896720705452138003", "8896720705452138004", "8896720705452138005", "500", "2", "1",
       "2026-05-08T13:30:00Z")  # fmt: skip


def day(of_may: int) -> dt.datetime:
    return dt.datetime(2026, 5, of_may, tzinfo=dt.UTC)


def google(line: Line) -> bool:
    """Answer as Google does: three points a page, an opaque token, no list when there is nothing."""
    target = urlsplit(line.request.target)
    params = dict(parse_qsl(target.query))
    file = PAYLOADS / "fitbit" / f"{target.path.strip('/').replace(':', '/')}.json"
    if not file.is_file():
        return json({"error": {"code": 404, "message": "Not found", "status": "NOT_FOUND"}}, 404)(line)
    body = jsonlib.loads(file.read_bytes())
    start = int(params.get("pageToken", "~0")[1:])
    rows = body.get("dataPoints")
    if rows is not None:
        more = {"nextPageToken": f"~{start + 3}"} if start + 3 < len(rows) else {}
        body = {"dataPoints": rows[start : start + 3], **more}
    return json(body)(line)


def asked(server: FaultServer) -> list[tuple[str, dict[str, str]]]:
    targets = [urlsplit(seen.target) for seen in server.seen]
    return [(target.path, dict(parse_qsl(target.query))) for target in targets]


def rows(table: schema.Table, query: Query | None = None, *script: Answer) -> tuple[pd.DataFrame, Any]:
    with FaultServer(*script, google) as server:
        frame, report, _ = fetched(provider(descriptor, server), query or Query(table, now=NOW))
    return frame, report


def test_an_exercise_in_our_columns_and_units() -> None:
    frame, _ = rows(schema.ACTIVITIES)
    assert filled(frame[frame["id"] == RUN], schema.ACTIVITIES) == {
        "provider": "fitbit",
        "id": RUN,
        "athlete_id": "7F3A-health-user",
        "name": "Morning run",  # the later of two copies
        "sport": "run",
        "sport_family": "run",
        "sport_raw": "RUNNING",
        "is_exercise": True,
        "start_time": "2026-05-09T13:02:33.123456+00:00",
        "start_time_local": "2026-05-09T06:02:33.123456",
        "utc_offset_s": -25200.0,
        "elapsed_s": 2849.876544,
        "moving_s": 2700.5,
        "distance_m": 8042.7,
        "elevation_gain_m": 61.5,
        "energy_kcal": 512.5,
        "steps": 7011.0,
        "average_speed_mps": pytest.approx(2.9782),
        "average_heart_rate_bpm": 148.0,
        "average_cadence_spm": 155.8,
        "ground_contact_time_ms": 248.5,
        "vertical_oscillation_cm": 8.3,
        "stride_length_m": 1.147,
        "manual": False,
        "has_gps": True,
        "device": "Pixel Watch 4",
        "updated_at": "2026-05-09T20:00:00+00:00",
    }


def test_every_quirk_of_exercises_gives_the_right_row_or_a_report() -> None:
    frame, report = rows(schema.ACTIVITIES)
    short = frame.set_index(frame["id"].str[-2:])
    assert short.sport.to_dict() == {
        "09": "other", "08": "other", "07": "pickleball", "06": "other", "11": "yoga", "02": "treadmill_run",
        "01": "run", "10": "run",
    }  # fmt: skip
    assert report.unknown_sports == {"SPACE_WALK": 1}
    assert short.is_exercise.to_dict() == {k: k != "08" for k in short.index}
    assert short.manual.to_dict() == {k: k == "08" for k in short.index}
    assert short.utc_offset_s[["09", "08"]].tolist() == [19800.0, 0.0]
    assert short.steps.isna()["02"]
    assert short.indoor.fillna(False).tolist() == [False, False, False, False, False, False, True, False]
    assert short.start_time_local["10"] == pd.Timestamp("2026-03-08T03:10:00")
    assert {(r.row[-2:], r.field, r.value) for r in report.rejected} == {
        ("03", "exercise.metricsSummary.distanceMillimeters", "True"),
        ("04", "exercise.interval.startUtcOffset", "'-07:00'"),
        ("05", "exercise.interval.startTime", "'2026-05-05T06:00:00Z'"),
    }


def test_windows_are_wider_in_local_time_and_cut_by_instant() -> None:
    with FaultServer(google) as server:
        frame, _, _ = fetched(
            provider(descriptor, server), Query(schema.ACTIVITIES, day(9), day(12) + dt.timedelta(hours=6))
        )
        requests = asked(server)
    assert frame["id"].str[-2:].tolist() == ["07", "06", "11", "01"]  # 08 begins at the end, which is exclusive
    wide = (
        'exercise.interval.civil_start_time >= "2026-05-08T00:00:00" AND '
        'exercise.interval.civil_start_time < "2026-05-13T06:00:00"'
    )
    assert requests[0] == (f"{TYPES}/exercise/dataPoints", {"filter": wide, "pageSize": "25"})
    assert [params.get("pageToken") for _, params in requests] == [None, "~3", "~6", "~9"]
    assert {params["filter"] for _, params in requests} == {wide}
    assert server.seen[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_sleep_in_our_columns_and_units() -> None:
    frame, report = rows(schema.SLEEP)
    assert filled(frame[frame["id"] == "501"], schema.SLEEP) == {
        "provider": "fitbit",
        "id": "501",
        "athlete_id": "7F3A-health-user",
        "night": "2026-05-09T00:00:00",
        "start_time": "2026-05-09T04:40:10+00:00",
        "end_time": "2026-05-09T12:40:10+00:00",
        "start_time_local": "2026-05-08T21:40:10",
        "end_time_local": "2026-05-09T05:40:10",
        "utc_offset_s": -25200.0,
        "is_nap": False,
        "in_bed_s": 28800.0,
        "asleep_s": 26940.0,
        "awake_s": 1860.0,
        "light_s": 14400.0,
        "deep_s": 6000.0,
        "rem_s": 6540.0,
        "latency_s": 600.0,
        "wake_count": 12.0,
        "scoring": "scored",
        "manual": False,
        "device": "Pixel Watch 4",
        "external_id": "50123456789012",
        "updated_at": "2026-05-09T12:50:00+00:00",
    }
    assert frame["id"].tolist() == ["504", "503", "501"]
    assert frame.scoring.tolist() == ["pending", "scored", "scored"]
    assert frame.is_nap.fillna(False).tolist() == [False, True, False]
    assert frame.end_time_local.iloc[0] == pd.Timestamp("2026-05-11T06:00:00")  # one hour east of its start
    assert frame.light_s.isna().tolist() == [True, True, False]
    assert [(r.row, r.field) for r in report.rejected] == [("500", "start_time")]


def test_sleep_is_asked_for_by_its_end() -> None:
    with FaultServer(google) as server:
        frame, _, _ = fetched(provider(descriptor, server), Query(schema.SLEEP, day(9), day(10)))
        [first, *_] = asked(server)
    assert frame["id"].tolist() == ["501"]
    assert first[1]["filter"] == (
        'sleep.interval.end_time >= "2026-05-09T00:00:00Z" AND sleep.interval.end_time < "2026-05-11T00:00:00Z"'
    )


def test_stages_of_sleep() -> None:
    frame, report = rows(schema.SLEEP_STAGES)
    assert frame[["sleep_id", "stage", "elapsed_s"]].to_numpy().tolist() == [
        ["503", "asleep", 1200.0],
        ["503", "awake", 300.0],  # restless counts as awake, as in the summary
        ["501", "awake", 600.0],
        ["501", "light", 4200.0],
        ["501", "deep", 3600.0],
        ["501", "rem", 3600.0],
        ["501", "unscored", 16800.0],
    ]
    assert len(report.rejected) == 1


def test_recovery_joins_the_daily_types() -> None:
    with FaultServer(google) as server:
        frame, report, _ = fetched(provider(descriptor, server), Query(schema.RECOVERY, day(9), day(11), now=NOW))
        requests = asked(server)
    assert filled(frame[frame["id"] == "2026-05-09"], schema.RECOVERY) == {
        "provider": "fitbit",
        "id": "2026-05-09",
        "athlete_id": "7F3A-health-user",
        "date": "2026-05-09T00:00:00",
        "resting_heart_rate_bpm": 52.0,  # the first of two sources
        "hrv_rmssd_ms": 31.8,
        "spo2_pct": 95.7,
        "respiratory_rate_brpm": 16.1,
        "skin_temperature_c": 33.75,
        "skin_temperature_deviation_c": 0.25,
    }
    assert frame["id"].tolist() == ["2026-05-10", "2026-05-09"]  # the eighth is outside
    assert requests[0][1] == {
        "filter": 'daily_resting_heart_rate.date >= "2026-05-08" AND daily_resting_heart_rate.date < "2026-05-12"',
        "pageSize": "10000",
    }
    assert len(report.rejected) == 1  # a point without date


def test_a_difference_needs_both_temperatures() -> None:
    frame, _ = rows(schema.RECOVERY)
    eighth = frame[frame["id"] == "2026-05-08"].iloc[0]
    assert (eighth.skin_temperature_c, eighth.respiratory_rate_brpm) == (33.25, 15.9)
    assert pd.isna(eighth.skin_temperature_deviation_c)


def test_bodies_of_one_time_are_one_row() -> None:
    frame, report = rows(schema.HEALTH)
    short = frame.set_index("id", drop=False)
    assert filled(short.loc[["2026-05-09T13:30:00Z"]], schema.HEALTH) == {
        "provider": "fitbit",
        "id": "2026-05-09T13:30:00Z",
        "athlete_id": "7F3A-health-user",
        "time": "2026-05-09T13:30:00+00:00",
        "time_local": "2026-05-09T06:30:00",
        "weight_kg": 90.7185,
        "body_fat_pct": 21.5,
        "device": "Aria Air",
    }
    assert short.height_m.dropna().tolist() == [1.829]
    assert short.body_temperature_c.dropna().tolist() == [37.5]
    assert short.blood_glucose_mg_dl.dropna().tolist() == [92.0]
    assert short.vo2max_ml_kg_min.dropna().to_dict() == {"2026-05-09T13:50:03Z": 47.3, "2026-05-09T00:00:00Z": 46.5}
    assert [(r.field, r.value) for r in report.rejected] == [("weight.weightGrams", "'heavy'")]


def test_the_athlete_and_what_is_paired() -> None:
    athlete, _ = rows(schema.ATHLETE)
    assert filled(athlete, schema.ATHLETE) == {
        "provider": "fitbit", "id": "7F3A-health-user", "timezone": "America/Los_Angeles",
        "measurement_system": "metric", "created_at": "2019-03-14T00:00:00+00:00",
    }  # fmt: skip
    gear, _ = rows(schema.GEAR)
    assert gear[["id", "kind", "model"]].to_numpy().tolist() == [
        ["2233", "tracker", "Pixel Watch 4"],
        ["2234", "scale", "Aria Air"],
    ]


def test_single_objects() -> None:
    one, _ = rows(schema.ACTIVITIES, Query(schema.ACTIVITIES, id=RUN))
    night, _ = rows(schema.SLEEP, Query(schema.SLEEP, id="501"))
    assert (one.name.tolist(), night.rem_s.tolist()) == (["Laufen"], [6540.0])
    zones, _ = rows(schema.ZONES, Query(schema.ZONES, id=RUN))
    assert zones[["zone", "name", "elapsed_s"]].to_numpy().tolist() == [
        [1.0, "light", 389.0], [2.0, "moderate", 1200.5], [3.0, "vigorous", 900.0], [4.0, "peak", 0.0],
    ]  # fmt: skip
    laps, _ = rows(schema.LAPS, Query(schema.LAPS, id=RUN))
    columns = ["lap", "kind", "elapsed_s", "moving_s", "distance_m", "average_cadence_spm"]
    assert laps[columns].iloc[0].tolist() == [1.0, "manual", 1350.0, 1200.5, 3500.0, 154.0]
    assert laps.kind.tolist() == ["manual", "split_type_from_tomorrow"]
    kilometres, _ = rows(schema.LAPS, Query(schema.LAPS, id=f"{RUN[:-1]}2"))
    assert kilometres[["lap", "kind", "distance_m"]].to_numpy().tolist() == [[1.0, "split", 1000.0]]
    with pytest.raises(errors.NotFound):
        rows(schema.ACTIVITIES, Query(schema.ACTIVITIES, id="1"))


def test_samples_are_the_track_and_the_heart_rate_type() -> None:
    frame, report = rows(schema.STREAMS, Query(schema.STREAMS, id=RUN))
    assert frame.elapsed_s.round(6).tolist() == [0.0, 0.876544, 4.876544]
    assert frame.heart_rate_bpm.tolist() == [103.0, 104.0, 110.0]  # finer than the track's own
    assert frame.latitude_deg.tolist()[:2] == [47.37, 47.37002]
    assert frame.altitude_m.tolist()[:2] == [408.0, 408.2]
    assert frame.id.unique().tolist() == [RUN]
    assert [(r.field, r.value) for r in report.rejected] == [("heart_rate_bpm", "'lost'")]


def test_an_exercise_without_gps_asks_for_no_track() -> None:
    with FaultServer(google) as server:
        frame, _, _ = fetched(provider(descriptor, server), Query(schema.STREAMS, id=f"{RUN[:-1]}2"))
        paths = [path for path, _ in asked(server)]
    assert not any("Tcx" in path for path in paths)
    assert frame.heart_rate_bpm.tolist() == [103.0, 104.0, 110.0]
    with pytest.raises(errors.PayloadError, match="without times"):
        rows(schema.STREAMS, Query(schema.STREAMS, id=f"{RUN[:-1]}5"))


def fault(code: int, status: str, reason: str = "") -> Answer:
    details = [
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "health.googleapis.com"}
    ]
    body = {"code": code, "message": "said by Google", "status": status, **({"details": details} if reason else {})}
    return json({"error": body}, code)


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (fault(400, "FAILED_PRECONDITION", "ACCOUNT_NOT_LINKED"), errors.AccessDenied, "no Fitbit data"),
        (fault(400, "INVALID_ARGUMENT", "INVALID_DATA_POINT_FILTER"), errors.ApiError, "said by Google"),
        (fault(401, "UNAUTHENTICATED", "INVALID_AUTHENTICATOR"), errors.AuthenticationFailed, "fitbit"),
        (fault(403, "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"), errors.AccessDenied, "every box"),
        (fault(403, "PERMISSION_DENIED", "SERVICE_DISABLED"), errors.AccessDenied, "Enable it"),
        (fault(403, "PERMISSION_DENIED"), errors.AccessDenied, "said by Google"),
        (fault(429, "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED"), errors.RateLimited, "said by Google"),
        (json({"errors": [{"errorType": "gone"}]}, 410), errors.ProviderRetired, "fitbit-export"),
        (json([], 403), errors.AccessDenied, "403"),
    ],
)
def test_errors_say_what_to_do(answer: Answer, kind: type[errors.PierreError], words: str) -> None:
    with FaultServer(answer) as server, pytest.raises(errors.PierreError) as caught:
        fetched(provider(descriptor, server), Query(schema.ACTIVITIES, now=NOW))
    assert type(caught.value) is kind
    assert words in str(caught.value)
    assert TOKEN not in repr(caught.value)


KEY = Secret("Bearer canary-subscriber-secret")
AUTHORIZATION = {"authorization": KEY.reveal()}


def test_a_handshake_is_answered_with_and_without_its_header() -> None:
    body = b'{"type":"verification"}'
    assert descriptor.webhook(AUTHORIZATION, body, KEY, NOW).status == 201
    assert descriptor.webhook({}, body, KEY, NOW).status == 401
    assert descriptor.webhook({"Authorization": "Bearer other"}, body, KEY, NOW).status == 401


def note(kind: str, operation: str, *spans: tuple[str, str]) -> dict[str, Any]:
    intervals = [{"physicalTimeInterval": {"startTime": a, "endTime": b}} for a, b in spans]
    data = {"version": "1", "healthUserId": "7F3A", "operation": operation, "dataType": kind, "intervals": intervals}
    return {"data": data}


def test_a_notification_names_tables_and_times() -> None:
    new_year = ("2025-12-31T23:00:00Z", "2026-01-01T00:30:00Z")
    body = [
        note("exercise", "UPSERT", new_year),
        note("sleep", "DELETE", ("2026-05-09T04:40:10Z", "2026-05-09T12:40:10Z")),
    ]
    got = descriptor.webhook(AUTHORIZATION, jsonlib.dumps(body).encode(), KEY, NOW)
    assert got.status == 204
    assert [(e.kind, e.table, e.time and e.time.month, e.athlete_id, e.rows) for e in got.events] == [
        ("update", schema.ACTIVITIES, 12, "7F3A", None),
        ("update", schema.ACTIVITIES, 1, "7F3A", None),
        ("delete", schema.SLEEP, 5, "7F3A", None),
        ("delete", schema.SLEEP_STAGES, 5, "7F3A", None),
    ]
    one = descriptor.webhook(AUTHORIZATION, jsonlib.dumps(note("weight", "UPSERT")).encode(), KEY, NOW)
    assert [(e.table, e.time) for e in one.events] == [(schema.HEALTH, None)]
    other = descriptor.webhook(AUTHORIZATION, jsonlib.dumps(note("moods", "UPSERT")).encode(), KEY, NOW)
    assert other.events == ()


def test_a_false_notification_is_refused() -> None:
    body = jsonlib.dumps(note("exercise", "DELETE")).encode()
    for headers in ({}, {"Authorization": "Bearer other"}, {"Authorization": "Bäcker"}):
        with pytest.raises(errors.AccessDenied) as caught:
            descriptor.webhook(headers, body, KEY, NOW)
        assert "canary" not in repr(caught.value)
    with pytest.raises(errors.ConfigurationError, match="PIERRE_FITBIT_WEBHOOK_SECRET"):
        descriptor.webhook(AUTHORIZATION, body, None, NOW)
    with pytest.raises(errors.PayloadError):
        descriptor.webhook(AUTHORIZATION, b"[nothing", KEY, NOW)


@pytest.mark.parametrize(("table", "list_"), [(schema.ACTIVITIES, "exercise"), (schema.SLEEP, "sleep")])
def test_every_wire_field_is_read_or_knowingly_ignored(table: schema.Table, list_: str) -> None:
    endpoint = descriptor.endpoint(table)
    accounted = wire_names(descriptor, table) | set(endpoint.ignored)
    sent = {
        leaf.removeprefix("dataPoints.")
        for leaf in leaves(payload(f"fitbit/users/me/dataTypes/{list_}/dataPoints.json"))
    }
    assert {s for s in sent if not any(s == a or s.startswith(f"{a}.") for a in accounted)} == set()


def test_the_whole_vocabulary_is_mapped() -> None:
    sports: Any = descriptor.endpoint(schema.ACTIVITIES).fields["sport"].via
    assert len(sports.known) + len(sports.leisure) == 182  # and EXERCISE_TYPE_UNSPECIFIED
    assert all(re.fullmatch("[a-z0-9_]+", word) for word in sports.known)
    assert sports.sport("GARDENING") == ("other", False)


def test_what_is_announced() -> None:
    assert "7 days" in descriptor.access
    assert not any("/fitness." in scope for scope in descriptor.default_scopes)
    assert all(scope in descriptor.default_scopes for e in descriptor.endpoints.values() for scope in e.scopes)


def test_it_keeps_what_its_descriptor_promises() -> None:
    found = report("fitbit")
    assert found.findings == ()
    assert found.delivered["streams/{id}"] > 0  # its path holds a colon
    assert "Paging delivers every row once, ends, and never asks for a page twice." in found.verified
