"""What Strava's API v3 says of activities and athletes (facts of November 2026)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import ceil, floor
from typing import Any

from pierre_data import schema
from pierre_data.spi import Columnwise, Field, Query, Sports, fields

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


def sport_of(detail: Mapping[str, Any]) -> str:
    """Return the sport of an activity."""
    word = _word(detail.get("sport_type"), detail.get("type"), detail.get("trainer"))
    return (SPORTS.sport(word or "") or ("other", True))[0]


#: Whether an activity of a word takes steps.
ON_FOOT = {word: schema.FAMILY[sport] in ("run", "walk") for word, sport in SPORTS.known.items()}


def cadence(foot: bool, cadences: Values, *words: Values) -> list[float | None]:
    """Return the cadences of activities on foot in steps a minute, or those of the others; None for the rest."""
    factor = 2 if foot else 1  # Strava counts one foot
    rows = zip(cadences, *words, strict=True)
    return [
        c * factor if c is not None and ON_FOOT.get((a or b or "").casefold(), False) is foot else None
        for c, a, b in rows
    ]


def _hidden(starts: Values, locals_: Values) -> list[bool]:
    # 2024-07: an activity with a hidden start shows midnight plus one second in both times.
    ends = "T00:00:01Z"
    return [str(a).endswith(ends) and str(b).endswith(ends) for a, b in zip(starts, locals_, strict=True)]


def _links(texts: Values) -> list[str | None]:
    # garmin_push_<n> holds Garmin's activity id, garmin_ping_<n> another number.  The name of a file stays one word.
    push = "garmin_push_"
    return [t and (f"garmin:{t[len(push) :]}" if t.startswith(push) else t.replace(" ", "%20")) for t in texts]


def window_params(after: dt.datetime | None, before: dt.datetime | None) -> Mapping[str, int]:
    """Return the parameters of a window, seconds since 1970 UTC."""
    # Whether `after` excludes its own second is not documented: ask for one more, the rows are cut anyway.
    start = {"after": floor(after.timestamp()) - 1} if after else {}
    return start | ({"before": ceil(before.timestamp())} if before else {})


_MEANS = fields(
    """name elapsed_s=elapsed_time moving_s=moving_time start_time=start_date average_power_w=average_watts
    average_heart_rate_bpm=average_heartrate max_heart_rate_bpm=max_heartrate"""
)
_PACE = fields("elevation_gain_m=total_elevation_gain average_speed_mps=average_speed max_speed_mps=max_speed")
_CADENCE = {
    "average_cadence_rpm": Field("average_cadence", "sport_type", "type", via=Columnwise(partial(cadence, False))),
    "average_cadence_spm": Field("average_cadence", "sport_type", "type", via=Columnwise(partial(cadence, True))),
}
LIST = _MEANS | _PACE | _CADENCE
LIST |= fields(
    """id manual commute private gear_id athlete_id=athlete.id start_time_local=start_date_local utc_offset_s=utc_offset
    work_kj=kilojoules max_power_w=max_watts normalized_power_w=weighted_average_watts relative_effort=suffer_score
    temperature_c=average_temp min_altitude_m=elev_low max_altitude_m=elev_high device=device_name
    start_latitude_deg=start_latlng.0 start_longitude_deg=start_latlng.1 end_latitude_deg=end_latlng.0
    end_longitude_deg=end_latlng.1 city=location_city region=location_state country=location_country"""
)
LIST |= {
    "sport": Field("sport_type", "type", "trainer", via=SPORTS),
    "workout_kind": Field("workout_type", via=_KINDS.get),
    "race": Field("workout_type", via=lambda kind: _KINDS.get(kind) == "race"),
    "timezone": Field("timezone", via=lambda text: text.rpartition(") ")[2]),
    "start_hidden": Field("start_date", "start_date_local", via=Columnwise(_hidden)),
    "distance_m": Field("distance", via=Columnwise(lambda metres: [m or None for m in metres])),  # 0.0 means none
    "indoor": Field(
        "trainer", "sport_type", "type", via=lambda t, *words: bool(t) or "Virtual" in str(words[0] or words[1])
    ),
    "has_gps": Field(
        "map.summary_polyline",
        "start_latlng",
        via=Columnwise(lambda *pair: [bool(line or start) for line, start in zip(*pair, strict=True)]),
    ),
    "external_id": Field("external_id", via=Columnwise(_links)),
    "upload_id": Field("upload_id_str", "upload_id"),
}
DETAIL = LIST | fields("energy_kcal=calories perceived_exertion")
ATHLETE = fields("id username city region=state country weight_kg=weight ftp_w=ftp created_at updated_at") | {
    "name": Field("firstname", "lastname", via=lambda *names: " ".join(filter(None, names))),
    "sex": Field("sex", via=str.lower),
    "measurement_system": Field("measurement_preference", via={"feet": "imperial", "meters": "metric"}.get),
}
_EFFORT = _MEANS | fields("id=activity.id distance_m=distance")
LAP = _EFFORT | _PACE | _CADENCE | fields("lap=lap_index lap_id=id")
SEGMENT = _EFFORT | _CADENCE | fields("effort_id=id")
SEGMENT |= fields(
    """segment_id=segment.id average_grade_pct=segment.average_grade climb_category=segment.climb_category
    kom_rank pr_rank"""
)
BEST = {c: f for c, f in _EFFORT.items() if c != "max_heart_rate_bpm"} | fields(
    "effort_id=id metric sport rank=pr_rank"
)
STATS = fields(
    """athlete_id period sport_family activity_count=count distance_m=distance moving_s=moving_time
    elapsed_s=elapsed_time elevation_gain_m=elevation_gain longest_distance_m=longest biggest_climb_m=climb"""
)
GEAR = fields("id kind name brand=brand_name model=model_name distance_m=distance retired is_primary=primary")
# Fields no table of ours has a place for.
SOCIAL = """resource_state achievement_count athlete_count comment_count display_hide_heartrate_option flagged
    from_accepted_tag has_heartrate has_kudoed heartrate_opt_out kudos_count map.id map.resource_state photo_count
    pr_count total_photo_count visibility device_watts athlete.resource_state start_latitude start_longitude""".split()
WITHIN = """available_zones best_efforts description embed_token gear hide_from_home laps photos segment_efforts
    prefer_perceived_exertion similar_activities splits_metric splits_standard stats_visibility""".split()
PERSON = """resource_state athlete_type badge_type_id bikes shoes bio blocked can_follow clubs date_preference follower
    follower_count friend friend_count mutual_friend_count premium profile profile_medium summit""".split()
POSITION = """resource_state athlete device_watts start_index end_index start_date_local split pace_zone achievements
    hidden segment""".split()
_BOUNDS = {"heartrate": ("heart_rate", "bpm"), "power": ("power", "w"), "pace": ("pace", "mps")}
ZONE = fields("id kind zone elapsed_s=time lower_bpm upper_bpm lower_w upper_w lower_mps upper_mps")
STREAM = fields(
    """elapsed_s=time distance_m=distance speed_mps=velocity_smooth heart_rate_bpm=heartrate power_w=watts
    altitude_m=altitude temperature_c=temp moving grade_pct=grade_smooth"""
)


def part_rows(name: str) -> Callable[[Any, Query], list[dict[str, Any]]]:
    """Read a list inside an activity's detail; what its parts do not say comes from the activity."""

    def rows(detail: Mapping[str, Any], _query: Query) -> list[dict[str, Any]]:
        whole = {"sport_type": detail.get("sport_type"), "type": detail.get("type"), "activity": {"id": detail["id"]}}
        return [part | whole for part in detail.get(name) or ()]

    return rows


def zone_rows(body: Sequence[Mapping[str, Any]], query: Query) -> list[dict[str, Any]]:
    """Return the time in each zone of an activity; the last one has no upper end."""
    rows = []
    for part in body:
        kind, unit = _BOUNDS.get(part["type"], (part["type"], "other"))
        for at, zone in enumerate(part.get("distribution_buckets") or (), start=1):
            bounds = {f"lower_{unit}": zone["min"], f"upper_{unit}": None if zone["max"] == -1 else zone["max"]}
            rows.append({"id": query.id, "kind": kind, "zone": at, "time": zone["time"], **bounds})
    return rows
