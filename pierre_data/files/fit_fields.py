"""Where our columns are in FIT messages, and by what their values are multiplied."""

from __future__ import annotations

from collections.abc import Mapping

#: Column -> (names of fields, factor); the first field that knows a value counts.
Sources = Mapping[str, tuple[tuple[str, ...], float]]


def _sources(text: str, factor: float = 1.0) -> Sources:
    """Read ``column=field,field`` pairs; a plus in a field's name is a blank."""
    pairs = (pair.split("=") for pair in text.split())
    return {column: (tuple(names.replace("+", " ").split(",")), factor) for column, names in pairs}


_DEGREE = 180.0 / 2**31
#: STREAMS in record messages.  Developer fields are Stryd's and the ones that repeat native fields.
RECORDS: Sources = {
    **_sources(
        """distance_m=distance speed_mps=enhanced_speed,speed heart_rate_bpm=heart_rate power_w=power,dev+power
        altitude_m=enhanced_altitude,altitude temperature_c=temperature grade_pct=grade
        breathing_rate_brpm=enhanced_respiration_rate,respiration_rate
        ground_contact_time_ms=stance_time,dev+ground+time"""
    ),
    **_sources("latitude_deg=position_lat longitude_deg=position_long", _DEGREE),
    **_sources("vertical_oscillation_cm=vertical_oscillation", 0.1),
    # Garmin's stride length is its step length: the way of one foot to the other.
    **_sources("stride_length_m=step_length", 0.001),
}
#: ACTIVITIES and LAPS in session and lap messages.
SUMMARY: Sources = _sources(
    """elapsed_s=total_elapsed_time moving_s=total_timer_time distance_m=total_distance elevation_gain_m=total_ascent
    elevation_loss_m=total_descent energy_kcal=total_calories average_speed_mps=enhanced_avg_speed,avg_speed
    max_speed_mps=enhanced_max_speed,max_speed average_heart_rate_bpm=avg_heart_rate max_heart_rate_bpm=max_heart_rate
    average_power_w=avg_power max_power_w=max_power normalized_power_w=normalized_power"""
)
#: ACTIVITIES in session messages.
SESSION: Sources = {
    **SUMMARY,
    **_sources(
        """ftp_w=threshold_power training_stress_score=training_stress_score intensity_factor=intensity_factor
        temperature_c=avg_temperature average_altitude_m=enhanced_avg_altitude,avg_altitude
        min_altitude_m=enhanced_min_altitude,min_altitude max_altitude_m=enhanced_max_altitude,max_altitude
        ground_contact_time_ms=avg_stance_time spo2_pct=avg_spo2
        breathing_rate_brpm=enhanced_avg_respiration_rate,avg_respiration_rate"""
    ),
    **_sources("vertical_oscillation_cm=avg_vertical_oscillation perceived_exertion=workout_rpe", 0.1),
    **_sources("stride_length_m=avg_step_length work_kj=total_work", 0.001),
    **_sources(
        """start_latitude_deg=start_position_lat start_longitude_deg=start_position_long
        end_latitude_deg=end_position_lat end_longitude_deg=end_position_long""",
        _DEGREE,
    ),
}
#: Zero means "not measured" there.
NO_ZERO = ("average_heart_rate_bpm", "max_heart_rate_bpm", "energy_kcal", "ftp_w", "spo2_pct", "breathing_rate_brpm")
