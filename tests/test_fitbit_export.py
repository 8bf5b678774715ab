"""A Fitbit archive's tables, logs and stored answers become the rows that the live service would give."""

from __future__ import annotations

import datetime as dt
import json
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pierre_data import errors, schema
from pierre_data.fetch import DescriptorProvider
from pierre_data.providers.fitbit_export import descriptor
from pierre_data.providers.fitbit_export_rows import SPORTS
from pierre_data.spi import ProviderConfig, Query
from pierre_data.testing import check
from tests.payload_tree import PAYLOADS, fetched, filled, leaves, payload, wire_names

TAKEOUT, STORED = PAYLOADS / "fitbit-export" / "takeout", PAYLOADS / "fitbit-export" / "stored"
RUN = "8896720705452138001"
#: Rows of the payloads that are knowingly odd.
ODD = ("8896720705452138003", "8896720705452138004", "7", "60123456792", "3", "2", "bog snorkelling")


def rows(table: schema.Table, path: Path = TAKEOUT, id: str | None = None, **options: Any) -> tuple[pd.DataFrame, Any]:
    config = ProviderConfig(descriptor.name, options={"path": path, **options})
    frame, report, _ = fetched(DescriptorProvider(descriptor, config), Query(table, id=id))
    return frame, report


def test_table_and_log_of_one_exercise_are_one_row() -> None:
    frame, _ = rows(schema.ACTIVITIES)
    assert filled(frame[frame["id"] == RUN], schema.ACTIVITIES) == {
        "provider": "fitbit-export",
        "id": RUN,
        "name": "Outdoor Run",
        "sport": "run",
        "sport_family": "run",
        "sport_raw": "Outdoor Run",
        "is_exercise": True,
        "start_time": "2026-05-09T06:02:33+00:00",
        "start_time_local": "2026-05-09T08:02:33",
        "utc_offset_s": 7200.0,
        "elapsed_s": 2850.0,
        "moving_s": 2700.5,
        "distance_m": 8042.7,
        "elevation_gain_m": 61.5,
        "energy_kcal": 512.0,
        "steps": 7011.0,
        "average_speed_mps": pytest.approx(2.9782),
        "max_speed_mps": 4.1,
        "average_heart_rate_bpm": 148.0,
        "max_heart_rate_bpm": 176.0,
        "manual": False,
        "has_gps": True,
        "device": "Charge 6",
        "external_id": "60123456789",
        "updated_at": "2026-05-09T07:00:00+00:00",
    }


def test_every_quirk_of_exercises_gives_the_right_row_or_a_report() -> None:
    frame, report = rows(schema.ACTIVITIES)
    short = frame.set_index(frame["id"].str[-2:])
    assert short.sport.to_dict() == {"01": "run", "02": "strength", "05": "indoor_row", "90": "ride", "91": "yoga"}
    assert short.manual.to_dict() == {"01": False, "02": True, "05": False, "90": False, "91": True}
    assert short.energy_kcal["02"] == 200.0
    assert short.distance_m["90"] == pytest.approx(16093.44)
    assert short.average_speed_mps["90"] == pytest.approx(4.4704)
    assert pd.isna(short.distance_m["91"])  # nobody knows three of what
    # The logs are local, as the one that is in the table too proves: the others get the nearest offset.
    assert short.start_time["90"] == pd.Timestamp("2026-05-05T16:00:00Z")
    assert short.utc_offset_s["90"] == 7200.0
    assert {(r.row, r.field) for r in report.rejected} == {
        ("8896720705452138003", "start_time"),
        ("8896720705452138004", "energy_kcal"),
        ("60123456792", "start"),
        ("7", "id"),
    }


def test_logs_that_fit_the_tables_in_utc_are_utc(tmp_path: Path) -> None:
    table = (TAKEOUT / "Takeout/Fitbit/Health Fitness Data_GoogleData/UserExercises_2026-01-01.csv").read_bytes()
    (tmp_path / "UserExercises_2026-01-01.csv").write_bytes(table)
    logs = [
        {"logId": 1, "activityName": "Run", "startTime": "05/09/26 06:02:33", "duration": 1000},
        {"logId": 2, "activityName": "Walk", "startTime": "05/01/26 06:00:00", "duration": 1000},
    ]
    (tmp_path / "exercise-0.json").write_text(json.dumps(logs))
    frame, report = rows(schema.ACTIVITIES, tmp_path)
    walk = frame[frame["id"] == "2"].iloc[0]
    assert walk.start_time == pd.Timestamp("2026-05-01T06:00:00Z")
    assert pd.isna(walk.utc_offset_s)
    assert not any(r.field == "times" for r in report.rejected)


