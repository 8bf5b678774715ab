"""What a row of each table is.

A record is declared once; `pierre_data.schema` derives dtypes, Arrow schemas and documentation from it.
A field without a default is required.  Ids are text, always.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pierre_data.schema.types import (
    Beats,
    BloodGlucose,
    BloodPressure,
    Breaths,
    Celsius,
    Centimetres,
    Count,
    CrankCadence,
    Degrees,
    Flag,
    Instant,
    Kilocalories,
    Kilograms,
    Kilojoules,
    Metres,
    Milliseconds,
    Number,
    OxygenUptake,
    Percent,
    Seconds,
    Speed,
    Sport,
    StepCadence,
    Text,
    WallTime,
    Watts,
    plain_value,
)

#: Merge policies of a column: the best row that has it gives it,
ALONE = "alone"
#: the same, where a zero means that nothing was measured,
MEASURED = "measured"
#: the best row gives it, filled or not.  Any other policy is the column whose row gives this one as well.
BEST_ROW = "best row"

_OFFSET = (-12 * 3600, 14 * 3600)
_DURATION = (0, 30 * 86400)


class Record(BaseModel):
    """One row; the field types carry kind, unit and what is plausible."""

    model_config = ConfigDict(defer_build=True, frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, data: Any) -> Any:
        """Read what pandas and numpy write for a value, or for none."""
        return {name: plain_value(value) for name, value in data.items()} if isinstance(data, Mapping) else data


def may(meaning: str, merge: str = "", *, bounds: tuple[float, float] | None = None, default: Any = None) -> Any:
    """Declare a column that may be missing: its meaning, its merge policy, between what its values can be."""
    extra: dict[str, Any] = ({"merge": merge} if merge else {}) | ({"bounds": list(bounds)} if bounds else {})
    return Field(default, description=meaning, json_schema_extra=extra)


#: Declares a required column; otherwise like `may`.
must = partial(may, default=...)


class Activity(Record):
    """One recorded activity; each column says from which row a merged activity takes it."""

    provider: Text = must("Registry name of the source.", BEST_ROW)
    id: Text = must("The vendor's id.", BEST_ROW)
    athlete_id: Text | None = may("The vendor's id of the athlete.", BEST_ROW)
    name: Text | None = may("Title.", ALONE)
    sport: Sport = must("Sport, closed vocabulary.", ALONE)
    sport_family: Text | None = may("Family of the sport.", "sport")
    sport_raw: Text | None = may("The vendor's own word or number for the sport.", "sport")
    workout_kind: Text | None = may("Kind of session: race, long_run, workout ...", ALONE)
    is_exercise: Flag | None = may("False for what is logged but not trained: sauna, driving, meditation.", BEST_ROW)
    start_time: Instant = must("Start.", ALONE)
    start_time_local: WallTime | None = may("What the athlete's clock showed at the start.", ALONE)
    utc_offset_s: Seconds | None = may("Local time minus UTC at the start.", "start_time_local", bounds=_OFFSET)
    timezone: Text | None = may("IANA time zone.", "start_time_local")
    start_hidden: Flag | None = may("The vendor blurred the start time for privacy.", "start_time")
    elapsed_s: Seconds = must("Wall-clock duration, pauses included.", "start_time", bounds=_DURATION)
    moving_s: Seconds | None = may("Duration without pauses.", "distance_m")
    distance_m: Metres | None = may("Distance covered.", MEASURED)
    elevation_gain_m: Metres | None = may("Sum of climbs.", ALONE)
    elevation_loss_m: Metres | None = may("Sum of descents.", "elevation_gain_m")
    energy_kcal: Kilocalories | None = may("Energy the body spent.", ALONE, bounds=(0, 60000))
    work_kj: Kilojoules | None = may("Mechanical work.", "average_power_w")
    steps: Number | None = may("Steps of both feet.", ALONE)
    average_speed_mps: Speed | None = may("Mean speed as the vendor computes it.", "distance_m", bounds=(0, 60))
    max_speed_mps: Speed | None = may("Highest speed.", "distance_m")
    average_heart_rate_bpm: Beats | None = may("Mean heart rate.", MEASURED)
    max_heart_rate_bpm: Beats | None = may("Highest heart rate.", "average_heart_rate_bpm")
    recovery_heart_rate_bpm: Beats | None = may("Fall of the heart rate in the first minute after.", ALONE)
    hrv_rmssd_ms: Milliseconds | None = may(
        "Heart rate variability during the activity, RMSSD.", ALONE, bounds=(0, 500)
    )
    average_power_w: Watts | None = may("Mean power.", MEASURED, bounds=(0, 2500))
    max_power_w: Watts | None = may("Highest power.", "average_power_w")
    normalized_power_w: Watts | None = may("Normalized or weighted average power.", "average_power_w")
    ftp_w: Watts | None = may("Functional threshold power at that time.", "average_power_w")
    running_power_w: Watts | None = may("Mean running power.", ALONE)
    average_cadence_rpm: CrankCadence | None = may("Mean cadence of the crank.", MEASURED)
    max_cadence_rpm: CrankCadence | None = may("Highest cadence of the crank.", "average_cadence_rpm")
    average_cadence_spm: StepCadence | None = may("Mean cadence of both feet.", MEASURED)
    max_cadence_spm: StepCadence | None = may("Highest cadence of both feet.", "average_cadence_spm")
    training_stress_score: Number | None = may("Training stress score, TSS.", ALONE)
    intensity_factor: Number | None = may("Normalized power over threshold power.", "training_stress_score")
    relative_effort: Number | None = may("The vendor's heart rate load (Strava's Relative Effort).", ALONE)
    strain: Number | None = may("WHOOP strain, 0 to 21.", ALONE)
    perceived_exertion: Number | None = may("Rating of perceived exertion, 1 to 10.", ALONE)
    temperature_c: Celsius | None = may("Mean temperature.", ALONE, bounds=(-60, 70))
    humidity_pct: Percent | None = may("Mean relative humidity.", "temperature_c", bounds=(0, 100))
    wind_speed_mps: Speed | None = may("Mean wind speed.", "temperature_c")
    average_altitude_m: Metres | None = may("Mean altitude.", ALONE, bounds=(-450, 9000))
    min_altitude_m: Metres | None = may("Lowest altitude.", "average_altitude_m")
    max_altitude_m: Metres | None = may("Highest altitude.", "average_altitude_m")
    ground_contact_time_ms: Milliseconds | None = may("Mean ground contact time.", ALONE, bounds=(50, 1000))
    vertical_oscillation_cm: Centimetres | None = may("Mean vertical oscillation.", "ground_contact_time_ms")
    stride_length_m: Metres | None = may("Mean stride length.", "ground_contact_time_ms", bounds=(0.1, 4))
    breathing_rate_brpm: Breaths | None = may("Mean breathing rate.", ALONE)
    spo2_pct: Percent | None = may("Mean blood oxygen saturation.", ALONE)
    start_latitude_deg: Degrees | None = may("Latitude of the start.", ALONE)
    start_longitude_deg: Degrees | None = may("Longitude of the start.", "start_latitude_deg")
    end_latitude_deg: Degrees | None = may("Latitude of the end.", ALONE)
    end_longitude_deg: Degrees | None = may("Longitude of the end.", "end_latitude_deg")
    city: Text | None = may("City of the start.", ALONE)
    region: Text | None = may("Region of the start.", "city")
    country: Text | None = may("Country of the start.", "city")
    trail_name: Text | None = may("Name of the trail or route.", ALONE)
    manual: Flag | None = may("Typed in, not recorded.", BEST_ROW)
    indoor: Flag | None = may("On a trainer, treadmill or in a hall.", ALONE)
    commute: Flag | None = may("Marked as a commute.", ALONE)
    race: Flag | None = may("Marked as a race.", ALONE)
    private: Flag | None = may("Visible to the athlete only.", BEST_ROW)
    has_gps: Flag | None = may("A track exists.", ALONE)
    device: Text | None = may("Recording device.", ALONE)
    gear_id: Text | None = may("The vendor's id of the bike or shoes.", BEST_ROW)
    external_id: Text | None = may("Ids of the same activity elsewhere, separated by spaces.", BEST_ROW)
    upload_id: Text | None = may("The vendor's id of the upload.", BEST_ROW)
    updated_at: Instant | None = may("Last change at the vendor.", BEST_ROW)
    source_file: Text | None = may("Name of the file the row was read from.", BEST_ROW)


class MergedActivity(Activity):
    """One real workout, merged from the activities of one or more providers."""

    activity_id: Text = must("Stable id of the real workout.")
    n_sources: Count = must("Number of rows it was merged from.")
    sources: Text = must("Those rows as provider:id, best first, separated by spaces.")


class Athlete(Record):
    """The person behind an account."""

    provider: Text = must("Registry name of the source.")
    id: Text = must("The vendor's id of the athlete.")
    username: Text | None = may("Account name.")
    name: Text | None = may("Full name.")
    sex: Text | None = may("As the vendor says it, lower case.")
    birth_date: WallTime | None = may("Date of birth.")
    city: Text | None = may("City.")
    region: Text | None = may("Region.")
    country: Text | None = may("Country.")
    timezone: Text | None = may("IANA time zone.")
    weight_kg: Kilograms | None = may("Body weight.", bounds=(2, 500))
    height_m: Metres | None = may("Height.", bounds=(0.4, 2.8))
    ftp_w: Watts | None = may("Functional threshold power.")
    max_heart_rate_bpm: Beats | None = may("Highest heart rate on file.")
    resting_heart_rate_bpm: Beats | None = may("Resting heart rate on file.")
    measurement_system: Text | None = may("metric or imperial, the athlete's display preference.")
    created_at: Instant | None = may("Account creation.")
    updated_at: Instant | None = may("Last change at the vendor.")


class Stats(Record):
    """Totals as the vendor counts them, one row per period and sport family."""

    provider: Text = must("Registry name of the source.")
    athlete_id: Text | None = may("The vendor's id of the athlete.")
    period: Text = must("all, year_to_date, recent (the vendor's recent weeks).")
    sport_family: Text = must("Family of the sport, or all.")
    activity_count: Number | None = may("Number of activities.")
    distance_m: Metres | None = may("Distance.")
    moving_s: Seconds | None = may("Duration without pauses.")
    elapsed_s: Seconds | None = may("Duration with pauses.")
    elevation_gain_m: Metres | None = may("Sum of climbs.")
    energy_kcal: Kilocalories | None = may("Energy the body spent.")
    longest_distance_m: Metres | None = may("Longest single activity.")
    biggest_climb_m: Metres | None = may("Most climbing in one activity.")


class PersonalRecord(Record):
    """A best effort."""

    provider: Text = must("Registry name of the source.")
    effort_id: Text = must("The vendor's id of the effort.")
    id: Text | None = may("The vendor's id of the activity.")
    activity_id: Text | None = may("Id of the merged activity, when it was asked by it.")
    athlete_id: Text | None = may("The vendor's id of the athlete.")
    metric: Text = must("What is best: fastest_1000_m, longest_distance, highest_power_1200_s ...")
    name: Text | None = may("The vendor's name of it.")
    sport: Sport | None = may("Sport, closed vocabulary.")
    start_time: Instant | None = may("Start of the effort.")
    elapsed_s: Seconds | None = may("Duration, pauses included.", bounds=_DURATION)
    moving_s: Seconds | None = may("Duration without pauses.")
    distance_m: Metres | None = may("Distance.")
    elevation_gain_m: Metres | None = may("Climb.")
    average_power_w: Watts | None = may("Mean power.", bounds=(0, 2500))
    average_heart_rate_bpm: Beats | None = may("Mean heart rate.")
    rank: Number | None = may("1 for the best of all time.")


class SleepSession(Record):
    """One night or nap."""

    provider: Text = must("Registry name of the source.")
    id: Text = must("The vendor's id.")
    athlete_id: Text | None = may("The vendor's id of the athlete.")
    night: WallTime | None = may("Local date of waking up.")
    start_time: Instant = must("Fell asleep, or went to bed.")
    end_time: Instant = must("Woke up, or rose.")
    start_time_local: WallTime | None = may("Local clock at the start.")
    end_time_local: WallTime | None = may("Local clock at the end.")
    utc_offset_s: Seconds | None = may("Local time minus UTC.", bounds=_OFFSET)
    timezone: Text | None = may("IANA time zone.")
    is_nap: Flag | None = may("A nap, not the main sleep.")
    in_bed_s: Seconds | None = may("Time in bed.", bounds=(0, 3 * 86400))
    asleep_s: Seconds | None = may("Time asleep.", bounds=(0, 2 * 86400))
    awake_s: Seconds | None = may("Time awake in bed.")
    light_s: Seconds | None = may("Light sleep.")
    deep_s: Seconds | None = may("Deep sleep.")
    rem_s: Seconds | None = may("REM sleep.")
    unscored_s: Seconds | None = may("Time the vendor could not classify.")
    latency_s: Seconds | None = may("Time to fall asleep.")
    needed_s: Seconds | None = may("Sleep the vendor says was needed.")
    wake_count: Number | None = may("Times awake.")
    efficiency_pct: Percent | None = may("Time asleep over time in bed.", bounds=(0, 100))
    score: Number | None = may("The vendor's sleep score, 0 to 100.")
    average_heart_rate_bpm: Beats | None = may("Mean heart rate.")
    lowest_heart_rate_bpm: Beats | None = may("Lowest heart rate.")
    hrv_rmssd_ms: Milliseconds | None = may("Heart rate variability, RMSSD.", bounds=(0, 500))
    hrv_sdnn_ms: Milliseconds | None = may("Heart rate variability, SDNN: not comparable with RMSSD.")
    respiratory_rate_brpm: Breaths | None = may("Mean breathing rate.")
    spo2_pct: Percent | None = may("Mean blood oxygen saturation.")
    skin_temperature_deviation_c: Celsius | None = may(
        "Skin temperature against the athlete's baseline.", bounds=(-15, 15)
    )
    scoring: Text | None = may("State of the vendor's scoring: scored, pending, unscorable, tentative.")
    manual: Flag | None = may("Typed in, not recorded.")
    device: Text | None = may("Recording device.")
    external_id: Text | None = may("Ids of the same sleep elsewhere, separated by spaces.")
    updated_at: Instant | None = may("Last change at the vendor.")


class SleepStage(Record):
    """One stretch of one stage of sleep."""

    provider: Text = must("Registry name of the source.")
    sleep_id: Text = must("Id of the sleep.")
    start_time: Instant = must("Start of the stage.")
    elapsed_s: Seconds = must("Length of the stage.", bounds=_DURATION)
    stage: Text = must("awake, light, deep, rem, asleep (not split further) or unscored.")


class RecoveryMetrics(Record):
    """How recovered the athlete was on one day."""

    provider: Text = must("Registry name of the source.")
    id: Text = must("The vendor's id, or the date.")
    athlete_id: Text | None = may("The vendor's id of the athlete.")
    date: WallTime = must("Local calendar day.")
    recovery_score: Number | None = may("Recovery, 0 to 100.", bounds=(0, 100))
    readiness_score: Number | None = may("Readiness, 0 to 100.")
    sleep_score: Number | None = may("Sleep, 0 to 100.")
    stress_score: Number | None = may("Stress, 0 to 100, higher is worse.")
    strain: Number | None = may("Strain of the day, WHOOP, 0 to 21.")
    training_load: Number | None = may("The vendor's own training load.")
    resting_heart_rate_bpm: Beats | None = may("Resting heart rate.")
    average_heart_rate_bpm: Beats | None = may("Mean heart rate of the day.")
    max_heart_rate_bpm: Beats | None = may("Highest heart rate of the day.")
    hrv_rmssd_ms: Milliseconds | None = may("Heart rate variability, RMSSD.", bounds=(0, 500))
    hrv_sdnn_ms: Milliseconds | None = may("Heart rate variability, SDNN: not comparable with RMSSD.")
    hrv_status: Text | None = may("The vendor's word for it.")
    spo2_pct: Percent | None = may("Blood oxygen saturation.")
    respiratory_rate_brpm: Breaths | None = may("Breathing rate at rest.")
    skin_temperature_c: Celsius | None = may("Skin temperature.", bounds=(15, 45))
    skin_temperature_deviation_c: Celsius | None = may(
        "Skin temperature against the athlete's baseline.", bounds=(-15, 15)
    )
    energy_kcal: Kilocalories | None = may("Energy the body spent in the day.", bounds=(0, 60000))
    steps: Number | None = may("Steps of the day.")
    distance_m: Metres | None = may("Distance of the day.")
    scoring: Text | None = may("State of the vendor's scoring: scored, pending, unscorable.")
    updated_at: Instant | None = may("Last change at the vendor.")


class HealthMetrics(Record):
    """One measurement of the body."""

    provider: Text = must("Registry name of the source.")
    id: Text = must("The vendor's id, or the time.")
    athlete_id: Text | None = may("The vendor's id of the athlete.")
    time: Instant = must("When it was measured.")
    time_local: WallTime | None = may("Local clock at that time.")
    weight_kg: Kilograms | None = may("Body weight.", bounds=(2, 500))
    height_m: Metres | None = may("Height.", bounds=(0.4, 2.8))
    body_mass_index: Number | None = may("Weight over height squared, kg/m2.")
    body_fat_pct: Percent | None = may("Body fat.")
    body_water_pct: Percent | None = may("Body water.")
    muscle_mass_kg: Kilograms | None = may("Muscle mass.")
    lean_mass_kg: Kilograms | None = may("Mass without fat.")
    bone_mass_kg: Kilograms | None = may("Bone mass.")
    basal_energy_kcal: Kilocalories | None = may("Basal metabolic rate, per day.")
    systolic_mmhg: BloodPressure | None = may("Systolic blood pressure.")
    diastolic_mmhg: BloodPressure | None = may("Diastolic blood pressure.")
    blood_glucose_mg_dl: BloodGlucose | None = may("Blood glucose.")
    vo2max_ml_kg_min: OxygenUptake | None = may("Maximal oxygen uptake.")
    max_heart_rate_bpm: Beats | None = may("Highest heart rate on file.")
    resting_heart_rate_bpm: Beats | None = may("Resting heart rate.")
    body_temperature_c: Celsius | None = may("Core body temperature.")
    device: Text | None = may("Measuring device.")
    updated_at: Instant | None = may("Last change at the vendor.")


class Gear(Record):
    """A bike, a pair of shoes, a device."""

    provider: Text = must("Registry name of the source.")
    id: Text = must("The vendor's id.")
    kind: Text | None = may("bike, shoes, device ...")
    name: Text | None = may("What the athlete calls it.")
    brand: Text | None = may("Maker.")
    model: Text | None = may("Model.")
    serial: Text | None = may("Serial number.")
    distance_m: Metres | None = may("Distance covered with it.")
    retired: Flag | None = may("No longer used.")
    is_primary: Flag | None = may("The default one.")


class StreamSample(Record):
    """One sample of one activity."""

    provider: Text = must("Registry name of the source.")
    id: Text = must("The vendor's id of the activity.")
    activity_id: Text | None = may("Id of the merged activity, when it was asked by it.")
    elapsed_s: Seconds = must("Since the start, pauses included.", bounds=_DURATION)
    time: Instant | None = may("When it was sampled.")
    distance_m: Metres | None = may("Cumulative distance.")
    speed_mps: Speed | None = may("Speed.")
    heart_rate_bpm: Beats | None = may("Heart rate.")
    power_w: Watts | None = may("Power.")
    cadence_rpm: CrankCadence | None = may("Cadence of the crank.")
    cadence_spm: StepCadence | None = may("Cadence of both feet.")
    altitude_m: Metres | None = may("Altitude.")
    latitude_deg: Degrees | None = may("Latitude.")
    longitude_deg: Degrees | None = may("Longitude.")
    temperature_c: Celsius | None = may("Temperature.", bounds=(-60, 70))
    grade_pct: Percent | None = may("Slope.")
    moving: Flag | None = may("Not paused.")
    breathing_rate_brpm: Breaths | None = may("Breathing rate.")
    ground_contact_time_ms: Milliseconds | None = may("Ground contact time.", bounds=(50, 1000))
    vertical_oscillation_cm: Centimetres | None = may("Vertical oscillation.")
    stride_length_m: Metres | None = may("Stride length.", bounds=(0.1, 4))


class Lap(Record):
    """One lap, split or length of one activity."""

    provider: Text = must("Registry name of the source.")
    id: Text = must("The vendor's id of the activity.")
    activity_id: Text | None = may("Id of the merged activity, when it was asked by it.")
    lap: Number = must("Position, from 1.")
    lap_id: Text | None = may("The vendor's id of the lap.")
    name: Text | None = may("Title.")
    kind: Text | None = may("What ended it: manual, distance, time, session, split ...")
    start_time: Instant | None = may("Start.")
    elapsed_s: Seconds | None = may("Duration, pauses included.", bounds=_DURATION)
    moving_s: Seconds | None = may("Duration without pauses.")
    distance_m: Metres | None = may("Distance.")
    elevation_gain_m: Metres | None = may("Sum of climbs.")
    elevation_loss_m: Metres | None = may("Sum of descents.")
    energy_kcal: Kilocalories | None = may("Energy the body spent.", bounds=(0, 60000))
    average_speed_mps: Speed | None = may("Mean speed.", bounds=(0, 60))
    max_speed_mps: Speed | None = may("Highest speed.")
    average_heart_rate_bpm: Beats | None = may("Mean heart rate.")
    max_heart_rate_bpm: Beats | None = may("Highest heart rate.")
    average_power_w: Watts | None = may("Mean power.", bounds=(0, 2500))
    max_power_w: Watts | None = may("Highest power.")
    normalized_power_w: Watts | None = may("Normalized power.")
    average_cadence_rpm: CrankCadence | None = may("Mean cadence of the crank.")
    average_cadence_spm: StepCadence | None = may("Mean cadence of both feet.")


class Zone(Record):
    """Time spent in one zone of one activity; the bounds of the kind are filled, the others are empty."""

    provider: Text = must("Registry name of the source.")
    id: Text = must("The vendor's id of the activity.")
    activity_id: Text | None = may("Id of the merged activity, when it was asked by it.")
    kind: Text = must("heart_rate, power or pace.")
    zone: Number = must("Position, from 1 (0: below the first zone).")
    name: Text | None = may("The vendor's name of the zone.")
    elapsed_s: Seconds | None = may("Time in the zone.", bounds=_DURATION)
    lower_bpm: Beats | None = may("Lower bound, inclusive.")
    upper_bpm: Beats | None = may("Upper bound, exclusive; missing when open.")
    lower_w: Watts | None = may("Lower bound, inclusive.")
    upper_w: Watts | None = may("Upper bound, exclusive; missing when open.")
    lower_mps: Speed | None = may("Lower bound, inclusive.")
    upper_mps: Speed | None = may("Upper bound, exclusive; missing when open.")


class SegmentEffort(Record):
    """One pass over a named segment."""

    provider: Text = must("Registry name of the source.")
    effort_id: Text = must("The vendor's id of the effort.")
    id: Text = must("The vendor's id of the activity.")
    activity_id: Text | None = may("Id of the merged activity, when it was asked by it.")
    segment_id: Text | None = may("The vendor's id of the segment.")
    name: Text | None = may("Name of the segment.")
    start_time: Instant | None = may("Start.")
    elapsed_s: Seconds | None = may("Duration, pauses included.", bounds=_DURATION)
    moving_s: Seconds | None = may("Duration without pauses.")
    distance_m: Metres | None = may("Distance.")
    average_heart_rate_bpm: Beats | None = may("Mean heart rate.")
    max_heart_rate_bpm: Beats | None = may("Highest heart rate.")
    average_power_w: Watts | None = may("Mean power.", bounds=(0, 2500))
    average_cadence_rpm: CrankCadence | None = may("Mean cadence of the crank.")
    average_cadence_spm: StepCadence | None = may("Mean cadence of both feet.")
    average_grade_pct: Percent | None = may("Mean slope of the segment.")
    climb_category: Number | None = may("The vendor's climb category.")
    elevation_gain_m: Metres | None = may("Climb of the segment.")
    kom_rank: Number | None = may("Rank among everybody, when in the top ten.")
    pr_rank: Number | None = may("Rank among the athlete's own, when in the top three.")
