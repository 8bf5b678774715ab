"""Vendors' figures of the same night, day and body stand in the same columns and units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
import pytest

from pierre_data import schema
from pierre_data.schema import Table
from tests import test_fitbit, test_garmin, test_terra, test_whoop

NIGHT = pd.Timestamp("2026-05-09")
ROWS: dict[str, Callable[[Table], tuple[pd.DataFrame, Any]]] = {
    "fitbit": test_fitbit.rows,
    "garmin": test_garmin.rows,
    "terra": test_terra.rows,
    "whoop": test_whoop.rows,
}
ALL = tuple(ROWS)


def beside(table: Table, when: str, vendors: Sequence[str]) -> pd.DataFrame:
    """Return the rows of one local day, one column per vendor, with the columns that all of them fill."""
    found = {}
    for name in vendors:
        frame = ROWS[name](table)[0]
        frame = frame[frame[when].dt.tz_localize(None).dt.normalize() == NIGHT] if when else frame
        if "is_nap" in frame:
            frame = frame[~frame.is_nap.fillna(False)]
        found[name] = frame.bfill().iloc[0]
    return pd.DataFrame(found).dropna()


Bounds = dict[str, tuple[float, float]]
STAGES: Bounds = {
    "in_bed_s": (6 * 3600, 10 * 3600),
    "asleep_s": (6 * 3600, 9 * 3600),
    "awake_s": (600, 7200),
    "light_s": (2 * 3600, 6 * 3600),
    "deep_s": (1800, 3 * 3600),
    "rem_s": (1800, 3 * 3600),
}
BREATH: Bounds = {"respiratory_rate_brpm": (10, 20)}
BLOOD: Bounds = {"resting_heart_rate_bpm": (35, 90), "hrv_rmssd_ms": (10, 200), "spo2_pct": (80, 100)}
HEART: Bounds = {"average_heart_rate_bpm": (45, 110), "max_heart_rate_bpm": (120, 210), "energy_kcal": (1200, 6000)}
SCORE: Bounds = {"sleep_score": (1, 100)}


@pytest.mark.parametrize(
    ("table", "when", "vendors", "bounds"),
    [
        (schema.SLEEP, "night", ALL, STAGES),
        (schema.SLEEP, "night", ("garmin", "terra", "whoop"), BREATH | {"score": (50, 100)}),
        (schema.SLEEP, "night", ("fitbit", "terra", "whoop"), {"wake_count": (1, 20)}),
        (schema.SLEEP, "night", ("terra", "whoop"), {"efficiency_pct": (85, 100)}),
        (schema.RECOVERY, "date", ALL, BLOOD | BREATH),
        (schema.RECOVERY, "date", ("garmin", "terra", "whoop"), HEART | SCORE),
        (schema.RECOVERY, "date", ("garmin", "terra"), {"stress_score": (0, 100), "steps": (5000, 30_000)}),
        (schema.RECOVERY, "date", ("fitbit", "terra"), {"skin_temperature_deviation_c": (-2, 2)}),
        (schema.RECOVERY, "date", ("fitbit", "whoop"), {"skin_temperature_c": (28, 38)}),
        (schema.RECOVERY, "date", ("terra", "whoop"), {"recovery_score": (1, 100)}),
        (schema.HEALTH, "", ALL, {"weight_kg": (40, 150)}),
        (schema.HEALTH, "", ("fitbit", "terra", "whoop"), {"height_m": (1.4, 2.2)}),
        (schema.HEALTH, "", ("fitbit", "garmin", "terra"), {"body_fat_pct": (5, 50), "vo2max_ml_kg_min": (20, 90)}),
    ],
)
def test_the_same_figure_has_the_same_column_and_unit(
    table: Table, when: str, vendors: Sequence[str], bounds: Bounds
) -> None:
    frame = beside(table, when, vendors)
    for column, (low, high) in bounds.items():
        assert column in frame.index, f"{column} is not filled by all of {', '.join(vendors)}"
        for vendor, value in frame.loc[column].items():
            assert low <= value <= high, f"{vendor}: {column} = {value}"


def test_the_same_night_is_one_night() -> None:
    frame = beside(schema.SLEEP, "night", ALL)
    assert list(frame) == list(ALL)
    for vendor in frame:
        night = frame[vendor]
        assert night.asleep_s == night.light_s + night.deep_s + night.rem_s
        assert night.start_time_local < night.end_time_local
        assert night.end_time_local.normalize() == night.night == NIGHT
        length = (night.end_time - night.start_time).total_seconds()
        assert length == (night.end_time_local - night.start_time_local).total_seconds()
        assert night.start_time + pd.Timedelta(seconds=night.utc_offset_s) == night.start_time_local.tz_localize("UTC")
        assert night.in_bed_s >= night.asleep_s
        assert night.id == str(night.id)


def test_a_days_date_is_the_athletes() -> None:
    frame = beside(schema.RECOVERY, "date", ALL)
    assert (frame.loc["date"] == NIGHT).all()
    assert not {"start_time", "time"} & set(frame.index)
