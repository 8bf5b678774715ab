"""WHOOP, API v2 (facts of November 2026): v1 paths, v1 webhooks and integer workout ids are gone."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from pierre_data import schema, spi
from pierre_data.errors import PierreError, QuotaExceeded, RateLimited
from pierre_data.providers.whoop_rows import ATHLETE, BODY, RECOVERY, SLEEP, WORKOUT, ZONE, window
from pierre_data.secret import Secret
from pierre_data.spi import Endpoint, Event, Plan, Query, RateLimit, Received, Request, Response, fields
from pierre_data.spi.reading import read_rows, walk
from pierre_data.spi.signature import content, header, known, verify


def _zones(workout: Mapping[str, Any], query: Query) -> list[dict[str, Any]]:
    spent = (workout.get("score") or {}).get("zone_durations") or {}
    found = ((at, spent.get(f"zone_{n}_milli")) for at, n in enumerate("zero one two three four five".split()))
    return [{"id": query.id, "zone": at, "kind": "heart_rate", "time": time} for at, time in found if time is not None]


def _body(body: Mapping[str, Any], query: Query) -> list[dict[str, Any]]:
    # Only the current values exist, and nothing says since when: they count for the day of the question.
    return [{"body": body, "day": f"{query.now:%Y-%m-%d}", "time": f"{query.now:%Y-%m-%dT00:00:00Z}"}] if body else []


def _athlete(_query: Query) -> Plan:
    profile = (yield Request("/v2/user/profile/basic", raw=True)).body
    body = (yield Request("/v2/user/measurement/body", raw=True)).body
    yield read_rows([{"profile": profile, "body": body}], ATHLETE, schema.ATHLETE)


def _recovery(query: Query) -> Plan:
    # A recovery names neither zone nor day, and strain is in the cycle: all three are read and joined.
    edge = dt.timedelta(days=2)
    span = window(query.after and query.after - edge, query.before and query.before + edge)
    cycles = {c.get("id"): c for c in (yield from walk("/v2/cycle", span, "records", _PAGES))}
    sleeps = {s.get("id"): s for s in (yield from walk("/v2/activity/sleep", span, "records", _PAGES))}
    recoveries = {r.get("cycle_id"): r for r in (yield from walk("/v2/recovery", span, "records", _PAGES))}
    joined = [{"cycle": cycles.get(key), "recovery": recoveries.get(key)} for key in cycles | recoveries]
    nights = [sleeps.get((day["recovery"] or {}).get("sleep_id")) for day in joined]
    yield read_rows([{**d, "sleep": n} for d, n in zip(joined, nights, strict=True)], RECOVERY, schema.RECOVERY)


def _faults(answer: Response) -> PierreError | None:
    if answer.status != 429:
        return None
    headers = {k.lower(): v for k, v in answer.headers.items()}
    # "100, 100;window=60, 10000;window=86400": the first number is the window in force.
    limit = re.match(r"(\d+),.*?\b\1;window=(\d+)", headers.get("x-ratelimit-limit", ""))
    day = limit is not None and int(limit[2]) > 60
    reset = re.fullmatch(r"\d{1,6}(\.\d+)?", headers.get("x-ratelimit-reset", ""))
    return (QuotaExceeded if day else RateLimited)(
        f"WHOOP's limit of {'a day' if day else 'a minute'} is used up (all users of a client id share it).",
        f"Ask again in {reset[0]} s." if reset else "Ask again later.",
        retry_after=float(reset[0]) if reset else None,
    )


_PUSHED = {"workout": schema.ACTIVITIES, "sleep": schema.SLEEP, "recovery": schema.RECOVERY}


def receive(headers: Mapping[str, str], body: bytes, secret: Secret | None, now: dt.datetime) -> Received:
    """Read a v2 webhook, signed with the client secret: it names what changed, and holds no data.

    Raises
    ------
    AccessDenied, ConfigurationError, PayloadError
        The signature is wrong or old; there is no secret to check it with; the body is no JSON object.
    """
    key, stamp = known("whoop", secret, "PIERRE_WHOOP_CLIENT_SECRET"), header(headers, "X-WHOOP-Signature-Timestamp")
    given, hour = [header(headers, "X-WHOOP-Signature")], dt.timedelta(hours=1)
    # 2026-11: whether a repeated delivery gets a new time stamp is not known, so an hour is allowed.
    verify("whoop", key, stamp.encode(errors="replace") + body, given, stamp=stamp, unit_s=0.001, now=now,
           tolerance=hour, encoding="base64")  # fmt: skip
    push = content("whoop", body)
    what, _, happened = str(push.get("type")).partition(".")
    if what not in _PUSHED or happened not in ("updated", "deleted"):
        return Received()
    # A recovery comes under the id of its sleep, not under its own.
    id = str(push["id"]) if what != "recovery" and push.get("id") else None
    user = str(push["user_id"]) if push.get("user_id") is not None else None
    return Received((Event("delete" if happened == "deleted" else "update", _PUSHED[what], id, athlete_id=user),))


_API, _WORKOUTS, _SLEEPS = "https://api.prod.whoop.com", "/v2/activity/workout", "/v2/activity/sleep"
_PAGES = spi.Token("next_token", "nextToken", 25)  # more than 25 is answered with 400
_LIST: dict[str, Any] = {"records": "records", "paging": _PAGES, "window": window, "newest_first": True}
_READ = ("read:recovery", "read:cycles", "read:workout", "read:sleep", "read:profile", "read:body_measurement")
_IGNORED = ("created_at", "v1_id", "score_state", "cycle_id", "score.percent_recorded", "score.zone_durations",
            "score.altitude_change_meter", "score.sleep_consistency_percentage",
            "score.stage_summary.sleep_cycle_count")  # fmt: skip

descriptor = spi.ProviderDescriptor(
    name="whoop",
    display_name="WHOOP",
    api_base_url=f"{_API}/developer",
    oauth_endpoints=spi.OAuthEndpoints(
        f"{_API}/oauth/oauth2/auth", f"{_API}/oauth/oauth2/token", f"{_API}/developer/v2/user/access"
    ),
    oauth_params=spi.OAuthParams(revoke="delete", refresh_sends_scope=True),
    default_scopes=("offline", *_READ),
    endpoints={
        schema.ACTIVITIES: Endpoint(_WORKOUTS, WORKOUT, **_LIST, scopes=_READ[2:3], ignored=_IGNORED),
        schema.SLEEP: Endpoint(_SLEEPS, SLEEP, **_LIST, scopes=_READ[3:4], ignored=_IGNORED),
        schema.RECOVERY: Endpoint(
            "", RECOVERY, plan_with=_recovery, window_kind="local_date", scopes=(*_READ[:2], _READ[3])
        ),
        schema.HEALTH: Endpoint("/v2/user/measurement/body", BODY | fields("id=day time"), _body, scopes=_READ[5:]),
        schema.ATHLETE: Endpoint("", ATHLETE, plan_with=_athlete, scopes=_READ[4:]),
    },
    details={
        schema.ACTIVITIES: Endpoint(f"{_WORKOUTS}/{{id}}", WORKOUT, scopes=_READ[2:3], ignored=_IGNORED),
        schema.SLEEP: Endpoint(f"{_SLEEPS}/{{id}}", SLEEP, scopes=_READ[3:4], ignored=_IGNORED),
        schema.ZONES: Endpoint(f"{_WORKOUTS}/{{id}}", ZONE, _zones, scopes=_READ[2:3]),
    },
    limits=(RateLimit(100, minutes=1), RateLimit(10_000, days=1)),
    terms=spi.Terms("https://developer.whoop.com/api-terms-of-use", note="A developer needs a WHOOP membership."),
    faults=_faults,
    webhook=receive,
    register_url="https://developer.whoop.com",
    access="Free for WHOOP members, up to 5 applications; a few users until approved (2026-11).",
)
