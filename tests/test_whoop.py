"""WHOOP's documented answers become rows; its paging, limits and pushes are handled."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pytest

from pierre_data import errors, schema
from pierre_data.providers.whoop import descriptor
from pierre_data.providers.whoop_rows import SPORTS
from pierre_data.schema import Table
from pierre_data.secret import Secret
from pierre_data.spi import Query, Received, Token
from pierre_data.testing import ReplayServer
from tests.payload_tree import PAYLOADS, TOKEN, asked, fetched, filled, leaves, payload, provider, wire_names
from tests.provider_checks import report

NOW = dt.datetime(2026, 5, 12, 15, tzinfo=dt.UTC)
RUN = "0a1b2c3d-0001-4000-8000-000000000001"
PENDING = "0a1b2c3d-0002-4000-8000-000000000002"
NIGHT = "5e1f0000-0001-4000-8000-00000000aa01"


PAGES = (Token("next_token", "nextToken", 25), "records")
LISTS = dict.fromkeys(("/v2/cycle", "/v2/recovery", "/v2/activity/sleep"), PAGES)


def window(_path: str, params: Mapping[str, str], records: Sequence[Any]) -> list[Any]:
    """Cut by start as WHOOP does; the end is exclusive."""
    begun = [(r.get("start") or r["created_at"], r) for r in records]
    return [r for start, r in begun if params.get("start", "") <= start < params.get("end", "9")]


def whoop() -> ReplayServer:
    return ReplayServer(PAYLOADS / "whoop", descriptor, select=window, page_size=3, lists=LISTS)


def rows(table: Table, query: Query | None = None) -> tuple[pd.DataFrame, Any]:
    with whoop() as server:
        frame, report, _ = fetched(provider(descriptor, server), query or Query(table, now=NOW))
    return frame.set_index("id", drop=False) if "id" in frame else frame, report


def test_a_workout_in_our_columns_and_units() -> None:
    frame, _ = rows(schema.ACTIVITIES)
    assert filled(frame.loc[[RUN]], schema.ACTIVITIES) == {
        "provider": "whoop",
        "id": RUN,
        "athlete_id": "10129",
        "sport": "run",
        "sport_family": "run",
        "sport_raw": "running",
        "is_exercise": True,
        "start_time": "2026-05-09T11:02:33.120000+00:00",
        "start_time_local": "2026-05-09T06:02:33.120000",
        "utc_offset_s": -18000.0,
        "elapsed_s": 2700.5,
        "distance_m": 8042.7,
        "elevation_gain_m": 61.5,
        "energy_kcal": 500.0,
        "average_heart_rate_bpm": 148.0,
        "max_heart_rate_bpm": 176.0,
        "strain": 10.4521,
        "updated_at": "2026-05-09T12:05:00+00:00",
    }


def test_every_quirk_of_workouts_gives_the_right_row_or_a_report() -> None:
    frame, report = rows(schema.ACTIVITIES)
    short = frame.set_index(frame["id"].str[-1])
    assert short.index.tolist() == ["8", "7", "6", "5", "1", "2", "0"]
    assert short.sport.to_dict() == {
        "8": "other", "7": "yoga", "6": "other", "5": "strength", "1": "run", "2": "ride", "0": "track_run",
    }  # fmt: skip
    assert short.is_exercise.to_dict() == {k: k != "8" for k in short.index}
    assert short.sport_raw["7"] == "44"
    assert short.average_heart_rate_bpm["5"] == 121.0  # a number as text
    assert short.loc[["7", "6", "2"], "strain"].isna().all()
    assert short.utc_offset_s["8"] == 19800.0
    assert short.start_time_local["0"] == pd.Timestamp("2026-03-08T03:00:00")
    assert report.unknown_sports == {"underwater-chess": 1}
    assert {(r.row[-1], r.field, r.value) for r in report.rejected} == {
        ("9", "start", "'2026-05-12T06:00:00.000Z'"),
        ("4", "score.strain", "True"),
    }


def test_all_pages_are_asked_for_once_with_the_same_window() -> None:
    query = Query(schema.ACTIVITIES, dt.datetime(2026, 5, 9, tzinfo=dt.UTC), dt.datetime(2026, 5, 11, 6, tzinfo=dt.UTC))
    with whoop() as server:
        frame, _, _ = fetched(provider(descriptor, server), query)
        [(first, window), (second, more)] = asked(server)
    assert frame["id"].str[-1].tolist() == ["6", "5", "1"]  # 7 starts at the end, which is exclusive
    assert window == {"start": "2026-05-09T00:00:00.000Z", "end": "2026-05-11T06:00:00.000Z", "limit": "25"}
    assert (first, second) == ("/v2/activity/workout",) * 2
    assert more.pop("nextToken")
    assert more == window
    assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"


def test_sleep_in_our_columns_and_units() -> None:
    frame, report = rows(schema.SLEEP)
    assert filled(frame.loc[[NIGHT]], schema.SLEEP) == {
        "provider": "whoop",
        "id": NIGHT,
        "athlete_id": "10129",
        "night": "2026-05-09T00:00:00",
        "start_time": "2026-05-09T03:40:10+00:00",
        "end_time": "2026-05-09T11:40:10+00:00",
        "start_time_local": "2026-05-08T22:40:10",
        "end_time_local": "2026-05-09T06:40:10",
        "utc_offset_s": -18000.0,
        "is_nap": False,
        "in_bed_s": 28800.0,
        "asleep_s": 26940.0,
        "awake_s": 1800.0,
        "light_s": 14400.0,
        "deep_s": 6000.0,
        "rem_s": 6540.0,
        "unscored_s": 60.0,
        "needed_s": pytest.approx(27944.229),
        "wake_count": 12.0,
        "efficiency_pct": 93.75,
        "score": 98.0,
        "respiratory_rate_brpm": 16.11328125,
        "scoring": "scored",
        "updated_at": "2026-05-09T11:40:10+00:00",
    }
    assert frame.scoring.tolist() == ["rescoring", "unscorable", "pending", "scored", "scored"]
    assert frame.is_nap.tolist() == [False, False, False, True, False]
    assert frame.asleep_s.isna().tolist() == [True, True, True, False, False]
    assert frame.asleep_s.iloc[3] == 1500.0  # a stage that is null counts nothing
    assert frame.needed_s.isna().iloc[3]
    assert report.rejected == []


def test_recovery_joins_cycle_recovery_and_sleep() -> None:
    query = Query(
        schema.RECOVERY, dt.datetime(2026, 5, 9, tzinfo=dt.UTC), dt.datetime(2026, 5, 13, tzinfo=dt.UTC), now=NOW
    )
    frame, report = rows(schema.RECOVERY, query)
    assert filled(frame.loc[["93845"]], schema.RECOVERY) == {
        "provider": "whoop",
        "id": "93845",
        "athlete_id": "10129",
        "date": "2026-05-09T00:00:00",
        "recovery_score": 44.0,
        "sleep_score": 98.0,
        "strain": 15.2951,
        "resting_heart_rate_bpm": 64.0,
        "average_heart_rate_bpm": 68.0,
        "max_heart_rate_bpm": 176.0,
        "hrv_rmssd_ms": 31.813562,
        "spo2_pct": 95.6875,
        "respiratory_rate_brpm": 16.11328125,
        "skin_temperature_c": 33.7,
        "energy_kcal": 2000.0,
        "scoring": "scored",
        "updated_at": "2026-05-09T11:45:00+00:00",
    }
    assert frame.date.dt.day.to_dict() == {"93848": 12, "93847": 11, "93846": 10, "93845": 9}
    assert frame.recovery_score.isna().to_dict() == {"93848": True, "93847": True, "93846": True, "93845": False}
    assert frame.scoring["93846"] == "pending"
    assert report.rejected == []


def test_a_recovery_of_older_hardware_and_without_its_cycle() -> None:
    frame, _ = rows(schema.RECOVERY)
    old = frame.loc["93800"]
    assert (old.hrv_rmssd_ms, old.date) == (60.5, pd.Timestamp("2026-05-01"))
    assert old[["spo2_pct", "skin_temperature_c", "strain"]].isna().all()


def test_body_counts_for_the_day_of_the_question_and_the_athlete_is_one_row() -> None:
    body, _ = rows(schema.HEALTH)
    assert filled(body, schema.HEALTH) == {
        "provider": "whoop", "id": "2026-05-12", "time": "2026-05-12T00:00:00+00:00", "weight_kg": 90.7185,
        "height_m": 1.8288, "max_heart_rate_bpm": 200.0,
    }  # fmt: skip
    athlete, _ = rows(schema.ATHLETE)
    assert filled(athlete, schema.ATHLETE) == {
        "provider": "whoop", "id": "9007199254740993", "name": "John", "weight_kg": 90.7185, "height_m": 1.8288,
        "max_heart_rate_bpm": 200.0,
    }  # fmt: skip


def test_single_objects() -> None:
    one, _ = rows(schema.ACTIVITIES, Query(schema.ACTIVITIES, id=RUN))
    night, _ = rows(schema.SLEEP, Query(schema.SLEEP, id=NIGHT))
    assert (one.strain.tolist(), night.score.tolist()) == ([10.4521], [98.0])
    zones, _ = rows(schema.ZONES, Query(schema.ZONES, id=RUN))
    assert zones[["id", "kind", "zone", "elapsed_s"]].to_numpy().tolist() == [
        [RUN, "heart_rate", float(at), seconds] for at, seconds in enumerate([13.458, 389.37, 900, 1200, 197.172, 0])
    ]
    assert len(rows(schema.ZONES, Query(schema.ZONES, id=PENDING))[0]) == 0  # pending: no zones yet
    with pytest.raises(errors.NotFound):
        rows(schema.ACTIVITIES, Query(schema.ACTIVITIES, id="0a1b2c3d-ffff-4000-8000-000000000000"))


LIMITS = "100, 100;window=60, 10000;window=86400"


@pytest.mark.parametrize(
    ("limits", "reset", "kind", "wait"),
    [
        (LIMITS, "3", errors.RateLimited, 3.0),
        (LIMITS.replace("100,", "10000,", 1), "43200", errors.QuotaExceeded, 43200.0),
        (LIMITS, "soon", errors.RateLimited, None),
        ("nonsense", "", errors.RateLimited, None),
    ],
)
def test_its_limits_are_read(limits: str, reset: str, kind: type[errors.RateLimited], wait: float | None) -> None:
    headers = {"X-RateLimit-Limit": limits, "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
    with whoop() as server:
        server.fail("*", 429, headers=headers, times=9)
        made = provider(descriptor, server)
        with pytest.raises(errors.RateLimited) as caught:
            fetched(made, Query(schema.ACTIVITIES, now=NOW))
        made.disconnect()
    assert type(caught.value) is kind
    assert caught.value.retry_after == wait
    assert TOKEN not in f"{caught.value!r} {made!r}"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b"", errors.ApiError),
        (401, b"Authorization was not valid", errors.AuthenticationFailed),
        (403, b"", errors.AccessDenied),
        (500, b'{"message":', errors.ApiError),
    ],
)
def test_errors_without_a_specified_body(status: int, body: bytes, kind: type[errors.PierreError]) -> None:
    with whoop() as server:
        server.fail("*", status, body=body, times=9)
        made = provider(descriptor, server)
        with pytest.raises(kind):
            fetched(made, Query(schema.RECOVERY, now=NOW))
        made.disconnect()


@pytest.mark.parametrize("body", [b"[]", b'"soon"', b'{"records": {}}'])
def test_a_list_that_is_none_is_an_error(body: bytes) -> None:
    with whoop() as server:
        server.fail("/v2/cycle", 200, body=body)
        made = provider(descriptor, server)
        with pytest.raises(errors.PayloadError, match="without the list"):
            fetched(made, Query(schema.RECOVERY, now=NOW))
        made.disconnect()


SECRET = Secret("whoop-client-secret-canary")


def push(what: str, *, away_s: float = 0, secret: Secret | None = SECRET, sign: str = "", **more: Any) -> Received:
    body = json.dumps({"user_id": 10129, "id": NIGHT, "type": what, "trace_id": "e369c784"} | more).encode()
    stamp = f"{(NOW.timestamp() + away_s) * 1000:.0f}"
    digest = hmac.new(SECRET.reveal().encode(), stamp.encode() + body, hashlib.sha256).digest()
    headers = {"x-whoop-signature": sign or base64.b64encode(digest).decode(), "X-WHOOP-Signature-Timestamp": stamp}
    return descriptor.webhook(headers, body, secret, NOW)


@pytest.mark.parametrize(
    ("what", "kind", "table", "id"),
    [
        ("workout.updated", "update", schema.ACTIVITIES, NIGHT),
        ("workout.deleted", "delete", schema.ACTIVITIES, NIGHT),
        ("sleep.updated", "update", schema.SLEEP, NIGHT),
        ("sleep.deleted", "delete", schema.SLEEP, NIGHT),
        ("recovery.updated", "update", schema.RECOVERY, None),  # its id is the sleep's
        ("recovery.deleted", "delete", schema.RECOVERY, None),
    ],
)
def test_a_signed_push_says_what_changed(what: str, kind: str, table: Table, id: str | None) -> None:
    for received in (push(what), push(what, away_s=-3600)):  # repeats are normal
        [event] = received.events
        assert (event.kind, event.table, event.id, event.athlete_id) == (kind, table, id, "10129")
        assert (received.status, event.rows, event.time) == (200, None, None)


def test_pushes_not_known_yet_change_nothing() -> None:
    for what in ("cycle.updated", "workout.renamed", "workout", ""):
        assert push(what).events == ()
    [event] = push("sleep.updated", id=None, user_id=None).events
    assert (event.id, event.athlete_id) == (None, None)


def test_pushes_that_are_not_the_vendors_are_refused() -> None:
    for wrong in ({"sign": "AAAA"}, {"away_s": 3601}, {"away_s": -3601}, {"sign": "\udcff"}):
        with pytest.raises(errors.AccessDenied) as caught:
            push("sleep.updated", **wrong)
        assert SECRET.reveal() not in str(caught.value)
    with pytest.raises(errors.ConfigurationError, match="PIERRE_WHOOP_CLIENT_SECRET"):
        push("sleep.updated", secret=None)
    with pytest.raises(errors.AccessDenied):
        descriptor.webhook({}, b"{}", SECRET, NOW)


def test_all_123_sports_are_known_by_number_and_name() -> None:
    numbers = {w for w in {**SPORTS.known, **SPORTS.leisure} if w.lstrip("-").isdigit()}
    assert len(numbers) == 123
    for name, number, sport in (
        ("running", 0, "run"),
        (None, 0.0, "run"),
        ("", -1, "workout"),
        ("hiking-rucking", None, "hike"),
        ("Hiking/Rucking", None, "hike"),
        ("Barry's", None, "hiit"),
        ("new-sport", 44, "yoga"),
        ("solidcore", None, "pilates"),
        (7, None, "other"),
    ):
        assert SPORTS.word is not None
        word = SPORTS.word(name, number)
        assert (SPORTS.sport(word or "") or ("other", True))[0] == sport, (name, number)
    assert SPORTS.sport("snow-shoveling") == ("other", False)


def test_fields_read_and_fields_ignored_are_all_fields_there_are() -> None:
    for table, path in ((schema.ACTIVITIES, "activity/workout"), (schema.SLEEP, "activity/sleep")):
        endpoint = descriptor.endpoint(table)
        known = wire_names(descriptor, table) | set(endpoint.ignored)
        seen = leaves(payload(f"whoop/v2/{path}.json")["records"]) - {"score", "score.sleep_needed"}
        assert {s for s in seen if not any(s == k or s.startswith(f"{k}.") for k in known)} == set()
    seen = {f"recovery.{leaf}" for leaf in leaves(payload("whoop/v2/recovery.json")["records"])}
    seen |= {f"cycle.{leaf}" for leaf in leaves(payload("whoop/v2/cycle.json")["records"])}
    unread = seen - wire_names(descriptor, schema.RECOVERY)
    assert unread == {
        "recovery.score.user_calibrating", "recovery.sleep_id",  # the second joins
        "cycle.created_at", "cycle.end", "cycle.score_state",
    }  # fmt: skip


#: Rows and words that are odd on purpose.
ODD = {"underwater-chess", "0a1b2c3d-0004-4000-8000-000000000004", "0a1b2c3d-0009-4000-8000-000000000009"}


def test_it_conforms() -> None:
    found = report("whoop")
    assert found.findings == ()
    assert any("expected CSV" in line for line in found.verified)


def test_what_it_says_of_itself() -> None:
    assert descriptor.capabilities.value == 31
    assert descriptor.oauth_params is not None
    assert (descriptor.oauth_params.use_pkce, descriptor.oauth_params.revoke) == (False, "delete")
    assert "offline" in descriptor.default_scopes
    assert {s for e in (*descriptor.endpoints.values(), *descriptor.details.values()) for s in e.scopes} <= set(
        descriptor.default_scopes
    )
