"""Garmin's partner API: Health and Activity (facts of November 2026).

Garmin sends what is new: `receive` reads it.  Lists can be pulled by time of upload, a day at a time, where the
programme allows it; what is older is asked for by `backfill` and sent later.
"""

from __future__ import annotations

import datetime as dt
import hmac
import json
from collections.abc import Generator, Iterator, Mapping
from functools import partial
from itertools import pairwise
from math import ceil, floor
from typing import Any
from urllib.parse import urlsplit

from pierre_data import schema, spi
from pierre_data.errors import AccessDenied, ApiError, NotFound, PayloadError, PierreError
from pierre_data.providers.garmin_rows import (
    ACTIVITY,
    HEALTH,
    IGNORED,
    LAP,
    READERS,
    RECOVERY,
    SLEEP,
    STAGE,
    STREAM,
    objects,
    read,
)  # fmt: skip
from pierre_data.schema import Table
from pierre_data.secret import Secret
from pierre_data.spi import Endpoint, Event, Plan, Query, Received, Request, Response, epoch_seconds, fields
from pierre_data.spi.reading import read_rows
from pierre_data.spi.signature import content, header, known

_API = "https://apis.garmin.com/wellness-api/rest"
#: Types that can be asked for again.
BACKFILL = """activities activityDetails dailies epochs sleeps bodyComps stressDetails userMetrics pulseOx respiration
    healthSnapshot hrv bloodPressures skinTemp moveiq mct""".split()


def _windows(query: Query) -> list[tuple[int, int]]:
    """Return windows of at most a day of uploads: what was done in the question's time may be uploaded later."""
    late = dt.timedelta(days=query.options.get("days") or 30)
    start, last = query.after or query.now - late, min(query.now, (query.before or query.now) + late)
    edges, end = [floor(start.timestamp())], ceil(last.timestamp())
    while edges[-1] < end:
        edges.append(min(edges[-1] + 86_400, end))
    return list(pairwise(edges))


def _page(kind: str, window: tuple[int, int]) -> Generator[Request, Any, list[Mapping[str, Any]]]:
    names = ("uploadStartTimeInSeconds", "uploadEndTimeInSeconds")
    body = (yield Request(f"/{kind}", dict(zip(names, window, strict=True)), raw=True)).body
    if not isinstance(body, list):
        fix = "The vendor may have changed its API; look for an update of this provider."
        raise PayloadError(f"garmin answered /{kind} without a list.", fix, provider="garmin", path=f"/{kind}")
    return objects(body)


def _pull(kinds: str, table: Table, query: Query) -> Plan:
    # Oldest uploads first: a summary that is sent again replaces the earlier one (TENTATIVE becomes FINAL).
    for window in _windows(query):
        for kind in kinds.split():
            yield read(kind, table, (yield from _page(kind, window)))


def _recovery(query: Query) -> Plan:
    days: dict[tuple[Any, Any], dict[str, Any]] = {}
    for window in _windows(query):
        for kind, part in (("dailies", "daily"), ("hrv", "hrv"), ("sleeps", "sleep")):
            for item in (yield from _page(kind, window)):
                key = (item.get("userId"), item.get("calendarDate"))
                days.setdefault(key, {"userId": key[0], "calendarDate": key[1]})[part] = item
    yield read_rows(days.values(), RECOVERY, schema.RECOVERY)


def _one(table: Table, query: Query) -> Plan:
    # Nothing is found by id: uploads are walked, newest first, as far back as the option says.
    for window in reversed(_windows(query)):
        for item in (yield from _page("activityDetails", window)):
            if str(item.get("activityId")) == query.id:
                yield read("activityDetails", table, [item])
                return
    raise NotFound(f"Garmin sent no activity {query.id} lately.", "Raise PIERRE_GARMIN_DAYS.", status=404)


def backfill(kind: str, after: dt.datetime, before: dt.datetime) -> list[Request]:
    """Return the requests that make Garmin send what happened in ``[after, before)``, newest first.

    Each is answered 202 without a body, 409 when it was asked before, 403 when the athlete left historical data
    unticked at consent (it is off by default); the data comes to the webhook.

    Examples
    --------
    >>> start = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
    >>> [r.params["summaryEndTimeInSeconds"] for r in backfill("sleeps", start, start + dt.timedelta(days=40))]
    [1781049600, 1778457600]
    """
    found = spi.DateWindows(dt.timedelta(days=30)).windows(after, before, before)
    names = ("summaryStartTimeInSeconds", "summaryEndTimeInSeconds")
    ends = ((floor(a.timestamp()), ceil(b.timestamp())) for a, b in found)
    return [Request(f"/backfill/{kind}", dict(zip(names, pair, strict=True))) for pair in ends]


