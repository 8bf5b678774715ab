"""Files as a provider, through the client: the marathon and the ride become two rows; what was read is kept."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

import pierre_data as pierre
from pierre_data.settings import Settings

PAYLOADS = Path(__file__).parent / "payloads" / "files"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    out = tmp_path / "mine"
    out.mkdir()
    for name in ("marathon_garmin.fit", "ride.gpx", "ride.tcx"):
        found = next(PAYLOADS.rglob(name))
        shutil.copy(found, out / name)
    return out


def client(folder: Path, tmp_path: Path) -> pierre.Client:
    settings = Settings.read({"PIERRE_CACHE_DIR": str(tmp_path / "cache"), "PIERRE_PROGRESS": "0"})
    return pierre.Client([pierre.provider("files", path=folder)], settings=settings)


def test_three_files_are_two_workouts(folder: Path, tmp_path: Path) -> None:
    asked = client(folder, tmp_path)
    merged = asked.activities()
    assert merged.n_sources.tolist() == [1.0, 2.0] or merged.n_sources.tolist() == [2.0, 1.0]
    why = pierre.duplicates(asked.activities(dedupe=False))
    assert len(why) == 1
    assert why.distance_ratio[0] == pytest.approx(668 / 899, abs=0.01)
    marathon = merged[merged.sport_family == "run"].iloc[0]
    assert marathon.distance_m == pytest.approx(42_195, rel=0.02)
    samples = asked.streams(marathon.activity_id)
    assert samples.index.name == "elapsed_s"
    assert samples.heart_rate_bpm.notna().any()
    assert len(asked.laps(marathon.activity_id)) > 1


def test_a_new_file_is_seen_and_the_others_are_not_read_again(folder: Path, tmp_path: Path) -> None:
    first = client(folder, tmp_path)
    assert len(first.activities(dedupe=False)) == 3
    (folder / "ride.gpx").unlink()
    assert len(first.activities(dedupe=False)) == 2
    kept = [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]
    assert kept
    assert all(p.stat().st_mode & 0o077 == 0 for p in kept)
    pd.testing.assert_frame_equal(client(folder, tmp_path).activities(dedupe=False), first.activities(dedupe=False))


def test_no_path_and_no_files_say_what_to_do(tmp_path: Path) -> None:
    bare = Settings.read({"PIERRE_CACHE_DIR": str(tmp_path / "cache")})
    with pytest.raises(pierre.ConfigurationError, match="PIERRE_FILES_PATH"):
        pierre.Client(["files"], settings=bare).activities()
    with pytest.raises(pierre.PierreError) as caught:
        client(tmp_path / "gone", tmp_path).activities()
    assert caught.value.fix
