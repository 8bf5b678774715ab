"""What Terra's rows mean: sports, times, columns.  Everything may be null, whole groups too (November 2026)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from pierre_data import schema
from pierre_data.schema import Unit
from pierre_data.spi import Field, Moment, Query, Sports, fields, get_path, moment, objects

Row = dict[str, Any]

# 2026-11: 88 may be a walk, 102 a dive from a board, 133 a run on an indoor track.
_TRAINED = """ride=1,19 walk=7,93,95,116 run=8,56,57,141 cardio_gym=9,39,103,123 badminton=10 baseball=11,120
basketball=12 nordic_ski=13,67 handcycle=14 mountain_bike=15 road_ride=16 indoor_ride=17,18 hiit=114,115 cricket=23
martial_arts=20,42,44,46 strength=21,41,80,97 workout=22,47 dance=24,101 elliptical=25 american_football=27 soccer=29
golf=32 handball=34 hike=35 hockey=36 equestrian=37,50 kayak=40 kitesurf=43 pilates=49 racquetball=51 rock_climb=52
row=53 indoor_row=54 rugby=55 treadmill_run=58,88,133 sail=59 dive=60,102 skateboard=61 inline_skate=63,64,127
alpine_ski=65,68 backcountry_ski=66 roller_ski=70 snowboard=73 motor_sport=74,136,137,138,139 snowshoe=75 squash=76
stair=77,78 sup=79 surf=81 swim=82 pool_swim=83 open_water_swim=84 table_tennis=85 tennis=87 volleyball=89,90,91
water_sport=92,96,132,145 nordic_walk=94 wheelchair=98 windsurf=99 yoga=100 ice_skate=104 crossfit=113 mobility=125
triathlon=126 paddle=129 mountaineering=130 fishing_hunting=131 padel=134 canoe=140 trail_run=149 gravel_ride=150
multisport=151 ebike=152 emtb=153 physical_therapy=154
other=4,26,28,30,33,48,62,69,71,86,105,106,108,119,124,128,142,147,148"""
_LEISURE = "other=0,3,5,31,38,45,117,118,122,135,143,144,146"
SPORTS = Sports.grouped(_TRAINED, _LEISURE, lambda n: None if n is None else str(n).removesuffix(".0"))
_STAGES = {1: "awake", 2: "asleep", 3: "awake", 4: "light", 5: "deep", 6: "rem"}  # 3 is out of bed


def timed(part: Mapping[str, Any], row: Row, query: Query) -> Row:
    """Say what start_time and end_time of a part mean; its row says whether they are local."""
    start, end = (_moment(part.get(name), row, query) for name in ("start_time", "end_time"))
    day, woke = (str(part.get(name))[:10] for name in ("start_time", "end_time"))
    at = {"start": start.instant, "wall": start.wall, "offset": start.offset_s, "length": start.until(end), "day": day}
    return {**part, "at": at | {"end": end.instant, "wall_end": end.wall, "night": end.date, "woke": woke}}


def _moment(text: object, row: Row, query: Query) -> Moment:
    local = {0: False, 1: True}.get(get_path(row, "metadata.timestamp_localization"))
    return moment(text, zone=query.options.get("timezone"), local=local)


def rows(body: Mapping[str, Any], query: Query, deleted: int | None = 4) -> list[Row]:
    """Return a body's rows with their times, but for those whose upload_type says deleted."""
    items = [dict(r) for r in objects(body, "data") if isinstance(r.get("metadata"), dict)]
    for row in items:
        metadata = row["metadata"]
        key = str(metadata.get("summary_id") or metadata.get("start_time"))
        row |= {"user": body.get("user"), "at": timed(metadata, row, query)["at"], "key": key}
    return [row for row in items if row["metadata"].get("upload_type") != deleted]


night_rows = partial(rows, deleted=None)  # there, 4 is "indeterminate"


def _on_foot(kind: Any) -> bool:
    sport = SPORTS.sport(str(kind).removesuffix(".0"))
    return sport is not None and schema.FAMILY[sport[0]] in ("run", "walk")


def _cadence(foot: bool) -> Callable[[float | None, Any], float | None]:
    # 2026-11: some sources count one leg, some both; it is taken as it comes, and doubtful.
    return lambda cadence, kind: cadence if _on_foot(kind) is foot else None


