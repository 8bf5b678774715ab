"""Parquet keeps dtypes, units and meanings; a target is replaced as a whole or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pierre_data as pierre
from pierre_data.schema import ACTIVITIES, SLEEP


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    client = pierre.Client(["synthetic-watch", "synthetic-phone"], cache="memory")
    return client.activities("2026-01-01", "2026-03-01")


def test_round_trip(frame: pd.DataFrame, tmp_path: Path) -> None:
    file = pierre.to_parquet(frame, tmp_path / "a.parquet")
    back = pierre.read_parquet(file)
    pd.testing.assert_frame_equal(back, frame)
    assert back.attrs == frame.attrs
    plain = frame.drop(columns=["activity_id", "n_sources", "sources"])
    pd.testing.assert_frame_equal(pierre.read_parquet(pierre.to_parquet(plain, file)), plain)
    empty = frame.head(0)
    pd.testing.assert_frame_equal(pierre.read_parquet(pierre.to_parquet(empty, file)), empty)


def test_other_tables_and_own_columns(frame: pd.DataFrame, tmp_path: Path) -> None:
    nights = pierre.Client("synthetic", cache="memory").sleep("2026-01-01", "2026-02-01")
    file = pierre.to_parquet(nights, tmp_path / "s.parquet")
    assert pq.read_schema(file).metadata[b"pierre.table"] == SLEEP.name.encode()
    pd.testing.assert_frame_equal(pierre.read_parquet(file), nights)
    mine = frame.assign(pace=frame.moving_s / frame.distance_m, note="x")
    back = pierre.read_parquet(pierre.to_parquet(mine, tmp_path / "m.parquet"))
    pd.testing.assert_frame_equal(back, mine)


def test_units_are_in_the_schema(frame: pd.DataFrame, tmp_path: Path) -> None:
    file = pierre.to_parquet(frame, tmp_path / "a.parquet")
    field = pq.read_schema(file).field("distance_m")
    assert field.metadata[b"unit"] == b"m"
    assert field.metadata[b"meaning"] == b"Distance covered."
    assert pq.ParquetFile(file).metadata.row_group(0).column(0).compression == "ZSTD"
    assert pd.read_parquet(file).start_time.dtype == "datetime64[us, UTC]"


@pytest.mark.parametrize("notes", [b"{", b"\xff", b"[1]"], ids=["cut", "no UTF-8", "no object"])
def test_damaged_notes_cost_no_rows(frame: pd.DataFrame, tmp_path: Path, notes: bytes) -> None:
    table = pq.read_table(pierre.to_parquet(frame, tmp_path / "a.parquet"))
    metadata = {**(table.schema.metadata or {}), b"pierre.attrs": notes}
    pq.write_table(table.replace_schema_metadata(metadata), tmp_path / "a.parquet")
    back = pierre.read_parquet(tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(back, frame)
    assert back.attrs == {}


def test_a_foreign_file(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    with pytest.raises(pierre.SchemaError, match="was not written by pierre_data: its columns are a"):
        pierre.read_parquet(tmp_path / "other.parquet")
    (tmp_path / "text.parquet").write_text("hello")
    with pytest.raises(pierre.StorageError, match="cannot be read"):
        pierre.read_parquet(tmp_path / "text.parquet")
    with pytest.raises(pierre.StorageError, match="does not exist"):
        pierre.read_parquet(tmp_path / "gone.parquet")


def test_a_frame_of_no_table(tmp_path: Path) -> None:
    with pytest.raises(pierre.SchemaError, match="of no table: its columns are x"):
        pierre.to_parquet(pd.DataFrame({"x": [1]}), tmp_path / "x.parquet")
    broken = ACTIVITIES.empty().reindex([0])
    with pytest.raises(pierre.SchemaError, match="missing values"):
        pierre.to_parquet(broken, tmp_path / "x.parquet")
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_target_leaves_the_old_file(frame: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(pierre.StorageError, match="cannot be written: No such file or directory"):
        pierre.to_parquet(frame, tmp_path / "no" / "a.parquet")
    file = pierre.to_parquet(frame.head(3), tmp_path / "a.parquet")
    code = (
        "import resource, sys, pierre_data as p; f = p.read_parquet(sys.argv[1]);"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100));\n"
        "try: p.to_parquet(f, sys.argv[1])\n"
        "except p.StorageError as e: print('refused', e)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("refused")
    assert "File too large" in done.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["a.parquet"]
    assert len(pierre.read_parquet(file)) == 3


def test_the_umask_decides_who_may_read(frame: pd.DataFrame, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        file = pierre.to_parquet(frame, tmp_path / "a.parquet")
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_a_file_of_the_first_layout_is_read(tmp_path: Path) -> None:
    old = pa.table({"provider": ["a"], "activity_id": ["7"], "lap": [1.0], "id": ["71"]})
    old = old.replace_schema_metadata({"pierre.table": "laps", "pierre.schema": "1"})
    pq.write_table(old, tmp_path / "laps.parquet")
    laps = pierre.read_parquet(tmp_path / "laps.parquet")
    assert laps[["id", "lap_id"]].to_numpy().tolist() == [["7", "71"]]
    assert laps.activity_id.isna().all()
    frame = pierre.Client(["synthetic-watch", "synthetic-phone"], cache="memory").activities("2026-01-01", "2026-02-01")
    file = pierre.to_parquet(frame, tmp_path / "a.parquet")
    table = pq.read_table(file)
    counts = table.column("n_sources").cast(pa.float64())
    table = table.set_column(table.schema.names.index("n_sources"), "n_sources", counts).drop_columns("source_file")
    pq.write_table(table.replace_schema_metadata({**table.schema.metadata, b"pierre.schema": b"1"}), file)
    pd.testing.assert_frame_equal(pierre.read_parquet(file), frame)


@pytest.mark.parametrize("index", ["start_time", "distance_m", ["activity_id", "sport"]])
def test_an_index_that_has_a_name_comes_back(index: str | list[str], frame: pd.DataFrame, tmp_path: Path) -> None:
    indexed = frame.set_index(index)
    again = pierre.read_parquet(pierre.to_parquet(indexed, tmp_path / "a.parquet"))
    pd.testing.assert_frame_equal(again, indexed)


def test_streams_keep_their_seconds(tmp_path: Path) -> None:
    client = pierre.Client("synthetic", cache="memory")
    streams = client.streams(client.activities("2026-06-20").activity_id[0])
    again = pierre.read_parquet(pierre.to_parquet(streams, tmp_path / "a.parquet"))
    pd.testing.assert_frame_equal(again, streams)
    assert again.attrs["pierre"]["table"] == "streams"
