"""COROS, official Open API V2.0.6 (facts of November 2026): errors come with HTTP 200, the token in the query."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Generator, Iterator, Mapping
from functools import partial
from typing import Any

import pierre_data.providers.coros_rows as wire
from pierre_data import errors, schema, spi
from pierre_data.providers.coros_rows import Row
from pierre_data.spi import Endpoint, Event, Plan, Query, Received, Request, Response, fields, objects, read_rows

_HOST = "https://open.coros.com"  # since 2026-05 the only one
_SPORTS, _DAILY = "/v2/coros/sport/list", "/coros/daily/query"


def _params(query: Query) -> dict[str, str]:
    return {"openId": query.options["open_id"]}  # the token is added when the request is signed


def _dates(after: dt.datetime | None, before: dt.datetime | None) -> dict[str, str]:
    ends = {"startDate": after, "endDate": before and before - dt.timedelta(microseconds=1)}  # both inclusive
    return {name: f"{time:%Y%m%d}" for name, time in ends.items() if time}


def _find(query: Query) -> Generator[Request, Any, Row]:
    # The call for one workout wants its mode and gives a FIT address only: the lists are walked, newest first.
    # Where it is known when it began, those days come first.
    day = dt.timedelta(days=1)
    near = [(query.near - day, query.near + 2 * day)] if query.near else []
    for window in (*near, *_WINDOWS.windows(query.after, query.before, query.now)):
        body = (yield Request(_SPORTS, {**_params(query), **_dates(*window)}, raw=True)).body
        for row in wire.workouts(body, query):
            if str(row.get("labelId")) == query.id:
                return row
    what = f"COROS has no workout {query.id} in the three months it answers for."
    raise errors.NotFound(what, "Ask for a newer one.", status=404, provider="coros")


def _one(query: Query) -> Plan:
    yield read_rows([(yield from _find(query))], wire.WORKOUT, schema.ACTIVITIES)


def _legs(query: Query) -> Plan:
    items = (yield from _find(query)).get("triathlonItemList") or ()
    rows = [{**wire.workout(item, None), "id": query.id, "lap": at} for at, item in enumerate(items, 1)]
    for row in rows:
        row |= {"kind": "session", "sport": (wire.SPORTS.sport(row["sport"] or "") or ("other",))[0]}
    yield read_rows(rows, wire.LAP, schema.LAPS)


def _athlete(query: Query) -> Plan:
    body = (yield Request("/coros/bindState", _params(query), raw=True)).body
    if str((body.get("data") or {}).get("bindState")) != "1":
        raise errors.AccessDenied("COROS says this account is not bound.", "Connect again.", provider="coros")
    yield spi.Rows({"id": [query.options["open_id"]]})


def _good(body: Mapping[str, Any]) -> bool:
    return set(str(body.get("result"))) == {"0"} and str(body.get("message", "OK")).upper() == "OK"


_PASSING = partial(errors.ApiError, status=200, retryable=True)
_FAULTS: Mapping[str, tuple[Callable[..., errors.PierreError], str, str]] = {
    "5006": (errors.AuthenticationFailed, "The token is over.", "Connect again."),
    "5010": (errors.AccessDenied, "The openId is wrong or not bound.", "Check PIERRE_COROS_OPEN_ID."),
    "30009": (errors.AccessDenied, "The application lacks a permission.", "Ask api@coros.com for it."),
    "5016": (_PASSING, "It is a passing fault.", "Try again later."),
}


def _faults(response: Response) -> errors.PierreError | None:
    body = response.object
    if "result" not in body or _good(body):  # without the envelope the status decides
        return None
    code = str(body["result"])
    what = f"COROS answered with code {code[:8]}."
    if code in _FAULTS:
        kind, meaning, fix = _FAULTS[code]
        return kind(f"{what} {meaning}", fix)
    return errors.ApiError(what, "Report it if the question was a valid one.", status=200, retryable=False)


def _token(body: Mapping[str, Any]) -> dict[str, Any]:
    # A refresh answers without tokens: the same ones are good for another 30 days.
    if "result" in body and not _good(body):
        raise errors.AuthenticationFailed(f"COROS gave no token: code {str(body['result'])[:8]}.", "Connect again.")
    names = {"access_token": "accessToken", "refresh_token": "refreshToken", "expires_in": "expiresIn"}
    values = {name: body.get(name) or body.get(other) for name, other in names.items()}
    given = {name: value for name, value in values.items() if value}
    return {"expires_in": 2_592_000, **given, **({"openId": body["openId"]} if body.get("openId") else {})}


_REPLY = b'{"message":"ok","result":"0000"}'  # anything else is sent again


def _status_check(content: Any, _genuine: object, _options: object) -> Received | None:
    return Received(reply=_REPLY) if content is None else None


def _events(push: Mapping[str, Any], _now: dt.datetime) -> Iterator[Event]:
    """Yield the workouts of a push, by athlete; repeats are normal."""
    pushed = [wire.workout(row, None) for row in objects(push, "sportDataList")]
    for user in dict.fromkeys(row.get("openId") for row in pushed):
        rows = read_rows([r for r in pushed if r.get("openId") == user], wire.WORKOUT, schema.ACTIVITIES)
        yield Event("data", schema.ACTIVITIES, athlete_id=user, rows=rows)


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
            wire.WORKOUT,
            wire.workouts,
            **_LIST,
            ignored=("mode", "subMode", "endTimezone", "planWorkoutId", "fitUrl", "triathlonItemList"),
        ),
        schema.SLEEP: Endpoint(_DAILY, wire.SLEEP, wire.nights, **_LIST, ignored=("hrvList", "rhr", "step", "calorie")),
        schema.RECOVERY: Endpoint(_DAILY, wire.RECOVERY, wire.days, **_LIST, ignored=("hrvList", *_ASLEEP)),
        schema.ATHLETE: Endpoint(fields=fields("id"), plan_with=_athlete),
    },
    details={
        schema.ACTIVITIES: Endpoint("", wire.WORKOUT, plan_with=_one, columns=("sport_raw", "is_exercise")),
        schema.LAPS: Endpoint("", wire.LAP, plan_with=_legs),
    },
    limits=(spi.RateLimit(1000, minutes=1),),
    terms=spi.Terms("https://coros.com/terms", note="It answers for the last three months only."),
    faults=_faults,
    webhook=spi.Webhook(
        provider="coros", signature=spi.SharedSecret("secret"), read=_events, handshake=_status_check, reply=_REPLY
    ),
    register_url="https://support.coros.com",
    access="Partners, by an application to api@coros.com; free (2026-08).",
)
