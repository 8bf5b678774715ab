"""Strava, API v3 (facts of November 2026)."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from math import ceil, floor
from typing import Any

from pierre_data import schema
from pierre_data.errors import AccessDenied, PierreError, QuotaExceeded, RateLimited
from pierre_data.providers.strava_pushes import receive
from pierre_data.spi import (
    Answer,
    Columnwise,
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
    Rows,
    Sports,
    Terms,
    fields,
)

#: Base URL, first and last day it answers (UTC; None: not said).
# 2026-06: the changelog announces the second one (no /api/v3), the e-mail says https://www.api-v3.strava.com; neither
# resolves yet (stravalib issue 737).  PIERRE_STRAVA_API_BASE_URL switches; consent and tokens stay on www.strava.com.
BASE_URLS = (
    ("https://www.strava.com/api/v3", None, dt.date(2027, 5, 31)),
    ("https://api-v3.strava.com", dt.date(2027, 1, 4), None),
)
BASE_URL = BASE_URLS[0][0]

Values = Sequence[Any]


def _word(sport_type: str | None, kind: str | None, trainer: bool | None = None) -> str | None:
    word = sport_type or kind  # sport_type is missing in answers from before June 2022
    return f"{word} trainer" if trainer and word in ("Run", "Ride") else word


SPORTS = Sports.table(
    """AlpineSki=alpine_ski BackcountrySki=backcountry_ski Badminton Basketball Canoeing=canoe Cricket Crossfit Dance
    EBikeRide=ebike Elliptical EMountainBikeRide=emtb Golf GravelRide=gravel_ride Handcycle Hike IceSkate=ice_skate
    HighIntensityIntervalTraining=hiit InlineSkate=inline_skate Kayaking=kayak Kitesurf MountainBikeRide=mountain_bike
    NordicSki=nordic_ski Padel PhysicalTherapy=physical_therapy Pickleball Pilates Racquetball Ride
    RockClimbing=rock_climb RollerSki=roller_ski Rowing=row Run Sail Skateboard Snowboard Snowshoe Soccer Squash
    StairStepper=stair StandUpPaddling=sup Surfing=surf Swim TableTennis=table_tennis Tennis TrailRun=trail_run
    Velomobile=ride VirtualRide=virtual_ride VirtualRow=indoor_row VirtualRun=virtual_run Volleyball Walk
    WeightTraining=strength Wheelchair Windsurf Workout Yoga Run+trainer=treadmill_run Ride+trainer=indoor_ride""",
    word=_word,
)
_KINDS = {1: "race", 11: "race", 2: "long_run", 3: "workout", 12: "workout"}


def _sport(detail: Mapping[str, Any]) -> str:
    word = _word(detail.get("sport_type"), detail.get("type"), detail.get("trainer"))
    return (SPORTS.sport(word or "") or ("other", True))[0]


@lru_cache(maxsize=256)
def _on_foot(*words: str | None) -> bool:
    return schema.FAMILY[_sport({"type": words[0] or words[1]})] in ("run", "walk")


def _cadence(foot: bool, cadences: Values, *words: Values) -> list[float | None]:
    factor = 2 if foot else 1  # Strava counts one foot
    rows = zip(cadences, *words, strict=True)
    return [c * factor if c is not None and _on_foot(a, b) is foot else None for c, a, b in rows]


def _hidden(starts: Values, locals_: Values) -> list[bool]:
    # 2024-07: an activity with a hidden start shows midnight plus one second in both times.
    ends = "T00:00:01Z"
    return [str(a).endswith(ends) and str(b).endswith(ends) for a, b in zip(starts, locals_, strict=True)]


def _gps(lines: Values, starts: Values) -> list[bool]:
    return [bool(line or start) for line, start in zip(lines, starts, strict=True)]


def _window(after: dt.datetime | None, before: dt.datetime | None) -> Mapping[str, int]:
    # Whether `after` excludes its own second is not documented: ask for one more, the rows are cut anyway.
    start = {"after": floor(after.timestamp()) - 1} if after else {}
    return start | ({"before": ceil(before.timestamp())} if before else {})


_MEANS = fields(
    """name elapsed_s=elapsed_time moving_s=moving_time start_time=start_date average_power_w=average_watts
    average_heart_rate_bpm=average_heartrate max_heart_rate_bpm=max_heartrate"""
)
_PACE = fields("elevation_gain_m=total_elevation_gain average_speed_mps=average_speed max_speed_mps=max_speed")
_CADENCE = {
    "average_cadence_rpm": Field("average_cadence", "sport_type", "type", via=Columnwise(partial(_cadence, False))),
    "average_cadence_spm": Field("average_cadence", "sport_type", "type", via=Columnwise(partial(_cadence, True))),
}
_LIST = _MEANS | _PACE | _CADENCE
_LIST |= fields(
    """id manual commute private gear_id athlete_id=athlete.id start_time_local=start_date_local utc_offset_s=utc_offset
    work_kj=kilojoules max_power_w=max_watts normalized_power_w=weighted_average_watts relative_effort=suffer_score
    temperature_c=average_temp min_altitude_m=elev_low max_altitude_m=elev_high device=device_name
    start_latitude_deg=start_latlng.0 start_longitude_deg=start_latlng.1 end_latitude_deg=end_latlng.0
    end_longitude_deg=end_latlng.1 city=location_city region=location_state country=location_country"""
)
_LIST |= {
    "sport": Field("sport_type", "type", "trainer", via=SPORTS),
    "workout_kind": Field("workout_type", via=_KINDS.get),
    "race": Field("workout_type", via=lambda kind: _KINDS.get(kind) == "race"),
    "timezone": Field("timezone", via=lambda text: text.rpartition(") ")[2]),
    "start_hidden": Field("start_date", "start_date_local", via=Columnwise(_hidden)),
    "distance_m": Field("distance", via=Columnwise(lambda metres: [m or None for m in metres])),  # 0.0 means none
    "indoor": Field(
        "trainer", "sport_type", "type", via=lambda t, *words: bool(t) or "Virtual" in str(words[0] or words[1])
    ),
    "has_gps": Field("map.summary_polyline", "start_latlng", via=Columnwise(_gps)),
    "external_id": Field("external_id", via=Columnwise(lambda texts: [t and t.replace(" ", "%20") for t in texts])),
    "upload_id": Field("upload_id_str", "upload_id"),
}
_DETAIL = _LIST | fields("energy_kcal=calories perceived_exertion")
_ATHLETE = fields("id username city region=state country weight_kg=weight ftp_w=ftp created_at updated_at") | {
    "name": Field("firstname", "lastname", via=lambda *names: " ".join(filter(None, names))),
    "sex": Field("sex", via=str.lower),
    "measurement_system": Field("measurement_preference", via={"feet": "imperial", "meters": "metric"}.get),
}
_EFFORT = _MEANS | fields("id activity_id=activity.id distance_m=distance")
_LAP = _EFFORT | _PACE | _CADENCE | fields("lap=lap_index")
_SEGMENT = _EFFORT | _CADENCE
_SEGMENT |= fields(
    """segment_id=segment.id average_grade_pct=segment.average_grade climb_category=segment.climb_category
    kom_rank pr_rank"""
)
_BEST = {c: f for c, f in _EFFORT.items() if c != "max_heart_rate_bpm"} | fields("metric sport rank=pr_rank")
_STATS = fields(
    """athlete_id period sport_family activity_count=count distance_m=distance moving_s=moving_time
    elapsed_s=elapsed_time elevation_gain_m=elevation_gain longest_distance_m=longest biggest_climb_m=climb"""
)
_GEAR = fields("id kind name brand=brand_name model=model_name distance_m=distance retired is_primary=primary")
# Fields no table of ours has a place for.
_SOCIAL = """resource_state achievement_count athlete_count comment_count display_hide_heartrate_option flagged
    from_accepted_tag has_heartrate has_kudoed heartrate_opt_out kudos_count map.id map.resource_state photo_count
    pr_count total_photo_count visibility device_watts athlete.resource_state start_latitude start_longitude""".split()
_WITHIN = """available_zones best_efforts description embed_token gear hide_from_home laps photos segment_efforts
    prefer_perceived_exertion similar_activities splits_metric splits_standard stats_visibility""".split()
_PERSON = """resource_state athlete_type badge_type_id bikes shoes bio blocked can_follow clubs date_preference follower
    follower_count friend friend_count mutual_friend_count premium profile profile_medium summit""".split()
_POSITION = """resource_state athlete device_watts start_index end_index start_date_local split pace_zone achievements
    hidden segment""".split()
_BOUNDS = {"heartrate": ("heart_rate", "bpm"), "power": ("power", "w"), "pace": ("pace", "mps")}
_ZONE = fields("activity_id kind zone elapsed_s=time lower_bpm upper_bpm lower_w upper_w lower_mps upper_mps")
_STREAM = fields(
    """elapsed_s=time distance_m=distance speed_mps=velocity_smooth heart_rate_bpm=heartrate power_w=watts
    altitude_m=altitude temperature_c=temp moving grade_pct=grade_smooth"""
)


def _parts(name: str) -> Callable[[Any, Query], list[dict[str, Any]]]:
    """Read a list inside an activity's detail; what its parts do not say comes from the activity."""

    def rows(detail: Mapping[str, Any], _query: Query) -> list[dict[str, Any]]:
        whole = {"sport_type": detail.get("sport_type"), "type": detail.get("type"), "activity": {"id": detail["id"]}}
        return [part | whole for part in detail.get(name) or ()]

    return rows