def test_logs_alone_are_taken_for_utc_and_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "exercise-0.json").write_text(
        json.dumps([{"logId": 1, "activityName": "Run", "startTime": "05/09/26 06:02:33", "duration": 1000}])
    )
    frame, report = rows(schema.ACTIVITIES, tmp_path)
    assert frame.start_time.tolist() == [pd.Timestamp("2026-05-09T06:02:33Z")]
    assert [(r.row, r.field) for r in report.rejected] == [("exercises", "times")]
    frame, _ = rows(schema.ACTIVITIES, tmp_path, timezone="Europe/Zurich")
    assert frame.start_time_local.tolist() == [pd.Timestamp("2026-05-09T08:02:33")]


def test_stored_answers_of_the_web_api() -> None:
    frame, report = rows(schema.ACTIVITIES, STORED)
    short = frame.set_index("id")
    run = short.loc["60123456789"]
    assert (run.start_time, run.utc_offset_s, run.elapsed_s) == (pd.Timestamp("2026-05-09T06:02:33Z"), 7200.0, 2850.0)
    assert (run.distance_m, round(run.average_speed_mps, 4)) == (pytest.approx(8042.7), 2.9722)
    assert pd.isna(run.elevation_gain_m)  # metres or feet: the answer does not say
    assert pd.isna(run.external_id)
    # A time without offset that no table proves; the hour does not exist in Zurich.
    assert [(r.row, r.field) for r in report.rejected] == [("cut.json", "file"), ("exercises", "times")]
    assert short.loc["9", ["start_time", "start_time_local"]].tolist() == [
        pd.Timestamp("2026-03-29T02:30:00Z"),
        pd.Timestamp("2026-03-29T04:30:00"),
    ]


def test_sleep_in_our_columns_and_units() -> None:
    frame, report = rows(schema.SLEEP)
    assert filled(frame[frame["id"] == "701"], schema.SLEEP) == {
        "provider": "fitbit-export",
        "id": "701",
        "night": "2026-05-09T00:00:00",
        "start_time": "2026-05-08T20:40:10+00:00",
        "end_time": "2026-05-09T04:40:10+00:00",
        "start_time_local": "2026-05-08T22:40:10",
        "utc_offset_s": 7200.0,
        "is_nap": False,
        "in_bed_s": 28800.0,
        "asleep_s": 26940.0,
        "awake_s": 1860.0,
        "light_s": 14400.0,
        "deep_s": 6000.0,
        "rem_s": 6540.0,
        "latency_s": 600.0,
        "wake_count": 12.0,
        "efficiency_pct": 94.0,
        "score": 87.0,
        "scoring": "scored",
        "manual": False,
        "external_id": "50123456789012",
        "updated_at": "2026-05-09T04:50:00+00:00",
    }
    short = frame.set_index("id")
    assert short.loc["702", ["manual", "night"]].tolist() == [True, pd.Timestamp("2026-05-07")]
    assert pd.isna(short.score["702"])
    nap = short.loc["50123456789013"]
    assert (nap.is_nap, nap.scoring, nap.start_time) == (True, "unscorable", pd.Timestamp("2026-05-05T11:00:00Z"))
    assert report.rejected == []


def test_a_night_over_the_hour_that_does_not_exist() -> None:
    frame, _ = rows(schema.SLEEP, STORED)
    night = frame.iloc[0]
    assert (night.start_time, night.end_time) == (
        pd.Timestamp("2026-03-28T22:40:10Z"),
        pd.Timestamp("2026-03-29T06:40:10Z"),
    )
    assert (night.utc_offset_s, night.scoring) == (3600.0, "pending")


