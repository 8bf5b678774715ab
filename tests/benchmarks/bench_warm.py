"""A warm cache of 10,000 activities: ours beside requests-cache + requests + json + DataFrame, in one process."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import requests_cache

import pierre_data as pierre
from pierre_data.cache.arrow_tables import decode, encode
from pierre_data.cache.sqlite import SQLiteStore
from pierre_data.cache.store import Entry
from pierre_data.schema import ACTIVITIES
from pierre_data.settings import Settings
from tests.benchmarks.strava_pages import activities, served

ROWS, ROUNDS = 10_000, 7
BLOB = "tenant:bench:whole"


def run() -> list[tuple[str, float, str]]:
    """Return medians of seven interleaved rounds."""
    with tempfile.TemporaryDirectory() as folder, served(activities(ROWS)) as (url, asked):
        settings = Settings.read(
            {
                "PIERRE_CACHE_DIR": f"{folder}/ours",
                "PIERRE_STRAVA_API_BASE_URL": url,
                "PIERRE_STRAVA_ACCESS_TOKEN": "bench",
                "PIERRE_PROGRESS": "0",
            }
        )
        registry = pierre.ProviderRegistry(settings)
        session = requests_cache.CachedSession(f"{folder}/theirs.sqlite", backend="sqlite", expire_after=86400)

        def ours() -> pd.DataFrame:
            return pierre.Client(["strava"], registry=registry).activities(dedupe=False)

        def merged() -> pd.DataFrame:
            return pierre.Client(["strava"], registry=registry).activities()

        def theirs() -> pd.DataFrame:
            rows, page = [], 1
            while True:
                params = {"page": page, "per_page": 200}
                found = json.loads(session.get(f"{url}/athlete/activities", params=params).content)
                if not found:
                    return pd.DataFrame(rows)
                rows += found
                page += 1

        assert len(ours()) == len(theirs()) == ROWS
        blob_of(ours(), Path(folder))

        def blob() -> pd.DataFrame:
            store = SQLiteStore(Path(folder) / "ours", notice=print)
            try:
                return ACTIVITIES.from_arrow([decode(store.get_many([BLOB])[BLOB].value)])
            finally:
                store.close()

        cold = len(asked)
        again = pierre.Client(["strava"], registry=registry)
        again.activities(dedupe=False)
        ways: dict[str, Callable[[], object]] = {
            "dedupe=False, a new client": ours,
            "with dedupe, a new client": merged,
            "one Arrow blob from the same SQLite": blob,
            "requests-cache + requests + json + DataFrame": theirs,
            "repeated in one client": lambda: again.activities(dedupe=False),
        }
        median = _medians(ways)
        assert len(asked) == cold, "a warm question asked the vendor"
    peer = median["requests-cache + requests + json + DataFrame"]
    rows = [(f"warm {ROWS} activities, {name}", s * 1000, "ms") for name, s in median.items()]
    rows.append(("warm: faster than requests-cache (at least 30)", peer / median["dedupe=False, a new client"], "x"))
    one = median["one Arrow blob from the same SQLite"]
    rows.append(("warm: times one Arrow blob (at most 2)", median["dedupe=False, a new client"] / one, "x"))
    rows.append(
        ("warm with dedupe: faster than requests-cache (at least 15)", peer / median["with dedupe, a new client"], "x")
    )
    return rows


def blob_of(frame: pd.DataFrame, folder: Path) -> None:
    """Keep a whole frame as one entry beside ours."""
    store, now = SQLiteStore(folder / "ours", notice=print), time.time()
    store.put_many({BLOB: Entry(encode(ACTIVITIES.to_arrow(frame)), now, now + 3_600, now + 3_600)})
    store.close()


def _medians(ways: dict[str, Callable[[], object]]) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            began = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - began)
    return {name: statistics.median(t) for name, t in times.items()}
