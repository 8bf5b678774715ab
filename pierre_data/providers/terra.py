"""Terra, an aggregator: REST v2 at its new base, webhooks, connect sessions (facts of November 2026)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Generator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from pierre_data import errors, schema, spi
from pierre_data.providers.terra_rows import (
    ACTIVITY,
    HEART,
    LAP,
    READERS,
    RECOVERY,
    SAMPLES,
    STREAM,
    ZONE,
    Row,
    moments,
    nights,
    rows,
    timed,
)
from pierre_data.schema import Table
from pierre_data.secret import Secret
from pierre_data.spi import Endpoint, Event, Plan, Query, Received, Request, Response
from pierre_data.spi.reading import dig, read_rows, walk
from pierre_data.spi.signature import content, header, known, verify_stamped

BASE_URL = "https://access.tryterra.co/api/v2"  # https://api.tryterra.co/v2 still answers
#: Where a connect session is made, newest first.  2026-11: one source ends the second on 2026-11-03, one does not.
WIDGET_SESSIONS = ("https://access.tryterra.co/api/widget/session", f"{BASE_URL}/auth/generateWidgetSession")


def _params(query: Query, samples: bool = False) -> dict[str, str]:
    if not (user := query.options.get("user_id")):
        fix = "Set PIERRE_TERRA_USER_ID to the user_id of the connection."
        raise errors.ConfigurationError("Terra must be told whose data.", fix, provider="terra")
    # Without a plain false the answer goes to the webhook, and holds no data.
    return {"user_id": user, "to_webhook": "false", "with_samples": str(samples).lower()}


def _dates(after: dt.datetime | None, before: dt.datetime | None) -> dict[str, str]:
    ends = {"start_date": after, "end_date": before and before - dt.timedelta(microseconds=1)}  # both inclusive
    return {name: f"{time:%Y-%m-%d}" for name, time in ends.items() if time}


def _ask(path: str, query: Query, dates: Mapping[str, str], samples: bool = False) -> Generator[Request, Any, Row]:
    params = _params(query, samples)
    return {"data": (yield from walk(path, {**params, **dates}, "data")), "user": {"user_id": params["user_id"]}}


def _days(query: Query) -> list[tuple[dt.datetime, dt.datetime]]:
    """Return windows of whole days around the question, newest first."""
    day, midnight = dt.timedelta(days=1), dt.time(tzinfo=dt.UTC)
    start = query.after and dt.datetime.combine(query.after - day, midnight)
    end = dt.datetime.combine((query.before or query.now) + 2 * day, midnight)
    return _WINDOWS.windows(start, end, query.now)


def _find(query: Query) -> Generator[Request, Any, Row]:
    # There is no call for one activity: the lists are walked, newest first, three years back at most.
    oldest = query.after or (query.before or query.now) - dt.timedelta(days=3 * 365)
    found: Row = {}
    for window in _days(replace(query, after=oldest)):
        for row in rows((yield from _ask("/activity", query, _dates(*window))), query):
            found = row if row["key"] == query.id else found  # sent again, a row counts as it came last
        if found:
            return found
    what = f"Terra has no activity {query.id} since {oldest:%Y-%m-%d}."
    raise errors.NotFound(what, "It may be older, or deleted.", status=404, provider="terra")


def _one(query: Query) -> Plan:
    yield read_rows([(yield from _find(query))], ACTIVITY, schema.ACTIVITIES)


def _streams(query: Query) -> Plan:
    row = yield from _find(query)
    day = {"start_date": row["at"]["day"], "end_date": row["at"]["woke"]}
    full = rows((yield from _ask("/activity", query, day, samples=True)), query)
    yield read_rows(
        [m for r in full if r["key"] == query.id for m in moments(r, query, SAMPLES)], STREAM, schema.STREAMS
    )


def _laps(query: Query) -> Plan:
    row = yield from _find(query)
    laps = [timed(lap, row, query) for lap in dig(row, "lap_data.laps") or () if isinstance(lap, dict)]
    yield read_rows([{**lap, "key": query.id, "lap": at} for at, lap in enumerate(laps, 1)], LAP, schema.LAPS)


def _zones(query: Query) -> Plan:
    row = yield from _find(query)
    top = {"key": query.id, "kind": "heart_rate", "top": dig(row, f"{HEART}.user_max_hr_bpm")}
    yield read_rows([{**zone, **top} for zone in dig(row, f"{HEART}.hr_zone_data") or ()], ZONE, schema.ZONES)


def _recovery(query: Query) -> Plan:
    edge = dt.timedelta(days=1)
    for start, end in _days(query):
        dates = _dates(start, end)
        days = {r["at"]["day"]: r for r in rows((yield from _ask("/daily", query, dates)), query)}
        slept = nights((yield from _ask("/sleep", query, _dates(start - edge, end + edge))), query)
        woken = {r["at"]["woke"]: r for r in slept if not r["metadata"].get("is_nap")}
        known_days = [day for day in {**days, **woken} if dates["start_date"] <= day <= dates["end_date"]]
        joined = [{**days.get(day, {}), "day": day, "sleep": woken.get(day)} for day in known_days]
        yield read_rows(joined, RECOVERY, schema.RECOVERY)


def _faults(answer: Response) -> errors.PierreError | None:
    if answer.status == 401:
        return errors.AuthenticationFailed("Terra refused the keys.", "Check PIERRE_TERRA_DEV_ID and _API_KEY.")
    if answer.status == 424:
        what = "The vendor behind Terra failed, or wants fewer questions."
        return errors.ApiError(what, "Try again later.", status=424, retryable=True)
    if answer.status != 200 or b'"data"' in answer.body or b'"athlete"' in answer.body:
        return None
    # 200 without data: still collected, sent to the webhook, or nothing there.
    said = answer.body[:2000].decode("utf-8", "replace").lower().replace("_", "").replace(" ", "")
    if "nodata" in said:
        return None
    what, fix = "Terra answered without data: it may still be collecting it.", "Ask again in a few minutes."
    return errors.ApiError(what, fix, status=200, retryable="webhook" not in said)


def _pushed(push: Row, table: Table, now: dt.datetime) -> list[Event]:
    wanted, read = READERS[table]
    items, user = read(push, Query(table, now=now)), dig(push, "user.user_id")
    # A local time without offset says no instant: such a row is asked for again, with the option timezone.
    vague = [i for i in items if i["at"].get("wall") and i["at"]["offset"] is None]
    sure = [i for i in items if i not in vague]
    events = [Event("data", table, athlete_id=user, rows=read_rows(sure, wanted, table))] if sure else []
    return events + [Event("update", table, i.get("key"), athlete_id=user) for i in vague]


_PUSHED = {"activity": (schema.ACTIVITIES,), "sleep": (schema.SLEEP, schema.SLEEP_STAGES), "body": (schema.HEALTH,)}
_PUSHED |= {"athlete": (schema.ATHLETE,), "daily": ()}


def receive(headers: Mapping[str, str], body: bytes, secret: Secret | None, now: dt.datetime) -> Received:
    """Read a webhook, signed with the signing secret (not the API key): by its type, never by its shape.

    Raises
    ------
    AccessDenied, ConfigurationError, PayloadError
        The signature is wrong or old; there is no secret to check it with; the body is no JSON object.
    """
    key = known("terra", secret, "PIERRE_TERRA_WEBHOOK_SECRET")
    verify_stamped("terra", key, body, header(headers, "terra-signature", "x-terra-signature"), now)
    push = content("terra", body)
    kind, user = str(push.get("type")), dig(push, "user.user_id")
    if kind in ("deauth", "access_revoked"):
        return Received((Event("disconnect", athlete_id=user),))
    if kind == "user_reauth":  # the connection goes on under another user_id
        return Received((Event("disconnect", athlete_id=dig(push, "old_user.user_id")),))
    if kind == "s3_payload":  # the data is elsewhere: forget what may have changed
        return Received((Event("update", athlete_id=user),))
    events = [event for table in _PUSHED.get(kind, ()) for event in _pushed(push, table, now)]
    query = Query(schema.RECOVERY, now=now)
    if kind == "activity":
        gone = [r for r in rows(push, query, None) if r["metadata"].get("upload_type") == 4]
        events += [Event("delete", schema.ACTIVITIES, r["key"], _when(r["at"]["start"]), user) for r in gone]
    elif kind in ("daily", "sleep"):  # a day is joined of both
        day = "day" if kind == "daily" else "woke"
        events += [Event("update", schema.RECOVERY, r["at"][day], _when(r["at"]["start"]), user)
                   for r in rows(push, query, None)]  # fmt: skip
    return Received(tuple(events))


def _when(time: Any) -> dt.datetime | None:
    return time if isinstance(time, dt.datetime) else None


def widget_session(post: Callable[[str, Mapping[str, str]], bytes], **settings: str) -> tuple[str, str]:
    """Make a session in which the athlete connects a vendor, where Terra makes them now.

    Parameters
    ----------
    post : callable
        Sends settings as JSON to an address with the keys, and returns the body.
    **settings : str
        reference_id, providers (separated by commas), language, auth_success_redirect_url, ..._failure_...

    Returns
    -------
    str, str
        Address for the athlete's browser, good for 15 minutes; which of `WIDGET_SESSIONS` answered.

    Raises
    ------
    NotFound, AccessDenied
        Neither is there any more; the one that is made none.
    """
    for address in WIDGET_SESSIONS:
        try:
            url = content("terra", post(address, settings)).get("url")
        except (errors.NotFound, errors.ProviderRetired):
            continue
        if url:
            return str(url), address
        raise errors.AccessDenied("Terra made no connect session.", "Check the keys and settings.", provider="terra")
    raise errors.NotFound("Terra makes no connect sessions where it did.", "Look for an update.", provider="terra")


def connected_user(redirected: str) -> str:
    """Return the user_id that Terra adds to the redirect after consent.

    Raises
    ------
    AccessDenied
        There is none; the athlete or the vendor refused.
    """
    found = parse_qs(urlsplit(redirected).query)  # 2026-11: the names are not verified
    if user := found.get("user_id"):
        return user[0]
    reason = found.get("reason", ["no reason given"])[0][:80]
    raise errors.AccessDenied(f"Terra connected nothing: {reason}.", "Connect again.", provider="terra")


# At most 28 days may be asked for, both ends count, and nights are asked for a day more at each end.
_WINDOWS = spi.DateWindows(dt.timedelta(days=25), oldest=dt.datetime(2010, 1, 1, tzinfo=dt.UTC))


def _list(path: str, table: Table, samples: bool = False) -> Endpoint:
    wanted, read = READERS[table]
    return Endpoint(path, wanted, read, _WINDOWS, lambda query: _params(query, samples), _dates, "local_date")


descriptor = spi.ProviderDescriptor(
    name="terra",
    display_name="Terra",
    api_base_url=BASE_URL,
    key_headers={"dev-id": "DEV_ID", "x-api-key": "API_KEY"},
    options={
        "user_id": spi.Option(
            str, meaning="Terra's id of the connection whose data is read.", required=True, from_account=True
        ),
        "timezone": spi.Option(ZoneInfo, meaning="IANA zone of times that come without one (UTC)."),
    },
    endpoints={
        schema.ACTIVITIES: _list("/activity", schema.ACTIVITIES),
        schema.SLEEP: _list("/sleep", schema.SLEEP),
        schema.SLEEP_STAGES: _list("/sleep", schema.SLEEP_STAGES, samples=True),
        schema.RECOVERY: Endpoint("", RECOVERY, plan_with=_recovery, window_kind="local_date"),
        schema.HEALTH: _list("/body", schema.HEALTH, samples=True),
        schema.ATHLETE: Endpoint("/athlete", *READERS[schema.ATHLETE], params=_params),
    },
    details={
        schema.ACTIVITIES: Endpoint("", ACTIVITY, plan_with=_one, columns=("sport_raw", "is_exercise")),
        schema.STREAMS: Endpoint("", STREAM, plan_with=_streams),
        schema.LAPS: Endpoint("", LAP, plan_with=_laps),
        schema.ZONES: Endpoint("", ZONE, plan_with=_zones),
    },
    in_flight=1,  # no limit is documented; an answer may take half a minute
    terms=spi.Terms("https://tryterra.co/terms-of-service", note="Paid; the terms of the vendors behind it hold too."),
    faults=_faults,
    webhook=receive,
    register_url="https://dashboard.tryterra.co",
    access="Paid plan; keys from the dashboard (2026-11).",
)
