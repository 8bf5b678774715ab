"""WHOOP, API v2 (facts of November 2026): v1 paths, v1 webhooks and integer workout ids are gone."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from pierre_data import schema, spi
from pierre_data.errors import PierreError, QuotaExceeded, RateLimited
from pierre_data.schema import Unit
from pierre_data.secret import Secret
from pierre_data.spi import Answer, Endpoint, Event, Field, Plan, Query, RateLimit, Received, Request, fields
from pierre_data.spi.fields import between
from pierre_data.spi.reading import read_rows, walk
from pierre_data.spi.signature import content, header, known, verify

# Numbers where the vendor published one, and names.
_TRAINED = """run=0,running,253,stroller-jogging track_run=35,track-field,track-and-field ride=1,cycling
mountain_bike=57,mountain-biking indoor_ride=97,spin,126,assault-bike hike=52,hiking-rucking triathlon=62,triathlon
walk=63,walking,93,caddying,252,stroller-walking,254,toddlerwearing,255,babywearing,266,dog-walking swim=33,swimming
alpine_ski=29,skiing nordic_ski=47,cross-country-skiing snowboard=91,snowboarding ice_skate=239,ice-skating
inline_skate=102,inline-skating skateboard=86,skateboarding row=18,rowing kayak=55,kayaking sup=61,paddleboarding
surf=64,surfing kitesurf=264,kite-boarding sail=28,sailing dive=73,diving multisport=49,duathlon golf=22,golf
water_sport=37,water-polo,267,water-skiing,268,wakeboarding crossfit=48,functional-fitness rock_climb=60,rock-climbing
strength=45,weightlifting,59,powerlifting,123,weightlifting-msk,strength-trainer cardio_gym=84,jumping-rope
hiit=96,hiit,248,f45-training,250,barrys elliptical=65,elliptical stair=66,stairmaster,83,climber,261,stadium-steps
yoga=44,yoga,259,hot-yoga pilates=43,pilates,107,barre,258,barre3,reformer-pilates,solidcore dance=42,dance
mobility=128,stretching,282,foam-rolling tennis=34,tennis table_tennis=230,table-tennis badminton=231,badminton
squash=32,squash pickleball=101,pickleball padel=106,paddle-tennis,249,padel baseball=16,baseball,31,softball
basketball=17,basketball hockey=20,field-hockey,24,ice-hockey american_football=21,football rugby=27,rugby
soccer=30,soccer volleyball=36,volleyball handball=240,handball cricket=100,cricket wheelchair=105,wheelchair-pushing
martial_arts=38,wrestling,39,boxing,56,martial-arts,98,jiu-jitsu,103,box-fitness,127,kickboxing
equestrian=53,horseback-riding,262,polo motor_sport=92,motocross,95,motor-racing workout=-1,activity
other=19,fencing,25,lacrosse,51,gymnastics,71,other,82,ultimate,85,australian-football,94,obstacle-course-racing
other=104,spikeball,110,parkour,111,gaelic-football,112,hurling-camogie,113,circus-arts,232,netball,234,disc-golf
other=238,paintball"""
_LEISURE = """other=70,meditation,74,operations-tactical,75,operations-medical,76,operations-flying,77,operations-water
other=87,coaching,88,ice-bath,89,commuting,90,gaming,99,manual-labor,108,stage-performance,109,high-stress-work
other=121,massage-therapy,125,watching-sports,233,sauna,235,yard-work,236,air-compression,237,percussive-massage
other=251,dedicated-parenting,263,musical-performance,269,cooking,270,cleaning,272,public-speaking,snow-shoveling"""


def _word(name: Any, number: Any) -> str | None:
    # Names mix "-" and "_" (weightlifting_msk); the number is deprecated, was still sent in 2026-09, and 0 is running.
    slug = re.sub(r"[^a-z0-9]+", "-", str(name or "").lower().replace("'", "")).strip("-")
    code = str(number).removesuffix(".0")
    return code if SPORTS.sport(slug) is None and SPORTS.sport(code) else slug or None


SPORTS = spi.Sports.grouped(_TRAINED, _LEISURE, _word)


def _offset(text: str) -> float:
    return (dt.datetime.fromisoformat(f"2000-01-01T00:00{text}").utcoffset() or dt.timedelta()).total_seconds()


def _local(time: str | None, offset: str | None) -> dt.datetime | None:
    if not time or not offset:
        return None
    return dt.datetime.fromisoformat(time).replace(tzinfo=None) + dt.timedelta(seconds=_offset(offset))


def _night(end: str | None, offset: str | None) -> dt.datetime | None:
    local = _local(end, offset)
    return local and dt.datetime.combine(local, dt.time())


def _day(end: str | None, zone: str | None, start: str | None, offset: str | None, made: str | None) -> Any:
    # The day of waking up; a cycle begins with falling asleep, so its day is the one half a day later.
    begun = _local(start, offset)
    morning = begun and dt.datetime.combine(begun + dt.timedelta(hours=12), dt.time())
    return _night(end, zone) or morning or (made and made[:10])


def _sum(*parts: float | None) -> float | None:
    return sum(p or 0 for p in parts) if any(p is not None for p in parts) else None


def _state(word: str) -> str:
    return "pending" if word == "PENDING_SCORE" else word.lower()


def _window(after: dt.datetime | None, before: dt.datetime | None) -> dict[str, str]:
    ends = {"start": after, "end": before and before + dt.timedelta(microseconds=999)}  # the end is exclusive
    return {k: f"{t.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z" for k, t in ends.items() if t}


_ASLEEP = tuple(f"score.stage_summary.total_{name}_sleep_time_milli" for name in ("light", "slow_wave", "rem"))
_NEEDS = ("baseline", "need_from_sleep_debt", "need_from_recent_strain", "need_from_recent_nap")  # a nap is below 0
_SPAN = fields("id athlete_id=user_id start_time=start updated_at") | fields(
    "utc_offset_s=timezone_offset", via=_offset
)
_HEART = "strain average_heart_rate_bpm=average_heart_rate max_heart_rate_bpm=max_heart_rate energy_kcal=kilojoule@kJ"
_WORKOUT = _SPAN | fields(f"{_HEART} distance_m=distance_meter elevation_gain_m=altitude_gain_meter", "score.")
_WORKOUT |= {"sport": Field("sport_name", "sport_id", via=SPORTS), "elapsed_s": Field("start", "end", via=between)}
_SLEEP = _SPAN | fields("end_time=end is_nap=nap wake_count=score.stage_summary.disturbance_count")
_SLEEP |= fields(
    """efficiency_pct=sleep_efficiency_percentage score=sleep_performance_percentage
    respiratory_rate_brpm=respiratory_rate""",
    "score.",
)
_SLEEP |= fields(
    """in_bed_s=in_bed_time_milli@ms awake_s=awake_time_milli@ms unscored_s=no_data_time_milli@ms
    light_s=light_sleep_time_milli@ms deep_s=slow_wave_sleep_time_milli@ms rem_s=rem_sleep_time_milli@ms""",
    "score.stage_summary.total_",
)
_SLEEP |= {
    "night": Field("end", "timezone_offset", via=_night),
    "end_time_local": Field("end", "timezone_offset", via=_local),
    "asleep_s": Field(*_ASLEEP, unit=Unit.MILLISECOND, via=_sum),
    "needed_s": Field(*(f"score.sleep_needed.{need}_milli" for need in _NEEDS), unit=Unit.MILLISECOND, via=_sum),
    "scoring": Field("score_state", via=_state),
}
_RECOVERY = fields(_HEART, "cycle.score.") | fields(
    """recovery_score resting_heart_rate_bpm=resting_heart_rate hrv_rmssd_ms=hrv_rmssd_milli
    spo2_pct=spo2_percentage skin_temperature_c=skin_temp_celsius""",
    "recovery.score.",
)
_RECOVERY |= fields("sleep_score=sleep_performance_percentage respiratory_rate_brpm=respiratory_rate", "sleep.score.")
_ENDS = ("sleep.end", "sleep.timezone_offset", "cycle.start", "cycle.timezone_offset", "recovery.created_at")
_RECOVERY |= {
    "id": Field("cycle.id", "recovery.cycle_id"),
    "date": Field(*_ENDS, via=_day),
    "athlete_id": Field("cycle.user_id", "recovery.user_id"),
    "scoring": Field("recovery.score_state", via=_state),
    "updated_at": Field("recovery.updated_at", "cycle.updated_at"),
}
_BODY = fields("height_m=height_meter weight_kg=weight_kilogram max_heart_rate_bpm=max_heart_rate", "body.")
_ATHLETE = _BODY | fields("id=profile.user_id")
_ATHLETE |= {"name": Field("profile.first_name", "profile.last_name", via=lambda *n: " ".join(filter(None, n)) or None)}
_ZONE = fields("activity_id=id kind zone elapsed_s=time@ms")


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
    yield read_rows([{"profile": profile, "body": body}], _ATHLETE, schema.ATHLETE)


def _recovery(query: Query) -> Plan:
    # A recovery names neither zone nor day, and strain is in the cycle: all three are read and joined.
    edge = dt.timedelta(days=2)
    window = _window(query.after and query.after - edge, query.before and query.before + edge)
    cycles = {c.get("id"): c for c in (yield from walk("/v2/cycle", window, "records", _PAGES))}
    sleeps = {s.get("id"): s for s in (yield from walk("/v2/activity/sleep", window, "records", _PAGES))}
    recoveries = {r.get("cycle_id"): r for r in (yield from walk("/v2/recovery", window, "records", _PAGES))}
    joined = [{"cycle": cycles.get(key), "recovery": recoveries.get(key)} for key in cycles | recoveries]
    nights = [sleeps.get((day["recovery"] or {}).get("sleep_id")) for day in joined]
    yield read_rows([{**d, "sleep": n} for d, n in zip(joined, nights, strict=True)], _RECOVERY, schema.RECOVERY)


def _faults(answer: Answer) -> PierreError | None:
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
_LIST: dict[str, Any] = {"records": "records", "paging": _PAGES, "window": _window, "newest_first": True}
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
        schema.ACTIVITIES: Endpoint(_WORKOUTS, _WORKOUT, **_LIST, scopes=_READ[2:3], ignored=_IGNORED),
        schema.SLEEP: Endpoint(_SLEEPS, _SLEEP, **_LIST, scopes=_READ[3:4], ignored=_IGNORED),
        schema.RECOVERY: Endpoint(
            "", _RECOVERY, plan_with=_recovery, window_kind="local_date", scopes=(*_READ[:2], _READ[3])
        ),
        schema.HEALTH: Endpoint("/v2/user/measurement/body", _BODY | fields("id=day time"), _body, scopes=_READ[5:]),
        schema.ATHLETE: Endpoint("", _ATHLETE, plan_with=_athlete, scopes=_READ[4:]),
    },
    details={
        schema.ACTIVITIES: Endpoint(f"{_WORKOUTS}/{{id}}", _WORKOUT, scopes=_READ[2:3], ignored=_IGNORED),
        schema.SLEEP: Endpoint(f"{_SLEEPS}/{{id}}", _SLEEP, scopes=_READ[3:4], ignored=_IGNORED),
        schema.ZONES: Endpoint(f"{_WORKOUTS}/{{id}}", _ZONE, _zones, scopes=_READ[2:3]),
    },
    limits=(RateLimit(100, minutes=1), RateLimit(10_000, days=1)),
    terms=spi.Terms("https://developer.whoop.com/api-terms-of-use", note="A developer needs a WHOOP membership."),
    faults=_faults,
    webhook=receive,
    register_url="https://developer.whoop.com",
    access="Free for WHOOP members, up to 5 applications; a few users until approved (2026-11).",
)
