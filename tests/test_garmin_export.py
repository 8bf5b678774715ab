"""Garmin's account export becomes rows: summaries in their odd units, and the FIT files inside zips inside it."""

from __future__ import annotations

import datetime as dt
import io
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pierre_data import errors, schema
from pierre_data.fetch import DescriptorProvider
from pierre_data.providers.garmin_export import created, descriptor
from pierre_data.providers.garmin_export_rows import calorie
from pierre_data.spi import ProviderConfig, Query
from pierre_data.testing import check
from tests.fit_writer import EPOCH, LAP, FitWriter, head, records, session
from tests.fit_writer import run as fit_run
from tests.payload_tree import PAYLOADS, fetched, filled, leaves, payload, wire_names

EXPORT = PAYLOADS / "garmin-export"
RUN, SWIM, TRIATHLON = "22543294456", "22543294460", "22543294459"
#: Rows and files of the payloads that are knowingly odd.
ODD = ("8", "22543294464", "22543294465", "2026-05-10T21:00:00.0", "underwater_hockey",
       "DI_CONNECT/DI-Connect-Fitness/ada@example.org_2002_summarizedActivities.json")  # fmt: skip
#: And of the recordings: one was cut, one is no zip.
DAMAGED = ("ada@example.org_4.fit", "DI_CONNECT/DI-Connect-Uploaded-Files/UploadedFiles_1-_Part2.zip")


def fit_time(day: int, *clock: int) -> int:
    return int(dt.datetime(2026, 5, day, *clock, tzinfo=dt.UTC).timestamp()) - EPOCH


def triathlon() -> bytes:
    start = fit_time(6, 6)
    writer = records(records(head(FitWriter(), start), start, range(11)), start + 20, range(11))
    return session(session(writer, start, 10, sport=5, sub=18, metres=30), start + 20, 10, sport=2, metres=30).done()


def lapped(start: int) -> bytes:
    """Return a run of a minute in two laps."""
    writer = records(head(FitWriter(), start), start, range(61))
    for began, length in ((start, 40), (start + 40, 20)):
        times = [(253, "uint32", began + length), (2, "uint32", began), (7, "uint32", length * 1000)]
        writer.add(LAP, [*times, (8, "uint32", length * 1000), (9, "uint32", length * 300)])
    return session(writer, start, 60, metres=180).done()