def _zones(body: Sequence[Mapping[str, Any]], query: Query) -> list[dict[str, Any]]:
    rows = []
    for part in body:
        kind, unit = _BOUNDS.get(part["type"], (part["type"], "other"))
        for at, zone in enumerate(part.get("distribution_buckets") or (), start=1):
            bounds = {f"lower_{unit}": zone["min"], f"upper_{unit}": None if zone["max"] == -1 else zone["max"]}
            rows.append({"activity_id": query.id, "kind": kind, "zone": at, "time": zone["time"], **bounds})
    return rows


def _streams(query: Query) -> Plan:
    # The samples alone say neither when they began nor whose cadence it is: the detail does.
    detail = (yield Request(f"/activities/{query.id}", raw=True)).body
    keys = ",".join([*(f.paths[0] for f in _STREAM.values()), "latlng", "cadence"])
    path, params = f"/activities/{query.id}/streams", {"keys": keys, "key_by_type": "true"}
    data = {key: part["data"] for key, part in (yield Request(path, params, raw=True)).body.items()}
    columns: dict[str, Any] = {c: data[f.paths[0]] for c, f in _STREAM.items() if f.paths[0] in data}
    for at, column in enumerate(("latitude_deg", "longitude_deg")):
        columns |= {column: [p[at] if p else None for p in data["latlng"]]} if "latlng" in data else {}
    if "cadence" in data:
        words = (detail.get("sport_type"), detail.get("type"))
        for column, foot in (("cadence_rpm", False), ("cadence_spm", True)):
            columns[column] = _cadence(foot, data["cadence"], *([w] * len(data["cadence"]) for w in words))
    start, seconds = dt.datetime.fromisoformat(detail["start_date"]), columns.get("elapsed_s", [])
    columns |= {"activity_id": [query.id] * len(seconds), "time": [start + dt.timedelta(seconds=s) for s in seconds]}
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
    yield _rows(rows, _STATS)