def _bound(percent: float | None, top: float | None) -> float | None:
    return percent * top / 100 if percent is not None and top else None


HEART, _D, _SUM, _M = "heart_rate_data.summary", "distance_data.summary", "sleep_durations_data", "movement_data"
_TSS, _POS, _LEN = "TSS_data.TSS_samples.0", "position_data", f"{_SUM}.asleep.duration"
_AT = fields("start_time=at.start start_time_local=at.wall utc_offset_s=at.offset athlete_id=user.user_id")
_AT |= {"id": Field("key"), "device": Field("device_data.name")}
_AT |= fields(f"average_heart_rate_bpm={HEART}.avg_hr_bpm hrv_rmssd_ms={HEART}.avg_hrv_rmssd")
ACTIVITY = _AT | fields(
    f"""name=metadata.name city=metadata.city region=metadata.state country=metadata.country
    moving_s=active_durations_data.activity_seconds distance_m={_D}.distance_meters steps={_D}.steps
    elevation_gain_m={_D}.elevation.gain_actual_meters elevation_loss_m={_D}.elevation.loss_actual_meters
    average_altitude_m={_D}.elevation.avg_meters min_altitude_m={_D}.elevation.min_meters
    max_altitude_m={_D}.elevation.max_meters work_kj=work_data.work_kilojoules max_heart_rate_bpm={HEART}.max_hr_bpm
    spo2_pct=oxygen_data.avg_saturation_percentage strain=strain_data.strain_level
    average_power_w=power_data.avg_watts max_power_w=power_data.max_watts training_stress_score={_TSS}.actual
    intensity_factor={_TSS}.intensity_factor_actual normalized_power_w={_TSS}.normalized_power_watts
    start_latitude_deg={_POS}.start_pos_lat_lng_deg.0 start_longitude_deg={_POS}.start_pos_lat_lng_deg.1
    end_latitude_deg={_POS}.end_pos_lat_lng_deg.0 end_longitude_deg={_POS}.end_pos_lat_lng_deg.1"""
)
for _ours, _theirs in (("average", f"{_M}.avg"), ("max", f"{_M}.max")):
    _SPEEDS = (f"{_theirs}_speed_meters_per_second", f"{_theirs}_velocity_meters_per_second")
    ACTIVITY[f"{_ours}_speed_mps"] = Field(*_SPEEDS)
    ACTIVITY[f"{_ours}_cadence_rpm"] = Field(f"{_theirs}_cadence_rpm", "metadata.type", via=_cadence(False))
    ACTIVITY[f"{_ours}_cadence_spm"] = Field(f"{_theirs}_cadence_rpm", "metadata.type", via=_cadence(True))
