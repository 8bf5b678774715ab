"""Strava, API v3 (facts of November 2026)."""

from __future__ import annotations

import datetime as dt
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal
from urllib.parse import parse_qs

import pierre_data.providers.strava_rows as wire
from pierre_data import schema, spi
from pierre_data.errors import AccessDenied, PierreError
from pierre_data.spi import Endpoint, Event, Plan, Query, Request, Response, objects, read_rows, walk

#: Base URL, first and last day it answers (UTC; None: not said).
# 2026-06: the changelog announces the second one (no /api/v3), the e-mail says https://www.api-v3.strava.com; neither
# resolves yet (stravalib issue 737).  PIERRE_STRAVA_API_BASE_URL switches; consent and tokens stay on www.strava.com.
BASE_URLS = (
    ("https://www.strava.com/api/v3", None, dt.date(2027, 5, 31)),
    ("https://api-v3.strava.com", dt.date(2027, 1, 4), None),
)
BASE_URL = BASE_URLS[0][0]
_PAGES = spi.PageNumber(size=200)


def _streams(query: Query) -> Plan:
    # The samples alone say neither when they began nor whose cadence it is: the detail does.
    detail = (yield Request(f"/activities/{query.id}", raw=True)).body
    keys = ",".join([*(f.paths[0] for f in wire.STREAM.values()), "latlng", "cadence"])
    path, params = f"/activities/{query.id}/streams", {"keys": keys, "key_by_type": "true"}
    data = {key: part["data"] for key, part in (yield Request(path, params, raw=True)).body.items()}
    columns: dict[str, Any] = {c: data[f.paths[0]] for c, f in wire.STREAM.items() if f.paths[0] in data}
    for at, column in enumerate(("latitude_deg", "longitude_deg")):
        columns |= {column: [p[at] if p else None for p in data["latlng"]]} if "latlng" in data else {}
    if "cadence" in data:
        words = (detail.get("sport_type"), detail.get("type"))
        for column, foot in (("cadence_rpm", False), ("cadence_spm", True)):
            columns[column] = wire.cadence(foot, data["cadence"], *([w] * len(data["cadence"]) for w in words))
    start, seconds = dt.datetime.fromisoformat(detail["start_date"]), columns.get("elapsed_s", [])
    columns |= {"id": [query.id] * len(seconds), "time": [start + dt.timedelta(seconds=s) for s in seconds]}
    if seconds:
        yield spi.Rows(columns)


def _stats(_query: Query) -> Plan:
    athlete = (yield Request("/athlete", raw=True)).body["id"]
    body = (yield Request(f"/athletes/{athlete}/stats", raw=True)).body
    rows = []
    for key, period in {"all": "all", "ytd": "year_to_date", "recent": "recent"}.items():
        for family in ("run", "ride", "swim"):
            row = {"athlete_id": athlete, "period": period, "sport_family": family}
            if (key, family) == ("all", "ride"):  # either may be missing
                row |= {"longest": body.get("biggest_ride_distance"), "climb": body.get("biggest_climb_elevation_gain")}
            rows.append({**body.get(f"{key}_{family}_totals", {}), **row})
    yield read_rows(rows, wire.STATS, schema.STATS)


def _gear(_query: Query) -> Plan:
    athlete = (yield Request("/athlete", raw=True)).body
    rows = []
    for kind in ("bikes", "shoes"):
        for item in athlete.get(kind) or ():
            detail = (yield Request(f"/gear/{item['id']}", raw=True)).body
            rows.append({**item, **detail, "kind": kind.removesuffix("s") if kind == "bikes" else kind})
    yield read_rows(rows, wire.GEAR, schema.GEAR)


def _records(query: Query) -> Plan:
    # Best efforts are only in details: walk the list, then open each run that brought a record.  An effort may begin
    # long after its run did, so runs of the two days before count too; the rows are cut afterwards.
    edge = dt.timedelta(days=2)
    params = wire.window_params(query.after and query.after - edge, query.before)
    listed = yield from walk("/athlete/activities", params, "", _PAGES)
    words = {a["id"]: str(a.get("sport_type") or a.get("type")).casefold() for a in listed if a.get("pr_count")}
    runs = [id for id, word in words.items() if wire.ON_FOOT.get(word)]
    for run in runs:
        detail = (yield Request(f"/activities/{run}", raw=True)).body
        best = [e for e in wire.part_rows("best_efforts")(detail, query) if e.get("pr_rank")]
        named = [{**e, "metric": f"fastest_{e['distance']:.0f}_m", "sport": wire.sport_of(detail)} for e in best]
        yield read_rows(named, wire.BEST, schema.PERSONAL_RECORDS)


def _faults(response: Response) -> PierreError | None:
    if response.status not in (401, 403):
        return None
    errors = objects(response.object, "errors")  # text instead of a list was recorded
    codes = {(str(e.get("field")), str(e.get("code"))) for e in errors}
    if response.status == 403 and ("Status", "Inactive") in codes:
        return AccessDenied(
            "Strava says this API application is inactive: since 2026-06-30 its owner needs a paid subscription.",
            "Subscribe with the account that owns the application, or read your archive with 'strava-export'.",
        )
    if any("permission" in field and code == "missing" for field, code in codes):
        return AccessDenied(
            "The athlete did not grant a scope this needs.", "Connect again and leave every box ticked."
        )
    return None


_KINDS: Mapping[str, Literal["create", "update", "delete"]] = {"create": "create", "delete": "delete"}


