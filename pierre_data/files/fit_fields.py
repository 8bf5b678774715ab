"""Where our columns are in FIT messages, and by what their values are multiplied."""

from __future__ import annotations

from collections.abc import Mapping

#: Column -> (names of fields, factor); the first field that knows a value counts.
Sources = Mapping[str, tuple[tuple[str, ...], float]]

_DEGREE = 180.0 / 2**31
# Column of STREAMS -> (fields of a record, factor); the first that knows a value counts.  Developer fields are
# Stryd's and the ones that repeat native fields.
RECORDS: Sources = {
    "distance_m": (("distance",), 1.0),
    "speed_mps": (("enhanced_speed", "speed"), 1.0),
    "heart_rate_bpm": (("heart_rate",), 1.0),
    "power_w": (("power", "dev power"), 1.0),
    "altitude_m": (("enhanced_altitude", "altitude"), 1.0),
    "latitude_deg": (("position_lat",), _DEGREE),
    "longitude_deg": (("position_long",), _DEGREE),
    "temperature_c": (("temperature",), 1.0),
    "grade_pct": (("grade",), 1.0),
    "breathing_rate_brpm": (("enhanced_respiration_rate", "respiration_rate"), 1.0),
    "ground_contact_time_ms": (("stance_time", "dev ground time"), 1.0),
    "vertical_oscillation_cm": (("vertical_oscillation",), 0.1),
    # Garmin's stride length is its step length: the way of one foot to the other.
    "stride_length_m": (("step_length",), 0.001),
}
# Column of ACTIVITIES and LAPS -> (fields of a session or lap, factor).
SUMMARY: Sources = {
    "elapsed_s": (("total_elapsed_time",), 1.0),
    "moving_s": (("total_timer_time",), 1.0),
    "distance_m": (("total_distance",), 1.0),
    "elevation_gain_m": (("total_ascent",), 1.0),
    "elevation_loss_m": (("total_descent",), 1.0),
    "energy_kcal": (("total_calories",), 1.0),
    "average_speed_mps": (("enhanced_avg_speed", "avg_speed"), 1.0),
    "max_speed_mps": (("enhanced_max_speed", "max_speed"), 1.0),
    "average_heart_rate_bpm": (("avg_heart_rate",), 1.0),
    "max_heart_rate_bpm": (("max_heart_rate",), 1.0),
    "average_power_w": (("avg_power",), 1.0),
    "max_power_w": (("max_power",), 1.0),
    "normalized_power_w": (("normalized_power",), 1.0),
}
SESSION: Sources = {
    **SUMMARY,
    "work_kj": (("total_work",), 0.001),
    "ftp_w": (("threshold_power",), 1.0),
    "training_stress_score": (("training_stress_score",), 1.0),
    "intensity_factor": (("intensity_factor",), 1.0),
    "temperature_c": (("avg_temperature",), 1.0),
    "average_altitude_m": (("enhanced_avg_altitude", "avg_altitude"), 1.0),
    "min_altitude_m": (("enhanced_min_altitude", "min_altitude"), 1.0),
    "max_altitude_m": (("enhanced_max_altitude", "max_altitude"), 1.0),
    "ground_contact_time_ms": (("avg_stance_time",), 1.0),
    "vertical_oscillation_cm": (("avg_vertical_oscillation",), 0.1),
    "stride_length_m": (("avg_step_length",), 0.001),
    "breathing_rate_brpm": (("enhanced_avg_respiration_rate", "avg_respiration_rate"), 1.0),
    "spo2_pct": (("avg_spo2",), 1.0),
    "perceived_exertion": (("workout_rpe",), 0.1),
    "start_latitude_deg": (("start_position_lat",), _DEGREE),
    "start_longitude_deg": (("start_position_long",), _DEGREE),
    "end_latitude_deg": (("end_position_lat",), _DEGREE),
    "end_longitude_deg": (("end_position_long",), _DEGREE),
}
# Zero means "not measured" there.
NO_ZERO = ("average_heart_rate_bpm", "max_heart_rate_bpm", "energy_kcal", "ftp_w", "spo2_pct", "breathing_rate_brpm")
