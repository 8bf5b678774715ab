"""Garmin's partner API: Health and Activity (facts of November 2026).

Garmin sends what is new.  Lists can be pulled by time of upload, a day at a time, where the programme allows it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator, Iterator, Mapping
from functools import partial
from itertools import pairwise
from math import ceil, floor
from typing import Any
from urllib.parse import urlsplit

import pierre_data.providers.garmin_rows as wire
from pierre_data import schema, spi
from pierre_data.errors import AccessDenied, ApiError, NotFound, PierreError
from pierre_data.schema import Table
from pierre_data.spi import Endpoint, Event, Plan, Query, epoch_seconds, fields, objects, read_rows, walk

_API = "https://apis.garmin.com/wellness-api/rest"
# 2026-11: what is older can be made to be sent: GET /backfill/{type} with summaryStartTimeInSeconds and
# summaryEndTimeInSeconds at most 30 days apart is answered 202 without a body, 409 when it was asked before, 403 when
# the athlete left historical data unticked at consent (it is off by default).  No door of ours asks for it.


def _windows(query: Query) -> list[tuple[int, int]]:
    """Return windows of at most a day of uploads: what was done in the question's time may be uploaded later."""
    late = dt.timedelta(days=query.options.get("days") or 30)
    start, last = query.after or query.now - late, min(query.now, (query.before or query.now) + late)
    edges, end = [floor(start.timestamp())], ceil(last.timestamp())
    while edges[-1] < end:
        edges.append(min(edges[-1] + 86_400, end))
    return list(pairwise(edges))


def _page(kind: str, window: tuple[int, int]) -> Generator[spi.Request, Any, list[Mapping[str, Any]]]:
    names = ("uploadStartTimeInSeconds", "uploadEndTimeInSeconds")
    return (yield from walk(f"/{kind}", dict(zip(names, window, strict=True)), ""))


def _pull(kinds: str, table: Table, query: Query) -> Plan:
    # Oldest uploads first: a summary that is sent again replaces the earlier one (TENTATIVE becomes FINAL).
    for window in _windows(query):
        for kind in kinds.split():
            yield wire.read_summaries(kind, table, (yield from _page(kind, window)))


def _recovery(query: Query) -> Plan:
    days: dict[tuple[Any, Any], dict[str, Any]] = {}
    for window in _windows(query):
        for kind, part in (("dailies", "daily"), ("hrv", "hrv"), ("sleeps", "sleep")):
            for item in (yield from _page(kind, window)):
                key = (item.get("userId"), item.get("calendarDate"))
                days.setdefault(key, {"userId": key[0], "calendarDate": key[1]})[part] = item
    yield read_rows(days.values(), wire.RECOVERY, schema.RECOVERY)


def _one(table: Table, query: Query) -> Plan:
    # Nothing is found by id: uploads are walked, newest first, as far back as the option says.  When it began does not
    # help: what was edited was uploaded again, and the last upload counts.
    for window in reversed(_windows(query)):
        for item in (yield from _page("activityDetails", window)):
            if str(item.get("activityId")) == query.id:
                yield wire.read_summaries("activityDetails", table, [item])
                return
    raise NotFound(f"Garmin sent no activity {query.id} lately.", "Raise PIERRE_GARMIN_DAYS.", status=404)


def callbacks(push: Mapping[str, Any]) -> list[str]:
    """Return the addresses a ping asks to fetch with the athlete's token; AccessDenied where one leads elsewhere."""
    urls = [str(item["callbackURL"]) for items in push.values() for item in objects(items) if item.get("callbackURL")]
    for url in urls:
        parts = urlsplit(url)
        ours = (parts.scheme, parts.netloc) == ("https", "apis.garmin.com")
        if not ours or not parts.path.startswith("/wellness-api/rest/"):
            raise AccessDenied("A ping of garmin leads to somebody else.", "Nothing was fetched.", provider="garmin")
    return urls


def _named(kind: str, items: list[Mapping[str, Any]]) -> Iterator[Event]:
    """Yield what is only named: a ping, or a change of the account."""
    tables = [table for table, *_ in wire.READERS.get(kind, ())]
    tables = [schema.ACTIVITIES, schema.STREAMS, schema.LAPS] if kind == "activityFiles" else tables
    for item in items:
        user, at = str(item["userId"]) if item.get("userId") else None, item.get("startTimeInSeconds")
        if kind == "deregistrations":
            yield Event("disconnect", athlete_id=user)
        for table in tables:
            id, time = item.get("activityId"), epoch_seconds(at) if at else None
            yield Event("update", table, str(id) if id else None, time, user)


