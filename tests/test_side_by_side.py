"""Two vendors' figures of the same night, day and body stand in the same columns and units."""

from __future__ import annotations

import pandas as pd

from pierre_data import schema
from pierre_data.schema import Table
from tests import test_terra, test_whoop

NIGHT = pd.Timestamp("2026-05-09")


def both(table: Table, when: str) -> pd.DataFrame:
    """Return the rows of one local day, one column per vendor, with the columns that both fill."""
    found = {}
    for name, rows in (("whoop", test_whoop.rows), ("terra", test_terra.rows)):
        frame = rows(table)[0]
        frame = frame[frame[when].dt.tz_localize(None).dt.normalize() == NIGHT] if when else frame
        if "is_nap" in frame:
            frame = frame[~frame.is_nap.fillna(False)]
        found[name] = frame.bfill().iloc[0]
    return pd.DataFrame(found).dropna()


def within(frame: pd.DataFrame, bounds: dict[str, tuple[float, float]]) -> None:
    """Both vendors fill each column, with a value that makes sense in its unit."""
    for column, (low, high) in bounds.items():
        assert column in frame.index, f"{column} is not filled by both"
        for value in frame.loc[column]:
            assert low <= value <= high, f"{column} = {value}"


def test_the_same_night() -> None:
    frame = both(schema.SLEEP, "night")
    within(
        frame,
        {
            "in_bed_s": (6 * 3600, 10 * 3600),
            "asleep_s": (6 * 3600, 9 * 3600),
            "awake_s": (600, 7200),
            "light_s": (2 * 3600, 6 * 3600),
            "deep_s": (1800, 3 * 3600),
            "rem_s": (1800, 3 * 3600),
            "efficiency_pct": (85, 100),
            "score": (50, 100),
            "respiratory_rate_brpm": (10, 20),
            "wake_count": (1, 20),
        },
    )
    for vendor in frame:
        night = frame[vendor]
        assert night.asleep_s == night.light_s + night.deep_s + night.rem_s
        assert night.start_time_local < night.end_time_local
        assert night.end_time_local.normalize() == night.night == NIGHT
        length = (night.end_time - night.start_time).total_seconds()
        assert length == (night.end_time_local - night.start_time_local).total_seconds()


def test_the_same_day() -> None:
    within(
        both(schema.RECOVERY, "date"),
        {
            "recovery_score": (1, 100),
            "sleep_score": (1, 100),
            "resting_heart_rate_bpm": (35, 90),
            "average_heart_rate_bpm": (45, 110),
            "max_heart_rate_bpm": (120, 210),
            "hrv_rmssd_ms": (10, 200),
            "spo2_pct": (80, 100),
            "respiratory_rate_brpm": (10, 20),
            "energy_kcal": (1200, 6000),
        },
    )


def test_the_same_body() -> None:
    within(both(schema.HEALTH, ""), {"weight_kg": (40, 150), "height_m": (1.4, 2.2)})
