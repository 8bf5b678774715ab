"""What Garmin's partner API says of an activity, a night, a day and a body (facts of November 2026).

All times are seconds since 1970 UTC; an offset beside them leads to the wall clock.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import replace
from statistics import fmean
from typing import Any

from pierre_data import schema
from pierre_data.providers.garmin_sports import SPORTS, indoor, own_link
from pierre_data.spi import Field, Moment, Rows, epoch_seconds, fields, get_path, objects, read_rows

Row = Mapping[str, Any]


def _id(activity: Any, summary: Any) -> str | None:
    # An activity comes as <id> and as <id>-detail: the activity id is what both share.
    return str(activity) if activity else summary and str(summary).removesuffix("-detail")


def _mean(values: Mapping[str, float]) -> float | None:
    known = [float(v) for v in values.values() if v is not None and float(v) > 0]
    return fmean(known) if known else None


def _sum(*parts: float | None) -> float | None:
    known = [p for p in parts if p is not None]
    return sum(known) if len(known) == len(parts) else None  # half of a day's energy is not the day's


def _between(start: float, end: float) -> float:
    return end - start


def _wall(seconds: float | None, offset: float | None) -> dt.datetime | None:
    return Moment.of(None if seconds is None else epoch_seconds(seconds), offset).wall


_WHEN = {
    "start_time": Field("startTimeInSeconds", via=epoch_seconds),
    "utc_offset_s": Field("startTimeOffsetInSeconds"),
    "athlete_id": Field("userId"),
}
# 2026-11: whether durationInSeconds counts pauses is not documented.
ACTIVITY = {"id": Field("activityId", "summaryId", via=_id), **_WHEN}
ACTIVITY |= fields(
    """name=activityName elapsed_s=durationInSeconds distance_m=distanceInMeters energy_kcal=activeKilocalories steps
    average_speed_mps=averageSpeedInMetersPerSecond max_speed_mps=maxSpeedInMetersPerSecond
    average_heart_rate_bpm=averageHeartRateInBeatsPerMinute max_heart_rate_bpm=maxHeartRateInBeatsPerMinute
    average_cadence_spm=averageRunCadenceInStepsPerMinute max_cadence_spm=maxRunCadenceInStepsPerMinute
    elevation_gain_m=totalElevationGainInMeters elevation_loss_m=totalElevationLossInMeters
    start_latitude_deg=startingLatitudeInDegree start_longitude_deg=startingLongitudeInDegree manual
    device=deviceName"""
)
ACTIVITY |= {
    "sport": Field("activityType", via=SPORTS),
    "indoor": Field("activityType", via=indoor),
    "external_id": Field("activityId", via=own_link),
    "workout_kind": Field("parentSummaryId", via=lambda _parent: "multisport_leg"),  # its parent is a row too
    "average_cadence_rpm": Field("averageBikeCadenceInRoundsPerMinute", "averageBikingCadenceInRevPerMinute"),
    "max_cadence_rpm": Field("maxBikeCadenceInRoundsPerMinute", "maxBikingCadenceInRevPerMinute"),
}
STREAM = fields(
    """id=key latitude_deg=latitudeInDegree longitude_deg=longitudeInDegree power_w=powerInWatts
    altitude_m=elevationInMeters temperature_c=airTemperatureCelcius heart_rate_bpm=heartRate
    speed_mps=speedMetersPerSecond cadence_spm=stepsPerMinute@strides/min cadence_rpm=bikeCadenceInRPM
    distance_m=totalDistanceInMeters stride_length_m=strideLength ground_contact_time_ms=groundContactTime
    vertical_oscillation_cm=verticalOscillation"""
) | {
    "time": _WHEN["start_time"],
    "elapsed_s": Field("zero", "startTimeInSeconds", via=_between),
}  # samples count one leg, the summary both (recorded)
LAP = fields("id=key lap elapsed_s") | {"start_time": _WHEN["start_time"]}
SLEEP = fields("id=summaryId") | _WHEN
SLEEP |= fields(
    """is_nap night=calendarDate in_bed_s asleep_s=durationInSeconds deep_s=deepSleepDurationInSeconds
    light_s=lightSleepDurationInSeconds rem_s=remSleepInSeconds awake_s=awakeDurationInSeconds
    score=overallSleepScore.value"""
)
SLEEP |= {
    "end_time": Field("end", via=epoch_seconds),
    "end_time_local": Field("end", "startTimeOffsetInSeconds", via=_wall),
    "unscored_s": Field("unmeasurableSleepInSeconds", "unmeasurableSleepDurationInSeconds"),
    "spo2_pct": Field("timeOffsetSleepSpo2", via=_mean),
    "respiratory_rate_brpm": Field("timeOffsetSleepRespiration", via=_mean),
    "scoring": Field("validation", via=lambda w: "tentative" if w.endswith("TENTATIVE") else "scored"),
    "manual": Field("validation", via=lambda word: word.endswith("MANUAL")),
}
STAGE = fields("sleep_id stage") | {
    "start_time": _WHEN["start_time"],
    "elapsed_s": Field("startTimeInSeconds", "endTimeInSeconds", via=_between),
}
RECOVERY = fields(
    """id=calendarDate date=calendarDate athlete_id=userId hrv_rmssd_ms=hrv.lastNightAvg
    resting_heart_rate_bpm=daily.restingHeartRateInBeatsPerMinute max_heart_rate_bpm=daily.maxHeartRateInBeatsPerMinute
    average_heart_rate_bpm=daily.averageHeartRateInBeatsPerMinute steps=daily.steps distance_m=daily.distanceInMeters
    sleep_score=sleep.overallSleepScore.value"""
)
RECOVERY |= {
    "stress_score": Field("daily.averageStressLevel", via=lambda level: level if level >= 0 else None),  # -1: unknown
    "energy_kcal": Field("daily.activeKilocalories", "daily.bmrKilocalories", via=_sum),
    "spo2_pct": Field("sleep.timeOffsetSleepSpo2", via=_mean),
    "respiratory_rate_brpm": Field("sleep.timeOffsetSleepRespiration", via=_mean),
}
HEALTH = fields(
    """id=summaryId athlete_id=userId weight_kg=weightInGrams@g muscle_mass_kg=muscleMassInGrams@g
    bone_mass_kg=boneMassInGrams@g body_water_pct=bodyWaterInPercent body_fat_pct=bodyFatInPercent
    body_mass_index=bodyMassIndex vo2max_ml_kg_min=vo2Max systolic_mmhg=systolic diastolic_mmhg=diastolic"""
)
HEALTH |= {
    "time": Field(
        "measurementTimeInSeconds",
        "calendarDate",
        via=lambda seconds, day: day and f"{day}T00:00:00Z" if seconds is None else epoch_seconds(seconds),
    ),
    "time_local": Field("measurementTimeInSeconds", "measurementTimeOffsetInSeconds", via=_wall),
}
#: Wire fields knowingly not read.
IGNORED: Mapping[schema.Table, tuple[str, ...]] = {
    schema.ACTIVITIES: tuple(
        """averagePaceInMinutesPerKilometer maxPaceInMinutesPerKilometer averageSwimCadenceInStrokesPerMinute pushes
        numberOfActiveLengths isParent isWebUpload""".split()
    ),
    schema.STREAMS: tuple(
        """timerDurationInSeconds clockDurationInSeconds movingDurationInSeconds swimCadenceInStrokesPerMinute
        wheelChairCadenceInPushesPerMinute groundContactBalance verticalRatio""".split()
    ),
    schema.SLEEP: ("sleepLevelsMap", "overallSleepScore", "sleepScores", "naps"),
}


def details(item: Row) -> list[Row]:
    """Return the summary inside an activity's details, under the ids of both."""
    return [{**(item.get("summary") or {}), **{k: item.get(k) for k in ("userId", "summaryId", "activityId")}}]


