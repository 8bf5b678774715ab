"""Files that are damaged, lie or attack: what can be read, and a report; never a crash, never a write."""

from __future__ import annotations

import gzip
import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pierre_data import schema
from pierre_data.errors import PayloadError
from pierre_data.fetch.provider import DescriptorProvider
from pierre_data.fetch.report import FetchContext, ProviderReport
from pierre_data.files import archive as archives
from pierre_data.files import open_archive, read_recording
from pierre_data.files.index import digest_file
from pierre_data.providers.files import descriptor
from pierre_data.spi import ProviderConfig, Query
from tests import fit_writer as fw

START = 1_100_000_000
RUN = fw.run(START)
GPX = (Path(__file__).parent / "payloads" / "files" / "ride.gpx").read_bytes()
TCX = (Path(__file__).parent / "payloads" / "files" / "ride.tcx").read_bytes()
BOMB = b'<!DOCTYPE gpx [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><gpx><trk><name>&b;</name></trk></gpx>'


def listed(path: Path) -> tuple[list[str], list[tuple[str, str, str]]]:
    """Return the ids and the report of a folder or zip."""
    provider = DescriptorProvider(descriptor, ProviderConfig("files", options={"path": path}))
    watch = FetchContext(ProviderReport("files", "activities"))
    ids = [i for b in provider.batches(Query(schema.ACTIVITIES), watch) for i in b.table["id"].to_pylist()]
    return ids, [(r.row, r.field, r.value) for r in (*watch.report.rejected, *watch.report.notes)]


def fields(data: bytes) -> list[str]:
    return [field for field, _ in read_recording(data).problems]


def test_a_missing_session_is_summed_up_from_the_records() -> None:
    data = fw.records(fw.head(fw.FitWriter(), START), START, range(61)).done()
    recording = read_recording(data)
    (session,) = recording.sessions
    assert (session.row["elapsed_s"], session.row["distance_m"]) == (60, 180)
    assert session.row["average_speed_mps"] == 3
    assert recording.problems == [("session", "missing, summed up from the records")]


def test_time_going_backwards_is_sorted() -> None:
    writer = fw.records(fw.head(fw.FitWriter(), START), START, [0, 1, 2, 5, 3, 4, 6, 6])
    recording = read_recording(fw.session(writer, START, 6).done())
    time = recording.sessions[0].samples.time
    assert np.diff(time).tolist() == [10**6] * 6
    assert recording.problems == [("time", "goes back 1 times; the samples were sorted")]


def test_zero_heart_rates_are_missing() -> None:
    writer = fw.records(fw.head(fw.FitWriter(), START), START, range(5), heart=0)
    (session,) = read_recording(fw.session(writer, START, 4, heart=0).done()).sessions
    assert "heart_rate_bpm" not in session.samples.columns
    assert "average_heart_rate_bpm" not in session.row


def test_two_records_of_one_second_fill_each_other() -> None:
    writer = fw.head(fw.FitWriter(), START)
    for heart, distance in ((None, 100), (150, None)):
        writer.add(fw.RECORD, [(253, "uint32", START), (3, "uint8", heart), (5, "uint32", distance)])
    (session,) = read_recording(fw.session(writer, START, 0).done()).sessions
    assert len(session.samples.time) == 1
    assert session.samples.columns["heart_rate_bpm"].tolist() == [150]
    assert session.samples.columns["distance_m"].tolist() == [1]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"after": b"\0" * 40}, "fit"),
        ({"after": b"trailing garbage that is no file"}, "fit"),
        ({"checksum": 1}, "crc"),
        ({"size": 0}, "length"),
        ({"size": 10**6}, "length"),
        ({"size": 2**32 - 1}, "length"),
    ],
)
def test_lies_around_a_good_body(change: dict[str, int | bytes], field: str) -> None:
    writer = fw.records(fw.head(fw.FitWriter(), START), START, range(61))
    recording = read_recording(fw.session(writer, START, 60).done(**change))  # type: ignore[arg-type]
    assert [s.row["elapsed_s"] for s in recording.sessions] == [60]
    assert field in [name for name, _ in recording.problems]


