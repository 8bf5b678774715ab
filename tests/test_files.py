"""FIT, TCX and GPX: what is read of whole files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pierre_data import schema
from pierre_data.errors import ConfigurationError, NotFound, PayloadError
from pierre_data.fetch.provider import DescriptorProvider
from pierre_data.files import read_recording
from pierre_data.files.crc import crc16
from pierre_data.files.fit import EPOCH_S
from pierre_data.files.fit_heart import heart_rates
from pierre_data.files.recording import Recording
from pierre_data.files.sports import FIT_SPORTS, FIT_SUB_SPORTS, sport_of_fit
from pierre_data.providers.files import descriptor
from pierre_data.spi import ProviderConfig
from tests import fit_writer as fw

PAYLOADS = Path(__file__).parent / "payloads" / "files"
START = 1_100_000_000


def provider(path: Path, **options: object) -> DescriptorProvider:
    return DescriptorProvider(descriptor, ProviderConfig("files", options={"path": path, **options}))


def real(name: str) -> bytes:
    return (PAYLOADS / name).read_bytes()


def test_marathon_agrees_with_strava() -> None:
    streams = {
        k: np.array(v["data"], dtype=object) for k, v in json.loads(real("marathon_strava_streams.json")).items()
    }
    (session,) = read_recording(real("marathon_garmin.fit")).sessions
    samples = session.samples
    assert session.row["distance_m"] == pytest.approx(float(streams["distance"][-1]), rel=0.01)
    duration = (samples.time[-1] - samples.time[0]) / 1e6
    assert duration == pytest.approx(float(streams["time"][-1] - streams["time"][0]), abs=2)
    assert session.row["elapsed_s"] == pytest.approx(duration, abs=2)
    heart = np.interp(
        streams["time"].astype(float), (samples.time - samples.time[0]) / 1e6, samples.columns["heart_rate_bpm"]
    )
    assert np.median(np.abs(heart - streams["heartrate"].astype(float))) < 1


def test_ride_pair_agrees_in_time_and_each_keeps_its_distance() -> None:
    one, other = (read_recording(real(f"ride.{kind}")).sessions[0].row for kind in ("gpx", "tcx"))
    assert one["elapsed_s"] == pytest.approx(other["elapsed_s"], abs=2)
    assert one["start_time"] == other["start_time"]
    assert (round(one["distance_m"]), round(other["distance_m"])) == (899, 668)


def test_the_folder_as_a_provider_dedupes_to_two_rows() -> None:
    from pierre_data.dedupe import deduplicate, duplicates

    frame = provider(PAYLOADS).activities()
    assert len(frame) == 3
    assert sorted(deduplicate(frame).n_sources) == [1, 2]
    (merge,) = duplicates(frame).itertuples()
    assert merge.distance_ratio == pytest.approx(668.19 / 899.26, abs=0.001)


def test_every_detail_of_the_marathon() -> None:
    source = provider(PAYLOADS)
    frame = source.activities().set_index("sport").loc["run"]
    assert frame.start_time == pd.Timestamp("2025-02-24T00:15:21Z")
    assert frame.start_time_local == pd.Timestamp("2025-02-24T09:15:21")
    assert frame.utc_offset_s == 9 * 3600
    assert frame.average_cadence_spm == pytest.approx(2 * (92 + 0.484375))
    assert frame.steps == 2 * 13504
    assert frame.device == "Garmin fr745"
    assert "fit:1-3589-3419228206-1740356121-0" in frame.external_id.split()
    assert (frame.manual, frame.indoor, frame.has_gps) == (False, False, True)
    streams, laps = source.streams(frame.id), source.laps(frame.id)
    assert len(streams) == 2958
    assert streams.elapsed_s.iloc[0] == 0
    assert streams.elapsed_s.is_monotonic_increasing
    assert bool(streams.moving.all())
    assert laps.lap.tolist() == list(range(1, 11))
    assert laps.distance_m.sum() == pytest.approx(frame.distance_m, abs=1)
    pd.testing.assert_series_equal(source.activity(frame.id).iloc[0], source.activities().iloc[0], check_names=False)


def test_gear_is_the_devices_with_a_serial_number() -> None:
    gear = provider(PAYLOADS).gear().set_index("id")
    assert gear.loc["3589-3419228206", "model"] == "fr745"
    assert gear.loc["1836-3907354759", ["kind", "name"]].tolist() == ["device", "Garmin Edge 1000"]


def test_columns_filled_are_columns_declared() -> None:
    frames = {schema.ACTIVITIES: provider(PAYLOADS).activities(), schema.GEAR: provider(PAYLOADS).gear()}
    for table, frame in frames.items():
        filled = {c for c in frame if frame[c].notna().any()}
        assert filled <= descriptor.endpoints[table].produces()


def test_cadence_of_a_ride_is_the_crank() -> None:
    data = fw.session(fw.records(fw.head(fw.FitWriter(), START), START, range(10)), START, 9, sport=2).done()
    (session,) = read_recording(data).sessions
    assert session.row["average_cadence_rpm"] == 80
    assert "average_cadence_spm" not in session.row
    assert session.samples.columns["cadence_rpm"].tolist() == [80.0] * 10


def test_multisport_gives_each_leg_and_a_container() -> None:
    writer = fw.head(fw.FitWriter(), START)
    legs = [(5, 17, 0, 20), (3, 0, 20, 5), (2, 0, 25, 30), (1, 0, 55, 10)]
    for _, _, at, length in legs:
        fw.records(writer, START + at, range(length))
    for sport, sub, at, length in legs:
        fw.session(writer, START + at, length, sport=sport, sub=sub, metres=100)
    recording = read_recording(writer.done())
    rows = [s.row for s in recording.sessions]
    assert [r["sport"] for r in rows] == ["multisport", "pool_swim", "transition", "ride", "run"]
    assert (rows[0]["elapsed_s"], rows[0]["distance_m"]) == (65, 400)
    assert [len(s.samples.time) for s in recording.sessions] == [65, 20, 5, 30, 10]
    assert recording.sessions[2].link.endswith("-1")
    assert recording.sessions[0].link.endswith("-multisport")
    assert recording.problems == []


def test_multisport_ids_are_stable_and_found(tmp_path: Path) -> None:
    writer = fw.head(fw.FitWriter(), START)
    for at, sport in ((0, 2), (30, 1)):
        fw.records(writer, START + at, range(30))
        fw.session(writer, START + at, 29, sport=sport)
    (tmp_path / "brick.fit").write_bytes(writer.done())
    source = provider(tmp_path)
    frame = source.activities().sort_values("id")
    assert frame.sport.tolist() == ["multisport", "ride", "run"]
    assert frame.id.str[16:].tolist() == ["", "-1", "-2"]
    assert [len(source.streams(i)) for i in frame.id] == [60, 30, 30]
    with pytest.raises(NotFound, match="has no activity"):
        source.streams(frame.id.iloc[0] + "-7")
    with pytest.raises(NotFound, match="no activity"):
        source.laps("0" * 16)


def test_a_pause_of_the_timer_is_not_moving() -> None:
    writer = fw.head(fw.FitWriter(), START)
    for at, kind in ((0, 0), (5, 4), (8, 0)):  # start, stop_all, start
        writer.add(fw.EVENT, [(253, "uint32", START + at), (0, "enum", 0), (1, "enum", kind)])
    fw.records(writer, START, range(11))
    (session,) = read_recording(fw.session(writer, START, 10, timer=7).done()).sessions
    assert session.samples.moving is not None
    assert np.flatnonzero(~session.samples.moving).tolist() == [6, 7]
    assert (session.row["elapsed_s"], session.row["moving_s"]) == (10, 7)


def test_files_that_are_no_activities_are_passed_over(tmp_path: Path) -> None:
    settings = fw.head(fw.FitWriter(), START, kind=2).done()
    (tmp_path / "settings.fit").write_bytes(settings)
    (tmp_path / "run.fit").write_bytes(fw.run())
    assert read_recording(settings).problems == []
    assert len(provider(tmp_path).activities()) == 1


def test_chained_fit_files_are_separate_activities() -> None:
    recording = read_recording(fw.run(START) + fw.run(START + 5000))
    assert [s.row["start_time"] // 10**6 - EPOCH_S for s in recording.sessions] == [START, START + 5000]
    assert recording.problems == []


def test_hr_messages_of_a_strap() -> None:
    messages = [
        {"timestamp": START, "#event_timestamp": 4000, "filtered_bpm": (100,)},
        # 12 bits: 4000 + 1024 = 5024 -> 928, then 6048 -> 1952
        {"#event_timestamp_12": (928 & 0xFF, 928 >> 8 | (1952 & 0xF) << 4, 1952 >> 4), "filtered_bpm": (110, 120)},
    ]
    time = np.array([START + EPOCH_S + s for s in (0, 1, 2, 30)]) * 10**6
    found = heart_rates(messages, time)
    assert found is not None
    np.testing.assert_array_equal(found, [100, 110, 120, np.nan])


@pytest.mark.parametrize(
    ("sport", "sub", "wanted"),
    [
        ("running", "trail", "trail_run"),
        ("cycling", "trail", "mountain_bike"),
        ("walking", "treadmill", "walk"),
        ("alpine_skiing", "downhill", "alpine_ski"),
        ("cycling", "downhill", "mountain_bike"),
        ("running", "virtual_activity", "virtual_run"),
        ("cycling", "virtual_activity", "virtual_ride"),
        ("training", "strength_training", "strength"),
        ("hiit", "generic", "hiit"),
        (88, None, "canoe"),
        (None, None, "other"),
    ],
)
def test_fit_sports(sport: str | int | None, sub: str | None, wanted: str) -> None:
    recording = Recording()
    assert sport_of_fit(sport, sub, recording)["sport"] == wanted
    assert recording.problems == []


def test_fit_knows_every_sport_and_reports_what_it_does_not() -> None:
    assert len(FIT_SPORTS.known) + len(FIT_SPORTS.leisure) == 2 * 82
    assert FIT_SUB_SPORTS.sport("62") == ("other", False)
    recording = Recording()
    assert sport_of_fit(200, None, recording) == {"sport": "other", "sport_raw": "200", "is_exercise": True}
    assert recording.problems == [("sport", "'200' is not known, kept as other")]


def test_unknown_words_are_reported(tmp_path: Path) -> None:
    (tmp_path / "a.gpx").write_bytes(real("ride.gpx").replace(b"cycling", b"Quidditch"))
    from pierre_data.fetch.report import FetchContext, ProviderReport
    from pierre_data.spi import Query

    watch = FetchContext(ProviderReport("files", "activities"))
    (batch,) = provider(tmp_path).batches(Query(schema.ACTIVITIES), watch)
    assert batch.table["sport"].to_pylist() == ["other"]
    assert batch.table["sport_raw"].to_pylist() == ["Quidditch"]
    assert [(r.row, r.field) for r in watch.report.notes] == [("a.gpx", "sport")]
    assert watch.report.rejected == []


def test_gzip_and_copies_are_one_activity(tmp_path: Path) -> None:
    nested = tmp_path / "2026" / "01"
    nested.mkdir(parents=True)
    (nested / "RUN.FIT").write_bytes(fw.run())
    (tmp_path / "copy.fit.gz").write_bytes(gzip.compress(fw.run()))
    assert len(provider(tmp_path).activities()) == 1


def test_windows_are_cut(tmp_path: Path) -> None:
    for day in range(3):
        (tmp_path / f"{day}.fit").write_bytes(fw.run(START + day * 86400))
    first = pd.Timestamp(START + EPOCH_S, unit="s", tz="UTC").to_pydatetime()
    source = provider(tmp_path)
    day = pd.Timedelta(days=1)
    assert len(source.activities(first, first + day)) == 1
    assert len(source.activities(first + day, None)) == 2
    assert len(source.activities(None, first)) == 0


def test_what_is_neither_is_refused() -> None:
    with pytest.raises(PayloadError, match="neither FIT, TCX nor GPX"):
        read_recording(b"GARBAGE" * 10)
    with pytest.raises(ConfigurationError, match="no folder or zip"):
        provider(Path("/no/such/place")).activities()


@given(st.integers(0, 200_000), st.integers(0, 2**32 - 1), st.integers(0, 0xFFFF))
@settings(max_examples=25, deadline=None)
def test_the_checksum_of_many_bytes_is_that_of_one_after_the_other(size: int, seed: int, before: int) -> None:
    data = np.random.default_rng(seed).bytes(size)
    expected = before
    for at in range(0, size, 50_000):
        expected = crc16(data[at : at + 50_000], expected)  # too few bytes for lanes
    assert crc16(data, before) == expected


def test_the_checksum_is_that_of_the_protocol() -> None:
    assert crc16(fw.run()) == 0
    assert crc16(b"123456789" * 10_000) == fw.crc(b"123456789" * 10_000)
