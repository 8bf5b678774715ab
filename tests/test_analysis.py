"""Aggregates of frames, and the pictures drawn from them."""

import pandas as pd
import pytest

from pierre_data import QueryError, SchemaError
from pierre_data.analysis import weekly_volume
from pierre_data.plots import weekly_hours
from pierre_data.schema import ACTIVITIES, FAMILIES

USUAL = {"provider": "me", "sport": "run", "elapsed_s": 3600.0}


def rows(*items: dict[str, object]) -> pd.DataFrame:
    return ACTIVITIES.conform(pd.DataFrame([USUAL | {"id": str(at)} | item for at, item in enumerate(items)]))


def test_a_week_is_the_athletes_own() -> None:
    sunday = {"start_time": "2026-01-05T02:00Z", "start_time_local": pd.Timestamp("2026-01-04 18:00")}
    volume = weekly_volume(rows(sunday, {"start_time": "2026-01-05T02:00Z"}))
    assert volume.week.tolist() == [pd.Timestamp("2025-12-29"), pd.Timestamp("2026-01-05")]


def test_sums_of_what_is_known_and_zeros_between() -> None:
    volume = weekly_volume(
        rows(
            {"start_time": "2026-01-05T07:00Z", "moving_s": 3000.0, "distance_m": 10_000.0},
            {"start_time": "2026-01-06T07:00Z", "sport_family": "run"},
            {"start_time": "2026-01-20T07:00Z", "sport": "pool_swim", "distance_m": 1500.0},
            {"start_time": "2026-01-21T07:00Z", "sport": "other", "is_exercise": False},
        )
    )
    assert volume.columns.tolist()[:3] == ["week", "sport_family", "activity_count"]
    wide = volume.set_index(["week", "sport_family"])
    assert len(wide) == 3 * 2
    assert wide.loc[("2026-01-05", "run"), ["activity_count", "moving_s", "distance_m"]].tolist() == [2, 6600, 10_000]
    assert wide.loc["2026-01-12"].to_numpy().sum() == 0
    assert wide.loc[("2026-01-19", "swim"), "distance_m"] == 1500
    assert volume.sum(numeric_only=True).activity_count == 3


def test_nothing_has_the_dtypes_of_something() -> None:
    full = weekly_volume(rows({"start_time": "2026-01-05T07:00Z"}))
    empty = weekly_volume(ACTIVITIES.empty())
    assert len(empty) == 0
    assert empty.dtypes.equals(full.dtypes)
    assert full.dtypes.astype(str).tolist()[:3] == ["datetime64[us]", "str", "int64"]
    with pytest.raises(SchemaError, match="start_time"):
        weekly_volume(pd.DataFrame({"sport": ["run"], "elapsed_s": [60]}))


def test_a_picture_names_what_fits_and_counts_the_rest() -> None:
    every = [
        {"start_time": f"2026-01-{5 + at:02d}T07:00Z", "sport": sports[0], "elapsed_s": 3600.0 * (at + 1)}
        for at, sports in enumerate(list(FAMILIES.values())[:10])
    ]
    figure = weekly_hours(rows(*every))
    [legend] = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert len(names) == 8
    assert names[-1] == "all others"
    heights = [patch.get_height() for patch in figure.axes[0].patches]
    assert sum(heights) == pytest.approx(sum(range(1, 11)))
    assert len(weekly_hours(rows(*every), weeks=1).axes[0].patches) == 8
    with pytest.raises(QueryError, match="nothing to draw"):
        weekly_hours(ACTIVITIES.empty())
