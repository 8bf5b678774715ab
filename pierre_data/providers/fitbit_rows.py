"""What the Google Health API, v4, says of an exercise, a night, a day and a body (facts of November 2026)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import partial
from typing import Any

from pierre_data.schema import LAPS
from pierre_data.spi import Field, Moment, Query, Sports, between, fields, get_path, objects

# All 181 words of the enumeration; PICKELBALL is Google's own spelling.  TREADMILL may be a walk.
_TRAINED = """run=running trail_run treadmill_run=treadmill,incline_run hike=hiking,backpacking,rucking
walk=walking,power_walking,stroller_walk,treadmill_walk,incline_walk,walk_with_weights nordic_walk=nordic_walking
ride=biking,outdoor_bike mountain_bike indoor_ride=spinning,stationary_bike,assault_bike ebike=electric_bike
handcycle=hand_cycling swim=swimming pool_swim=swimming_pool open_water_swim=swimming_open_water multisport
alpine_ski=skiing nordic_ski=cross_country_ski snowboard=snowboarding snowshoe=snowshoeing skateboard=skateboarding
ice_skate=ice_skating,speed_skating inline_skate=rollerblading,roller_skating row=rowing indoor_row=rowing_machine
kayak=kayaking canoe=canoeing sup=paddleboarding surf=surfing kitesurf=kitesurfing windsurf=windsurfing sail=sailing
dive=diving,scuba_diving,snorkeling water_sport=water_sport,water_skiing,wakeboarding,water_polo,water_volleyball
water_sport=foiling,synchronized_swimming strength=strength_training,weightlifting,weights,powerlifting,free_weights
strength=functional_strength_training,weight_machines,resistance_bands,body_weight,calisthenics,core_training,trx
crossfit hiit=hiit,interval_workout,tabata_workout cardio_gym=cardio_workout,aerobic_workout,step_training
cardio_gym=jumping_rope,water_aerobics,water_jogging,cardio_sculpt elliptical stair=stairclimber
yoga=yoga,yoga_bikram,yoga_hatha,yoga_power,yoga_vinyasa pilates=pilates,barre_class mobility=stretching,tai_chi
dance=dancing,zumba,ballet,ballroom_dance,breakdancing,hip_hop,jazz_dance,modern_dance,tango cricket tennis
rock_climb=climbing,rock_climbing indoor_climb=indoor_climbing soccer basketball volleyball=volleyball,volleyball_beach
american_football=football_american baseball=baseball,softball rugby hockey=hockey,field_hockey handball table_tennis
badminton squash racquetball pickleball=pickelball padel golf equestrian=equestrian_sports,polo wheelchair
martial_arts=martial_arts,boxing,kickboxing,karate,taekwondo,jiu_jitsu,muay_thai,wrestling
motor_sport=motocross,motorcycle,snowmobiling fishing_hunting=fishing,hunting,shooting
workout=workout,outdoor_workout,exercise_class,bootcamp,circuit_training,cross_training,sport
other=archery,billiards,bowling,cheerleading,croquet,curling,fencing,fitness_gaming,football_australian,gymnastics
other=frisbee_playing_general,lacrosse,orienteering,other,paragliding,parkour,racket_sports,scootering,skating
other=skydiving,snow_sport,track_and_field,trampoline,ultimate_frisbee,unicycling,exercise_type_unspecified"""
_LEISURE = """other=meditate,carpentry,cleaning,gardening,hoeing,household_chores,mowing_lawn,musical_performance
other=painting,shoveling,weeding,electric_scooter"""
_INDOOR = {"TREADMILL", "TREADMILL_WALK", "SPINNING", "STATIONARY_BIKE", "ASSAULT_BIKE", "ROWING_MACHINE",
           "SWIMMING_POOL", "INDOOR_CLIMBING", "ELLIPTICAL", "STAIRCLIMBER"}  # fmt: skip
_WORDS = {word: word.lower() for word in ("AWAKE", "LIGHT", "DEEP", "REM", "ASLEEP")} | {"RESTLESS": "awake"}


def _seconds(text: str) -> float:
    if not text.endswith("s"):  # durations and offsets are "123s", "12.5s", "-25200s"
        raise ValueError("no duration")
    return float(text[:-1])


def _local(time: str | None, offset: str | None) -> Moment:
    return Moment.of(dt.datetime.fromisoformat(time) if time else None, _seconds(offset) if offset else None)


def _moment(at: Mapping[str, Any]) -> dt.datetime:
    time = at.get("physicalTime")
    return dt.datetime.fromisoformat(time) if time else dt.datetime(at["year"], at["month"], at["day"], tzinfo=dt.UTC)


def _total(stage: str, what: str, parts: list[Mapping[str, Any]]) -> Any:
    return next((part.get(what) for part in parts if part.get("type") == stage), None)


def _metrics(at: str) -> dict[str, Field]:
    text = """energy_kcal=caloriesKcal average_heart_rate_bpm=averageHeartRateBeatsPerMinute steps
        distance_m=distanceMillimeters@mm elevation_gain_m=elevationGainMillimeters@mm
        average_speed_mps=averageSpeedMillimetersPerSecond@mm/s"""
    gait = """average_cadence_spm=avgCadenceStepsPerMinute stride_length_m=avgStrideLengthMillimeters@mm
        vertical_oscillation_cm=avgVerticalOscillationMillimeters@mm"""
    return fields(text, at) | fields(gait, f"{at}mobilityMetrics.")


def _point(at: str) -> dict[str, Field]:
    plain = fields("device=dataSource.device.displayName") | fields("updated_at=updateTime", f"{at}.")
    plain |= fields("start_time=interval.startTime", f"{at}.")
    return plain | fields("utc_offset_s=interval.startUtcOffset", f"{at}.", _seconds) | {
        "id": Field("name", via=lambda name: name.rpartition("/")[2]),
        "athlete_id": Field("name", via=lambda name: name.split("/")[1]),
        "manual": Field("dataSource.recordingMethod", via=lambda how: how == "MANUAL"),
    }  # fmt: skip


EXERCISE = _point("exercise") | _metrics("exercise.metricsSummary.")
EXERCISE |= fields("name=displayName has_gps=exerciseMetadata.hasGps", "exercise.")
EXERCISE |= fields("moving_s=activeDuration", "exercise.", _seconds)
_CONTACT = "ground_contact_time_ms=metricsSummary.mobilityMetrics.avgGroundContactTimeDuration@s"
EXERCISE |= fields(_CONTACT, "exercise.", _seconds) | {
    "sport": Field("exercise.exerciseType", via=Sports.grouped(_TRAINED, _LEISURE)),
    "indoor": Field("exercise.exerciseType", via=lambda word: word in _INDOOR or None),
    "elapsed_s": Field("exercise.interval.startTime", "exercise.interval.endTime", via=between),
}
LAP = {column: item for column, item in _metrics("metricsSummary.").items() if column in LAPS.columns}
LAP |= fields("id lap kind start_time=startTime") | fields("moving_s=activeDuration", via=_seconds)
STAGE = fields("sleep_id start_time=startTime") | {"stage": Field("type", via=lambda w: _WORDS.get(w, "unscored"))}
for _part in (LAP, STAGE):
    _part["elapsed_s"] = Field("startTime", "endTime", via=between)
ZONE = fields("id kind zone name") | fields("elapsed_s=time", via=_seconds)
SLEEP = _point("sleep") | fields(
    """end_time=interval.endTime is_nap=metadata.nap external_id=metadata.externalId
    in_bed_s=summary.minutesInSleepPeriod@min asleep_s=summary.minutesAsleep@min awake_s=summary.minutesAwake@min
    latency_s=summary.minutesToFallAsleep@min""",
    "sleep.",
)
for _name in ("light", "deep", "rem"):
    _how = partial(_total, _name.upper(), "minutes")
    SLEEP |= fields(f"{_name}_s=sleep.summary.stagesSummary@min", via=_how)
SLEEP |= {
    "wake_count": Field("sleep.summary.stagesSummary", via=partial(_total, "AWAKE", "count")),
    "end_time_local": Field(
        "sleep.interval.endTime", "sleep.interval.endUtcOffset", via=lambda *end: _local(*end).wall
    ),
    "night": Field("sleep.interval.endTime", "sleep.interval.endUtcOffset", via=lambda *end: _local(*end).date),
    "scoring": Field("sleep.metadata.processed", via={True: "scored", False: "pending"}.get),
}
_SKIN = [f"dailySleepTemperatureDerivations.{name}TemperatureCelsius" for name in ("nightly", "baseline")]
RECOVERY = fields(
    f"""resting_heart_rate_bpm=dailyRestingHeartRate.beatsPerMinute spo2_pct=dailyOxygenSaturation.averagePercentage
    hrv_rmssd_ms=dailyHeartRateVariability.averageHeartRateVariabilityMilliseconds skin_temperature_c={_SKIN[0]}
    respiratory_rate_brpm=dailyRespiratoryRate.breathsPerMinute"""
) | {
    "id": Field("at", via=lambda at: f"{_moment(at):%Y-%m-%d}"),
    "date": Field("at", via=lambda at: _moment(at).replace(tzinfo=None)),
    "athlete_id": Field("name", via=lambda name: name.split("/")[1]),
    "skin_temperature_deviation_c": Field(*_SKIN, via=lambda *pair: None if None in pair else pair[0] - pair[1]),
}  # fmt: skip
HEALTH = fields(
    """body_fat_pct=bodyFat.percentage body_temperature_c=coreBodyTemperature.temperatureCelsius
    blood_glucose_mg_dl=bloodGlucose.bloodGlucoseMilligramsPerDeciliter device=dataSource.device.displayName
    weight_kg=weight.weightGrams@g height_m=height.heightMillimeters@mm"""
) | {
    "id": Field("at", via=lambda at: f"{_moment(at):%Y-%m-%dT%H:%M:%SZ}"),
    "time": Field("at", via=_moment),
    "time_local": Field("at.physicalTime", "at.utcOffset", via=lambda *at: _local(*at).wall),
    "athlete_id": RECOVERY["athlete_id"],
    "vo2max_ml_kg_min": Field("vo2Max.vo2Max", "runVo2Max.runVo2Max", "dailyVo2Max.vo2Max"),
}  # fmt: skip
ATHLETE = fields("id=identity.healthUserId timezone=settings.timeZone") | {
    "created_at": Field("profile.membershipStartDate", via=_moment),
    "measurement_system": Field("settings.distanceUnit", via=lambda w: "imperial" if "MILE" in w else "metric"),
}
GEAR = fields("model=deviceVersion") | {
    "id": Field("name", via=lambda name: name.rpartition("/")[2]),
    "kind": Field("deviceType", via=str.lower),
}
STREAM = fields(
    """id elapsed_s time latitude_deg longitude_deg altitude_m distance_m speed_mps cadence_spm cadence_rpm
    power_w heart_rate_bpm"""
)

#: Wire fields knowingly not read.
IGNORED = """dataSource exercise.exerciseEvents exercise.notes exercise.createTime exercise.splits
    exercise.splitSummaries exercise.exerciseMetadata.poolLengthMillimeters exercise.interval sleep.interval
    exercise.metricsSummary.averagePaceSecondsPerMeter exercise.metricsSummary.activeZoneMinutes
    exercise.metricsSummary.runVo2Max exercise.metricsSummary.totalSwimLengths
    exercise.metricsSummary.heartRateZoneDurations exercise.metricsSummary.mobilityMetrics.avgVerticalRatio
    sleep.type sleep.stages sleep.outOfBedSegments sleep.shortAwakenings sleep.createTime sleep.metadata
    sleep.summary.minutesAfterWakeUp sleep.summary.stagesSummary""".split()
GEAR_IGNORED = ("macAddress", "features", "lastSyncTime", "batteryLevel")
LAP_IGNORED = ("startUtcOffset", "endUtcOffset", "splitType", "metricsSummary.steps")


def aip_filter(member: str, after: dt.datetime | None, before: dt.datetime | None, end: str = "Z") -> dict[str, str]:
    """Return the filter that cuts by a member in ``[after, before)``; `end` follows each time."""
    # Operators are only >= and <; a member that the type does not allow is answered with 400.
    ends = [(sign, t.replace(tzinfo=None).isoformat()) for sign, t in ((">=", after), ("<", before)) if t]
    terms = [f'{member} {sign} "{text[:10] if member.endswith(".date") else text + end}"' for sign, text in ends]
    return {"filter": " AND ".join(terms)} if terms else {}


def started(after: dt.datetime | None, before: dt.datetime | None) -> dict[str, str]:
    """Cut exercises by their local start: nothing else is allowed, so the endpoint widens the window by a day."""
    return aip_filter("exercise.interval.civil_start_time", after, before, "")


def ended(after: dt.datetime | None, before: dt.datetime | None) -> dict[str, str]:
    """Cut nights by their end, the only way: what begins in the window ends at most a day after it."""
    return aip_filter("sleep.interval.end_time", after, before and before + dt.timedelta(days=1))


def split_rows(point: Mapping[str, Any], query: Query) -> list[dict[str, Any]]:
    """Return the laps of an exercise, or the kilometres or miles where nobody pressed a button."""
    laps = objects(point, "exercise.splitSummaries") or objects(point, "exercise.splits")
    kinds = [str(lap.get("splitType", "split")).lower() for lap in laps]
    return [{**lap, "id": query.id, "lap": n, "kind": kinds[n - 1]} for n, lap in enumerate(laps, 1)]


def zones(point: Mapping[str, Any], query: Query) -> list[dict[str, Any]]:
    """Return the time in each zone of an exercise; Google gives no bounds here."""
    spent = get_path(point, "exercise.metricsSummary.heartRateZoneDurations") or {}
    names = [(at, n, spent.get(f"{n}Time")) for at, n in enumerate("light moderate vigorous peak".split(), 1)]
    row = {"id": query.id, "kind": "heart_rate"}
    return [row | {"zone": at, "name": name, "time": time} for at, name, time in names if time is not None]