def test_stages_of_tables_and_of_logs() -> None:
    frame, report = rows(schema.SLEEP_STAGES)
    assert sorted(frame[["sleep_id", "stage", "elapsed_s"]].to_numpy().tolist()) == [
        ["50123456789013", "asleep", 1200.0],
        ["50123456789013", "awake", 300.0],
        ["701", "awake", 600.0],
        ["701", "deep", 3600.0],
        ["701", "unscored", 24600.0],
    ]
    assert frame.start_time.min() == pd.Timestamp("2026-05-05T11:00:00Z")
    assert len(report.rejected) == 1


@pytest.mark.parametrize(("path", "deviation", "other"), [(TAKEOUT, None, "2026-05-08"), (STORED, -0.3, "2026-05-10")])
def test_recovery_joins_the_parts_of_a_day(path: Path, deviation: float | None, other: str) -> None:
    frame, _ = rows(schema.RECOVERY, path)
    short = frame.set_index("id", drop=False)
    row = filled(short.loc[["2026-05-09"]], schema.RECOVERY)
    assert row.pop("skin_temperature_deviation_c", None) == deviation
    assert row.pop("resting_heart_rate_bpm") == pytest.approx(52, abs=0.5)
    assert row == {
        "provider": "fitbit-export", "id": "2026-05-09", "date": "2026-05-09T00:00:00", "hrv_rmssd_ms": 31.8,
        "spo2_pct": 95.7, "respiratory_rate_brpm": 16.1,
    }  # fmt: skip
    assert short.loc[other, ["resting_heart_rate_bpm", "respiratory_rate_brpm"]].isna().all()


def test_weight_is_in_the_unit_of_the_option() -> None:
    frame, report = rows(schema.HEALTH, weight_unit="lb", timezone="Europe/Zurich")
    short = frame.set_index("id", drop=False)
    assert filled(short.loc[["1778306400000"]], schema.HEALTH) == {
        "provider": "fitbit-export", "id": "1778306400000", "time": "2026-05-09T04:30:00+00:00",
        "weight_kg": pytest.approx(90.718474), "body_mass_index": 27.1, "body_fat_pct": 21.5,
    }  # fmt: skip
    assert short.vo2max_ml_kg_min.dropna().tolist() == [46.5]
    assert [(r.row, r.value) for r in report.rejected] == [("2", "'heavy'")]
    stored, _ = rows(schema.HEALTH, STORED)
    assert stored.vo2max_ml_kg_min.dropna().tolist() == [46.0]  # the middle of 44-48
    assert stored.weight_kg.dropna().tolist() == [90.7185]
    with pytest.raises(errors.ConfigurationError, match="weight_unit"):
        rows(schema.HEALTH, weight_unit="stones")


def test_the_athlete_and_the_zone() -> None:
    frame, _ = rows(schema.ATHLETE, STORED)
    assert filled(frame, schema.ATHLETE) == {
        "provider": "fitbit-export", "id": "ABC123", "name": "Ada Example", "timezone": "Europe/Zurich",
    }  # fmt: skip
    assert len(rows(schema.ATHLETE)[0]) == 0
    with pytest.raises(errors.ConfigurationError, match="Mars"):
        rows(schema.SLEEP, timezone="Mars/Olympus")


def test_single_exercises() -> None:
    one, _ = rows(schema.ACTIVITIES, id=RUN)
    assert one["id"].tolist() == [RUN]
    zones, _ = rows(schema.ZONES, id=RUN)
    assert zones[["zone", "name", "elapsed_s", "lower_bpm", "upper_bpm"]].to_numpy().tolist()[1:3] == [
        [1.0, "Fat Burn", 360.0, 97.0, 121.0], [2.0, "Cardio", 1800.0, 121.0, 151.0],
    ]  # fmt: skip
    for table in (schema.ACTIVITIES, schema.ZONES, schema.STREAMS):
        with pytest.raises(errors.NotFound):
            rows(table, id="1")


def test_samples_of_places_and_heart_rate() -> None:
    frame, report = rows(schema.STREAMS, id=RUN)
    assert frame[["elapsed_s", "latitude_deg"]].dropna().to_numpy().tolist() == [[0.0, 46.2], [1.0, 46.20001]]
    assert frame[["elapsed_s", "heart_rate_bpm"]].dropna().to_numpy().tolist() == [[1.0, 103.0], [6.0, 104.0]]
    assert report.rejected == []  # the file of another month was not read
    assert len(rows(schema.STREAMS, id="8896720705452138002")[0]) == 0