def samples(item: Row) -> list[Row]:
    """Return the samples inside an activity's details; seconds count from the start of the activity."""
    known = {"key": _key(item), "zero": get_path(item, "summary.startTimeInSeconds")}
    return [{**sample, **known} for sample in objects(item.get("samples"))]


def laps(item: Row) -> list[Row]:
    """Return the laps inside an activity's details: Garmin says only when each begins."""
    start, length = (get_path(item, f"summary.{name}InSeconds") for name in ("startTime", "duration"))
    starts = [lap["startTimeInSeconds"] for lap in objects(item.get("laps")) if lap.get("startTimeInSeconds")]
    ends = [*starts[1:], max(start + length, starts[-1]) if starts and start and length else None]
    return [{"key": _key(item), "lap": n, "startTimeInSeconds": a, "elapsed_s": b and b - a}
            for n, (a, b) in enumerate(zip(starts, ends, strict=False), 1)]  # fmt: skip


def sleeps(item: Row) -> list[Row]:
    """Return a night and its naps; the length of a night does not count the time awake."""
    start, asleep, awake = (item.get(f"{n}InSeconds") for n in ("startTime", "duration", "awakeDuration"))
    ends = [part["endTimeInSeconds"] for part in stages(item)]
    end = max(ends) if ends else start + asleep + (awake or 0) if start and asleep else None
    night = {**item, "is_nap": False, "end": end, "in_bed_s": end and start and end - start}
    return [night, *(_nap(item, nap) for nap in objects(item.get("naps")))]