def _gear(_query: Query) -> Plan:
    athlete = (yield Request("/athlete", raw=True)).body
    rows = []
    for kind in ("bikes", "shoes"):
        for item in athlete.get(kind) or ():
            detail = (yield Request(f"/gear/{item['id']}", raw=True)).body
            rows.append({**item, **detail, "kind": kind.removesuffix("s") if kind == "bikes" else kind})
    yield _rows(rows, _GEAR)


def _records(query: Query) -> Plan:
    # Best efforts are only in details: walk the list, then open each run that brought a record.  An effort may begin
    # long after its run did, so runs of the two days before count too; the rows are cut afterwards.
    edge = dt.timedelta(days=2)
    params: dict[str, Any] = {"per_page": 200, **_window(query.after and query.after - edge, query.before)}
    page, runs = 1, []
    while body := (yield Request("/athlete/activities", {**params, "page": page}, raw=True)).body:
        runs += [a["id"] for a in body if a.get("pr_count") and _on_foot(a.get("sport_type"), a.get("type"))]
        page += 1
    for run in runs:
        detail = (yield Request(f"/activities/{run}", raw=True)).body
        best = [e for e in _parts("best_efforts")(detail, query) if e.get("pr_rank")]
        named = [{**e, "metric": f"fastest_{e['distance']:.0f}_m", "sport": _sport(detail)} for e in best]
        yield _rows(named, _BEST)


def _faults(answer: Answer) -> PierreError | None:
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


def _over_limit(answer: Answer) -> RateLimited:
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
        implied_scopes=(("activity:read_all", "activity:read"), ("profile:read_all", "profile:read")),
        token_hosts=("api-v3.strava.com", "www.api-v3.strava.com"),
        manage_url="https://www.strava.com/settings/apps",
    ),
    default_scopes=("read", "activity:read_all", "profile:read_all"),
    endpoints={
        schema.ACTIVITIES: Endpoint(
            "/athlete/activities",
            _LIST,
            paging=PageNumber(size=200),
            window=_window,
            newest_first=True,
            scopes=_READ,
            ignored=tuple(_SOCIAL),
        ),
        schema.ATHLETE: Endpoint("/athlete", _ATHLETE, scopes=("read",), ignored=tuple(_PERSON)),
        schema.STATS: Endpoint(plan_with=_stats, columns=tuple(_STATS)),
        schema.GEAR: Endpoint(plan_with=_gear, columns=tuple(_GEAR), scopes=("profile:read_all",)),
        schema.PERSONAL_RECORDS: Endpoint(plan_with=_records, columns=tuple(_BEST), scopes=_READ),
    },
    details={
        schema.ACTIVITIES: Endpoint(_ONE, _DETAIL, scopes=_READ, ignored=(*_SOCIAL, *_WITHIN)),
        schema.STREAMS: Endpoint(
            plan_with=_streams,
            columns=(*_STREAM, "activity_id", "time", "latitude_deg", "longitude_deg", "cadence_rpm", "cadence_spm"),
            scopes=_READ,
        ),
        schema.LAPS: Endpoint(_ONE, _LAP, records=_parts("laps"), scopes=_READ, ignored=tuple(_POSITION)),
        schema.ZONES: Endpoint(f"{_ONE}/zones", _ZONE, records=_zones, scopes=_READ),
        schema.SEGMENT_EFFORTS: Endpoint(
            _ONE,
            _SEGMENT,
            _parts("segment_efforts"),
            params={"include_all_efforts": "true"},
            scopes=_READ,
            ignored=tuple(_POSITION),
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
