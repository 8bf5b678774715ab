"""Streams and laps fit the activity they belong to."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pierre_data.errors import NotFound
from pierre_data.schema import TABLES
from pierre_data.synthetic import SCENARIOS, VIEWS, World

CASES = [(scenario, view) for scenario in sorted(SCENARIOS) for view in VIEWS]


def some(scenario: str, view: str) -> tuple[World, pd.DataFrame]:
    world = World(6, scenario)
    return world, pd.DataFrame(world.activities(view)).iloc[::97].assign(provider="synthetic")


@pytest.mark.parametrize(("scenario", "view"), CASES)
def test_streams_fit_the_summary(scenario: str, view: str) -> None:
    world, rows = some(scenario, view)
    for row in rows[~rows.manual].itertuples():
        s = pd.DataFrame(world.streams(row.id)).assign(provider="synthetic")
        TABLES["streams"].conform(s)
        assert s.elapsed_s.iloc[[0, -1]].tolist() == [0.0, row.elapsed_s]
        assert s.time.iloc[0] == row.start_time
        assert s.elapsed_s.is_monotonic_increasing
        assert (s.distance_m.iloc[-1] == row.distance_m) or (np.isnan(row.distance_m) and s.distance_m.isna().all())
        assert s.distance_m.dropna().is_monotonic_increasing
        if not np.isnan(row.average_heart_rate_bpm):
            assert abs(s.heart_rate_bpm.mean() - row.average_heart_rate_bpm) <= 1
            assert s.heart_rate_bpm.max() <= row.max_heart_rate_bpm
        if not np.isnan(row.average_power_w):
            assert s.power_w[s.moving].mean() == pytest.approx(row.average_power_w, rel=0.02)
        if row.has_gps:
            assert s.latitude_deg.iloc[0] == pytest.approx(row.start_latitude_deg, abs=2e-6)
            assert s.longitude_deg.iloc[-1] == pytest.approx(row.end_longitude_deg, abs=2e-6)
            rises = s.altitude_m.diff().clip(lower=0).sum()
            assert rises == pytest.approx(row.elevation_gain_m, rel=0.1, abs=3)


def test_the_track_is_as_long_as_the_distance() -> None:
    world, rows = some("improving-runner", "truth")
    for row in rows[rows.has_gps].itertuples():
        s = pd.DataFrame(world.streams(row.id)).iloc[::10]
        north = np.diff(s.latitude_deg) * 111_195
        east = np.diff(s.longitude_deg) * 111_195 * np.cos(np.radians(row.start_latitude_deg))
        assert np.hypot(north, east).sum() == pytest.approx(row.distance_m, rel=0.04)


@pytest.mark.parametrize(("scenario", "view"), CASES)
def test_laps_add_up(scenario: str, view: str) -> None:
    world, rows = some(scenario, view)
    for row in rows.itertuples():
        made = pd.DataFrame(world.laps(row.id)).assign(provider="synthetic")
        TABLES["laps"].conform(made)
        if row.manual:
            assert made.empty
            continue
        assert made.lap.tolist() == list(range(1, len(made) + 1))
        assert made.elapsed_s.sum() == row.elapsed_s
        assert made.moving_s.sum() == row.moving_s
        if not np.isnan(row.distance_m):
            assert made.distance_m.sum() == pytest.approx(row.distance_m, abs=0.05)


def test_typed_rows_have_no_samples() -> None:
    world = World(scenario="triathlete")
    phone = pd.DataFrame(world.activities("phone"))
    typed = phone[phone.manual].iloc[0]
    assert len(world.streams(typed.id)["elapsed_s"]) == 0


@pytest.mark.parametrize("id", ["", "7", "-1", "x", "9" * 30, World(2).activities("watch")["id"][0]])
def test_unknown_ids_are_not_found(id: str) -> None:
    with pytest.raises(NotFound, match="Take an id from activities"):
        World(1).streams(id)


def test_ids_outside_the_world_are_not_found() -> None:
    last = World().activities("truth")["id"][-1]
    with pytest.raises(NotFound):
        World(end="2020-01-01").laps(last)
