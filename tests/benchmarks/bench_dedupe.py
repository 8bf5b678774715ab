"""Deduplicate 100,000 and 1,000,000 rows of 15 columns, each in a fresh process, beside pandas' drop_duplicates."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from pierre_data.dedupe import deduplicate
from pierre_data.schema import ACTIVITIES

ROWS, ROUNDS = (100_000, 1_000_000), 3
_ROOT = Path(__file__).parents[2]
_PER_PERSON = 355


def run() -> list[tuple[str, float, str]]:
    """Return seconds and extra memory per size, and milliseconds for a usual history with every column."""
    rows: list[tuple[str, float, str]] = []
    cpu: dict[tuple[str, int], float] = {}
    for size in ROWS:
        for way in _WAYS:
            code = [sys.executable, "-m", "tests.benchmarks.bench_dedupe", way, str(size)]
            done = subprocess.run(code, cwd=_ROOT, capture_output=True, text=True, check=True)
            found = json.loads(done.stdout)
            cpu[way, size] = found["cpu_seconds"]
            rows += [
                (f"{way}, {size} rows to {found['rows']}", found["seconds"], "s"),
                (f"{way}, {size} rows, memory above the input at most", found["mebibytes"], "MiB"),
            ]
    small, large = ROWS
    growth = cpu["deduplicate", large] / cpu["deduplicate", small]
    rows.append((f"deduplicate, processor time from {small} to {large} rows (n log n: 12)", growth, "x"))
    everything = ACTIVITIES.conform(frame(10_000))
    rows.append(("deduplicate, 10000 rows with every column", _best(lambda: deduplicate(everything))[0] * 1000, "ms"))
    return rows


def frame(size: int, seed: int = 1) -> pd.DataFrame:
    """Return rows of two providers and many people in no order: 77 % of the workouts are there twice."""
    rng = np.random.default_rng(seed)
    workouts = int(size / 1.77)
    of = np.concatenate([np.arange(workouts), rng.choice(workouts, size - workouts, replace=False)])
    rng.shuffle(of)
    second = pd.Series(of).duplicated().to_numpy()
    start = rng.integers(1_400_000_000, 1_700_000_000, workouts)[of]
    start += np.where(
        second, np.where(rng.random(size) < 0.75, rng.integers(0, 3, size), rng.normal(0, 40, size)), 0
    ).astype(int)
    elapsed = rng.uniform(900, 7200, workouts)[of] + np.where(second, rng.normal(0, 5, size), 0)
    heart = np.where(rng.random(size) < 0.25, np.nan, 130.0 + of % 40)
    latitude = np.where(rng.random(size) < 0.4, np.nan, 50 + of % 7)
    data = {
        "provider": np.where(second, "garmin", "strava"),
        "id": (10**9 + rng.permutation(size)).astype(str),
        "athlete_id": (of // _PER_PERSON).astype(str),
        "name": "Activity",
        "sport": np.array(["run", "ride", "walk", "swim"])[of % 4],
        "start_time": pd.to_datetime(start, unit="s", utc=True).as_unit("us"),
        "elapsed_s": elapsed,
        "moving_s": elapsed * 0.95,
        "distance_m": elapsed * (2 + of % 6),
        "elevation_gain_m": rng.uniform(0, 900, size),
        "average_heart_rate_bpm": heart,
        "max_heart_rate_bpm": heart + 30,
        "average_power_w": np.where(of % 4 == 1, 180.0, np.nan),
        "start_latitude_deg": latitude,
        "start_longitude_deg": np.where(np.isnan(latitude), np.nan, 8.0),
    }
    texts = dict.fromkeys(("provider", "id", "athlete_id", "name", "sport"), "str")
    return pd.DataFrame(data).astype(texts)


def _merge(rows: pd.DataFrame) -> pd.DataFrame:
    return deduplicate(rows, athlete="athlete_id")


def _drop(rows: pd.DataFrame) -> pd.DataFrame:
    minute = rows["start_time"].dt.floor("min")
    return rows.assign(minute=minute).drop_duplicates(["athlete_id", "sport", "minute"])


_WAYS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "deduplicate": _merge,
    "drop_duplicates on person, sport and minute": _drop,
}


def _best(call: Callable[[], object]) -> tuple[float, float]:
    """Return the least wall and processor seconds of a few rounds."""
    walls, cpus = [], []
    for _ in range(ROUNDS):
        wall, cpu = time.perf_counter(), time.process_time()
        call()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return min(walls), min(cpus)


def _child(way: str, size: int) -> None:
    rows = frame(size)
    _WAYS[way](rows.head(1000))  # imports and caches are not what is measured
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    before = pages * resource.getpagesize() / 2**20
    found = len(_WAYS[way](rows))
    # The peak since the process began, so making the frame counts too: an upper bound.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    wall, cpu = _best(lambda: _WAYS[way](rows))
    print(json.dumps({"seconds": wall, "cpu_seconds": cpu, "mebibytes": peak - before, "rows": found}))


if __name__ == "__main__":
    _child(sys.argv[1], int(sys.argv[2]))
