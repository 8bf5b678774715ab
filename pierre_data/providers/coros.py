"""COROS, official Open API V2.0.6 (facts of November 2026): errors come with HTTP 200, the token in the query."""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Generator, Mapping
from typing import Any

from pydantic_core import from_json

from pierre_data import errors, schema, spi
from pierre_data.secret import Secret
from pierre_data.spi import Answer, Endpoint, Event, Field, Plan, Query, Received, Request, fields, number
from pierre_data.spi.reading import read_rows
from pierre_data.spi.signature import content, header, known

Row = dict[str, Any]
_HOST = "https://open.coros.com"  # since 2026-05 the only one
_SPORTS, _DAILY = "/v2/coros/sport/list", "/coros/daily/query"

# mode.subMode; 13.4 is seen in tests of others only (2026-11).  Numbers without a dot are the Training Hub's, another
# (unofficial) numbering that shows up in exports.
SPORTS = spi.Sports.grouped(
    """run=8.1,100 treadmill_run=8.2,101 ride=9.1,299 indoor_ride=9.2,201 open_water_swim=10.1,301 pool_swim=10.2,300
    triathlon=13.1,10000 multisport=13.2,10001 backcountry_ski=13.3,29.1,503,10002 rock_climb=13.4,33.2,106,10003
    mountaineering=14.1,105 trail_run=15.1,102 hike=16.1,104 workout=18.1,401,98 cardio_gym=18.2,34.2,400,901
    nordic_ski=19.1,502 track_run=20.1,103 alpine_ski=21.1,500 snowboard=21.2,501 other=22.1 strength=23.2,402
    row=24.1,700 indoor_row=24.2,701 kayak=25.1,26.1,702,704 windsurf=27.1,28.1,705,706 walk=31.1,900 road_ride=200
    ebike=202 gravel_ride=203 mountain_bike=204 emtb=205 indoor_climb=800,801 stair=902"""
)


def _positive(value: Any) -> float | None:
    return number(value) or None  # 0 means none


def _offset(quarters: Any) -> float:
    return number(quarters) * 900


def _local(seconds: Any, quarters: Any) -> dt.datetime | None:
    if seconds is None or quarters is None:
        return None
    return spi.epoch_seconds(number(seconds) + _offset(quarters)).replace(tzinfo=None)


def _night(seconds: Any, quarters: Any) -> dt.datetime | None:
    local = _local(seconds, quarters)
    return local and dt.datetime.combine(local, dt.time())


def _date(day: Any) -> dt.datetime:
    return dt.datetime.strptime(str(day), "%Y%m%d")


def _elapsed(start: Any, end: Any, duration: Any) -> float | None:
    return number(end) - number(start) if start and end else duration


def _pace(seconds_per_km: Any) -> float | None:
    return 1000 / number(seconds_per_km) if number(seconds_per_km) else None


def _steps(frequency: Any, sport: str | None) -> float | None:
    # 2026-11: documented as steps a minute; what it means on a bike is not known, so it counts on foot only.
    found = SPORTS.sport(sport or "")
    return _positive(frequency or 0) if found and schema.FAMILY[found[0]] in ("run", "walk") else None


def _day_energy(value: Any) -> float | None:
    # 2026-11: workouts count calories; the unit of days is not verified, but nobody spends 20 kcal, or 20,000, a day.
    energy = number(value)
    return (energy / 1000 if energy > 20_000 else energy) or None


def _data(body: Any) -> list[Row]:
    data = body.get("data") if isinstance(body, dict) else None
    if isinstance(data, dict):  # 2026-11: whether the list is named inside is not verified
        data = next((part for part in data.values() if isinstance(part, list)), None)
    return [row for row in data or () if isinstance(row, dict)]


def _workout(row: Row, whose: str | None) -> Row:
    mode, sub = (str(row.get(name)).removesuffix(".0") for name in ("mode", "subMode"))
    sport = mode if row.get("subMode") is None else f"{mode}.{sub}"
    return {"openId": whose, **row, "sport": sport if row.get("mode") is not None else None}


def _workouts(body: Any, query: Query) -> list[Row]:
    return [_workout(row, query.options.get("open_id")) for row in _data(body)]


def _days(body: Any, query: Query) -> list[Row]:
    # A day without the watch is a row of zeros, or of nothing.
    worn = [row for row in _data(body) if any(row.get(k) for k in ("rhr", "ppgHrv", "step", "calorie"))]
    return [{"openId": query.options.get("open_id"), **row} for row in worn]


def _nights(body: Any, query: Query) -> list[Row]:
    slept = [row for row in _data(body) if row.get("sleepStartTime") and row.get("sleepEndTime")]
    return [{"openId": query.options.get("open_id"), **row} for row in slept]


