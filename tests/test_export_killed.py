"""Killed while writing Parquet: the old file or the new one is there, whole, and no part is taken for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import pierre_data as pierre

ROOT = Path(__file__).parents[1]

KILLED = """
import os, random, signal, sys, time
import pierre_data as pierre
from pathlib import Path

signal.alarm(170)
folder, times = Path(sys.argv[1]), int(sys.argv[2])
target = folder / "runs.parquet"
frame = pierre.Client("synthetic", cache="memory").activities("2024-01-01", "2026-01-01")
pierre.to_parquet(frame.assign(note="0-0"), target)
whole = cut = 0
for at in range(1, times + 1):
    child = os.fork()
    if child == 0:
        for n in range(10_000):
            pierre.to_parquet(frame.assign(note=f"{at}-{n}"), target)
        os._exit(0)
    time.sleep(random.uniform(0.02, 0.15))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    back = pierre.read_parquet(target)
    whole += back.note.nunique() == 1 and back.drop(columns="note").equals(frame)
    cut += sum(1 for _ in folder.glob(".runs.parquet.part-*"))
print(whole, cut, sorted(p.name for p in folder.glob("*.parquet")))
"""


@pytest.mark.parametrize("times", [10, pytest.param(100, marks=pytest.mark.slow)])
def test_killed_while_exporting(tmp_path: Path, times: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), str(times)], cwd=ROOT, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 0, done.stderr
    whole, _, names = done.stdout.strip().split(" ", 2)
    assert int(whole) == times
    assert names == "['runs.parquet']"
    # What a killed write left behind is hidden, and stays out of the way of the next one.
    frame = pierre.read_parquet(tmp_path / "runs.parquet")
    pierre.to_parquet(frame, tmp_path / "runs.parquet")
    assert pierre.read_parquet(tmp_path / "runs.parquet").equals(frame)
