"""Strava's archive: the real row, and every quirk of the format in archives made here."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from pierre_data import schema
from pierre_data.errors import NotFound, PayloadError
from pierre_data.files.strava_words import COLUMNS, SPORTS
from pierre_data.providers.strava_export import descriptor
from pierre_data.providers.strava_rows import SPORTS as API_SPORTS
from pierre_data.spi import Query
from tests import fit_writer as fw
from tests.payload_tree import fetched
from tests.strava_archive_writer import RUN, archive, listed, one, source, table

PAYLOADS = Path(__file__).parent / "payloads" / "strava-export"
START = 1_100_000_000


def test_the_real_row() -> None:
    frame = source(PAYLOADS).activities()
    (row,) = frame.itertuples()
    assert (row.id, row.name, row.sport) == ("12070555079", "Laufen Landal Park", "run")
    assert row.start_time == pd.Timestamp("2022-05-29T15:53:35Z")
    assert (row.elapsed_s, row.moving_s, row.energy_kcal, row.steps) == (1428, 1411, 262, 3344)
    assert row.distance_m == pytest.approx(3322.95, abs=0.01)
    assert row.average_cadence_spm == pytest.approx(142.518, abs=0.001)
    assert (row.external_id, row.upload_id) == ("strava:12070555079", "12866632127")
    assert (row.commute, row.manual) == (False, False)
    assert len(source(PAYLOADS).gear()) == 0


def test_the_real_recording_is_found_by_the_upload() -> None:
    streams, laps = (getattr(source(PAYLOADS), name)("12070555079") for name in ("streams", "laps"))
    assert len(streams) == 326
    assert set(streams.id) == {"12070555079"}
    assert streams.time.iloc[0] == pd.Timestamp("2022-05-29T15:53:35Z")
    assert streams.distance_m.max() == pytest.approx(3322.95, rel=0.01)
    assert laps.distance_m.sum() == pytest.approx(3322.95, abs=0.1)


def test_what_is_ignored_is_not_read_and_what_is_read_is_declared(tmp_path: Path) -> None:
    endpoint = descriptor.endpoints[schema.ACTIVITIES]
    assert set(endpoint.ignored) < set(COLUMNS)
    path = archive(tmp_path, table(RUN, {**RUN, "Activity ID": "102", **dict.fromkeys(endpoint.ignored, "7")}))
    plain, other = source(path).activities().drop(columns=["id", "external_id"]).to_dict("records")
    pd.testing.assert_series_equal(pd.Series(plain), pd.Series(other))  # none of them is looked at
    assert plain["source_file"] == "activities/9001.fit.gz"
    filled = {c for c, v in source(PAYLOADS).activities().items() if v.notna().any()}
    assert filled <= endpoint.produces()


def test_the_second_set_is_precise_and_the_first_a_fallback(tmp_path: Path) -> None:
    rows = [
        RUN,
        {**RUN, "Activity ID": "2", "Distance.1": "", "Elapsed Time.1": "", "Commute.1": ""},
        {**RUN, "Activity ID": "3", "Distance.1": "", "Distance": "1500", "Activity Type": "Swim"},
        {**RUN, "Activity ID": "4", "Distance.1": "", "Distance": "2000", "Activity Type": "Rowing"},
        {**RUN, "Activity ID": "5", "Distance.1": "0.0", "Distance": "0"},
    ]
    frame = source(archive(tmp_path, table(*rows))).activities()
    assert frame.distance_m.fillna(-1).tolist() == [180.25, 180, 1500, 2000, -1]
    assert frame.elapsed_s.tolist() == [60.0] * 5
    assert not frame.commute.any()


def test_manual_rows_have_no_recording(tmp_path: Path) -> None:
    path = archive(tmp_path, table({**RUN, "Filename": ""}))
    (row,) = source(path).activities().itertuples()
    assert (row.manual, row.has_gps) == (True, False)
    assert pd.isna(row.upload_id)
    with pytest.raises(NotFound, match="typed in"):
        source(path).streams("101")
    with pytest.raises(NotFound, match="no activity"):
        source(path).streams("999")
    with pytest.raises(NotFound, match="no activity"):
        source(path).activity("999")


@pytest.mark.parametrize("name", ["9001.fit", "9001.fit.gz", "9001.gpx", "9001.tcx.gz"])
def test_recordings_of_every_kind(tmp_path: Path, name: str) -> None:
    files = Path(__file__).parent / "payloads" / "files"
    kind = name.split(".")[1]
    data = fw.run(START) if kind == "fit" else (files / f"ride.{kind}").read_bytes()
    path = archive(tmp_path, table({**RUN, "Filename": f"activities/{name}"}))
    (path / "activities" / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    streams = source(path).streams("101")
    assert len(streams) == (61 if kind == "fit" else 96)
    assert streams.elapsed_s.iloc[0] == 0


def test_the_leg_of_a_multisport_file_is_found_by_its_start(tmp_path: Path) -> None:
    writer = fw.head(fw.FitWriter(), START)
    for at, sport, length in ((0, 5, 20), (40, 2, 30)):
        fw.records(writer, START + at, range(length))
        fw.session(writer, START + at, length, sport=sport)
    ride = {**RUN, "Activity Type": "Ride", "Filename": "activities/1.fit"}
    ride["Activity Date"] = pd.Timestamp(START + 40 + fw.EPOCH, unit="s").strftime("%b %d, %Y, %I:%M:%S %p")
    path = archive(tmp_path, table(ride), activities__1_fit=writer.done())
    assert len(source(path).streams("101")) == 30


def test_missing_damaged_and_escaping_files(tmp_path: Path) -> None:
    rows = {
        "1": "activities/none.fit",
        "2": "activities/bad.fit",
        "3": "../../../etc/passwd",
        "4": "activities\\ok.fit",
    }
    content = table(*({**RUN, "Activity ID": n, "Filename": f} for n, f in rows.items()))
    path = archive(tmp_path, content, activities__bad_fit=b"nonsense", activities__ok_fit=fw.run())
    for id, words in {"1": "has no file", "2": "neither FIT", "3": "has no file"}.items():
        with pytest.raises(PayloadError, match=words):
            source(path).streams(id)
    assert len(source(path).streams("4")) == 61


def test_a_zip_with_the_archive_in_a_folder(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as packed:
        packed.writestr("export_1/activities.csv", table(RUN))
        packed.writestr("export_1/activities/9001.fit.gz", gzip.compress(fw.run()))
        packed.writestr(
            "export_1/bikes.csv", "Bike Name,Bike Brand,Bike Model,Types\nRoadie,Canyon,Ultimate,Ride\n,Trek,,\n"
        )
        packed.writestr("export_1/shoes.csv", 'Shoe Name,Shoe Brand,Shoe Model,Types\n"Fast, red",,,\n')
        packed.writestr("../activities.csv", table({**RUN, "Activity ID": "666"}))
    path = tmp_path / "export.zip"
    ids, report = listed(path)
    assert (ids, [r[:2] for r in report]) == (["101"], [("../activities.csv", "path")])
    assert len(source(path).streams("101")) == 61
    assert listed(tmp_path)[0] == ["101"]  # the folder the zip lies in
    assert len(source(tmp_path).streams("101")) == 61
    gear = source(path).gear().set_index("id")
    assert gear.kind.to_dict() == {"Roadie": "bike", "Trek": "bike", "Fast, red": "shoes"}
    assert gear.loc["Roadie", ["brand", "model"]].tolist() == ["Canyon", "Ultimate"]


def test_the_table_itself_may_be_named(tmp_path: Path) -> None:
    assert listed(archive(tmp_path, table(RUN)) / "activities.csv")[0] == ["101"]


def test_a_folder_without_the_table(tmp_path: Path) -> None:
    with pytest.raises(PayloadError, match=r"holds no activities\.csv"):
        listed(tmp_path)


def test_gear_flags_and_weather(tmp_path: Path) -> None:
    cells = {"Activity Gear": "Roadie", "Commute.1": "1.0", "Humidity": "0.71", "Weather Temperature": "11.5"}
    row = one(tmp_path, **cells, **{"Average Watts": "200", "Total Work": "11600.0", "Activity Type": "Virtual Ride"})
    assert (row.gear_id, row.commute, row.humidity_pct, row.temperature_c) == ("Roadie", True, 71, 11.5)
    assert (row.sport, row.indoor, row.average_cadence_rpm) == ("virtual_ride", True, 80)
    assert row.work_kj == 11.6


def test_unknown_sports_are_kept_and_reported(tmp_path: Path) -> None:
    path = archive(tmp_path, table({**RUN, "Activity Type": "Quidditch"}))
    frame, report, _ = fetched(source(path), Query(schema.ACTIVITIES))
    assert frame[["id", "sport", "sport_raw"]].to_numpy().tolist() == [["101", "other", "Quidditch"]]
    assert report.unknown_sports == {"Quidditch": 1}


def test_every_sport_of_the_api_has_its_display_word() -> None:
    assert set(SPORTS.known.values()) >= set(API_SPORTS.known.values()) - {"treadmill_run", "indoor_ride"}


def test_a_large_archive_is_read_in_one_go(tmp_path: Path) -> None:
    rows = [{**RUN, "Activity ID": str(n)} for n in range(1, 2001)]
    ids, report = listed(archive(tmp_path, table(*rows)))
    assert (len(ids), report) == (2000, [])
