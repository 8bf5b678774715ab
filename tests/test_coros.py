"""COROS' documented answers become rows; errors inside HTTP 200, its windows, tokens and pushes are handled."""

from __future__ import annotations

import datetime as dt
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pytest

from pierre_data import errors, schema
from pierre_data.cache import CachingProvider
from pierre_data.cache.memory import MemoryStore
from pierre_data.fetch import FetchContext, ProviderReport, parse_rows
from pierre_data.providers.coros import descriptor
from pierre_data.providers.coros_rows import SPORTS
from pierre_data.schema import Table
from pierre_data.secret import Secret
from pierre_data.spi import Query
from pierre_data.testing import ReplayServer
from tests.payload_tree import PAYLOADS, TOKEN, asked, fetched, filled, leaves, payload, provider, wire_names
from tests.provider_checks import report

NOW = dt.datetime(2026, 11, 5, 15, tzinfo=dt.UTC)
OCTOBER = (dt.datetime(2026, 10, 1, tzinfo=dt.UTC), dt.datetime(2026, 11, 1, tzinfo=dt.UTC))
RUN, TRIATHLON = "478123456789012345", "478123456789012349"


def days(path: str, params: Mapping[str, str], rows: Sequence[Any]) -> list[Any]:
    """Cut by calendar day, both ends inclusive; what says no day always comes."""
    dates = [str(r.get("happenDay") or _day(r)) for r in rows]
    start, end = params.get("startDate", ""), params.get("endDate", "9")
    return [r for r, date in zip(rows, dates, strict=True) if not date.isdigit() or start <= date <= end]


def _day(row: Mapping[str, Any]) -> str:
    start = row["startTime"]
    if isinstance(start, str):
        return start
    local = start + 900 * (row.get("startTimezone") or 0)
    return f"{dt.datetime.fromtimestamp(local, dt.UTC):%Y%m%d}"


def coros() -> ReplayServer:
    return ReplayServer(PAYLOADS / "coros", descriptor, select=days)


def rows(table: Table, query: Query | None = None) -> tuple[pd.DataFrame, Any]:
    with coros() as server:
        made = provider(descriptor, server, open_id="open-1")
        frame, report, _ = fetched(made, query or Query(table, *OCTOBER, now=NOW))
    return frame.set_index("id", drop=False) if "id" in table.key else frame, report


def test_a_workout_in_our_columns_and_units() -> None:
    frame, _ = rows(schema.ACTIVITIES)
    assert filled(frame.loc[[RUN]], schema.ACTIVITIES) == {
        "provider": "coros",
        "id": RUN,
        "athlete_id": "open-1",
        "sport": "run",
        "sport_family": "run",
        "sport_raw": "8.1",
        "is_exercise": True,
        "start_time": "2026-10-25T08:00:00+00:00",
        "start_time_local": "2026-10-25T09:00:00",
        "utc_offset_s": 3600.0,
        "elapsed_s": 3130.0,
        "moving_s": 3000.0,
        "distance_m": 10012.0,
        "elevation_gain_m": 85.0,
        "energy_kcal": 650.0,
        "steps": 8600.0,
        "average_speed_mps": pytest.approx(1000 / 300),
        "average_heart_rate_bpm": 148.0,
        "average_cadence_spm": 172.0,
        "device": "COROS PACE 3",
    }


def test_every_quirk_of_workouts_gives_the_right_row_or_a_report() -> None:
    frame, report = rows(schema.ACTIVITIES)
    short = frame.set_index(frame["id"].str[-2:])
    assert short.sport.to_dict() == {
        "46": "pool_swim", "47": "ride", "48": "strength", "49": "triathlon", "50": "other", "51": "other",
        "54": "hike", "45": "run",
    }  # fmt: skip
    assert short.is_exercise.all()
    assert short.energy_kcal[["46", "47"]].tolist() == pytest.approx([117.738, 391.22])
    assert short.average_cadence_spm[["46", "47"]].isna().all()  # strokes and turns are no steps
    assert short.utc_offset_s[["46", "47", "50", "51"]].tolist() == [28800.0, -12600.0, 20700.0, 0.0]
    assert short.start_time_local.isna()["48"]
    assert (short.elapsed_s["47"], short.average_speed_mps.isna()["47"]) == (3600.0, True)
    assert short.loc["48", ["distance_m", "average_heart_rate_bpm", "energy_kcal"]].isna().all()
    assert (short.sport_raw["50"], short.sport_raw["54"]) == ("77.3", "104")
    assert report.unknown_sports == {"77.3": 1}
    assert {(r.row[-2:], r.field, r.value) for r in report.rejected} == {
        ("52", "startTime", "'soon'"), ("8", "id", "missing"), ("53", "duration", "True"),
    }  # fmt: skip