def _handshake(content: Any, _genuine: Callable[[], bool], options: Mapping[str, Any]) -> spi.Received | None:
    # A GET: its query string is handed over as the body.  An event is JSON, whatever its title says.
    query = parse_qs(content.decode("utf-8", "replace")) if isinstance(content, bytes) else {}
    if not any(name.startswith("hub.") for name in query):
        return None
    token, challenge = (query.get(f"hub.{name}", [""])[0] for name in ("verify_token", "challenge"))
    if (wanted := options.get("verify_token")) and not hmac.compare_digest(token.encode(), str(wanted).encode()):
        raise AccessDenied("A handshake of strava is not ours.", "Check PIERRE_STRAVA_VERIFY_TOKEN.", provider="strava")
    return spi.Received(reply=json.dumps({"hub.challenge": challenge}).encode())


def _events(push: Mapping[str, Any], _now: dt.datetime) -> Iterator[Event]:
    """Yield at most one event; it may come up to three times, in any order; the answer must be out within 2 s."""
    kind, updates = _KINDS.get(push.get("aspect_type", ""), "update"), push.get("updates")
    owner, thing = (None if push.get(name) is None else str(push[name]) for name in ("owner_id", "object_id"))
    if push.get("object_type") == "activity":
        yield Event(kind, schema.ACTIVITIES, thing, athlete_id=owner)
    elif push.get("object_type") == "athlete":
        # Booleans are sent as text.  2026-11: some see a withdrawn consent as athlete and delete.
        withdrawn = isinstance(updates, Mapping) and str(updates.get("authorized")).lower() == "false"
        if withdrawn or kind == "delete":
            yield Event("disconnect", athlete_id=owner or thing)
        else:
            yield Event("update", schema.ATHLETE, thing, athlete_id=owner)


_ONE = "/activities/{id}"
_READ = ("activity:read",)

descriptor = spi.ProviderDescriptor(
    name="strava",
    display_name="Strava",
    id_space="strava",
    api_base_url=BASE_URL,
    oauth_endpoints=spi.OAuthEndpoints(
        "https://www.strava.com/oauth/authorize",
        "https://www.strava.com/oauth/token",
        "https://www.strava.com/oauth/revoke",  # 2026-06; /oauth/deauthorize ends 2027-06-01
    ),
    oauth_params=spi.OAuthParams(
        scope_separator=",",
        additional_auth_params=(("approval_prompt", "auto"),),
        revoke="basic",
        any_port=True,
        account="athlete.id",
        implied_scopes=(("activity:read_all", "activity:read"), ("profile:read_all", "profile:read")),
        token_hosts=("api-v3.strava.com", "www.api-v3.strava.com"),
        manage_url="https://www.strava.com/settings/apps",
    ),
    default_scopes=("read", "activity:read_all", "profile:read_all"),
    endpoints={
        schema.ACTIVITIES: Endpoint(
            "/athlete/activities",
            wire.LIST,
            paging=_PAGES,
            window=wire.window_params,
            newest_first=True,
            scopes=_READ,
            ignored=tuple(wire.SOCIAL),
        ),
        schema.ATHLETE: Endpoint("/athlete", wire.ATHLETE, scopes=("read",), ignored=tuple(wire.PERSON)),
        schema.STATS: Endpoint(plan_with=_stats, columns=tuple(wire.STATS)),
        schema.GEAR: Endpoint(plan_with=_gear, columns=tuple(wire.GEAR), scopes=("profile:read_all",)),
        schema.PERSONAL_RECORDS: Endpoint(plan_with=_records, columns=tuple(wire.BEST), scopes=_READ),
    },
    details={
        schema.ACTIVITIES: Endpoint(_ONE, wire.DETAIL, scopes=_READ, ignored=(*wire.SOCIAL, *wire.WITHIN)),
        schema.STREAMS: Endpoint(
            plan_with=_streams,
            columns=(*wire.STREAM, "id", "time", "latitude_deg", "longitude_deg", "cadence_rpm", "cadence_spm"),
            scopes=_READ,
        ),
        schema.LAPS: Endpoint(_ONE, wire.LAP, wire.part_rows("laps"), scopes=_READ, ignored=tuple(wire.POSITION)),
        schema.ZONES: Endpoint(f"{_ONE}/zones", wire.ZONE, wire.zone_rows, scopes=_READ),
        schema.SEGMENT_EFFORTS: Endpoint(
            _ONE,
            wire.SEGMENT,
            wire.part_rows("segment_efforts"),
            params={"include_all_efforts": "true"},
            scopes=_READ,
            ignored=tuple(wire.POSITION),
        ),
    },
    limits=(spi.RateLimit(100, minutes=15), spi.RateLimit(1000, days=1)),
    # There is no Retry-After; the windows end at each quarter of an hour and at midnight UTC.
    limit_headers=spi.LimitHeaders("x-readratelimit-limit", "x-readratelimit-usage", calendar=True),
    terms=spi.Terms(
        "https://www.strava.com/legal/api",
        keep=dt.timedelta(days=7),
        note="Show an athlete's data to that athlete only, keep it 7 days at most, do not feed it to AI.",
    ),
    faults=_faults,
    options={
        "require_signature": spi.Option(
            bool, False, "Refuse pushes without a signature; older subscriptions send none."
        ),
        "verify_token": spi.Option(str, "", "What the subscription was made with; its handshake must repeat it."),
    },
    # 2026-11: newer subscriptions are signed with the client secret, older ones are not.
    webhook=spi.Webhook(
        provider="strava",
        signature=spi.Hmac("X-Strava-Signature", stamp="t="),
        read=_events,
        handshake=_handshake,
        required_by="require_signature",
    ),
    register_url="https://www.strava.com/settings/api",
    access="Own application; since 2026-06-30 its owner needs a paid subscription.",
)
