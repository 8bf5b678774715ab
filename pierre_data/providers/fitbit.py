"""Fitbit through the Google Health API, v4 (facts of November 2026): the Web API ended on 2 November 2026."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Generator, Iterator, Mapping
from math import floor
from typing import Any, Literal
from urllib.parse import quote

import pierre_data.providers.fitbit_rows as wire
from pierre_data import schema, spi
from pierre_data.errors import AccessDenied, PayloadError, PierreError, ProviderRetired
from pierre_data.files import read_tcx
from pierre_data.spi import Endpoint, Event, Plan, Query, Request, get_path, objects, read_rows, walk

_DAILY = """daily-resting-heart-rate daily-heart-rate-variability daily-respiratory-rate daily-oxygen-saturation
    daily-sleep-temperature-derivations"""
_BODY = "weight body-fat height core-body-temperature blood-glucose vo2-max run-vo2-max"
_LIST, _ONE = "/users/me/dataTypes/{}/dataPoints", "/users/me/dataTypes/exercise/dataPoints/{id}"
_PAGES, _MANY = (spi.Token("nextPageToken", "pageToken", size, "pageSize") for size in (25, 10_000))
_SECOND = dt.timedelta(seconds=1)
_time = dt.datetime.fromisoformat


def _joined(kinds: str, member: str, query: Query) -> Generator[Request, Any, list[dict[str, Any]]]:
    """List several types and put side by side what is of one time; of several sources the first listed counts."""
    edge, points = dt.timedelta(days=member == "date"), dict[str, dict[str, Any]]()
    after, before = query.after and query.after - edge, query.before and query.before + edge
    for kind in kinds.split():
        first, *rest = kind.split("-")
        name, word = first + "".join(map(str.title, rest)), kind.replace("-", "_")
        window = wire.aip_filter(f"{word}.{member}", after, before)
        for point in (yield from walk(_LIST.format(kind), window, "dataPoints", _MANY)):
            at = get_path(point, f"{name}.date") or get_path(point, f"{name}.sampleTime")
            points.setdefault(json.dumps(at, sort_keys=True), {"at": at, **point}).setdefault(name, point.get(name))
    return list(points.values())


def _recovery(query: Query) -> Plan:
    yield read_rows((yield from _joined(_DAILY, "date", query)), wire.RECOVERY, schema.RECOVERY)


def _health(query: Query) -> Plan:
    sampled = yield from _joined(_BODY, "sample_time.physical_time", query)
    daily = yield from _joined("daily-vo2-max", "date", query)
    yield read_rows([*sampled, *daily], wire.HEALTH, schema.HEALTH)


def _stages(query: Query) -> Plan:
    nights = yield from walk(_LIST.format("sleep"), wire.ended(query.after, query.before), "dataPoints", _PAGES)
    parts = [(str(n.get("name")).rpartition("/")[2], objects(n, "sleep.stages")) for n in nights]
    yield read_rows([{**s, "sleep_id": id} for id, stages in parts for s in stages], wire.STAGE, schema.SLEEP_STAGES)


def _athlete(_query: Query) -> Plan:
    parts = {}
    for name in ("identity", "profile", "settings"):
        parts[name] = (yield Request(f"/users/me/{name}", raw=True)).body
    yield read_rows([parts], wire.ATHLETE, schema.ATHLETE)


def _streams(query: Query) -> Plan:
    # The track is a TCX document (inside JSON unless alt=media is asked for), the heart rate a type of its own.
    path, rows = _ONE.format(id=quote(query.id or "", safe="")), dict[float, dict[str, Any]]()
    point = (yield Request(path, raw=True)).body
    ends = [get_path(point, f"exercise.interval.{name}Time") for name in ("start", "end")]
    if not all(ends):
        raise PayloadError("fitbit sent an exercise without times.", "Look at it in the app.", path=path)
    start, end = map(_time, ends)
    if get_path(point, "exercise.exerciseMetadata.hasGps"):
        text = get_path((yield Request(f"{path}:exportExerciseTcx", {"partialData": "true"}, raw=True)).body, "tcxData")
        for samples in (s.samples for s in (read_tcx(str(text).encode()).sessions if text else ())):
            for at, time in enumerate((samples.time / 1e6).tolist()):
                rows[time] = {name: float(values[at]) for name, values in samples.columns.items()}
    window = wire.aip_filter("heart_rate.sample_time.physical_time", start, end + _SECOND)
    for beat in (yield from walk(f"{_LIST.format('heart-rate')}:reconcile", window, "dataPoints", _MANY)):
        if at := get_path(beat, "heartRate.sampleTime.physicalTime"):
            row = rows.setdefault(float(floor(_time(at).timestamp())), {})
            row["heart_rate_bpm"] = get_path(beat, "heartRate.beatsPerMinute")
    zero = start.timestamp()  # TCX knows whole seconds only
    passed = [(max(time - zero, 0.0), rows[time]) for time in sorted(rows) if time >= floor(zero)]
    timed = [{**row, "id": query.id, "elapsed_s": s, "time": start + s * _SECOND} for s, row in passed]
    yield read_rows(timed, wire.STREAM, schema.STREAMS)


_REASONS = {
    "ACCOUNT_NOT_LINKED": ("This Google account has no Fitbit data.", "Connect the account that the Fitbit app uses."),
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": ("A scope was not granted.", "Connect again and leave every box ticked."),
    "SERVICE_DISABLED": ("The Google Health API is off in your project.", "Enable it in the Google Cloud console."),
}


def _faults(response: spi.Response) -> PierreError | None:
    if response.status == 410:
        return ProviderRetired(
            "The Fitbit Web API was switched off on 2 November 2026.",
            "Unset PIERRE_FITBIT_API_BASE_URL and connect again (Google Health), or read an archive: fitbit-export.",
        )
    details = objects(response.object, "error.details") if response.status in (400, 403) else ()
    reason = next((_REASONS[r] for d in details if (r := str(d.get("reason"))) in _REASONS), None)
    return AccessDenied(*reason) if reason else None


_PUSHED: dict[Any, tuple[schema.Table, ...]] = {"exercise": (schema.ACTIVITIES,), "daily-vo2-max": (schema.HEALTH,)}
_PUSHED["sleep"] = (schema.SLEEP, schema.SLEEP_STAGES)
_PUSHED |= dict.fromkeys(_DAILY.split(), (schema.RECOVERY,)) | dict.fromkeys(_BODY.split(), (schema.HEALTH,))


def _handshake(content: Any, genuine: Callable[[], bool], _options: object) -> spi.Received | None:
    # It comes twice, with and without the header, and must be answered 201 and 401.
    asked = isinstance(content, dict) and content.get("type") == "verification"
    return spi.Received(status=201 if genuine() else 401) if asked else None


def _events(push: Mapping[str, Any], _now: dt.datetime) -> Iterator[Event]:
    """Yield what a notification names: types and intervals; it holds no data."""
    data = push.get("data") or {}
    kind: Literal["delete", "update"] = "delete" if data.get("operation") == "DELETE" else "update"
    spans = [get_path(interval, "physicalTimeInterval") or {} for interval in data.get("intervals") or ()]
    months = {str(time)[:7]: _time(time) for span in spans for time in span.values()}
    for table in _PUSHED.get(data.get("dataType"), ()):
        for time in months.values() or (None,):
            yield Event(kind, table, time=time, athlete_id=data.get("healthUserId"))


# The secret is what the subscriber asked to see in the header.  A live body may be a list of notifications (2026-11).
# The second signature (ECDSA, GOOGLE-HEALTH-API-SIGNATURE) is not checked.
_WEBHOOK = spi.Webhook(
    provider="fitbit",
    signature=spi.SharedSecret("Authorization"),
    read=_events,
    handshake=_handshake,
    secret="WEBHOOK_SECRET",
    lists=True,
    status=204,
)
_SCOPE = [f"https://www.googleapis.com/auth/googlehealth.{bundle}.readonly" for bundle in (
    "activity_and_fitness", "health_metrics_and_measurements", "sleep", "location", "profile", "settings")]  # fmt: skip
_MOVE, _BODIES, _SLEEPS, _PLACE, _WHO, _SET = _SCOPE
_MOVES = (_MOVE,)
_READ: dict[str, Any] = {"ignored": tuple(wire.IGNORED)}
_ROWS = {**_READ, "records": "dataPoints", "paging": _PAGES, "newest_first": True}

descriptor = spi.ProviderDescriptor(
    name="fitbit",
    display_name="Fitbit (Google Health)",
    api_base_url="https://health.googleapis.com/v4",
    oauth_endpoints=spi.OAuthEndpoints(
        "https://accounts.google.com/o/oauth2/v2/auth",
        "https://oauth2.googleapis.com/token",
        "https://oauth2.googleapis.com/revoke",
    ),
    oauth_params=spi.OAuthParams(
        use_pkce=True,
        # Without these two no refresh token comes; include_granted_scopes would bring old scopes that are refused.
        additional_auth_params=(("access_type", "offline"), ("prompt", "consent")),
        revoke="form",
        refresh_rotates=False,
        manage_url="https://myaccount.google.com/connections",
    ),
    default_scopes=tuple(_SCOPE),
    endpoints={
        schema.ACTIVITIES: Endpoint(
            _LIST.format("exercise"),
            wire.EXERCISE,
            window=wire.started,
            window_kind="local_date",
            **_ROWS,
            scopes=_MOVES,
        ),
        schema.SLEEP: Endpoint(_LIST.format("sleep"), wire.SLEEP, window=wire.ended, **_ROWS, scopes=(_SLEEPS,)),
        schema.SLEEP_STAGES: Endpoint("", wire.STAGE, plan_with=_stages, scopes=(_SLEEPS,)),
        schema.RECOVERY: Endpoint("", wire.RECOVERY, plan_with=_recovery, window_kind="local_date", scopes=(_BODIES,)),
        schema.HEALTH: Endpoint("", wire.HEALTH, plan_with=_health, scopes=(_BODIES, _MOVE)),
        schema.ATHLETE: Endpoint("", wire.ATHLETE, plan_with=_athlete, scopes=(_WHO, _SET)),
        schema.GEAR: Endpoint(
            "/users/me/pairedDevices", wire.GEAR, "pairedDevices", _PAGES, scopes=(_SET,), ignored=wire.GEAR_IGNORED
        ),
    },
    details={
        schema.ACTIVITIES: Endpoint(_ONE, wire.EXERCISE, **_READ, scopes=_MOVES),
        schema.SLEEP: Endpoint(_ONE.replace("exercise", "sleep"), wire.SLEEP, **_READ, scopes=(_SLEEPS,)),
        schema.LAPS: Endpoint(_ONE, wire.LAP, wire.split_rows, scopes=_MOVES, ignored=wire.LAP_IGNORED),
        schema.ZONES: Endpoint(_ONE, wire.ZONE, wire.zones, scopes=_MOVES),
        schema.STREAMS: Endpoint("", wire.STREAM, plan_with=_streams, scopes=(_MOVE, _BODIES, _PLACE)),
    },
    limits=(spi.RateLimit(300, minutes=1),),
    terms=spi.Terms(
        "https://developers.google.com/terms/api-services-user-data-policy",
        note="Limited use: no advertising, no sale, delete on request; every operator brings an own Google project.",
    ),
    faults=_faults,
    webhook=_WEBHOOK,
    register_url="https://console.cloud.google.com/apis/library/health.googleapis.com",
    access="Own Google Cloud project (2026-11): while its consent screen is in Testing a grant ends after 7 days, "
    "so publish it; unverified it serves 100 people.",
)