def callbacks(push: Mapping[str, Any]) -> list[str]:
    """Return the addresses a ping asks to fetch with the athlete's token, exactly as they are.

    Raises
    ------
    AccessDenied
        One leads elsewhere than to Garmin's API: somebody wants the token.
    """
    found = [str(item["callbackURL"]) for items in push.values() for item in objects(items) if item.get("callbackURL")]
    for url in found:
        parts = urlsplit(url)
        if (parts.scheme, parts.netloc) != ("https", "apis.garmin.com") or not parts.path.startswith(
            "/wellness-api/rest/"
        ):
            raise AccessDenied("A ping of garmin leads to somebody else.", "Nothing was fetched.", provider="garmin")
    return found


def _named(kind: str, items: list[Mapping[str, Any]]) -> Iterator[Event]:
    """Yield what is only named: a ping, or a change of the account."""
    tables = [table for table, *_ in READERS.get(kind, ())]
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
    for table, *_ in READERS.get(kind, ()):
        single = table in (schema.STREAMS, schema.LAPS)
        groups: dict[tuple[Any, Any], list[Mapping[str, Any]]] = {}
        for item in items:
            groups.setdefault((item.get("userId"), item.get("activityId") if single else None), []).append(item)
        for (user, id), group in groups.items():
            rows = read(kind, table, group)
            yield Event("data", table, str(id) if id else None, None, str(user) if user else None, rows)


def receive(headers: Mapping[str, str], body: bytes, secret: Secret | None, now: dt.datetime) -> Received:
    """Read a push (summaries), a ping (where summaries are) or a change of an account.

    Garmin signs nothing: all there is to compare is the header garmin-client-id, which is no secret.  `secret` is the
    client id.  Several summaries of one day (dailies, hrv) bring parts of the same row.

    Raises
    ------
    AccessDenied, ConfigurationError, PayloadError
        The header or a callback is wrong; there is nothing to compare it with; the body is no JSON object.
    """
    key, given = (
        known("garmin", secret, "PIERRE_GARMIN_WEBHOOK_SECRET to your client id"),
        header(headers, "garmin-client-id"),
    )
    if not hmac.compare_digest(key, given.encode(errors="replace")):
        raise AccessDenied(
            "A push of garmin is for another client.",
            "Set PIERRE_GARMIN_WEBHOOK_SECRET to your client id.",
            provider="garmin",
        )
    push = content("garmin", body)
    callbacks(push)
    events = list[Event]()
    for kind, found in push.items():
        items = objects(found)
        pinged = [item for item in items if "callbackURL" in item]
        events += _brought(kind, [item for item in items if "callbackURL" not in item])
        events += _named(kind, items if kind not in READERS else pinged)
    return Received(tuple(events))


def _faults(answer: Response) -> PierreError | None:
    if answer.status < 400 or answer.status in (401, 410, 429):
        return None
    try:
        said = str(json.loads(answer.body)["errorMessage"])[:200]
    except (ValueError, LookupError, TypeError):
        said = ""
    if answer.status in (403, 412):
        fix = (
            "Connect again and tick every box (historical data is off by default); pulling also needs Garmin's consent."
        )
        return AccessDenied(f"Garmin refuses: {said or 'no permission'}.", fix)
    return ApiError(f"Garmin refuses: {said}.", "Report it if the question was a valid one.", status=answer.status,
                    retryable=answer.status >= 500) if said else None  # fmt: skip


def _list(kinds: str, table: Table, wanted: Mapping[str, Any]) -> Endpoint:
    plan, ignored = partial(_pull, kinds, table), IGNORED.get(table, ())
    return Endpoint("", wanted, plan_with=plan, window_kind="feed", ignored=ignored)


descriptor = spi.ProviderDescriptor(
    name="garmin",
    display_name="Garmin",
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
        schema.ACTIVITIES: _list("activities", schema.ACTIVITIES, ACTIVITY),
        schema.SLEEP: _list("sleeps", schema.SLEEP, SLEEP),
        schema.SLEEP_STAGES: _list("sleeps", schema.SLEEP_STAGES, STAGE),
        schema.RECOVERY: Endpoint("", RECOVERY, plan_with=_recovery, window_kind="feed"),
        schema.HEALTH: _list("bodyComps userMetrics bloodPressures", schema.HEALTH, HEALTH),
        schema.ATHLETE: Endpoint("/user/id", fields("id=userId")),
    },
    details={
        table: Endpoint("", wanted, plan_with=partial(_one, table), ignored=IGNORED.get(table, ()))
        for table, wanted in ((schema.ACTIVITIES, ACTIVITY), (schema.STREAMS, STREAM), (schema.LAPS, LAP))
    },
    limits=(spi.RateLimit(100, minutes=1),),
    in_flight=1,
    terms=spi.Terms(
        "https://developer.garmin.com/gc-developer-program/",
        note="For companies with a contract; pulling without a ping needs Garmin's consent in production.",
    ),
    options={"days": spi.Option(int, 30, "Days of uploads walked: before now without a start, and after an end.")},
    faults=_faults,
    webhook=receive,
    register_url="https://developer.garmin.com/gc-developer-program/",
    access="Companies only, and no new ones since spring 2026 (2026-11): everybody else reads 'garmin-export'.",
)