def test_a_cut_file_gives_what_came_before() -> None:
    recording = read_recording(RUN[: len(RUN) // 2])
    (session,) = recording.sessions
    assert 10 < session.row["elapsed_s"] < 60
    assert {"length", "fit", "session"} <= {name for name, _ in recording.problems}


def test_a_message_nobody_defined_keeps_what_came_before() -> None:
    writer = fw.records(fw.head(fw.FitWriter(), START), START, range(11)).raw(b"\x0f" + b"\1" * 30)
    recording = read_recording(fw.session(writer, START, 60).done())
    assert recording.sessions[0].row["elapsed_s"] == 10
    assert recording.problems[0][0] == "fit"


def test_records_before_the_clock_was_set_are_dropped() -> None:
    writer = fw.head(fw.FitWriter(), START)
    writer.add(fw.RECORD, [(253, "uint32", 17)])
    recording = read_recording(fw.session(fw.records(writer, START, range(3)), START, 2).done())
    assert len(recording.sessions[0].samples.time) == 3
    assert recording.problems == [("time", "missing in 1 samples")]


@pytest.mark.parametrize("text", [GPX, TCX], ids=["gpx", "tcx"])
def test_cut_xml_keeps_the_points_before(text: bytes) -> None:
    recording = read_recording(text[: len(text) // 2])
    assert 20 < len(recording.sessions[0].samples.time) < 96
    assert recording.problems[0][0] == "xml"


def test_a_number_that_is_none_is_reported_once() -> None:
    recording = read_recording(GPX.replace(b"<ns3:hr>15", b"<ns3:hr>x15"))
    assert len(recording.sessions) == 1
    assert [name for name, _ in recording.problems] == ["heart_rate_bpm"]


@pytest.mark.parametrize("attack", [BOMB, b'<!DOCTYPE gpx SYSTEM "file:///etc/passwd"><gpx/>'])
def test_document_types_are_refused(attack: bytes) -> None:
    with pytest.raises(PayloadError, match="document type"):
        read_recording(attack)


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(PayloadError, match="nests too deeply"):
        read_recording(b"<gpx>" + b"<a>" * 10_000)


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def test_paths_outside_the_archive_are_reported_and_nothing_is_written(tmp_path: Path) -> None:
    names = ("../evil.fit", "/etc/evil.fit", "a/../../evil.fit", "..\\evil.fit", "C:\\evil.fit")
    zipped(tmp_path / "a.zip", {"good/run.fit": RUN, **dict.fromkeys(names, RUN)})
    before = sorted(tmp_path.parent.rglob("*"))
    ids, report = listed(tmp_path / "a.zip")
    assert len(ids) == 1
    assert sorted(report) == sorted((n, "path", "leads out of the archive") for n in names)
    assert sorted(tmp_path.parent.rglob("*")) == before


def test_bombs_are_refused(tmp_path: Path) -> None:
    flat = b"\0" * (300 * 2**20)
    bombs = {"zip.gpx": flat, "gz.gpx.gz": gzip.compress(flat), "xml.gpx": BOMB}
    ids, report = listed(zipped(tmp_path / "a.zip", {"run.fit": RUN, **bombs}))
    assert len(ids) == 1
    assert {(row, field) for row, field, _ in report} == {
        ("zip.gpx", "size"),
        ("gz.gpx.gz", "size"),
        ("xml.gpx", "xml"),
    }


def test_too_many_members(tmp_path: Path) -> None:
    count = archives.MAX_MEMBERS + 1
    local, entry = struct.pack("<4s26x", b"PK\3\4"), struct.pack("<4s42x", b"PK\1\2")
    body = b"".join(entry[:28] + struct.pack("<H", 1) + entry[30:] + b"a" for _ in range(count))
    end = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(body), len(local))
    end += struct.pack("<4sIQI", b"PK\6\7", 0, len(local) + len(body), 1)
    end += struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    (tmp_path / "a.zip").write_bytes(local + body + end)
    with pytest.raises(PayloadError, match="holds more than"):
        open_archive(tmp_path / "a.zip")


def test_broken_archives(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"PK nothing")
    with pytest.raises(PayloadError, match="no zip"):
        listed(tmp_path / "a.zip")
    good = zipped(tmp_path / "b.zip", {"run.fit": RUN, "ride.gpx": GPX}).read_bytes()
    at = good.index(b"run.fit") + 60
    (tmp_path / "b.zip").write_bytes(good[:at] + bytes([good[at] ^ 0xFF]) + good[at + 1 :])
    ids, report = listed(tmp_path / "b.zip")
    assert len(ids) == 1
    assert report[0][:2] == ("run.fit", "file")


def test_an_empty_folder_says_so(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(PayloadError, match="holds no FIT, TCX or GPX file"):
        listed(tmp_path)
    with pytest.raises(PayloadError, match="leads out of the archive"):
        listed(zipped(tmp_path / "a.zip", {"../run.fit": RUN}))


def test_links_out_pipes_and_mac_files_are_left_out(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "secret.gpx"
    inside.mkdir()
    outside.write_bytes(GPX)
    (inside / "link.gpx").symlink_to(outside)
    (inside / "._run.fit").write_bytes(b"\0\5\x16\7")
    os.mkfifo(inside / "pipe.fit")
    (inside / "run.fit").write_bytes(RUN)
    (inside / "round").symlink_to(inside, target_is_directory=True)
    ids, report = listed(inside)
    assert len(ids) == 1
    assert [r[:2] for r in report] == [("link.gpx", "path")]


def test_one_broken_of_many(tmp_path: Path) -> None:
    for n in range(20):
        (tmp_path / f"{n:02d}.fit").write_bytes(fw.run(START + n * 1000))
    (tmp_path / "07.fit").write_bytes(b"nothing at all")
    ids, report = listed(tmp_path)
    assert len(ids) == 19
    assert report == [("07.fit", "file", "This is neither FIT, TCX nor GPX.")]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([RUN, GPX[:4000], TCX[:4000]]), st.data())
def test_no_bytes_crash_a_reader(good: bytes, data: st.DataObject) -> None:
    broken = bytearray(good)
    for _ in range(data.draw(st.integers(1, 8))):
        broken[data.draw(st.integers(12, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        recording = read_recording(bytes(broken))
    except PayloadError:
        return
    for session in recording.sessions:
        assert session.row["elapsed_s"] >= 0
        assert session.row["sport"] in schema.FAMILY
        assert (np.diff(session.samples.time) > 0).all()
        assert all(len(v) == len(session.samples.time) for v in session.samples.columns.values())


def test_a_digest_is_json_whatever_comes(tmp_path: Path) -> None:
    import json

    for name, data in {"run.fit": RUN, "bad.fit": RUN[:100], "bomb.gpx": BOMB}.items():
        (tmp_path / name).write_bytes(data)
    archive = open_archive(tmp_path)
    for name in archive.members:
        found = digest_file(archive, name)
        assert json.loads(json.dumps(found, allow_nan=False)) == found
