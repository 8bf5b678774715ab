"""Strava, API v3 (facts of November 2026)."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from pierre_data import schema
from pierre_data.errors import AccessDenied, PierreError, QuotaExceeded, RateLimited
from pierre_data.providers.strava_pushes import receive
from pierre_data.providers.strava_rows import (
    ATHLETE,
    BEST,
    DETAIL,
    GEAR,
    LAP,
    LIST,
    PERSON,
    POSITION,
    SEGMENT,
    SOCIAL,
    STATS,
    STREAM,
    WITHIN,
    ZONE,
    cadence,
    on_foot,
    parts,
    sport_of,
    window,
    zones,
)
from pierre_data.spi import (
    Endpoint,
    Field,
    OAuthEndpoints,
    OAuthParams,
    PageNumber,
    Plan,
    ProviderDescriptor,
    Query,
    RateLimit,
    Request,
    Response,
    Rows,
    Terms,
)

#: Base URL, first and last day it answers (UTC; None: not said).
# 2026-06: the changelog announces the second one (no /api/v3), the e-mail says https://www.api-v3.strava.com; neither
# resolves yet (stravalib issue 737).  PIERRE_STRAVA_API_BASE_URL switches; consent and tokens stay on www.strava.com.
BASE_URLS = (
    ("https://www.strava.com/api/v3", None, dt.date(2027, 5, 31)),
    ("https://api-v3.strava.com", dt.date(2027, 1, 4), None),
)
BASE_URL = BASE_URLS[0][0]


def _streams(query: Query) -> Plan:
    # The samples alone say neither when they began nor whose cadence it is: the detail does.
    detail = (yield Request(f"/activities/{query.id}", raw=True)).body
    keys = ",".join([*(f.paths[0] for f in STREAM.values()), "latlng", "cadence"])
    path, params = f"/activities/{query.id}/streams", {"keys": keys, "key_by_type": "true"}
    data = {key: part["data"] for key, part in (yield Request(path, params, raw=True)).body.items()}
    columns: dict[str, Any] = {c: data[f.paths[0]] for c, f in STREAM.items() if f.paths[0] in data}
    for at, column in enumerate(("latitude_deg", "longitude_deg")):
        columns |= {column: [p[at] if p else None for p in data["latlng"]]} if "latlng" in data else {}
    if "cadence" in data:
        words = (detail.get("sport_type"), detail.get("type"))
        for column, foot in (("cadence_rpm", False), ("cadence_spm", True)):
            columns[column] = cadence(foot, data["cadence"], *([w] * len(data["cadence"]) for w in words))
    start, seconds = dt.datetime.fromisoformat(detail["start_date"]), columns.get("elapsed_s", [])
    columns |= {"id": [query.id] * len(seconds), "time": [start + dt.timedelta(seconds=s) for s in seconds]}
    if seconds:
        yield Rows(columns)


def _rows(items: Sequence[Mapping[str, Any]], wanted: Mapping[str, Field]) -> Rows:
    return Rows({column: [_dig(item, f.paths[0].split(".")) for item in items] for column, f in wanted.items()})


def _dig(item: Any, path: Sequence[str]) -> Any:
    return _dig((item or {}).get(path[0]), path[1:]) if path else item


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
    yield _rows(rows, STATS)


def _gear(_query: Query) -> Plan:
    athlete = (yield Request("/athlete", raw=True)).body
    rows = []
    for kind in ("bikes", "shoes"):
        for item in athlete.get(kind) or ():
            detail = (yield Request(f"/gear/{item['id']}", raw=True)).body
            rows.append({**item, **detail, "kind": kind.removesuffix("s") if kind == "bikes" else kind})
    yield _rows(rows, GEAR)


def _records(query: Query) -> Plan:
    # Best efforts are only in details: walk the list, then open each run that brought a record.  An effort may begin
    # long after its run did, so runs of the two days before count too; the rows are cut afterwards.
    edge = dt.timedelta(days=2)
    params: dict[str, Any] = {"per_page": 200, **window(query.after and query.after - edge, query.before)}
    page, runs = 1, []
    while body := (yield Request("/athlete/activities", {**params, "page": page}, raw=True)).body:
        runs += [a["id"] for a in body if a.get("pr_count") and on_foot(a.get("sport_type"), a.get("type"))]
        page += 1
    for run in runs:
        detail = (yield Request(f"/activities/{run}", raw=True)).body
        best = [e for e in parts("best_efforts")(detail, query) if e.get("pr_rank")]
        named = [{**e, "metric": f"fastest_{e['distance']:.0f}_m", "sport": sport_of(detail)} for e in best]
        yield _rows(named, BEST)


def _token_error(body: Mapping[str, Any]) -> str:
    """Token errors name a resource: the application itself, or the code or token that was sent (2026-11)."""
    resource = body["errors"][0]["resource"] if body.get("errors") else ""
    return "" if not resource else "invalid_client" if resource == "Application" else "invalid_grant"


def _faults(answer: Response) -> PierreError | None:
    try:
        errors = json.loads(answer.body)["errors"]
        codes = {(e.get("field"), e.get("code")) for e in errors}
    except (ValueError, LookupError, TypeError, AttributeError):  # empty bodies and texts were recorded
        codes = set()
    if answer.status == 403 and ("Status", "Inactive") in codes:
        return AccessDenied(
            "Strava says this API application is inactive: since 2026-06-30 its owner needs a paid subscription.",
            "Subscribe with the account that owns the application, or read your archive with 'strava-export'.",
        )
    if answer.status in (401, 403) and any("permission" in str(f) and c == "missing" for f, c in codes):
        return AccessDenied(
            "The athlete did not grant a scope this needs.", "Connect again and leave every box ticked."
        )
    return _over_limit(answer) if answer.status == 429 else None


def _over_limit(answer: Response) -> RateLimited:
    # Strava sends no Retry-After; its windows end at each quarter hour and at midnight UTC.
    headers = {k.lower(): v for k, v in answer.headers.items()}
    limit, usage = (headers.get(f"x-readratelimit-{part}", "").split(",") for part in ("limit", "usage"))
    try:
        day = int(usage[1]) >= int(limit[1])
    except (ValueError, IndexError):  # a lone "," was recorded
        day = False
    span = 86400 if day else 900
    wait = span - answer.at.timestamp() % span + 1
    return (QuotaExceeded if day else RateLimited)(
        f"Strava's {'daily' if day else '15-minute'} limit is used up.",
        f"Ask again in {ceil(wait / 60)} minutes; what had arrived is in the cache.",
        retry_after=wait,
    )


_ONE = "/activities/{id}"
_READ = ("activity:read",)

descriptor = ProviderDescriptor(
    name="strava",
    display_name="Strava",
    api_base_url=BASE_URL,
    oauth_endpoints=OAuthEndpoints(
        "https://www.strava.com/oauth/authorize",
        "https://www.strava.com/oauth/token",
        "https://www.strava.com/oauth/revoke",  # 2026-06; /oauth/deauthorize ends 2027-06-01
    ),
    oauth_params=OAuthParams(
        scope_separator=",",
        additional_auth_params=(("approval_prompt", "auto"),),
        revoke="basic",
        any_port=True,
        account="athlete.id",
        read_error=_token_error,
        implied_scopes=(("activity:read_all", "activity:read"), ("profile:read_all", "profile:read")),
        token_hosts=("api-v3.strava.com", "www.api-v3.strava.com"),
        manage_url="https://www.strava.com/settings/apps",
    ),
    default_scopes=("read", "activity:read_all", "profile:read_all"),
    endpoints={
        schema.ACTIVITIES: Endpoint(
            "/athlete/activities",
            LIST,
            paging=PageNumber(size=200),
            window=window,
            newest_first=True,
            scopes=_READ,
            ignored=tuple(SOCIAL),
        ),
        schema.ATHLETE: Endpoint("/athlete", ATHLETE, scopes=("read",), ignored=tuple(PERSON)),
        schema.STATS: Endpoint(plan_with=_stats, columns=tuple(STATS)),
        schema.GEAR: Endpoint(plan_with=_gear, columns=tuple(GEAR), scopes=("profile:read_all",)),
        schema.PERSONAL_RECORDS: Endpoint(plan_with=_records, columns=tuple(BEST), scopes=_READ),
    },
    details={
        schema.ACTIVITIES: Endpoint(_ONE, DETAIL, scopes=_READ, ignored=(*SOCIAL, *WITHIN)),
        schema.STREAMS: Endpoint(
            plan_with=_streams,
            columns=(*STREAM, "id", "time", "latitude_deg", "longitude_deg", "cadence_rpm", "cadence_spm"),
            scopes=_READ,
        ),
        schema.LAPS: Endpoint(_ONE, LAP, records=parts("laps"), scopes=_READ, ignored=tuple(POSITION)),
        schema.ZONES: Endpoint(f"{_ONE}/zones", ZONE, records=zones, scopes=_READ),
        schema.SEGMENT_EFFORTS: Endpoint(
            _ONE,
            SEGMENT,
            parts("segment_efforts"),
            params={"include_all_efforts": "true"},
            scopes=_READ,
            ignored=tuple(POSITION),
        ),
    },
    limits=(RateLimit(100, minutes=15), RateLimit(1000, days=1)),
    terms=Terms(
        "https://www.strava.com/legal/api",
        keep=dt.timedelta(days=7),
        note="Show an athlete's data to that athlete only, keep it 7 days at most, do not feed it to AI.",
    ),
    faults=_faults,
    webhook=receive,
    register_url="https://www.strava.com/settings/api",
    access="Own application; since 2026-06-30 its owner needs a paid subscription.",
)