def _nap(item: Row, nap: Row) -> Row:
    start, length = nap.get("napStartTimeInSeconds"), nap.get("napDurationInSeconds")
    end = start + length if start and length else None
    named = {k: item.get(k) for k in ("userId", "calendarDate")} | {"validation": nap.get("napValidation")}
    times = {"startTimeInSeconds": start, "startTimeOffsetInSeconds": nap.get("napOffsetInSeconds"), "end": end}
    return {**named, **times, "summaryId": f"{item.get('summaryId')}-nap-{start}", "is_nap": True, "in_bed_s": length,
            "durationInSeconds": length}  # fmt: skip


def stages(item: Row) -> list[Row]:
    """Return the stages of a night."""
    levels = item.get("sleepLevelsMap") or {}
    names = {name: name if name in ("deep", "light", "rem", "awake") else "unscored" for name in levels}
    parts = [(names[name], part) for name, level in levels.items() for part in objects(level)]
    return [{**part, "sleep_id": item.get("summaryId"), "stage": stage} for stage, part in parts]


def _key(item: Row) -> str | None:
    return _id(item.get("activityId"), item.get("summaryId"))


def day_of(part: str) -> Callable[[Row], list[Row]]:
    """Return what puts a summary under its day, as the part it is of it."""
    return lambda item: [{"calendarDate": item.get("calendarDate"), "userId": item.get("userId"), part: item}]


#: Key of a push, and of a list -> (table, what makes rows of a summary, fields).
READERS: Mapping[str, tuple[tuple[schema.Table, Callable[[Row], list[Any]], Mapping[str, Field]], ...]] = {
    **dict.fromkeys(
        ("activities", "manuallyUpdatedActivities"), ((schema.ACTIVITIES, lambda item: [item], ACTIVITY),)
    ),
    "activityDetails": (
        (schema.ACTIVITIES, details, ACTIVITY),
        (schema.STREAMS, samples, STREAM),
        (schema.LAPS, laps, LAP),
    ),
    "sleeps": ((schema.SLEEP, sleeps, SLEEP), (schema.SLEEP_STAGES, stages, STAGE)),
    "dailies": ((schema.RECOVERY, day_of("daily"), RECOVERY),),
    "hrv": ((schema.RECOVERY, day_of("hrv"), RECOVERY),),
    **dict.fromkeys(
        ("bodyComps", "userMetrics", "bloodPressures"), ((schema.HEALTH, lambda item: [item], HEALTH),)
    ),
}  # fmt: skip


def read_summaries(kind: str, table: schema.Table, items: Any) -> Rows:
    """Read summaries of a kind into a table; one that cannot be taken apart is set aside, the others come."""
    parts, rejected = list[Row](), list[tuple[str, str, str]]()
    make, wanted = next((make, wanted) for target, make, wanted in READERS[kind] if target is table)
    for item in objects(items):
        try:
            parts += make(item)
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            rejected.append((str(item.get("summaryId")), kind, str(error)[:80]))
    rows = read_rows(parts, wanted, table)
    return replace(rows, rejected=(*rejected, *rows.rejected))