_OWN = fields("athlete_id=openId") | fields("utc_offset_s=startTimezone", via=_offset)
_WORKOUT = _OWN | fields(
    "id=labelId device=deviceName steps=step moving_s=duration elevation_gain_m=elevGain energy_kcal=calorie@cal"
)
# avgHeartRate and elevGain are not documented, but were seen in a push.
_WORKOUT |= fields("distance_m=distance average_heart_rate_bpm=avgHeartRate", via=_positive)
_WORKOUT |= {
    "sport": Field("sport", via=SPORTS),
    "start_time": Field("startTime", via=spi.epoch_seconds),
    "elapsed_s": Field("startTime", "endTime", "duration", via=_elapsed),
    "average_speed_mps": Field("avgSpeed", via=_pace),
    "average_cadence_spm": Field("avgFrequency", "sport", via=_steps),
}
_LAP = fields("activity_id lap kind distance_m=distance elapsed_s=duration name=sport")
# 2026-11: that ppgHrv is RMSSD is not verified.
_RECOVERY = fields("id=happenDay athlete_id=openId") | fields("date=happenDay", via=_date)
_RECOVERY |= fields("resting_heart_rate_bpm=rhr hrv_rmssd_ms=ppgHrv steps=step", via=_positive)
_RECOVERY |= fields("energy_kcal=calorie", via=_day_energy)
_SLEEP = _OWN | fields("id=happenDay") | fields("average_heart_rate_bpm=sleepAvgHr hrv_rmssd_ms=ppgHrv", via=_positive)
_SLEEP |= fields("start_time=sleepStartTime end_time=sleepEndTime", via=spi.epoch_seconds)
_SLEEP |= {
    "night": Field("sleepEndTime", "endTimezone", via=_night),
    "end_time_local": Field("sleepEndTime", "endTimezone", via=_local),
}


def _params(query: Query) -> dict[str, str]:
    if open_id := query.options.get("open_id"):
        return {"openId": open_id}  # the token is added when the request is signed
    fix = "Set PIERRE_COROS_OPEN_ID to the openId that came with the token."
    raise errors.ConfigurationError("COROS must be told whose data.", fix, provider="coros")


def _dates(after: dt.datetime | None, before: dt.datetime | None) -> dict[str, str]:
    ends = {"startDate": after, "endDate": before and before - dt.timedelta(microseconds=1)}  # both inclusive
    return {name: f"{time:%Y%m%d}" for name, time in ends.items() if time}


def _find(query: Query) -> Generator[Request, Any, Row]:
    # The call for one workout wants its mode and gives a FIT address only: the lists are walked, newest first.
    for window in _WINDOWS.windows(query.after, query.before, query.now):
        body = (yield Request(_SPORTS, {**_params(query), **_dates(*window)}, raw=True)).body
        for row in _workouts(body, query):
            if str(row.get("labelId")) == query.id:
                return row
    what = f"COROS has no workout {query.id} in the three months it answers for."
    raise errors.NotFound(what, "Ask for a newer one.", status=404, provider="coros")


def _one(query: Query) -> Plan:
    yield read_rows([(yield from _find(query))], _WORKOUT, schema.ACTIVITIES)


def _legs(query: Query) -> Plan:
    items = (yield from _find(query)).get("triathlonItemList") or ()
    rows = [{**_workout(item, None), "activity_id": query.id, "lap": at} for at, item in enumerate(items, 1)]
    for row in rows:
        row |= {"kind": "session", "sport": (SPORTS.sport(row["sport"] or "") or ("other",))[0]}
    yield read_rows(rows, _LAP, schema.LAPS)


def _athlete(query: Query) -> Plan:
    open_id = _params(query)["openId"]
    body = (yield Request("/coros/bindState", {"openId": open_id}, raw=True)).body
    if str((body.get("data") or {}).get("bindState")) != "1":
        raise errors.AccessDenied("COROS says this account is not bound.", "Connect again.", provider="coros")
    yield spi.Rows({"id": [open_id]})


def _good(body: Mapping[str, Any]) -> bool:
    return set(str(body.get("result"))) == {"0"} and str(body.get("message", "OK")).upper() == "OK"


def _faults(answer: Answer) -> errors.PierreError | None:
    try:
        body = from_json(answer.body)
        code = str(body["result"])
    except (ValueError, TypeError, LookupError):  # no envelope: the status decides
        return None
    if _good(body):
        return None
    what = f"COROS answered with code {code[:8]}."
    match code:
        case "5006":
            return errors.AuthenticationFailed(f"{what} The token is over.", "Connect again.")
        case "5010":
            return errors.AccessDenied(f"{what} The openId is wrong or not bound.", "Check PIERRE_COROS_OPEN_ID.")
        case "30009":
            return errors.AccessDenied(f"{what} The application lacks a permission.", "Ask api@coros.com for it.")
        case "5016":
            return errors.ApiError(f"{what} It is a passing fault.", "Try again later.", status=200, retryable=True)
    return errors.ApiError(what, "Report it if the question was a valid one.", status=200, retryable=False)