def test_windows_have_at_most_30_days_and_reach_three_months_back() -> None:
    with coros() as server:
        fetched(provider(descriptor, server, open_id="open-1"), Query(schema.ACTIVITIES, now=NOW))
        requests = sorted(asked(server), key=lambda seen: seen[1]["startDate"], reverse=True)  # they go side by side
    for path, params in requests:
        assert path == "/v2/coros/sport/list"
        assert (params["token"], params["openId"]) == (TOKEN, "open-1")
        assert 1 <= len(pd.date_range(params["startDate"], params["endDate"])) <= 30
    starts, ends = [p["startDate"] for _, p in requests], [p["endDate"] for _, p in requests]
    assert (min(starts), max(ends)) == ("20260809", "20261106")
    assert all(start <= end for start, end in zip(starts, ends[1:], strict=False))  # no day between two windows
    assert all("authorization" not in seen.headers for seen in server.requests)


def test_the_token_in_the_query_is_never_seen(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with coros() as server:
        server.fail("*", 200, body=json.dumps({"result": "1008", "message": f"bad {TOKEN}"}).encode(), after=2)
        fetched(provider(descriptor, server, open_id="open-1"), Query(schema.SLEEP, *OCTOBER, now=NOW))
        made = provider(descriptor, server, open_id="open-1")
        with pytest.raises(errors.ApiError) as caught:
            fetched(made, Query(schema.ACTIVITIES, *OCTOBER, now=NOW))
        made.disconnect()
    assert TOKEN not in f"{caught.value!r} {caught.value.body} {made!r} {caplog.text}"


def test_nights_in_our_columns_and_units() -> None:
    frame, report = rows(schema.SLEEP)
    assert frame["id"].tolist() == ["20261025"]
    assert filled(frame, schema.SLEEP) == {
        "provider": "coros",
        "id": "20261025",
        "athlete_id": "open-1",
        "night": "2026-10-25T00:00:00",
        "start_time": "2026-10-24T22:30:00+00:00",
        "end_time": "2026-10-25T06:15:00+00:00",
        "start_time_local": "2026-10-24T23:30:00",
        "end_time_local": "2026-10-25T06:15:00",  # the clocks went back that night
        "utc_offset_s": 3600.0,
        "average_heart_rate_bpm": 51.0,
        "hrv_rmssd_ms": 62.0,
    }
    assert report.rejected == []


def test_days_in_our_columns_and_units() -> None:
    frame, report = rows(schema.RECOVERY)
    assert filled(frame, schema.RECOVERY) == {
        "provider": "coros",
        "id": "20261025",
        "athlete_id": "open-1",
        "date": "2026-10-25T00:00:00",
        "resting_heart_rate_bpm": 46.0,
        "hrv_rmssd_ms": 62.0,
        "energy_kcal": 2450.0,
        "steps": 14012.0,
    }
    assert frame["id"].tolist() == ["20261025", "20261026"]  # no row for a day without the watch
    assert (frame.energy_kcal["20261026"], frame.date["20261026"]) == (2300.0, pd.Timestamp("2026-10-26"))
    assert frame.hrv_rmssd_ms.isna()["20261026"]
    assert [(r.row, r.field, r.value) for r in report.rejected] == [("20261028", "rhr", "'fast'")]


def test_one_workout_and_its_parts() -> None:
    one, _ = rows(schema.ACTIVITIES, Query(schema.ACTIVITIES, id=RUN, now=NOW))
    assert one[["id", "sport", "energy_kcal", "is_exercise"]].to_numpy().tolist() == [[RUN, "run", 650.0, True]]
    laps, _ = rows(schema.LAPS, Query(schema.LAPS, id=TRIATHLON, now=NOW))
    assert laps[["id", "lap", "kind", "name", "distance_m", "elapsed_s"]].to_numpy().tolist() == [
        [TRIATHLON, 1.0, "session", "open_water_swim", 1500.0, 1700.0],
        [TRIATHLON, 2.0, "session", "ride", 40000.0, 4500.0],
        [TRIATHLON, 3.0, "session", "other", 10000.0, 2600.0],
    ]
    assert len(rows(schema.LAPS, Query(schema.LAPS, id=RUN, now=NOW))[0]) == 0
    began, far = rows(schema.ACTIVITIES)[0].start_time[TRIATHLON], dt.datetime(2026, 8, 20, 6, tzinfo=dt.UTC)
    with coros() as server:
        for near, requests in ((began, 1), (far, 2)):  # a wrong guess costs one
            query = Query(schema.LAPS, id=TRIATHLON, near=near, now=NOW)
            assert len(fetched(provider(descriptor, server, open_id="open-1"), query)[0]) == 3
            assert len(server.requests) == requests
            server.requests.clear()
    with pytest.raises(errors.NotFound, match="three months"):
        rows(schema.LAPS, Query(schema.LAPS, id="1", now=NOW))


def test_the_athlete_is_who_is_bound() -> None:
    frame, _ = rows(schema.ATHLETE)
    assert filled(frame, schema.ATHLETE) == {"provider": "coros", "id": "open-1"}
    for data in ({"bindState": 0}, None):
        with coros() as server:
            server.fail("*", 200, body=json.dumps({"result": "0000", "message": "OK", "data": data}).encode())
            made = provider(descriptor, server, open_id="open-1")
            with pytest.raises(errors.AccessDenied, match="not bound"):
                fetched(made, Query(schema.ATHLETE))
            made.disconnect()


def test_without_an_open_id_nothing_is_asked() -> None:
    with coros() as server:
        made = provider(descriptor, server)
        with pytest.raises(errors.ConfigurationError, match="PIERRE_COROS_OPEN_ID"):
            fetched(made, Query(schema.SLEEP, *OCTOBER, now=NOW))
        assert server.requests == []


@pytest.mark.parametrize(
    ("result", "message", "kind", "retryable"),
    [
        ("5006", "access token is invalid", errors.AuthenticationFailed, False),
        ("5010", "openId is invalid", errors.AccessDenied, False),
        ("5016", "try again", errors.ApiError, True),
        ("30009", "no permission", errors.AccessDenied, False),
        ("1031", "date out of range", errors.ApiError, False),
        (1008, "", errors.ApiError, False),
        ("0000", "FAIL", errors.ApiError, False),
        (None, "what", errors.ApiError, False),
    ],
)
def test_errors_come_with_http_200(
    result: object, message: str, kind: type[errors.PierreError], retryable: bool
) -> None:
    with coros() as server:
        server.fail("*", 200, body=json.dumps({"result": result, "message": message}).encode(), times=9)
        made = provider(descriptor, server, open_id="open-1")
        with pytest.raises(kind) as caught:
            fetched(made, Query(schema.ACTIVITIES, *OCTOBER, now=NOW))
        made.disconnect()
    assert type(caught.value) is kind
    assert (caught.value.retryable, caught.value.provider) == (retryable, "coros")


@pytest.mark.parametrize("status", [429, 500])
def test_errors_that_come_with_their_own_status(status: int) -> None:
    with coros() as server:
        server.fail("*", status, body=b"busy", times=9)
        made = provider(descriptor, server, open_id="open-1")
        with pytest.raises(errors.PierreError) as caught:
            fetched(made, Query(schema.ACTIVITIES, *OCTOBER, now=NOW))
        made.disconnect()
    assert type(caught.value) is {429: errors.RateLimited, 500: errors.ApiError}[status]


@pytest.mark.parametrize("data", [None, [], {}, {"sportDataList": []}])
def test_no_workouts_are_no_error(data: object) -> None:
    with coros() as server:
        server.fail("*", 200, body=json.dumps({"result": "0000", "message": "OK", "data": data}).encode(), times=9)
        made = provider(descriptor, server, open_id="open-1")
        assert len(fetched(made, Query(schema.ACTIVITIES, *OCTOBER, now=NOW))[0]) == 0


def test_tokens_in_either_spelling_and_a_refresh_without_any() -> None:
    assert descriptor.oauth_params is not None
    read = descriptor.oauth_params.read_token
    assert read is not None
    whole = {"access_token": "a", "refresh_token": "r", "expires_in": 2592000, "openId": "open-1"}
    assert read(whole) == whole
    assert read({"accessToken": "a", "refreshToken": "r", "expiresIn": 2592000, "openId": "open-1"}) == whole
    assert read({"result": "0000", "message": "OK"}) == {"expires_in": 2592000}
    with pytest.raises(errors.AuthenticationFailed, match="code 5006"):
        read({"result": "5006", "message": "invalid"})
    assert (descriptor.oauth_params.refresh_path, descriptor.oauth_params.account) == (
        "/oauth2/refresh-token", "openId",
    )  # fmt: skip


SECRET = Secret("coros-client-secret-canary")


def test_pushed_workouts_equal_those_that_are_asked_for() -> None:
    body = json.dumps(payload("coros/pushes/sports.json")).encode()
    received = descriptor.webhook({"Client": "1", "Secret": SECRET.reveal()}, body, SECRET, NOW)
    assert (received.status, json.loads(received.reply)) == (200, {"message": "ok", "result": "0000"})
    one, two = received.events
    assert [(e.kind, e.table, e.athlete_id) for e in (one, two)] == [
        ("data", schema.ACTIVITIES, "open-1"), ("data", schema.ACTIVITIES, "open-2"),
    ]  # fmt: skip
    assert one.rows is not None
    parsed = parse_rows(one.rows, schema.ACTIVITIES, "coros")
    pushed = schema.ACTIVITIES.from_arrow([parsed.table])
    pulled = rows(schema.ACTIVITIES)[0].loc[[RUN, TRIATHLON]].reset_index(drop=True)
    pd.testing.assert_frame_equal(pushed, pulled)
    assert [(r.row, r.field) for r in parsed.rejected] == [("4", "startTime")]


def test_pushes_that_are_not_the_vendors_are_refused() -> None:
    for headers in ({}, {"secret": "wrong"}, {"secret": "\udcff"}):
        with pytest.raises(errors.AccessDenied) as caught:
            descriptor.webhook(headers, b'{"sportDataList":[]}', SECRET, NOW)
        assert SECRET.reveal() not in str(caught.value)
    with pytest.raises(errors.ConfigurationError, match="PIERRE_COROS_CLIENT_SECRET"):
        descriptor.webhook({"secret": "x"}, b"{}", None, NOW)
    with pytest.raises(errors.PayloadError):
        descriptor.webhook({"secret": SECRET.reveal()}, b"[]", SECRET, NOW)
    assert descriptor.webhook({"secret": SECRET.reveal()}, b"{}", SECRET, NOW).events == ()
    assert descriptor.webhook({}, b"", None, NOW).status == 200  # the status check


def test_every_mode_is_known() -> None:
    modes = """8.1 8.2 9.1 9.2 10.1 10.2 13.1 13.2 13.3 13.4 14.1 15.1 16.1 18.1 18.2 19.1 20.1 21.1 21.2 22.1 23.2 24.1
    24.2 25.1 26.1 27.1 28.1 29.1 31.1 33.2 34.2"""
    hub = """100 101 102 103 104 105 106 200 201 202 203 204 205 299 300 301 400 401 402 500 501 502 503 700 701 702 704
    705 706 800 801 900 901 902 98 10000 10001 10002 10003"""
    assert set(SPORTS.known) == {*modes.split(), *hub.split()}


def test_fields_read_and_fields_ignored_are_all_fields_there_are() -> None:
    workouts = wire_names(descriptor, schema.ACTIVITIES) | set(descriptor.endpoint(schema.ACTIVITIES).ignored)
    seen = leaves(payload("coros/v2/coros/sport/list.json")["data"])
    assert {s for s in seen if s.partition(".")[0] not in workouts} == set()
    assert wire_names(descriptor, schema.ACTIVITIES) - seen == {"sport", "openId"}  # made, and from the options
    daily = leaves(payload("coros/coros/daily/query.json")["data"])
    for table in (schema.SLEEP, schema.RECOVERY):
        known = wire_names(descriptor, table) | set(descriptor.endpoint(table).ignored)
        assert {s for s in daily if s.partition(".")[0] not in known} == set(), table


ODD = {"77.3", "478123456789012352", "478123456789012353", "8", "20261028"}  # rows and words that are odd on purpose


def test_it_conforms() -> None:
    found = report("coros")
    assert found.findings == ()
    assert any("expected CSV" in line for line in found.verified)


def test_what_it_says_of_itself() -> None:
    assert descriptor.capabilities.value == 15
    assert descriptor.oauth_params is not None
    assert descriptor.oauth_params.token_param == "token"
    assert set(descriptor.tables()) == {"activities", "athlete", "sleep", "recovery", "laps"}


def test_a_question_that_goes_further_back_than_the_vendor_says_so() -> None:
    reach, march = NOW - dt.timedelta(days=88), dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    assert rows(schema.ACTIVITIES)[1].cut_at is None
    for after in (None, march):
        report = rows(schema.SLEEP, Query(schema.SLEEP, after, now=NOW))[1]
        assert report.cut_at == reach
        assert "coros: answers for sleep since 2026-08-09 only." in report.lines()
        assert (report.error, report.missing) == (None, "")  # the vendor has no more
    assert rows(schema.ATHLETE)[1].cut_at is None


def test_what_is_kept_says_too_how_far_back_it_goes() -> None:
    query = Query(schema.ACTIVITIES, dt.datetime(2026, 3, 1, tzinfo=dt.UTC), OCTOBER[1], now=NOW)
    with coros() as server:
        inside = provider(descriptor, server, open_id="open-1")
        made = CachingProvider(inside, MemoryStore(), descriptor, now=NOW.timestamp)
        counts = []
        for _ in range(2):
            watch = FetchContext(ProviderReport("coros", "activities"))
            counts.append((made.fetch(query, watch).report.cut_at, len(server.requests)))
        single = FetchContext(ProviderReport("coros", "activities"))
        fetched = made.fetch(Query(schema.ACTIVITIES, id=RUN, now=NOW), single)
        made.close()
    assert counts == [(NOW - dt.timedelta(days=88), 3)] * 2
    assert fetched.report.cut_at is None
