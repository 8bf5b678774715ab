"""Strava's archive: the real row, and every quirk of the format in archives made here."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import pytest

from pierre_data import schema
from pierre_data.errors import NotFound, PayloadError
from pierre_data.fetch.provider import DescriptorProvider
from pierre_data.fetch.report import ProviderReport, Watch
from pierre_data.files.strava_archive import NUMBERS, OTHERS
from pierre_data.files.strava_words import COLUMNS, GERMAN, SPORTS
from pierre_data.providers.strava import SPORTS as API_SPORTS
from pierre_data.providers.strava_export import descriptor
from pierre_data.spi import ProviderConfig, Query
from tests import fit_writer as fw

PAYLOADS = Path(__file__).parent / "payloads" / "strava-export"
TO_GERMAN = {english: german for german, english in GERMAN.items()}
START = 1_100_000_000
#: A run as the archive writes it; the second of a repeated name is under ``Name.1``.
RUN = {
    "Activity ID": "101",
    "Activity Date": "Nov 9, 2024, 7:33:20 AM",
    "Activity Name": "Morning Run",
    "Activity Type": "Run",
    "Elapsed Time": "60",
    "Distance": "0.18",
    "Commute": "false",
    "Filename": "activities/9001.fit.gz",
    "Elapsed Time.1": "60.0",
    "Moving Time": "58.0",
    "Distance.1": "180.25",
    "Average Cadence": "80.0",
    "Max Heart Rate": "150",
    "Commute.1": "0.0",
}


def source(path: Path) -> DescriptorProvider:
    return DescriptorProvider(descriptor, ProviderConfig("strava-export", options={"path": path}))


def table(*rows: Mapping[str, str], names: Sequence[str] = COLUMNS) -> bytes:
    """Return activities.csv with these rows."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    keys = [n if n not in COLUMNS[:at] else f"{n}.1" for at, n in enumerate(COLUMNS)]
    writer.writerows([row.get(key, "") for key in keys] + [""] * (len(names) - len(COLUMNS)) for row in rows)
    return out.getvalue().encode()


def archive(folder: Path, content: bytes, **files: bytes) -> Path:
    (folder / "activities").mkdir()
    (folder / "activities.csv").write_bytes(content)
    for name, data in files.items():
        (folder / name.replace("__", "/").replace("_", ".")).write_bytes(data)
    return folder


def one(folder: Path, **cells: str) -> pd.Series:
    """Return the row that a run with some cells changed gives."""
    (row,) = source(archive(folder, table({**RUN, **cells}))).activities().to_dict("records")
    return pd.Series(row)


def listed(path: Path) -> tuple[list[str], list[tuple[str, str, str]]]:
    watch = Watch(ProviderReport("strava-export", "activities"))
    batches = source(path).batches(Query(schema.ACTIVITIES), watch)
    ids = [i for b in batches for i in b.table["id"].to_pylist()]
    return ids, [(r.row, r.field, r.value) for r in watch.report.rejected]


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
    assert set(streams.activity_id) == {"12070555079"}
    assert streams.time.iloc[0] == pd.Timestamp("2022-05-29T15:53:35Z")
    assert streams.distance_m.max() == pytest.approx(3322.95, rel=0.01)
    assert laps.distance_m.sum() == pytest.approx(3322.95, abs=0.1)


def test_every_column_is_read_or_knowingly_ignored() -> None:
    endpoint = descriptor.endpoints[schema.ACTIVITIES]
    read = {*NUMBERS.values(), *OTHERS}
    assert read | set(endpoint.ignored) == set(COLUMNS)
    assert not read & set(endpoint.ignored)
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


@pytest.mark.parametrize(
    "text",
    [
        "Nov 9, 2024, 7:33:20 AM",
        "Nov 9, 2024, 7:33:20\u202fAM",
        "9 Nov 2024, 07:33:20",
        "09.11.2024, 07:33:20",
        "9 nov. 2024 à 07:33:20",
        "9 de nov. de 2024, 07:33:20",
        "2024-11-09 07:33:20",
    ],
)
def test_dates_are_utc_in_any_words(tmp_path: Path, text: str) -> None:
    assert one(tmp_path, **{"Activity Date": text}).start_time == pd.Timestamp("2024-11-09T07:33:20Z")


def test_noon_and_midnight(tmp_path: Path) -> None:
    rows = [
        {**RUN, "Activity ID": str(n), "Activity Date": f"Nov 9, 2024, 12:00:00 {half}"}
        for n, half in enumerate(("AM", "PM"))
    ]
    frame = source(archive(tmp_path, table(*rows))).activities()
    assert sorted(frame.start_time.dt.hour) == [0, 12]


def test_a_german_archive(tmp_path: Path) -> None:
    header = [TO_GERMAN.get(n, f"Spalte {at}") for at, n in enumerate(COLUMNS)]
    german = {"Activity Date": "09.11.2024, 07:33:20", "Activity Type": "Lauf", "Distance": "0,18"}
    commas = {"Distance.1": "1180,25", "Moving Time": "58,0", "Average Heart Rate": "140,5"}
    (row,) = source(archive(tmp_path, table({**RUN, **german, **commas}, names=header))).activities().itertuples()
    assert (row.sport, row.sport_raw, row.distance_m, row.moving_s) == ("run", "Lauf", 1180.25, 58)
    assert row.average_heart_rate_bpm == 140.5
    assert row.start_time == pd.Timestamp("2024-11-09T07:33:20Z")