def _brought(kind: str, items: list[Mapping[str, Any]]) -> Iterator[Event]:
    """Yield what is sent itself: one event for each athlete and table, samples and laps for each activity."""
    for table, *_ in wire.READERS.get(kind, ()):
        single = table in (schema.STREAMS, schema.LAPS)
        groups: dict[tuple[Any, Any], list[Mapping[str, Any]]] = {}
        for item in items:
            groups.setdefault((item.get("userId"), item.get("activityId") if single else None), []).append(item)
        for (user, id), group in groups.items():
            rows = wire.read_summaries(kind, table, group)
            yield Event("data", table, str(id) if id else None, None, str(user) if user else None, rows)


def _events(push: Mapping[str, Any], _now: dt.datetime) -> Iterator[Event]:
    """Yield what is pushed (summaries), pinged (where summaries are) or changed of an account."""
    callbacks(push)
    for kind, content in push.items():
        items = objects(content)
        pinged = [item for item in items if "callbackURL" in item]
        yield from _brought(kind, [item for item in items if "callbackURL" not in item])
        yield from _named(kind, items if kind not in wire.READERS else pinged)


def _faults(response: spi.Response) -> PierreError | None:
    if response.status < 400 or response.status in (401, 410, 429):
        return None
    words = str(response.object.get("errorMessage", ""))[:200]
    if response.status in (403, 412):
        fix = "Connect again, tick every box (historical data is off by default); pulling needs Garmin's consent too."
        return AccessDenied(f"Garmin refuses: {words or 'no permission'}.", fix)
    if not words:
        return None
    fix, again = "Report it if the question was a valid one.", response.status >= 500
    return ApiError(f"Garmin refuses: {words}.", fix, status=response.status, retryable=again)


def _list(kinds: str, table: Table, wanted: Mapping[str, Any]) -> Endpoint:
    plan, ignored = partial(_pull, kinds, table), wire.IGNORED.get(table, ())
    return Endpoint("", wanted, plan_with=plan, window_kind="feed", ignored=ignored)


descriptor = spi.ProviderDescriptor(
    name="garmin",
    display_name="Garmin",
    id_space="garmin",
    api_base_url=_API,
    oauth_endpoints=spi.OAuthEndpoints(
        "https://connect.garmin.com/oauth2Confirm",
        "https://diauth.garmin.com/di-oauth2-service/oauth/token",
        f"{_API}/user/registration",
    ),
    oauth_params=spi.OAuthParams(
        use_pkce=True, revoke="delete", manage_url="https://connect.garmin.com/modern/settings"
    ),
    endpoints={
        schema.ACTIVITIES: _list("activities", schema.ACTIVITIES, wire.ACTIVITY),
        schema.SLEEP: _list("sleeps", schema.SLEEP, wire.SLEEP),
        schema.SLEEP_STAGES: _list("sleeps", schema.SLEEP_STAGES, wire.STAGE),
        schema.RECOVERY: Endpoint("", wire.RECOVERY, plan_with=_recovery, window_kind="feed"),
        schema.HEALTH: _list("bodyComps userMetrics bloodPressures", schema.HEALTH, wire.HEALTH),
        schema.ATHLETE: Endpoint("/user/id", fields("id=userId")),
    },
    details={
        table: Endpoint("", wanted, plan_with=partial(_one, table), ignored=wire.IGNORED.get(table, ()))
        for table, _, wanted in wire.READERS["activityDetails"]
    },
    limits=(spi.RateLimit(100, minutes=1),),
    in_flight=1,
    terms=spi.Terms(
        "https://developer.garmin.com/gc-developer-program/",
        note="For companies with a contract; pulling without a ping needs Garmin's consent in production.",
    ),
    options={"days": spi.Option(int, 30, "Days of uploads walked: before now without a start, and after an end.")},
    faults=_faults,
    # Garmin signs nothing: all there is to compare is your client id, which is no secret.
    webhook=spi.Webhook(
        provider="garmin", signature=spi.SharedSecret("garmin-client-id"), read=_events, secret="WEBHOOK_SECRET"
    ),
    register_url="https://developer.garmin.com/gc-developer-program/",
    access="Companies only, and no new ones since spring 2026 (2026-11): everybody else reads 'garmin-export'.",
)
