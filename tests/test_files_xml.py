"""TCX and GPX: dialects."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from pierre_data.errors import PayloadError
from pierre_data.files import read_recording


def gpx(*points: str, kind: str = "running", before: str = "", creator: str = "") -> bytes:
    return (
        f'<?xml version="1.0"?>{before}<gpx version="1.1" creator="{creator}"><trk><name>Morning</name>'
        f"<type>{kind}</type><trkseg>{''.join(points)}</trkseg></trk></gpx>"
    ).encode()


def point(second: int, inner: str = "", lat: float = 47.0) -> str:
    return f'<trkpt lat="{lat}" lon="8"><time>2026-01-01T10:00:{second:02d}Z</time>{inner}</trkpt>'


def tcx(laps: str, sport: str = "Running", after: str = "", before: str = "") -> bytes:
    return (
        f'{before}<?xml version="1.0"?><TrainingCenterDatabase xmlns:x="e"><Activities><Activity Sport="{sport}">'
        f"<Id>2026-01-01T10:00:00Z</Id>{laps}{after}</Activity></Activities></TrainingCenterDatabase>"
    ).encode()


LAP = (
    '<Lap StartTime="2026-01-01T10:00:00Z"><TotalTimeSeconds>10</TotalTimeSeconds><DistanceMeters>30</DistanceMeters>'
    "<Calories>0</Calories><TriggerMethod>Distance</TriggerMethod><Track>"
    "<Trackpoint><Time>2026-01-01T10:00:00Z</Time><HeartRateBpm><Value>0</Value></HeartRateBpm></Trackpoint>"
    "<Trackpoint><Time>2026-01-01T10:00:12Z</Time><HeartRateBpm><Value>150</Value></HeartRateBpm>"
    "<Extensions><x:TPX><x:RunCadence>85</x:RunCadence><x:Watts>200</x:Watts></x:TPX></Extensions></Trackpoint>"
    "</Track></Lap>"
)


def test_tcx_lap_values_and_extensions() -> None:
    (session,) = read_recording(tcx(LAP, before="  \n")).sessions
    row = session.row
    assert (row["elapsed_s"], row["moving_s"], row["distance_m"]) == (12, 10, 30)
    assert "energy_kcal" not in row
    assert row["max_cadence_spm"] == 170
    assert row["max_power_w"] == 200
    assert row["average_heart_rate_bpm"] == 150
    assert np.isnan(session.samples.columns["heart_rate_bpm"][0])
    assert session.laps[0] | {"start_time": 0} == {
        "start_time": 0, "lap": 1, "elapsed_s": 10.0, "moving_s": 10.0, "distance_m": 30.0, "kind": "distance",
    }  # fmt: skip


def test_tcx_without_track_points() -> None:
    lap = '<Lap StartTime="2026-01-01T10:00:00Z"><TotalTimeSeconds>600</TotalTimeSeconds></Lap>'
    (session,) = read_recording(tcx(lap, after="<Notes>Gym</Notes>", sport="Other")).sessions
    assert (session.row["elapsed_s"], session.row["name"], session.row["has_gps"]) == (600, "Gym", False)
    assert len(session.samples.time) == 0


def test_tcx_multisport() -> None:
    legs = "".join(
        f'<{tag}><Activity Sport="{sport}"><Id>2026-01-01T1{at}:00:00Z</Id><Lap StartTime="2026-01-01T1{at}:00:00Z">'
        f"<TotalTimeSeconds>600</TotalTimeSeconds></Lap></Activity></{tag}>"
        for at, (tag, sport) in enumerate((("FirstSport", "Biking"), ("NextSport", "Running")))
    )
    data = f"<TrainingCenterDatabase><MultiSportSession>{legs}</MultiSportSession></TrainingCenterDatabase>"
    rows = [s.row for s in read_recording(data.encode()).sessions]
    assert [r["sport"] for r in rows] == ["multisport", "ride", "run"]
    assert rows[0]["elapsed_s"] == 4200


def test_a_course_is_no_activity() -> None:
    data = b"<TrainingCenterDatabase><Course><Lap><Cadence>1</Cadence></Lap></Course></TrainingCenterDatabase>"
    recording = read_recording(data)
    assert recording.sessions == []
    assert recording.problems == [("Activity", "none with a time")]


def test_gpx_dialects() -> None:
    inner = (
        "<ele>10</ele><extensions><power>250</power><gpxtpx:TrackPointExtension><gpxtpx:hr>140</gpxtpx:hr>"
        "<gpxtpx:cad>90</gpxtpx:cad><gpxtpx:atemp>21</gpxtpx:atemp></gpxtpx:TrackPointExtension></extensions>"
    )
    (run,) = read_recording(gpx(point(0, inner), point(1, inner, 47.0001))).sessions
    assert run.row["name"] == "Morning"
    assert run.row["average_cadence_spm"] == 180
    assert run.row["average_power_w"] == 250
    assert run.row["temperature_c"] == 21
    assert run.row["distance_m"] == pytest.approx(11.12, abs=0.01)
    (ride,) = read_recording(gpx(point(0, inner), kind="1")).sessions
    assert (ride.row["sport"], ride.row["average_cadence_rpm"]) == ("ride", 90)


def test_gpx_segments_are_pauses_and_tracks_are_activities() -> None:
    segment = "</trkseg><trkseg>"
    (run,) = read_recording(gpx(point(0), point(10), segment, point(40), point(45))).sessions
    assert (run.row["elapsed_s"], run.row["moving_s"]) == (45, 15)
    track = "</trkseg></trk><trk><link href='x'><type>text/html</type></link><type>hiking</type><trkseg>"
    first, second = read_recording(gpx(point(0), track, point(30), point(40))).sessions
    assert (first.row["sport"], second.row["sport"]) == ("run", "hike")


def test_a_route_without_times_is_reported() -> None:
    recording = read_recording(b'<gpx><trk><trkseg><trkpt lat="1" lon="2"/></trkseg></trk></gpx>')
    assert (recording.sessions, recording.problems) == ([], [("trk", "no track with times")])


def test_times_with_zones_and_without() -> None:
    times = ("2026-01-01T11:00:00+01:00", "2026-01-01T10:00:05")
    points = [f'<trkpt lat="1" lon="2"><time>{t}</time></trkpt>' for t in times]
    (session,) = read_recording(gpx(*points)).sessions
    assert (session.row["elapsed_s"], session.row["start_time"]) == (5, 1_767_261_600 * 10**6)


def test_encodings() -> None:
    text = gpx(point(0), point(1)).decode().replace('?xml version="1.0"', '?xml version="1.0" encoding="{}"')
    for known in ("utf-16", "iso-8859-1"):
        assert len(read_recording(text.format(known).encode(known)).sessions) == 1
    assert read_recording(text.format("klingon").encode()).problems[0] == ("xml", "unknown encoding: klingon")


RIDE = (Path(__file__).parent / "payloads" / "files" / "ride.tcx").read_text()


@pytest.mark.parametrize(
    "change",
    [
        ("<Track>", "<Track >"),  # not written plainly: read element by element
        ("</Track>", "</Track >"),
        ("<Track>", "<Track><!-- </Track> -->"),
        ("<Trackpoint>", "<!-- <Track> --><Trackpoint>"),
        ("</Time>", "</Time><Cadence/>"),
        (">\n", ">"),
    ],
    ids=str,
)
def test_tcx_is_the_same_however_it_is_written(change: tuple[str, str]) -> None:
    plain, other = (read_recording(text.encode()) for text in (RIDE, RIDE.replace(*change)))
    assert other.problems == []
    assert other.sessions[0].row == plain.sessions[0].row
    assert other.sessions[0].laps == plain.sessions[0].laps
    for name, values in plain.sessions[0].samples.columns.items():
        np.testing.assert_array_equal(other.sessions[0].samples.columns[name], values)


def test_tcx_without_any_blanks_and_with_prefixes() -> None:
    plain = read_recording(RIDE.encode()).sessions[0]
    for text in (
        re.sub(r">\s+<", "><", RIDE),
        re.sub(r"<(/?)(Track|Trackpoint|Time|Cadence)>", r"<\1t:\2>", RIDE),
        re.sub(r"<(/?)(Trackpoint)>", r"<\1t:\2>", RIDE),
    ):
        other = read_recording(text.encode()).sessions[0]
        assert other.row == plain.row
        assert len(other.samples.time) == 96


@pytest.mark.parametrize("kind", ["Track", "Track a='1'"])
def test_a_point_without_an_end_is_refused(kind: str) -> None:
    lap = f'<Lap StartTime="2026-01-01T10:00:00Z"><{kind}><Trackpoint>' + "<a>" * 500_000
    with pytest.raises(PayloadError, match="point without an end"):
        read_recording(tcx(lap))