ACTIVITY |= {
    "sport": Field("metadata.type", via=SPORTS),
    "elapsed_s": Field("at.length", "active_durations_data.activity_seconds"),
    "energy_kcal": Field(
        "calories_data.total_burned_calories",
        "energy_data.energy_kilojoules",
        via=lambda kcal, kilojoules: kilojoules / 4.184 if kcal is None and kilojoules is not None else kcal,
    ),
    "manual": Field("metadata.upload_type", via=lambda kind: kind == 2),
    "has_gps": Field("polyline_map_data.summary_polyline", f"{_POS}.start_pos_lat_lng_deg.0", via=lambda *a: any(a)),
}
_NIGHT = {
    "respiratory_rate_brpm": "respiration_data.breaths_data.avg_breaths_per_min",
    "spo2_pct": "respiration_data.oxygen_saturation_data.avg_saturation_percentage",
    "skin_temperature_deviation_c": "temperature_data.delta",
}
_SLEEP = _AT | fields(
    f"""end_time=at.end end_time_local=at.wall_end night=at.night is_nap=metadata.is_nap
    lowest_heart_rate_bpm={HEART}.min_hr_bpm hrv_sdnn_ms={HEART}.avg_hrv_sdnn
    in_bed_s={_SUM}.other.duration_in_bed_seconds
    asleep_s={_LEN}_asleep_state_seconds light_s={_LEN}_light_sleep_state_seconds
    deep_s={_LEN}_deep_sleep_state_seconds rem_s={_LEN}_REM_sleep_state_seconds
    awake_s={_SUM}.awake.duration_awake_state_seconds latency_s={_SUM}.awake.sleep_latency_seconds
    wake_count={_SUM}.awake.num_wakeup_events unscored_s={_SUM}.other.duration_unmeasurable_sleep_seconds"""
)
_SLEEP |= {column: Field(path) for column, path in _NIGHT.items()}
_SLEEP |= {
    # Some sources send 0 to 1.
    "efficiency_pct": Field(f"{_SUM}.sleep_efficiency", via=lambda share: share * 100 if share <= 1 else share),
    "score": Field("scores.sleep", "data_enrichment.sleep_score"),
    "scoring": Field("metadata.upload_type", via={3: "tentative"}.get),  # SleepUploadType differs from UploadType
    "manual": Field("metadata.upload_type", via=lambda kind: kind == 1),
}
RECOVERY = fields(
    f"""recovery_score=scores.recovery strain=strain_data.strain_level average_heart_rate_bpm={HEART}.avg_hr_bpm
    max_heart_rate_bpm={HEART}.max_hr_bpm energy_kcal=calories_data.total_burned_calories steps=distance_data.steps
    distance_m=distance_data.distance_meters"""  # no "summary" here, unlike activities
)
RECOVERY |= {c: Field(p, f"sleep.{p}") for c, p in (
    ("athlete_id", "user.user_id"), ("resting_heart_rate_bpm", f"{HEART}.resting_hr_bpm"),
    ("hrv_rmssd_ms", f"{HEART}.avg_hrv_rmssd"), ("hrv_sdnn_ms", f"{HEART}.avg_hrv_sdnn"),
)}  # fmt: skip
RECOVERY |= {c: Field(f"sleep.{path}") for c, path in _NIGHT.items()}
RECOVERY |= {
    "id": Field("day"),
    "date": Field("day"),
    "spo2_pct": Field("oxygen_data.avg_saturation_percentage", f"sleep.{_NIGHT['spo2_pct']}"),
    "readiness_score": Field("data_enrichment.readiness_score", "sleep.readiness_data.readiness"),
    "sleep_score": Field("scores.sleep", "sleep.scores.sleep", "sleep.data_enrichment.sleep_score"),
    "stress_score": Field("stress_data.avg_stress_level", "data_enrichment.total_stress_score"),
}
_HEALTH = fields(
    """id=timestamp time=at.start time_local=at.wall athlete_id=user.user_id weight_kg body_mass_index=BMI
    body_fat_pct=bodyfat_percentage body_water_pct=water_percentage basal_energy_kcal=BMR systolic_mmhg=systolic_bp
    diastolic_mmhg=diastolic_bp blood_glucose_mg_dl=blood_glucose_mg_per_dL body_temperature_c=temperature_celsius
    vo2max_ml_kg_min=vo2max_ml_per_min_per_kg device"""
)
_HEALTH |= {f"{part}_mass_kg": Field(f"{part}_mass_g", Unit.GRAM) for part in ("muscle", "lean", "bone")}
_HEALTH |= {"height_m": Field("height_cm", Unit.CENTIMETRE)}
_ATHLETE = fields("id=user.user_id city region=state country birth_date=date_of_birth created_at=account_creation_date")
_ATHLETE |= {
    "name": Field("first_name", "last_name", via=lambda *names: " ".join(filter(None, names)) or None),
    "sex": Field("sex", "gender", via=lambda *words: next((str(w).lower() for w in words if w), None)),
}
STREAM = fields(
    """id=key elapsed_s=at.length time=at.start heart_rate_bpm=bpm power_w=watts
    speed_mps=speed_meters_per_second altitude_m=elev_meters distance_m=distance_meters
    latitude_deg=coords_lat_lng_deg.0 longitude_deg=coords_lat_lng_deg.1"""
)
STREAM |= {f"cadence_{u}": Field("cadence_rpm", "kind", via=_cadence(u == "spm")) for u in ("rpm", "spm")}
LAP = fields(
    """id=key lap start_time=at.start elapsed_s=at.length kind=trigger_method distance_m=distance_meters
    energy_kcal=calories average_heart_rate_bpm=avg_hr_bpm average_speed_mps=avg_speed_meters_per_second
    average_power_w=avg_watts moving_s=active_duration_seconds"""
)
ZONE = fields("id=key kind zone name elapsed_s=duration_seconds")
ZONE |= {f"{b}_bpm": Field(f"{w}_percentage", "top", via=_bound) for b, w in (("lower", "start"), ("upper", "end"))}
_STAGE = fields("sleep_id=key start_time=at.start elapsed_s=length stage")
_VO2MAX = "oxygen_data.vo2max_ml_per_min_per_kg"
SAMPLES = (
    f"{_M}.speed_samples", f"{_M}.cadence_samples", f"{_POS}.position_samples", "power_data.power_samples",
    "heart_rate_data.detailed.hr_samples", "distance_data.detailed.distance_samples",
    "distance_data.detailed.elevation_samples",
)  # fmt: skip
_MEASURED = (
    "measurements_data.measurements", "blood_pressure_data.blood_pressure_samples", "oxygen_data.vo2_samples",
    "glucose_data.blood_glucose_samples", "temperature_data.body_temperature_samples",
)  # fmt: skip