def test_samples_of_a_track() -> None:
    frame, _ = rows(schema.STREAMS, STORED, id="60123456789")
    assert frame[["elapsed_s", "distance_m", "heart_rate_bpm"]].to_numpy().tolist() == [
        [0.0, 0.0, 101.0],
        [2.0, 5.8, 102.0],
    ]


def test_a_zip_is_read_as_the_folder_is_and_nothing_is_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "takeout.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(TAKEOUT.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(TAKEOUT).as_posix())
        archive.writestr(
            "../exercise-9.json", json.dumps([{"logId": 1, "startTime": "05/09/26 06:02:33", "duration": 1}])
        )
        archive.writestr("exercise-8.json", b" " * (4 << 20))
    for table in (schema.ACTIVITIES, schema.SLEEP, schema.RECOVERY):
        folder, _ = rows(table)
        zipped, report = rows(table, path)
        pd.testing.assert_frame_equal(folder, zipped)
        assert {r.row for r in report.rejected} >= {"../exercise-9.json", "exercise-8.json"}
    assert [p.name for p in tmp_path.iterdir()] == ["takeout.zip"]


def test_a_window_cuts() -> None:
    config = ProviderConfig(descriptor.name, options={"path": TAKEOUT})
    start, end = (dt.datetime(2026, 5, day, tzinfo=dt.UTC) for day in (6, 9))
    frame, _, _ = fetched(DescriptorProvider(descriptor, config), Query(schema.ACTIVITIES, start, end))
    assert frame["id"].str[-1].tolist() == ["2", "5"]


def test_an_archive_without_what_is_asked_is_empty(tmp_path: Path) -> None:
    (tmp_path / "steps-2026-05-01.json").write_text("[]")
    for table in descriptor.endpoints:
        assert len(rows(table, tmp_path)[0]) == 0
    with pytest.raises(errors.ConfigurationError):
        rows(schema.ACTIVITIES, tmp_path / "missing")


def test_every_field_of_a_log_is_read_or_knowingly_ignored() -> None:
    for table, file, key in (
        (schema.ACTIVITIES, "stored/activities-list.json", "activities"),
        (schema.SLEEP, "takeout/Takeout/Fitbit/Global Export Data/sleep-2026-05-01.json", ""),
    ):
        read = {name.removeprefix("log.") for name in wire_names(descriptor, table)}
        accounted = read | set(descriptor.endpoint(table).ignored) | {"startTime", "endTime", "duration"}
        content = payload(f"fitbit-export/{file}")
        sent = leaves(content[key] if key else content)
        assert {s for s in sent if not any(s == a or s.startswith(f"{a}.") for a in accounted)} == set()


def test_names_come_before_numbers() -> None:
    assert SPORTS.word is not None
    words = ("Walk", 90009), (None, 90013), ("Yoga - bikram", 52000)
    found = [SPORTS.sport(SPORTS.word(*word) or "") for word in words]
    assert found == [("walk", True), ("walk", True), ("yoga", True)]
    assert SPORTS.sport("gardening") == ("other", False)


def test_it_keeps_what_its_descriptor_promises() -> None:
    # The Takeout has no profile; the stored answers have.
    report = check(descriptor, PAYLOADS / "fitbit-export", options={"path": TAKEOUT}, accept={*ODD, "athlete"})
    assert "Windows are half-open at both ends, and neighbours make a whole." in report.verified


def test_takeout_in_several_zips_in_a_folder(tmp_path: Path) -> None:
    files = sorted(path for path in TAKEOUT.rglob("*") if path.is_file())
    for at in range(2):
        with zipfile.ZipFile(tmp_path / f"takeout-00{at}.zip", "w") as part:
            for file in files[at::2]:
                part.write(file, file.relative_to(TAKEOUT).as_posix())
    for table, id in ((schema.ACTIVITIES, None), (schema.SLEEP, None), (schema.STREAMS, RUN)):
        whole, parts = (rows(table, path, id)[0] for path in (TAKEOUT, tmp_path))
        order = "elapsed_s" if id else "id"
        whole, parts = (f.sort_values(order, ignore_index=True) for f in (whole, parts))
        pd.testing.assert_frame_equal(whole, parts)
