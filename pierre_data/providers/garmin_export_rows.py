"""What Garmin's account export says of an activity, a night, a day and gear (facts of November 2026).

Summaries are in milliseconds and centimetres, speeds in centimetres per millisecond.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any

from pierre_data.providers.garmin_sports import SPORTS, indoor, own_link
from pierre_data.schema import Unit
from pierre_data.spi import Field, between, epoch_millis, fields

Row = Mapping[str, Any]


def begun(begin: float | None, start: float | None) -> Any:
    """Return when an activity began, from the first of two times that is there, milliseconds since 1970 UTC."""
    time = start if begin is None else begin
    return None if time is None else epoch_millis(time)


def _offset(local: float | None, start: float | None, begin: float | None) -> float | None:
    utc = begin if start is None else start
    return None if local is None or utc is None else (float(local) - float(utc)) / 1000


def _steps(both: float | None, leg: float | None) -> float | None:
    return both if both is not None or leg is None else float(leg) * 2


def _gmt(text: str) -> str:
    return text if text.endswith("Z") else f"{text}Z"  # the name of the field says GMT, its value says nothing


ACTIVITY = fields(
    """id=activityId athlete_id=userProfileId name moving_s=duration@ms distance_m=distance@cm
    elevation_gain_m=elevationGain@cm elevation_loss_m=elevationLoss@cm min_altitude_m=minElevation@cm
    max_altitude_m=maxElevation@cm stride_length_m=avgStrideLength@cm average_heart_rate_bpm=avgHr
    max_heart_rate_bpm=maxHr average_power_w=avgPower max_power_w=maxPower normalized_power_w=normPower
    average_cadence_rpm=avgBikeCadence max_cadence_rpm=maxBikeCadence steps training_stress_score=trainingStressScore
    intensity_factor=intensityFactor start_latitude_deg=startLatitude start_longitude_deg=startLongitude
    end_latitude_deg=endLatitude end_longitude_deg=endLongitude city=locationName manual=manualActivity gear_id
    energy_kcal"""
) | {
    "sport": Field("type", "sportType", via=SPORTS),
    "indoor": Field("type", via=indoor),
    "external_id": Field("activityId", via=own_link),
    "start_time": Field("beginTimestamp", "startTimeGmt", via=begun),
    "utc_offset_s": Field("startTimeLocal", "startTimeGmt", "beginTimestamp", via=_offset),
    "elapsed_s": Field("elapsedDuration", "duration", unit=Unit.MILLISECOND),
    "average_speed_mps": Field("avgSpeed", via=lambda speed: float(speed) * 10),
    "max_speed_mps": Field("maxSpeed", via=lambda speed: float(speed) * 10),
    "average_cadence_spm": Field("avgDoubleCadence", "avgRunCadence", via=_steps),
    "max_cadence_spm": Field("maxDoubleCadence", "maxRunCadence", via=_steps),
    "workout_kind": Field("parentId", via=lambda _parent: "multisport_leg"),
    "race": Field("eventTypeId", via=lambda kind: kind == 1),
    "has_gps": Field("startLatitude", via=lambda _latitude: True),
}
#: Fields of activities knowingly not read.
IGNORED = tuple(
    """uuidMsb uuidLsb timeZoneId deviceId activityType parent movingDuration minHr calories bmrCalories vO2MaxValue
    activityTrainingLoad aerobicTrainingEffect anaerobicTrainingEffect splits differenceBodyBattery waterEstimated
    moderateIntensityMinutes vigorousIntensityMinutes lapCount pr favorite elevationCorrected hrTimeInZone_
    powerTimeInZone_""".split()
)
SLEEP = fields(
    """id night=calendarDate wake_count=awakeCount deep_s=deepSleepSeconds light_s=lightSleepSeconds
    rem_s=remSleepSeconds awake_s=awakeSleepSeconds unscored_s=unmeasurableSeconds score=sleepScores.overallScore
    respiratory_rate_brpm=averageRespiration spo2_pct=spo2SleepSummary.averageSPO2
    average_heart_rate_bpm=spo2SleepSummary.averageHR"""
) | {
    "start_time": Field("sleepStartTimestampGMT", via=_gmt),
    "end_time": Field("sleepEndTimestampGMT", via=_gmt),
    "in_bed_s": Field("sleepStartTimestampGMT", "sleepEndTimestampGMT", via=between),
    "asleep_s": Field(
        *(f"{stage}SleepSeconds" for stage in ("deep", "light", "rem")),
        via=lambda *parts: sum(part or 0 for part in parts) if any(part is not None for part in parts) else None,
    ),
    "scoring": Field("sleepWindowConfirmationType", via=lambda w: "scored" if w.endswith("FINAL") else "tentative"),
    "manual": Field("sleepWindowConfirmationType", via=lambda word: "MANUAL" in word),
}
RECOVERY = fields(
    """id=calendarDate date=calendarDate resting_heart_rate_bpm=restingHeartRate max_heart_rate_bpm=maxHeartRate
    energy_kcal=totalKilocalories steps=totalSteps distance_m=totalDistanceMeters"""
)
HEALTH = fields("id=activityId vo2max_ml_kg_min=vO2MaxValue") | {"time": ACTIVITY["start_time"]}
GEAR = fields("id=gearPk distance_m=centimetres@cm") | {
    "name": Field("displayName", "customMakeModel"),
    "kind": Field("gearTypeName", via=str.lower),
    "model": Field("customMakeModel"),
    "retired": Field("gearStatusName", via=lambda word: word.lower() == "retired"),
}
ZONE = fields("id kind zone elapsed_s=time@ms")


def calorie(rows: Iterable[Row]) -> float | None:
    """Return what one of the export's calories is, in kcal, or None when nothing says so."""
    # 2026-11: kcal or kJ?  What the body burns at rest decides it: 40 to 130 kcal an hour.
    known = [
        float(row["bmrCalories"]) / (float(row["elapsedDuration"]) / 3_600_000)
        for row in rows
        if isinstance(row.get("bmrCalories"), int | float) and isinstance(row.get("elapsedDuration"), int | float)
        and row["bmrCalories"] > 0 and row["elapsedDuration"] > 600_000
    ]  # fmt: skip
    hourly = median(known) if known else 0.0
    return 1.0 if 40 <= hourly < 130 else 1 / 4.184 if 130 <= hourly < 550 else None