def _token(body: Mapping[str, Any]) -> dict[str, Any]:
    # A refresh answers without tokens: the same ones are good for another 30 days.
    if "result" in body and not _good(body):
        raise errors.AuthenticationFailed(f"COROS gave no token: code {str(body['result'])[:8]}.", "Connect again.")
    names = {"access_token": "accessToken", "refresh_token": "refreshToken", "expires_in": "expiresIn"}
    found = {name: body.get(name) or body.get(other) for name, other in names.items()}
    kept = {name: value for name, value in found.items() if value}
    return {"expires_in": 2_592_000, **kept, **({"openId": body["openId"]} if body.get("openId") else {})}


_REPLY = b'{"message":"ok","result":"0000"}'  # anything else is sent again


def receive(headers: Mapping[str, str], body: bytes, secret: Secret | None, now: dt.datetime) -> Received:
    """Read a push of workouts: it carries the application's own secret; repeats are normal.

    An empty body is the vendor's status check.

    Raises
    ------
    AccessDenied, ConfigurationError, PayloadError
        The secret is wrong; there is none to compare with; the body is no JSON object.
    """
    if not body:
        return Received(reply=_REPLY)
    key = known("coros", secret, "PIERRE_COROS_CLIENT_SECRET")
    if not hmac.compare_digest(key, header(headers, "secret").encode(errors="replace")):
        raise errors.AccessDenied("A push of coros has a wrong secret.", "Nothing changed.", provider="coros")
    found = content("coros", body).get("sportDataList")
    pushed = [_workout(row, None) for row in found or () if isinstance(row, dict)]
    users = list(dict.fromkeys(row.get("openId") for row in pushed))
    events = []
    for user in users:
        rows = read_rows([r for r in pushed if r.get("openId") == user], _WORKOUT, schema.ACTIVITIES)
        events.append(Event("data", schema.ACTIVITIES, athlete_id=user, rows=rows))
    return Received(tuple(events), reply=_REPLY)


# 30 days of the athlete's calendar at most, both ends count; the shortest three months less a day for zones.
_WINDOWS = spi.DateWindows(dt.timedelta(days=29), oldest=dt.timedelta(days=88))
_LIST: dict[str, Any] = {"paging": _WINDOWS, "params": _params, "window": _dates, "window_kind": "local_date"}
_LIST |= {"scopes": ("workout",)}
_ASLEEP = ("sleepAvgHr", "sleepStartTime", "sleepEndTime", "startTimezone", "endTimezone")

descriptor = spi.ProviderDescriptor(
    name="coros",
    display_name="COROS",
    api_base_url=_HOST,
    oauth_endpoints=spi.OAuthEndpoints(
        f"{_HOST}/oauth2/authorize", f"{_HOST}/oauth2/accesstoken", f"{_HOST}/oauth2/deauthorize"
    ),
    oauth_params=spi.OAuthParams(
        revoke="query",
        refresh_path="/oauth2/refresh-token",
        refresh_rotates=False,
        token_param="token",
        read_token=_token,
        account="openId",
    ),
    default_scopes=("workout",),
    options={
        "open_id": spi.Option(
            str, meaning="The athlete's openId, which came with the token.", required=True, from_account=True
        )
    },
    endpoints={
        schema.ACTIVITIES: Endpoint(
            _SPORTS,
            _WORKOUT,
            _workouts,
            **_LIST,
            ignored=(
                "mode",
                "subMode",
                "endTimezone",
                "planWorkoutId",
                "fitUrl",
                "triathlonItemList",
            ),
        ),
        schema.SLEEP: Endpoint(_DAILY, _SLEEP, _nights, **_LIST, ignored=("hrvList", "rhr", "step", "calorie")),
        schema.RECOVERY: Endpoint(_DAILY, _RECOVERY, _days, **_LIST, ignored=("hrvList", *_ASLEEP)),
        schema.ATHLETE: Endpoint(fields=fields("id"), plan_with=_athlete),
    },
    details={
        schema.ACTIVITIES: Endpoint("", _WORKOUT, plan_with=_one, columns=("sport_raw", "is_exercise")),
        schema.LAPS: Endpoint("", _LAP, plan_with=_legs),
    },
    limits=(spi.RateLimit(1000, minutes=1),),
    terms=spi.Terms("https://coros.com/terms", note="It answers for the last three months only."),
    faults=_faults,
    webhook=receive,
    register_url="https://support.coros.com",
    access="Partners, by an application to api@coros.com; free (2026-08).",
)
