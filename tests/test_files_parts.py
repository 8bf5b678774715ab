"""Small parts of the readers: texts, numbers, times, tracks and names."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from pierre_data.errors import ConfigurationError
from pierre_data.files import columns_of, open_archive, read_recording
from pierre_data.files.archive import bounded
from pierre_data.files.crc import crc16
from pierre_data.files.formats import is_activity_file
from pierre_data.files.recording import Recording, filled
from pierre_data.files.records_csv import read_sheet
from pierre_data.files.samples import climbs, track_m
from pierre_data.files.sports import sport_of_fit, sport_of_word
from pierre_data.files.strava_words import read_date
from pierre_data.files.xml import Tracks, parse_xml
from pierre_data.files.xml_columns import Points, floats, instants, local, read_number


def test_archives_and_names() -> None:
    assert bounded(gzip.compress(b"<gpx/>"), "a.gpx.gz") == b"<gpx/>"
    with pytest.raises(ConfigurationError, match="There is no folder or zip at /no/such/folder"):
        open_archive("/no/such/folder")
    assert is_activity_file("2024/RUN.FIT.gz")
    assert not is_activity_file("notes.txt")
    assert crc16(b"123456789") == 0xBB3D


def test_points_one_by_one_and_in_bulk() -> None:
    seen: dict[str, str] = {}
    recording = Recording()
    parse_xml(b"<a:x><b>1</b></a:x>", {"b": "value"}, {}, {}, seen, Tracks("", Points), recording)
    assert (seen, recording.problems) == ({"value": "1"}, [])
    assert local("ns3:Speed") == "Speed"
    points = Points()
    points.add({"a:hr": "1"})
    assert points.take(["2", "b:hr", "\n", "P", "3", "b:hr", "\n", "P", " "], "P", {"b:hr", "P"}) == 8
    points.add({})
    assert points.columns({"hr": "beats", "ele": "height"}) == {"beats": ["1", "2", "3", None]}
    assert len(points) == 4


def test_numbers_times_and_dates() -> None:
    np.testing.assert_array_equal(floats(["1.5", None, "x"], "hr", Recording()), [1.5, np.nan, np.nan])
    assert [read_number(text) for text in ("12.5", "twelve", None)] == [12.5, None, None]
    assert instants(["1970-01-01T00:00:01Z", "1970-01-01T01:00:00.5+01:00", "soon"]).tolist() == [1000000, 500000, -1]
    same = ("May 29, 2022, 3:53:35 PM", "29.05.2022, 15:53:35", "29 mai 2022, 15:53:35", "2022-05-29 15:53:35")
    assert {read_date(text).isoformat() for text in same} == {"2022-05-29T15:53:35+00:00"}


def test_a_sheet_of_two_conventions() -> None:
    sheet = read_sheet(b'id,name\n1,"a ""b"", c"\n2,"a \\"b\\", c"\n3,x,y\n', "a.csv")
    assert sheet.rows == [["1", 'a "b", c'], ["2", 'a "b", c']]
    assert sheet.broken == [(4, "3,x,y")]


def test_tracks_and_climbs() -> None:
    gap = np.array([0.0, np.nan, 1.0]), np.array([0.0, np.nan, 0.0])
    assert track_m(*gap).round().tolist() == [0, 0, 111195]
    assert climbs(np.array([100.0, 101.0, 100.0, 110.0, 105.0])) == (10.0, 5.0)


def test_rows_devices_and_sports() -> None:
    assert filled({"a": None, "b": float("nan"), "c": 0.0}) == {"c": 0.0}
    columns = columns_of([{"id": "a", "start_time": 1_000_000}, {"id": "b", "lap": 1, "start_time": 0}])
    assert columns["start_time"].astype(str).tolist() == ["1970-01-01T00:00:01.000000", "1970-01-01T00:00:00.000000"]
    assert (columns["id"], columns["lap"]) == (["a", "b"], [None, 1])
    recording = Recording()
    assert recording.add_device("Garmin Edge 530", "3121", "3985624532") == {"device": "Garmin Edge 530"}
    assert recording.devices[0]["id"] == "3121-3985624532"
    known = {"sport": "trail_run", "sport_raw": "trail_running", "is_exercise": True}
    assert sport_of_word("trail_running", Recording()) == known
    gravel = {"sport": "gravel_ride", "sport_raw": "cycling/gravel_cycling", "is_exercise": True}
    assert sport_of_fit("cycling", "gravel_cycling", Recording()) == gravel
    assert sport_of_fit("walking", "treadmill", Recording())["sport"] == "walk"
    point = b'<trkpt lat="1" lon="2"><time>2026-01-01T00:00:00Z</time></trkpt>'
    track = b"<gpx><trk><type>running</type>" + point + b"</trk></gpx>"
    assert read_recording(track).sessions[0].row["sport"] == "run"