def moments(row: Row, query: Query, paths: tuple[str, ...]) -> list[Row]:
    """Join lists of samples by their time."""
    samples: dict[str, Row] = {}
    for sample in (s for path in paths for s in objects(row, path)):
        time = str(sample.get("timestamp") or sample.get("measurement_time"))
        samples.setdefault(time, {"timestamp": time}).update({k: v for k, v in sample.items() if v is not None})
    whose = {"key": row["key"], "user": row["user"], "kind": row["metadata"].get("type")}
    begun, joined = _moment(row["metadata"].get("start_time"), row, query), []
    times = sorted(((_moment(text, row, query), text) for text in samples), key=lambda pair: str(pair[0].instant))
    for at, text in times:
        read = {"start": at.instant, "wall": at.wall, "offset": at.offset_s, "length": begun.until(at)}
        joined.append({**samples[text], **whose, "at": read, "moment": at})
    return joined


def _measurements(body: Mapping[str, Any], query: Query) -> list[Row]:
    measured = []
    for row in rows(body, query):
        daily = {"timestamp": row["metadata"].get("start_time"), "vo2max_ml_per_min_per_kg": get_path(row, _VO2MAX)}
        row |= {"day": [daily] if get_path(row, _VO2MAX) is not None else []}
        device = get_path(row, "device_data.name")
        measured += [moment | {"device": device} for moment in moments(row, query, (*_MEASURED, "day"))]
    return measured


def _stages(body: Mapping[str, Any], query: Query) -> list[Row]:
    stages: list[Row] = []
    for row in night_rows(body, query):
        samples = moments(row, query, (f"{_SUM}.hypnogram_samples",))
        ends = [*(s["moment"] for s in samples[1:]), Moment(row["at"]["end"])]
        for sample, end in zip(samples, ends, strict=False):  # a level holds until the next sample
            stage = _STAGES.get(sample.get("level", 0), "unscored")
            last = stages[-1] if stages and stages[-1]["key"] == row["key"] else {}
            if last.get("stage") == stage and last.get("end") == sample["moment"].instant:
                sample = stages.pop()  # equal neighbours are one stretch
            stages.append(sample | {"stage": stage, "end": end.instant, "length": sample["moment"].until(end)})
    return stages


def _athlete(body: Mapping[str, Any], _query: Query) -> list[Row]:
    athlete = body.get("athlete") or next(iter(body.get("data") or ()), None)  # a push may hold a list
    return [{**athlete, "user": body.get("user"), "at": {}}] if isinstance(athlete, dict) else []


#: Table -> its columns, and what makes its rows of a body.
READERS: Mapping[schema.Table, tuple[Mapping[str, Field], Callable[[Mapping[str, Any], Query], list[Row]]]] = {
    schema.ACTIVITIES: (ACTIVITY, rows),
    schema.SLEEP: (_SLEEP, night_rows),
    schema.SLEEP_STAGES: (_STAGE, _stages),
    schema.HEALTH: (_HEALTH, _measurements),
    schema.ATHLETE: (_ATHLETE, _athlete),
}