def with_recordings(path: Path) -> Path:
    """Copy the export to a path that is free, add recordings, and return it."""
    shutil.copytree(EXPORT, path)
    folder = path / "DI_CONNECT" / "DI-Connect-Uploaded-Files"
    folder.mkdir()
    with zipfile.ZipFile(folder / "UploadedFiles_0-_Part1.zip", "w", zipfile.ZIP_DEFLATED) as files:
        files.writestr("ada@example.org_1.fit", lapped(fit_time(9, 6, 2, 33)))
        files.writestr("ada@example.org_2.fit", head(FitWriter(), fit_time(9, 6, 2, 33), kind=32).done())  # monitoring
        files.writestr("ada@example.org_3.fit", fit_run(fit_time(9, 5)))  # another activity
        files.writestr("ada@example.org_4.fit", head(FitWriter(), fit_time(9, 6, 2, 30)).done()[:-30] + b"cut")
        files.writestr("ada@example.org_5.txt", "no FIT")
        files.writestr("ada@example.org_6.fit", triathlon())
    (folder / "UploadedFiles_1-_Part2.zip").write_bytes(b"no zip")
    return path


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the export with recordings."""
    return with_recordings(tmp_path_factory.mktemp("garmin") / "export")


def rows(table: schema.Table, path: Path = EXPORT, id: str | None = None) -> tuple[pd.DataFrame, Any]:
    config = ProviderConfig(descriptor.name, options={"path": path})
    frame, report, _ = fetched(DescriptorProvider(descriptor, config), Query(table, id=id))
    return frame, report


def test_an_activity_in_our_columns_and_units() -> None:
    frame, _ = rows(schema.ACTIVITIES)
    row = filled(frame[frame["id"] == RUN], schema.ACTIVITIES)
    assert row == {
        "provider": "garmin-export",
        "id": RUN,
        "external_id": f"garmin:{RUN}",
        "athlete_id": "4711",
        "name": "Geneva Running",
        "sport": "run",
        "sport_family": "run",
        "sport_raw": "running",
        "is_exercise": True,
        "start_time": "2026-05-09T06:02:33+00:00",
        "start_time_local": "2026-05-09T08:02:33",
        "utc_offset_s": 7200.0,
        "elapsed_s": 2850.0,
        "moving_s": 2700.5,
        "distance_m": pytest.approx(8042.7),
        "elevation_gain_m": 61.5,
        "elevation_loss_m": 60.0,
        "min_altitude_m": 370.0,
        "max_altitude_m": 410.0,
        "energy_kcal": pytest.approx(512, abs=0.01),
        "steps": 7011.0,
        "average_speed_mps": pytest.approx(2.9782),
        "max_speed_mps": pytest.approx(4.1),
        "average_heart_rate_bpm": 148.0,
        "max_heart_rate_bpm": 176.0,
        "average_power_w": 251.0,
        "max_power_w": 400.0,
        "normalized_power_w": 260.0,
        "average_cadence_spm": 155.8,
        "max_cadence_spm": 182.0,
        "stride_length_m": pytest.approx(1.147),
        "start_latitude_deg": 46.2,
        "start_longitude_deg": 6.15,
        "end_latitude_deg": 46.21,
        "end_longitude_deg": 6.16,
        "city": "Geneva",
        "manual": False,
        "race": False,
        "has_gps": True,
        "gear_id": "1",
    }


def test_every_quirk_of_activities_gives_the_right_row_or_a_report() -> None:
    frame, report = rows(schema.ACTIVITIES)
    short = frame.set_index(frame["id"].str[-2:])
    assert short.sport.to_dict() == {
        "56": "run", "57": "road_ride", "58": "pool_swim", "59": "multisport", "60": "open_water_swim",
        "61": "alpine_ski", "62": "other", "63": "mobility", "70": "hike",
    }  # fmt: skip
    assert short.sport_raw["57"] == "road_biking"
    assert report.unknown_sports == {"underwater_hockey": 1}
    assert short.is_exercise.to_dict() == {k: k != "63" for k in short.index}
    assert short.workout_kind.dropna().to_dict() == {"60": "multisport_leg"}
    assert short.race.sum() == 1
    assert short.loc["57", ["average_cadence_rpm", "training_stress_score", "intensity_factor"]].tolist() == [
        88.0, 75.5, 0.85,
    ]  # fmt: skip
    assert pd.isna(short.distance_m["57"])
    assert short.loc["61", ["average_cadence_spm", "max_cadence_spm"]].tolist() == [160.0, 180.0]  # one leg
    assert (short.elapsed_s["58"], short.manual["58"], pd.isna(short.utc_offset_s["58"])) == (1800.0, True, True)
    assert short.indoor.dropna().to_dict() == {"58": True}
    assert {(Path(r.row).name[-10:], r.field) for r in report.rejected} == {
        ("ities.json", "file"),
        ("2543294465", "beginTimestamp"),
        ("2543294464", "distance"),
        ("8", "id"),
    }


@pytest.mark.parametrize(
    ("resting", "unit"), [(75.0, 1.0), (314.0, 1 / 4.184), (5.0, None), (900.0, None), (None, None), (True, None)]
)
def test_what_the_body_burns_at_rest_says_what_a_calorie_is(resting: float | None, unit: float | None) -> None:
    hour = 3_600_000
    assert calorie([{"bmrCalories": resting, "elapsedDuration": hour}] * 3 + [{}, {"bmrCalories": 1}]) == unit


def test_sleep_in_our_columns_and_units() -> None:
    frame, report = rows(schema.SLEEP)
    assert filled(frame[frame["id"] == "2026-05-08T20:40:10.0"], schema.SLEEP) == {
        "provider": "garmin-export",
        "id": "2026-05-08T20:40:10.0",
        "night": "2026-05-09T00:00:00",
        "start_time": "2026-05-08T20:40:10+00:00",
        "end_time": "2026-05-09T04:40:10+00:00",
        "in_bed_s": 28800.0,
        "asleep_s": 26940.0,
        "awake_s": 1800.0,
        "light_s": 14400.0,
        "deep_s": 6000.0,
        "rem_s": 6540.0,
        "unscored_s": 60.0,
        "wake_count": 3.0,
        "score": 87.0,
        "average_heart_rate_bpm": 55.0,
        "respiratory_rate_brpm": 15.5,
        "spo2_pct": 96.0,
        "scoring": "scored",
        "manual": False,
    }
    assert frame.scoring.tolist() == ["scored", "tentative"]
    assert pd.isna(frame.asleep_s[1])
    assert [r.row for r in report.rejected] == ["2026-05-10T21:00:00.0"]


def test_days_oxygen_and_gear() -> None:
    recovery, _ = rows(schema.RECOVERY)
    assert filled(recovery, schema.RECOVERY) == {
        "provider": "garmin-export", "id": "2026-05-09", "date": "2026-05-09T00:00:00", "resting_heart_rate_bpm": 52.0,
        "max_heart_rate_bpm": 176.0, "energy_kcal": 2500.0, "steps": 12345.0, "distance_m": 11800.0,
    }  # fmt: skip
    assert len(recovery) == 2
    health, _ = rows(schema.HEALTH)
    assert health[["id", "vo2max_ml_kg_min"]].to_numpy().tolist() == [[RUN, 47.3]]
    gear, _ = rows(schema.GEAR)
    assert gear[["id", "name", "kind", "retired"]].to_numpy().tolist() == [
        ["1", "Pegasus 41", "shoes", False], ["2", "Old bike", "bike", True],
    ]  # fmt: skip
    assert gear.distance_m[0] == pytest.approx(8042.7)


def test_zones_are_of_the_summary() -> None:
    frame, _ = rows(schema.ZONES, id=RUN)
    assert frame[["kind", "zone", "elapsed_s"]].to_numpy().tolist() == [
        ["heart_rate", 0.0, 13.458], ["heart_rate", 1.0, 389.37], ["heart_rate", 2.0, 900.0], ["heart_rate", 5.0, 0.0],
        ["power", 0.0, 0.0], ["power", 1.0, 1.0],
    ]  # fmt: skip


def test_samples_and_energy_come_from_the_recording(export: Path) -> None:
    frame, report = rows(schema.STREAMS, export, RUN)
    assert len(frame) == 61
    assert frame.loc[10, ["elapsed_s", "distance_m", "heart_rate_bpm", "cadence_spm"]].tolist() == [10, 30, 120, 160]
    assert "UploadedFiles_1-_Part2.zip" in {Path(r.row).name for r in report.rejected}
    laps, _ = rows(schema.LAPS, export, RUN)
    assert laps[["lap", "elapsed_s", "distance_m"]].to_numpy().tolist() == [[1, 40, 120], [2, 20, 60]]
    one, _ = rows(schema.ACTIVITIES, export, RUN)
    assert one.energy_kcal.tolist() == [300.0]  # the recording's, which says kcal
    listed, _ = rows(schema.ACTIVITIES, export)
    assert listed.energy_kcal[0] == pytest.approx(512, abs=0.01)


def test_a_leg_and_its_container_begin_together(export: Path) -> None:
    swim, _ = rows(schema.STREAMS, export, SWIM)
    whole, _ = rows(schema.STREAMS, export, TRIATHLON)
    assert (swim.elapsed_s.max(), whole.elapsed_s.max()) == (10.0, 30.0)


def test_what_has_no_recording_says_so(export: Path) -> None:
    for table in (schema.STREAMS, schema.LAPS):
        with pytest.raises(errors.NotFound, match="UploadedFiles"):
            rows(table, export, "22543294458")
        with pytest.raises(errors.NotFound, match="no activity"):
            rows(table, export, "1")
    one, _ = rows(schema.ACTIVITIES, export, "22543294458")
    assert one["id"].tolist() == ["22543294458"]


def test_a_zip_is_read_as_the_folder_is_and_nothing_is_unpacked(export: Path, tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(export.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(export).as_posix())
    for table, id in ((schema.ACTIVITIES, None), (schema.SLEEP, None), (schema.STREAMS, RUN), (schema.LAPS, RUN)):
        pd.testing.assert_frame_equal(rows(table, export, id)[0], rows(table, path, id)[0])
    assert [p.name for p in tmp_path.iterdir()] == ["export.zip"]


def test_the_archive_may_lie_zipped_in_a_folder(export: Path, tmp_path: Path) -> None:
    shutil.make_archive(str(tmp_path / "garmin-1"), "zip", export)
    for table, id in ((schema.ACTIVITIES, None), (schema.STREAMS, RUN)):
        pd.testing.assert_frame_equal(rows(table, export, id)[0], rows(table, tmp_path, id)[0])


def test_a_bomb_inside_the_inner_zip_is_refused(tmp_path: Path) -> None:
    shutil.copytree(EXPORT, tmp_path / "e")
    fit = fit_run(fit_time(9, 6, 2, 33))
    with zipfile.ZipFile(tmp_path / "e" / "UploadedFiles_0.zip", "w", zipfile.ZIP_DEFLATED) as files:
        files.writestr("bomb.fit", fit[:40] + bytes(32 << 20))
    with pytest.raises(errors.NotFound):
        rows(schema.STREAMS, tmp_path / "e", RUN)


def test_the_head_of_a_file_says_when_it_was_created() -> None:
    start = fit_time(9, 6, 2, 33)
    whole = fit_run(start)
    assert created(whole[:512]) == start + EPOCH
    for cut in range(40):
        assert created(whole[:cut]) in (None, start + EPOCH)
    assert created(io.BytesIO(b"PK\x03\x04").read()) is None


def test_every_field_of_an_activity_is_read_or_knowingly_ignored() -> None:
    file = "garmin-export/DI_CONNECT/DI-Connect-Fitness/ada@example.org_0_summarizedActivities.json"
    endpoint = descriptor.endpoint(schema.ACTIVITIES)
    accounted = wire_names(descriptor, schema.ACTIVITIES) | set(endpoint.ignored)
    content = payload(file)[0]["summarizedActivitiesExport"]
    sent = {leaf.rstrip("0123456789") for leaf in leaves(content)} - {""}
    assert {s for s in sent if not any(s == a or s.startswith(f"{a}.") for a in accounted)} == set()


def test_an_archive_without_what_is_asked_is_empty(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("[]")
    for table in descriptor.endpoints:
        assert len(rows(table, tmp_path)[0]) == 0


def test_it_keeps_what_its_descriptor_promises() -> None:
    # Without recordings there are no samples and laps.
    report = check(descriptor, EXPORT, options={"path": EXPORT}, accept={*ODD, "streams/{id}", "laps/{id}"})
    assert "Windows are half-open at both ends, and neighbours make a whole." in report.verified