def test_a_language_nobody_knows_is_read_when_its_rows_prove_the_layout(tmp_path: Path) -> None:
    header = [f"Pealkiri {at}" for at in range(len(COLUMNS) + 2)]
    good = table({**RUN, "Activity Date": "9 nov. 2024, 07:33:20"}, names=header)
    assert listed(archive(tmp_path, good)) == (["101"], [])
    for bad in ({"Elapsed Time.1": "61"}, {"Filename": "x"}, {"Activity Date": "9. marraskuuta 2024"}):
        (tmp_path / "activities.csv").write_bytes(table({**RUN, **bad}, names=header))
        with pytest.raises(PayloadError, match="in no language known: Pealkiri 0, Pealkiri 1"):
            listed(tmp_path)


@pytest.mark.parametrize("content", [b"", b"nothing\n", b"\xff\xfe\0", b"Foo,Bar,Baz\n1,2,3\n"])
def test_what_is_no_table_says_so(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(PayloadError):
        listed(archive(tmp_path, content))


def test_a_header_without_a_needed_column_names_it(tmp_path: Path) -> None:
    content = table(RUN).replace(b"Activity Date", b"Activity Dote", 1)
    with pytest.raises(PayloadError, match="no 'Activity Date'"):
        listed(archive(tmp_path, content))


def test_an_old_export_with_fewer_columns(tmp_path: Path) -> None:
    text = "Activity ID,Activity Date,Activity Name,Activity Type,Activity Description,"
    text += "Elapsed Time,Distance,Commute,Filename\n"
    text += '7,"Jan 2, 2018, 6:00:00 PM",Old,Ride,,3600,"1,020.5",true,activities/7.gpx\n'
    (row,) = source(archive(tmp_path, text.encode())).activities().itertuples()
    assert (row.distance_m, row.commute, row.elapsed_s, row.moving_s) == (
        1_020_500,
        True,
        3600,
        pytest.approx(float("nan"), nan_ok=True),
    )


def test_quotes_newlines_and_backslashes(tmp_path: Path) -> None:
    names = [
        'a "quoted", name',
        "two\nlines, one\n\ncell",
        "back\\slash",
        "separator\u2028here",
        "ümlaut 🏃",
        "ends with \\",
    ]
    rows = [{**RUN, "Activity ID": str(n), "Activity Name": name} for n, name in enumerate(names, start=1)]
    escaped = table({**RUN, "Activity ID": "8", "Activity Name": "TOKEN"}).split(b"\n", 1)[1]
    content = b"\xef\xbb\xbf" + table(*rows) + escaped.replace(b"TOKEN", b'"say \\"hi, there\\"\nand \\"bye\\""')
    frame = source(archive(tmp_path, content)).activities().set_index("id").name
    assert [frame[str(n)] for n in range(1, 7)] == names
    assert frame["8"] == 'say "hi, there"\nand "bye"'


def test_windows_line_ends(tmp_path: Path) -> None:
    content = table(RUN, {**RUN, "Activity ID": "2"}).replace(b"\n", b"\r\n")
    assert listed(archive(tmp_path, content)) == (["101", "2"], [])


def test_a_broken_row_is_reported_and_the_others_come(tmp_path: Path) -> None:
    rows = [{**RUN, "Activity ID": str(n)} for n in range(1, 7)]
    lines = table(*rows).decode().splitlines()
    lines[2] += ",one,too,many"
    lines[4] = lines[4].replace("Morning Run", '"never closed')
    lines[6] = lines[6].replace("Nov 9, 2024", "some day")
    ids, report = listed(archive(tmp_path, "\n".join(lines).encode()))
    assert ids == ["1", "3", "5"]
    assert [(row, field) for row, field, _ in report] == [
        ("line 3", "columns"),
        ("line 5", "columns"),
        ("6", "Activity Date"),
    ]


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("Activity ID", "x1"),
        ("Elapsed Time", "soon"),
        ("Elapsed Time", ""),
        ("Max Heart Rate", "high"),
        ("Calories", "inf"),
    ],
)
def test_a_cell_that_cannot_be_read_sets_its_row_aside(tmp_path: Path, cell: str, text: str) -> None:
    bad = {**RUN, "Elapsed Time.1": "", cell: text}
    ids, report = listed(archive(tmp_path, table({**RUN, "Activity ID": "5"}, bad)))
    assert ids == ["5"]
    assert [(field) for _, field, _ in report] == [cell]


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


def test_marks_that_new_exports_add_at_the_end(tmp_path: Path) -> None:
    names = [*COLUMNS, "Competition", "Long Run"]
    lines = table(RUN, {**RUN, "Activity ID": "2"}, {**RUN, "Activity ID": "3"}, names=names).decode().splitlines()
    lines[1:] = [line[: -len(",,")] + end for line, end in zip(lines[1:], (",1.0,0.0", ",0.0,1.0", ",,"), strict=True)]
    frame = source(archive(tmp_path, "\n".join(lines).encode())).activities().set_index("id")
    assert frame.workout_kind.fillna("").loc[["101", "2", "3"]].tolist() == ["race", "long_run", ""]
    assert frame.loc["101", "race"]


def test_unknown_sports_are_kept_and_reported(tmp_path: Path) -> None:
    ids, report = listed(archive(tmp_path, table({**RUN, "Activity Type": "Quidditch"})))
    assert (ids, report) == (["101"], [("101", "sport", "'Quidditch' is not known, kept as other")])


def test_every_sport_of_the_api_has_its_display_word() -> None:
    assert set(SPORTS.known.values()) >= set(API_SPORTS.known.values()) - {"treadmill_run", "indoor_ride"}


def test_a_large_archive_is_read_in_one_go(tmp_path: Path) -> None:
    rows = [{**RUN, "Activity ID": str(n)} for n in range(1, 2001)]
    ids, report = listed(archive(tmp_path, table(*rows)))
    assert (len(ids), report) == (2000, [])
