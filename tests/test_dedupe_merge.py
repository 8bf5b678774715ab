"""Which source gives which value of a merged row."""

import pandas as pd
import pytest

from pierre_data.dedupe import deduplicate
from tests.test_dedupe import rows

pytestmark = pytest.mark.filterwarnings("ignore:No priority among providers")

GARMIN = {"provider": "garmin", "id": "9", "start_time": "2026-01-05T07:00:10Z", "elapsed_s": 3580.0}


def merge(mine: dict[str, object], other: dict[str, object], **extra: list[object]) -> pd.Series:
    merged = deduplicate(rows(mine, GARMIN | other).assign(**extra), priority=["strava"])
    assert len(merged) == 1
    return merged.iloc[0]


def test_what_the_best_row_lacks_comes_from_the_other() -> None:
    found = merge({"name": None, "distance_m": 1e4}, {"name": "Run", "average_power_w": 250.0, "distance_m": 9e3})
    assert found[["provider", "id", "name", "distance_m", "average_power_w"]].tolist() == [
        *("strava", "1", "Run", 1e4, 250.0)
    ]


@pytest.mark.parametrize(
    "fields",
    [
        ("distance_m", "moving_s"),
        ("distance_m", "average_speed_mps"),
        ("distance_m", "max_speed_mps"),
        ("average_heart_rate_bpm", "max_heart_rate_bpm"),
        ("average_power_w", "normalized_power_w"),
        ("average_cadence_rpm", "max_cadence_rpm"),
        ("average_cadence_spm", "max_cadence_spm"),
        ("elevation_gain_m", "elevation_loss_m"),
        ("start_latitude_deg", "start_longitude_deg"),
        ("end_latitude_deg", "end_longitude_deg"),
        ("training_stress_score", "intensity_factor"),
    ],
)
def test_fields_that_mean_something_together_have_one_source(fields: tuple[str, str]) -> None:
    lead, other = fields
    found = merge({lead: 50.0, other: None}, {lead: 50.1, other: 60.0})
    assert found[lead] == 50.0
    assert pd.isna(found[other])
    found = merge({lead: None, other: 59.0}, {lead: 50.1, other: 60.0})
    assert found[[lead, other]].tolist() == [50.1, 60.0]
    found = merge({lead: None, other: None}, {lead: None, other: 60.0})
    assert found[other] == 60.0


def test_nothing_measured_is_no_measurement() -> None:
    found = merge({"distance_m": 0.0, "moving_s": 3600.0}, {"distance_m": 1e4, "moving_s": 3500.0})
    assert found[["distance_m", "moving_s"]].tolist() == [1e4, 3500.0]
    found = merge({"distance_m": 0.0, "moving_s": 3600.0}, {"distance_m": None, "moving_s": 3500.0})
    assert found[["distance_m", "moving_s"]].tolist() == [0.0, 3600.0]


def test_who_and_whether_it_counts_are_the_best_rows() -> None:
    found = merge(
        {"athlete_id": None, "is_exercise": None, "updated_at": None},
        {"athlete_id": "g", "is_exercise": True, "updated_at": "2026-01-06"},
    )
    assert found[["athlete_id", "is_exercise", "updated_at"]].isna().all()


def test_own_columns_are_the_best_rows() -> None:
    found = merge({}, {}, note=[None, "fast"], score=[1, 2])
    assert found["note"] is None or pd.isna(found["note"])
    assert found["score"] == 1


def test_a_sport_that_says_nothing_gives_way() -> None:
    found = merge({"sport": "workout", "sport_raw": "Workout"}, {"sport": "trail_run", "sport_raw": "trail"})
    assert found[["sport", "sport_raw"]].tolist() == ["trail_run", "trail"]
    assert merge({"sport": "run"}, {"sport": "trail_run"})["sport"] == "run"


def test_start_and_duration_have_one_source_and_the_local_clock_fits_them() -> None:
    found = merge(
        {"utc_offset_s": None, "timezone": None, "start_time_local": None},
        {"utc_offset_s": 3600.0, "timezone": "Europe/Berlin", "start_time_local": pd.Timestamp("2026-01-05T08:00:10")},
    )
    assert (found["start_time"], found["elapsed_s"]) == (pd.Timestamp("2026-01-05T07:00:00Z"), 3600.0)
    assert (found["utc_offset_s"], found["timezone"]) == (3600.0, "Europe/Berlin")
    assert found["start_time_local"] == pd.Timestamp("2026-01-05T08:00:00")


def test_recorded_before_typed_in_then_by_id() -> None:
    frame = rows({"id": "1", "manual": True}, {"id": "3", "manual": False}, {"id": "20", "manual": None})
    assert deduplicate(frame)["sources"].tolist() == ["strava:20 strava:3 strava:1"]


def test_the_input_stays_as_it_is() -> None:
    frame = rows({"name": None}, GARMIN | {"name": "Run"})
    frame.attrs["pierre"] = {"report": "r"}
    before = frame.copy()
    merged = deduplicate(frame)
    pd.testing.assert_frame_equal(frame, before)
    assert merged.attrs == frame.attrs
