"""activities.csv in every language and quoting, with rows that are broken."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from pierre_data.errors import PayloadError
from pierre_data.files.strava_words import COLUMNS, GERMAN
from tests.strava_archive_writer import RUN, archive, listed, one, source, table

TO_GERMAN = {english: german for german, english in GERMAN.items()}


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


def test_marks_that_new_exports_add_at_the_end(tmp_path: Path) -> None:
    names = [*COLUMNS, "Competition", "Long Run"]
    lines = table(RUN, {**RUN, "Activity ID": "2"}, {**RUN, "Activity ID": "3"}, names=names).decode().splitlines()
    lines[1:] = [line[: -len(",,")] + end for line, end in zip(lines[1:], (",1.0,0.0", ",0.0,1.0", ",,"), strict=True)]
    frame = source(archive(tmp_path, "\n".join(lines).encode())).activities().set_index("id")
    assert frame.workout_kind.fillna("").loc[["101", "2", "3"]].tolist() == ["race", "long_run", ""]
    assert frame.loc["101", "race"]
