"""WHOOP, API v2 (facts of November 2026): v1 paths, v1 webhooks and integer workout ids are gone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

import pierre_data.providers.whoop_rows as wire
from pierre_data import schema, spi
from pierre_data.spi import Endpoint, Event, Plan, Query, RateLimit, Request, fields, read_rows, walk


def _zones(workout: Mapping[str, Any], query: Query) -> list[dict[str, Any]]:
    spent = (workout.get("score") or {}).get("zone_durations") or {}
    times = (spent.get(f"zone_{word}_milli") for word in "zero one two three four five".split())
    row = {"id": query.id, "kind": "heart_rate"}
    return [row | {"zone": at, "time": time} for at, time in enumerate(times) if time is not None]


def _body(body: Mapping[str, Any], query: Query) -> list[dict[str, Any]]:
    # Only the current values exist, and nothing says since when: they count for the day of the question.
    return [{"body": body, "day": f"{query.now:%Y-%m-%d}", "time": f"{query.now:%Y-%m-%dT00:00:00Z}"}] if body else []


def _athlete(_query: Query) -> Plan:
    profile = (yield Request("/v2/user/profile/basic", raw=True)).body
    body = (yield Request("/v2/user/measurement/body", raw=True)).body
    yield read_rows([{"profile": profile, "body": body}], wire.ATHLETE, schema.ATHLETE)


def _recovery(query: Query) -> Plan:
    # A recovery names neither zone nor day, and strain is in the cycle: all three are read and joined.
    edge = dt.timedelta(days=2)
    span = wire.window(query.after and query.after - edge, query.before and query.before + edge)
    cycles = {c.get("id"): c for c in (yield from walk("/v2/cycle", span, "records", _PAGES))}
    sleeps = {s.get("id"): s for s in (yield from walk("/v2/activity/sleep", span, "records", _PAGES))}
    recoveries = {r.get("cycle_id"): r for r in (yield from walk("/v2/recovery", span, "records", _PAGES))}
    joined = [{"cycle": cycles.get(key), "recovery": recoveries.get(key)} for key in cycles | recoveries]
    nights = [sleeps.get((day["recovery"] or {}).get("sleep_id")) for day in joined]
    yield read_rows([{**d, "sleep": n} for d, n in zip(joined, nights, strict=True)], wire.RECOVERY, schema.RECOVERY)


_PUSHED = {"workout": schema.ACTIVITIES, "sleep": schema.SLEEP, "recovery": schema.RECOVERY}


def _events(push: Mapping[str, Any], _now: dt.datetime) -> Iterator[Event]:
    """Yield what a v2 webhook names; it holds no data."""
    what, _, happened = str(push.get("type")).partition(".")
    if what in _PUSHED and happened in ("updated", "deleted"):
        # A recovery comes under the id of its sleep, not under its own.
        id = str(push["id"]) if what != "recovery" and push.get("id") else None
        user = str(push["user_id"]) if push.get("user_id") is not None else None
        yield Event("delete" if happened == "deleted" else "update", _PUSHED[what], id, athlete_id=user)


# 2026-11: whether a repeated delivery gets a new time stamp is not known, so an hour is allowed.
_SIGNATURE = spi.Hmac(
    "X-WHOOP-Signature",
    stamp="X-WHOOP-Signature-Timestamp",
    encoding="base64",
    unit_s=0.001,
    tolerance=dt.timedelta(hours=1),
)

_API, _WORKOUTS, _SLEEPS = "https://api.prod.whoop.com", "/v2/activity/workout", "/v2/activity/sleep"
_PAGES = spi.Token("next_token", "nextToken", 25)  # more than 25 is answered with 400
_LIST: dict[str, Any] = {"records": "records", "paging": _PAGES, "window": wire.window, "newest_first": True}
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
        schema.ACTIVITIES: Endpoint(_WORKOUTS, wire.WORKOUT, **_LIST, scopes=_READ[2:3], ignored=_IGNORED),
        schema.SLEEP: Endpoint(_SLEEPS, wire.SLEEP, **_LIST, scopes=_READ[3:4], ignored=_IGNORED),
        schema.RECOVERY: Endpoint(
            "", wire.RECOVERY, plan_with=_recovery, window_kind="local_date", scopes=(*_READ[:2], _READ[3])
        ),
        schema.HEALTH: Endpoint(
            "/v2/user/measurement/body", wire.BODY | fields("id=day time"), _body, scopes=_READ[5:]
        ),
        schema.ATHLETE: Endpoint("", wire.ATHLETE, plan_with=_athlete, scopes=_READ[4:]),
    },
    details={
        schema.ACTIVITIES: Endpoint(f"{_WORKOUTS}/{{id}}", wire.WORKOUT, scopes=_READ[2:3], ignored=_IGNORED),
        schema.SLEEP: Endpoint(f"{_SLEEPS}/{{id}}", wire.SLEEP, scopes=_READ[3:4], ignored=_IGNORED),
        schema.ZONES: Endpoint(f"{_WORKOUTS}/{{id}}", wire.ZONE, _zones, scopes=_READ[2:3]),
    },
    limits=(RateLimit(100, minutes=1), RateLimit(10_000, days=1)),  # of all users of a client id together
    limit_headers=spi.LimitHeaders("x-ratelimit-limit", remaining="x-ratelimit-remaining", reset="x-ratelimit-reset"),
    terms=spi.Terms("https://developer.whoop.com/api-terms-of-use", note="A developer needs a WHOOP membership."),
    webhook=spi.Webhook(provider="whoop", signature=_SIGNATURE, read=_events),
    register_url="https://developer.whoop.com",
    access="Free for WHOOP members, up to 5 applications; a few users until approved (2026-11).",
)
