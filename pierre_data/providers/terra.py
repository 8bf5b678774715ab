"""Terra, an aggregator: REST v2 at its new base, webhooks, connect sessions (facts of November 2026)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pierre_data.providers.terra_rows as wire
from pierre_data import errors, schema, spi
from pierre_data.providers.terra_rows import Row
from pierre_data.schema import Table
from pierre_data.spi import Endpoint, Event, Plan, Query, Request, Response, get_path, objects, read_rows, walk

BASE_URL = "https://access.tryterra.co/api/v2"  # https://api.tryterra.co/v2 still answers
# 2026-11: an athlete connects a vendor in a session made by POST https://access.tryterra.co/api/widget/session (before:
# {BASE_URL}/auth/generateWidgetSession) with reference_id, providers, language, auth_success_redirect_url and
# auth_failure_redirect_url; its "url" is good for 15 minutes, and the redirect adds user_id, or reason.  No door of
# ours makes one: the user_id of a connection is the option.


def _params(query: Query, samples: bool = False) -> dict[str, str]:
    # Without a plain false the answer goes to the webhook, and holds no data.
    return {"user_id": query.options["user_id"], "to_webhook": "false", "with_samples": str(samples).lower()}


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
    # There is no call for one activity: the lists are walked, newest first, three years back at most; but where it is
    # known when it began, the days around that come first.
    oldest = query.after or (query.before or query.now) - dt.timedelta(days=3 * 365)
    near = _days(replace(query, after=query.near, before=query.near)) if query.near else []
    for window in (*near, *_days(replace(query, after=oldest))):
        rows = wire.rows((yield from _ask("/activity", query, _dates(*window))), query)
        if versions := [row for row in rows if row["key"] == query.id]:
            return versions[-1]  # sent again, a row counts as it came last
    what = f"Terra has no activity {query.id} since {oldest:%Y-%m-%d}."
    raise errors.NotFound(what, "It may be older, or deleted.", status=404, provider="terra")


def _one(query: Query) -> Plan:
    yield read_rows([(yield from _find(query))], wire.ACTIVITY, schema.ACTIVITIES)


def _streams(query: Query) -> Plan:
    row = yield from _find(query)
    day = {"start_date": row["at"]["day"], "end_date": row["at"]["woke"]}
    full = wire.rows((yield from _ask("/activity", query, day, samples=True)), query)
    yield read_rows(
        [m for r in full if r["key"] == query.id for m in wire.moments(r, query, wire.SAMPLES)],
        wire.STREAM,
        schema.STREAMS,
    )


def _laps(query: Query) -> Plan:
    row = yield from _find(query)
    laps = [wire.timed(lap, row, query) for lap in objects(row, "lap_data.laps")]
    yield read_rows([{**lap, "key": query.id, "lap": at} for at, lap in enumerate(laps, 1)], wire.LAP, schema.LAPS)


def _zones(query: Query) -> Plan:
    row = yield from _find(query)
    top = {"key": query.id, "kind": "heart_rate", "top": get_path(row, f"{wire.HEART}.user_max_hr_bpm")}
    yield read_rows(
        [{**zone, **top} for zone in get_path(row, f"{wire.HEART}.hr_zone_data") or ()], wire.ZONE, schema.ZONES
    )


def _recovery(query: Query) -> Plan:
    edge = dt.timedelta(days=1)
    for start, end in _days(query):
        dates = _dates(start, end)
        days = {r["at"]["day"]: r for r in wire.rows((yield from _ask("/daily", query, dates)), query)}
        slept = wire.night_rows((yield from _ask("/sleep", query, _dates(start - edge, end + edge))), query)
        woken = {r["at"]["woke"]: r for r in slept if not r["metadata"].get("is_nap")}
        known_days = [day for day in {**days, **woken} if dates["start_date"] <= day <= dates["end_date"]]
        joined = [{**days.get(day, {}), "day": day, "sleep": woken.get(day)} for day in known_days]
        yield read_rows(joined, wire.RECOVERY, schema.RECOVERY)


def _faults(response: Response) -> errors.PierreError | None:
    if response.status == 401:
        return errors.AuthenticationFailed("Terra refused the keys.", "Check PIERRE_TERRA_DEV_ID and _API_KEY.")
    if response.status == 424:
        what = "The vendor behind Terra failed, or wants fewer questions."
        return errors.ApiError(what, "Try again later.", status=424, retryable=True)
    if response.status != 200 or b'"data"' in response.body or b'"athlete"' in response.body:
        return None
    # 200 without data: still collected, sent to the webhook, or nothing there.
    words = response.body[:2000].decode("utf-8", "replace").lower().replace("_", "").replace(" ", "")
    if "nodata" in words:
        return None
    what, fix = "Terra answered without data: it may still be collecting it.", "Ask again in a few minutes."
    return errors.ApiError(what, fix, status=200, retryable="webhook" not in words)


def _pushed(push: Row, table: Table, now: dt.datetime) -> list[Event]:
    wanted, read = wire.READERS[table]
    items, user = read(push, Query(table, now=now)), get_path(push, "user.user_id")
    # A local time without offset says no instant: such a row is asked for again, with the option timezone.
    vague = [i for i in items if i["at"].get("wall") and i["at"]["offset"] is None]
    sure = [i for i in items if i not in vague]
    events = [Event("data", table, athlete_id=user, rows=read_rows(sure, wanted, table))] if sure else []
    return events + [Event("update", table, i.get("key"), athlete_id=user) for i in vague]


_PUSHED = {"activity": (schema.ACTIVITIES,), "sleep": (schema.SLEEP, schema.SLEEP_STAGES), "body": (schema.HEALTH,)}
_PUSHED |= {"athlete": (schema.ATHLETE,), "daily": ()}


def _events(push: Row, now: dt.datetime) -> Iterator[Event]:
    """Yield what a push says: by its type, never by its shape."""
    kind, user = str(push.get("type")), get_path(push, "user.user_id")
    if kind in ("deauth", "access_revoked"):
        yield Event("disconnect", athlete_id=user)
    elif kind == "user_reauth":  # the connection goes on under another user_id
        yield Event("disconnect", athlete_id=get_path(push, "old_user.user_id"))
    elif kind == "s3_payload":  # the data is elsewhere: forget what may have changed
        yield Event("update", athlete_id=user)
    for table in _PUSHED.get(kind, ()):
        yield from _pushed(push, table, now)
    if kind not in ("activity", "daily", "sleep"):
        return
    for row in wire.rows(push, Query(schema.RECOVERY, now=now), None):
        begun = row["at"]["start"] if isinstance(row["at"]["start"], dt.datetime) else None
        if kind != "activity":  # a day is joined of both
            yield Event("update", schema.RECOVERY, row["at"]["day" if kind == "daily" else "woke"], begun, user)
        elif row["metadata"].get("upload_type") == 4:
            yield Event("delete", schema.ACTIVITIES, row["key"], begun, user)


# At most 28 days may be asked for, both ends count, and nights are asked for a day more at each end.
_WINDOWS = spi.DateWindows(dt.timedelta(days=25), oldest=dt.datetime(2010, 1, 1, tzinfo=dt.UTC))


def _list(path: str, table: Table, samples: bool = False) -> Endpoint:
    wanted, read = wire.READERS[table]
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
        schema.RECOVERY: Endpoint("", wire.RECOVERY, plan_with=_recovery, window_kind="local_date"),
        schema.HEALTH: _list("/body", schema.HEALTH, samples=True),
        schema.ATHLETE: Endpoint("/athlete", *wire.READERS[schema.ATHLETE], params=_params),
    },
    details={
        schema.ACTIVITIES: Endpoint("", wire.ACTIVITY, plan_with=_one, columns=("sport_raw", "is_exercise")),
        schema.STREAMS: Endpoint("", wire.STREAM, plan_with=_streams),
        schema.LAPS: Endpoint("", wire.LAP, plan_with=_laps),
        schema.ZONES: Endpoint("", wire.ZONE, plan_with=_zones),
    },
    in_flight=1,  # no limit is documented; an answer may take half a minute
    terms=spi.Terms("https://tryterra.co/terms-of-service", note="Paid; the terms of the vendors behind it hold too."),
    faults=_faults,
    # The signing secret is not the API key.
    webhook=spi.Webhook(
        provider="terra",
        signature=spi.Hmac("terra-signature x-terra-signature", stamp="t="),
        read=_events,
        secret="WEBHOOK_SECRET",
    ),
    register_url="https://dashboard.tryterra.co",
    access="Paid plan; keys from the dashboard (2026-11).",
)
